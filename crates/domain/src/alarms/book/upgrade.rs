//! Open alarms settled with those that an older version of the core told (docs/store.md).

use std::collections::BTreeMap;

use super::{Book, Key, Open};
use crate::model::alarm::Alarm;
use crate::model::ids::AlarmId;
use crate::model::signal::SignalId;
use crate::output::Output;

impl Book {
    /// Settles every open alarm with what was told of it, which is taken out of `told`: where both
    /// agree nothing moves.
    pub fn settle(&mut self, told: &mut BTreeMap<&AlarmId, &Alarm>, out: &mut Output) {
        let now = out.wall();
        for key in self.keys_where(|_, _| true) {
            let Some(open) = self.open.get_mut(&key) else { continue };
            let change = if let Some(told) = told.remove(&open.alarm.id) {
                open.alarm.seq = told.seq;
                open.news_seq = open.news_seq.min(told.seq);
                open.alarm.told_otherwise(told)
            } else {
                Some(open.alarm.told_first(now))
            };
            if let Some(change) = change {
                self.record(&key, change, None, out);
            }
        }
    }

    /// Keeps an alarm that was told and that nothing here holds. One that has the place of another,
    /// or is `astray` among those of another owner, goes by its id. No later alarm of its place gets
    /// that id, even from the cause that began this one.
    pub fn keep(&mut self, told: &Alarm, astray: bool, signal: Option<SignalId>, out: &mut Output) {
        let mut key = Key::new(told.rule.clone(), told.source.clone());
        *self.kept.entry(key.clone()).or_default() += 1;
        if astray || self.open.contains_key(&key) {
            key.source = told.id.to_string();
        }
        let mut alarm = told.clone();
        let change = alarm.kept(out.wall());
        let open = Open {
            alarm,
            news_seq: 0,
            signal,
            unbound: false,
            wake_at: None,
            ongoing: Vec::new(),
            series: None,
        };
        self.open.insert(key.clone(), open);
        self.record(&key, change, None, out);
    }
}
