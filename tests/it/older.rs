//! Ranges that only InfluxDB holds: retention took them here, and the answer is what it was before.

use std::io::Write as _;
use std::net::TcpStream;
use std::path::Path;
use std::thread;

use serde_json::{Value, json};
use vitalgate_domain::model::time::{Span, Timestamp};

use crate::fake_influx::{FakeInflux, PREFIX, QueryMood};
use crate::harness::{Gateway, eventually, eventually_within, telemetry};
use crate::setup::{RULES, Setup};

/// Seconds of one message.
const A_MESSAGE: i64 = 60;
/// Messages of the past.
const MESSAGES: i64 = 150;
/// A name with all that a tag needs help with.
const INSTANCE: &str = "left, a=\"b\" 50% \\ $";

/// A patient's device that spoke for hours of a stream, before InfluxDB.
struct Past {
    gateway: Gateway,
    server: FakeInflux,
    begin: Timestamp,
    seq: u64,
    _secret: tempfile::TempDir,
}

impl Past {
    fn start(read_timeout: &str) -> Self {
        Self::of(|influx| Setup::default().section("influx", influx), read_timeout)
    }

    /// By a store that knows nothing of InfluxDB, and whose journal keeps little.
    fn without() -> Self {
        Self::of(|_| Setup::default(), "10s")
    }

    fn of(setup: impl FnOnce(Value) -> Setup, read_timeout: &str) -> Self {
        let secret = tempfile::tempdir().unwrap();
        let server = FakeInflux::start();
        let setup = setup(section(secret.path(), &server, read_timeout)).rules(RULES);
        let store = json!({ "history_keep": "10d", "journal_keep": "1m" });
        let gateway = setup.section("store", store).args(&["--clock", "stream"]).start();
        let begin = (gateway.now() - Span::hours(6)).to_the_second();
        let mut past = Self { gateway, server, begin, seq: 0, _secret: secret };
        // A stream has no time before its first message.
        past.gateway.register("dev-0", "bedside", &json!([]));
        past.gateway.mqtt("dev-0").telemetry("dev-0", &telemetry(1, begin, &[("spo2", 97.0, "%")]));
        past.gateway.admit("p1", "dev-1");
        past.publish(0..MESSAGES);
        past
    }

    /// Sends messages of one minute each.
    fn publish(&mut self, minutes: std::ops::Range<i64>) {
        let mut client = self.gateway.mqtt("dev-1");
        for minute in minutes {
            let from = self.begin + Span::secs(minute * A_MESSAGE);
            let mut readings = Vec::new();
            let mut put = |at: i64, signal: &str, instance: &str, value: f64, unit: &str| {
                let at = from + Span::secs(at) + Span::micros(at);
                readings.push(json!({
                    "at": at, "signal": signal, "instance": instance, "value": value, "unit": unit,
                }));
            };
            for second in 0..A_MESSAGE {
                // Once a minute a value that cannot be.
                let rate = if second == 30 { 999.0 } else { 60.0 + (second % 7) as f64 * 0.3 };
                put(second, "heart_rate", "", rate, "/min");
                if second % 10 == 0 {
                    put(second, "spo2", "", 95.0 + (minute % 4) as f64, "%");
                    put(second, "spo2", INSTANCE, 96.0 + (second % 3) as f64, "%");
                }
            }
            let (value, unit) = if minute % 2 == 0 { (101.0, "mg/dL") } else { (5.7, "mmol/L") };
            put(0, "glucose_cgm", "", value, unit);
            self.seq += 1;
            let message = json!({
                "boot": 1, "seq": self.seq, "sent_at": from + Span::secs(A_MESSAGE),
                "clock": { "source": "ntp" }, "readings": readings,
            });
            client.telemetry("dev-1", &message);
        }
    }

    fn at(&self, minute: i64) -> Timestamp {
        self.begin + Span::secs(minute * A_MESSAGE)
    }

    /// What was measured in the past that ended at minute [`MESSAGES`].
    fn series(&self, of: &str, query: &str) -> Value {
        let (from, to) = (self.at(-10), self.at(MESSAGES));
        self.gateway.get(&format!("/api/v1/{of}/series?from={from}&to={to}&{query}"))
    }

    /// All pages.
    fn pages(&self, of: &str, query: &str) -> Vec<Value> {
        self.pages_but_for(&Value::Null, of, query)
    }

    fn pages_but_for(&self, incomplete: &Value, of: &str, query: &str) -> Vec<Value> {
        let (mut items, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = self.series(of, &format!("{query}{cursor}"));
            // The last pages are of what is here alone.
            let is_whole = page["incomplete"].is_null();
            assert!(is_whole || page["incomplete"] == *incomplete, "{}", page["older"]);
            items.extend(page["items"].as_array().unwrap().iter().cloned());
            let Some(next) = page["next"].as_str() else { return items };
            cursor = format!("&cursor={next}");
        }
    }

    /// Waits until InfluxDB has all of the past, then keeps an hour of it here.
    fn forget(&mut self) {
        // What is told last is settled by what comes after it.
        self.publish(MESSAGES..MESSAGES + 2);
        let told = (self.at(MESSAGES)).as_micros() * 1_000 - 1_000_000_000;
        eventually("InfluxDB has the past", || (self.server.state().last > told).then_some(()));
        self.take();
    }

    /// Keeps an hour here.
    fn take(&mut self) {
        self.gateway.set("store", "history_keep", &json!("1h"));
        self.gateway.restart();
        let mut minute = MESSAGES + 2;
        eventually("retention took what is older", || {
            self.publish(minute..minute + 1);
            minute += 1;
            let gone = "SELECT count(*) FROM gone JOIN series ON id = series
                          WHERE device = 'dev-1' AND upto > ?";
            let far = self.at(60).as_micros();
            let gone = gone.replace('?', &far.to_string());
            (self.gateway.rows(&gone, |row| row.get::<_, i64>(0))[0] == 4).then_some(())
        });
    }
}

fn section(dir: &Path, server: &FakeInflux, read_timeout: &str) -> Value {
    let secret = dir.join("influx-secret");
    std::fs::write(&secret, "secret-token\n").unwrap();
    json!({
        "url": format!("http://{}{PREFIX}", server.address), "org": "o", "bucket": "b",
        "secret_file": secret, "batch_age": "50ms", "timeout": "2s", "read_timeout": read_timeout,
    })
}

/// The series of a line's head, of the device of the past.
fn is_of(head: &str, part: &Value) -> bool {
    let has = |text: &str| head.contains(text);
    let instance = part["instance"].as_str().unwrap();
    let signal = format!(",signal={},", part["signal"].as_str().unwrap());
    has("device=dev-1,") && has(&signal) && has(",instance=") != instance.is_empty()
}

impl Past {
    /// InfluxDB gets everything it holds of the device under nobody's name as well, and has nothing
    /// yet of what is held here.
    fn tell_twice_and_lag(&self, answer: &Value) {
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

const SIGNALS: &str = "signal=heart_rate,spo2,glucose_cgm";

#[test]
fn what_retention_took_comes_back_as_it_was() {
    let mut past = Past::start("10s");
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

    past.tell_twice_and_lag(&before[0]);
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

#[test]
fn a_server_that_cannot_be_asked_is_said_and_harms_nobody() {
    let mut past = Past::start("3s");
    past.forget();
    let before = past.gateway.resident_kib();
    let moods = [
        (QueryMood::Status(500), "failed"),
        (QueryMood::Status(503), "failed"),
        (QueryMood::Status(302), "failed"),
        (QueryMood::Status(401), "refused"),
        (QueryMood::Status(404), "refused"),
        (QueryMood::Page, "nonsense"),
        (QueryMood::Empty, "nonsense"),
        (QueryMood::Nonsense, "nonsense"),
        (QueryMood::Error, "failed"),
        (QueryMood::Cut, "unreachable"),
        (QueryMood::Trickle, "too_slow"),
        (QueryMood::Never, "too_slow"),
        (QueryMood::Endless, "too_much"),
    ];
    for (mood, why) in moods {
        past.server.state().query_mood = mood;
        for query in ["&points=160", "&limit=5000"] {
            let answer = past.series("patients/p1", &format!("{SIGNALS}{query}"));
            assert_eq!(answer["incomplete"], json!(why), "{mood:?}");
            for part in answer["older"].as_array().unwrap() {
                let said = (&part["source"], &part["incomplete"]);
                assert_eq!(said, (&json!("store"), &json!(why)), "{mood:?}");
            }
            let items = answer["items"].as_array().unwrap();
            assert!(items.iter().any(|item| item["count"] != json!(0)), "{mood:?}: what is here");
        }
        let counted = format!("vitalgate_sink_queries_total{{sink=\"influx\",result=\"{why}\"}}");
        assert!(past.gateway.metric(&counted) > 0, "{why}");
    }
    let more = past.gateway.resident_kib().saturating_sub(before);
    assert!(more < 64 << 10, "{more} KiB more");

    // A bucket that holds none of it, wherever the range ends.
    past.server.state().query_mood = QueryMood::NoRows;
    for to in [9, MESSAGES] {
        for query in ["points=1", "limit=5000"] {
            let (from, to) = (past.at(0), past.at(to));
            let path = format!("/api/v1/patients/p1/series?{SIGNALS}&from={from}&to={to}&{query}");
            let empty = past.gateway.get(&path);
            assert_eq!(empty["incomplete"], json!("not_held"), "{path}");
            let parts = empty["older"].as_array().unwrap();
            assert!(parts.len() == 4 && parts.iter().all(|part| part["source"] == "influxdb"));
        }
    }
    past.server.state().query_mood = QueryMood::Well;
    // What another store of this site told under the names that it gives.
    {
        let mut state = past.server.state();
        let points = std::mem::take(&mut state.points).into_iter();
        let renamed = |head: String| {
            let tags = head.split(",patient=").collect::<Vec<_>>();
            let rest = tags[1].split_once(',').expect("more tags").1;
            format!("{},patient=somebody,{rest}", tags[0])
        };
        let ours = points.filter(|(head, _)| head.contains("device=dev-1,"));
        let is_named = |head: &str| head.contains(",patient=");
        state.points = ours
            .map(|(head, points)| (if is_named(&head) { renamed(head) } else { head }, points))
            .collect();
    }
    let (from, to) = (past.at(0), past.at(9));
    let path = format!("/api/v1/patients/p1/series?{SIGNALS}&from={from}&to={to}&points=1");
    let strange = past.gateway.get(&path);
    assert_eq!(strange["incomplete"], json!("another_name"));
    let items = strange["items"].as_array().unwrap();
    assert!(items.iter().all(|item| item["count"] == json!(0)), "{items:?}");
    // Points that are not there any more, though they were told.
    past.server.state().points.clear();
    let empty = past.series("patients/p1", &format!("{SIGNALS}&points=160"));
    assert_eq!(empty["incomplete"], json!("not_held"));
    let address = past.server.address;
    drop(past.server);
    let path = format!("/api/v1/devices/dev-1/series?{SIGNALS}&from={}&points=9", past.begin);
    let gone = past.gateway.get(&path);
    assert_eq!(gone["incomplete"], json!("unreachable"), "{address}");
    let log = past.gateway.log();
    assert!(!log.contains("secret-token") && !log.contains("out of memory"));
}

#[test]
fn what_influxdb_lacks_before_the_border_is_missed() {
    let mut past = Past::start("10s");
    past.forget();
    let whole = past.series("patients/p1", &format!("{SIGNALS}&points=9"));
    assert!(whole["incomplete"].is_null(), "{whole}");
    let part =
        whole["older"].as_array().unwrap().iter().find(|part| part["signal"] == "heart_rate");
    let part = part.unwrap().clone();
    let to: Timestamp = part["to"].as_str().unwrap().parse().unwrap();
    {
        // The last that was taken, and all that came later.
        let mut state = past.server.state();
        for (_, points) in state.points.iter_mut().filter(|(head, _)| is_of(head, &part)) {
            points.retain(|at, _| *at < (to.as_micros() - 1) * 1_000);
        }
    }
    let answer = past.series("patients/p1", &format!("{SIGNALS}&points=9"));
    assert_eq!(answer["incomplete"], json!("not_held"));
    for said in answer["older"].as_array().unwrap() {
        let doubt = (said["signal"] == "heart_rate").then_some("not_held");
        assert_eq!(said["incomplete"], json!(doubt), "{said}");
    }
    let last = format!("signal=heart_rate&from={}&to={}", to - Span::secs(30), past.at(MESSAGES));
    let page = past.gateway.get(&format!("/api/v1/patients/p1/series?{last}"));
    assert_eq!(page["incomplete"], json!("not_held"));
}

#[test]
fn what_was_taken_before_there_was_an_influxdb_was_never_told() {
    let mut past = Past::without();
    past.take();
    let mut minute = MESSAGES + 60;
    eventually("the journal's beginning is gone", || {
        past.publish(minute..minute + 1);
        minute += 1;
        let first = "SELECT min(n) FROM journal";
        (past.gateway.rows(first, |row| row.get::<_, i64>(0))[0] > 1).then_some(())
    });
    let ask = |past: &Past| past.series("patients/p1", &format!("{SIGNALS}&points=9"));
    assert_eq!(ask(&past)["incomplete"], json!("not_kept"));
    let secret = tempfile::tempdir().unwrap();
    let influx = section(secret.path(), &past.server, "10s");
    for (key, value) in influx.as_object().unwrap() {
        past.gateway.set("influx", key, value);
    }
    past.gateway.restart();
    past.publish(minute..minute + 2);
    let told = past.at(minute).as_micros() * 1_000;
    eventually("InfluxDB has what there is", || {
        let refilling = past.gateway.metric("vitalgate_sink_refilling{sink=\"influx\"}");
        (past.server.state().last >= told && refilling == 0).then_some(())
    });
    let answer = ask(&past);
    assert_eq!(answer["incomplete"], json!("not_told"), "{answer}");
    assert!(answer["older"].as_array().unwrap().iter().all(|p| p["incomplete"] == "not_told"));
}

#[test]
fn while_it_is_waited_for_everything_else_goes_on() {
    let mut past = Past::start("1m");
    past.forget();
    past.server.state().query_mood = QueryMood::Never;
    let path = format!("/api/v1/devices/dev-1/series?{SIGNALS}&from={}&points=9", past.begin);
    let address = past.gateway.address("http").to_owned();
    let ask = || {
        let mut stream = TcpStream::connect(&address).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n").unwrap();
        stream
    };
    let waiting = [ask(), ask()];
    eventually("two ask", || (past.server.state().asking == 2).then_some(()));
    // A third does not wait, and what is here is given to all.
    let busy = past.gateway.get(&path);
    assert_eq!(busy["incomplete"], json!("busy"));
    assert!(busy["items"].as_array().unwrap().iter().any(|item| item["count"] != json!(0)));
    let of_now = format!("/api/v1/devices/dev-1/series?{SIGNALS}&from={}", past.at(MESSAGES - 5));
    let readers: Vec<_> = (0..8)
        .map(|_| {
            let url = past.gateway.url(&of_now);
            thread::spawn(move || ureq::get(&url).call().unwrap().status())
        })
        .collect();
    assert!(readers.into_iter().all(|reader| reader.join().unwrap() == 200));
    let events = past.gateway.events();
    let at = past.at(MESSAGES + 60);
    let mut client = past.gateway.mqtt("dev-1");
    client.telemetry("dev-1", &telemetry(9_000, at, &[("spo2", 70.0, "%")]));
    events.alarm("it is raised", |a| a["patient"] == "p1" && a["state"] == "alarming");
    let told = at.as_micros() * 1_000;
    client.telemetry("dev-1", &telemetry(9_001, at + Span::secs(60), &[("spo2", 71.0, "%")]));
    eventually("InfluxDB is told", || (past.server.state().last >= told).then_some(()));
    assert_eq!(past.server.state().asking, 2);
    // Who goes away takes his question with him.
    drop(waiting);
    eventually_within(30.0, "nobody asks", || (past.server.state().asking == 0).then_some(()));
    past.server.state().query_mood = QueryMood::Well;
    assert!(past.gateway.get(&path)["incomplete"].is_null());
}

#[test]
fn without_reading_what_is_gone_is_said_to_be_gone() {
    let mut past = Past::start("10s");
    past.gateway.set("influx", "read", &json!(false));
    past.forget();
    let answer = past.series("patients/p1", "signal=heart_rate&points=9");
    assert_eq!(answer["incomplete"], json!("not_kept"));
    assert!(past.server.state().queries.is_empty());
}

fn encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |out, byte| format!("{out}%{byte:02X}"))
}
