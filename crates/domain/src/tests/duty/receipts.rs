//! What is known of whether people heard of an alarm is shown, and steers nothing, but that what cannot be delivered goes on
//! at once.

use crate::model::command::{AlarmAct, Outcome};
use crate::model::input::Input;
use crate::model::responsibility::Delivery;

use super::{SPO2, channel, desaturated, fails, second, with_channels};
use crate::tests::scene::Scene;

fn told(scene: &Scene) -> Vec<(String, String, Delivery)> {
    let one = |told: crate::model::responsibility::Told| {
        (told.to, told.channel.map(|c| c.to_string()).unwrap_or_default(), told.result)
    };
    scene.answers(SPO2).told.into_iter().map(one).collect()
}

fn is(to: &str, channel: &str, result: Delivery) -> (String, String, Delivery) {
    (to.to_owned(), channel.to_owned(), result)
}

fn taken(scene: &mut Scene, by: &str) {
    let alarm = scene.alarm(SPO2);
    scene.fold(&[Input::Delivered { channel: channel(by), alarm: alarm.id, seq: alarm.seq }]);
}

#[test]
fn somebody_is_notified_when_a_channel_took_it_and_the_clock_runs_from_before() {
    let mut scene = desaturated(with_channels());
    assert_eq!(scene.asked(SPO2), "unassigned 1 nurse n1");
    assert_eq!(told(&scene), [is("n1", "n1-push", Delivery::Waiting)]);
    let deadline = scene.answers(SPO2).deadline;
    scene.low_for(30);
    taken(&mut scene, "n1-push");
    scene.expect(&["received high vitals_live.spo2_low: alarming, present"]);
    assert_eq!(scene.asked(SPO2), "notified 1 nurse n1");
    assert_eq!(scene.answers(SPO2).deadline, deadline);
    taken(&mut scene, "n1-push");
    taken(&mut scene, "d1-push");
    scene.expect(&[]);
    assert_eq!(scene.by("nurse", SPO2, AlarmAct::Received).0, Outcome::Done);
    assert_eq!(told(&scene), [is("n1", "n1-push", Delivery::Received)]);
    assert_eq!(scene.by("d1", SPO2, AlarmAct::Received).0, Outcome::Conflict);
    assert_eq!(scene.answers(SPO2).deadline, deadline);
}

#[test]
fn whoever_is_told_again_is_told_by_all_their_channels() {
    let mut scene = desaturated(with_channels());
    scene.low_for(120);
    let waiting = [is("n1", "n1-push", Delivery::Waiting), is("n1", "n1-sms", Delivery::Waiting)];
    assert_eq!(told(&scene), waiting);
    let responsibility = scene.answers(SPO2);
    let seq = scene.alarm(SPO2).seq;
    assert!(responsibility.calls_by(&channel("n1-sms"), seq));
    assert!(!responsibility.calls_by(&channel("d1-push"), seq));
}

#[test]
fn what_is_high_and_cannot_be_delivered_goes_to_the_next_channel_and_step_at_once() {
    let mut scene = desaturated(with_channels());
    scene.skip();
    fails(&mut scene, "n1-push");
    scene.expect(&[
        "raised high delivery.failing: alarming, present",
        "notified high vitals_live.spo2_low: alarming, present",
    ]);
    assert_eq!(scene.asked(SPO2), "unassigned 2 physician d1");
    assert_eq!(
        told(&scene),
        [
            is("n1", "n1-push", Delivery::Failed),
            is("n1", "n1-sms", Delivery::Waiting),
            is("d1", "d1-push", Delivery::Waiting),
        ]
    );
    assert_eq!(scene.answers(SPO2).deadline, Some(second(186.0)));
}

#[test]
fn behind_the_last_step_all_are_told_at_once_where_nothing_reaches_whoever_is_asked() {
    let mut scene = desaturated(with_channels());
    fails(&mut scene, "n1-push");
    taken(&mut scene, "n1-sms");
    scene.skip();
    fails(&mut scene, "d1-push");
    scene.expect(&[
        "raised high delivery.failing: alarming, present",
        "exhausted high vitals_live.spo2_low: alarming, present",
        "raised high duty.exhausted: alarming, present",
    ]);
    assert_eq!(scene.asked(SPO2), "exhausted");
    let again: Vec<_> = told(&scene);
    assert!(
        again.contains(&is("n1", "n1-sms", Delivery::Waiting)),
        "who can be reached hears it again: {again:?}"
    );
    assert!(again.contains(&is("d1", "d1-push", Delivery::Failed)), "{again:?}");
}

#[test]
fn whoever_is_asked_last_has_their_time_where_one_of_their_channels_took_it() {
    let mut scene = desaturated(with_channels());
    assert_eq!(scene.by("n1", SPO2, AlarmAct::Reject).0, Outcome::Done);
    taken(&mut scene, "d1-push");
    fails(&mut scene, "d1-push");
    assert_eq!(scene.asked(SPO2), "notified 2 physician d1");
}

#[test]
fn what_is_not_high_waits_for_its_time() {
    let mut scene = super::bedside(with_channels());
    scene.stream("dev", "spo2", 84.0, 16);
    fails(&mut scene, "n1-push");
    assert_eq!(scene.asked(SPO2), "unassigned 1 nurse n1");
    assert_eq!(told(&scene), [is("n1", "n1-push", Delivery::Failed)]);
}

#[test]
fn what_is_high_goes_on_at_once_where_the_channel_is_known_to_fail() {
    let mut scene = super::bedside(with_channels());
    fails(&mut scene, "n1-push");
    scene.low_for(6);
    assert_eq!(scene.asked(SPO2), "unassigned 2 physician d1");
    assert_eq!(
        told(&scene),
        [
            is("n1", "n1-push", Delivery::Failed),
            is("n1", "n1-sms", Delivery::Waiting),
            is("d1", "d1-push", Delivery::Waiting),
        ]
    );
}

#[test]
fn a_channel_that_works_again_is_the_first_again() {
    let mut scene = super::bedside(with_channels());
    fails(&mut scene, "n1-push");
    let back =
        Input::Undelivered { channel: channel("n1-push"), waits: None, words: String::new() };
    scene.fold(&[back]);
    scene.low_for(6);
    assert_eq!(scene.asked(SPO2), "unassigned 1 nurse n1");
    assert_eq!(told(&scene), [is("n1", "n1-push", Delivery::Waiting)]);
}
