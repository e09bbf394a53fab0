//! People who sign in by name: what a browser keeps, what it may, and when that ends.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use serde_json::json;
use tempfile::TempDir;
use tokio::io::BufReader;
use tokio::sync::watch;

use super::client::{EventReader, Reply};
use super::fixture::Bench;
use super::ward::{answered, tokens, two_wards};
use crate::answers::Answers;
use crate::answers::tests::answers;
use crate::config::{Config, Push, TeamsFile};
use crate::http::{Auth, AuthInForce, Role};
use crate::ingest::Refusals;
use crate::people::{Digest, Lasting, Link, People, PeopleFile, Person, PersonalToken, hash};
use vitalgate_domain::model::command::{Outcome, PersonAct};
use vitalgate_domain::model::ids::WardId;
use vitalgate_domain::model::input::Input;
use vitalgate_domain::model::time::{Span, Timestamp};

pub(super) const PASSWORD: &str = "four words stand here";
pub(super) const OWN: (&str, &str) = ("origin", "http://localhost");

/// A gateway of two wards where people sign in by name.
pub(super) struct House {
    pub(super) bench: Bench,
    pub(super) people: Arc<People>,
    pub(super) refusals: Arc<Refusals>,
    pub(super) answers: Arc<Answers>,
    folder: TempDir,
}

pub(super) fn now() -> Timestamp {
    crate::clock::Clock::system(Timestamp::default()).wall()
}

/// A plan of duty that calls nobody, in a file of its own.
fn teams_file(folder: &Path) -> Arc<TeamsFile> {
    let path = folder.join("teams.toml");
    std::fs::write(&path, "").unwrap();
    let mut config = Config::built_in().unwrap();
    config.teams.file = Some(path);
    TeamsFile::of(&Arc::new(config), watch::Sender::new(None)).unwrap()
}

impl House {
    pub(super) async fn open() -> Self {
        Self::open_on(|_| {}).await
    }

    async fn open_on(prepare: impl FnOnce(&Path)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        prepare(folder.path());
        let lasting =
            Lasting { idle: Span::hours(1), longest: Span::hours(12), unlocked: Span::mins(1) };
        let people = People::open(folder.path(), lasting);
        let refusals = Arc::<Refusals>::default();
        let (of_bench, told) = (Arc::clone(&people), Arc::clone(&refusals));
        let answers = Arc::new(answers(folder.path(), "st0re", None));
        let by_link = Arc::clone(&answers);
        let teams = teams_file(folder.path());
        let bench = Bench::start_with(|state| {
            let auth = AuthInForce::from(tokens());
            state.auth = auth.with_people(Some(of_bench), &state.handles.clock);
            state.refusals = told;
            state.answers = by_link;
            state.teams = Some(teams);
            let services = vec!["push.example".to_owned()];
            state.push = Some(Push { subject: "mailto:it@icu.example".into(), services });
        })
        .await;
        bench.board.send_replace(Arc::new(two_wards()));
        Self { bench, people, refusals, answers, folder }
    }

    /// With `jane`, a clinician of ward `icu`.
    pub(super) async fn of_jane() -> Self {
        let house = Self::open().await;
        house.person("jane", Role::Clinician, &["icu"]);
        house
    }

    pub(super) fn person(&self, name: &str, role: Role, wards: &[&str]) {
        let wards: BTreeSet<WardId> = wards.iter().map(|ward| ward.parse().unwrap()).collect();
        let wards = Some(wards).filter(|wards| !wards.is_empty());
        let devices =
            if role == Role::Maker { ["dev-1".parse().unwrap()].into() } else { BTreeSet::new() };
        let person = Person::new(role, wards, devices).unwrap();
        let kept = hash(name, PASSWORD).unwrap();
        self.people
            .change(|book| {
                book.add("local:cli", name, person)?;
                book.set_password("local:cli", name, kept)
            })
            .unwrap();
    }

    /// The file, as the command line has it.
    pub(super) fn command_line(&self) -> PeopleFile {
        PeopleFile::of(self.folder.path())
    }

    /// A session of somebody, as its cookie.
    pub(super) fn session(&self, name: &str) -> String {
        let here = std::net::Ipv4Addr::LOCALHOST.into();
        let secret = self.people.begin(name, None, here, now()).unwrap().unwrap();
        format!("__Host-vitalgate={secret}")
    }

    /// A person and a station of each ward, to be looked after.
    pub(super) fn furnish(&self) {
        for (name, ward) in [("near", "icu"), ("far", "west")] {
            let wards = || BTreeSet::<WardId>::from([ward.parse().unwrap()]);
            let person = Person::new(Role::Viewer, Some(wards()), BTreeSet::new()).unwrap();
            let there = self
                .people
                .look(|book| (book.people.contains_key(name), book.stations.contains_key(name)));
            if !there.0 {
                self.people.change(|book| book.add("local:cli", name, person)).unwrap();
            }
            if !there.1 {
                self.people.change(|book| book.add_station("local:cli", name, wards())).unwrap();
            }
        }
    }

    /// A station in a browser, as its cookie.
    pub(super) fn station(&self, name: &str, wards: &[&str]) -> String {
        let wards = wards.iter().map(|ward| ward.parse().unwrap()).collect();
        let link = Link { sha256: Digest::of(name), until: now() + Span::hours(1) };
        self.people
            .change(|book| {
                book.add_station("local:cli", name, wards)?;
                book.link_station("local:cli", name, link)
            })
            .unwrap();
        let secret = self.people.become_station(Digest::of(name), now()).unwrap().unwrap();
        format!("__Host-vitalgate={secret}")
    }

    /// Opens a station to somebody; what goes with their acts.
    pub(super) fn unlock(&self, cookie: &str, name: &str) -> String {
        let browser = Digest::of(cookie.split_once('=').unwrap().1);
        self.people.unlock(name, browser, now()).unwrap().unwrap().signature
    }

    pub(super) async fn sign_in(&self, name: &str, password: &str) -> Reply {
        let body = json!({ "name": name, "password": password }).to_string();
        self.bench.call("POST", "/api/v1/session", &[OWN], &body).await
    }

    pub(super) async fn get(&self, cookie: &str, path: &str) -> Reply {
        self.bench.call("GET", path, &[("cookie", cookie)], "").await
    }
}

/// What the browser sends back of what it was told to keep.
pub(super) fn kept(reply: &Reply) -> String {
    reply.headers["set-cookie"].split(';').next().unwrap().to_owned()
}

#[tokio::test]
async fn whoever_signs_in_is_known_by_a_cookie_until_they_sign_out() {
    let house = House::of_jane().await;
    let nobody = house.get("", "/api/v1/session").await.json();
    assert_eq!(
        nobody,
        json!({ "actor": null, "by_name": true, "role": null, "station": false, "unset": true, "wards": null })
    );
    house.get("", "/api/v1/patients").await.problem(401);

    let reply = house.sign_in(" Jane ", PASSWORD).await;
    let session = json!({ "actor": "jane", "by_name": true, "role": "clinician", "station": false, "unset": true, "wards": ["icu"] });
    assert_eq!((reply.status, reply.json()), (200, session.clone()));
    let line = &reply.headers["set-cookie"];
    for word in
        ["__Host-vitalgate=", "Path=/", "Max-Age=43200", "Secure", "HttpOnly", "SameSite=Strict"]
    {
        assert!(line.contains(word), "{line}");
    }
    assert_eq!(reply.headers["cache-control"], "no-store");
    let cookie = format!("theme=dark; {}", kept(&reply));
    assert_eq!(house.get(&cookie, "/api/v1/session").await.json(), session);
    assert_eq!(house.get(&cookie, "/api/v1/patients/p-1").await.status, 200);
    assert_eq!(house.get(&cookie, "/api/v1/patients/p-3").await.status, 404, "of another ward");

    // Another who signs in at the same browser takes its place.
    house.person("john", Role::Viewer, &[]);
    let body = json!({ "name": "john", "password": PASSWORD }).to_string();
    let headers = [("cookie", cookie.as_str()), OWN];
    let john = house.bench.call("POST", "/api/v1/session", &headers, &body).await;
    house.get(&cookie, "/api/v1/patients").await.problem(401);
    let cookie = kept(&john);
    assert_eq!(house.get(&cookie, "/api/v1/session").await.json()["actor"], "john");

    let headers = [("cookie", cookie.as_str()), OWN];
    let out = house.bench.call("DELETE", "/api/v1/session", &headers, "").await;
    assert_eq!(out.status, 204);
    assert!(out.headers["set-cookie"].contains("Max-Age=0"));
    house.get(&cookie, "/api/v1/patients").await.problem(401);
    let acts: Vec<_> = house.people.untold().iter().map(|told| told.act).collect();
    assert!(acts.ends_with(&[PersonAct::SignIn, PersonAct::SignOut]), "{acts:?}");
}

#[tokio::test]
async fn no_other_page_signs_in_or_acts_with_the_cookie() {
    let mut house = House::of_jane().await;
    house.bench.answer(|_| answered(Outcome::Done));
    let cookie = house.session("jane");
    let act = ("/api/v1/alarms/A1/acknowledge", r#"{"seq":1}"#);
    let sign_in = json!({ "name": "jane", "password": PASSWORD }).to_string();
    let sign_in = ("/api/v1/session", sign_in.as_str());
    for (path, body) in [act, sign_in] {
        for (from, status) in [
            (vec![], 403),
            (vec![("origin", "https://evil.example")], 403),
            (vec![("sec-fetch-site", "cross-site"), OWN], 403),
            (vec![("sec-fetch-site", "same-site")], 403),
            (vec![OWN], 200),
            (vec![("sec-fetch-site", "same-origin")], 200),
        ] {
            let headers: Vec<_> =
                from.iter().copied().chain([("cookie", cookie.as_str())]).collect();
            let reply = house.bench.call("POST", path, &headers, body).await;
            assert_eq!(reply.status, status, "{path} {from:?}: {reply:?}");
        }
    }
    // A token is no cookie: nobody sends it but who has it.
    let headers = [("authorization", "Bearer c"), ("origin", "https://evil.example")];
    assert_eq!(house.bench.call("POST", act.0, &headers, act.1).await.status, 200);
}

#[tokio::test]
async fn whoever_guesses_waits_and_the_audit_knows_of_it() {
    let house = House::of_jane().await;
    for name in ["jane", "nobody"] {
        for _ in 0..5 {
            let refused = house.sign_in(name, "not the right words").await.problem(401);
            assert_eq!(refused["detail"], "the name or the password is wrong", "{name}");
        }
        let wait = house.sign_in(name, PASSWORD).await;
        wait.problem(429);
        assert_eq!(wait.headers["retry-after"], "1");
    }
    let told = house.refusals.rest();
    let named = |input: &Input| {
        let Input::SignInsFailed(failed) = input else { panic!("{input:?}") };
        (failed.name.clone(), failed.count)
    };
    let told: Vec<_> = told.iter().map(named).collect();
    assert_eq!(told, [(Some("jane".into()), 5), (Some("nobody".into()), 5)]);
    assert!(!format!("{:?}", house.people.untold()).contains("right words"));
}

#[tokio::test]
async fn a_disabled_person_is_out_of_every_stream_at_once() {
    let house = House::of_jane().await;
    let cookie = house.session("jane");
    let headers = [("cookie", cookie.as_str())];
    let socket = house.bench.send("GET", "/api/v1/stream", &headers, "").await;
    let mut stream = EventReader(BufReader::new(socket));
    assert_eq!(stream.next().await.unwrap().data["actor"], "jane");
    house.people.change(|book| book.disable("local:cli", "jane", true)).unwrap();
    while stream.next().await.is_some() {}
    house.get(&cookie, "/api/v1/patients").await.problem(401);
    house.sign_in("jane", PASSWORD).await.problem(401);
}

#[tokio::test]
async fn another_password_ends_all_other_sessions() {
    let house = House::of_jane().await;
    let (here, elsewhere) = (house.session("jane"), house.session("jane"));
    let change = async |password: &str, new: &str| {
        let body = json!({ "password": password, "new": new }).to_string();
        let headers = [("cookie", here.as_str()), OWN];
        house.bench.call("POST", "/api/v1/session/password", &headers, &body).await
    };
    let token = PersonalToken {
        sha256: Digest::of("vg_own"),
        role: Role::Viewer,
        wards: Some(BTreeSet::from(["icu".parse().unwrap()])),
        until: now() + Span::hours(1),
    };
    house.people.change(|book| book.add_token("jane", "own", token)).unwrap();
    let program = [("authorization", "Bearer vg_own")];
    let socket = house.bench.send("GET", "/api/v1/stream", &program, "").await;
    let mut stream = EventReader(BufReader::new(socket));
    assert_eq!(stream.next().await.unwrap().data["actor"], "jane/own");
    change("wrong", "other words than before").await.problem(403);
    change(PASSWORD, "short").await.problem(422);
    let changed = change(PASSWORD, "other words than before").await;
    assert_eq!(changed.status, 200, "{changed:?}");
    while stream.next().await.is_some() {}
    house.bench.call("GET", "/api/v1/patients", &program, "").await.problem(401);
    for ended in [&here, &elsewhere] {
        house.get(ended, "/api/v1/patients").await.problem(401);
    }
    assert_eq!(house.get(&kept(&changed), "/api/v1/patients").await.status, 200);
    house.sign_in("jane", PASSWORD).await.problem(401);
    assert_eq!(house.sign_in("jane", "other words than before").await.status, 200);
}

#[tokio::test]
async fn a_damaged_file_keeps_nobody_out_who_was_known_and_lets_nobody_in_who_was_not() {
    let house = House::of_jane().await;
    house.people.tokens_are(["jane"].into_iter());
    house.sign_in("jane", PASSWORD).await.problem(409);
    house.people.tokens_are(std::iter::empty());
    std::fs::write(house.folder.path().join("people.json"), "{").unwrap();
    house.people.tick(now()).unwrap_err();
    let jane = house.sign_in("jane", PASSWORD).await;
    assert_eq!(jane.status, 200, "as it was last known: {jane:?}");
    assert_eq!(house.get(&kept(&jane), "/api/v1/patients").await.status, 200);
    house.sign_in("jane", "not the right words").await.problem(401);

    let house = House::open_on(|folder| {
        std::fs::write(folder.join("people.json"), "{").unwrap();
    })
    .await;
    house.sign_in("jane", PASSWORD).await.problem(503);
}

#[tokio::test]
async fn whoever_is_shut_out_is_out_where_nothing_can_be_written_and_the_answer_says_so() {
    let house = House::of_jane().await;
    house.person("root", Role::Admin, &[]);
    house.furnish();
    let (jane, root) = (house.session("jane"), house.session("root"));
    std::fs::create_dir(house.folder.path().join("people.json.part")).unwrap();
    let ask = async |method: &str, path: &str, body: &str| {
        let headers = [("cookie", &*root), OWN];
        house.bench.call(method, &format!("/api/v1{path}"), &headers, body).await
    };
    let holds = |reply: Reply| {
        assert_eq!(reply.status, 202, "{reply:?}");
        assert!(reply.json()["unwritten"].as_str().unwrap().starts_with("it holds now"));
        reply
    };
    let out = holds(ask("PATCH", "/people/jane", r#"{"disabled":true}"#).await);
    assert_eq!(out.json()["state"], "disabled");
    house.get(&jane, "/api/v1/patients").await.problem(401);
    holds(ask("DELETE", "/stations/near", "").await);
    assert!(!house.get(&root, "/api/v1/stations").await.body.contains("near"));
    for (method, path, body) in [
        ("PATCH", "/people/jane", r#"{"disabled":false}"#),
        ("POST", "/people/near/link", ""),
        ("POST", "/stations", r#"{"name":"desk","wards":["icu"]}"#),
    ] {
        ask(method, path, body).await.problem(503);
    }
    let signed_out = holds(ask("DELETE", "/session", "").await);
    assert!(signed_out.headers["set-cookie"].contains("Max-Age=0"), "{signed_out:?}");
    house.get(&root, "/api/v1/people").await.problem(401);
    assert!(house.people.unwritten().unwrap().contains("3 changes hold"));
}

#[tokio::test]
async fn the_first_person_makes_an_account_by_the_link_and_nobody_after() {
    let house = House::open().await;
    let link = Link { sha256: Digest::of("secret"), until: now() + Span::hours(1) };
    house
        .people
        .change(|book| {
            book.setup = Some(link);
            Ok(())
        })
        .unwrap();
    assert_eq!(house.get("", "/api/v1/session").await.json()["unset"], true);
    let use_link = async |link: &str, name: &str, password: &str| {
        let body = json!({ "link": link, "name": name, "password": password }).to_string();
        house.bench.call("POST", "/api/v1/session/link", &[OWN], &body).await
    };
    use_link("guess", "jane", PASSWORD).await.problem(403);
    use_link("secret", "local", PASSWORD).await.problem(422);
    use_link("secret", "jane", "short").await.problem(422);
    house.people.tokens_are(["Ward"].into_iter());
    use_link("secret", "ward", PASSWORD).await.problem(409);
    let first = use_link("secret", "jane", PASSWORD).await;
    assert_eq!((first.status, &first.json()["role"]), (200, &json!("admin")));
    assert_eq!(house.get(&kept(&first), "/api/v1/audit").await.status, 200);
    assert_eq!(
        house.get(&kept(&first), "/api/v1/patients").await.status,
        403,
        "an admin sees no patients"
    );
    use_link("secret", "john", PASSWORD).await.problem(403);
    assert_eq!(house.get("", "/api/v1/session").await.json()["unset"], false);
}

#[tokio::test]
async fn each_look_at_a_patient_is_told_under_the_name_of_its_person() {
    let house = House::of_jane().await;
    let cookie = house.session("jane");
    for path in [
        "/patients",
        "/patients/p-1",
        "/patients/p-1/limits",
        "/alarms/A1",
        "/devices/dev-1/series?signal=heart_rate",
        "/wards/icu/latest",
        "/patients/p-3",
        "/devices",
        "/alarms",
    ] {
        house.get(&cookie, &format!("/api/v1{path}")).await;
    }
    let looks = house.people.take_looks();
    let mut looks: Vec<_> =
        looks.iter().map(|told| (&*told.actor, told.act.as_str(), &*told.subject)).collect();
    looks.sort_unstable();
    // The list and the ward are one subject here, and p-3, who is elsewhere, was not shown.
    assert_eq!(looks, [("jane", "see_patient", "p-1"), ("jane", "see_wards", "icu")]);
    let static_token = [("authorization", "Bearer c")];
    house.bench.call("GET", "/api/v1/patients/p-1", &static_token, "").await;
    assert!(house.people.take_looks().is_empty(), "a token of the configuration is nobody");
}

#[tokio::test]
async fn where_nobody_signs_in_by_name_there_is_no_way_to() {
    for auth in [tokens(), Auth::Local("local:demo".into())] {
        let bench = Bench::start_with(|state| state.auth = auth.into()).await;
        assert_eq!(bench.get("/api/v1/session").await.json()["by_name"], false);
        let body = json!({ "name": "jane", "password": PASSWORD }).to_string();
        bench.call("POST", "/api/v1/session", &[OWN], &body).await.problem(404);
    }
}
