//! People and programs that a provider of the site vouches for, through the whole program, against a provider that signs with
//! real keys and takes others (`tests/external/oidc_provider.py`).

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::{Gateway, eventually, port_of_ones_own, python, root};
use crate::people::{PASSWORD, first_link, person, with_a_patient};

/// Ended when it is dropped.
struct Provider {
    child: Child,
    address: String,
    _folder: TempDir,
}

impl Provider {
    fn start(page: &str, secret: Option<&str>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut child = Command::new(python())
            .arg(root().join("tests/external/oidc_provider.py"))
            .args([folder.path().to_str().unwrap(), "vitalgate"])
            .arg(format!("{page}/api/v1/session/oidc/back"))
            .args(secret)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut issuer = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut issuer).unwrap();
        let address = issuer.trim().strip_suffix("/realm").expect("an issuer").to_owned();
        Self { child, address, _folder: folder }
    }

    fn tell(&self, what: &Value) -> Value {
        let agent = ureq::Agent::new_with_defaults();
        let mut answer = agent.post(format!("{}/control", self.address)).send_json(what).unwrap();
        answer.body_mut().read_json().unwrap()
    }

    fn is(&self, person: &Value) {
        self.tell(&json!({ "person": person }));
    }

    /// A token as it gives programs, with these claims in place of its own.
    fn token(&self, more: &Value) -> String {
        self.tell(&json!({ "mint": more }))["token"].as_str().unwrap().to_owned()
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn jane() -> Value {
    json!({ "sub": "17", "preferred_username": "Jane", "groups": ["nurses"], "wards": ["icu"] })
}

fn start(secret: Option<&str>) -> (Provider, Gateway) {
    let port = port_of_ones_own();
    let page = format!("http://127.0.0.1:{port}");
    let provider = Provider::start(&page, secret);
    provider.is(&jane());
    let folder = tempfile::tempdir().unwrap();
    let mut oidc = json!({
        "issuer": format!("{}/realm", provider.address), "client_id": "vitalgate", "page": page,
        "roles": "groups", "wards": "wards", "role": { "nurses": "clinician", "guests": "viewer" },
    });
    if let Some(secret) = secret {
        let file = folder.path().join("secret");
        std::fs::write(&file, secret).unwrap();
        oidc["secret_file"] = json!(file);
    }
    let http = json!({ "listen": format!("127.0.0.1:{port}") });
    let gateway = with_a_patient(http, None, Some(oidc));
    (provider, gateway)
}

/// Asks without following a redirect; status, what is to be kept, where it leads, and the body.
fn ask(url: &str, headers: &[(&str, &str)]) -> (u16, Vec<String>, String, Value) {
    let config = ureq::Agent::config_builder().http_status_as_error(false).max_redirects(0);
    let mut request = config.build().new_agent().get(url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let mut answer = request.call().unwrap();
    let kept = answer.headers().get_all("set-cookie").iter();
    let kept = kept.map(|line| line.to_str().unwrap().split(';').next().unwrap().to_owned());
    let kept = kept.collect();
    let to = answer.headers().get("location").map_or("", |to| to.to_str().unwrap()).to_owned();
    (answer.status().as_u16(), kept, to, answer.body_mut().read_json().unwrap_or_default())
}

fn with_token(gateway: &Gateway, path: &str, token: &str) -> (u16, Value) {
    let (status, _, _, body) =
        ask(&gateway.url(path), &[("authorization", &format!("Bearer {token}"))]);
    (status, body)
}

/// Out of the page and to the provider, which lets everybody in; the way back, and what the browser keeps meanwhile.
fn away(gateway: &Gateway) -> (String, String) {
    let (status, kept, to, _) = ask(&gateway.url("/api/v1/session/oidc"), &[]);
    assert_eq!((status, kept.len()), (303, 1), "{to}");
    let (status, _, back, _) = ask(&to, &[]);
    assert_eq!(status, 303);
    (back, kept[0].clone())
}

/// The same, and back: status, the session's cookie, and why not.
fn sign_in(gateway: &Gateway) -> (u16, String, String) {
    let (back, browser) = away(gateway);
    let (status, kept, to, why) = ask(&back, &[("cookie", &browser)]);
    let session = kept.iter().find(|line| line.starts_with("__Host-vitalgate=")).cloned();
    if status == 303 {
        assert_eq!(to, "/", "back at the page");
    }
    (status, session.unwrap_or_default(), why["detail"].as_str().unwrap_or_default().to_owned())
}

#[test]
#[ignore = "needs python"]
fn a_program_with_a_token_of_the_provider_is_let_in_as_its_person_and_with_any_other_is_not() {
    let (provider, gateway) = start(None);
    let patients = |token: &str| with_token(&gateway, "/api/v1/patients", token).0;
    let good = provider.token(&json!({}));
    eventually("the keys are known", || (patients(&good) == 200).then_some(()));
    let (_, session) = with_token(&gateway, "/api/v1/session", &good);
    assert_eq!(
        (&session["actor"], &session["role"], &session["wards"]),
        (&json!("jane"), &json!("clinician"), &json!(["icu"]))
    );
    assert_eq!(with_token(&gateway, "/api/v1/audit", &good).0, 403);
    let now = gateway.now().as_micros() / 1_000_000;
    for (what, more, may) in [
        ("over", json!({ "exp": now - 120 }), false),
        ("over by less than the clocks may differ", json!({ "exp": now - 20 }), true),
        ("not yet", json!({ "nbf": now + 120 }), false),
        ("not yet by less", json!({ "nbf": now + 20 }), true),
        ("without an end", json!({ "exp": null }), false),
        ("of another issuer", json!({ "iss": "https://evil.example" }), false),
        ("for another", json!({ "aud": "other" }), false),
        ("for several", json!({ "aud": ["other", "vitalgate"] }), true),
        ("of nobody here", json!({ "groups": ["cooks"] }), false),
        ("of two roles", json!({ "groups": ["nurses", "guests"] }), false),
        ("of no ward", json!({ "wards": null }), false),
    ] {
        assert_eq!(patients(&provider.token(&more)) == 200, may, "{what}");
    }
    let minted = |more: Value| provider.tell(&more)["token"].as_str().unwrap().to_owned();
    for (what, more) in [
        ("signed by a stranger", json!({ "mint": {}, "stranger": "RS256" })),
        ("signed by a stranger on a curve", json!({ "mint": {}, "stranger": "ES256" })),
        ("not signed", json!({ "mint": {}, "header": { "alg": "none" } })),
        ("with the public key as a secret", json!({ "mint": {}, "header": { "alg": "HS256" } })),
        ("with another way of signing", json!({ "mint": {}, "header": { "alg": "PS256" } })),
        ("of a key that nobody knows", json!({ "mint": {}, "header": { "kid": "x" } })),
    ] {
        assert_eq!(patients(&minted(more)), 401, "{what}");
    }
    let (head, rest) = good.split_once('.').unwrap();
    let (_, signature) = rest.split_once('.').unwrap();
    for nonsense in [format!("{head}.e30.{signature}"), format!("{head}.."), "a.b.c".to_owned()] {
        assert_eq!(patients(&nonsense), 401, "{nonsense}");
    }

    // Other keys, on a curve: what they sign is believed as soon as they are asked for, and what the old one signed no more.
    let kinds = ["ES256", "PS256", "EdDSA"];
    provider.tell(&json!({ "rotate": kinds }));
    for kind in kinds {
        let new = minted(json!({ "mint": {}, "by": kind }));
        eventually("the new key is known", || (patients(&new) == 200).then_some(()));
        for other in kinds.iter().chain(&["RS256"]).filter(|other| **other != kind) {
            let header = json!({ "mint": {}, "by": kind, "header": { "alg": other } });
            assert_eq!(patients(&minted(header)), 401, "{kind} called {other}");
        }
        let stranger = json!({ "mint": {}, "by": kind, "stranger": kind });
        assert_eq!(patients(&minted(stranger)), 401, "{kind} of a stranger");
        let (said, _) = new.rsplit_once('.').unwrap();
        assert_eq!(patients(&format!("{said}.{}", "A".repeat(342))), 401, "{kind}");
    }
    assert_eq!(patients(&good), 401);
    let before = provider.tell(&json!({}))["asked"].as_u64().unwrap();
    for _ in 0..20 {
        patients(&minted(json!({ "mint": {}, "header": { "kid": "x" } })));
    }
    let after = provider.tell(&json!({}))["asked"].as_u64().unwrap();
    assert!(after <= before + 2, "nonsense asks the provider {} times", after - before);
}

#[test]
#[ignore = "needs python"]
fn somebody_signs_in_by_way_of_the_provider_with_the_rights_it_says_each_time() {
    for secret in [None, Some("a s:cret")] {
        let (provider, gateway) = start(secret);
        first_link(&gateway);
        eventually("the provider is known", || {
            (ask(&gateway.url("/api/v1/session/oidc"), &[]).0 == 303).then_some(())
        });
        let (status, jane_s, why) = sign_in(&gateway);
        assert_eq!(status, 303, "{why}");
        let session = |cookie: &str| ask(&gateway.url("/api/v1/session"), &[("cookie", cookie)]).3;
        let said = session(&jane_s);
        assert_eq!(
            (&said["actor"], &said["role"], &said["oidc"]),
            (&json!("jane"), &json!("clinician"), &json!(true))
        );
        assert_eq!(ask(&gateway.url("/api/v1/patients"), &[("cookie", &jane_s)]).0, 200);

        // What the provider says next time holds, and ends what was before.
        let mut guest = jane();
        guest["groups"] = json!(["guests"]);
        provider.is(&guest);
        let (_, as_guest, _) = sign_in(&gateway);
        assert_eq!(session(&as_guest)["role"], "viewer");
        assert_eq!(session(&jane_s)["actor"], Value::Null);

        // Whoever has no role there any more is out of what was before as well, until they have one.
        for none in [json!({ "groups": ["cooks"] }), json!({ "groups": null })] {
            let (_, before, _) = sign_in(&gateway);
            assert_eq!(session(&before)["role"], "viewer");
            let mut cook = guest.clone();
            cook["groups"] = none["groups"].clone();
            provider.is(&cook);
            assert_eq!(sign_in(&gateway).0, 403);
            assert_eq!(session(&before)["actor"], Value::Null, "{none}");
            assert_eq!(session(&as_guest)["actor"], Value::Null, "{none}");
            provider.is(&guest);
        }
        let (status, as_guest, why) = sign_in(&gateway);
        assert_eq!(status, 303, "{why}");

        // Another person there who is called the same, and one who has an account of the gateway's own.
        let mut other = jane();
        other["sub"] = json!("18");
        provider.is(&other);
        assert_eq!(sign_in(&gateway).0, 403);
        assert_eq!(with_token(&gateway, "/api/v1/patients", &provider.token(&json!({}))).0, 401);
        person(&gateway, &["add", "root.one", "--role", "admin", "--password-stdin"], PASSWORD);
        eventually("the gateway knows", || {
            provider.is(&json!({ "sub": "9", "preferred_username": "root.one", "groups": ["nurses"], "wards": ["icu"] }));
            (sign_in(&gateway).0 == 403).then_some(())
        });
        // Whoever is disabled here is let in by nobody.
        provider.is(&guest);
        let token = provider.token(&json!({}));
        assert_eq!(with_token(&gateway, "/api/v1/patients", &token).0, 200);
        person(&gateway, &["disable", "jane"], "");
        eventually("jane is out", || (session(&as_guest)["actor"] == Value::Null).then_some(()));
        assert_eq!(sign_in(&gateway).0, 403);
        assert_eq!(with_token(&gateway, "/api/v1/patients", &token).0, 401);
    }
}

#[test]
#[ignore = "needs python"]
fn a_sign_in_ends_in_the_browser_that_began_it_once_and_at_the_page() {
    let (provider, gateway) = start(None);
    eventually("the provider is known", || {
        (ask(&gateway.url("/api/v1/session/oidc"), &[]).0 == 303).then_some(())
    });
    let (back, browser) = away(&gateway);
    let other = away(&gateway).1;
    for (what, url, cookie) in [
        ("in another browser", back.clone(), other.as_str()),
        ("in one that began nothing", back.clone(), ""),
        ("without a state", back.split("&state").next().unwrap().to_owned(), other.as_str()),
    ] {
        let (status, kept, to, _) = ask(&url, &[("cookie", cookie)]);
        assert_eq!((status, kept.len(), &*to), (403, 0, ""), "{what}");
    }
    assert_eq!(ask(&back, &[("cookie", &browser)]).0, 303);
    assert_eq!(ask(&back, &[("cookie", &browser)]).0, 403, "once");

    let mut replayed = jane();
    replayed["_id_token"] = json!({ "nonce": "of another sign-in" });
    provider.is(&replayed);
    assert_eq!(sign_in(&gateway).0, 403);
    replayed["_id_token"] = json!({ "aud": "other" });
    provider.is(&replayed);
    assert_eq!(sign_in(&gateway).0, 403);
    provider.is(&jane());

    let begin = gateway.url("/api/v1/session/oidc");
    let elsewhere = format!("{begin}?to=https://evil.example&redirect_uri=https://evil.example");
    let (refused, _, to, _) = ask(&elsewhere, &[]);
    assert_eq!((refused, to.as_str()), (400, ""));
    let (_, _, to, _) = ask(&begin, &[]);
    assert!(to.starts_with(&provider.address), "{to}");
    assert_eq!(ask(&begin, &[("sec-fetch-site", "cross-site")]).0, 403);
    let (_, kept, _, _) = ask(&format!("{}&to=https://evil.example", away(&gateway).0), &[]);
    assert!(kept.is_empty());
    let denied = gateway.url("/api/v1/session/oidc/back?error=access_denied&state=x");
    assert_eq!(ask(&denied, &[]).0, 403);
}
