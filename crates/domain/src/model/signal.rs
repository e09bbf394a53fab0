//! The signal table: names, codes, units and plausible ranges of what devices measure.
//!
//! The table itself is `config/signals.toml`; its text is part of the rules hash.

use std::collections::{BTreeMap, BTreeSet};

use minicbor::{Decode, Encode};
use serde::Deserialize;

use super::time::Span;
use super::unit::Unit;

/// The number of a signal in `config/signals.toml`; it is written to disk and never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode, Deserialize)]
#[cbor(transparent)]
#[serde(transparent)]
pub struct SignalId(#[n(0)] pub u16);

/// How readings of a signal follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cadence {
    /// A stream: limits have delays, silence makes it unknown.
    Continuous,
    /// Single measurements: a reading beyond its limit counts at once.
    Spot,
}

/// One line of the signal table.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signal {
    /// The number on disk.
    pub id: SignalId,
    /// The name on the wire.
    pub name: String,
    /// Words for people.
    pub label: String,
    /// How readings follow each other.
    pub cadence: Cadence,
    /// With which others it is kept; `None` for those of its cadence.
    #[serde(default)]
    pub class: Option<String>,
    /// How long its numbers are kept; `None` for as long as any. No part of the text.
    #[serde(skip)]
    pub keep: Option<Span>,
    /// The unit that history and the page use; `None` for codes, times and texts.
    #[serde(default)]
    pub unit: Option<Unit>,
    /// Values outside are `implausible`: stored, never judged as numbers (contract §7). In `unit`.
    #[serde(default)]
    pub plausible: Option<(f64, f64)>,
    /// IEEE 11073-10101/-10103 reference ids as 32-bit `cf` codes (clinical §2.1).
    #[serde(default)]
    pub mdc: Vec<u32>,
    /// Codes that name the lead as well as the signal, by the instance they stand for.
    #[serde(default)]
    pub leads: BTreeMap<String, Vec<u32>>,
    /// LOINC codes.
    #[serde(default)]
    pub loinc: Vec<String>,
}

impl Cadence {
    /// Its word in the table.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Continuous => "continuous",
            Self::Spot => "spot",
        }
    }
}

impl Signal {
    /// The class of signals it is kept with.
    pub fn class(&self) -> &str {
        self.class.as_deref().unwrap_or(self.cadence.as_str())
    }

    /// The instance that the key a device wrote stands for: the lead that its code names; where the signal has
    /// several codes, the code, as they are measured in different ways.
    pub fn instance_of<'a>(&'a self, key: &'a str) -> Option<&'a str> {
        let Some(code) = key.strip_prefix("mdc:") else {
            return (key.starts_with("loinc:") && self.loinc.len() > 1).then_some(key);
        };
        let code: u32 = code.parse().ok()?;
        let lead = self.leads.iter().find(|(_, codes)| codes.contains(&code));
        lead.map(|(lead, _)| lead.as_str()).or_else(|| (self.mdc.len() > 1).then_some(key))
    }
}

/// All signals, found by number, name or code.
#[derive(Clone, Debug, Default)]
pub struct SignalTable {
    by_id: BTreeMap<SignalId, Signal>,
    by_key: BTreeMap<String, SignalId>,
}

/// Why a signal table was refused.
#[derive(Debug, Clone, thiserror::Error)]
pub enum BadSignals {
    /// Not TOML, or a field of the wrong shape; the text names line and column.
    #[error("signals: {0}")]
    Toml(String),
    /// Two lines share a number, a name or a code.
    #[error("signals: `{signal}`: `{key}` already belongs to `{other}`")]
    Doubled {
        /// The later line.
        signal: String,
        /// What they share.
        key: String,
        /// The earlier line.
        other: String,
    },
    /// The range is empty or not finite, or stands without a unit.
    #[error("signals: `{0}`: `plausible` must be [low, high] with low < high, and needs a `unit`")]
    Range(String),
}

/// A class that no signal is of.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no signal is of class `{class}`; there are: {known}")]
pub struct NoSuchClass {
    /// The class asked for.
    pub class: String,
    /// Those there are.
    pub known: String,
}

impl SignalTable {
    /// Reads the text of `config/signals.toml`.
    pub fn parse(text: &str) -> Result<Self, BadSignals> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct File {
            signal: Vec<Signal>,
        }
        let file: File = toml::from_str(text).map_err(|e| BadSignals::Toml(e.to_string()))?;
        let mut table = Self::default();
        for signal in file.signal {
            table.add(signal)?;
        }
        Ok(table)
    }

    fn add(&mut self, signal: Signal) -> Result<(), BadSignals> {
        if let Some((low, high)) = signal.plausible
            && (!low.is_finite() || !high.is_finite() || low >= high || signal.unit.is_none())
        {
            return Err(BadSignals::Range(signal.name));
        }
        let mut keys = vec![signal.name.clone()];
        let leads = signal.leads.values().flatten();
        keys.extend(signal.mdc.iter().chain(leads).map(|code| format!("mdc:{code}")));
        keys.extend(signal.loinc.iter().map(|code| format!("loinc:{code}")));
        if let Some(other) = self.by_id.get(&signal.id) {
            return Err(BadSignals::Doubled {
                key: signal.id.0.to_string(),
                other: other.name.clone(),
                signal: signal.name,
            });
        }
        for key in keys {
            if let Some(other) = self.by_key.insert(key.clone(), signal.id) {
                let other = self.by_id.get(&other).map_or(&signal.name, |s| &s.name).clone();
                return Err(BadSignals::Doubled { signal: signal.name, key, other });
            }
        }
        self.by_id.insert(signal.id, signal);
        Ok(())
    }

    /// The signal a device names: `heart_rate`, `mdc:147842` or `loinc:8867-4`.
    pub fn find(&self, key: &str) -> Option<&Signal> {
        self.by_key.get(key).and_then(|id| self.by_id.get(id))
    }

    /// The signal with this number.
    pub fn get(&self, id: SignalId) -> Option<&Signal> {
        self.by_id.get(&id)
    }

    /// The name of a signal, or `signal-N` for a number this table does not hold.
    pub fn name(&self, id: SignalId) -> String {
        self.get(id).map_or_else(|| format!("signal-{}", id.0), |s| s.name.clone())
    }

    /// States how long the signals of each class are kept; an error names a class of no signal.
    pub fn keep_by_class(&mut self, keep: &BTreeMap<String, Span>) -> Result<(), NoSuchClass> {
        let known: BTreeSet<&str> = self.iter().map(Signal::class).collect();
        if let Some(class) = keep.keys().find(|class| !known.contains(class.as_str())) {
            let known = known.into_iter().collect::<Vec<_>>().join(", ");
            return Err(NoSuchClass { class: class.clone(), known });
        }
        for signal in self.by_id.values_mut() {
            signal.keep = keep.get(signal.class()).copied();
        }
        Ok(())
    }

    /// How long the numbers of each signal are kept, where they have a class of their own.
    pub fn kept(&self) -> BTreeMap<SignalId, Span> {
        self.iter().filter_map(|signal| Some((signal.id, signal.keep?))).collect()
    }

    /// Every signal by its number.
    pub fn iter(&self) -> impl Iterator<Item = &Signal> {
        self.by_id.values()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shipped() -> SignalTable {
        SignalTable::parse(include_str!("../../../../config/signals.toml")).unwrap()
    }

    #[test]
    fn numbers_of_the_shipped_table_rise_down_the_file() {
        let text = include_str!("../../../../config/signals.toml");
        let numbers: Vec<u16> =
            text.lines().filter_map(|line| line.strip_prefix("id = ")?.parse().ok()).collect();
        assert_eq!(numbers.len(), shipped().iter().count());
        assert!(numbers.is_sorted_by(|a, b| a < b), "{numbers:?}");
        // What is on disk under a number stays what it is.
        for (id, name) in
            [(1, "heart_rate"), (3, "spo2"), (17, "glucose_cgm"), (44, "battery_status")]
        {
            assert_eq!(shipped().name(SignalId(id)), name);
        }
    }

    #[test]
    fn codes_stand_at_the_signal_they_name() {
        for (key, name) in [
            ("mdc:147842", "heart_rate"),
            ("mdc:149514", "pulse_rate"),
            ("mdc:150456", "spo2"),
            ("mdc:150021", "nibp_sys"),
            ("mdc:150035", "abp_mean"),
            ("mdc:150017", "abp_sys"),
            ("mdc:151708", "etco2"),
            ("mdc:151728", "etco2"),
            ("mdc:160184", "glucose_blood"),
            ("mdc:160212", "glucose_cgm"),
            ("mdc:721280", "battery_status"),
            ("loinc:80404-7", "sdnn"),
            ("loinc:8867-4", "heart_rate"),
        ] {
            assert_eq!(shipped().find(key).map(|s| s.name.as_str()), Some(name), "{key}");
        }
        for panel_or_short in ["mdc:150020", "loinc:85354-9", "mdc:19384"] {
            assert!(shipped().find(panel_or_short).is_none(), "{panel_or_short}");
        }
    }

    #[test]
    fn a_code_says_which_lead_or_which_way_of_measuring() {
        let table = shipped();
        for (key, name, lead) in [
            ("mdc:722432", "impedance", Some("RA")),
            ("mdc:722433", "impedance", Some("RV")),
            ("mdc:722624", "shock_impedance", None),
            ("mdc:737536", "pacing_percent", Some("RV")),
            ("impedance", "impedance", None),
            ("mdc:721344", "battery_voltage", None),
            ("mdc:150456", "spo2", None),
            ("loinc:59408-5", "spo2", Some("loinc:59408-5")),
            ("mdc:151570", "respiratory_rate", Some("mdc:151570")),
            ("respiratory_rate", "respiratory_rate", None),
        ] {
            let signal = table.find(key).unwrap();
            assert_eq!((signal.name.as_str(), signal.instance_of(key)), (name, lead));
        }
    }

    #[test]
    fn signals_are_kept_by_class_and_a_class_is_of_some_signal() {
        let mut table = shipped();
        let keep = |class: &str, days| BTreeMap::from([(class.to_owned(), Span::days(days))]);
        table.keep_by_class(&keep("glucose", 3_650)).unwrap();
        let kept = |table: &SignalTable, name| table.find(name).unwrap().keep;
        assert_eq!(kept(&table, "glucose_cgm"), Some(Span::days(3_650)));
        assert_eq!(kept(&table, "heart_rate"), None);
        assert_eq!(table.kept().into_keys().collect::<Vec<_>>(), [SignalId(16), SignalId(17)]);
        table.keep_by_class(&keep("continuous", 90)).unwrap();
        assert_eq!(kept(&table, "heart_rate"), Some(Span::days(90)));
        assert_eq!(kept(&table, "glucose_cgm"), None);
        let refused = table.keep_by_class(&keep("spots", 1)).unwrap_err().to_string();
        assert!(refused.contains("`spots`") && refused.contains("glucose, spot"), "{refused}");
    }

    #[test]
    fn a_table_that_contradicts_itself_is_refused() {
        let line = |id: u16, name: &str, rest: &str| {
            format!(
                "[[signal]]\nid = {id}\nname = \"{name}\"\nlabel = \"x\"\ncadence = \"spot\"\n{rest}\n"
            )
        };
        for (rest, other) in [
            ("", line(1, "b", "")),
            ("", line(2, "a", "")),
            ("mdc = [7]", line(2, "b", "mdc = [7]")),
            ("mdc = [7]", line(2, "b", "leads = { RA = [7] }")),
            ("loinc = [\"1-1\"]", line(2, "b", "loinc = [\"1-1\"]")),
        ] {
            let text = line(1, "a", rest) + &other;
            assert!(matches!(SignalTable::parse(&text), Err(BadSignals::Doubled { .. })), "{text}");
        }
        for range in ["plausible = [0, 1]", "unit = \"%\"\nplausible = [1, 1]"] {
            let text = line(1, "a", range);
            assert!(matches!(SignalTable::parse(&text), Err(BadSignals::Range(_))), "{text}");
        }
        assert!(matches!(
            SignalTable::parse(&line(1, "a", "unit = \"mmHg\"")),
            Err(BadSignals::Toml(_))
        ));
    }
}
