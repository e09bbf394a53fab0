//! The context of an alarm: its series, and the limits by which it was judged.

use crate::core::configuration::Texts;
use crate::model::alarm::{LimitFrom, Side};
use crate::model::command::{Action, Command, PatientLimit};
use crate::model::input::Input;
use crate::model::message::Body;
use crate::model::unit::Unit;
use crate::output::context::{AlarmContext, LimitInForce};
use crate::output::transition::{Transition, TransitionBody};
use crate::rules::{InForce, Level};

use super::scene::{Scene, at, shipped};

/// The contexts of the alarms of a rule, in the order they were raised.
/// The limits of the packs for adults.
const PACK: InForce<'_> = InForce { own: &[], version: 0, adult: true };

fn contexts(log: &[Transition], rule: &str) -> Vec<AlarmContext> {
    let of_it = |transition: &Transition| match &transition.body {
        TransitionBody::Alarm { alarm, context, .. } if alarm.rule.as_str() == rule => {
            context.as_deref().cloned()
        }
        _ => None,
    };
    log.iter().filter_map(of_it).collect()
}

fn context(scene: &Scene, rule: &str) -> AlarmContext {
    let [context] = contexts(&scene.log, rule).try_into().unwrap();
    context
}

#[test]
fn an_alarm_stands_on_its_series_and_on_both_sides_of_its_limits() {
    let mut scene = Scene::bedside();
    let own = |side, critical, value| PatientLimit {
        signal: "nibp_sys".to_owned(),
        side,
        critical,
        value,
        unit: Unit::MmHg,
        until: None,
        ends: None,
    };
    let limits = vec![own(Side::Low, false, Some(95.0)), own(Side::High, true, None)];
    scene.limits(limits, None, None);
    scene.advance(1.0);
    scene.reading("dev", "nibp_sys", 50.0);
    // What is set afterwards is not what it was judged by.
    scene.advance(1.0);
    scene.limits(vec![own(Side::Low, false, Some(40.0))], None, None);
    let context = context(&scene, "vitals_live.nibp_sys_low");

    let series = context.series.unwrap();
    assert_eq!((series.device.as_str(), series.signal), ("dev", scene.signal("nibp_sys")));
    assert_eq!(context.until, at(1.0));
    let pack = scene.core.configuration.rules.limits_of(series.signal);
    let of_pack: Vec<Option<f64>> = pack
        .flat_map(|rule| Level::ALL.map(|level| rule.limit(level, PACK, Unit::MmHg)))
        .map(|l| l.map(|l| l.0))
        .collect();
    let stood: Vec<_> =
        context.limits.iter().map(|l| (l.side, l.critical, l.value, l.from)).collect();
    assert_eq!(
        stood,
        [
            (Side::Low, false, Some(95.0), LimitFrom::Patient),
            (Side::Low, true, of_pack[1], LimitFrom::Pack),
            (Side::High, false, of_pack[2], LimitFrom::Pack),
            (Side::High, true, None, LimitFrom::Patient),
        ]
    );
}

#[test]
fn a_doubtful_number_has_a_series_and_an_event_or_silence_has_none() {
    let mut scene = Scene::bedside();
    scene.advance(10.0);
    scene.reading("dev", "heart_rate", 900.0);
    let implausible = context(&scene, "link.implausible");
    assert_eq!(implausible.series.unwrap().signal, scene.signal("heart_rate"));
    assert!(implausible.limits.iter().all(|limit| limit.signal == "heart_rate"));
    scene.advance(3_600.0);
    let silence = context(&scene, "link.silence");
    assert_eq!((silence.series, silence.limits), (None, Vec::new()));
}

#[test]
fn it_stands_on_the_limits_it_was_judged_by_though_others_follow_in_the_same_row() {
    let mut scene = Scene::bedside();
    scene.advance(1.0);
    let mut message = scene.message("dev");
    if let Body::Telemetry { readings, .. } = &mut message.body {
        readings.push(scene.measured("nibp_sys", 50.0));
    }
    let Texts { signals, rules, site, packs } = shipped();
    let others =
        rules.replacen(r#"critical_low = ["80 mm[Hg]"]"#, r#"critical_low = ["70 mm[Hg]"]"#, 1);
    assert_ne!(others, rules);
    let inputs = [
        Input::Message(Box::new(message)),
        Input::Configuration { signals, rules: others, site, packs },
    ];
    let out = scene.core.fold(scene.core.row() + 1, scene.now, &inputs);
    let raised = contexts(&out.transitions, "vitals_live.nibp_sys_low");
    let critical = |limit: &&LimitInForce| limit.critical && limit.side == Side::Low;
    let stood = raised[0].limits.iter().find(critical).unwrap();
    assert_eq!(stood.value, Some(80.0));
    let now = scene.core.limits_in_force(&scene.alarm("vitals_live.nibp_sys_low"));
    assert_eq!(now.iter().find(critical).unwrap().value, Some(70.0), "in force from here on");
}

#[test]
fn a_series_has_its_instance_whatever_kind_of_alarm_it_raised() {
    let mut scene = Scene::bedside();
    scene.advance(10.0);
    for (signal, value) in [("nibp_sys", 50.0), ("heart_rate", 900.0)] {
        scene.send("dev", signal, value, |_, reading| reading.instance = "left".into());
    }
    for rule in ["vitals_live.nibp_sys_low", "link.implausible"] {
        let series = context(&scene, rule).series.unwrap();
        assert_eq!(series.instance.as_str(), "left", "{rule}");
    }
}

#[test]
fn own_limits_replaced_in_the_same_row_are_still_those_it_was_judged_by() {
    let mut scene = Scene::bedside();
    let own = |value| PatientLimit {
        signal: "nibp_sys".to_owned(),
        side: Side::Low,
        critical: false,
        value: Some(value),
        unit: Unit::MmHg,
        until: None,
        ends: None,
    };
    scene.limits(vec![own(95.0)], None, None);
    let from = Some(scene.now.wall());
    scene.advance(1.0);
    let mut message = scene.message("dev");
    if let Body::Telemetry { readings, .. } = &mut message.body {
        readings.push(scene.measured("nibp_sys", 50.0));
    }
    let action = Action::SetLimits {
        patient: "p".parse().unwrap(),
        limits: vec![own(85.0)],
        from,
        replaces: None,
        reason: None,
        only: None,
    };
    let command = Command { actor: "nurse".to_owned(), action };
    scene.fold(&[Input::Message(Box::new(message)), Input::Command(Box::new(command))]);
    let low = |limit: &&LimitInForce| !limit.critical && limit.side == Side::Low;
    let context = context(&scene, "vitals_live.nibp_sys_low");
    let stood = context.limits.iter().find(low).unwrap();
    assert_eq!((stood.value, stood.from), (Some(95.0), LimitFrom::Patient));
}
