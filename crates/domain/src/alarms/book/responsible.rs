//! Who answers for the open alarms: what their ladders do, told as transitions of theirs.

use super::{Book, Key, Open};
use crate::alarms::lifecycle::Refusal;
use crate::alarms::responsibility::{Ground, Ladder, was_told};
use crate::model::command::{AlarmAct, Outcome};
use crate::model::duty::DutyPlan;
use crate::model::ids::ChannelId;
use crate::model::time::Timestamp;
use crate::output::transition::Change;
use crate::output::{Output, Unanswered};

impl Book {
    /// Ladders whose time is up by `due` go on.
    pub(super) fn climb(&mut self, due: Timestamp, out: &mut Output) {
        let is_due = |open: &Open| open.ladder.deadline().is_some_and(|at| at <= due);
        for key in self.keys_where(|_, open| is_due(open)) {
            // What happened before is told before.
            self.pay(&key, out);
            let Some(open) = self.open.get_mut(&key).filter(|open| is_due(open)) else { continue };
            let change = open.ladder.fire(&mut open.alarm, due, ground(out));
            self.say(&key, change, out);
        }
    }

    /// Who is on duty, or the clock that goes by, is another now.
    pub fn replan(&mut self, out: &mut Output) {
        for key in self.keys_where(|_, _| true) {
            let Some(open) = self.open.get_mut(&key) else { continue };
            let change = open.ladder.replan(&mut open.alarm, ground(out));
            self.say(&key, change, out);
        }
    }

    /// The patient is in another ward: who may answer nothing there has its alarms no more, and is asked no more.
    pub fn replan_there(&mut self, out: &mut Output) {
        let bound = |plan: &DutyPlan| plan.people.iter().any(|person| person.wards.is_some());
        if out.duty.as_deref().is_some_and(bound) {
            self.replan(out);
        }
    }

    /// A channel took what transition `seq` of an alarm told by it.
    pub fn taken(&mut self, key: &Key, channel: &ChannelId, seq: u64, out: &mut Output) {
        let Some(open) = self.open.get_mut(key).filter(|open| open.alarm.is_open()) else { return };
        let change = open.ladder.taken(&mut open.alarm, channel, seq);
        self.say(key, change, out);
    }

    /// A channel does not take what is told by it.
    pub fn undeliverable(&mut self, channel: &ChannelId, out: &mut Output) {
        for key in self.keys_where(|_, _| true) {
            let Some(open) = self.open.get_mut(&key) else { continue };
            let change = open.ladder.failed(&mut open.alarm, channel, ground(out));
            self.say(&key, change, out);
        }
    }

    /// Who has alarms hands them over to somebody.
    pub fn offer(&mut self, from: &str, to: &str, actor: &str, out: &mut Output) {
        for key in self.keys_where(|_, open| open.is_owned_by(from)) {
            let Some(open) = self.open.get_mut(&key) else { continue };
            Ladder::offer(&mut open.alarm, to, ground(out));
            self.tell(&key, Change::Offered, Some(actor), out);
        }
    }

    /// Somebody takes all that another hands over to them.
    pub fn take_over(&mut self, from: &str, to: &str, actor: &str, out: &mut Output) {
        let offered = |open: &Open| open.is_owned_by(from) && open.is_offered_to(to);
        for key in self.keys_where(|_, open| offered(open)) {
            self.tell(&key, Change::HandedOver, Some(actor), out);
        }
    }

    fn say(&mut self, key: &Key, change: Option<Change>, out: &mut Output) {
        if let Some(change) = change {
            self.tell(key, change, None, out);
        }
    }
}

impl Open {
    /// Whether somebody has it.
    pub fn is_owned_by(&self, name: &str) -> bool {
        let person = self.alarm.responsibility.as_ref().and_then(|r| r.person.as_deref());
        self.alarm.is_open() && self.ladder.is_owned() && person == Some(name)
    }

    /// Whether it is handed over to somebody, who has not taken it yet.
    pub fn is_offered_to(&self, name: &str) -> bool {
        let offered = self.alarm.responsibility.as_ref().and_then(|r| r.offered.as_deref());
        offered == Some(name)
    }

    /// Its alarm made a change: what that means for whoever answers for it.
    pub(super) fn answer_for(&mut self, change: Change, actor: Option<&str>, out: &mut Output) {
        self.ladder.moved(&mut self.alarm, change, actor, ground(out));
        let alarm = &self.alarm;
        if let Some(responsibility) = &alarm.responsibility {
            let nobody = self.ladder.is_unanswered();
            out.unanswered.push(Unanswered {
                alarm: alarm.id.clone(),
                team: responsibility.team.clone(),
                ward: alarm.ward_shown().cloned(),
                nobody,
            });
        }
    }

    /// Whether somebody may do this with the responsibility for it; the change it makes.
    pub(super) fn answerable(
        &mut self,
        actor: &str,
        act: &AlarmAct,
        out: &Output,
    ) -> Result<Change, Refusal> {
        if !self.alarm.is_open() {
            return Err(Refusal::conflict("the alarm is closed"));
        }
        let plan = out.duty.as_deref();
        let name = plan.and_then(|plan| plan.person_of(actor));
        let name = name.map_or(actor, |person| person.id.as_str());
        let holder = self.alarm.responsibility.as_ref().and_then(|r| r.person.as_deref());
        let owns = self.is_owned_by(name);
        match act {
            AlarmAct::Accept if owns => {
                let detail = format!("accepted by {name}");
                Err(Refusal { outcome: Outcome::AlreadySo, detail })
            }
            AlarmAct::Accept => Ok(Change::Accepted),
            AlarmAct::Reject if !self.ladder.is_owned() && holder == Some(name) => {
                Ok(Change::Rejected)
            }
            AlarmAct::Reject => Err(Refusal::conflict("somebody else is asked")),
            AlarmAct::Release if owns => {
                self.alarm.give_back();
                Ok(Change::Released)
            }
            AlarmAct::Release => Err(Refusal::conflict("somebody else has it, or nobody")),
            AlarmAct::Received if was_told(&self.alarm, actor, plan) => Ok(Change::Received),
            AlarmAct::Received => Err(Refusal::conflict("nobody of this name was told of it")),
            AlarmAct::Acknowledge
            | AlarmAct::Unacknowledge
            | AlarmAct::Reset { .. }
            | AlarmAct::Pause { .. }
            | AlarmAct::Off { .. }
            | AlarmAct::Resume
            | AlarmAct::Comment { .. } => {
                Err(Refusal::conflict("that is no matter of responsibility"))
            }
        }
    }
}

fn ground(out: &Output) -> Ground<'_> {
    let (plan, failing) = (out.duty.as_deref(), &*out.failing);
    Ground { plan, failing, now: out.now, seq: out.next_seq() }
}
