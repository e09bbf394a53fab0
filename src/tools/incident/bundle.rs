//! What a bundle holds, and its form: JSON Lines, each a thing with its `kind`, the last with the SHA-256 of all before it.

use data_encoding::{BASE64, HEXLOWER};
use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use vitalgate_domain::model::ids::{AlarmId, ChannelId, PatientId, SiteId};
use vitalgate_domain::model::pack::Pack;
use vitalgate_domain::model::time::Timestamp;

/// The form of the lines; a reader refuses a later one.
pub(super) const FORMAT: u32 = 1;

/// Everything about one alarm.
#[derive(Clone, Debug, PartialEq)]
pub struct Bundle {
    pub(super) head: Head,
    pub(super) lines: Vec<Line>,
}

/// What it is of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Head {
    pub(super) format: u32,
    pub(super) alarm: AlarmId,
    pub(super) patient: Option<PatientId>,
    pub(super) site: SiteId,
    /// The store it is from.
    pub(super) store: String,
    pub(super) simulated: bool,
    /// The version of the program that wrote it.
    pub(super) program: String,
    /// The versions of the core that folded its rows.
    pub(super) cores: Vec<u32>,
    /// The rules in force, by their hash, in the order in which they came into force.
    pub(super) rules: Vec<String>,
    /// Why nothing can be derived from it; left out where it can.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) not_replayable: Option<String>,
}

/// One line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(super) enum Line {
    /// The first.
    Incident(Head),
    /// The texts in force when the alarm was raised.
    Configuration {
        signals: String,
        rules: String,
        site: String,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        packs: Vec<Pack>,
    },
    /// A move of the alarm, as it was stored.
    Transition {
        seq: u64,
        row: u64,
        at: Timestamp,
        change: String,
        actor: Option<String>,
        body: Value,
    },
    /// What it was raised on.
    Grounds { limits: Value, readings: Value },
    /// What became of telling it by a channel.
    Delivery {
        seq: u64,
        channel: ChannelId,
        tried: Timestamp,
        at: Timestamp,
        tries: u32,
        result: String,
    },
    /// The state of one machine before the first row.
    Part { part: String, key: String, body: String },
    /// What of a row of the journal belongs to it.
    Row(RowLine),
    /// The last.
    End { lines: usize, sha256: String },
}

/// What of a row of the journal belongs to a bundle.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct RowLine {
    pub(super) n: u64,
    /// Microseconds since 1970, by the gateway's own time.
    pub(super) at: i64,
    /// From there to the wall clock, in microseconds.
    pub(super) offset: i64,
    pub(super) core: u32,
    pub(super) rules: String,
    /// CBOR of the inputs, in base64.
    pub(super) body: String,
    /// The numbers that the answers to its commands have in the store, in order.
    pub(super) answers: Vec<u64>,
    /// The moves of the patient's alarms that it caused, with their numbers in the store.
    pub(super) moves: Vec<(u64, AlarmId)>,
}

/// Why a file is no bundle.
#[derive(Debug, thiserror::Error)]
pub enum BadBundle {
    /// A line of it.
    #[error("line {line}: {why}")]
    Line {
        /// Which, from 1.
        line: usize,
        /// Why.
        why: String,
    },
    /// It does not begin or end as one.
    #[error("{0}")]
    NotWhole(&'static str),
    /// It is of a later version.
    #[error("it is of format {found}, and this program reads {FORMAT}")]
    Later {
        /// Of which.
        found: u32,
    },
}

impl Bundle {
    /// The file.
    pub fn text(&self) -> Result<String, serde_json::Error> {
        let mut text = String::new();
        let mut lines = 0;
        let first = Line::Incident(self.head.clone());
        for line in [&first].into_iter().chain(&self.lines) {
            lines += 1;
            text.push_str(&serde_json::to_string(line)?);
            text.push('\n');
        }
        let sha256 = hash(&text);
        text.push_str(&serde_json::to_string(&Line::End { lines, sha256 })?);
        text.push('\n');
        Ok(text)
    }

    /// Reads a file; refuses what was cut or changed.
    pub fn read(text: &str) -> Result<Self, BadBundle> {
        let mut read = Vec::new();
        let mut upto = 0;
        for (index, line) in text.split_inclusive('\n').enumerate() {
            let parsed: Line = serde_json::from_str(line)
                .map_err(|e| BadBundle::Line { line: index + 1, why: e.to_string() })?;
            if let Line::End { lines, sha256 } = &parsed {
                if *lines != read.len() || *sha256 != hash(&text[..upto]) {
                    return Err(BadBundle::NotWhole("it was changed since it was written"));
                }
                if text.len() != upto + line.len() {
                    return Err(BadBundle::NotWhole("something stands behind its end"));
                }
                return Self::of(read);
            }
            upto += line.len();
            read.push(parsed);
        }
        Err(BadBundle::NotWhole("its end is missing"))
    }

    fn of(read: Vec<Line>) -> Result<Self, BadBundle> {
        let mut lines = read.into_iter();
        let Some(Line::Incident(head)) = lines.next() else {
            return Err(BadBundle::NotWhole("it does not begin as a bundle of an incident"));
        };
        if head.format > FORMAT {
            return Err(BadBundle::Later { found: head.format });
        }
        Ok(Self { head, lines: lines.collect() })
    }

    /// The alarm.
    pub fn alarm(&self) -> &AlarmId {
        &self.head.alarm
    }

    /// What it holds, in one line.
    pub fn line(&self) -> String {
        let count = |of: fn(&Line) -> bool| self.lines.iter().filter(|line| of(line)).count();
        let transitions = count(|line| matches!(line, Line::Transition { .. }));
        let deliveries = count(|line| matches!(line, Line::Delivery { .. }));
        let rows: Vec<&RowLine> = self.rows().collect();
        let span = match (rows.first(), rows.last()) {
            (Some(first), Some(last)) => {
                format!("{} rows of {} to {}", rows.len(), first.n, last.n)
            }
            _ => "no rows".to_owned(),
        };
        let Head { alarm, patient, cores, rules, .. } = &self.head;
        let whose = patient.as_ref().map_or("the gateway".to_owned(), |id| format!("patient {id}"));
        format!(
            "alarm {alarm} of {whose}: {transitions} transitions, {deliveries} deliveries, {span}; core {}, rules {}",
            listed(cores),
            listed(rules)
        )
    }

    pub(super) fn rows(&self) -> impl Iterator<Item = &RowLine> {
        self.lines
            .iter()
            .filter_map(|line| if let Line::Row(row) = line { Some(row) } else { None })
    }
}

pub(super) fn listed<T: ToString>(of: &[T]) -> String {
    let words: Vec<String> = of.iter().map(T::to_string).collect();
    if words.is_empty() { "none".to_owned() } else { words.join(", ") }
}

fn hash(text: &str) -> String {
    HEXLOWER.encode(digest(&SHA256, text.as_bytes()).as_ref())
}

pub(super) fn encoded(bytes: &[u8]) -> String {
    BASE64.encode(bytes)
}

pub(super) fn decoded(text: &str) -> Result<Vec<u8>, String> {
    BASE64.decode(text.as_bytes()).map_err(|e| e.to_string())
}
