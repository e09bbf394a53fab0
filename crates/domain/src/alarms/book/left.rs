//! What is left of a book where some of it is to be left out.

use std::collections::BTreeMap;

use super::Book;
use crate::model::alarm::Alarm;

impl Book {
    /// Keeps only these alarms, and what began others of the gateway as a whole.
    pub(crate) fn leave_only(&mut self, keep: impl Fn(&Alarm) -> bool) {
        self.open.retain(|_, open| keep(&open.alarm));
        let open = &self.open;
        self.causes.retain(|key, _| open.contains_key(key) || key.source == "gateway");
        self.ended.retain(|key, _| open.contains_key(key));
        (self.announced, self.budgets) = (BTreeMap::new(), BTreeMap::new());
    }
}
