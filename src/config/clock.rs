//! `[clock]`: who is asked whether the machine's clock is synchronised.

use serde::Deserialize;

use vitalgate_domain::model::time::Span;

/// `[clock]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Clock {
    /// A program and its arguments; it prints `yes` when the clock is synchronised. Empty: nobody
    /// is asked.
    pub check: Vec<String>,
    /// How often it is asked.
    #[serde(deserialize_with = "at_least_a_second")]
    pub every: Span,
}

impl Default for Clock {
    fn default() -> Self {
        let check = ["timedatectl", "show", "--property=NTPSynchronized", "--value"];
        Self { check: check.map(str::to_owned).to_vec(), every: Span::mins(5) }
    }
}

fn at_least_a_second<'de, D: serde::Deserializer<'de>>(d: D) -> Result<Span, D::Error> {
    let every = Span::deserialize(d)?;
    if every < Span::secs(1) {
        return Err(serde::de::Error::custom("at least `1s`"));
    }
    Ok(every)
}
