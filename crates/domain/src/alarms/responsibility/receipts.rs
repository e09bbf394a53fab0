//! What is known of whether people heard of an alarm. It steers nothing, but that what cannot be delivered goes to the
//! next channel and the next step at once.

use super::ask::{tell, told_state};
use super::{Ground, Ladder, Phase};
use crate::model::alarm::{Alarm, Priority};
use crate::model::duty::DutyPlan;
use crate::model::ids::ChannelId;
use crate::model::responsibility::Delivery;
use crate::output::transition::Change;

/// Somebody says that the news arrived.
pub(super) fn received(alarm: &mut Alarm, actor: &str, plan: Option<&DutyPlan>) {
    let name = plan.and_then(|plan| plan.person_of(actor));
    let name = name.map_or_else(|| actor.to_owned(), |person| person.id.to_string());
    let Some(responsibility) = &mut alarm.responsibility else { return };
    for told in responsibility.told.iter_mut().filter(|told| told.to == name) {
        told.result = Delivery::Received;
    }
}

/// Whether an actor was told of an alarm.
pub(crate) fn was_told(alarm: &Alarm, actor: &str, plan: Option<&DutyPlan>) -> bool {
    let name = plan.and_then(|plan| plan.person_of(actor));
    let name = name.map_or(actor, |person| person.id.as_str());
    alarm.responsibility.iter().flat_map(|r| &r.told).any(|told| told.to == name)
}

impl Ladder {
    /// A channel took what transition `seq` told by it. Says what became of it, if it was news.
    pub(crate) fn taken(
        &mut self,
        alarm: &mut Alarm,
        channel: &ChannelId,
        seq: u64,
    ) -> Option<Change> {
        let asking = self.phase == Phase::Asking;
        let responsibility = alarm.responsibility.as_mut()?;
        let is_it = |told: &&mut crate::model::responsibility::Told| {
            told.channel.as_ref() == Some(channel)
                && told.seq <= seq
                && matches!(told.result, Delivery::Waiting | Delivery::Failed)
        };
        let mut any = false;
        for told in responsibility.told.iter_mut().filter(is_it) {
            (told.result, any) = (Delivery::Taken, true);
        }
        if asking {
            responsibility.state = told_state(responsibility);
        }
        any.then_some(Change::Received)
    }

    /// A channel does not take what was told by it. What is high goes to the person's next channel, and to the next step.
    pub(crate) fn failed(
        &mut self,
        alarm: &mut Alarm,
        channel: &ChannelId,
        ground: Ground<'_>,
    ) -> Option<Change> {
        let responsibility = alarm.responsibility.as_mut()?;
        let person = responsibility.person.clone();
        let (mut any, mut of_asked) = (false, false);
        for told in &mut responsibility.told {
            if told.channel.as_ref() == Some(channel) && told.result == Delivery::Waiting {
                told.result = Delivery::Failed;
                any = true;
                of_asked |= person.as_ref() == Some(&told.to);
            }
        }
        if !any {
            return None;
        }
        if of_asked && self.phase == Phase::Asking && alarm.priority == Priority::High {
            self.other_ways(alarm, ground);
            return Some(match self.phase {
                Phase::Exhausted => Change::Exhausted,
                Phase::Waiting => Change::Unassigned,
                Phase::Idle | Phase::Asking | Phase::Owned => Change::Notified,
            });
        }
        Some(Change::Received)
    }

    /// Whoever is asked was told just now by a channel that is known to fail: what is high goes on as if it had failed again.
    pub(super) fn past_what_fails(&mut self, alarm: &mut Alarm, ground: Ground<'_>) {
        let in_vain = alarm.responsibility.as_ref().is_some_and(|r| {
            let now = r.told.iter().filter(|told| told.seq == ground.seq);
            let mut of_person = now.filter(|told| Some(&told.to) == r.person.as_ref());
            of_person.any(|told| told.result == Delivery::Failed)
        });
        if in_vain && alarm.priority == Priority::High {
            self.other_ways(alarm, ground);
        }
    }

    /// The person's next channel that was not tried since they were asked, and the next step; behind the last one everybody,
    /// where nothing is left by which the person could hear of it.
    fn other_ways(&mut self, alarm: &mut Alarm, ground: Ground<'_>) {
        let Some(plan) = ground.plan else { return };
        let Some(team) = plan.team_for(alarm) else { return };
        let Some(responsibility) = &alarm.responsibility else { return };
        let Some(person) = responsibility.person.clone() else { return };
        let since_asked = || {
            responsibility
                .told
                .iter()
                .filter(|one| one.to == person && one.at >= responsibility.since)
        };
        let tried =
            |channel: &ChannelId| since_asked().any(|one| one.channel.as_ref() == Some(channel));
        let works = |channel: &&ChannelId| !ground.failing.contains(channel) && !tried(channel);
        let next = self.ways_to(&person, Some(team), plan).find(works).cloned();
        let in_vain = next.is_none() && since_asked().all(|one| one.result == Delivery::Failed);
        if let Some(next) = next {
            tell(alarm, &person, &[next], ground);
        }
        let somebody_else = self.owner_first && !self.is_of_step(&person, team, plan, ground);
        let is_last = self.step.saturating_add(1) >= team.steps.len() as u32;
        if somebody_else || !is_last || in_vain {
            self.next_step(alarm, ground);
        }
    }
}
