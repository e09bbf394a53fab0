//! A relay by which nothing comes any more: one announcement for all, and nobody who is never told (contract §5).

use proptest::prelude::*;

use crate::model::alarm::{Alarm, Priority};
use crate::model::command::{Action, AlarmAct, PatientDetails};
use crate::model::message::{Message, Reading};
use crate::model::pause::What;
use crate::model::responsibility::Assignment;
use crate::tests::scene::{Scene, restored};

use super::duty::{on_duty, usual};

const OUT: &str = "link.outage";
const SILENT: &str = "link.silence";

fn patient(number: usize) -> String {
    format!("p{number}")
}

fn device(number: usize) -> String {
    format!("d{number}")
}

/// So many patients in beds of a ward, each with a monitor.
fn ward(patients: usize) -> Scene {
    wards(&[("icu", patients)])
}

fn wards(wards: &[(&str, usize)]) -> Scene {
    let mut scene = Scene::empty();
    let mut number = 0;
    for (name, patients) in wards {
        scene.done(Action::AddWard(name.parse().unwrap()));
        for _ in 0..*patients {
            let bed = format!("b{number}");
            let (bed, ward) = (bed.parse().unwrap(), name.parse().unwrap());
            scene.done(Action::AddBed { bed, ward });
            let bed = format!("b{number}");
            scene.admit_with(&patient(number), |details: &mut PatientDetails| {
                details.bed = Some(bed.parse().unwrap());
            });
            scene.device(&device(number), "bedside", &["heart_rate"]);
            scene.bind(&device(number), &patient(number));
            number += 1;
        }
    }
    scene
}

/// A reading of each of these devices by a hub, and a second.
fn say(scene: &mut Scene, devices: impl IntoIterator<Item = usize>) {
    for number in devices {
        scene.send(&device(number), "heart_rate", 70.0, |message, _| {
            message.principal = "hub".parse().unwrap();
        });
    }
    scene.advance(1.0);
}

/// All go on for a while, and then nothing comes.
fn dies(scene: &mut Scene, patients: usize) {
    for _ in 0..3 {
        say(scene, 0..patients);
    }
    scene.skip();
}

/// The first goes on for a moment, the others for a while, so that its silence is told, or would be.
fn falls_silent_alone(scene: &mut Scene, patients: usize) {
    say(scene, 0..patients);
    for _ in 0..20 {
        say(scene, 1..patients);
    }
}

fn silence_of(scene: &Scene, number: usize) -> Alarm {
    let of = scene.core.patients[patient(number).as_str()].alarms.iter();
    let mut silent = of.filter(|(key, _)| key.rule.as_str() == SILENT);
    silent.next().expect("it is silent").1.alarm.clone()
}

fn flag(scene: &mut Scene, number: usize) {
    scene.done(Action::ChangePatient {
        patient: patient(number).parse().unwrap(),
        age_class: None,
        continuous: Some(true),
        pregnant: None,
        replaces: None,
        spo2_scale: None,
        reason: None,
    });
}

#[test]
fn what_was_told_twice_and_follows_from_an_outage_by_the_end_of_its_hour_waits_for_the_end_of_that()
{
    let mut scene = ward(4);
    (0..3).for_each(|_| falls_silent_alone(&mut scene, 4));
    assert!(silence_of(&scene, 0).quiet_until.is_some());
    scene.advance(70.0);
    scene.skip();
    scene.advance(3_600.0);
    let silent = silence_of(&scene, 0);
    assert_eq!((silent.quiet_until, silent.group), (None, Some(scene.alarm(OUT).id.to_string())));
    assert!(!scene.told().contains(&format!("medium {SILENT}")));
}

#[test]
fn a_relay_of_many_that_dies_is_announced_once() {
    let mut scene = ward(40);
    dies(&mut scene, 40);
    scene.advance(20.0);
    assert_eq!(scene.told(), ["low link.outage"]);
    let outage = scene.alarm(OUT);
    assert_eq!(outage.text, "nothing comes through hub any more: patients without data by it: 40");
    assert_eq!((outage.source.as_str(), outage.ward.unwrap().as_str()), ("hub/icu", "icu"));
    assert_eq!(outage.patient, None);
    for number in 0..40 {
        let silence = silence_of(&scene, number);
        assert_eq!(silence.group.as_deref(), Some(outage.id.as_str()));
        assert!(silence.is_shown_only());
    }
    scene.advance(600.0);
    assert_eq!(scene.told(), ["medium link.outage"]);
    assert_eq!(silence_of(&scene, 7).priority, Priority::Medium);
}

#[test]
fn two_by_one_relay_are_two() {
    let mut scene = ward(2);
    dies(&mut scene, 2);
    scene.advance(20.0);
    assert_eq!(scene.told(), ["low link.silence", "low link.silence"]);
}

#[test]
fn a_relay_that_brings_others_is_not_out() {
    let mut scene = ward(5);
    dies(&mut scene, 5);
    for _ in 0..20 {
        say(&mut scene, [4]);
    }
    assert_eq!(scene.told(), ["low link.silence"; 4]);
    assert!(scene.find(OUT).is_none());
}

#[test]
fn what_comes_back_with_its_relay_was_told_once() {
    let mut scene = ward(4);
    dies(&mut scene, 4);
    scene.advance(20.0);
    assert_eq!(scene.told(), ["low link.outage"]);
    say(&mut scene, [0]);
    assert!(scene.find(OUT).is_none());
    for _ in 0..20 {
        say(&mut scene, 0..4);
    }
    assert_eq!(scene.told(), [""; 0]);
    assert!(scene.find(SILENT).is_none());
}

#[test]
fn who_is_not_back_with_its_relay_is_announced_by_itself() {
    let mut scene = ward(4);
    dies(&mut scene, 4);
    scene.advance(70.0);
    scene.skip();
    for second in 0..20 {
        say(&mut scene, 0..3);
        let told = scene.told();
        let expected: &[&str] = if second == 14 { &["medium link.silence"] } else { &[] };
        assert_eq!(told, expected, "{second} s after the relay is back");
    }
    assert_eq!(silence_of(&scene, 3).group, None);
}

#[test]
fn a_relay_that_is_lost_again_has_its_members_again() {
    let mut scene = ward(4);
    dies(&mut scene, 4);
    scene.advance(20.0);
    say(&mut scene, 0..3);
    scene.skip();
    scene.advance(100.0);
    // The fourth, too, whose time was up at that moment.
    assert_eq!(scene.told(), ["low link.outage", "medium link.outage"]);
    let outage = scene.alarm(OUT);
    for number in 0..4 {
        assert_eq!(silence_of(&scene, number).group.as_deref(), Some(outage.id.as_str()));
    }
}

#[test]
fn a_relay_that_comes_and_goes_hides_nobody_for_long_and_counts_whom_it_hides() {
    let mut scene = ward(8);
    dies(&mut scene, 8);
    let (mut told, mut counted) = (Vec::new(), Vec::new());
    for _ in 0..4 {
        scene.advance(18.0);
        let text = scene.alarm(OUT).text;
        counted.push(text.rsplit(' ').next().unwrap().to_owned());
        told.extend(scene.told());
        say(&mut scene, 0..3);
        told.extend(scene.told());
    }
    assert_eq!(counted, ["8", "8", "8", "3"], "those who wait are counted until they are told");
    for number in 3..8 {
        assert_eq!(silence_of(&scene, number).group, None, "d{number}: {told:?}");
    }
    let alone = told.iter().filter(|one| one.ends_with(SILENT)).count();
    assert_eq!(alone, 5, "{told:?}");
}

#[test]
fn who_is_watched_continuously_or_in_alarm_is_no_member() {
    let mut scene = ward(6);
    flag(&mut scene, 1);
    for _ in 0..20 {
        scene.send("d2", "spo2", 85.0, |message, _| {
            message.principal = "hub".parse().unwrap();
        });
        say(&mut scene, 0..6);
    }
    scene.skip();
    scene.advance(20.0);
    let told = scene.told();
    let of = |rule: &str| told.iter().filter(|said| said.ends_with(rule)).count();
    assert_eq!((of(OUT), of(SILENT)), (1, 2), "{told:?}");
    for (number, alone) in [(0, false), (1, true), (2, true), (3, false)] {
        assert_eq!(silence_of(&scene, number).group.is_none(), alone, "{number}");
    }
    scene.skip();
    flag(&mut scene, 3);
    assert_eq!(scene.told(), ["low link.silence"]);
    // What becomes high is told, whoever else is silent.
    scene.advance(400.0);
    assert_eq!(silence_of(&scene, 3).priority, Priority::High);
    assert!(scene.told().contains(&"high link.silence".to_owned()));
}

/// One more monitor of the first patient, which speaks for itself and finds too little oxygen for a while.
fn in_alarm_by_another(scene: &mut Scene) {
    for _ in 0..20 {
        scene.reading("alone", "spo2", 85.0);
        scene.advance(1.0);
    }
}

#[test]
fn who_is_in_alarm_is_no_member_though_somebody_pauses_that() {
    let mut scene = ward(4);
    scene.device("alone", "bedside", &[]);
    scene.bind("alone", &patient(0));
    say(&mut scene, 0..4);
    in_alarm_by_another(&mut scene);
    let pause = AlarmAct::Pause { what: What::Alarm, reason: None, until: None };
    scene.act("vitals_live.spo2_low", pause);
    dies(&mut scene, 4);
    scene.advance(16.0);
    assert_eq!([0, 1].map(|n| silence_of(&scene, n).group.is_some()), [false, true]);
}

#[test]
fn who_is_a_member_stays_one_whatever_else_is_found() {
    let mut scene = ward(4);
    scene.device("alone", "bedside", &[]);
    scene.bind("alone", &patient(0));
    dies(&mut scene, 4);
    in_alarm_by_another(&mut scene);
    scene.advance(50.0);
    let silences = scene.core.patients["p0"].alarms.iter();
    let mut silences = silences.filter(|(key, _)| key.source == "d0");
    let (_, silence) = silences.next().expect("it is silent");
    assert_eq!(silence.alarm.group, Some(scene.alarm(OUT).id.to_string()));
}

#[test]
fn one_more_silent_signal_of_what_is_told_raises_no_outage() {
    let mut scene = ward(1);
    scene.device("first", "bedside", &["heart_rate", "temperature"]);
    scene.bind("first", &patient(0));
    for number in 1..3 {
        scene.admit(&patient(number));
        scene.device(&device(number), "wearable", &["heart_rate"]);
        scene.bind(&device(number), &patient(number));
    }
    // The temperature of the first never came, which is told; its heart rate goes on, until nothing does.
    for _ in 0..70 {
        let by_hub = |message: &mut Message, _: &mut Reading| {
            message.principal = "hub".parse().unwrap();
        };
        scene.send("first", "heart_rate", 70.0, by_hub);
        say(&mut scene, 0..3);
    }
    scene.skip();
    scene.advance(14.8);
    assert!(scene.find(OUT).is_none());
}

#[test]
fn whose_a_device_turns_out_to_be_meanwhile_is_a_member_as_well() {
    let mut scene = ward(4);
    dies(&mut scene, 4);
    scene.advance(20.0);
    let (device, patient) = ("d0".parse().unwrap(), Some("p1".parse().unwrap()));
    let reason = "wrong bed".to_owned();
    scene.done(Action::CorrectBinding { device, patient, reason, replaces: None });
    assert!(!scene.told().contains(&"low link.silence".to_owned()));
}

#[test]
fn each_ward_hears_of_its_own() {
    let mut scene = wards(&[("icu", 3), ("west", 2)]);
    dies(&mut scene, 5);
    scene.advance(20.0);
    assert_eq!(scene.told(), ["low link.outage", "low link.outage"]);
    let of_site = scene.core.site.alarms.iter().filter(|(key, _)| key.rule.as_str() == OUT);
    let sources: Vec<_> = of_site.map(|(key, open)| (&*key.source, &*open.alarm.text)).collect();
    let text =
        |n: usize| format!("nothing comes through hub any more: patients without data by it: {n}");
    assert_eq!(sources, [("hub/icu", &*text(3)), ("hub/west", &*text(2))]);
}

#[test]
fn who_is_moved_to_a_ward_that_heard_of_nothing_is_announced_there() {
    let mut scene = wards(&[("icu", 4), ("west", 1)]);
    dies(&mut scene, 4);
    scene.advance(20.0);
    scene.skip();
    scene.done(Action::AddBed { bed: "w9".parse().unwrap(), ward: "west".parse().unwrap() });
    let (patient, bed) = ("p0".parse().unwrap(), Some("w9".parse().unwrap()));
    scene.done(Action::TransferPatient { patient, bed, replaces: None });
    scene.advance(14.0);
    assert_eq!(scene.told(), [""; 0]);
    scene.advance(1.0);
    assert_eq!(scene.told(), ["low link.silence"]);
}

#[test]
fn the_ladder_is_that_of_the_cause() {
    let mut scene = ward(5);
    scene.fold(&[on_duty(usual())]);
    dies(&mut scene, 5);
    scene.advance(61.0);
    let asked = |alarm: &Alarm| alarm.responsibility.as_ref().map(|is| is.state);
    let outage = scene.alarm(OUT);
    assert_eq!((outage.priority, asked(&outage)), (Priority::Medium, Some(Assignment::Notified)));
    for number in 0..5 {
        let state = asked(&silence_of(&scene, number));
        assert!(matches!(state, None | Some(Assignment::None)), "{state:?}");
    }
    say(&mut scene, 1..5);
    scene.advance(15.0);
    assert_eq!(asked(&silence_of(&scene, 0)), Some(Assignment::Notified));
}

proptest! {
    #![proptest_config(proptest::test_runner::Config { cases: 64, ..Default::default() })]

    /// Whatever comes and whoever is flagged: what is silent is announced by itself, or follows from what is open and was
    /// announced, or has a moment in which it will be; and so it is after a restart.
    #[test]
    fn nobody_who_is_silent_is_never_told(
        steps in prop::collection::vec((0_usize..8, 0_usize..64, 1_u16..40), 1..30),
    ) {
        let mut scene = ward(6);
        dies(&mut scene, 6);
        for (what, which, seconds) in steps {
            match what {
                0..=3 => say(&mut scene, (0..6).filter(|number| which >> number & 1 == 1)),
                4 => scene.advance(f64::from(seconds)),
                5 => scene.advance(f64::from(seconds) * 10.0),
                6 => scene.core = restored(&scene.core),
                _ if !scene.core.patients[patient(which % 6).as_str()].details.continuous => {
                    flag(&mut scene, which % 6);
                }
                _ => {}
            }
            for patient in scene.core.patients.values() {
                for (key, open) in patient.alarms.iter().filter(|(key, _)| key.rule.as_str() == SILENT) {
                    let Some(group) = open.alarm.group.as_deref() else { continue };
                    prop_assert!(open.alarm.priority < Priority::High && !patient.details.continuous);
                    let cause = scene.core.site.alarms.iter().find(|(_, of)| of.alarm.id.as_str() == group);
                    match cause {
                        Some((_, cause)) => prop_assert!(cause.alarm.priority >= open.alarm.priority),
                        None => prop_assert!(open.unfolds_at.is_some(), "{key:?}"),
                    }
                }
            }
        }
    }
}
