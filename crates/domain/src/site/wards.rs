//! Wards that no screen shows, and where nobody on duty can be reached either.

use super::{GATEWAY, Site, present};
use crate::alarms::book::{AlarmSubject, Key};
use crate::model::alarm::{Alarm, Condition, Priority};
use crate::model::duty::DutyPlan;
use crate::model::ids::{ChannelId, WardId};
use crate::model::time::Timestamp;
use crate::output::{Output, rule};
use crate::text;

const UNWATCHED: &str = "ward.unwatched";
const UNATTENDED: &str = "ward.unattended";

impl Site {
    /// Nobody's screen shows these wards: alarms there reach no one by it.
    pub fn unwatched(&mut self, wards: &[WardId], out: &mut Output) {
        for watched in self.unwatched_wards().into_iter().filter(|ward| !wards.contains(ward)) {
            let key = Key::new(rule(UNWATCHED), watched.as_str());
            self.alarms.change(&key, None, out, Alarm::absent);
        }
        for ward in wards {
            self.raise_of_ward(UNWATCHED, ward, Priority::Medium, text::unwatched(ward), out);
        }
        if self.duty.plan().is_some() {
            self.look_at_duty(out);
        }
    }

    /// The wards announced as unwatched.
    pub fn unwatched_wards(&self) -> Vec<WardId> {
        self.wards_announced(UNWATCHED)
    }

    /// Of the wards that no screen shows: whether somebody on duty for them can be reached by a channel that works. Where
    /// no plan says who is on duty, nothing is known of that.
    pub(crate) fn look_at_wards(&mut self, out: &mut Output) {
        let (plan, wall) = (self.duty.plan(), out.wall());
        let nobody = |ward: &WardId| {
            plan.as_ref().is_some_and(|plan| !can_reach(plan, ward, &out.failing, wall))
        };
        let unattended: Vec<WardId> = self.unwatched_wards().into_iter().filter(nobody).collect();
        for over in self.wards_announced(UNATTENDED) {
            if !unattended.contains(&over) {
                let key = Key::new(rule(UNATTENDED), over.as_str());
                self.alarms.change(&key, None, out, Alarm::absent);
            }
        }
        for ward in &unattended {
            self.raise_of_ward(UNATTENDED, ward, Priority::High, text::unattended(ward), out);
        }
    }

    fn raise_of_ward(
        &mut self,
        id: &'static str,
        ward: &WardId,
        priority: Priority,
        text: String,
        out: &mut Output,
    ) {
        let draft = present(Key::new(rule(id), ward.as_str()), priority, text, out);
        self.alarms.raise(AlarmSubject { ward: Some(ward), ..GATEWAY }, draft, out);
    }

    fn wards_announced(&self, id: &str) -> Vec<WardId> {
        let announced = self.alarms.iter().filter(|(key, open)| {
            key.rule.as_str() == id && open.alarm.condition == Condition::Present
        });
        announced.filter_map(|(_, open)| open.alarm.ward.clone()).collect()
    }
}

/// Whether anybody on duty for a ward has a channel that works. Without one of their own they look at a screen, and none
/// shows it.
fn can_reach(plan: &DutyPlan, ward: &WardId, failing: &[ChannelId], wall: Timestamp) -> bool {
    let of_ward = plan
        .teams
        .iter()
        .filter(|team| !team.gateway && (team.wards.is_empty() || team.wards.contains(ward)));
    of_ward.flat_map(|team| team.steps.iter().map(move |step| (team, step))).any(|(team, step)| {
        let watch = plan.on_duty(&team.id, &step.role, wall);
        let Some(watch) = watch.filter(|watch| plan.answers_in(&watch.person, Some(ward))) else {
            return false;
        };
        let own = plan.person(&watch.person).map_or(&[][..], |person| &person.channels);
        own.iter().chain(&step.channels).any(|channel| !failing.contains(channel))
    })
}
