//! The report as a table for people.

use std::fmt::Write as _;

use super::pairing::Kind;
use super::report::{Differences, Listed, Measured, PlaceRow, Report, Sums, Tally};
use vitalgate_domain::model::time::Timestamp;

/// Rules shown by the table; JSON and the page have all.
const RULES: usize = 40;

impl Report {
    /// The report as plain text.
    pub fn table(&self) -> String {
        let mut out = String::new();
        // Nothing can fail: it is a string that grows.
        self.write(&mut out).map(|()| out).unwrap_or_default()
    }

    fn write(&self, out: &mut String) -> std::fmt::Result {
        let Self { covered, old, new, .. } = self;
        writeln!(out, "new: {}", new.rules)?;
        writeln!(out, "old: {}", old.rules)?;
        writeln!(out, "{}", self.covered_line())?;
        writeln!(out)?;
        writeln!(out, "{:<40} {:>10} {:>10}", "", "old", "new")?;
        for (name, [old, new]) in self.lines() {
            writeln!(out, "{name:<40} {old:>10} {new:>10}")?;
        }
        if covered.patient_days > 0.0 {
            self.rules_table(out)?;
            places(out, "by bed, per patient-day", &self.beds)?;
            places(out, "by shift, per patient and shift", &self.shifts)?;
        }
        self.differences_list(out)?;
        writeln!(out, "\nwhat could not be known")?;
        for words in &self.unknown {
            writeln!(out, "- {words}")?;
        }
        Ok(())
    }

    /// Whom and how long it is about.
    pub(super) fn covered_line(&self) -> String {
        let covered = &self.covered;
        let when = match (covered.from, covered.to) {
            (Some(from), Some(to)) => {
                format!(", {} to {}", from.to_the_second(), to.to_the_second())
            }
            _ => String::new(),
        };
        format!(
            "{} patients, {:.1} patient-days covered, {} gaps of {:.1} h in all, {} readings{when}",
            covered.patients,
            covered.patient_days,
            covered.gaps,
            covered.gap_hours,
            covered.readings
        )
    }

    /// Figures over everything, by name.
    pub(super) fn lines(&self) -> Vec<(&'static str, [String; 2])> {
        let both = |of: fn(&Sums) -> String| [of(&self.old), of(&self.new)];
        vec![
            ("announcements", both(|s| s.announcements.count.to_string())),
            ("  per patient-day", both(|s| rate(s.announcements.per_patient_day))),
            ("  high", both(|s| s.announcements.high.to_string())),
            ("  medium", both(|s| s.announcements.medium.to_string())),
            ("  low", both(|s| s.announcements.low.to_string())),
            ("floods (over 10 in 10 min)", both(|s| s.floods.to_string())),
            ("alarms told that ended", both(|s| s.ended.to_string())),
            ("  median duration", both(|s| s.median_s.map_or_else(none, |m| duration(m as f64)))),
            ("  longest", both(|s| s.longest_s.map_or_else(none, duration))),
            ("  over by itself within 15 s", both(|s| s.brief_share.map_or_else(none, percent))),
            ("alarms told that stand at the end", both(|s| s.standing.to_string())),
            ("alarms shown only", both(|s| s.shown_only.to_string())),
            ("announcements about no patient", both(|s| s.of_gateway.to_string())),
        ]
    }

    fn rules_table(&self, out: &mut String) -> std::fmt::Result {
        let heads = ["old", "new", "change", "high", "medium", "low"];
        write!(out, "\n{:<40}", "by rule, per patient-day")?;
        heads.iter().try_for_each(|head| write!(out, " {head:>10}"))?;
        writeln!(out)?;
        for row in self.rules.iter().take(RULES) {
            let moved = |of: fn(&Tally) -> u64| format!("{}→{}", of(&row.old), of(&row.new));
            writeln!(
                out,
                "{:<40} {:>10} {:>10} {:>10} {:>10} {:>10} {:>10}",
                row.rule.as_str(),
                rate(row.old.per_patient_day),
                rate(row.new.per_patient_day),
                change(row.old.per_patient_day, row.new.per_patient_day),
                moved(|c| c.high),
                moved(|c| c.medium),
                moved(|c| c.low),
            )?;
        }
        if self.rules.len() > RULES {
            writeln!(
                out,
                "{} rules more are left out here; --json has them",
                self.rules.len() - RULES
            )?;
        }
        Ok(())
    }

    fn differences_list(&self, out: &mut String) -> std::fmt::Result {
        writeln!(out, "\n{}", self.differences.sentence())?;
        for one in &self.differences.listed {
            writeln!(out, "{}", one.line())?;
            if let Some(readings) = one.trace() {
                writeln!(out, "    {readings}")?;
            }
        }
        if let Some(left_out) = self.differences.left_out_line() {
            writeln!(out, "{left_out}")?;
        }
        Ok(())
    }
}

impl Differences {
    /// How many there are, by kind.
    pub(super) fn sentence(&self) -> String {
        let Self { same, joined, parted, kinds, .. } = self;
        let some = kinds.iter().filter(|(_, count)| *count > 0);
        let counts: Vec<String> =
            some.map(|(kind, count)| format!("{count} {}", kind.words())).collect();
        let differ = if counts.is_empty() { "none".to_owned() } else { counts.join(", ") };
        format!(
            "differences: {differ}; {same} alarms the same, {joined} within one that the new rules tell already, \
             {parted} within one that the old rules tell already"
        )
    }

    /// What is not there, in words.
    pub(super) fn left_out_line(&self) -> Option<String> {
        let mut words = Vec::new();
        if self.left_out > 0 {
            words.push(format!(
                "{} differences more are counted above and not listed: ask for more by --differences",
                self.left_out
            ));
        }
        if self.not_compared > 0 {
            words.push(format!(
                "{} alarms that came and went while another stood all along were not compared one by one",
                self.not_compared
            ));
        }
        (!words.is_empty()).then(|| words.join("; "))
    }
}

impl Listed {
    /// How, when, of whom and by which rules.
    fn line(&self) -> String {
        let patient = self.patient.as_deref().unwrap_or("-");
        format!(
            "{:<10} {:<6} {patient:<6} {:<22} {}{}{}",
            self.kind.words(),
            self.priority.as_str(),
            self.when(),
            self.about,
            self.by().map_or_else(String::new, |by| format!(", {by}")),
            self.by_rules(),
        )
    }

    /// When people were told first.
    pub(super) fn when(&self) -> String {
        match (self.at, self.at_s) {
            (Some(at), _) => at.to_the_second().to_string(),
            (None, Some(seconds)) => since_start(seconds),
            (None, None) => String::new(),
        }
    }

    /// By how much it moved.
    pub(super) fn by(&self) -> Option<String> {
        let by = self.by_s?;
        let word = if by < 0.0 { "earlier" } else { "later" };
        Some(format!("{:.0} s {word}", by.abs()))
    }

    /// Which rules, where the name says it not already.
    fn by_rules(&self) -> String {
        match (&self.old_rule, &self.new_rule) {
            (Some(old), Some(new)) if old != new => format!(" ({old} → {new})"),
            (Some(rule), _) | (None, Some(rule)) if rule.as_str() != self.about => {
                format!(" ({rule})")
            }
            _ => String::new(),
        }
    }

    /// The limits of either set.
    pub(super) fn limits(&self) -> Option<String> {
        let limit = self.limit?;
        let all = |limits: &[f64]| {
            let words: Vec<String> = limits.iter().map(|limit| number(*limit)).collect();
            if words.is_empty() { "none".to_owned() } else { words.join(" and ") }
        };
        let unit = self.unit.unwrap_or_default();
        let of_rules =
            format!("rules: old {}, new {}", all(&self.old_limits), all(&self.new_limits));
        Some(format!("beyond {} {unit} ({of_rules})", number(limit)))
    }

    /// What it stands on.
    fn trace(&self) -> Option<String> {
        let limits = self.limits();
        if self.readings.is_empty() {
            return limits;
        }
        let limits = limits.map_or_else(String::new, |limits| format!("{limits}; "));
        Some(format!("{limits}{}", self.trace_readings().join(", ")))
    }

    /// The readings before, each with when it was measured.
    pub(super) fn trace_readings(&self) -> Vec<String> {
        let reading = |reading: &Measured| {
            let when = match (reading.at, reading.at_s) {
                (Some(at), _) => clock(at),
                (None, Some(seconds)) => since_start(seconds),
                (None, None) => String::new(),
            };
            format!("{when} {}", number(reading.value))
        };
        self.readings.iter().map(reading).collect()
    }
}

fn places(out: &mut String, title: &str, rows: &[PlaceRow]) -> std::fmt::Result {
    if rows.is_empty() {
        return Ok(());
    }
    writeln!(
        out,
        "\n{title:<40} {:>10} {:>10} {:>10} {:>12}",
        "old", "new", "change", "patient-days"
    )?;
    for row in rows {
        writeln!(
            out,
            "{:<40} {:>10} {:>10} {:>10} {:>12.1}",
            row.name.as_deref().unwrap_or("in no bed"),
            rate(row.old_rate),
            rate(row.new_rate),
            change(row.old_rate, row.new_rate),
            row.patient_days,
        )?;
    }
    Ok(())
}

pub(super) fn none() -> String {
    "–".to_owned()
}

pub(super) fn rate(rate: Option<f64>) -> String {
    rate.map_or_else(none, |rate| format!("{rate:.2}"))
}

pub(super) fn change(old: Option<f64>, new: Option<f64>) -> String {
    old.zip(new).map_or_else(none, |(old, new)| format!("{:+.2}", new - old))
}

pub(super) fn percent(share: f64) -> String {
    format!("{:.0} %", share * 100.0)
}

pub(super) fn number(value: f64) -> String {
    let rounded = (value * 100.0).round() / 100.0;
    format!("{rounded}")
}

/// Two units of it, such as `3 min 20 s`.
pub(super) fn duration(seconds: f64) -> String {
    let seconds = seconds.round() as i64;
    match seconds {
        ..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min {} s", seconds / 60, seconds % 60),
        3_600..86_400 => format!("{} h {} min", seconds / 3_600, seconds % 3_600 / 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds % 86_400 / 3_600),
    }
}

/// From the start of a recording, such as `+1d 02:03:04`.
pub(super) fn since_start(seconds: f64) -> String {
    let (sign, seconds) = if seconds < 0.0 { ('-', -seconds) } else { ('+', seconds) };
    let seconds = seconds.round() as i64;
    let (days, of_day) = (seconds / 86_400, seconds % 86_400);
    format!("{sign}{days}d {:02}:{:02}:{:02}", of_day / 3_600, of_day % 3_600 / 60, of_day % 60)
}

/// The time of day in UTC.
fn clock(at: Timestamp) -> String {
    let text = at.to_the_second().to_string();
    text.get(11..19).unwrap_or(&text).to_owned()
}

impl Kind {
    /// Whether somebody is told less.
    pub(super) const fn is_worse(self) -> bool {
        matches!(self, Self::Lost | Self::ShownOnly | Self::Milder | Self::Later)
    }
}
