//! A browser that is a ward's: it shows, and whoever acts at it gives their PIN.

use futures::future::join_all;
use serde_json::{Value, json};
use tokio::io::BufReader;

use super::client::{EventReader, Reply};
use super::people::{House, OWN, PASSWORD, kept, now};
use super::ward::answered;
use crate::people::{Digest, Link, hash_pin};
use vitalgate_domain::model::command::{Action, Outcome, PersonAct};
use vitalgate_domain::model::time::Span;

const PIN: &str = "481516";
const ACT: &str = "/api/v1/alarms/A1/acknowledge";
const SEEN: &str = r#"{"seq":1}"#;

impl House {
    /// With jane, who has a PIN, and a station of her ward.
    async fn with_station() -> (Self, String) {
        let house = Self::of_jane().await;
        let pin = hash_pin(PIN).unwrap();
        house.people.change(|book| book.set_pin("jane", "jane", Some(pin))).unwrap();
        let cookie = house.station("desk", &["icu"]);
        (house, cookie)
    }

    async fn give_pin(&self, cookie: &str, name: &str, pin: &str) -> Reply {
        let body = json!({ "name": name, "pin": pin });
        self.at(cookie, "POST", "/api/v1/session/signature", None, &body).await
    }

    /// Asks as the page does in a browser.
    async fn at(
        &self,
        cookie: &str,
        method: &str,
        path: &str,
        signature: Option<&str>,
        body: &Value,
    ) -> Reply {
        let mut headers = vec![("cookie", cookie), OWN];
        headers.extend(signature.map(|signature| ("vitalgate-signature", signature)));
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.bench.call(method, path, &headers, &body).await
    }

    fn told(&self) -> Vec<String> {
        let told = self.people.untold();
        told.iter().map(|t| format!("{} {} {}", t.actor, t.act.as_str(), t.subject)).collect()
    }
}

#[tokio::test]
async fn a_browser_becomes_a_station_by_a_link_that_is_used_once_and_stays_one() {
    let house = House::of_jane().await;
    let link = Link { sha256: Digest::of("secret"), until: now() + Span::hours(1) };
    house
        .people
        .change(|book| {
            book.add_station("local:cli", "desk", ["icu".parse().unwrap()].into())?;
            book.link_station("local:cli", "desk", link)
        })
        .unwrap();
    let jane = house.session("jane");
    let become_one = async |cookie: &str, link: &str| {
        let body = json!({ "link": link });
        house.at(cookie, "POST", "/api/v1/session/station", None, &body).await
    };
    become_one("", "guess").await.problem(403);
    let became = become_one(&jane, "secret").await;
    assert_eq!(
        became.json(),
        json!({ "actor": "station/desk", "by_name": true, "role": "viewer", "station": true, "unset": true, "wards": ["icu"] })
    );
    let line = &became.headers["set-cookie"];
    for word in ["Max-Age=34560000", "Secure", "HttpOnly", "SameSite=Strict"] {
        assert!(line.contains(word), "{line}");
    }
    become_one("", "secret").await.problem(403);
    house.get(&jane, "/api/v1/patients").await.problem(401);
    let cookie = kept(&became);
    assert_eq!(house.get(&cookie, "/api/v1/patients/p-1").await.status, 200);
    assert_eq!(house.get(&cookie, "/api/v1/patients/p-3").await.status, 404, "of another ward");
    let again = house.get(&cookie, "/api/v1/session").await;
    assert!(
        again.headers["set-cookie"].contains("Max-Age=34560000"),
        "it is kept for as long again"
    );

    // Whoever signs in, or out, here would leave the ward without its screen.
    let name = json!({ "name": "jane", "password": PASSWORD });
    house.at(&cookie, "POST", "/api/v1/session", None, &name).await.problem(403);
    house.at(&cookie, "DELETE", "/api/v1/session", None, &Value::Null).await.problem(403);
    let link = json!({ "link": "x", "name": "jane", "password": PASSWORD });
    house.at(&cookie, "POST", "/api/v1/session/link", None, &link).await.problem(403);
    assert_eq!(house.get(&cookie, "/api/v1/patients").await.status, 200);
    let looks = house.people.take_looks();
    assert!(looks.iter().all(|look| look.actor == "station/desk"), "{looks:?}");
    assert_eq!(looks.len(), 2);
}

#[tokio::test]
async fn an_act_at_a_station_is_that_of_whoever_gave_the_pin_and_the_record_says_where() {
    let (mut house, cookie) = House::with_station().await;
    let done = house.bench.answer(|_| answered(Outcome::Done));
    let act = async |signature: Option<&str>| {
        house.at(&cookie, "POST", ACT, signature, &json!({ "seq": 1 })).await
    };
    let locked = act(None).await.problem(423);
    assert!(locked["detail"].as_str().unwrap().contains("PIN"), "{locked}");
    act(Some("guessed")).await.problem(423);

    let unlocked = house.give_pin(&cookie, " Jane ", PIN).await.json();
    assert_eq!(
        (&unlocked["actor"], &unlocked["role"], &unlocked["unlocked_s"]),
        (&json!("jane"), &json!("clinician"), &json!(60))
    );
    let signature = unlocked["signature"].as_str().unwrap();
    assert_eq!(act(Some(signature)).await.status, 200);
    {
        let done = done.lock().unwrap();
        let sign = Action::Person { act: PersonAct::Sign, subject: "desk".into() };
        assert_eq!(done.len(), 2, "{done:?}");
        assert!(done.iter().all(|command| command.actor == "jane"));
        assert_eq!(done[0].action, sign);
        assert!(matches!(done[1].action, Action::Alarm { .. }));
    }
    // It is worth nothing elsewhere, nor to a page of another site.
    let other = house.station("other", &["icu"]);
    house.at(&other, "POST", ACT, Some(signature), &json!({ "seq": 1 })).await.problem(423);
    let alone = [("vitalgate-signature", signature), OWN];
    house.bench.call("POST", ACT, &alone, SEEN).await.problem(401);
    let foreign = [
        ("cookie", cookie.as_str()),
        ("vitalgate-signature", signature),
        ("origin", "https://evil.example"),
    ];
    house.bench.call("POST", ACT, &foreign, SEEN).await.problem(403);
    // And opens nothing that is jane's own.
    for (method, path, body) in [
        ("POST", "/api/v1/tokens", json!({ "name": "t" })),
        (
            "POST",
            "/api/v1/session/password",
            json!({ "password": PASSWORD, "new": "other words than before" }),
        ),
        ("PUT", "/api/v1/session/pin", json!({ "password": PASSWORD, "pin": "615184" })),
    ] {
        house.at(&cookie, method, path, Some(signature), &body).await.problem(403);
    }

    let locked = house.at(&cookie, "DELETE", "/api/v1/session/signature", None, &Value::Null).await;
    assert_eq!(locked.status, 204);
    act(Some(signature)).await.problem(423);
    assert!(house.told().contains(&"jane unlock desk".to_owned()));
}

#[tokio::test]
async fn a_wrong_pin_is_in_the_audit_says_not_what_was_wrong_and_makes_wait() {
    let (house, cookie) = House::with_station().await;
    let mut said = Vec::new();
    for name in ["jane", "nobody"] {
        for _ in 0..4 {
            said.push(house.give_pin(&cookie, name, "615184").await.problem(401)["detail"].clone());
        }
        let wait = house.give_pin(&cookie, name, PIN).await;
        wait.problem(429);
        assert_eq!(wait.headers["retry-after"], "1");
    }
    said.dedup();
    assert_eq!(said.len(), 1, "{said:?}");
    let told = house.told();
    for name in ["jane", "nobody"] {
        let line = format!("station/desk wrong_pin {name}");
        assert_eq!(told.iter().filter(|told| **told == line).count(), 4, "{told:?}");
    }
    assert!(!format!("{told:?}").contains("615184"));
    // Jane waits here, and at no other station.
    let other = house.station("other", &["icu"]);
    assert_eq!(house.give_pin(&other, "jane", PIN).await.status, 200);
    assert!(house.bench.metrics.exposition().contains("sign_ins_failed_total{way=\"http\"} 8"));
}

#[tokio::test]
async fn of_many_guesses_at_once_no_more_are_looked_at_than_one_after_the_other() {
    let (house, cookie) = House::with_station().await;
    let looked_at = |said: Vec<Reply>| {
        let count = |status| said.iter().filter(|reply| reply.status == status).count();
        (count(401), count(429))
    };
    let pin = || house.give_pin(&cookie, "jane", "615184");
    assert_eq!(looked_at(join_all((0..7).map(|_| pin())).await), (4, 3));
    assert_eq!(house.told().iter().filter(|told| told.contains("wrong_pin")).count(), 4);
    let sign_in = || house.sign_in("jane", "four other words here");
    assert_eq!(looked_at(join_all((0..7).map(|_| sign_in())).await), (5, 2));
}

#[tokio::test]
async fn locking_hides_nothing() {
    let (house, cookie) = House::with_station().await;
    let headers = [("cookie", cookie.as_str())];
    let socket = house.bench.send("GET", "/api/v1/stream", &headers, "").await;
    let mut stream = EventReader(BufReader::new(socket));
    let hello = stream.next().await.unwrap().data;
    assert_eq!((&hello["actor"], &hello["station"]), (&json!("station/desk"), &json!(true)));
    assert_eq!(house.give_pin(&cookie, "jane", PIN).await.status, 200);
    house.at(&cookie, "DELETE", "/api/v1/session/signature", None, &Value::Null).await;
    house.bench.raise(10, "icu");
    loop {
        let event = stream.next().await.unwrap();
        if event.name == "alarm" {
            break;
        }
    }
    // Taken back, it shows nothing more.
    house.people.change(|book| book.remove_station("root", "desk")).unwrap();
    while stream.next().await.is_some() {}
    house.get(&cookie, "/api/v1/patients").await.problem(401);
}

#[tokio::test]
async fn a_pin_is_set_by_whoever_knows_the_password_and_signs_at_stations_alone() {
    let house = House::of_jane().await;
    let jane = house.session("jane");
    let set = async |password: &str, pin: Value| {
        let body = json!({ "password": password, "pin": pin });
        house.at(&jane, "PUT", "/api/v1/session/pin", None, &body).await
    };
    set("wrong", json!(PIN)).await.problem(403);
    for bad in ["123456", "12345", "abcdef"] {
        set(PASSWORD, json!(bad)).await.problem(422);
    }
    assert_eq!(house.people.pin_of("jane"), None);
    assert_eq!(set(PASSWORD, json!(PIN)).await.status, 204);
    house.give_pin(&jane, "jane", PIN).await.problem(403);
    let desk = house.station("desk", &["icu"]);
    assert_eq!(house.give_pin(&desk, "jane", PIN).await.status, 200);
    assert_eq!(set(PASSWORD, Value::Null).await.status, 204);
    house.give_pin(&desk, "jane", PIN).await.problem(401);
    let told = house.told();
    assert_eq!(told.iter().filter(|told| *told == "jane set_pin jane").count(), 2, "{told:?}");
    assert!(!format!("{told:?}").contains(PIN));
}
