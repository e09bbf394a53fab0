//! Rules, bindings and patients that change while a signal is lost.

use crate::model::command::{Action, AgeClass};
use crate::model::message::{ReadingTime, Status};
use crate::tests::scene::{Scene, at};

use super::{CO2, RAISED, beats, breathing, expect};

fn unbind(scene: &mut Scene) {
    scene.done(Action::Unbind { device: "dev".parse().unwrap(), replaces: None });
}

#[test]
fn limits_for_adults_say_nothing_of_the_loss_of_others() {
    let mut scene = breathing();
    beats(&mut scene, 12);
    expect(&mut scene, &[RAISED]);
    scene.change(Some(AgeClass::Paediatric), None);
    expect(&mut scene, &["rule_changed high vitals_live.etco2_lost: closed rule_changed"]);
    beats(&mut scene, 12);
    expect(&mut scene, &[]);
    scene.change(Some(AgeClass::Adult), None);
    expect(&mut scene, &[RAISED]);
}

#[test]
fn row_23_a_loss_is_judged_anew_when_its_rule_changes() {
    let changed = "rule_changed high vitals_live.etco2_lost: closed rule_changed";
    for (new, expected) in [
        ("loss = \"11s\"", vec![changed, RAISED]),
        ("loss = \"5m\"", vec![changed]),
        ("", vec![changed]),
    ] {
        let mut scene = breathing();
        beats(&mut scene, 14);
        scene.skip();
        scene.reconfigure("loss = \"10s\"", new);
        expect(&mut scene, &expected);
        beats(&mut scene, 30);
        expect(&mut scene, &[]);
    }
    let mut scene = breathing();
    beats(&mut scene, 8);
    scene.reconfigure("loss = \"10s\"", "loss = \"5s\"");
    expect(&mut scene, &[RAISED]);
}

#[test]
fn row_23_a_loss_of_which_nothing_is_known_is_not_closed_by_a_changed_rule() {
    let mut scene = breathing();
    beats(&mut scene, 12);
    scene.advance(20.0);
    scene.skip();
    scene.reconfigure("loss = \"10s\"", "loss = \"5m\"");
    expect(
        &mut scene,
        &[
            "rule_changed high vitals_live.etco2_lost: closed rule_changed",
            "raised high vitals_live.etco2_lost: alarming, unknown",
        ],
    );
    scene.reading("dev", "etco2", 38.0);
    expect(&mut scene, &["back_absent high vitals_live.etco2_lost: latched, absent"]);
}

#[test]
fn row_24_a_loss_stays_with_the_patient_when_its_device_goes() {
    let mut scene = breathing();
    beats(&mut scene, 12);
    scene.skip();
    unbind(&mut scene);
    expect(&mut scene, &["source_unbound high vitals_live.etco2_lost: alarming, unknown"]);
    scene.device("other", "bedside", &[]);
    scene.bind("other", "p");
    scene.stream("other", "heart_rate", 70.0, 5);
    expect(&mut scene, &[]);
    scene.reading("other", "etco2", 38.0);
    expect(&mut scene, &["source_replaced high vitals_live.etco2_lost: closed source_replaced"]);
}

#[test]
fn row_24_a_loss_goes_on_where_its_device_is_bound_to_the_same_patient_again() {
    // The count of a loss that began before goes on.
    let mut scene = breathing();
    beats(&mut scene, 6);
    unbind(&mut scene);
    scene.bind("dev", "p");
    beats(&mut scene, 3);
    expect(&mut scene, &[]);
    beats(&mut scene, 3);
    expect(&mut scene, &[RAISED]);
    // One that was told is told again when it has lasted anew, and a value ends it.
    unbind(&mut scene);
    expect(&mut scene, &["source_unbound high vitals_live.etco2_lost: alarming, unknown"]);
    scene.advance(30.0);
    scene.bind("dev", "p");
    beats(&mut scene, 9);
    expect(&mut scene, &[]);
    beats(&mut scene, 4);
    expect(&mut scene, &["back_present high vitals_live.etco2_lost: alarming, present"]);
    scene.reading("dev", "etco2", 38.0);
    expect(&mut scene, &["latched high vitals_live.etco2_lost: latched, absent"]);
    // Nothing is lost while it is bound to nobody.
    beats(&mut scene, 9);
    unbind(&mut scene);
    beats(&mut scene, 30);
    expect(&mut scene, &[]);
}

#[test]
fn row_24_what_another_patient_had_meanwhile_is_lost_of_nobody() {
    let mut scene = breathing();
    scene.admit("q");
    beats(&mut scene, 3);
    unbind(&mut scene);
    scene.bind("dev", "q");
    beats(&mut scene, 30);
    unbind(&mut scene);
    scene.bind("dev", "p");
    beats(&mut scene, 30);
    expect(&mut scene, &[]);
}

#[test]
fn row_26_a_corrected_binding_takes_the_loss_to_the_right_patient() {
    let mut scene = breathing();
    beats(&mut scene, 12);
    scene.skip();
    scene.admit("q");
    scene.done(Action::CorrectBinding {
        device: "dev".parse().unwrap(),
        patient: Some("q".parse().unwrap()),
        reason: "wrong bed".to_owned(),
        replaces: None,
    });
    expect(&mut scene, &["retracted high vitals_live.etco2_lost: closed retracted", RAISED]);
    assert_eq!(scene.alarm(CO2).patient.unwrap().as_str(), "q");
}

#[test]
fn row_26_a_last_value_entered_in_error_retracts_no_loss() {
    let mut scene = breathing();
    beats(&mut scene, 12);
    scene.skip();
    scene.send("dev", "etco2", 38.0, |_, reading| {
        reading.status = Status::EnteredInError;
        reading.time = ReadingTime::At(at(4.0));
    });
    expect(&mut scene, &[]);
    assert_eq!(scene.alarm(CO2).condition.as_str(), "present");
}

#[test]
fn a_loss_that_makes_no_sense_is_refused_where_it_stands() {
    use crate::core::configuration::{Configuration, Texts};
    let second = "[[limit]]\nid = \"x\"\nsignal = \"etco2\"\nlow = [\"20 mm[Hg]\"]\nhysteresis = \"2 mm[Hg]\"\nloss = \"5s\"\n\n[[event]]";
    for (old, new, place, what) in [
        (
            "confirm = \"5m\"",
            "loss = \"20s\"",
            "loss = \"20s\"\nadults_only = true\nfolds = [\"nibp_mean\"]",
            "measured singly",
        ),
        ("loss = \"10s\"", "loss = \"0s\"", "loss = \"0s\"", "lasts for some time"),
        ("[[event]]", second, "\"x\"", "stands twice"),
    ] {
        let shipped = crate::tests::scene::shipped();
        let rules = shipped.rules.replacen(old, new, 1);
        let before = &rules[..rules.find(place).unwrap()];
        let line = before.matches('\n').count() + 1;
        let refusal = Configuration::parse(Texts { rules, ..shipped }).unwrap_err().to_string();
        assert!(
            refusal.contains(what) && refusal.contains(&format!("line {line}, column ")),
            "{refusal}"
        );
    }
}
