//! What retention took comes back whole from InfluxDB.

use serde_json::{Value, json};
use vitalgate_domain::model::time::Timestamp;

use super::{A_MESSAGE, INSTANCE, MESSAGES, Past, SIGNALS, is_of};

impl Past {
    /// InfluxDB gets everything it holds of the device under nobody's name as well, and has nothing
    /// yet of what is held here.
    fn export_twice_and_lag(&self, answer: &Value) {
        assert!(answer["older"].is_null());
        let older = self.series("patients/p1", &format!("{SIGNALS}&points=1"));
        let mut state = self.server.state();
        for part in older["older"].as_array().unwrap() {
            let to: Timestamp = part["to"].as_str().unwrap().parse().unwrap();
            let of_part = state.points.iter_mut().filter(|(head, _)| is_of(head, part));
            for (_, points) in of_part {
                points.retain(|at, _| *at < to.as_micros() * 1_000);
            }
        }
        let nobodys = |head: &str| {
            let (before, after) = head.split_once(",patient=")?;
            Some(format!("{before},{}", after.split_once(',')?.1))
        };
        let again: Vec<_> = state
            .points
            .iter()
            .filter(|(head, _)| head.contains("device=dev-1,"))
            .filter_map(|(head, points)| Some((nobodys(head)?, points.clone())))
            .collect();
        assert_eq!(again.len(), 4);
        for (head, points) in again {
            state.points.entry(head).or_default().extend(points);
        }
    }

    fn mark_one_under_nobody(&self) {
        let mut state = self.server.state();
        let nobodys = |head: &&String| !head.contains("patient=") && head.contains("glucose_cgm");
        let head = state.points.keys().find(nobodys).unwrap().clone();
        let fields = state.points.get_mut(&head).unwrap().values_mut().nth(3).unwrap();
        assert!(fields.contains("flags=0i"), "{fields}");
        *fields = fields.replace("flags=0i", "flags=128i");
    }

    /// Far more than a page under a name that nobody here gives, at the beginning of the past.
    fn fill_with_strangers(&self) {
        let mut state = self.server.state();
        let ours =
            |head: &&String| head.contains("signal=glucose_cgm") && head.contains("patient=");
        let head = state.points.keys().find(ours).unwrap().clone();
        let (before, after) = head.split_once(",patient=").unwrap();
        let strange = format!("{before},patient=zz,{}", after.split_once(',').unwrap().1);
        let fields = state.points[&head].values().next().unwrap().clone();
        let from = self.at(0).as_micros();
        let points = (0..2_500).map(|n| ((from + n * 100_000) * 1_000, fields.clone()));
        state.points.insert(strange, points.collect());
    }
}

/// Pages of a few numbers of one signal.
const SMALL: &str = "signal=glucose_cgm&limit=40";

/// Equal but for the last bits of what was added in another order.
fn assert_alike(now: &[Value], before: &[Value], what: &str) {
    assert_eq!(now.len(), before.len(), "{what}");
    for (now, before) in now.iter().zip(before) {
        let (now, before) = (now.as_object().unwrap(), before.as_object().unwrap());
        assert!(now.keys().eq(before.keys()), "{what}");
        for (key, value) in now {
            let is_near = match (value.as_f64(), before[key].as_f64()) {
                (Some(a), Some(b)) => (a - b).abs() < 1e-9,
                (Some(_), None) | (None, Some(_) | None) => *value == before[key],
            };
            assert!(is_near, "{what}: {key} of {now:?} was {}", before[key]);
        }
    }
}

#[test]
fn what_retention_took_comes_back_as_it_was() {
    let mut past = Past::start("1m");
    let questions = ["points=1", "points=7", "points=160", "points=500"];
    let of_all = ["patients/p1", "devices/dev-1"];
    let buckets = |past: &Past| {
        let ask = |of: &str, points: &str| {
            let answer = past.series(of, &format!("{SIGNALS}&{points}"));
            assert!(answer["incomplete"].is_null(), "{answer}");
            answer
        };
        of_all.iter().flat_map(|of| questions.map(|points| ask(of, points))).collect::<Vec<_>>()
    };
    let items = |answer: &Value| answer["items"].as_array().unwrap().clone();
    let before = buckets(&past);
    let pages = past.pages("patients/p1", SIGNALS);
    assert!(pages.len() as i64 > MESSAGES * (A_MESSAGE + 12));
    assert!(before.iter().all(|answer| answer["older"].is_null()));
    past.forget();

    for (now, before) in buckets(&past).iter().zip(&before) {
        let older = now["older"].as_array().expect("it says what came from where");
        assert_eq!(older.len(), 4, "{older:?}");
        for part in older {
            assert_eq!((&part["source"], &part["incomplete"]), (&json!("influxdb"), &Value::Null));
            let to: Timestamp = part["to"].as_str().unwrap().parse().unwrap();
            assert!(past.at(60) < to && to < past.at(MESSAGES), "{part}");
        }
        assert_alike(&items(now), &items(before), &format!("{} buckets", items(before).len()));
    }
    assert_alike(&past.pages("patients/p1", SIGNALS), &pages, "pages");
    let small = past.pages("devices/dev-1", &format!("{SIGNALS}&limit=700"));
    assert_alike(&small, &pages, "small pages");
    let one = format!("signal=spo2&limit=3&instance={}", encoded(INSTANCE));
    let only = past.series("patients/p1", &one);
    let first = &items(&only)[0];
    assert_eq!((&first["instance"], &first["value"]), (&json!(INSTANCE), &json!(96.0)));

    past.export_twice_and_lag(&before[0]);
    for (points, before) in [(questions[0], &before[0]), (questions[2], &before[2])] {
        let now = past.series("patients/p1", &format!("{SIGNALS}&{points}"));
        assert!(now["incomplete"].is_null(), "{now}");
        assert_alike(&items(&now), &items(before), points);
    }
    // What is entered in error after a corrected binding is marked under the other name.
    let count = |past: &Past| {
        let now = past.series("patients/p1", "signal=glucose_cgm&points=1");
        items(&now)[0]["count"].as_u64().unwrap()
    };
    let all = count(&past);
    past.mark_one_under_nobody();
    assert_eq!(count(&past), all - 1);
    past.fill_with_strangers();
    let small = past.pages_but_for(&json!("another_name"), "devices/dev-1", SMALL);
    let of_small: Vec<_> = pages.iter().filter(|item| item["signal"] == "glucose_cgm").collect();
    assert_eq!(small.len(), of_small.len());

    // What the store holds is not asked for.
    let asked = past.server.state().queries.len();
    let (from, to) = (past.at(MESSAGES - 20), past.at(MESSAGES));
    let path = format!("/api/v1/patients/p1/series?{SIGNALS}&from={from}&to={to}&points=9");
    assert!(past.gateway.get(&path)["older"].is_null());
    assert_eq!(past.server.state().queries.len(), asked);
    // Nor is anything named to the server as people know it.
    assert!(past.server.state().queries.iter().all(|query| !query.contains("p1")));
}

fn encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |out, byte| format!("{out}%{byte:02X}"))
}
