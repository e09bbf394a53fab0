//! Links by which people answer: as whom, and with what they may at that moment.

use std::sync::Arc;

use super::people::House;
use super::ward::answered;
use crate::answers::Answer;
use crate::config::Role;
use vitalgate_domain::model::command::{Action, AlarmAct, Outcome};
use vitalgate_domain::model::duty::{DutyPlan, Person};
use vitalgate_domain::model::time::{Span, Timestamp};

const PEOPLE: [&str; 4] = ["jane", "vera", "olaf", "nobody"];

/// A clinician of ward `icu`, a viewer, an ops, and somebody of the plan who has no account.
async fn house() -> House {
    let house = House::open().await;
    house.person("jane", Role::Clinician, &["icu"]);
    house.person("vera", Role::Viewer, &[]);
    house.person("olaf", Role::Ops, &[]);
    let person = |name: &&str| Person {
        id: format!("id-{name}").parse().unwrap(),
        actor: (*name).to_owned(),
        channels: Vec::new(),
        wards: None,
    };
    let people = PEOPLE.iter().map(person).collect();
    house.bench.board.send_modify(|board| {
        Arc::make_mut(board).duty = Some(Arc::new(DutyPlan { people, ..DutyPlan::default() }));
    });
    house
}

fn now() -> Timestamp {
    crate::clock::Clock::system(Timestamp::default()).wall()
}

impl House {
    /// The path of somebody's link.
    fn link(&self, name: &str, alarm: &str, answer: Answer) -> String {
        let person = format!("id-{name}").parse().unwrap();
        self.answers.to(&person, &alarm.parse().unwrap(), 1, now()).path(answer)
    }

    async fn status(&self, method: &str, path: &str) -> u16 {
        self.bench.call(method, path, &[], "").await.status
    }
}

#[tokio::test]
async fn a_link_acts_as_its_person_and_says_what_was_seen() {
    let mut house = house().await;
    let observed = house.bench.answer(|_| answered(Outcome::Done));
    for (answer, act) in [
        (Answer::Accept, AlarmAct::Accept),
        (Answer::Acknowledge, AlarmAct::Acknowledge),
        (Answer::Reject, AlarmAct::Reject),
    ] {
        let link = house.link("jane", "A1", answer);
        assert_eq!(house.status("GET", &link).await, 200);
        assert_eq!(observed.lock().unwrap().len(), 0, "opened, it asks nothing of the core");
        assert_eq!(house.status("POST", &link).await, 200);
        let command = observed.lock().unwrap().pop().unwrap();
        assert_eq!(command.actor, "jane");
        let Action::Alarm { id, seen, act: done } = command.action else { panic!("{command:?}") };
        assert_eq!((id.as_str(), seen, done), ("A1", 1, act));
    }
}

#[tokio::test]
async fn a_link_does_no_more_than_its_person_may_when_it_is_used() {
    let mut house = house().await;
    let observed = house.bench.answer(|_| answered(Outcome::Done));
    for (name, alarm) in [
        ("vera", "A1"),
        ("olaf", "A1"),
        ("nobody", "A1"),
        ("stranger", "A1"),
        ("jane", "A3"),
        ("jane", "G1"),
    ] {
        let link = house.link(name, alarm, Answer::Accept);
        for method in ["GET", "POST"] {
            assert_eq!(house.status(method, &link).await, 403, "{method} of {name} for {alarm}");
        }
    }
    let link = house.link("jane", "A1", Answer::Accept);
    house.people.change(|book| book.disable("local:cli", "jane", true)).unwrap();
    assert_eq!(house.status("POST", &link).await, 403, "disabled");
    house.people.change(|book| book.disable("local:cli", "jane", false)).unwrap();
    house.bench.board.send_modify(|board| Arc::make_mut(board).duty = None);
    assert_eq!(house.status("POST", &link).await, 403, "in no plan");
    assert_eq!(observed.lock().unwrap().len(), 0);
    assert_eq!(house.status("POST", "/answer/forged").await, 404);
    assert_eq!(house.status("DELETE", &link).await, 405);
}

#[tokio::test]
async fn a_link_ends_with_a_shift_and_is_of_an_open_alarm() {
    let house = house().await;
    let person = "id-jane".parse().unwrap();
    let before = now() - Span::hours(13);
    let old = house.answers.to(&person, &"A1".parse().unwrap(), 1, before).path(Answer::Accept);
    assert_eq!(house.status("GET", &old).await, 410);
    let closed = house.link("jane", "A99", Answer::Accept);
    assert_eq!(house.status("GET", &closed).await, 409);
    let german = house.bench.call("GET", &old, &[("accept-language", "de")], "").await;
    assert!(german.body.contains("abgelaufen"), "{german:?}");
}
