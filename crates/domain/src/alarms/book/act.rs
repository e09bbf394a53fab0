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
        // Whoever says something, or that it arrived, answers nothing.
        let says = matches!(act, AlarmAct::Comment { .. } | AlarmAct::Received);
        let result = if (seen < open.news_seq && !says) || unread {
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
                AlarmAct::Accept | AlarmAct::Reject | AlarmAct::Release | AlarmAct::Received => {
                    open.answerable(actor, act, out)
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
        match result {
            Ok(Change::Paused) => open.paused_anew(out.now),
            Ok(Change::SwitchedOff) => open.muted = Muted::of(&open.alarm, None, out.now),
            _ => {}
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
        let place = out.transitions.len();
        out.emit(TransitionBody::Answer {
            actor: actor.to_owned(),
            asked: act.as_str(),
            answer: Box::new(answer),
        });
        match result {
            Ok(change) => {
                self.tell(key, change, Some(actor), out);
                out.answer_as_told(place);
                if matches!(change, Change::Paused | Change::SwitchedOff) {
                    // What ran out while all of it was kept back waits no more where only its sound is.
                    self.run_out(key, out);
                }
            }
            // Whoever asks learns how it is.
            Err(_) => self.pay(key, out),
        }
    }
}
