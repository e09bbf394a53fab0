//! Limits with an end: what holds then, who is told before and after, and that no other write moves it.

use proptest::prelude::*;
use proptest::test_runner::Config;

use crate::model::alarm::{Alarm, Side};
use crate::model::command::{Action, AgeClass, Outcome, PatientLimit};
use crate::model::time::{Span, Timestamp};
use crate::model::unit::Unit;

use super::limits::spo2;
use super::scene::{Scene, at, restored};

const HOUR: f64 = 3_600.0;
const NEAR: &str = "raised low limit.expiring: alarming, present";
const NEAR_ENDED: &str = "ended low limit.expiring: closed ended";
const NEAR_CHANGED: &str = "limit_changed low limit.expiring: closed limit_changed";
const OVER: &str = "note limit_ended";
const EXPIRED: &str = "raised low limit.expired: alarming, momentary";
const EXPIRED_CHANGED: &str = "limit_changed low limit.expired: closed limit_changed";

fn until(limit: PatientLimit, seconds: f64) -> PatientLimit {
    PatientLimit { until: Some(at(seconds)), ..limit }
}

fn low(value: f64, end: f64) -> PatientLimit {
    until(spo2(Side::Low, false, value), end)
}

fn fast(value: f64) -> PatientLimit {
    PatientLimit {
        signal: "heart_rate".to_owned(),
        unit: Unit::PerMinute,
        ..spo2(Side::High, false, value)
    }
}

fn put(scene: &mut Scene, limits: Vec<PatientLimit>) {
    let (outcome, said) = scene.limits(limits, None, None);
    assert_eq!(outcome, Outcome::Done, "{said}");
}

/// Those of one signal, from an instant on.
fn change(scene: &mut Scene, limits: Vec<PatientLimit>, from: Option<Timestamp>) {
    scene.done(Action::SetLimits {
        patient: "p".parse().unwrap(),
        only: Some(limits[0].signal.clone()),
        limits,
        from,
        replaces: None,
        reason: Some("as usual for this patient".to_owned()),
    });
}

/// What moved of limits since the last look: nobody's silence counts here.
fn news(scene: &mut Scene) -> Vec<String> {
    let of_limits = |said: &String| said.contains("limit.") || said.starts_with("note limit");
    scene.news().into_iter().filter(of_limits).collect()
}

#[track_caller]
fn at_end(scene: &mut Scene, second: f64, expected: &[&str]) {
    scene.advance(second - 1.0 - scene.second());
    assert_eq!(news(scene), [""; 0], "before second {second}");
    scene.advance(1.0);
    assert_eq!(news(scene), expected, "at second {second}");
}

fn text(alarm: &Alarm) -> (&str, &str) {
    (&alarm.source, &alarm.text)
}

fn own(scene: &Scene) -> Vec<(String, Option<f64>)> {
    let own = scene.core.patients["p"].limits_at(scene.now.at).own;
    own.iter().map(|limit| (limit.signal.clone(), limit.value)).collect()
}

#[test]
fn a_wider_limit_after_an_end_closes_nothing_in_silence() {
    let mut scene = Scene::bedside();
    put(&mut scene, vec![low(92.0, 100.0)]);
    scene.stream("dev", "spo2", 91.0, 99);
    scene.expect(&["raised medium vitals_live.spo2_low: alarming, present"]);
    scene.stream("dev", "spo2", 91.0, 1);
    scene.expect(&[OVER, "limit_changed medium vitals_live.spo2_low: latched, absent", EXPIRED]);
    let told = scene.alarm("limit.expired");
    assert_eq!(text(&told), ("spo2.low", "SpO2: low limit 92 % has ended, now 88 %"));
    assert_eq!((told.raised_at, told.rule_version), (at(100.0), 2));
    assert_eq!(told.trigger.limit, Some(92.0));
    assert_eq!(own(&scene), []);
    assert_eq!(scene.core.patients["p"].limits_version(), 2);
    // And is kept until somebody has looked.
    scene.advance(240.0 * HOUR);
    assert_eq!(news(&mut scene), [""; 0]);
    assert_eq!(scene.reset("limit.expired", None), Outcome::Done);
    assert!(scene.find("limit.expired").is_none());
}

#[test]
fn a_narrower_limit_after_an_end_judges_what_is_known() {
    let mut scene = Scene::bedside();
    put(&mut scene, vec![low(82.0, 60.0)]);
    scene.stream("dev", "spo2", 85.0, 59);
    scene.expect(&[]);
    scene.stream("dev", "spo2", 85.0, 1);
    scene.expect(&[OVER]);
    scene.stream("dev", "spo2", 85.0, 16);
    scene.expect(&["raised medium vitals_live.spo2_low: alarming, present"]);
    assert_eq!(scene.alarm("vitals_live.spo2_low").trigger.limit, Some(88.0));
}

#[test]
fn an_end_is_announced_a_day_before_and_once() {
    let mut scene = Scene::bedside();
    put(&mut scene, vec![low(92.0, 30.0 * HOUR), until(fast(150.0), 24.0 * HOUR)]);
    at_end(&mut scene, 6.0 * HOUR, &[NEAR]);
    let told = scene.alarm("limit.expiring");
    assert_eq!(text(&told), ("spo2.low", "SpO2: low limit 92 % ends within a day, then 88 %"));
    assert_eq!(scene.reset("limit.expiring", Some("seen")), Outcome::Conflict);
    assert_eq!(scene.acknowledge("limit.expiring"), Outcome::Done);
    scene.skip();
    // Whoever put it for a day knows, and what holds then is narrower.
    at_end(&mut scene, 24.0 * HOUR, &[OVER]);
    at_end(&mut scene, 30.0 * HOUR, &[OVER, NEAR_ENDED, EXPIRED]);
}

#[test]
fn what_is_put_otherwise_ends_no_more_and_what_is_put_again_does() {
    let mut scene = Scene::bedside();
    put(&mut scene, vec![low(92.0, 30.0 * HOUR)]);
    at_end(&mut scene, 6.0 * HOUR, &[NEAR]);
    put(&mut scene, vec![low(92.0, 30.0 * HOUR), fast(150.0)]);
    assert_eq!(news(&mut scene), [""; 0]);
    put(&mut scene, vec![low(92.0, 40.0 * HOUR), fast(150.0)]);
    assert_eq!(news(&mut scene), [NEAR_CHANGED]);
    assert_eq!(scene.closed("limit.expiring").closed_reason.as_deref(), Some("limit_changed"));
    at_end(&mut scene, 16.0 * HOUR, &[NEAR]);
    put(&mut scene, vec![spo2(Side::Low, false, 92.0)]);
    assert_eq!(news(&mut scene), [NEAR_CHANGED]);
    scene.advance(100.0 * HOUR);
    assert_eq!(news(&mut scene), [""; 0]);
}

#[test]
fn a_write_of_another_signal_moves_no_end_and_answers_for_none() {
    let mut scene = Scene::bedside();
    put(&mut scene, vec![low(92.0, 100.0)]);
    scene.advance(10.0);
    change(&mut scene, vec![fast(150.0)], None);
    scene.skip();
    at_end(&mut scene, 100.0, &[OVER, EXPIRED]);
    assert_eq!(own(&scene), [("heart_rate".to_owned(), Some(150.0))]);
    change(&mut scene, vec![fast(140.0)], None);
    assert_eq!(news(&mut scene), [""; 0]);
    change(&mut scene, vec![spo2(Side::Low, false, 90.0)], Some(at(200.0)));
    assert_eq!(news(&mut scene), [""; 0]);
    at_end(&mut scene, 200.0, &["note limits_in_force", EXPIRED_CHANGED]);
}

#[test]
fn limits_that_take_its_place_before_leave_no_end() {
    let mut scene = Scene::bedside();
    put(&mut scene, vec![low(92.0, 30.0 * HOUR)]);
    at_end(&mut scene, 6.0 * HOUR, &[NEAR]);
    change(&mut scene, vec![spo2(Side::Low, false, 90.0)], Some(at(20.0 * HOUR)));
    assert_eq!(news(&mut scene), [NEAR_CHANGED]);
    at_end(&mut scene, 20.0 * HOUR, &["note limits_in_force"]);
    scene.advance(48.0 * HOUR);
    assert_eq!(news(&mut scene), [""; 0]);
    assert_eq!(own(&scene), [("spo2".to_owned(), Some(90.0))]);
}

#[test]
fn limits_that_wait_have_ends_of_their_own_and_an_end_is_none_of_them() {
    let mut scene = Scene::bedside();
    put(&mut scene, vec![low(92.0, 50.0)]);
    change(&mut scene, vec![until(fast(150.0), 80.0)], Some(at(30.0)));
    change(&mut scene, vec![until(fast(140.0), 40.0)], None);
    scene.skip();
    // `PATCH` changes its signal in those that wait, as far as it holds then.
    let waiting: Vec<_> = scene.core.patients["p"].waiting_limits().collect();
    assert_eq!((waiting.len(), waiting[0].from, waiting[0].limits.len()), (1, at(30.0), 2));
    at_end(&mut scene, 30.0, &["note limits_in_force"]);
    at_end(&mut scene, 40.0, &[OVER]);
    at_end(&mut scene, 50.0, &[OVER, EXPIRED]);
    assert_eq!(own(&scene), []);
}

#[test]
fn a_side_that_was_off_is_judged_again() {
    let mut scene = Scene::bedside();
    let off = PatientLimit { value: None, ..low(0.0, 30.0 * HOUR) };
    put(&mut scene, vec![off]);
    at_end(&mut scene, 6.0 * HOUR, &[NEAR]);
    let told = scene.alarm("limit.expiring");
    assert_eq!(told.text, "SpO2: low limit off ends within a day, then 88 %");
    at_end(&mut scene, 30.0 * HOUR, &[OVER, NEAR_ENDED]);
    scene.skip();
    scene.stream("dev", "spo2", 85.0, 16);
    assert!(scene.told().contains(&"medium vitals_live.spo2_low".to_owned()));
}

#[test]
fn where_nothing_is_left_a_person_hears() {
    let mut scene = Scene::empty();
    scene.admit_with("p", |details| details.age_class = AgeClass::Paediatric);
    scene.device("dev", "bedside", &[]);
    scene.bind("dev", "p");
    put(&mut scene, vec![low(92.0, 60.0)]);
    scene.skip();
    at_end(&mut scene, 60.0, &[OVER, EXPIRED]);
    assert_eq!(scene.alarm("limit.expired").text, "SpO2: low limit 92 % has ended, now none");
}

#[test]
fn an_end_without_effect_or_with_limits_that_cross_after_it_is_refused() {
    let mut scene = Scene::bedside();
    scene.advance(100.0);
    let crossing = vec![low(95.0, 500.0), spo2(Side::Low, true, 90.0)];
    for (limits, from, word) in [
        (vec![low(92.0, 100.0)], None, "before it holds"),
        (vec![low(92.0, 90.0)], Some(at(50.0)), "before it holds"),
        (vec![low(92.0, 300.0)], Some(at(300.0)), "before it holds"),
        (crossing, None, "once spo2 low has ended"),
    ] {
        let (outcome, said) = scene.limits(limits, from, None);
        assert_eq!(outcome, Outcome::Invalid, "{said}");
        assert!(said.contains(word), "{said}");
    }
    assert_eq!(scene.core.patients["p"].limits_version(), 0);
}

#[test]
fn an_end_stands_across_restarts_and_steps_of_the_clock() {
    let mut scene = Scene::bedside();
    put(&mut scene, vec![low(92.0, 100.0)]);
    scene.skip();
    scene.now.offset = Span::hours(1);
    scene.advance(1.0);
    let (again, _) = scene.limits(vec![low(92.0, 100.0)], None, None);
    assert_eq!(again, Outcome::AlreadySo);
    scene.restart(50.0);
    assert_eq!(news(&mut scene), [""; 0]);
    scene.restart(60.0);
    assert_eq!(news(&mut scene), [OVER, EXPIRED]);
    assert_eq!(own(&scene), []);
}

#[test]
fn what_was_measured_before_an_end_is_judged_by_what_held() {
    let mut scene = Scene::bedside();
    let systolic = |value, end| PatientLimit {
        signal: "nibp_sys".to_owned(),
        unit: Unit::MmHg,
        ..low(value, end)
    };
    put(&mut scene, vec![systolic(110.0, 1_000.0)]);
    scene.advance(2_000.0);
    scene.skip();
    scene.measured_at("dev", "nibp_sys", 100.0, 1_500.0);
    scene.expect(&[]);
    scene.measured_at("dev", "nibp_sys", 100.0, 500.0);
    scene.expect(&["late raised low vitals_live.nibp_sys_low: alarming, momentary"]);
}

#[test]
fn a_stay_that_ended_has_no_end_to_tell_of() {
    let mut scene = Scene::bedside();
    put(&mut scene, vec![low(92.0, 30.0 * HOUR)]);
    scene.advance(7.0 * HOUR);
    let reason = Some("home".to_owned());
    scene.done(Action::DischargePatient { patient: "p".parse().unwrap(), reason, replaces: None });
    scene.skip();
    scene.advance(48.0 * HOUR);
    assert_eq!(news(&mut scene), [""; 0]);
    scene.admit("p");
    assert_eq!(scene.core.patients["p"].offered_limits().len(), 1);
    scene.advance(48.0 * HOUR);
    assert_eq!(news(&mut scene), [""; 0]);
}

proptest! {
    #![proptest_config(Config { cases: 32, ..Config::default() })]

    /// Whatever is put, with whatever end: wherever time is cut, and a process ends, the same comes of it, nothing holds
    /// that has ended, and what is said to be about to end is.
    #[test]
    fn an_end_comes_at_its_time_wherever_time_is_cut(
        puts in prop::collection::vec((0_usize..3, 0_u32..4, 1_u32..60, 0_u32..30, 1_u32..40), 1..10),
    ) {
        let (mut whole, mut cut) = (Scene::bedside(), Scene::bedside());
        for (which, value, end, begin, hours) in puts {
            for scene in [&mut whole, &mut cut] {
                let end = scene.second() + f64::from(end) * HOUR;
                let value = f64::from(value);
                let limits = match which {
                    0 => vec![low(86.0 + value, end), until(fast(140.0 + value), end + HOUR)],
                    1 => vec![low(86.0 + value, end)],
                    _ => vec![fast(140.0 + value)],
                };
                let later = at(scene.second() + f64::from(begin) * HOUR);
                scene.command(Action::SetLimits {
                    patient: "p".parse().unwrap(),
                    only: (which > 0).then(|| limits[0].signal.clone()),
                    limits,
                    from: (begin > 20).then_some(later),
                    replaces: None,
                    reason: None,
                });
            }
            whole.advance(f64::from(hours) * HOUR);
            for hour in 0..hours {
                cut.advance(HOUR);
                if hour % 8 == 0 {
                    cut.core = restored(&cut.core);
                }
            }
            prop_assert_eq!(whole.news(), cut.news());
            let patient = &cut.core.patients["p"];
            let own = patient.limits_at(cut.now.at).own;
            prop_assert!(own.iter().all(|limit| limit.holds_at(cut.now.at)));
            let near = own.iter().filter(|limit| {
                limit.ends.and_then(|end| end.told_at).is_some_and(|told| told <= cut.now.at)
            });
            let said = patient.alarms.iter().filter(|(key, _)| key.rule.as_str() == "limit.expiring");
            prop_assert!(said.count() <= near.count());
        }
    }
}
