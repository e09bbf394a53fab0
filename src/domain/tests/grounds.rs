//! What an alarm stands on: its series, and the limits by which it was judged.

use crate::domain::alarm::{LimitFrom, Side};
use crate::domain::command::PatientLimit;
use crate::domain::unit::Unit;

use super::scene::{Scene, at};

#[test]
fn an_alarm_stands_on_its_series_and_on_both_sides_of_its_limits() {
    let mut scene = Scene::bedside();
    let own = |side, critical, value| PatientLimit {
        signal: "nibp_sys".to_owned(),
        side,
        critical,
        value,
        unit: Unit::MmHg,
    };
    let limits = vec![own(Side::Low, false, Some(95.0)), own(Side::High, true, None)];
    scene.limits(limits, None, None);
    scene.advance(1.0);
    scene.reading("dev", "nibp_sys", 50.0);
    // What is set afterwards is not what it was judged by.
    scene.advance(1.0);
    scene.limits(vec![own(Side::Low, false, Some(40.0))], None, None);
    let alarm = scene.alarm("vitals_live.nibp_sys_low");
    let grounds = scene.core.grounds(&alarm);

    let series = grounds.series.unwrap();
    assert_eq!((series.device.as_str(), series.signal), ("dev", scene.signal("nibp_sys")));
    assert_eq!(grounds.until, at(1.0));
    let pack = scene.core.configuration.rules.limits_of(series.signal);
    let of_pack: Vec<Option<f64>> = pack
        .flat_map(|rule| [0, 1].map(|level| rule.limit(level, &[], Unit::MmHg)))
        .map(|l| l.map(|l| l.0))
        .collect();
    let stood: Vec<_> =
        grounds.limits.iter().map(|l| (l.side, l.critical, l.value, l.from)).collect();
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
    let implausible = scene.core.grounds(&scene.alarm("link.implausible"));
    assert_eq!(implausible.series.unwrap().signal, scene.signal("heart_rate"));
    assert!(implausible.limits.iter().all(|limit| limit.signal == "heart_rate"));
    scene.advance(3_600.0);
    let silence = scene.core.grounds(&scene.alarm("link.silence"));
    assert_eq!((silence.series, silence.limits), (None, Vec::new()));
}
