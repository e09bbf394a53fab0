//! Open alarms settled with those that an older version of the core announced (docs/store.md).

use std::collections::BTreeMap;

use super::{Book, Key, Open};
use crate::alarms::responsibility::Ladder;
use crate::model::alarm::Alarm;
use crate::model::ids::AlarmId;
use crate::model::signal::SignalId;
use crate::output::Output;

impl Book {
    /// Settles every open alarm with its announcement, which is taken out of `announced`. Where both
    /// agree nothing moves.
    pub fn settle(&mut self, announced: &mut BTreeMap<&AlarmId, &Alarm>, out: &mut Output) {
        let now = out.wall();
        for key in self.owed() {
            if let Some(open) = self.open.get(&key)
                && !open.alarm.is_open()
            {
                announced.remove(&open.alarm.id);
            }
            self.pay(&key, out);
        }
        for key in self.keys_where(|_, _| true) {
            let Some(open) = self.open.get_mut(&key) else { continue };
            let change = if let Some(announced) = announced.remove(&open.alarm.id) {
                open.alarm.seq = announced.seq;
                open.news_seq = open.news_seq.min(announced.seq);
                open.alarm.settle_with(announced)
            } else {
                Some(open.alarm.announce_first(now))
            };
            if let Some(change) = change {
                self.record(&key, change, None, out);
            }
        }
    }

    /// Keeps an alarm that was announced and that nothing here holds. One whose key another has, or
    /// that is `astray` in the book of another subject, has its id in place of its source. No later
    /// alarm of its key gets that id, even from the cause that began this one.
    pub fn keep(
        &mut self,
        announced: &Alarm,
        astray: bool,
        signal: Option<SignalId>,
        out: &mut Output,
    ) {
        let mut key = Key::new(announced.rule.clone(), announced.source.clone());
        *self.kept.entry(key.clone()).or_default() += 1;
        if astray || self.open.contains_key(&key) {
            key.source = announced.id.to_string();
        }
        let mut alarm = announced.clone();
        let change = alarm.kept(out.wall());
        let open = Open {
            alarm,
            news_seq: 0,
            signal,
            unbound: false,
            wake_at: None,
            ongoing: Vec::new(),
            series: None,
            sent: None,
            acknowledge_for: None,
            by_reading: false,
            acknowledged_at: None,
            held_at: None,
            resettable: false,
            folds: Vec::new(),
            unfolds_at: None,
            quiet_until: None,
            told_at: None,
            untold: false,
            crossing: None,
            known_at: None,
            owed: None,
            shown: None,
            shown_following: false,
            ladder: Ladder::default(),
            muted: None,
            way: None,
        };
        self.open.insert(key.clone(), open);
        self.record(&key, change, None, out);
    }
}
