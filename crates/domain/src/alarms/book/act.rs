//! What a person does with an open alarm.

use super::{Book, Key, Muted};
use crate::alarms::lifecycle::Refusal;
use crate::model::command::{AlarmAct, CommandAnswer, Outcome};
use crate::output::Output;
use crate::output::transition::{Change, TransitionBody};

impl Book {
    /// Carries out what a person asks of an open alarm; the answer is the first transition.
    pub fn act(&mut self, key: &Key, actor: &str, seen: u64, act: &AlarmAct, out: &mut Output) {
        let Some(open) = self.open.get_mut(key) else { return };
        let now = out.wall();
        open.reword();
        let before = open.alarm.clone();
        let unread = open.untold && matches!(act, AlarmAct::Reset { .. });
        // Whoever says something answers nothing.
        let missed = seen < open.news_seq && !matches!(act, AlarmAct::Comment { .. });
        let result = if missed || unread {
            Err(Refusal::conflict("it has changed since it was seen"))
        } else if seen >= out.next_seq() {
            Err(Refusal::conflict("nobody was ever shown that number"))
        } else {
            match act {
                AlarmAct::Acknowledge => {
                    let holds = open.acknowledged_for();
                    open.alarm.acknowledge(actor, seen, holds, now)
                }
                AlarmAct::Unacknowledge => open.alarm.unacknowledge(now),
                AlarmAct::Reset { reason } => {
                    open.alarm.reset(reason.as_deref(), open.resettable, now)
                }
                AlarmAct::Pause { what, reason, until } => {
                    open.alarm.pause(actor, (*what, reason.as_deref()), *until, now)
                }
                AlarmAct::Off { what, reason, until } => {
                    open.alarm.switch_off(actor, (*what, reason.as_deref()), *until, now)
                }
                AlarmAct::Resume => open.alarm.resume(now),
                AlarmAct::Comment { text } => open.alarm.comment(actor, text, now),
            }
        };
        if let Ok(Change::Paused | Change::SwitchedOff) = result {
            open.muted = Muted::of(&open.alarm, None, out.now);
        }
        let (outcome, detail) = match &result {
            Ok(_) => (Outcome::Done, String::new()),
            Err(Refusal { outcome, detail }) => (*outcome, detail.clone()),
        };
        // The answer shows the alarm as it is after the change, with the number the change will have.
        let mut shown = if result.is_ok() { open.alarm.clone() } else { before };
        if result.is_ok() {
            shown.seq = out.next_seq() + 1;
        }
        let answer =
            CommandAnswer { outcome, detail, alarm: Some(shown), version: None, pause: None };
        out.emit(TransitionBody::Answer {
            actor: actor.to_owned(),
            asked: act.as_str(),
            answer: Box::new(answer),
        });
        match result {
            Ok(change) => self.tell(key, change, Some(actor), out),
            // Whoever asks learns how it is.
            Err(_) => self.pay(key, out),
        }
    }
}
