//! What a store gives account of beside whether it is whole: since when, by which versions, what was not delivered and to
//! whom, what devices left out, and what retention took.

use std::collections::BTreeMap;

use data_encoding::HEXLOWER;

use crate::pipeline::stored;
use vitalgate_domain::core::Core;
use vitalgate_domain::model::ids::{AlarmId, ChannelId};
use vitalgate_domain::model::responsibility::Delivery;
use vitalgate_domain::model::time::Timestamp;
use vitalgate_domain::output::transition::Change;
use vitalgate_store::reader::JudgedBy;
use vitalgate_store::{ReadError, Reader};

/// Of each kind so many are named; all are counted.
const NAMED: usize = 20;
/// Transitions read at a time.
const PAGE: usize = 1_024;

/// The account, in words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// Since when the journal stands for what is stored.
    pub since: String,
    /// By which versions of core and rules its rows were judged.
    pub judged_by: Vec<String>,
    /// What was announced and not taken, by whom it should have been.
    pub undelivered: Vec<String>,
    /// What devices numbered and never sent.
    pub holes: Vec<String>,
    /// What retention took.
    pub removed: Vec<String>,
}

impl Account {
    /// One line each, with what it is about before it.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = vec![format!("journal: {}", self.since)];
        for (name, of) in [
            ("judged by", &self.judged_by),
            ("undelivered", &self.undelivered),
            ("holes", &self.holes),
            ("retention", &self.removed),
        ] {
            if of.is_empty() {
                lines.push(format!("{name}: nothing"));
            }
            lines.extend(of.iter().map(|line| format!("{name}: {line}")));
        }
        lines
    }
}

/// The account of a store that was folded from a row on to a state.
pub(super) fn account(
    reader: &Reader,
    folded_from: u64,
    core: &Core,
) -> Result<Account, ReadError> {
    Ok(Account {
        since: since(reader, folded_from)?,
        judged_by: reader.judged_by()?.iter().map(judged_by).collect(),
        undelivered: undelivered(reader, core)?,
        holes: holes(core),
        removed: removed(reader)?,
    })
}

fn since(reader: &Reader, folded_from: u64) -> Result<String, ReadError> {
    let Some(first) = reader.first_row()? else { return Ok("no rows".to_owned()) };
    let last = reader.last_row()?.map_or(first.n, |row| row.n);
    Ok(format!(
        "rows {} to {last}, from {} on; compared from row {folded_from} on",
        first.n, first.at
    ))
}

fn judged_by(JudgedBy { core, rules, first, last }: &JudgedBy) -> String {
    format!("core {core}, rules {}: rows {first} to {last}", HEXLOWER.encode(rules))
}

/// What each channel has not come to yet, what it gave up, and who was told and does not have it.
fn undelivered(reader: &Reader, core: &Core) -> Result<Vec<String>, ReadError> {
    let mut lines = Vec::new();
    for (channel, upto) in reader.channels()? {
        if let Some(Behind { count, since, alarms }) = behind(reader, upto)? {
            let alarms = named(&alarms, count);
            lines.push(format!(
                "channel {channel} has told all up to transition {upto}, and not {count} announcements since {since}: alarms {alarms}"
            ));
        }
    }
    for (channel, (count, last)) in given_up(reader)? {
        lines.push(format!("channel {channel} gave up {count}, the last at {last}"));
    }
    let open = core.patients.values().flat_map(|patient| patient.alarms.iter());
    let open = open.chain(core.site.alarms.iter()).map(|(_, open)| &open.alarm);
    let told = open.flat_map(|alarm| {
        alarm.responsibility.iter().flat_map(|r| &r.told).map(move |told| (alarm, told))
    });
    let lacking =
        told.filter(|(_, told)| matches!(told.result, Delivery::Waiting | Delivery::Failed));
    lines.extend(lacking.map(|(alarm, told)| {
        let by = told.channel.as_ref().map_or("the stream", ChannelId::as_str);
        let result = if told.result == Delivery::Failed { "failed" } else { "not taken yet" };
        format!(
            "alarm {} ({}) to {} by {by} at {}: {result}",
            alarm.id, alarm.rule, told.to, told.at
        )
    }));
    Ok(lines)
}

/// What was announced after a channel had told everything.
struct Behind {
    count: usize,
    since: Timestamp,
    /// Of the first of them.
    alarms: Vec<AlarmId>,
}

/// What calls somebody after a transition, whomever it is for.
fn behind(reader: &Reader, seq: u64) -> Result<Option<Behind>, ReadError> {
    let (mut after, mut found) = (seq, None::<Behind>);
    loop {
        let page = reader.alarms_after(after, PAGE)?;
        let Some(last) = page.last() else { return Ok(found) };
        after = last.seq;
        for row in page {
            let announces = Change::of_word(&row.change).is_some_and(Change::announces);
            let alarm = stored::alarm(&row.body).ok().filter(|alarm| !alarm.is_shown_only());
            let Some(alarm) = alarm.filter(|_| announces) else { continue };
            let all = found.get_or_insert(Behind { count: 0, since: row.at, alarms: Vec::new() });
            all.count += 1;
            if all.alarms.len() < NAMED && !all.alarms.contains(&alarm.id) {
                all.alarms.push(alarm.id);
            }
        }
    }
}

/// What each channel gave up, how often, and when last.
fn given_up(reader: &Reader) -> Result<BTreeMap<ChannelId, (u64, String)>, ReadError> {
    let mut all = BTreeMap::new();
    for told in reader.given_up()? {
        let (count, last) = all.entry(told.channel).or_insert((0, String::new()));
        (*count, *last) = (*count + 1, told.at.to_string());
    }
    Ok(all)
}

fn holes(core: &Core) -> Vec<String> {
    let with = core.devices.values().filter(|device| device.holes() > 0);
    let lines: Vec<String> = with
        .map(|device| {
            format!(
                "device {} numbered {} messages that never came",
                device.details.id,
                device.holes()
            )
        })
        .collect();
    shortened(lines)
}

fn removed(reader: &Reader) -> Result<Vec<String>, ReadError> {
    let removed = reader.removed()?;
    let mut lines = Vec::new();
    if let Some(first) = reader.first_row()?.filter(|first| first.n > 1) {
        lines.push(format!("rows 1 to {} of the journal", first.n - 1));
    }
    if removed.transitions > 0 {
        lines.push(format!("{} transitions of alarms closed long ago", removed.transitions));
    }
    for (what, (series, upto)) in [("numbers", removed.numbers), ("words", removed.words)] {
        if let Some(upto) = upto.filter(|_| series > 0) {
            lines.push(format!("{what} of {series} series, measured up to {upto} at the latest"));
        }
    }
    Ok(lines)
}

/// The first of so many.
fn named(alarms: &[AlarmId], count: usize) -> String {
    let words: Vec<&str> = alarms.iter().map(AlarmId::as_str).collect();
    let rest = if count > NAMED { " and others" } else { "" };
    format!("{}{rest}", words.join(", "))
}

fn shortened(mut lines: Vec<String>) -> Vec<String> {
    let more = lines.len().saturating_sub(NAMED);
    lines.truncate(NAMED);
    if more > 0 {
        lines.push(format!("and {more} more"));
    }
    lines
}

#[cfg(test)]
mod tests;
