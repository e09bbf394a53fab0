//! What does not work as it should, though the gateway does: brokers, sinks, channels. Shown in the
//! body of `/readyz`, which it never fails (contract §6).

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// What is degraded at present; cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Degraded(Arc<Mutex<BTreeMap<String, String>>>);

impl Degraded {
    /// Says why `what` is degraded, or with `None` that it is not.
    pub fn set(&self, what: &str, why: Option<String>) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match why {
            Some(why) => all.insert(what.to_owned(), why),
            None => all.remove(what),
        };
    }

    /// All of it, one line each, by name.
    pub fn lines(&self) -> Vec<String> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter().map(|(what, why)| format!("{what}: {why}")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_degraded_is_listed_until_it_is_not() {
        let degraded = Degraded::default();
        let other = degraded.clone();
        other.set("broker b2", Some("refused".to_owned()));
        other.set("broker b1", Some("closed".to_owned()));
        other.set("broker b1", Some("not reached".to_owned()));
        assert_eq!(degraded.lines(), ["broker b1: not reached", "broker b2: refused"]);
        other.set("broker b1", None);
        other.set("broker b3", None);
        assert_eq!(degraded.lines(), ["broker b2: refused"]);
    }
}
