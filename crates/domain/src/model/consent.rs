//! Whether a patient's data may leave for a purpose: asked by every way out, answered in one place.

use std::str::FromStr;

use super::ids::PatientId;

/// What data leave the gateway for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// Treatment of the patient himself: the site's own charts and time series.
    Care,
    /// Anything learnt for others.
    Research,
}

/// A purpose nobody knows.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a purpose: use `care` or `research`")]
pub struct UnknownPurpose(String);

/// Whether data of `patient` may leave for `purpose`: for care always, for anything else only with
/// consent. No consent is recorded anywhere yet, so the answer to anything else is no.
pub fn may(purpose: Purpose, _patient: &PatientId) -> bool {
    purpose == Purpose::Care
}

impl Purpose {
    /// Every purpose there is.
    pub const ALL: [Self; 2] = [Self::Care, Self::Research];

    /// Its word in commands and file names.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Care => "care",
            Self::Research => "research",
        }
    }
}

impl FromStr for Purpose {
    type Err = UnknownPurpose;
    fn from_str(word: &str) -> Result<Self, UnknownPurpose> {
        let known = Self::ALL.into_iter().find(|purpose| purpose.as_str() == word);
        known.ok_or_else(|| UnknownPurpose(word.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn care_needs_no_consent_and_nothing_else_has_it() {
        let patient = "p-1".parse().unwrap();
        let allowed: Vec<_> =
            Purpose::ALL.into_iter().filter(|purpose| may(*purpose, &patient)).collect();
        assert_eq!(allowed, [Purpose::Care]);
    }

    #[test]
    fn words_come_back_as_what_they_were() {
        for purpose in Purpose::ALL {
            assert_eq!(purpose.as_str().parse(), Ok(purpose));
        }
        assert!("sale".parse::<Purpose>().unwrap_err().to_string().contains("`sale`"));
    }
}
