//! For how long somebody has an alarm, and what becomes of it then.

use super::{Ground, Ladder, ask};
use crate::alarms::lifecycle::acknowledged_for;
use crate::model::alarm::{Alarm, Condition};
use crate::model::time::Timestamp;
use crate::output::transition::Change;

impl Ladder {
    /// Somebody has it until the shift is over, and who is not on duty for as long as an acknowledgement holds.
    pub(super) fn own(&mut self, alarm: &mut Alarm, ground: Ground<'_>) {
        let (now, wall) = (ground.now, ground.now.wall());
        let lent = self.lent_until(alarm, ground);
        let answers = ground.plan.and_then(|plan| {
            let name = ask::person(alarm).pop()?;
            let person = plan.people.iter().find(|person| person.id.as_str() == name)?;
            plan.may_answer(&person.id, alarm).then_some((plan, &person.id))
        });
        let Some(responsibility) = &mut alarm.responsibility else { return };
        let until = answers.and_then(|(plan, person)| plan.on_duty_until(person, wall));
        let shift = until.map(|until| now.own(until)).filter(|at| *at > now.at);
        self.on_duty = shift.is_some();
        self.due_at = shift.or(lent);
        responsibility.deadline =
            if self.on_duty { until } else { self.due_at.map(|at| now.shown(at)) };
    }

    /// How long somebody has it who is not on duty; `None` where it is over, or row 10 ends that.
    fn lent_until(&self, alarm: &Alarm, ground: Ground<'_>) -> Option<Timestamp> {
        let acknowledged = alarm.acknowledged.as_ref().and_then(|one| one.until);
        let by_row_10 = self.by_acknowledging && acknowledged.is_some();
        let over = alarm.condition == Condition::Absent;
        ground.plan.filter(|_| !by_row_10 && !over)?;
        let since = self.owned_since.unwrap_or(ground.now.at);
        Some((since + acknowledged_for(alarm)).max(ground.now.at))
    }

    /// Looks at it again: whether whoever had it has it no more, because they are on duty no more, or never were.
    pub(super) fn is_lost(&mut self, alarm: &mut Alarm, ground: Ground<'_>) -> bool {
        let was_on_duty = self.on_duty;
        self.own(alarm, ground);
        (was_on_duty && !self.on_duty) || self.due_at.is_some_and(|at| at <= ground.now.at)
    }

    /// Who had it hears that it is theirs no more, and the others are asked.
    pub(super) fn shift_over(&mut self, alarm: &mut Alarm, ground: Ground<'_>) -> Change {
        ask::tell_owner(alarm, ground);
        self.give_back(alarm, ground);
        self.settle(alarm, false, ground);
        Change::ShiftOver
    }
}
