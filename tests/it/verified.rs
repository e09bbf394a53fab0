//! The habit of the harness itself: a store that differs from its journal fails the test it is of.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::harness::{Gateway, telemetry};

/// A stopped gateway that has raised an alarm.
fn alarmed() -> Gateway {
    let mut gateway = Gateway::start();
    gateway.admit("p1", "dev-1");
    let low = telemetry(1, gateway.now(), &[("spo2", 84.0, "%")]);
    gateway.mqtt("dev-1").telemetry("dev-1", &low);
    assert_eq!(gateway.alarms("p1").len(), 1);
    gateway.stop();
    gateway
}

/// What a test fails with that ends so.
fn failure(end: impl FnOnce()) -> Option<String> {
    let payload = catch_unwind(AssertUnwindSafe(end)).err()?;
    let text = payload.downcast_ref::<String>().cloned();
    Some(text.unwrap_or_else(|| (*payload.downcast_ref::<&str>().expect("a text")).to_owned()))
}

#[test]
fn a_dropped_gateway_whose_store_was_tampered_with_fails_its_test() {
    let gateway = alarmed();
    gateway.tamper("DELETE FROM transitions WHERE change = 'raised'");
    let failure = failure(|| drop(gateway)).expect("the loss is found");
    assert!(failure.contains("raised is missing"), "{failure}");
}

#[test]
fn damage_that_is_announced_fails_no_test_and_must_be_there() {
    let mut gateway = alarmed();
    gateway.damages_its_store("an alarm is taken out");
    gateway.tamper("DELETE FROM transitions WHERE change = 'raised'");
    assert_eq!(failure(|| drop(gateway)), None);

    let mut whole = alarmed();
    whole.damages_its_store("an alarm is taken out");
    let failure = failure(|| drop(whole)).expect("there is no damage");
    assert!(failure.contains("although an alarm is taken out"), "{failure}");
}

#[test]
fn a_test_that_fails_already_says_why_before_its_store_is_looked_at() {
    let gateway = alarmed();
    gateway.tamper("DELETE FROM transitions WHERE change = 'raised'");
    let failure = failure(move || {
        let _gateway = gateway;
        panic!("what went wrong first");
    });
    assert_eq!(failure.as_deref(), Some("what went wrong first"));
}
