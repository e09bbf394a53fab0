//! InfluxDB: whether it answers, lets us in, has organisation and bucket, takes a point and gives it
//! back.

use axum::http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue, Method};
use bytes::Bytes;
use serde_json::{Value, json};

use super::Findings;
use crate::clock::Clock;
use crate::config::Influx;
use crate::influx::archive::{Archive, Unread, encoded};
use crate::influx::line;
use crate::influx::query::{Origin, Page, Places, Reading, Selection, Summed, Wanted};
use crate::net::outbound::{Answer, NoAnswer, Outbound};
use vitalgate_domain::model::ids::DeviceId;
use vitalgate_domain::model::signal::SignalId;
use vitalgate_domain::model::time::{Span, Timestamp};
use vitalgate_domain::model::unit::Unit;
use vitalgate_store::history::point::Point;
use vitalgate_store::types::{Sent, SeriesKey, flag};

/// What the doctor writes, and looks for; nothing else has this name.
const MEASUREMENT: &str = "vitalgate_doctor";
const RIGHTS: &str = "make a token that may read and write the bucket: \
                      `influx auth create --org ORG --read-bucket ID --write-bucket ID`";

/// The series it is written as, and one without an instance. The instance holds all that a tag needs help with.
const DEVICE: &str = "vitalgate-doctor";
const SIGNAL: &str = "check";
const INSTANCE: &str = "a, b=\"c\" 100% \\ $";
/// One point is written under this name as well, as after a corrected binding.
const PATIENT: &str = "vitalgate-doctor";
/// More rows than were written.
const MOST: usize = 100;
const NOT_READ: &str = "writing needs no more; ranges that only InfluxDB holds are then shown as \
                        incomplete: let the token read the bucket, or set `influx.read = false`";
const QUERY_FAILS: &str = "see InfluxDB's own log; `influx.read = false` does without its answers";

const SEEN_BY_USE: &str = "nothing, if write and read back are ok: that is all vitalgate needs";

/// The organisation, by what the token lets us know of it.
enum Organisation {
    Id(String),
    /// Known by its configured name only.
    Unseen,
}

/// What a list says of a name.
enum Listed {
    There(Value),
    /// The list is answered without it.
    Empty,
    /// In place of the list: there is no such thing.
    NotFound,
    /// In place of the list: the token may not ask.
    Refused,
}

/// A server to talk to.
struct Server<'a> {
    config: &'a Influx,
    outbound: Outbound,
    authorization: HeaderValue,
}

pub(super) async fn examine(config: &Influx, site: &str, fix: bool) -> Findings {
    let mut findings = Findings::of("influxdb");
    let Some(server) = Server::new(config, &mut findings) else { return findings };
    if !server.version(&mut findings).await {
        return findings;
    }
    let Some(org) = server.organisation(fix, &mut findings).await else { return findings };
    if server.bucket(&org, fix, &mut findings).await {
        server.write_and_read(site, &mut findings).await;
    }
    findings
}

impl Organisation {
    fn of(id: &str) -> Self {
        Self::Id(id.to_owned())
    }
}

impl<'a> Server<'a> {
    fn new(config: &'a Influx, findings: &mut Findings) -> Option<Self> {
        let secret = match config.authorization() {
            Ok(secret) => secret,
            Err(error) => {
                findings.fail("secret", error.to_string(), "see [influx] in docs/config.md");
                return None;
            }
        };
        let mut authorization = HeaderValue::from_str(secret.header()).ok()?;
        authorization.set_sensitive(true);
        let within = std::time::Duration::from_micros(config.timeout.as_micros().unsigned_abs());
        match Outbound::new(config.url.clone(), config.ca.as_deref(), within) {
            Ok(outbound) => Some(Self { config, outbound, authorization }),
            Err(error) => {
                findings.fail("certificates", error.to_string(), "check influx.ca");
                None
            }
        }
    }

    async fn ask(
        &self,
        method: Method,
        path: &str,
        kind: &'static str,
        body: impl Into<Bytes>,
    ) -> Result<Answer, NoAnswer> {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, self.authorization.clone());
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        headers.insert(ACCEPT, HeaderValue::from_static("application/json, application/csv"));
        let path = format!("{}{path}", self.config.url.prefix());
        self.outbound.send(method, &path, headers, body.into()).await
    }

    async fn get(&self, path: &str) -> Result<Answer, NoAnswer> {
        self.ask(Method::GET, path, "application/json", Bytes::new()).await
    }

    async fn version(&self, findings: &mut Findings) -> bool {
        let to = format!("{}{}", self.config.url.authority, self.config.url.prefix());
        match self.get("/health").await {
            Ok(answer) if answer.status == 200 => {
                let health = body(&answer);
                let header = answer.headers.get("x-influxdb-version");
                let named = header.and_then(|v| v.to_str().ok()).or(health["version"].as_str());
                let version = named.unwrap_or("unknown").trim_start_matches('v');
                let found = format!("{to} answers; version {version}");
                if version.starts_with('2') {
                    findings.ok("server", found);
                } else {
                    let advice =
                        "vitalgate is made for InfluxDB 2; what others make of it is not known";
                    findings.warn("server", found, advice);
                }
                true
            }
            Ok(answer) => {
                let found = format!("{to} answers {} to /health", answer.status);
                findings.fail("server", found, "check influx.url and its path prefix");
                false
            }
            Err(error) => {
                let advice = "start InfluxDB, check influx.url, or let the firewall through";
                findings.fail("server", error.to_string(), advice);
                false
            }
        }
    }

    async fn organisation(&self, fix: bool, findings: &mut Findings) -> Option<Organisation> {
        let name = &self.config.org;
        let asked = self.get(&format!("/api/v2/orgs?org={}", encoded(name))).await;
        match listed("organisation", "orgs", name, asked, findings)? {
            Listed::There(org) => {
                findings.ok("organisation", format!("`{name}` is there"));
                Some(org["id"].as_str().map_or(Organisation::Unseen, Organisation::of))
            }
            // InfluxDB leaves out of its lists what a token may not see.
            Listed::Empty | Listed::Refused => {
                let found = "this token may not see organisations";
                findings.warn("organisation", found, SEEN_BY_USE);
                Some(Organisation::Unseen)
            }
            Listed::NotFound if fix => {
                let wanted = json!({ "name": name }).to_string();
                let made = self.ask(Method::POST, "/api/v2/orgs", "application/json", wanted).await;
                let answer = settled("organisation", made, findings)?;
                findings.ok("organisation", format!("`{name}` was made"));
                body(&answer)["id"].as_str().map(Organisation::of)
            }
            Listed::NotFound => {
                let advice = format!("make it: `influx org create --name {name}`, or doctor --fix");
                findings.fail("organisation", format!("there is no `{name}`"), advice);
                None
            }
        }
    }

    async fn bucket(&self, org: &Organisation, fix: bool, findings: &mut Findings) -> bool {
        let name = &self.config.bucket;
        let of = match org {
            Organisation::Id(id) => format!("orgID={id}"),
            Organisation::Unseen => format!("org={}", encoded(&self.config.org)),
        };
        let asked = self.get(&format!("/api/v2/buckets?name={}&{of}", encoded(name))).await;
        let Some(bucket) = listed("bucket", "buckets", name, asked, findings) else { return false };
        match (bucket, org) {
            (Listed::There(bucket), _) => {
                let seconds = bucket["retentionRules"][0]["everySeconds"].as_u64().unwrap_or(0);
                retention(name, seconds, findings);
                true
            }
            (Listed::Empty | Listed::NotFound, Organisation::Id(id)) if fix => {
                let wanted = json!({ "orgID": id, "name": name, "retentionRules": [] }).to_string();
                let path = "/api/v2/buckets";
                let made = self.ask(Method::POST, path, "application/json", wanted).await;
                if settled("bucket", made, findings).is_none() {
                    return false;
                }
                findings.ok("bucket", format!("`{name}` was made; it keeps everything"));
                true
            }
            (Listed::Empty | Listed::NotFound, Organisation::Id(_)) => {
                let advice =
                    format!("make it: `influx bucket create --name {name}`, or doctor --fix");
                findings.fail("bucket", format!("there is no `{name}`"), advice);
                false
            }
            (Listed::Refused, _) | (Listed::Empty | Listed::NotFound, Organisation::Unseen) => {
                findings.warn("bucket", "this token may not see buckets", SEEN_BY_USE);
                true
            }
        }
    }

    async fn write_and_read(&self, site: &str, findings: &mut Findings) {
        let Influx { org, bucket, .. } = self.config;
        let now = Clock::system(Timestamp::default()).wall();
        let now = Timestamp::from_millis(now.as_millis());
        let points = check_points(now);
        let path =
            format!("/api/v2/write?org={}&bucket={}&precision=ns", encoded(org), encoded(bucket));
        let lines = check_lines(site, &points);
        let written = self.ask(Method::POST, &path, "text/plain; charset=utf-8", lines).await;
        let Some(answer) = settled("write", written, findings) else { return };
        if answer.status == 204 {
            findings.ok("write", "the points were taken");
        } else {
            let found = format!("points were answered with {} in place of 204", answer.status);
            return findings.fail("write", found, "see what stands between vitalgate and InfluxDB");
        }
        let archive = match Archive::new(self.config) {
            Ok(archive) => archive,
            Err(error) => return findings.fail("read back", error.to_string(), "see [influx]"),
        };
        let wanted = |instance: &str| Wanted {
            signal: SIGNAL.to_owned(),
            instance: instance.into(),
            to: now,
        };
        let selection = Selection {
            measurement: MEASUREMENT,
            site: site.to_owned(),
            device: DEVICE.to_owned(),
            series: [INSTANCE, ""].map(wanted).to_vec(),
            instance: None,
            from: now - Span::millis(3),
            simulated: false,
        };
        match archive.readings(&selection, MOST).await {
            Ok(Page { readings, .. }) if are_those(&readings, &points) => {
                findings.ok("read back", "the same points came back");
            }
            Ok(Page { readings: read, .. }) => {
                let found = format!("{} points came back, or others than were written", read.len());
                let advice = "check that both go to the same bucket and server";
                return findings.fail("read back", found, advice);
            }
            Err(Unread::Refused(_)) => {
                let found = "this token may write and not read: nobody saw the points arrive";
                return findings.warn("read back", found, NOT_READ);
            }
            Err(why) => return findings.fail("read back", why.to_string(), QUERY_FAILS),
        }
        let places = Places { from: selection.from, width: Span::millis(3), count: 1 };
        match archive.sums(&selection, places, MOST).await {
            Ok(sums) if are_of_what_counts(&sums) => {
                findings.ok("sums", "it counts what counts, and nothing else");
            }
            Ok(sums) => {
                let found = format!("the points were summed wrongly: {sums:?}");
                findings.fail("sums", found, QUERY_FAILS);
            }
            Err(why) => findings.fail("sums", why.to_string(), QUERY_FAILS),
        }
    }
}

/// A point of a series with or without an instance, and under which name.
type Written = (&'static str, Option<&'static str>, Point);

/// Three milliseconds of two series up to `now`, apart from those of the last time. The last is
/// implausible, and one is there under two names.
fn check_points(now: Timestamp) -> [Written; 5] {
    let point = |place: i64, value: f64, flags: u16| {
        let at = now - Span::millis(3 - place);
        Point {
            at,
            sent: Sent::default(),
            received: at + Span::millis(5),
            value,
            unit: Unit::One,
            flags,
        }
    };
    let twice = point(1, 3.0, flag::LATE);
    [
        (INSTANCE, None, point(0, 1.0, 0)),
        (INSTANCE, None, twice),
        (INSTANCE, Some(PATIENT), twice),
        ("", None, point(1, 7.0, 0)),
        (INSTANCE, None, point(2, 1e9, flag::IMPLAUSIBLE)),
    ]
}

/// Their lines, which are those of readings but for the name.
fn check_lines(site: &str, points: &[Written]) -> Vec<u8> {
    let device: DeviceId = DEVICE.parse().unwrap_or_else(|_| unreachable!("`{DEVICE}` is an id"));
    let store = line::Store::new(site, false);
    let mut lines = Vec::new();
    for (instance, patient, point) in points {
        let device = device.clone();
        let series = SeriesKey { device, signal: SignalId(0), instance: (*instance).into() };
        let tags = store.tags(&series, SIGNAL, *patient);
        let written = store.reading(&mut lines, &tags, point);
        debug_assert!(written.is_ok(), "{written:?}");
    }
    String::from_utf8_lossy(&lines).replace(line::READING, MEASUREMENT).into_bytes()
}

/// Whether just these came back, by time.
fn are_those(readings: &[Reading], points: &[Written]) -> bool {
    let is = |reading: &Reading, (instance, patient, point): &Written| {
        let Origin { instance: of, patient: named, .. } = &reading.origin;
        of.as_str() == *instance && named.as_deref() == *patient && reading.point == *point
    };
    readings.is_sorted_by_key(|reading| reading.point.at)
        && readings.len() == points.len()
        && points.iter().all(|point| readings.iter().any(|reading| is(reading, point)))
}

/// Under which of its two names the one point is counted is all the same.
fn are_of_what_counts(sums: &[Summed]) -> bool {
    let of = |instance: &str| {
        let of = sums.iter().filter(|summed| summed.origin.instance.as_str() == instance);
        let counted: Vec<_> = of.filter(|summed| summed.count > 0).collect();
        let count: u64 = counted.iter().map(|summed| summed.count).sum();
        let sum: f64 = counted.iter().map(|summed| summed.sum).sum();
        let min = counted.iter().map(|summed| summed.min).fold(f64::INFINITY, f64::min);
        let max = counted.iter().map(|summed| summed.max).fold(f64::NEG_INFINITY, f64::max);
        (count, min, max, sum)
    };
    of(INSTANCE) == (2, 1.0, 3.0, 4.0) && of("") == (1, 7.0, 7.0, 7.0)
}

/// Looks for `name` in the list that an answer is.
fn listed(
    what: &'static str,
    key: &str,
    name: &str,
    answer: Result<Answer, NoAnswer>,
    findings: &mut Findings,
) -> Option<Listed> {
    match answer {
        Ok(answer) if answer.status == 404 => Some(Listed::NotFound),
        Ok(answer) if matches!(answer.status, 401 | 403) => Some(Listed::Refused),
        answer => {
            let body = body(&settled(what, answer, findings)?);
            Some(
                entry(&body[key], name).map_or(Listed::Empty, |entry| Listed::There(entry.clone())),
            )
        }
    }
}

/// An answer that is none of refusal or failure; else says what is wrong.
fn settled(
    what: &'static str,
    answer: Result<Answer, NoAnswer>,
    findings: &mut Findings,
) -> Option<Answer> {
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) => {
            findings.fail(what, error.to_string(), "see InfluxDB's own log");
            return None;
        }
    };
    let (found, advice) = match answer.status {
        200..300 => return Some(answer),
        401 => {
            ("the secret is not accepted (401)".to_owned(), "check the token in influx.secret_file")
        }
        403 => ("the secret may not do this (403)".to_owned(), RIGHTS),
        404 => (format!("it is not there (404): {}", body_excerpt(&answer)), RIGHTS),
        status => (format!("{status}: {}", body_excerpt(&answer)), "see InfluxDB's own log"),
    };
    findings.fail(what, found, advice);
    None
}

fn retention(name: &str, seconds: u64, findings: &mut Findings) {
    if seconds == 0 {
        return findings.ok("bucket", format!("`{name}` is there; it keeps everything"));
    }
    let days = seconds as f64 / 86_400.0;
    let found = format!("`{name}` is there; it forgets after {days:.0} days");
    findings.warn(
        "bucket",
        found,
        "readings that arrive later than that are refused by InfluxDB and become dead letters; \
         `influx bucket update --retention 0` keeps everything",
    );
}

fn body(answer: &Answer) -> Value {
    serde_json::from_slice(&answer.body).unwrap_or_default()
}

/// What the server says is wrong, cut for one line.
fn body_excerpt(answer: &Answer) -> String {
    let body = body(answer);
    let text = body["message"].as_str().unwrap_or("no reason given");
    text.chars().filter(|c| !c.is_control()).take(200).collect()
}

fn entry<'v>(list: &'v Value, name: &str) -> Option<&'v Value> {
    list.as_array()?.iter().find(|entry| entry["name"] == name)
}
