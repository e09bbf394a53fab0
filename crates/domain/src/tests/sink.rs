//! That InfluxDB refuses everything, or lacks something, is an alarm until it is over; that it refuses
//! some of it for good, until somebody has looked.

use super::scene::Scene;
use crate::model::input::{Input, LineRefusal};

#[test]
fn a_refusal_and_a_delay_are_two_alarms_that_end_by_themselves() {
    let mut scene = Scene::empty();
    let sink = |refused, behind| Input::Sink { refused, behind, words: Some("no such org".into()) };
    scene.fold(&[sink(None, false)]);
    scene.expect(&[]);
    scene.fold(&[sink(Some(401), false)]);
    scene.expect(&["raised medium influx.refused: alarming, present"]);
    assert!(scene.alarm("influx.refused").text.contains("status 401"));
    assert!(scene.alarm("influx.refused").text.ends_with(". It says: no such org"));
    scene.fold(&[sink(Some(404), true)]);
    scene.expect(&[
        "updated medium influx.refused: alarming, present",
        "raised low influx.behind: alarming, present",
    ]);
    assert!(scene.alarm("influx.refused").text.contains("status 404"), "what holds now");
    scene.fold(&[sink(Some(404), true)]);
    scene.expect(&[]);
    assert!(scene.core.site.is_sink_alarming());
    scene.fold(&[sink(None, true)]);
    scene.expect(&["ended medium influx.refused: closed ended"]);
    scene.fold(&[sink(None, false)]);
    scene.expect(&["ended low influx.behind: closed ended"]);
    assert!(!scene.core.site.is_sink_alarming());
}

#[test]
fn what_influxdb_refuses_for_good_is_told_once_for_each_reason_with_its_words() {
    let mut scene = Scene::empty();
    let refused = |why, lines, words: &str| {
        let words = words.to_owned();
        Input::LinesRefused { why, lines, words }
    };
    let full = "partial write: max-series-per-database limit exceeded";
    scene.fold(&[refused(LineRefusal::Series, 312, full)]);
    scene.expect(&["raised medium influx.lines_refused: alarming, momentary"]);
    let alarm = scene.alarm("influx.lines_refused");
    assert_eq!(alarm.source.as_str(), "series");
    assert!(alarm.text.contains("312 points") && alarm.text.ends_with(full), "{}", alarm.text);
    scene.fold(&[refused(LineRefusal::Series, 9, "other words")]);
    scene.expect(&[]);
    scene.fold(&[refused(LineRefusal::Retention, 1, ""), refused(LineRefusal::Line, 1, "")]);
    scene.expect(&["raised low influx.lines_refused: alarming, momentary"; 2]);
    assert!(!scene.core.site.is_sink_alarming(), "none of them ends by itself at once");
    scene.advance(86_400.0);
    let expired = |priority| format!("expired {priority} influx.lines_refused: closed expired");
    let (low, medium) = (expired("low"), expired("medium"));
    scene.expect(&[&*low, &low, &medium]);
    scene.fold(&[refused(LineRefusal::Series, 9, full)]);
    scene.expect(&["raised medium influx.lines_refused: alarming, momentary"]);
}

#[test]
fn what_may_not_be_published_is_told_once_for_each_sender() {
    let mut scene = Scene::empty();
    let refused = |scene: &mut Scene, name: &str| {
        scene.fold(&[Input::NotAllowed {
            principal: Some("hub".parse().unwrap()),
            name: Some(name.parse().unwrap()),
            count: 1,
            since: scene.now.wall(),
            topic: None,
        }]);
    };
    refused(&mut scene, "dev-1");
    scene.expect(&["raised low link.refused: alarming, momentary"]);
    let alarm = scene.alarm("link.refused");
    assert_eq!(
        (alarm.source.as_str(), alarm.text.as_str()),
        ("hub", "hub publishes under dev-1, which it may not")
    );
    refused(&mut scene, "dev-2");
    scene.expect(&[]);
    scene.advance(86_400.0);
    scene.expect(&["expired low link.refused: closed expired"]);
}
