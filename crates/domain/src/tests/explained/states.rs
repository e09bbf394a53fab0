//! Where rules stand.

use super::{LOW, PRESSURE, explained, kept, row, stands};
use crate::model::alarm::{LimitFrom, Priority, Side};
use crate::model::command::{Action, PatientLimit};
use crate::model::input::Input;
use crate::model::message::{ExpectedSignal, Phase, ReadingTime};
use crate::model::time::Span;
use crate::model::unit::Unit;
use crate::patient::explain::{KeptBack, NotJudged, State};
use crate::rules::Level;
use crate::tests::scene::{Scene, at};

/// A monitor that said what it sends.
fn monitor(signals: &[&str]) -> Scene {
    let mut scene = Scene::empty();
    scene.admit("p");
    scene.device("dev", "bedside", signals);
    scene.bind("dev", "p");
    scene
}

#[test]
fn inside_its_limits_a_series_is_watched_by_those_of_the_pack() {
    let mut scene = Scene::bedside();
    scene.stream("dev", "spo2", 97.0, 3);
    let row = row(&scene, LOW);
    assert_eq!(row.state, State::Watching);
    assert_eq!((row.due_at, row.alarm, row.kept_back), (None, None, Vec::new()));
    assert_eq!(row.signal.as_deref(), Some("spo2"));
    assert_eq!(row.device, Some("dev".parse().unwrap()));
    assert_eq!(row.last.unwrap().measured_at, at(2.0));
    let [warning, critical] = &row.levels[..] else { panic!("{:?}", row.levels) };
    assert_eq!(
        (warning.level, warning.value, warning.unit),
        (Level::Warning, Some(88.0), Unit::Percent)
    );
    assert_eq!((warning.from, &warning.put), (LimitFrom::Pack, &None));
    assert_eq!((warning.delay, warning.priority), (Span::secs(15), Priority::Medium));
    assert_eq!((critical.value, critical.delay), (Some(80.0), Span::secs(5)));
    let terms = row.terms.unwrap();
    assert_eq!((terms.hysteresis.value, terms.gap), (2.0, Some(Span::secs(10))));
    assert_eq!((terms.clear_delay, terms.single, terms.floor), (Span::mins(1), false, false));
}

#[test]
fn a_limit_of_the_patients_own_names_who_put_it_why_and_until_when() {
    let mut scene = Scene::bedside();
    let until = Some(at(86_400.0 * 3.0));
    let limit = PatientLimit {
        signal: "spo2".to_owned(),
        side: Side::Low,
        critical: false,
        value: Some(92.0),
        unit: Unit::Percent,
        until,
        ends: None,
    };
    scene.limits(vec![limit], None, None);
    scene.advance(60.0);
    scene.reading("dev", "spo2", 97.0);
    let explained = explained(&scene);
    assert_eq!((explained.limits_version, explained.at), (1, scene.now.wall()));
    assert_eq!(explained.limits_change_at, Some(at(86_400.0 * 2.0)), "it is told that they end");
    let row = row(&scene, LOW);
    let put = row.levels[0].put.clone().unwrap();
    assert_eq!((row.levels[0].value, row.levels[0].from), (Some(92.0), LimitFrom::Patient));
    assert_eq!(
        (put.by.as_str(), put.reason.as_deref()),
        ("nurse", Some("as usual for this patient"))
    );
    assert_eq!((put.from, put.until), (at(0.0), until));
    assert_eq!(row.levels[1].from, LimitFrom::Pack);
}

#[test]
fn a_delay_that_runs_says_when_it_fires_and_of_which_limit() {
    let mut scene = Scene::bedside();
    scene.stream("dev", "spo2", 97.0, 10);
    scene.stream("dev", "spo2", 85.0, 7);
    let row = row(&scene, LOW);
    let fires_at = Some(at(25.0));
    let level = Some(Level::Warning);
    // The last came at 16, and without another nobody knows from 26 on.
    assert_eq!(row.state, State::DelayRunning { level, since: at(10.0), fires_at, lost_at: None });
    assert_eq!(
        (row.due_at, row.levels[0].due_at, row.levels[1].due_at),
        (fires_at, fires_at, None)
    );
    scene.advance(7.999);
    assert!(scene.find(LOW).is_none());
    scene.advance(0.001);
    assert_eq!(stands(&scene, LOW), "alarming");
}

#[test]
fn what_is_lost_before_its_delay_is_over_says_so() {
    let mut scene = Scene::bedside();
    scene.stream("dev", "spo2", 97.0, 10);
    scene.reading("dev", "spo2", 85.0);
    let State::DelayRunning { fires_at: None, lost_at, .. } = row(&scene, LOW).state else {
        panic!("{:?}", row(&scene, LOW).state)
    };
    assert_eq!(lost_at, Some(at(20.0)));
    scene.advance(10.0);
    assert_eq!(scene.alarm("link.lost_while_pending").priority, Priority::Medium);
    assert_eq!(stands(&scene, LOW), "unknown");
}

#[test]
fn while_the_store_fails_nothing_says_when_it_fires() {
    let mut scene = Scene::bedside();
    scene.reading("dev", "spo2", 85.0);
    scene.fold(&[Input::Store { failing: true }]);
    let State::DelayRunning { fires_at, lost_at, .. } = row(&scene, LOW).state else { panic!() };
    assert_eq!((fires_at, lost_at), (None, None));
}

#[test]
fn a_single_measurement_that_asks_for_another_says_so() {
    let mut scene = Scene::bedside();
    scene.reading("dev", "nibp_sys", 85.0);
    let row = row(&scene, PRESSURE);
    assert_eq!(row.state, State::RepeatAsked { since: at(0.0), fires_at: Some(at(300.0)) });
    let terms = row.terms.unwrap();
    assert_eq!((terms.repeat_within, terms.single, terms.gap), (Some(Span::mins(5)), true, None));
}

#[test]
fn an_open_alarm_is_named_with_its_limit_and_clears_at_a_time() {
    let mut scene = Scene::bedside();
    scene.stream("dev", "spo2", 75.0, 6);
    let alarm = scene.alarm(LOW);
    let open = row(&scene, LOW);
    assert_eq!(open.state, State::Alarming { level: Some(Level::Critical) });
    assert_eq!(open.alarm.map(|seen| seen.id), Some(alarm.id));
    scene.stream("dev", "spo2", 97.0, 2);
    assert_eq!(row(&scene, LOW).state, State::Clearing { since: at(6.0), ends_at: at(66.0) });
    scene.stream("dev", "spo2", 97.0, 58);
    assert_eq!(stands(&scene, LOW), "clearing");
    scene.reading("dev", "spo2", 97.0);
    let latched = row(&scene, LOW);
    assert_eq!(latched.state, State::Watching, "it is over");
    assert_eq!(latched.alarm.unwrap().state.as_str(), "latched", "nobody has looked");
}

#[test]
fn what_no_more_is_heard_of_is_unknown_whether_it_alarms_or_not() {
    let mut scene = Scene::bedside();
    scene.stream("dev", "spo2", 97.0, 3);
    scene.advance(9.0);
    assert_eq!(stands(&scene, LOW), "watching");
    scene.advance(1.0);
    // No deadline falls, for there is nothing to tell: and nobody knows.
    let State::Unknown { since, why } = row(&scene, LOW).state else { panic!() };
    assert_eq!((since, why.as_str()), (Some(at(2.0)), "no data"));
    scene.stream("dev", "spo2", 75.0, 6);
    scene.advance(30.0);
    let row = row(&scene, LOW);
    assert!(
        matches!(&row.state, State::Unknown { why, .. } if why == "no data"),
        "{:?}",
        row.state
    );
    assert_eq!(row.alarm.unwrap().condition.as_str(), "unknown");
}

#[test]
fn a_loss_runs_while_its_device_goes_on_and_is_told_then() {
    const LOSS: &str = "vitals_live.etco2_lost";
    let mut scene = Scene::bedside();
    scene.reading("dev", "etco2", 38.0);
    assert_eq!(stands(&scene, LOSS), "watching");
    scene.advance(1.0);
    scene.stream("dev", "heart_rate", 70.0, 9);
    let State::DelayRunning { since, fires_at, .. } = row(&scene, LOSS).state else { panic!() };
    assert_eq!((since, fires_at), (at(1.0), None), "it depends on the device");
    scene.reading("dev", "heart_rate", 70.0);
    let State::DelayRunning { fires_at, .. } = row(&scene, LOSS).state else { panic!() };
    assert_eq!(fires_at, Some(at(11.0)));
    scene.advance(1.0);
    assert_eq!(stands(&scene, LOSS), "alarming");
}

#[test]
fn an_event_is_watched_for_and_alarms_by_its_device() {
    const EVENT: &str = "cied.vf";
    let mut scene = Scene::bedside();
    let rule = scene.core.configuration.rules.event("vf_detected").unwrap().id.to_string();
    assert_eq!(rule, EVENT);
    assert_eq!((stands(&scene, EVENT).as_str(), row(&scene, EVENT).device), ("watching", None));
    scene.event("dev", "vf_detected", Some("e"), Phase::Start);
    let row = row(&scene, EVENT);
    assert_eq!((row.state.as_str(), row.device), ("alarming", Some("dev".parse().unwrap())));
}

#[test]
fn each_signal_that_should_come_says_when_its_silence_is_told() {
    let mut scene = monitor(&["spo2"]);
    let silent = row(&scene, "link.silence");
    assert!(
        matches!(silent.state, State::DelayRunning { .. }),
        "not heard yet: {:?}",
        silent.state
    );
    scene.stream("dev", "spo2", 97.0, 1);
    let row_then = row(&scene, "link.silence");
    assert_eq!((row_then.state, row_then.signal.as_deref()), (State::Watching, Some("spo2")));
    let rungs: Vec<_> =
        row_then.rungs.iter().map(|r| (r.after, r.priority, r.at, r.reached)).collect();
    let class = scene.core.configuration.rules.class("bedside").unwrap();
    let ladder: Vec<_> = class.rungs(None, false).collect();
    let first = ladder[0];
    assert_eq!(rungs[0], (first.after, first.priority, Some(at(0.0) + first.after), false));
    assert_eq!((rungs.len(), row_then.due_at), (ladder.len(), rungs[0].2));
    scene.advance(first.after.as_secs_f64());
    let told = row(&scene, "link.silence");
    assert_eq!((told.state.as_str(), told.rungs[0].reached), ("alarming", true));
    assert_eq!(told.alarm.unwrap().id, scene.alarm("link.silence").id);
}

#[test]
fn what_comes_and_is_not_judged_leaves_its_silence_running() {
    let mut scene = monitor(&["spo2"]);
    scene.stream("dev", "spo2", 97.0, 1);
    let due = row(&scene, "link.silence").rungs[0].at;
    scene.send("dev", "spo2", 97.0, |message, reading| {
        reading.time = ReadingTime::At(message.sent_at.unwrap() - Span::secs(100));
    });
    scene.advance(5.0);
    scene.send("dev", "spo2", 97.0, |message, _| {
        message.mode = crate::model::message::Mode::Test;
    });
    let State::DelayRunning { since, fires_at, .. } = row(&scene, "link.silence").state else {
        panic!("{:?}", row(&scene, "link.silence").state)
    };
    assert_eq!((since, fires_at), (at(0.0), due));
}

#[test]
fn a_loss_told_elsewhere_is_no_silence_of_its_own() {
    let mut scene = monitor(&["spo2", "heart_rate"]);
    scene.stream("dev", "spo2", 97.0, 10);
    scene.reading("dev", "spo2", 85.0);
    for _ in 0..400 {
        scene.stream("dev", "heart_rate", 70.0, 1);
    }
    let lost = scene.alarm("link.lost_while_pending");
    let rows = explained(&scene).rules;
    let of_spo2 = |row: &&crate::patient::explain::Explained| {
        row.rule.as_str() == "link.silence" && row.signal.as_deref() == Some("spo2")
    };
    let row = rows.iter().find(of_spo2).unwrap();
    assert_eq!(row.state, State::NotJudged(NotJudged::ToldElsewhere { by: lost.id }));
}

#[test]
fn two_devices_and_two_leads_have_a_row_each() {
    let mut scene = Scene::bedside();
    scene.device("two", "bedside", &[]);
    scene.bind("two", "p");
    scene.reading("dev", "spo2", 97.0);
    scene.reading("two", "spo2", 85.0);
    scene.send("dev", "spo2", 75.0, |_, reading| reading.instance = "left".into());
    let rows = explained(&scene).rules;
    let mut of_rule: Vec<_> = rows
        .iter()
        .filter(|row| row.rule.as_str() == LOW)
        .map(|row| {
            format!("{} {}: {}", row.device.as_ref().unwrap(), row.instance, row.state.as_str())
        })
        .collect();
    of_rule.sort();
    assert_eq!(of_rule, ["dev : watching", "dev left: delay_running", "two : delay_running"]);
}

#[test]
fn one_signal_alone_is_asked_for_and_who_left_is_watched_by_nothing() {
    let mut scene = monitor(&["spo2", "heart_rate"]);
    scene.reading("dev", "spo2", 97.0);
    let signal = Some(scene.signal("spo2"));
    let of_one = scene.core.explain(&"p".parse().unwrap(), signal, scene.now).unwrap();
    assert!(of_one.rules.iter().all(|row| row.signal.as_deref() == Some("spo2")));
    let all = explained(&scene);
    let count = |all: &crate::patient::explain::Explanation| {
        all.rules.iter().filter(|row| row.signal.as_deref() == Some("spo2")).count()
    };
    assert_eq!(count(&all), of_one.rules.len());
    assert!(all.rules.len() > of_one.rules.len());
    scene.done(Action::DischargePatient {
        patient: "p".parse().unwrap(),
        reason: None,
        replaces: None,
    });
    assert_eq!((explained(&scene).rules, explained(&scene).due_at), (Vec::new(), None));
    assert!(scene.core.explain(&"nobody".parse().unwrap(), None, scene.now).is_none());
}

#[test]
fn the_silence_of_an_interval_of_its_own_is_told_by_that() {
    let mut scene = Scene::empty();
    scene.admit("p");
    let signal = scene.signal("spo2");
    scene.device("dev", "bedside", &["spo2"]);
    scene.bind("dev", "p");
    let before = row(&scene, "link.silence").rungs[0].after;
    let registration = crate::model::command::Registration {
        id: "dev".parse().unwrap(),
        class: None,
        kind: None,
        token_sha256: None,
        via: None,
        signals: Some(vec![ExpectedSignal { signal, interval: Some(Span::mins(2)) }]),
        replaces: None,
        while_unbound: false,
    };
    scene.done(Action::ChangeDevice(registration));
    assert!(row(&scene, "link.silence").rungs[0].after > before + Span::mins(1));
}

#[test]
fn what_follows_from_another_is_kept_back_and_names_it() {
    let mut scene = Scene::bedside();
    scene.stream("dev", "heart_rate", 0.0, 6);
    scene.stream("dev", "spo2", 75.0, 6);
    assert_eq!(kept(&scene, LOW), ["follows"]);
    let KeptBack::Follows(id) = row(&scene, LOW).kept_back.remove(0) else { panic!() };
    assert_eq!(id, scene.alarm("vitals_live.asystole_low").id.as_str());
}
