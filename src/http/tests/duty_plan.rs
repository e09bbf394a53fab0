//! The plan of duty, read and put over HTTP.

use serde_json::{Value, json};

use super::people::House;
use super::ward::answered;
use crate::config::{Role, version};
use vitalgate_domain::model::command::{Action, Outcome, PersonAct};

const PLAN: &str = r#"
[shifts]
day = "08:00-20:00"
[[person]]
id = "jane"
[[team]]
id = "icu"
steps = [{ role = "nurse" }]
[[duty]]
team = "icu"
role = "nurse"
shift = "day"
people = ["jane"]
"#;

async fn put(house: &House, text: &str, more: &[(&str, &str)]) -> super::client::Reply {
    let (cookie, body) = (house.session("root"), json!({ "text": text }).to_string());
    let headers = [&[("cookie", cookie.as_str()), super::people::OWN][..], more].concat();
    house.bench.call("PUT", "/api/v1/duty/plan", &headers, &body).await
}

async fn get(house: &House) -> Value {
    let cookie = house.session("root");
    let headers = [("cookie", cookie.as_str()), super::people::OWN];
    let reply = house.bench.call("GET", "/api/v1/duty/plan", &headers, "").await;
    assert_eq!(reply.status, 200, "{reply:?}");
    reply.json()
}

async fn of_root() -> House {
    let house = House::open().await;
    house.person("root", Role::Admin, &[]);
    house
}

#[tokio::test]
async fn a_plan_that_is_put_stands_in_the_file_and_in_the_audit_and_says_what_it_leaves_out() {
    let mut house = of_root().await;
    let asked = house.bench.answer(|_| answered(Outcome::Done));
    assert_eq!(get(&house).await["text"], "");

    let reply = put(&house, PLAN, &[]).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    let checked = reply.json();
    assert_eq!(checked["version"], version(PLAN));
    assert_eq!(checked["holes"][0]["role"], "nurse", "nobody at night: {checked}");
    let warnings = checked["warnings"].to_string();
    assert!(warnings.contains("no team answers for the gateway itself"), "{checked}");

    let now = get(&house).await;
    assert_eq!((&now["text"], &now["version"]), (&json!(PLAN), &checked["version"]));
    let act = Action::Person { act: PersonAct::ChangePlan, subject: version(PLAN) };
    let told = asked.lock().unwrap();
    assert!(told.iter().any(|one| one.actor == "root" && one.action == act), "{told:?}");
}

#[tokio::test]
async fn a_plan_that_is_wrong_or_was_not_seen_changes_nothing() {
    let mut house = of_root().await;
    let asked = house.bench.answer(|_| answered(Outcome::Done));
    let wrong = PLAN.replace("\"jane\"]", "\"john\"]");
    let problem = put(&house, &wrong, &[]).await.problem(422);
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.starts_with("line 13, column 11: "), "{detail}");

    let old = format!("\"{}\"", version("something else"));
    put(&house, PLAN, &[("if-match", old.as_str())]).await.problem(412);
    put(&house, PLAN, &[("if-match", "3")]).await.problem(400);
    put(&house, &"#".repeat((48 << 10) + 1), &[]).await.problem(413);
    assert_eq!(get(&house).await["text"], "");
    assert!(asked.lock().unwrap().is_empty(), "nothing is in the audit");

    let seen = format!("\"{}\"", version(""));
    assert_eq!(put(&house, PLAN, &[("if-match", seen.as_str())]).await.status, 200);
}

#[tokio::test]
async fn a_plan_by_which_nobody_is_called_any_more_is_put_by_whoever_says_so_alone() {
    let mut house = of_root().await;
    let asked = house.bench.answer(|_| answered(Outcome::Done));
    assert_eq!(put(&house, PLAN, &[]).await.status, 200);
    let emptied = PLAN.split("[[duty]]").next().unwrap();
    for text in ["", emptied] {
        let problem = put(&house, text, &[]).await.problem(409);
        assert_eq!(problem["nobody_for"], json!(["ward/icu", "ward/west"]), "{problem}");
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains("ward icu, ward west; to put it all the same"), "{detail}");
    }
    let meant = async |places: Value| {
        let body = json!({ "text": "", "nobody_for": places }).to_string();
        let cookie = house.session("root");
        let headers = [("cookie", cookie.as_str()), super::people::OWN];
        house.bench.call("PUT", "/api/v1/duty/plan", &headers, &body).await
    };
    let problem = meant(json!(["ward/icu"])).await.problem(409);
    assert_eq!(problem["nobody_for"], json!(["ward/west"]), "what was not said");
    meant(json!(["icu"])).await.problem(422);
    assert_eq!(get(&house).await["text"], PLAN);
    assert_eq!(asked.lock().unwrap().len(), 1, "nothing is in the audit");
    let done = meant(json!(["ward/icu", "ward/west", "gateway"])).await;
    assert_eq!(done.status, 200, "{done:?}");
    assert_eq!(done.json()["nobody_for"], json!(["ward/icu", "ward/west"]));
    assert_eq!(get(&house).await["text"], "");
}

#[tokio::test]
async fn a_check_changes_nothing() {
    let mut house = of_root().await;
    let asked = house.bench.answer(|_| answered(Outcome::Done));
    let (cookie, body) = (house.session("root"), json!({ "text": PLAN }).to_string());
    let headers = [("cookie", cookie.as_str()), super::people::OWN];
    let reply = house.bench.call("POST", "/api/v1/duty/plan/check", &headers, &body).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    assert_eq!(reply.json()["version"], version(PLAN));
    assert_eq!(reply.json()["nobody_for"], json!([]));
    assert_eq!(get(&house).await["text"], "");
    assert!(asked.lock().unwrap().is_empty());
}
