//! The answer as JSON. It holds thousands of items, alike but for a few numbers, so it is put together
//! as text, on the thread that reads them: items with a type each took over half as long again.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::cursor::Cursor;
use super::item::{ChartItem, Item, chart_items};
use super::query::Bucket;
use super::reply::Older;
use vitalgate_domain::model::signal::SignalTable;
use vitalgate_domain::model::time::Timestamp;
use vitalgate_store::history::buckets::Grid;
use vitalgate_store::history::words::read::WordBucket;
use vitalgate_store::types::{Sample, Sent, SeriesKey, WordSample, flag};

/// Room for an item with names of a usual length.
const ITEM_BYTES: usize = 256;

/// A list of items, written.
#[derive(Debug)]
pub(crate) struct Answer(Vec<u8>);

/// An answer of samples, which come in pages.
#[derive(Clone, Debug)]
pub(super) struct SamplePage {
    /// Where it begins.
    pub(super) start: Cursor,
    /// How many samples it holds at most.
    pub(super) size: usize,
    /// The names of the signals.
    pub(super) table: Arc<SignalTable>,
    /// The last transition there was.
    pub(super) seq: u64,
}

/// An answer of buckets, which come all at once.
#[derive(Clone, Debug)]
pub(super) struct Chart {
    /// The buckets.
    pub(super) grid: Grid,
    /// The names and the units of the signals.
    pub(super) table: Arc<SignalTable>,
    /// The last transition there was.
    pub(super) seq: u64,
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        ([(header::CONTENT_TYPE, "application/json")], self.0).into_response()
    }
}

impl SamplePage {
    /// How many samples it takes to write it: one beyond its end says that there is a next page.
    pub(super) fn limit(&self) -> usize {
        self.start.skip + self.size + 1
    }

    /// Writes the readings from the instant it begins at. Where they are fewer than its limit and yet
    /// not all, there may be more from `until` on.
    pub(super) fn write(
        &self,
        mut items: Vec<Item>,
        until: Option<Timestamp>,
        older: Option<Older>,
    ) -> Answer {
        let is_full = items.len() >= self.limit();
        items.drain(..self.start.skip.min(items.len()));
        items.truncate(self.size);
        let next = if is_full { Some(self.start.after(&items)) } else { until.map(Cursor::before) };
        let rest = Rest { next, seq: self.seq, older };
        list(&items, Item::series, &self.table, write_item, rest)
    }
}

impl Chart {
    /// Writes the buckets. An empty one of numbers counts 0 and has no values, one of words is not there:
    /// nothing is made up for a gap.
    pub(super) fn write(
        &self,
        buckets: &[Bucket],
        words: &[(SeriesKey, WordBucket)],
        older: Option<Older>,
    ) -> Answer {
        let rest = Rest { next: None, seq: self.seq, older };
        let items = chart_items(buckets, words);
        list(&items, |item| item.series(), &self.table, write_chart_item, rest)
    }
}

fn write_item(out: &mut Vec<u8>, item: &Item, names: &[u8]) {
    match item {
        Item::Number(sample) => write_sample(out, sample, names),
        Item::Word(word) => write_word(out, word, names),
    }
}

fn write_sample(out: &mut Vec<u8>, sample: &Sample, names: &[u8]) {
    write_when(out, (sample.at, sample.sent, sample.received), names);
    put(out, r#","value":"#, &sample.value);
    put(out, r#","comparator":"#, &flag::comparator(sample.flags));
    put(out, r#","unit":"#, &sample.unit);
    put(out, r#","flags":"#, &flag::words(sample.flags).collect::<Vec<_>>());
}

fn write_word(out: &mut Vec<u8>, word: &WordSample, names: &[u8]) {
    write_when(out, (word.at, word.sent, word.received), names);
    put(out, &format!(r#","{}":"#, word.word.kind()), &word.word.text());
    put(out, r#","flags":"#, &flag::words(word.flags).collect::<Vec<_>>());
}

fn write_when(out: &mut Vec<u8>, (at, sent, received): (Timestamp, Sent, Timestamp), names: &[u8]) {
    put(out, r#"{"at":"#, &at);
    if let Some(period) = sent.period {
        put(out, r#","from":"#, &(at - period));
    }
    put(out, r#","received_at":"#, &received);
    out.extend_from_slice(names);
}

fn write_chart_item(out: &mut Vec<u8>, item: &ChartItem<'_>, names: &[u8]) {
    match item {
        ChartItem::Numbers(bucket) => write_bucket(out, bucket, names),
        ChartItem::Words(_, bucket) => write_word_bucket(out, bucket, names),
    }
}

fn write_word_bucket(out: &mut Vec<u8>, bucket: &WordBucket, names: &[u8]) {
    put(out, r#"{"from":"#, &bucket.from);
    put(out, r#","to":"#, &bucket.to);
    out.extend_from_slice(names);
    put(out, r#","count":"#, &bucket.count);
    put(out, r#","changes":"#, &bucket.changes);
    put(out, &format!(r#","{}":"#, bucket.last.kind()), &bucket.last.text());
}

fn write_bucket(out: &mut Vec<u8>, bucket: &Bucket, names: &[u8]) {
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
}

/// What a list says beside its items.
struct Rest {
    next: Option<Cursor>,
    seq: u64,
    older: Option<Older>,
}

/// Writes each row but for its last brace, given what names its series: `,"device":…,"instance":…`.
fn list<'a, T>(
    rows: &'a [T],
    series: impl Fn(&'a T) -> &'a SeriesKey,
    table: &SignalTable,
    write: impl Fn(&mut Vec<u8>, &'a T, &[u8]),
    rest: Rest,
) -> Answer {
    let mut known: BTreeMap<&SeriesKey, Vec<u8>> = BTreeMap::new();
    let mut out = Vec::with_capacity((rows.len() + 1) * ITEM_BYTES);
    out.extend_from_slice(br#"{"items":["#);
    for (index, row) in rows.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        let series = series(row);
        write(&mut out, row, known.entry(series).or_insert_with(|| names(series, table)));
        out.push(b'}');
    }
    put(&mut out, r#"],"next":"#, &rest.next.map(|cursor| cursor.to_string()));
    put(&mut out, r#","seq":"#, &rest.seq);
    if let Some(Older { parts, incomplete }) = rest.older {
        put(&mut out, r#","older":"#, &parts);
        put(&mut out, r#","incomplete":"#, &incomplete);
    }
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
    serde_json::to_writer(out, value)
        .unwrap_or_else(|e| unreachable!("writing to memory failed: {e}"));
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::item::items;
    use super::super::query::Summary;
    use super::*;
    use crate::config::Config;
    use crate::http::api::v1::series::OlderPart;
    use vitalgate_domain::model::signal::SignalId;
    use vitalgate_domain::model::time::Span;
    use vitalgate_domain::model::unit::Unit;
    use vitalgate_store::types::Word;

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

    fn page(start: Cursor, size: usize) -> SamplePage {
        SamplePage { start, size, table: Arc::new(table()), seq: 9 }
    }

    fn chart() -> Chart {
        let grid = Grid::new(at(0), at(2), 2);
        Chart { grid, table: Arc::new(table()), seq: 9 }
    }

    fn sample(series: SeriesKey, second: i64, value: f64, flags: u16) -> Sample {
        let (at, received) = (at(second), at(second + 1));
        let (sent, unit) = (Sent::default(), Unit::PerMinute);
        Sample { series, at, sent, received, value, unit, flags }
    }

    fn read(answer: &Answer) -> Value {
        serde_json::from_slice(&answer.0).unwrap()
    }

    #[test]
    fn samples_say_all_that_is_known_of_them() {
        let samples = vec![
            sample(series(1, "II \"a\\\n"), 0, 70.5, flag::BELOW | flag::LATE | flag::NOT_JUDGED),
            sample(series(60_000, ""), 0, 3e300, 0),
            sample(series(1, "II \"a\\\n"), 60, -0.1, 0),
        ];
        let until = Some(Timestamp::from_micros(7));
        let answer =
            read(&page(Cursor::before(at(0)), 3).write(items(samples, Vec::new()), until, None));
        let item = |index: usize| answer["items"][index].clone();
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
        assert_eq!((answer["next"].clone(), answer["seq"].clone()), (json!("7.0"), json!(9)));
        assert_eq!(answer["items"].as_array().unwrap().len(), 3);
        assert_eq!(item(2).as_object().unwrap().len(), 9);
    }

    fn word(second: i64, word: Word) -> WordSample {
        let (at, received, sent) = (at(second), at(second + 1), Sent::default());
        WordSample { series: series(1, ""), at, sent, received, word, flags: flag::NOT_JUDGED }
    }

    #[test]
    fn a_word_stands_in_place_of_the_number_and_after_it() {
        let samples = vec![sample(series(1, ""), 0, 70.0, 0), sample(series(1, ""), 2, 71.0, 0)];
        let words = vec![
            word(0, Word::Text("\"70\"".into())),
            word(1, Word::Time(at(9))),
            word(2, Word::Absent("off".into())),
        ];
        let answer = read(&page(Cursor::before(at(0)), 4).write(items(samples, words), None, None));
        let said = ["value", "text", "time", "value"];
        let items = answer["items"].as_array().unwrap();
        for (item, said) in items.iter().zip(said) {
            assert!(item.get(said).is_some(), "{said}: {item}");
        }
        assert_eq!(
            items[1],
            json!({
                "at": "2026-03-01T00:00:00.5Z", "received_at": "2026-03-01T00:00:01.5Z",
                "device": "dev-1", "signal": "heart_rate", "instance": "", "text": "\"70\"",
                "flags": ["not_judged"],
            })
        );
        assert_eq!(items[2]["time"], json!("2026-03-01T00:00:09.5Z"));
        let next = Cursor::parse(answer["next"].as_str().unwrap()).unwrap();
        assert_eq!(next, Cursor { at: at(2), skip: 1 }, "the number of that instant was given");

        let bucket = WordBucket {
            from: at(1),
            to: at(2),
            count: 3,
            changes: 2,
            last: Word::Code("mdc:1".into()),
        };
        let answer = read(&chart().write(&[], &[(series(1, ""), bucket)], None));
        let expected = json!({
            "from": "2026-03-01T00:00:01.5Z", "to": "2026-03-01T00:00:02.5Z", "device": "dev-1",
            "signal": "heart_rate", "instance": "", "count": 3, "changes": 2, "code": "mdc:1",
        });
        assert_eq!(answer["items"], json!([expected]));
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
        let answer = read(&chart().write(&[bucket(0, Some(full)), bucket(1, None)], &[], None));
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
            "seq": 9,
        });
        assert_eq!(answer, expected);
        let nothing = read(&chart().write(&[], &[], None));
        assert_eq!(nothing, json!({"items": [], "next": null, "seq": 9}));
    }

    #[test]
    fn a_page_begins_where_the_one_before_ended() {
        let sample = |second: i64, value: f64| sample(series(1, ""), second, value, 0);
        let all: Vec<Sample> =
            [(0, 1.0), (1, 2.0), (1, 3.0), (1, 4.0), (2, 5.0)].map(|(s, v)| sample(s, v)).into();
        let mut start = Cursor::before(at(0));
        let mut pages = Vec::new();
        loop {
            let page = page(start, 2);
            let from = all.iter().filter(|sample| sample.at >= start.at).take(page.limit());
            let answer = read(&page.write(items(from.cloned().collect(), Vec::new()), None, None));
            let items = answer["items"].as_array().unwrap();
            pages
                .push(items.iter().map(|item| item["value"].as_f64().unwrap()).collect::<Vec<_>>());
            let Some(next) = answer["next"].as_str() else { break };
            start = Cursor::parse(next).unwrap();
        }
        assert_eq!(pages, [vec![1.0, 2.0], vec![3.0, 4.0], vec![5.0]]);
        for bad in ["", "7", "7.x", "x.7", "7.5001", "7.-1"] {
            assert!(Cursor::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_bytes_of_a_list_with_older_parts_are_fixed() {
        let text = |answer: Answer| String::from_utf8(answer.0).unwrap();
        let part = OlderPart {
            device: "dev-1".parse().unwrap(),
            signal: "heart_rate".to_owned(),
            instance: "II".into(),
            from: at(0),
            to: at(1),
            source: "store",
            incomplete: Some("too_slow"),
        };
        let older = Some(Older { parts: vec![part], incomplete: Some("too_slow") });
        let samples = vec![sample(series(1, "II"), 0, 70.0, flag::BELOW | flag::LATE)];
        assert_eq!(
            text(page(Cursor::before(at(0)), 1).write(items(samples, Vec::new()), None, older)),
            concat!(
                r#"{"items":[{"at":"2026-03-01T00:00:00.5Z","received_at":"2026-03-01T00:00:01.5Z","#,
                r#""device":"dev-1","signal":"heart_rate","instance":"II","value":70.0,"#,
                r#""comparator":"<","unit":"/min","flags":["late"]}],"next":null,"seq":9,"#,
                r#""older":[{"device":"dev-1","signal":"heart_rate","instance":"II","#,
                r#""from":"2026-03-01T00:00:00.5Z","to":"2026-03-01T00:00:01.5Z","#,
                r#""source":"store","incomplete":"too_slow"}],"incomplete":"too_slow"}"#,
            )
        );
        let whole = Some(Older { parts: Vec::new(), incomplete: None });
        assert_eq!(
            text(chart().write(&[], &[], whole)),
            r#"{"items":[],"next":null,"seq":9,"older":[],"incomplete":null}"#
        );
    }
}
