//! What shows that alarms get through, and get through in time: the synthetic patient, and how late others were.

use super::{GATEWAY, Site, own_key, present};
use crate::alarms::book::Key;
use crate::model::alarm::{Alarm, Priority};
use crate::model::input::{LateAlarms, Stretch};
use crate::output::{Output, rule};
use crate::text;

const SYNTHETIC: &str = "gateway.synthetic";
const LATE: &str = "alarms.late";

impl Site {
    /// The synthetic patient stays somewhere: so may whatever somebody sends. Ends when it comes out again.
    pub fn synthetic(&mut self, fault: Option<&str>, out: &mut Output) {
        let key = own_key(SYNTHETIC);
        match fault {
            Some(fault) => {
                let text = text::synthetic(fault);
                self.raise_or_reword(present(key, Priority::High, text, out), out);
            }
            None => self.alarms.change(&key, None, out, Alarm::absent),
        }
    }

    /// Whether that is announced.
    pub fn misses_the_synthetic(&self) -> bool {
        self.alarms.holds(&own_key(SYNTHETIC))
    }

    /// More alarms of an hour were late on a stretch of their way than may be. Ends when that is no longer so.
    pub fn late(&mut self, stretch: Stretch, found: Option<&LateAlarms>, out: &mut Output) {
        let key = Key::new(rule(LATE), stretch.as_str());
        let Some(found) = found else {
            return self.alarms.change(&key, None, out, Alarm::absent);
        };
        let text = text::late_alarms(stretch, found);
        self.alarms.raise(GATEWAY, present(key, Priority::Medium, text, out), out);
    }

    /// The stretches on which alarms are announced to be late.
    pub fn late_stretches(&self) -> Vec<Stretch> {
        let is_late =
            |stretch: &Stretch| self.alarms.holds(&Key::new(rule(LATE), stretch.as_str()));
        Stretch::ALL.into_iter().filter(is_late).collect()
    }
}
