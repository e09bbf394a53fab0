//! What is asked of InfluxDB, and what its answer says: Flux and rows, pure. Whatever a name holds,
//! it cannot end the text it stands in.
//!
//! A point's fields come as lines of their own and are put side by side first (`pivot`): whether a
//! value counts stands in its flags, and what it is in its unit. `aggregateWindow` sees neither, and
//! would count what is implausible or entered in error.

use super::csv::{self, BadCsv};
use super::text::{literal, restored, stored};
use vitalgate_domain::model::instance::Instance;
use vitalgate_domain::model::time::{Span, Timestamp};
use vitalgate_domain::model::unit::Unit;
use vitalgate_store::history::point::Point;
use vitalgate_store::types::{Sent, flag};

/// Fields of a point: those that every one has, those of some, and what says that the store is simulated.
const FIELDS: [&str; 8] =
    ["value", "unit", "delay_ms", "flags", "ahead_us", "period_us", "or_equal", "simulated"];

/// InfluxDB counts nanoseconds in 64 bits; before this nothing was measured, and after it nobody asks.
const YEARS: (Timestamp, Timestamp) =
    (Timestamp::from_micros(0), Timestamp::from_micros(i64::MAX / 1_000 - 1));

/// Series of one device between two instants.
#[derive(Clone, Debug)]
pub struct Selection {
    /// The measurement: that of readings, or the doctor's.
    pub measurement: &'static str,
    /// Which site.
    pub site: String,
    /// Which device.
    pub device: String,
    /// Which of its series, each once.
    pub series: Vec<Wanted>,
    /// Only this lead or channel; empty for those without one.
    pub instance: Option<String>,
    /// From, included.
    pub from: Timestamp,
    /// Whether they are of a simulated store: one kind is never taken for the other.
    pub simulated: bool,
}

/// A series, up to an instant of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The signal's name.
    pub signal: String,
    /// Lead or channel.
    pub instance: Instance,
    /// To, excluded.
    pub to: Timestamp,
}

/// Whose and what a row is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The patient's pseudonym when it was exported; `None` for nobody's.
    pub patient: Option<String>,
    /// The signal's name.
    pub signal: String,
    /// Lead or channel.
    pub instance: Instance,
}

/// A number of a series.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    /// Whose and what.
    pub origin: Origin,
    /// The number, as history has it.
    pub point: Point,
}

/// The first numbers of a selection.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Page {
    /// By time.
    pub readings: Vec<Reading>,
    /// From here on there may be more; `None` where these are all.
    pub until: Option<Timestamp>,
}

/// What counts among the numbers of a series that lie in one bucket and have one unit.
#[derive(Clone, Debug, PartialEq)]
pub struct Summed {
    /// Whose and what.
    pub origin: Origin,
    /// Their unit.
    pub unit: Unit,
    /// Which bucket, from 0.
    pub place: usize,
    /// How many; where none counts, only `upto` says anything.
    pub count: u64,
    /// The smallest.
    pub min: f64,
    /// The largest.
    pub max: f64,
    /// All together.
    pub sum: f64,
    /// The last in time.
    pub last: f64,
    /// When that was measured.
    pub last_at: Timestamp,
    /// When the last of all was measured, also of those that do not count.
    pub upto: Timestamp,
}

/// Buckets of equal length; see [`Grid`](vitalgate_store::history::buckets::Grid).
#[derive(Clone, Copy, Debug)]
pub struct Places {
    /// Where the first begins.
    pub from: Timestamp,
    /// How long each is.
    pub width: Span,
    /// How many there are.
    pub count: usize,
}

impl Selection {
    /// Up to the end of its last series; `None` where nothing can be in it.
    pub fn range(&self) -> Option<(Timestamp, Timestamp)> {
        let clamp = |at: Timestamp| at.clamp(YEARS.0, YEARS.1);
        let to = self.series.iter().map(|wanted| wanted.to).max()?;
        let (from, to) = (clamp(self.from), clamp(to));
        // InfluxDB takes an empty range for an error.
        (from < to).then_some((from, to))
    }

    /// Flux for the first `most` numbers, by time.
    pub fn readings(&self, bucket: &str, most: usize) -> String {
        [
            self.points(bucket, &FIELDS),
            // All fields of a point are written together: the first of each are of the same points.
            // So nothing may be filtered out after this: who reads it counts what he leaves out. A field of some
            // may be of later points: they stand behind the first of all, and the second limit cuts them off.
            format!("limit(n: {most})"),
            PIVOT.to_owned(),
            "map(fn: (r) => ({r with at: int(v: r._time)}))".to_owned(),
            "group()".to_owned(),
            "drop(columns: [\"_start\", \"_stop\", \"_time\", \"_measurement\", \"site\", \"device\"])"
                .to_owned(),
            "sort(columns: [\"at\"])".to_owned(),
            format!("limit(n: {most})"),
        ]
        .join(THEN)
    }

    /// Flux for what counts of each series in each place and unit, `most` rows at most.
    pub fn sums(&self, bucket: &str, places: Places, most: usize) -> String {
        let all = "exists r.value and exists r.unit and exists r.delay_ms and exists r.flags";
        let (from, width) = (places.from.as_micros(), places.width.as_micros().max(1));
        [
            self.points(bucket, &["value", "unit", "delay_ms", "flags", "simulated"]),
            PIVOT.to_owned(),
            format!("filter(fn: (r) => {all} and {})", self.reality()),
            // Implausible is the lowest bit of the flags; corrected and entered in error are the
            // highest of eight.
            format!(
                "map(fn: (r) => ({{r with at: int(v: r._time), \
                 place: (int(v: r._time) / 1000 - ({from})) / {width}, \
                 counts: r.flags % 2 == 0 and r.flags < 128, \
                 rank: if r.flags >= 64 then 0 else 1, order: 0 - r.delay_ms}}))"
            ),
            // An instant may have been exported under several patients. As in `settle` the newest mark
            // stands for it, and else one of them.
            apart_from("\"unit\", \"patient\", "),
            "sort(columns: [\"rank\", \"order\"])".to_owned(),
            "unique(column: \"at\")".to_owned(),
            apart_from(""),
            SUM.to_owned(),
            "group()".to_owned(),
            "drop(columns: [\"_start\", \"_stop\", \"_measurement\", \"site\", \"device\"])"
                .to_owned(),
            format!("limit(n: {most})"),
        ]
        .join(THEN)
    }

    /// Reads what [`Selection::readings`] asked for.
    pub fn read(&self, body: &[u8], most: usize) -> Result<Page, BadCsv> {
        let mut readings: Vec<Reading> = Vec::new();
        let (mut rows, mut first, mut last) = (0_usize, YEARS.1, YEARS.0);
        csv::rows(body, |row| {
            rows += 1;
            if rows > most {
                return Err(BadCsv::Nonsense("there is more than was asked for"));
            }
            let (origin, to) = self.origin(row)?;
            let at = self.time(row.number("at")?, to)?;
            (first, last) = (first.min(at), last.max(at));
            let is_whole =
                ["value", "unit", "delay_ms", "flags"].iter().all(|c| row.get(c).is_some());
            if !is_whole || row.get("simulated").is_some() != self.simulated {
                return Ok(());
            }
            let delay: i64 = row.number("delay_ms")?;
            let or_equal = if row.get("or_equal") == Some("true") { flag::OR_EQUAL } else { 0 };
            let flags = u16::from(row.number::<u8>("flags")?) | or_equal;
            let sent = Sent {
                ahead: optional(row, "ahead_us")?.unwrap_or(0),
                period: optional(row, "period_us")?.map(Span::micros),
            };
            let point = Point {
                at,
                sent,
                received: Timestamp::from_millis(at.as_millis().saturating_add(delay)),
                value: finite(row.number("value")?)?,
                unit: unit(row.text("unit")?)?,
                flags,
            };
            readings.push(Reading { origin, point });
            Ok(())
        })?;
        if rows < most {
            return Ok(Page { readings, until: None });
        }
        if first == last {
            return Err(BadCsv::Nonsense("one instant fills the answer"));
        }
        // There may be more of the last instant.
        readings.retain(|reading| reading.point.at < last);
        Ok(Page { readings, until: Some(last) })
    }

    /// Reads what [`Selection::sums`] asked for.
    pub fn read_sums(
        &self,
        body: &[u8],
        places: Places,
        most: usize,
    ) -> Result<Vec<Summed>, BadCsv> {
        let mut sums = Vec::new();
        csv::rows(body, |row| {
            let place = row.number::<usize>("place")?;
            let (origin, to) = self.origin(row)?;
            let upto = self.time(row.number("upto")?, to)?;
            let count = row.number("n")?;
            let summed = Summed {
                origin,
                unit: unit(row.text("unit")?)?,
                place,
                count,
                min: finite(row.number("least")?)?,
                max: finite(row.number("most")?)?,
                sum: finite(row.number("total")?)?,
                last: finite(row.number("newest")?)?,
                last_at: if count == 0 { upto } else { self.time(row.number("newest_at")?, to)? },
                upto,
            };
            let Summed { min, max, last, .. } = summed;
            if place >= places.count || !(min <= last && last <= max) {
                return Err(BadCsv::Nonsense("a bucket cannot be"));
            }
            sums.push(summed);
            if sums.len() > most {
                return Err(BadCsv::Nonsense("there is more than was asked for"));
            }
            Ok(())
        })?;
        Ok(sums)
    }

    fn points(&self, bucket: &str, fields: &[&str]) -> String {
        let (from, to) = self.range().unwrap_or(YEARS);
        let mut signals: Vec<_> = self.series.iter().map(|wanted| stored(&wanted.signal)).collect();
        signals.sort();
        signals.dedup();
        let mut flux = format!(
            "from(bucket: {}) |> range(start: {}, stop: {}) |> filter(fn: (r) => \
             r._measurement == {} and r.site == {} and r.device == {} and ({})",
            literal(bucket),
            from,
            to,
            literal(self.measurement),
            literal(&stored(&self.site)),
            literal(&stored(&self.device)),
            any_of("signal", signals.into_iter()),
        );
        let more = match self.instance.as_deref() {
            None => String::new(),
            Some("") => " and not exists r.instance".to_owned(),
            Some(name) => format!(" and r.instance == {}", literal(&stored(name))),
        };
        let fields = any_of("_field", fields.iter().map(|field| (*field).to_owned()));
        flux.extend([&more, ")", THEN, "filter(fn: (r) => ", &fields, ")"]);
        // By tags InfluxDB finds series; ends and what has no instance are looked at row by row.
        let series: Vec<_> = self.series.iter().map(Wanted::condition).collect();
        flux.extend([THEN, "filter(fn: (r) => ", &series.join(" or "), ")"]);
        flux
    }

    fn reality(&self) -> &'static str {
        if self.simulated { "exists r.simulated" } else { "not exists r.simulated" }
    }

    /// Whose and what a row is, and where that series ends.
    fn origin(&self, row: &csv::Row<'_>) -> Result<(Origin, Timestamp), BadCsv> {
        let signal = restored(row.text("signal")?);
        let instance = restored(row.get("instance").unwrap_or_default());
        let is_it = |asked: &&Wanted| asked.signal == signal && asked.instance.as_str() == instance;
        let Some(Wanted { signal, instance, to }) = self.series.iter().find(is_it).cloned() else {
            return Err(BadCsv::Nonsense("a series that nobody asked for"));
        };
        Ok((Origin { patient: row.get("patient").map(restored), signal, instance }, to))
    }

    fn time(&self, nanos: i64, to: Timestamp) -> Result<Timestamp, BadCsv> {
        let at = Timestamp::from_micros(nanos.div_euclid(1_000));
        let asked = self.from <= at && at < to;
        asked.then_some(at).ok_or(BadCsv::Nonsense("a time that nobody asked for"))
    }
}

impl Wanted {
    fn condition(&self) -> String {
        let Self { signal, instance, to } = self;
        let instance = match instance.as_str() {
            "" => "not exists r.instance".to_owned(),
            name => format!("exists r.instance and r.instance == {}", literal(&stored(name))),
        };
        let (signal, to) = (literal(&stored(signal)), (*to).clamp(YEARS.0, YEARS.1));
        format!("(r.signal == {signal} and {instance} and r._time < {to})")
    }
}

/// Tables by all columns but those of a single point, and these.
fn apart_from(more: &str) -> String {
    format!(
        "group(columns: [{more}\"_time\", \"at\", \"value\", \"delay_ms\", \"flags\", \
         \"simulated\", \"counts\", \"rank\", \"order\"], mode: \"except\")"
    )
}

const THEN: &str = " |> ";

const PIVOT: &str = "pivot(rowKey: [\"_time\"], columnKey: [\"_field\"], valueColumn: \"_value\")";

/// In whatever order the rows come.
const SUM: &str = "reduce(identity: {n: 0, total: 0.0, least: 0.0, most: 0.0, newest: 0.0, \
     newest_at: 0, upto: 0}, fn: (r, accumulator) => ({\
     n: if r.counts then accumulator.n + 1 else accumulator.n, \
     total: if r.counts then accumulator.total + r.value else accumulator.total, \
     least: if r.counts and (accumulator.n == 0 or r.value < accumulator.least) then r.value \
     else accumulator.least, \
     most: if r.counts and (accumulator.n == 0 or r.value > accumulator.most) then r.value \
     else accumulator.most, \
     newest: if r.counts and (accumulator.n == 0 or r.at >= accumulator.newest_at) then r.value \
     else accumulator.newest, \
     newest_at: if r.counts and (accumulator.n == 0 or r.at >= accumulator.newest_at) then r.at \
     else accumulator.newest_at, \
     upto: if r.at > accumulator.upto then r.at else accumulator.upto}))";

fn any_of(column: &str, values: impl Iterator<Item = String>) -> String {
    let each: Vec<_> = values.map(|value| format!("r.{column} == {}", literal(&value))).collect();
    each.join(" or ")
}

fn optional(row: &csv::Row<'_>, column: &str) -> Result<Option<i64>, BadCsv> {
    row.get(column).map(|_| row.number(column)).transpose()
}

fn finite(value: f64) -> Result<f64, BadCsv> {
    value.is_finite().then_some(value).ok_or(BadCsv::Nonsense("a number is not finite"))
}

fn unit(text: &str) -> Result<Unit, BadCsv> {
    text.parse().map_err(|_| BadCsv::Nonsense("a unit that nobody knows"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::line::Store;
    use super::*;
    use vitalgate_domain::model::signal::SignalId;
    use vitalgate_store::types::SeriesKey;

    /// A reader of Flux strings, after the language's description: the text, and what follows it.
    fn read_literal(text: &str) -> Option<(String, &str)> {
        let mut bytes = Vec::new();
        let mut chars = text.strip_prefix('"')?.char_indices();
        while let Some((at, c)) = chars.next() {
            match c {
                '"' => return Some((String::from_utf8(bytes).ok()?, &text[at + 2..])),
                '$' => return None,
                '\\' => match chars.next()?.1 {
                    c @ ('"' | '\\') => bytes.push(c as u8),
                    'x' => {
                        let hex: String = [chars.next()?.1, chars.next()?.1].iter().collect();
                        bytes.push(u8::from_str_radix(&hex, 16).ok()?);
                    }
                    _ => return None,
                },
                c => bytes.extend(c.encode_utf8(&mut [0; 4]).bytes()),
            }
        }
        None
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_millis(1_700_000_000_000 + second * 1_000)
    }

    fn wanted(signal: &str, instance: &str) -> Wanted {
        Wanted { signal: signal.to_owned(), instance: Instance::from(instance), to: at(60) }
    }

    fn selection(signals: &[&str], instance: Option<&str>) -> Selection {
        Selection {
            measurement: super::super::line::READING,
            site: "north".to_owned(),
            device: "dev-1".to_owned(),
            series: signals.iter().map(|signal| wanted(signal, instance.unwrap_or(""))).collect(),
            instance: instance.map(str::to_owned),
            from: at(0),
            simulated: false,
        }
    }

    const PLACES: Places =
        Places { from: Timestamp::from_millis(1_700_000_000_000), width: Span::secs(10), count: 6 };

    #[test]
    fn a_question_names_range_series_and_bounds() {
        let signals = ["heart_rate", "spo2"];
        let flux = selection(&signals, Some("")).readings("vitals", 7);
        assert_eq!(
            flux,
            "from(bucket: \"vitals\") |> range(start: 2023-11-14T22:13:20Z, stop: \
             2023-11-14T22:14:20Z) |> filter(fn: (r) => r._measurement == \"vitalgate_reading\" and \
             r.site == \"north\" and r.device == \"dev-1\" and (r.signal == \"heart_rate\" or \
             r.signal == \"spo2\") and not exists r.instance) |> filter(fn: (r) => r._field == \
             \"value\" or r._field == \"unit\" or r._field == \"delay_ms\" or r._field == \"flags\" \
             or r._field == \"ahead_us\" or r._field == \"period_us\" or r._field == \"or_equal\" \
             or r._field == \"simulated\") |> filter(fn: (r) => (r.signal == \"heart_rate\" and not \
             exists r.instance and r._time < 2023-11-14T22:14:20Z) or (r.signal == \"spo2\" and not \
             exists r.instance and r._time < 2023-11-14T22:14:20Z)) |> limit(n: 7) |> pivot(rowKey: \
             [\"_time\"], columnKey: [\"_field\"], valueColumn: \"_value\") |> map(fn: (r) => ({r with at: int(v: r._time)})) |> group() |> drop(columns: [\"_start\", \
             \"_stop\", \"_time\", \"_measurement\", \"site\", \"device\"]) |> sort(columns: \
             [\"at\"]) |> limit(n: 7)"
        );
        let to = Timestamp::from_micros(i64::MAX);
        let series = vec![Wanted { to, ..wanted("spo2", "a $") }];
        let instance = Some("a $".to_owned());
        let from = Timestamp::from_micros(i64::MIN);
        let whole = Selection { series, instance, from, ..selection(&signals, None) };
        let flux = whole.sums("vitals", PLACES, 9);
        assert!(flux.contains("range(start: 1970-01-01T00:00:00Z, stop: 2262-04-11T"), "{flux}");
        assert!(flux.contains("r.instance == \"a \\x24\"") && flux.ends_with("limit(n: 9)"));
        assert_eq!(whole.range(), Some(YEARS));
        let before = Timestamp::from_micros(-7);
        let series = vec![Wanted { to: before, ..wanted("spo2", "") }];
        assert_eq!(Selection { series, ..whole }.range(), None, "nobody measured then");
    }

    #[test]
    fn what_comes_back_must_be_what_was_asked_for() {
        let series = vec![wanted("spo2", "a,b%"), wanted("spo2", "")];
        let whole = Selection { series, ..selection(&["spo2"], None) };
        let nanos = at(5).as_micros() * 1_000;
        let header = ",result,table,ahead_us,period_us,or_equal,at,value,unit,delay_ms,flags,signal,instance,patient,simulated";
        let read_by = |asked: &Selection, row: &str| {
            let page = asked.read(format!("{header}\n{row}\n").as_bytes(), 3);
            page.map(|page| page.readings)
        };
        let read = |row: &str| read_by(&whole, row);
        let good = format!(",_result,0,-7,1000000,,{nanos},97.5,%,12,3,spo2,a%2Cb%25,p,");
        let reading = read(&good).unwrap().remove(0);
        assert_eq!(reading.origin.instance.as_str(), "a,b%");
        assert_eq!(reading.origin.patient.as_deref(), Some("p"));
        let Point { at: measured, sent, received, value, unit, flags } = reading.point;
        assert_eq!((measured, value, unit, flags), (at(5), 97.5, Unit::Percent, 3));
        assert_eq!(sent, Sent { ahead: -7, period: Some(Span::secs(1)) });
        assert_eq!((received - measured).as_micros(), 12_000);
        for (what, other) in
            [(nanos.to_string(), at(60).as_micros() * 1_000), ("12".to_owned(), i64::MAX)]
        {
            let row = good.replacen(&what, &other.to_string(), 1);
            assert_eq!(read(&row).is_ok(), what == "12", "{row}");
        }
        for (what, other) in
            [("97.5", "NaN"), (",%,", ",bananas,"), (",3,", ",256,"), ("spo2", "x"), ("a%2C", "c")]
        {
            let row = good.replacen(what, other, 1);
            assert!(matches!(read(&row), Err(BadCsv::Nonsense(_))), "{row}");
        }
        let bound = read(&good.replacen("1000000,,", ",true,", 1)).unwrap().remove(0).point;
        assert_eq!((bound.flags, bound.sent.period), (3 | flag::OR_EQUAL, None));
        // Neither is a number of this store.
        let simulated = format!("{good}true");
        for row in [&good.replacen("97.5", "", 1), &simulated] {
            assert_eq!(read(row), Ok(Vec::new()), "{row}");
        }
        let ours = Selection { simulated: true, ..whole.clone() };
        assert_eq!(read_by(&ours, &simulated).unwrap().len(), 1);
        // Where an answer is full, what is left out of it counts as well.
        let later = simulated.replacen(&nanos.to_string(), &(nanos + 1_000).to_string(), 1);
        let full = |rows: &[&str]| {
            whole.read(format!("{header}\n{}\n", rows.join("\n")).as_bytes(), rows.len())
        };
        let page = full(&[&good, &later]).unwrap();
        assert_eq!((page.readings.len(), page.until), (1, Some(at(5) + Span::micros(1))));
        assert!(matches!(full(&[&good, &simulated]), Err(BadCsv::Nonsense(_))));
        let more = [&*good; 4].join("\n");
        assert!(matches!(read(&more), Err(BadCsv::Nonsense(_))));
        let one = Selection { series: vec![wanted("spo2", "a")], ..whole.clone() };
        assert!(read_by(&one, &good).is_err());
    }

    #[test]
    fn a_bucket_that_cannot_be_is_nonsense() {
        let whole = selection(&["spo2"], None);
        let nanos = at(5).as_micros() * 1_000;
        let read = |place: &str, n: &str, least: &str, most: &str, newest: &str| {
            let body = format!(
                ",result,table,unit,place,n,least,most,total,newest,newest_at,upto,signal\n,,0,%,{place},{n},{least},{most},\
                 9,{newest},{},{nanos},spo2\n",
                if n == "0" { 0 } else { nanos }
            );
            whole.read_sums(body.as_bytes(), PLACES, 9)
        };
        let summed = read("5", "3", "1", "5", "4").unwrap().remove(0);
        assert_eq!((summed.place, summed.count, summed.last_at), (5, 3, at(5)));
        let none = read("5", "0", "0", "0", "0").unwrap().remove(0);
        assert_eq!((none.count, none.upto), (0, at(5)));
        for (place, n, least, most, newest) in [
            ("6", "3", "1", "5", "4"),
            ("-1", "3", "1", "5", "4"),
            ("5", "3", "1", "5", "6"),
            ("5", "3", "1", "+Inf", "4"),
            ("5", "3", "", "5", "4"),
        ] {
            let read = read(place, n, least, most, newest);
            assert!(matches!(read, Err(BadCsv::Nonsense(_))), "{read:?}");
        }
    }

    proptest! {
        #[test]
        fn no_name_ends_the_text_it_stands_in(
            name in prop_oneof![any::<String>(), "[\\\\\"${}()|> \n\r\t%a]{0,12}"],
        ) {
            let quoted = literal(&name);
            prop_assert_eq!(read_literal(&quoted), Some((name.clone(), "")));
            let begins_an_expression = quoted.contains("${");
            prop_assert!(!begins_an_expression);
            // Everything that varies in a question is such a text, a number or a time.
            let of = |name: &str| {
                let (site, device) = (name.to_owned(), name.to_owned());
                let asked = Selection { site, device, ..selection(&[name], Some("x")) };
                asked.readings(name, 1)
            };
            let flux = of(&name);
            let mut rest = flux.as_str();
            let mut texts = Vec::new();
            while let Some(quote) = rest.find('"') {
                let (text, after) = read_literal(&rest[quote..]).expect("a text that ends");
                texts.push(text);
                rest = after;
            }
            prop_assert_eq!(texts.len(), of("plain").matches('"').count() / 2);
            prop_assert_eq!(&texts[0], &name);
            prop_assert_eq!(&texts[2], &stored(&name));
        }

        #[test]
        fn a_tag_is_asked_for_as_it_was_written(
            name in prop_oneof!["\\PC{1,12}", "[\\\\,= \"\n\r\t%A0-9a\u{85}\u{2028}]{1,12}"],
        ) {
            prop_assert_eq!(restored(&stored(&name)), name.clone());
            let series = SeriesKey {
                device: "dev-1".parse().unwrap(),
                signal: SignalId(1),
                instance: Instance::from(name.as_str()),
            };
            let tags = format!("{:?}", Store::new("north", false).tags(&series, "spo2", None));
            // In line protocol three characters have a backslash before them.
            let escaped =
                stored(&name).replace(',', "\\,").replace(' ', "\\ ").replace('=', "\\=");
            let expected = format!("vitalgate_reading,device=dev-1,instance={escaped},signal=spo2,site=north");
            prop_assert_eq!(tags, format!("Tags({expected:?})"));
        }

        #[test]
        fn no_answer_makes_it_panic(body in "(,(at|value|unit|delay_ms|flags|signal|n|place|most)){0,9}\n(,([0-9]{1,19}|-?[0-9.]{1,4}|%|spo2|NaN|)){0,9}\n") {
            let whole = selection(&["spo2"], None);
            drop(whole.read(body.as_bytes(), 9));
            drop(whole.read_sums(body.as_bytes(), PLACES, 9));
        }
    }
}
