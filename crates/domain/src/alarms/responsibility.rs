//! Who answers for one alarm: a ladder of people who are asked one after the other until somebody takes it (contract §5).
//!
//! ```text
//!            ┌──────────────── nobody there ◀───┐            hours begin, a watch begins
//!  idle ──▶ asking: a step after the other ──▶ exhausted: all of them, again and again
//!   ▲          │  ▲                              │
//!   │ over     ▼  │ released, shift over, again  ▼
//!   └──────── owned: somebody accepted ◀─────────┘
//! ```
//!
//! It runs on plain time until somebody accepts; receipts are noted and steer nothing. Every move is part of a transition
//! of its alarm: those of the alarm itself come in by [`Ladder::moved`], those of time by [`Ladder::fire`].

mod ask;
mod owned;
mod receipts;

pub(crate) use self::receipts::was_told;

use minicbor::{Decode, Encode};

use self::ask::Whom;
use super::pausing::longest_pause;
use crate::model::alarm::{Alarm, Condition, Priority, Response, State};
use crate::model::duty::DutyPlan;
use crate::model::ids::ChannelId;
use crate::model::responsibility::{Assignment, Responsibility};
use crate::model::time::{Span, Stamp, Timestamp};
use crate::output::transition::Change;

/// What an alarm is asked by.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ground<'a> {
    /// Who is on duty; `None` where no plan says so.
    pub(crate) plan: Option<&'a DutyPlan>,
    /// The channels that are known to take nothing now.
    pub(crate) failing: &'a [ChannelId],
    /// Now.
    pub(crate) now: Stamp,
    /// The number of the transition it is part of.
    pub(crate) seq: u64,
}

/// Where an alarm stands on its ladder.
#[derive(Clone, Debug, Default, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct Ladder {
    #[n(0)]
    phase: Phase,
    /// The step that is asked, or was asked last.
    #[n(1)]
    step: u32,
    /// When its time is up, in the gateway's own time: of a step, a shift, a round, or of waiting for hours.
    #[n(2)]
    due_at: Option<Timestamp>,
    /// When whoever is asked is told again, in the gateway's own time.
    #[n(3)]
    again_at: Option<Timestamp>,
    /// Who had it is asked before the ladder goes on.
    #[n(4)]
    #[cbor(default)]
    owner_first: bool,
    /// Whether it was accepted by acknowledging.
    #[n(5)]
    #[cbor(default)]
    by_acknowledging: bool,
    /// Whether nobody has taken it who could have, or nobody is there.
    #[n(6)]
    #[cbor(default)]
    unanswered: bool,
    /// It waits for the end of a pause.
    #[n(7)]
    #[cbor(default)]
    held: bool,
    /// Since when pauses of more than the sound follow each other, none of them over and told, in the gateway's own time.
    #[n(8)]
    #[cbor(default)]
    paused_since: Option<Timestamp>,
    /// Whoever has it was on duty when that was looked at last.
    #[n(9)]
    #[cbor(default)]
    on_duty: bool,
    /// Since when somebody has it, in the gateway's own time.
    #[n(10)]
    #[cbor(default)]
    owned_since: Option<Timestamp>,
    /// When the time of the step is up, whoever is on duty for it meanwhile, in the gateway's own time.
    #[n(11)]
    #[cbor(default)]
    step_until: Option<Timestamp>,
    /// Whether its alarm was acknowledged when it moved last.
    #[n(12)]
    #[cbor(default)]
    acknowledged: bool,
    /// How grave its alarm was when it moved last.
    #[n(13)]
    #[cbor(default)]
    priority: Option<Priority>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
enum Phase {
    /// Nobody is asked.
    #[default]
    #[n(0)]
    Idle,
    /// Nobody can be asked now.
    #[n(1)]
    Waiting,
    /// Somebody is asked.
    #[n(2)]
    Asking,
    /// Somebody has it.
    #[n(3)]
    Owned,
    /// All were asked.
    #[n(4)]
    Exhausted,
}

/// Whether somebody may answer for an alarm in this state, if there is a ladder.
fn wants(alarm: &Alarm) -> bool {
    let stands = match alarm.state {
        // What was medium latches into a note of what was.
        State::Latched | State::Paused | State::Off if alarm.condition == Condition::Absent => {
            alarm.priority_peak == Priority::High
        }
        State::Closed => false,
        State::Alarming | State::Acknowledged | State::Paused | State::Off | State::Latched => true,
    };
    stands && asks(alarm)
}

/// Whether an alarm is one that people are asked to answer for. That nobody answers asks nobody.
fn asks(alarm: &Alarm) -> bool {
    alarm.priority >= Priority::Medium
        && alarm.group.is_none()
        && alarm.quiet_until.is_none()
        && alarm.rule.as_str() != "duty.exhausted"
}

/// Nobody hands it over any more.
fn withdraw_offer(alarm: &mut Alarm) {
    if let Some(responsibility) = &mut alarm.responsibility {
        responsibility.offered = None;
    }
}

/// How long somebody has to accept (contract §5).
fn accepts_within(alarm: &Alarm) -> Span {
    if alarm.priority == Priority::High { Span::mins(3) } else { Span::mins(10) }
}

/// How often whoever is asked is told again, and all are once nobody took it (contract §5).
fn repeats_every(alarm: &Alarm) -> Span {
    match alarm.response {
        Response::SameDay | Response::NextWorkingDay => Span::days(1),
        Response::Immediate | Response::Prompt if alarm.priority == Priority::High => Span::mins(2),
        Response::Immediate | Response::Prompt => Span::mins(10),
    }
}

impl Ladder {
    /// When it next moves by itself, in the gateway's own time.
    pub(crate) fn deadline(&self) -> Option<Timestamp> {
        self.due_at.into_iter().chain(self.again_at).min()
    }

    /// Whether somebody has the alarm.
    pub(crate) fn is_owned(&self) -> bool {
        self.phase == Phase::Owned
    }

    /// Whether nobody has taken it who could have, or nobody is there.
    pub(crate) fn is_unanswered(&self) -> bool {
        self.unanswered
    }

    /// Its alarm made a change: what that means for whoever answers for it.
    pub(crate) fn moved(
        &mut self,
        alarm: &mut Alarm,
        change: Change,
        actor: Option<&str>,
        ground: Ground<'_>,
    ) {
        if !alarm.is_open() {
            return self.end(alarm, ground);
        }
        if alarm.is_muted() {
            self.paused_since.get_or_insert(ground.now.at);
        } else if change.announces() {
            self.paused_since = None;
        }
        let mut rose = self.priority.is_some_and(|before| alarm.priority > before);
        match (change, actor) {
            (Change::Accepted | Change::HandedOver, Some(actor)) => {
                self.accept(alarm, actor, false, ground);
            }
            (Change::Acknowledged, Some(actor))
                if asks(alarm) && (ground.plan.is_some() || alarm.responsibility.is_some()) =>
            {
                self.accept(alarm, actor, true, ground);
            }
            (Change::Released, _) => self.give_back(alarm, ground),
            (Change::Rejected, _) => self.next_step(alarm, ground),
            (Change::Received, Some(actor)) => receipts::received(alarm, actor, ground.plan),
            _ if self.is_owned() && (rose || self.is_voided(alarm, change)) => {
                self.ask_again(alarm, ground);
                // Whoever had it was told just now.
                rose = false;
            }
            _ => {}
        }
        self.settle(alarm, rose, ground);
        self.acknowledged = alarm.acknowledged.is_some();
        self.priority = Some(alarm.priority);
    }

    /// Brings the ladder in line with how its alarm stands.
    fn settle(&mut self, alarm: &mut Alarm, rose: bool, ground: Ground<'_>) {
        let plan = ground.plan.filter(|plan| {
            wants(alarm) && (alarm.is_of_patients() || plan.team_for(alarm).is_some())
        });
        let held = plan.and_then(|_| self.held_until(alarm, ground.now));
        if let Some(until) = held.filter(|_| self.phase != Phase::Owned) {
            return self.hold(alarm, until, ground);
        }
        if std::mem::take(&mut self.held) && self.phase == Phase::Waiting && plan.is_some() {
            return self.ask_from(alarm, self.step, &[], ground);
        }
        match (plan, self.phase) {
            (_, Phase::Owned) | (None, Phase::Idle) => {}
            (None, Phase::Waiting | Phase::Asking | Phase::Exhausted) => self.rest(alarm, ground),
            (Some(_), Phase::Idle) => match &alarm.acknowledged {
                // Somebody had taken note of it before there was a plan.
                Some(acknowledged) if alarm.responsibility.is_none() => {
                    let by = acknowledged.by.clone();
                    self.accept(alarm, &by, true, ground);
                }
                _ => self.begin(alarm, ground),
            },
            (Some(plan), Phase::Waiting | Phase::Asking | Phase::Exhausted) => {
                let team = plan.team_for(alarm).map(|team| &team.id);
                let has = alarm.responsibility.as_ref().and_then(|r| r.team.as_ref());
                if has != team {
                    self.begin(alarm, ground);
                } else if rose {
                    self.hasten(alarm, ground);
                }
            }
        }
    }

    /// Until when a pause holds it, in the gateway's own time. Pauses that follow each other hold it no longer than the longest.
    fn held_until(&self, alarm: &Alarm, now: Stamp) -> Option<Timestamp> {
        let until = now.own(alarm.ladder_held_until(now.wall())?);
        let longest = |since| since + longest_pause(alarm.priority);
        let until = self.paused_since.map_or(until, |since| until.min(longest(since)));
        Some(until).filter(|until| *until > now.at)
    }

    /// The plan, or the clock it goes by, is another now. Says what became of it, if anything did.
    pub(crate) fn replan(&mut self, alarm: &mut Alarm, ground: Ground<'_>) -> Option<Change> {
        let before = alarm.responsibility.clone();
        self.settle(alarm, false, ground);
        let Some(plan) = ground.plan else { return self.told_of(alarm, before.as_ref()) };
        match self.phase {
            // Nobody was there to be told in the last round.
            Phase::Exhausted
                if ask::last_told(alarm) + repeats_every(alarm) <= ground.now.wall() =>
            {
                self.round(alarm, ground);
            }
            Phase::Idle | Phase::Exhausted => {}
            Phase::Owned => {
                if self.is_lost(alarm, ground) {
                    return Some(self.shift_over(alarm, ground));
                }
            }
            Phase::Waiting if self.held => {}
            Phase::Waiting => self.ask_from(alarm, self.step, &[], ground),
            Phase::Asking => {
                let wall = ground.now.wall();
                let there = if self.owner_first {
                    ask::is_on_duty(alarm, plan, wall)
                } else {
                    ask::watch_of(alarm, plan, wall).is_some()
                };
                if !there && std::mem::take(&mut self.owner_first) {
                    self.ask_from(alarm, self.step, &[], ground);
                } else if !there {
                    self.relieve(alarm, ground);
                }
            }
        }
        self.told_of(alarm, before.as_ref())
    }

    /// What time did until `due`; `None` where nobody need hear of it.
    pub(crate) fn fire(
        &mut self,
        alarm: &mut Alarm,
        due: Timestamp,
        ground: Ground<'_>,
    ) -> Option<Change> {
        let before = alarm.responsibility.clone();
        if self.due_at.is_some_and(|at| at <= due) {
            self.due_at = None;
            return self.time_is_up(alarm, ground, before.as_ref());
        }
        if self.again_at.take_if(|at| *at <= due).is_some() {
            let next = Some(due + repeats_every(alarm));
            self.again_at = next.filter(|at| Some(*at) < self.step_until);
            self.tell_again(alarm, ground);
        }
        self.told_of(alarm, before.as_ref())
    }

    fn time_is_up(
        &mut self,
        alarm: &mut Alarm,
        ground: Ground<'_>,
        before: Option<&Responsibility>,
    ) -> Option<Change> {
        let Some(plan) = ground.plan else {
            self.rest(alarm, ground);
            return self.told_of(alarm, before);
        };
        match self.phase {
            Phase::Idle => return None,
            Phase::Owned => {
                if self.is_lost(alarm, ground) {
                    return Some(self.shift_over(alarm, ground));
                }
            }
            Phase::Waiting => {
                self.held = false;
                self.ask_from(alarm, self.step, &[], ground);
            }
            Phase::Asking if self.owner_first => self.next_step(alarm, ground),
            Phase::Asking => self.watch_over(alarm, plan, ground),
            Phase::Exhausted => self.round(alarm, ground),
        }
        self.told_of(alarm, before)
    }

    /// The word for what a ladder did.
    fn told_of(&self, alarm: &Alarm, before: Option<&Responsibility>) -> Option<Change> {
        let now = alarm.responsibility.as_ref()?;
        if Some(now) == before {
            return None;
        }
        Some(match self.phase {
            Phase::Asking => Change::Notified,
            Phase::Exhausted => Change::Exhausted,
            Phase::Waiting => Change::Unassigned,
            Phase::Idle | Phase::Owned => Change::Updated,
        })
    }

    /// Whether news ends that somebody has the alarm (rows 10, 13 and 20), or its acknowledgement is void otherwise.
    fn is_voided(&self, alarm: &Alarm, change: Change) -> bool {
        let again = matches!(
            change,
            Change::Recurred | Change::AcknowledgementOver | Change::Unacknowledged
        );
        let void = self.acknowledged
            && alarm.acknowledged.is_none()
            && alarm.condition != Condition::Absent;
        again || void
    }

    fn begin(&mut self, alarm: &mut Alarm, ground: Ground<'_>) {
        self.step = 0;
        self.owner_first = false;
        self.ask_from(alarm, 0, &[], ground);
    }

    /// It is graver than when somebody was asked: less time is left.
    fn hasten(&mut self, alarm: &mut Alarm, ground: Ground<'_>) {
        let soonest = ground.now.at + accepts_within(alarm);
        match self.phase {
            Phase::Asking => {
                self.step_until = Some(self.step_until.map_or(soonest, |until| until.min(soonest)));
                self.again_at = Some(ground.now.at + repeats_every(alarm));
                let due = self.due_at.map_or(soonest, |due| due.min(soonest));
                self.due_by(alarm, due, ground);
                self.tell_again(alarm, ground);
            }
            Phase::Waiting => self.ask_from(alarm, self.step, &[], ground),
            Phase::Exhausted => self.round(alarm, ground),
            Phase::Idle | Phase::Owned => {}
        }
    }

    /// To the next step; where whoever had it was asked first, to others from theirs.
    fn next_step(&mut self, alarm: &mut Alarm, ground: Ground<'_>) {
        if std::mem::take(&mut self.owner_first) {
            let owner = ask::person(alarm);
            return self.ask_from(alarm, self.step, &owner, ground);
        }
        self.ask_from(alarm, self.step + 1, &[], ground);
    }

    /// Nobody need answer for it as it stands.
    fn rest(&mut self, alarm: &mut Alarm, ground: Ground<'_>) {
        *self = Self { paused_since: self.paused_since, ..Self::default() };
        if let Some(responsibility) = &mut alarm.responsibility {
            let told = std::mem::take(&mut responsibility.told);
            let none = Responsibility::of_nobody(ground.now.wall());
            *responsibility = Responsibility { told, ..none };
        }
    }

    /// The alarm is over.
    fn end(&mut self, alarm: &mut Alarm, ground: Ground<'_>) {
        *self = Self::default();
        if let Some(responsibility) = &mut alarm.responsibility {
            responsibility.state = Assignment::Ended;
            responsibility.offered = None;
            responsibility.since = ground.now.wall();
            responsibility.deadline = None;
        }
    }

    /// Somebody takes it: the ladder stops, everywhere and at once.
    fn accept(
        &mut self,
        alarm: &mut Alarm,
        actor: &str,
        by_acknowledging: bool,
        ground: Ground<'_>,
    ) {
        let wall = ground.now.wall();
        let whom = Whom::of(actor, alarm, ground.plan, wall);
        let responsibility =
            alarm.responsibility.get_or_insert_with(|| Responsibility::of_nobody(wall));
        responsibility.state = Assignment::Accepted;
        responsibility.since = wall;
        responsibility.person = Some(whom.name);
        responsibility.offered = None;
        if let Some((step, role)) = whom.step {
            self.step = step;
            (responsibility.step, responsibility.role) = (Some(step + 1), Some(role));
        }
        let (step, paused_since) = (self.step, self.paused_since);
        let (phase, owned_since) = (Phase::Owned, Some(ground.now.at));
        *self =
            Self { phase, step, by_acknowledging, paused_since, owned_since, ..Self::default() };
        self.own(alarm, ground);
    }

    /// Who had it has it no more, and the ladder goes on from their step to others.
    fn give_back(&mut self, alarm: &mut Alarm, ground: Ground<'_>) {
        withdraw_offer(alarm);
        let owner = ask::person(alarm);
        self.phase = Phase::Idle;
        if wants(alarm) && ground.plan.is_some() {
            self.ask_from(alarm, self.step, &owner, ground);
        } else {
            self.rest(alarm, ground);
        }
    }

    /// Who has it hands it over: it is theirs until it is taken.
    pub(crate) fn offer(alarm: &mut Alarm, to: &str, ground: Ground<'_>) {
        ask::tell_person(alarm, to, ground);
        if let Some(responsibility) = &mut alarm.responsibility {
            responsibility.offered = Some(to.to_owned());
        }
    }

    /// What somebody had is news again: they are told first, then the ladder goes on from their step.
    fn ask_again(&mut self, alarm: &mut Alarm, ground: Ground<'_>) {
        let wall = ground.now.wall();
        let there = ground.plan.is_some_and(|plan| {
            ask::is_on_duty(alarm, plan, wall) && !ask::is_quiet(alarm, plan, wall)
        });
        ask::tell_owner(alarm, ground);
        withdraw_offer(alarm);
        if !there || !wants(alarm) {
            return self.give_back(alarm, ground);
        }
        self.phase = Phase::Asking;
        self.owner_first = true;
        self.by_acknowledging = false;
        self.asked(alarm, ground, None);
    }

    /// All are told again, until somebody takes it.
    fn round(&mut self, alarm: &mut Alarm, ground: Ground<'_>) {
        let Some(plan) = ground.plan else { return };
        let opens = ask::tell_all(alarm, plan, &[], ground);
        let next = ground.now.at + repeats_every(alarm);
        let opens = opens.map(|at| ground.now.own(at)).filter(|at| *at > ground.now.at);
        self.exhausted(alarm, next.min(opens.unwrap_or(next)), ground);
    }
}
