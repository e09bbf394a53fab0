//! What the gateway gives back against what it acknowledged.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use anyhow::Context;
use jiff::Timestamp;
use serde_json::Value;

use crate::formula::{Excursions, Formula, SIGNALS};
use crate::http::{Api, Sample};
use crate::ledger::Entry;

/// Counts over all readings of all acknowledged messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Readback {
    /// Readings that must be there.
    pub expected: u64,
    /// Acknowledged and not there.
    pub missing: u64,
    /// There with another value.
    pub wrong: u64,
    /// There more than once.
    pub doubled: u64,
}

impl Readback {
    /// Whether nothing is missing, wrong or doubled.
    pub fn is_clean(self) -> bool {
        (self.missing, self.wrong, self.doubled) == (0, 0, 0)
    }

    fn add(&mut self, other: Self) {
        self.expected += other.expected;
        self.missing += other.missing;
        self.wrong += other.wrong;
        self.doubled += other.doubled;
    }
}

/// Reads every signal of every device in the ledger back over HTTP. Blocks.
pub(super) fn over_http(
    api: &Api,
    ledger: &[Entry],
    excursions: Option<Excursions>,
) -> anyhow::Result<Readback> {
    let mut devices: BTreeMap<&str, Vec<&Entry>> = BTreeMap::new();
    for entry in ledger {
        devices.entry(&entry.device).or_default().push(entry);
    }
    let mut total = Readback::default();
    for (device, entries) in devices {
        let formula = Formula::new(device, excursions);
        let times = || entries.iter().map(|entry| entry.at_us);
        let from = Timestamp::from_microsecond(times().min().unwrap_or_default())?;
        let to = Timestamp::from_microsecond(times().max().unwrap_or_default() + 1)?;
        for (index, (signal, ..)) in SIGNALS.into_iter().enumerate() {
            let stored = api
                .samples(device, signal.name, from, to)
                .with_context(|| format!("cannot read back {} of {device}", signal.name))?;
            total.add(compare(&entries, &stored, |seq| formula.value(seq, index)));
        }
    }
    Ok(total)
}

fn compare(entries: &[&Entry], stored: &[Sample], value: impl Fn(u64) -> f64) -> Readback {
    let mut found: BTreeMap<i64, (u64, Option<f64>)> = BTreeMap::new();
    for sample in stored {
        found.entry(sample.at_us).or_insert((0, sample.value)).0 += 1;
    }
    let mut counts = Readback { expected: entries.len() as u64, ..Readback::default() };
    for entry in entries {
        match found.get(&entry.at_us) {
            None => counts.missing += 1,
            Some((times, stored)) => {
                counts.doubled += u64::from(*times > 1);
                let is_same = stored.is_some_and(|v| v.to_bits() == value(entry.seq).to_bits());
                counts.wrong += u64::from(!is_same);
            }
        }
    }
    counts
}

/// Runs the script that reads the store without any code of the gateway's: its line of counts, and
/// whether it is content. Blocks.
pub(super) fn by_script(
    script: &Path,
    database: &Path,
    ledger: &Path,
    excursions: Excursions,
) -> anyhow::Result<(bool, Value)> {
    let output = Command::new("python3")
        .arg(script)
        .arg("--db")
        .arg(database)
        .arg("--ledger")
        .arg(ledger)
        .arg("--formula")
        .args(["--excursions", &excursions.period.to_string(), &excursions.length.to_string()])
        .output()
        .with_context(|| format!("cannot run python3 {}", script.display()))?;
    let counts = serde_json::from_slice(&output.stdout).with_context(|| {
        let errors = String::from_utf8_lossy(&output.stderr);
        format!("{} printed no counts: {}", script.display(), errors.trim())
    })?;
    Ok((output.status.success(), counts))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(stored: &[(i64, f64)], missing: u64, wrong: u64, doubled: u64) {
        let entries: Vec<Entry> = (1..=3)
            .map(|seq| Entry { device: "d".to_owned(), boot: 1, seq, at_us: 10 * seq as i64 })
            .collect();
        let stored: Vec<Sample> =
            stored.iter().map(|(at_us, v)| Sample { at_us: *at_us, value: Some(*v) }).collect();
        let counts = compare(&entries.iter().collect::<Vec<_>>(), &stored, |seq| seq as f64);
        assert_eq!(counts, Readback { expected: 3, missing, wrong, doubled }, "{stored:?}");
    }

    #[test]
    fn every_kind_of_loss_is_counted() {
        check(&[(10, 1.0), (20, 2.0), (30, 3.0)], 0, 0, 0);
        check(&[(10, 1.0), (30, 3.0), (40, 4.0)], 1, 0, 0);
        check(&[(10, 1.0), (20, 2.5), (30, 3.0)], 0, 1, 0);
        check(&[(10, 1.0), (20, 2.0), (20, 2.0), (30, 3.0)], 0, 0, 1);
        check(&[], 3, 0, 0);
    }
}
