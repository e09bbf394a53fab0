//! Nobody is handed what they could not take.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::json;

use super::client::Reply;
use super::people::{House, OWN};
use super::ward::{answered, now, two_wards};
use crate::http::Role;
use crate::people::Person;
use crate::projection::view::Board;
use vitalgate_domain::model::command::Outcome;
use vitalgate_domain::model::duty::{self, DutyPlan};
use vitalgate_domain::model::responsibility::{Assignment, Responsibility};

const OFFER: &str = "/api/v1/hand-over";
const TAKE: &str = "/api/v1/hand-over/take";

impl House {
    /// Alarms `A1` of ward `icu` and `A3` of ward `west` are somebody's, who may have offered them.
    fn has_both(&self, name: &str, offered: Option<&str>) {
        self.bench.board.send_modify(|board| {
            let board = Arc::make_mut(board);
            for alarm in Arc::make_mut(&mut board.alarms).values_mut() {
                if alarm.patient.is_none() {
                    continue;
                }
                Arc::make_mut(alarm).responsibility = Some(Responsibility {
                    state: Assignment::Accepted,
                    team: None,
                    step: None,
                    role: None,
                    person: Some(name.to_owned()),
                    since: now(),
                    deadline: None,
                    told: Vec::new(),
                    offered: offered.map(str::to_owned),
                });
            }
        });
    }

    async fn hand(&self, token: &str, to: &str) -> Reply {
        let bearer = format!("Bearer {token}");
        let body = json!({ "to": to }).to_string();
        self.bench.call("POST", OFFER, &[("authorization", &bearer)], &body).await
    }
}

fn detail(reply: &Reply, status: u16) -> String {
    reply.problem(status)["detail"].as_str().unwrap().to_owned()
}

/// With people of these ids, and what each signs in as.
fn with_plan(people: &[(&str, &str)]) -> Board {
    let person = |(id, actor): &(&str, &str)| duty::Person {
        id: id.parse().unwrap(),
        actor: (*actor).to_owned(),
        channels: Vec::new(),
        wards: None,
    };
    let people = people.iter().map(person).collect();
    Board { duty: Some(Arc::new(DutyPlan { people, ..DutyPlan::default() })), ..two_wards() }
}

#[tokio::test]
async fn alarms_are_handed_over_to_somebody_who_may_take_them_alone() {
    let mut house = House::of_jane().await;
    let done = house.bench.answer(|_| answered(Outcome::Done));
    house.person("root", Role::Admin, &[]);
    house.person("gone", Role::Clinician, &[]);
    house.people.change(|book| book.disable("local:cli", "gone", true)).unwrap();
    let invited = Person::new(Role::Clinician, None, BTreeSet::new()).unwrap();
    house.people.change(|book| book.add("local:cli", "invited", invited)).unwrap();
    for to in ["nurse-night", "", "root", "v", "a", "gone", "invited"] {
        house.hand("c", to).await.problem(422);
    }
    assert!(done.lock().unwrap().is_empty());
    for to in ["w", "jane"] {
        assert_eq!(house.hand("c", to).await.status, 200, "{to}");
    }

    let people = [("n1", "jane"), ("n3", "v"), ("n4", "nobody"), ("n5", "c")];
    house.bench.board.send_replace(Arc::new(with_plan(&people)));
    for to in ["n3", "n4", "w", "nobody", ""] {
        house.hand("c", to).await.problem(422);
    }
    for to in ["n1", "jane"] {
        assert_eq!(house.hand("c", to).await.status, 200, "{to}");
    }
    assert_eq!(done.lock().unwrap().len(), 4);
}

#[tokio::test]
async fn whoever_is_of_one_ward_is_not_handed_what_is_of_two() {
    let mut house = House::of_jane().await;
    let done = house.bench.answer(|_| answered(Outcome::Done));
    house.has_both("c", None);
    let said = detail(&house.hand("c", "jane").await, 422);
    assert!(said.contains("A3 of west") && !said.contains("A1"), "{said}");
    assert!(done.lock().unwrap().is_empty());
    assert_eq!(house.hand("c", "w").await.status, 200);

    // Whose patient went elsewhere is told no more than that.
    house.has_both("ci", None);
    let said = detail(&house.hand("ci", "w").await, 409);
    assert!(said.starts_with("1 of") && !said.contains("A3") && !said.contains("west"), "{said}");
}

#[tokio::test]
async fn at_a_station_nothing_of_other_wards_is_handed_over_or_taken() {
    let mut house = House::open().await;
    let done = house.bench.answer(|_| answered(Outcome::Done));
    house.person("nina", Role::Clinician, &["icu", "west"]);
    let desk = house.station("desk", &["icu"]);
    let signature = house.unlock(&desk, "nina");
    let at_desk = [("cookie", &*desk), OWN, ("vitalgate-signature", &*signature)];
    let both =
        json!({ "from": "c", "alarms": [{ "id": "A1", "seq": 1 }, { "id": "A3", "seq": 3 }] });
    let one = json!({ "from": "c", "alarms": [{ "id": "A1", "seq": 1 }] });

    house.has_both("nina", None);
    let offer = json!({ "to": "c" }).to_string();
    let said = detail(&house.bench.call("POST", OFFER, &at_desk, &offer).await, 409);
    assert!(said.contains("signed in by name") && !said.contains("A3"), "{said}");
    house.has_both("c", Some("nina"));
    for body in [&both, &one] {
        let said = detail(&house.bench.call("POST", TAKE, &at_desk, &body.to_string()).await, 409);
        assert!(said.contains("signed in by name") && !said.contains("A3"), "{said}");
    }
    assert!(done.lock().unwrap().is_empty());

    let cookie = house.session("nina");
    let by_name = [("cookie", &*cookie), OWN];
    let took = house.bench.call("POST", TAKE, &by_name, &both.to_string()).await;
    assert_eq!(took.status, 200);
    house.has_both("nina", None);
    assert_eq!(house.bench.call("POST", OFFER, &by_name, &offer).await.status, 200);
}
