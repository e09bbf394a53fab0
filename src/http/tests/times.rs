//! Times of requests are RFC 3339 with a zone, as on the wire, and no laxer.

use super::fixture::Bench;
use super::ward::answered;
use vitalgate_domain::model::command::{Action, Outcome};
use vitalgate_domain::model::time::Timestamp;

/// What else ISO 8601 allows, and what is only nearly so.
const LAX: [&str; 10] = [
    "20261128T200000Z",
    "2026-11-28T20:00:00+24:00",
    "2026-11-28T20:00:00+0100",
    "2026-11-28T20:00:00+01",
    "2026-11-28T20:00:00+01:00[Europe/Berlin]",
    "2026-11-28T20:00Z",
    "2026-11-28 20:00:00Z",
    "2026-11-28T20:00:00",
    "2026-11-28T20:00:00,5Z",
    "+002026-11-28T20:00:00Z",
];

const BODIES: [(&str, &str, &str); 3] = [
    ("PUT", "/api/v1/devices/dev-1/binding", r#"{"patient":"p-1","from":"TIME"}"#),
    ("PUT", "/api/v1/patients/p-1/limits", r#"{"limits":[],"from":"TIME"}"#),
    ("PATCH", "/api/v1/patients/p-1/limits", r#"{"signal":"spo2","limits":[],"from":"TIME"}"#),
];

const QUERIES: [&str; 4] = [
    "/api/v1/patients/p-1/series?signal=heart_rate&from=TIME&to=2026-11-29T00:00:00Z",
    "/api/v1/patients/p-1/series?signal=heart_rate&from=2026-11-28T00:00:00Z&to=TIME",
    "/api/v1/devices/dev-1/series?signal=heart_rate&from=TIME&to=2026-11-29T00:00:00Z",
    "/api/v1/devices/dev-1/series?signal=heart_rate&from=2026-11-28T00:00:00Z&to=TIME",
];

fn in_query(time: &str) -> String {
    time.replace('+', "%2B").replace(' ', "%20").replace('[', "%5B").replace(']', "%5D")
}

#[tokio::test]
async fn no_entry_takes_a_time_that_is_not_rfc_3339() {
    let mut bench = Bench::start().await;
    let asked = bench.answer(|_| answered(Outcome::Done));
    for time in LAX {
        for (method, path, body) in BODIES {
            let refused = bench.call(method, path, &[], &body.replace("TIME", time)).await;
            let detail = refused.problem(422)["detail"].to_string();
            assert!(detail.contains("RFC 3339"), "{method} {path} {time}: {detail}");
        }
        for path in QUERIES {
            let refused = bench.get(&path.replace("TIME", &in_query(time))).await;
            let detail = refused.problem(400)["detail"].to_string();
            assert!(detail.contains("RFC 3339"), "{path} {time}: {detail}");
        }
    }
    assert!(asked.lock().unwrap().is_empty(), "nothing was asked of the core");
}

#[tokio::test]
async fn every_entry_takes_every_form_of_rfc_3339() {
    let mut bench = Bench::start().await;
    let asked = bench.answer(|_| answered(Outcome::Done));
    let instant: Timestamp = "2026-11-28T19:00:00Z".parse().unwrap();
    let forms = ["2026-11-28T20:00:00+01:00", "2026-11-28t19:00:00z", "2026-11-28T19:00:00.000Z"];
    for time in forms {
        for (method, path, body) in BODIES {
            let taken = bench.call(method, path, &[], &body.replace("TIME", time)).await;
            assert_eq!(taken.status, 200, "{method} {path} {time}: {taken:?}");
        }
        for path in QUERIES {
            let taken = bench.get(&path.replace("TIME", &in_query(time))).await;
            assert_eq!(taken.status, 200, "{path} {time}: {taken:?}");
        }
    }
    let asked = asked.lock().unwrap();
    assert_eq!(asked.len(), forms.len() * BODIES.len());
    for command in asked.iter() {
        let (Action::Bind { from, .. } | Action::SetLimits { from, .. }) = &command.action else {
            panic!("{command:?}");
        };
        assert_eq!(*from, Some(instant));
    }
}
