//! What the server holds, and how it behaves.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use hyper::Response;

use super::bodies::{Body, whole};
use super::{Points, QueryMood, Sight};

/// How the next write is met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mood {
    /// As it should be.
    Well,
    /// As it should be, after a while.
    Slow(Duration),
    /// Not at all; the connection stays open.
    Never,
    /// With this status and `Retry-After` in seconds.
    Answer(u16, Option<u64>),
    /// All of it is taken, and the connection closed without a word.
    Cut,
    /// Something that is no HTTP.
    Nonsense,
    /// A body without an end.
    Endless,
}

/// What it holds and how it behaves.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) points: Points,
    /// Only the times are kept, and of readings only.
    pub(crate) thin: bool,
    /// Those times.
    pub(crate) times: BTreeMap<String, BTreeSet<i64>>,
    /// Statuses answered.
    pub(crate) answered: Vec<u16>,
    /// `Host` of the last request.
    pub(crate) host: String,
    /// Lines taken, those taken again included.
    pub(crate) lines: usize,
    /// The time of the last one of readings, in nanoseconds.
    pub(crate) last: i64,
    /// One request each; after them it is well.
    pub(crate) moods: VecDeque<Mood>,
    /// Lines that hold this are refused.
    pub(crate) bad: Option<String>,
    /// What was measured before, in nanoseconds, the bucket does not keep.
    pub(crate) keeps_from: i64,
    /// The status of what is refused for its age.
    pub(crate) too_old: u16,
    /// So many series it holds, and takes no new one beyond.
    pub(crate) most_series: usize,
    /// Lines that hold this have a field of another type there.
    pub(crate) other_type: Option<String>,
    /// Larger bodies are answered 413.
    pub(crate) most_bytes: usize,
    /// What `Authorization` must be.
    pub(crate) authorization: String,
    /// How every query is met.
    pub(crate) query_mood: QueryMood,
    /// Queries asked.
    pub(crate) queries: Vec<String>,
    /// Connections of queries that are open.
    pub(crate) asking: usize,
    pub(crate) orgs: Vec<String>,
    pub(crate) buckets: Vec<String>,
    /// Of every bucket, as it says; 0 keeps everything.
    pub(crate) retention_s: u64,
    pub(crate) version: String,
    /// Whether the token may only read.
    pub(crate) read_only: bool,
    /// What the token may see of organisations and buckets.
    pub(crate) sight: Sight,
    /// Whether written points are forgotten.
    pub(crate) forgetful: bool,
}

impl Default for State {
    fn default() -> Self {
        Self {
            points: Points::new(),
            thin: false,
            times: BTreeMap::new(),
            answered: Vec::new(),
            host: String::new(),
            lines: 0,
            last: 0,
            moods: VecDeque::new(),
            bad: None,
            keeps_from: 0,
            too_old: 422,
            most_series: usize::MAX,
            other_type: None,
            most_bytes: usize::MAX,
            authorization: "Token secret-token".to_owned(),
            query_mood: QueryMood::Well,
            queries: Vec::new(),
            asking: 0,
            orgs: vec!["o".to_owned()],
            buckets: vec!["b".to_owned()],
            retention_s: 0,
            version: "v2.7.11".to_owned(),
            read_only: false,
            sight: Sight::Everything,
            forgetful: false,
        }
    }
}

impl State {
    pub(crate) fn count(&self, measurement: &str) -> usize {
        let of = format!("{measurement},");
        self.points.iter().filter(|(head, _)| head.starts_with(&of)).map(|(_, at)| at.len()).sum()
    }

    pub(crate) fn thin_count(&self) -> usize {
        self.times.values().map(BTreeSet::len).sum()
    }

    /// Whether a line would begin a series beyond the most.
    pub(super) fn is_one_too_many(&self, line: &str) -> bool {
        self.points.len() >= self.most_series && !self.points.contains_key(head_of(line))
    }

    pub(super) fn take(&mut self, line: &str) {
        let head = head_of(line);
        let (rest, time) = line.rsplit_once(' ').expect("a time");
        let fields = &rest[head.len() + 1..];
        self.lines += 1;
        if head.starts_with("vitalgate_reading,") {
            self.last = time.parse().expect("nanoseconds");
        }
        if self.thin {
            if head.starts_with("vitalgate_reading,") {
                let time = time.parse().expect("nanoseconds");
                self.times.entry(head.to_owned()).or_default().insert(time);
            }
            return;
        }
        if self.forgetful {
            return;
        }
        let series = self.points.entry(head.to_owned()).or_default();
        series.insert(time.parse().expect("nanoseconds"), fields.to_owned());
    }

    pub(super) fn with(&mut self, status: u16, words: &str) -> Response<Body> {
        self.answered.push(status);
        whole(status, "application/json", words.to_owned())
    }
}

/// Measurement and tags of a line.
fn head_of(line: &str) -> &str {
    let space = line.char_indices().find(|(at, c)| *c == ' ' && !line[..*at].ends_with('\\'));
    &line[..space.expect("tags end").0]
}
