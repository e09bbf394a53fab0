//! Whom a ladder asks, and how they are told.

use super::{Ground, Ladder, Phase, accepts_within, repeats_every};
use crate::model::alarm::Alarm;
use crate::model::duty::{Calling, DutyPlan, DutyStep, Team, Watch};
use crate::model::ids::{ChannelId, DutyRole};
use crate::model::responsibility::{Assignment, Delivery, Responsibility, Told};
use crate::model::time::Timestamp;

/// Who takes an alarm.
pub(super) struct Whom {
    /// The person's id, else the actor.
    pub(super) name: String,
    /// The step of the ladder they are on duty for.
    pub(super) step: Option<(u32, DutyRole)>,
}

impl Whom {
    pub(super) fn of(actor: &str, alarm: &Alarm, plan: Option<&DutyPlan>, wall: Timestamp) -> Self {
        let known = plan.and_then(|plan| Some((plan, plan.person_of(actor)?)));
        let Some((plan, person)) = known else {
            return Self { name: actor.to_owned(), step: None };
        };
        let step = plan.team_for(alarm).and_then(|team| {
            let is_on = |step: &DutyStep| {
                let watch = plan.on_duty(&team.id, &step.role, wall);
                watch.is_some_and(|watch| watch.person == person.id)
            };
            let index = team.steps.iter().position(is_on)?;
            Some((index as u32, team.steps[index].role.clone()))
        });
        Self { name: person.id.to_string(), step }
    }
}

/// Who is asked, or has it: none or one.
pub(super) fn person(alarm: &Alarm) -> Vec<String> {
    alarm.responsibility.iter().filter_map(|r| r.person.clone()).collect()
}

/// Whether whoever is asked, or has it, is on duty as anything.
pub(super) fn is_on_duty(alarm: &Alarm, plan: &DutyPlan, wall: Timestamp) -> bool {
    let name = alarm.responsibility.as_ref().and_then(|r| r.person.as_deref());
    let person = plan.people.iter().find(|person| Some(person.id.as_str()) == name);
    person.is_some_and(|person| {
        plan.may_answer(&person.id, alarm) && plan.on_duty_until(&person.id, wall).is_some()
    })
}

/// When somebody was told last.
pub(super) fn last_told(alarm: &Alarm) -> Timestamp {
    let told = alarm.responsibility.iter().flat_map(|r| &r.told);
    told.map(|told| told.at).max().unwrap_or_default()
}

/// The watch on which whoever is asked is still on duty as what they are asked.
pub(super) fn watch_of<'p>(
    alarm: &Alarm,
    plan: &'p DutyPlan,
    wall: Timestamp,
) -> Option<&'p Watch> {
    let Responsibility { team: Some(team), role: Some(role), person, .. } =
        alarm.responsibility.as_ref()?
    else {
        return None;
    };
    let watch = plan.answering(team, role, alarm, wall);
    watch.filter(|watch| person.as_deref() == Some(watch.person.as_str()))
}

/// Tells everybody on the ladder who may be called, but for some: when the next may be who may not be now.
pub(super) fn tell_all(
    alarm: &mut Alarm,
    plan: &DutyPlan,
    but: &[String],
    ground: Ground<'_>,
) -> Option<Timestamp> {
    let wall = ground.now.wall();
    let mut opens: Option<Timestamp> = None;
    let team = plan.team_for(alarm)?;
    for step in &team.steps {
        let Some(watch) = plan.answering(&team.id, &step.role, alarm, wall) else { continue };
        match plan.calls_on(watch, alarm.response, wall) {
            Calling::Now if but.contains(&watch.person.to_string()) => {}
            Calling::Now => {
                tell(alarm, watch.person.as_str(), &channels_of(plan, watch, step), ground);
            }
            Calling::From(at) => opens = Some(opens.map_or(at, |opens| opens.min(at))),
        }
    }
    opens
}

/// Tells who had it that it is theirs no more, or again.
pub(super) fn tell_owner(alarm: &mut Alarm, ground: Ground<'_>) {
    if let Some(owner) = person(alarm).pop()
        && !ground.plan.is_some_and(|plan| is_quiet(alarm, plan, ground.now.wall()))
    {
        tell_person(alarm, &owner, ground);
    }
}

/// Whether whoever is asked, or has it, has quiet hours that hold it back.
pub(super) fn is_quiet(alarm: &Alarm, plan: &DutyPlan, wall: Timestamp) -> bool {
    let name = alarm.responsibility.as_ref().and_then(|r| r.person.as_deref());
    let person = plan.people.iter().find(|person| Some(person.id.as_str()) == name);
    person.is_some_and(|person| plan.quiet_until(&person.id, alarm.response, wall).is_some())
}

/// Tells somebody by the first of their channels.
pub(super) fn tell_person(alarm: &mut Alarm, to: &str, ground: Ground<'_>) {
    let known =
        |plan: &DutyPlan| plan.people.iter().find(|person| person.id.as_str() == to).cloned();
    let channels = ground.plan.and_then(known).map_or_else(Vec::new, |person| person.channels);
    tell(alarm, to, channels.get(..1).unwrap_or_default(), ground);
}

/// Tells somebody by these channels; with none it is shown on the stream.
pub(super) fn tell(alarm: &mut Alarm, to: &str, channels: &[ChannelId], ground: Ground<'_>) {
    let (at, seq) = (ground.now.wall(), ground.seq);
    let responsibility = alarm.responsibility.get_or_insert_with(|| Responsibility::of_nobody(at));
    let mut note = |channel: Option<ChannelId>| {
        let result = match &channel {
            Some(channel) if ground.failing.contains(channel) => Delivery::Failed,
            Some(_) => Delivery::Waiting,
            None => Delivery::Shown,
        };
        let told = Told { to: to.to_owned(), channel, at, result, seq };
        let same = |one: &&mut Told| one.to == told.to && one.channel == told.channel;
        match responsibility.told.iter_mut().find(same) {
            Some(before) => *before = told,
            None => responsibility.told.push(told),
        }
    };
    if channels.is_empty() {
        return note(None);
    }
    channels.iter().cloned().for_each(|channel| note(Some(channel)));
}

/// All channels of whoever is on a watch, those of the step behind their own.
pub(super) fn channels_of(plan: &DutyPlan, watch: &Watch, step: &DutyStep) -> Vec<ChannelId> {
    let own = plan.person(&watch.person).map(|person| person.channels.as_slice());
    own.unwrap_or_default().iter().chain(&step.channels).cloned().collect()
}

impl Ladder {
    /// Asks the first from a step on who is there and may be called, but for some.
    pub(super) fn ask_from(
        &mut self,
        alarm: &mut Alarm,
        from: u32,
        but: &[String],
        ground: Ground<'_>,
    ) {
        let Some(plan) = ground.plan else { return };
        // Whoever had it was asked first, and is no more.
        self.owner_first = false;
        let (now, wall) = (ground.now, ground.now.wall());
        let Some(team) = plan.team_for(alarm) else {
            let next = now.at + repeats_every(alarm);
            return self.nobody(alarm, from, next, true, ground);
        };
        let mut opens: Option<Timestamp> = None;
        let mut somebody_may = false;
        for (index, step) in (0_u32..).zip(&team.steps) {
            let Some(watch) = plan.answering(&team.id, &step.role, alarm, wall) else { continue };
            match plan.calls_on(watch, alarm.response, wall) {
                Calling::Now if index < from => somebody_may = true,
                Calling::Now if but.contains(&watch.person.to_string()) => somebody_may = true,
                Calling::Now => return self.ask(alarm, index, step, watch, ground),
                Calling::From(at) => opens = Some(opens.map_or(at, |opens| opens.min(at))),
            }
        }
        let begins = plan.next_watch(&team.id, wall);
        let later = |at: Option<Timestamp>| at.map(|at| now.own(at)).filter(|at| *at > now.at);
        let (opens, begins) = (later(opens), later(begins));
        let again = now.at + repeats_every(alarm);
        if somebody_may {
            tell_all(alarm, plan, but, ground);
            let next = opens.map_or(again, |opens| opens.min(again));
            return self.exhausted(alarm, next, ground);
        }
        // What waits for hours waits as its class of response says.
        let next = opens.unwrap_or(again);
        let next = begins.map_or(next, |begins| begins.min(next));
        self.nobody(alarm, from, next, opens.is_none(), ground);
    }

    fn ask(
        &mut self,
        alarm: &mut Alarm,
        index: u32,
        step: &DutyStep,
        watch: &Watch,
        ground: Ground<'_>,
    ) {
        let Some(plan) = ground.plan else { return };
        self.phase = Phase::Asking;
        self.step = index;
        let wall = ground.now.wall();
        let responsibility =
            alarm.responsibility.get_or_insert_with(|| Responsibility::of_nobody(wall));
        responsibility.team = Some(watch.team.clone());
        responsibility.step = Some(index + 1);
        responsibility.role = Some(step.role.clone());
        responsibility.person = Some(watch.person.to_string());
        // The first of the person's own channels, and those of the step: the others are for when that fails.
        let own = plan.person(&watch.person).and_then(|person| person.channels.first());
        let channels: Vec<ChannelId> = own.into_iter().chain(&step.channels).cloned().collect();
        tell(alarm, watch.person.as_str(), &channels, ground);
        self.asked(alarm, ground, Some(watch.until));
    }

    /// Whoever is asked has so long to accept, at most until their shift is over.
    pub(super) fn asked(
        &mut self,
        alarm: &mut Alarm,
        ground: Ground<'_>,
        shift_over: Option<Timestamp>,
    ) {
        let now = ground.now;
        let until = now.at + accepts_within(alarm);
        self.step_until = Some(until);
        let over = shift_over.map(|at| now.own(at)).filter(|at| *at > now.at);
        let due = over.map_or(until, |over| over.min(until));
        self.due_at = Some(due);
        self.again_at = Some(now.at + repeats_every(alarm)).filter(|at| *at < until);
        self.unanswered = false;
        if let Some(responsibility) = &mut alarm.responsibility {
            responsibility.since = now.wall();
            responsibility.deadline = Some(now.shown(due));
            responsibility.state = told_state(responsibility);
        }
        self.past_what_fails(alarm, ground);
    }

    /// The time of whoever is asked is up: that of the step, or of their watch.
    pub(super) fn watch_over(&mut self, alarm: &mut Alarm, plan: &DutyPlan, ground: Ground<'_>) {
        let Some(over) = watch_of(alarm, plan, ground.now.wall()).map(|watch| watch.until) else {
            return self.relieve(alarm, ground);
        };
        match self.step_until.filter(|until| *until > ground.now.at) {
            // They go on by another entry of the plan.
            Some(until) => self.due_by(alarm, until.min(ground.now.own(over)), ground),
            None => self.next_step(alarm, ground),
        }
    }

    /// Whoever is asked is on duty no more: who comes then is asked, for what is left of the time of the step.
    pub(super) fn relieve(&mut self, alarm: &mut Alarm, ground: Ground<'_>) {
        let (step, until) = (self.step, self.step_until);
        if until.is_some_and(|until| until <= ground.now.at) {
            return self.next_step(alarm, ground);
        }
        self.ask_from(alarm, step, &[], ground);
        let goes_on = self.phase == Phase::Asking && self.step == step;
        if let Some(until) = until.filter(|_| goes_on) {
            self.step_until = Some(until);
            let due = self.due_at.map_or(until, |due| due.min(until));
            self.due_by(alarm, due, ground);
        }
    }

    /// It goes on then at the latest, as everybody sees.
    pub(super) fn due_by(&mut self, alarm: &mut Alarm, due: Timestamp, ground: Ground<'_>) {
        self.due_at = Some(due);
        self.again_at = self.again_at.filter(|at| Some(*at) < self.step_until);
        if let Some(responsibility) = &mut alarm.responsibility {
            responsibility.deadline = Some(ground.now.shown(due));
        }
    }

    /// Tells whoever is asked once more, by all their channels.
    pub(super) fn tell_again(&mut self, alarm: &mut Alarm, ground: Ground<'_>) {
        let Some(plan) = ground.plan else { return };
        let Some(responsibility) = &alarm.responsibility else { return };
        let Some(to) = responsibility.person.clone() else { return };
        if is_quiet(alarm, plan, ground.now.wall()) {
            return;
        }
        let ways = self.ways_to(&to, plan.team_for(alarm), plan);
        let channels: Vec<ChannelId> = ways.cloned().collect();
        tell(alarm, &to, &channels, ground);
    }

    /// All channels by which whoever is asked can be told; those of the step are for whoever is on duty for it.
    pub(super) fn ways_to<'p>(
        &self,
        person: &str,
        team: Option<&'p Team>,
        plan: &'p DutyPlan,
    ) -> impl Iterator<Item = &'p ChannelId> {
        let own = plan.people.iter().find(|one| one.id.as_str() == person);
        let step = team.and_then(|team| team.steps.get(self.step as usize));
        let step = step.filter(|_| !self.owner_first);
        let own = own.map_or(&[][..], |one| &one.channels);
        own.iter().chain(step.map_or(&[][..], |step| &step.channels))
    }

    /// Whether somebody is on duty for the step.
    pub(super) fn is_of_step(
        &self,
        person: &str,
        team: &Team,
        plan: &DutyPlan,
        ground: Ground<'_>,
    ) -> bool {
        let step = team.steps.get(self.step as usize);
        let watch = step.and_then(|step| plan.on_duty(&team.id, &step.role, ground.now.wall()));
        watch.is_some_and(|watch| watch.person.as_str() == person)
    }

    /// All were asked, and nobody took it.
    pub(super) fn exhausted(&mut self, alarm: &mut Alarm, next: Timestamp, ground: Ground<'_>) {
        let before = self.phase;
        self.phase = Phase::Exhausted;
        (self.due_at, self.again_at) = (Some(next), None);
        self.unanswered = true;
        let team = ground.plan.and_then(|plan| plan.team_for(alarm)).map(|team| team.id.clone());
        if let Some(responsibility) = &mut alarm.responsibility {
            // Who took it unasked had it of no team.
            responsibility.team = team;
            if before != Phase::Exhausted {
                responsibility.since = ground.now.wall();
            }
            responsibility.state = Assignment::Exhausted;
            responsibility.deadline = Some(ground.now.shown(next));
            (responsibility.step, responsibility.role, responsibility.person) = (None, None, None);
        }
    }

    /// It is paused: nobody is asked until then, in the gateway's own time.
    pub(super) fn hold(&mut self, alarm: &mut Alarm, until: Timestamp, ground: Ground<'_>) {
        self.held = true;
        self.nobody(alarm, self.step, until, false, ground);
    }

    /// Nobody is there who may be called; `alone` where nobody is there at all.
    fn nobody(
        &mut self,
        alarm: &mut Alarm,
        step: u32,
        next: Timestamp,
        alone: bool,
        ground: Ground<'_>,
    ) {
        let before = self.phase;
        self.phase = Phase::Waiting;
        self.owner_first = false;
        self.step = step;
        (self.due_at, self.again_at) = (Some(next), None);
        self.unanswered = alone;
        let wall = ground.now.wall();
        let team = ground.plan.and_then(|plan| plan.team_for(alarm)).map(|team| team.id.clone());
        let responsibility =
            alarm.responsibility.get_or_insert_with(|| Responsibility::of_nobody(wall));
        if before != Phase::Waiting {
            responsibility.since = wall;
        }
        responsibility.team = team;
        responsibility.state = Assignment::Unassigned;
        responsibility.deadline = (!alone).then(|| ground.now.shown(next));
        (responsibility.step, responsibility.role, responsibility.person) = (None, None, None);
    }
}

/// Whether anybody is known to have heard of what was told last.
pub(super) fn told_state(responsibility: &Responsibility) -> Assignment {
    let of_person = |told: &&Told| Some(&told.to) == responsibility.person.as_ref();
    let heard = |told: &Told| !matches!(told.result, Delivery::Waiting | Delivery::Failed);
    let last = responsibility.told.iter().filter(of_person).map(|told| told.seq).max();
    let mut now = responsibility.told.iter().filter(of_person);
    if now.any(|told| Some(told.seq) == last && heard(told)) {
        Assignment::Notified
    } else {
        Assignment::Unassigned
    }
}
