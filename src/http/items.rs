//! The items of a series as JSON. An answer holds thousands of them, alike but for a few numbers, so
//! it is put together as text, on the thread that reads them.

use std::collections::BTreeMap;

use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::series::query::Bucket;
use vitalgate_domain::model::signal::SignalTable;
use vitalgate_store::types::{Sample, SeriesKey, flag};

/// Room for an item with names of a usual length.
const ITEM_BYTES: usize = 256;

/// A list of items, written.
#[derive(Debug)]
pub(crate) struct Answer(Vec<u8>);

impl Answer {
    /// The same with one more member.
    pub(crate) fn with<T: Serialize>(mut self, name: &str, value: &T) -> Self {
        self.0.pop();
        put(&mut self.0, &format!(",\"{name}\":"), value);
        self.0.push(b'}');
        self
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        ([(header::CONTENT_TYPE, "application/json")], self.0).into_response()
    }
}

/// Samples, with where the next page begins.
pub(crate) fn of_samples(
    samples: &[Sample],
    table: &SignalTable,
    next: Option<String>,
    seq: u64,
) -> Answer {
    list(
        samples,
        |sample| &sample.series,
        table,
        (next, seq),
        |out, sample, names| {
            put(out, r#"{"at":"#, &sample.at);
            put(out, r#","received_at":"#, &sample.received);
            out.extend_from_slice(names);
            put(out, r#","value":"#, &sample.value);
            put(out, r#","comparator":"#, &flag::comparator(sample.flags));
            put(out, r#","unit":"#, &sample.unit);
            put(out, r#","flags":"#, &flag::words(sample.flags).collect::<Vec<_>>());
        },
    )
}

/// Buckets. An empty one counts 0 and has no values: nothing is made up for a gap.
pub(crate) fn of_buckets(buckets: &[Bucket], table: &SignalTable, seq: u64) -> Answer {
    list(
        buckets,
        |bucket| &bucket.series,
        table,
        (None, seq),
        |out, bucket, names| {
            let values = bucket.values;
            put(out, r#"{"from":"#, &bucket.from);
            put(out, r#","to":"#, &bucket.to);
            out.extend_from_slice(names);
            put(out, r#","unit":"#, &bucket.unit);
            put(out, r#","count":"#, &values.map_or(0, |v| v.count));
            put(out, r#","min":"#, &values.map(|v| v.min));
            put(out, r#","max":"#, &values.map(|v| v.max));
            put(out, r#","mean":"#, &values.map(|v| v.mean));
            put(out, r#","last":"#, &values.map(|v| v.last));
        },
    )
}

/// Writes each row but for its last brace, given what names its series: `,"device":…,"instance":…`.
fn list<'a, T>(
    rows: &'a [T],
    series: impl Fn(&'a T) -> &'a SeriesKey,
    table: &SignalTable,
    (next, seq): (Option<String>, u64),
    write: impl Fn(&mut Vec<u8>, &'a T, &[u8]),
) -> Answer {
    let mut known: BTreeMap<&SeriesKey, Vec<u8>> = BTreeMap::new();
    let mut out = Vec::with_capacity((rows.len() + 1) * ITEM_BYTES);
    out.extend_from_slice(br#"{"items":["#);
    for (place, row) in rows.iter().enumerate() {
        if place > 0 {
            out.push(b',');
        }
        let series = series(row);
        write(&mut out, row, known.entry(series).or_insert_with(|| names(series, table)));
        out.push(b'}');
    }
    put(&mut out, r#"],"next":"#, &next);
    put(&mut out, r#","seq":"#, &seq);
    out.push(b'}');
    Answer(out)
}

fn names(SeriesKey { device, signal, instance }: &SeriesKey, table: &SignalTable) -> Vec<u8> {
    let mut out = Vec::new();
    put(&mut out, r#","device":"#, device);
    put(&mut out, r#","signal":"#, &table.name(*signal));
    put(&mut out, r#","instance":"#, instance);
    out
}

/// Writes `before`, then a value as JSON.
fn put<T: Serialize>(out: &mut Vec<u8>, before: &str, value: &T) {
    out.extend_from_slice(before.as_bytes());
    serde_json::to_writer(out, value).unwrap_or_else(|e| unreachable!("memory takes all: {e}"));
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::config::Config;
    use crate::http::series::query::Summary;
    use vitalgate_domain::model::signal::SignalId;
    use vitalgate_domain::model::time::{Span, Timestamp};
    use vitalgate_domain::model::unit::Unit;

    fn at(second: i64) -> Timestamp {
        "2026-03-01T00:00:00.5Z".parse::<Timestamp>().unwrap() + Span::secs(second)
    }

    fn series(signal: u16, instance: &str) -> SeriesKey {
        SeriesKey {
            device: "dev-1".parse().unwrap(),
            signal: SignalId(signal),
            instance: instance.into(),
        }
    }

    fn table() -> SignalTable {
        Config::built_in().unwrap().configuration().unwrap().signals
    }

    fn read(answer: &Answer) -> Value {
        serde_json::from_slice(&answer.0).unwrap()
    }

    #[test]
    fn samples_say_all_that_is_known_of_them() {
        let sample = |series: SeriesKey, second: i64, value: f64, flags: u8| Sample {
            series,
            at: at(second),
            received: at(second + 1),
            value,
            unit: Unit::PerMinute,
            flags,
        };
        let samples = [
            sample(series(1, "II \"a\\\n"), 0, 70.5, flag::BELOW | flag::LATE | flag::NOT_JUDGED),
            sample(series(60_000, ""), 0, 3e300, 0),
            sample(series(1, "II \"a\\\n"), 60, -0.1, 0),
        ];
        let answer = read(&of_samples(&samples, &table(), Some("7.2".to_owned()), 9));
        let item = |place: usize| answer["items"][place].clone();
        assert_eq!(
            item(0),
            json!({
                "at": "2026-03-01T00:00:00.5Z", "received_at": "2026-03-01T00:00:01.5Z",
                "device": "dev-1", "signal": "heart_rate", "instance": "II \"a\\\n",
                "value": 70.5, "comparator": "<", "unit": "/min", "flags": ["late", "not_judged"],
            })
        );
        assert_eq!(item(1)["signal"], "signal-60000");
        assert_eq!(item(1)["value"], 3e300);
        assert_eq!(
            (item(1)["comparator"].clone(), item(1)["flags"].clone()),
            (Value::Null, json!([]))
        );
        assert_eq!(
            (item(2)["at"].clone(), item(2)["value"].clone()),
            (json!("2026-03-01T00:01:00.5Z"), json!(-0.1))
        );
        assert_eq!((answer["next"].clone(), answer["seq"].clone()), (json!("7.2"), json!(9)));
        assert_eq!(answer["items"].as_array().unwrap().len(), 3);
        assert_eq!(item(2).as_object().unwrap().len(), 9);
    }

    #[test]
    fn an_empty_bucket_has_no_values() {
        let bucket = |second: i64, values: Option<Summary>| Bucket {
            series: series(1, ""),
            unit: Unit::PerMinute,
            from: at(second),
            to: at(second + 1),
            values,
        };
        let full = Summary { count: 3, min: 1.0, max: 4.0, mean: 2.5, last: 2.0 };
        let answer = read(&of_buckets(&[bucket(0, Some(full)), bucket(1, None)], &table(), 0));
        let named = |values: Value| {
            let mut item = json!({
                "device": "dev-1", "signal": "heart_rate", "instance": "", "unit": "/min",
            });
            item.as_object_mut().unwrap().extend(values.as_object().unwrap().clone());
            item
        };
        let expected = json!({
            "items": [
                named(json!({
                    "from": "2026-03-01T00:00:00.5Z", "to": "2026-03-01T00:00:01.5Z",
                    "count": 3, "min": 1.0, "max": 4.0, "mean": 2.5, "last": 2.0,
                })),
                named(json!({
                    "from": "2026-03-01T00:00:01.5Z", "to": "2026-03-01T00:00:02.5Z",
                    "count": 0, "min": null, "max": null, "mean": null, "last": null,
                })),
            ],
            "next": null,
            "seq": 0,
        });
        assert_eq!(answer, expected);
        assert_eq!(
            read(&of_buckets(&[], &table(), 4)),
            json!({"items": [], "next": null, "seq": 4})
        );
    }
}
