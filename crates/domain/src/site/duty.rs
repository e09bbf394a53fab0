//! Who is on duty, as the site knows it: the plan, its holes, and alarms that nobody takes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use minicbor::decode::{Decoder, Error as DecodeError};
use minicbor::encode::{Encoder, Error as EncodeError, Write};
use minicbor::{Decode, Encode};

use super::{Site, present};
use crate::alarms::book::Key;
use crate::model::alarm::{Alarm, Priority};
use crate::model::duty::{DutyPlan, Hole};
use crate::model::ids::{AlarmId, DutyRole, TeamId, WardId};
use crate::model::time::{Span, Stamp, Timestamp};
use crate::output::{Output, Unanswered, rule};
use crate::text;

const HOLE: &str = "duty.hole";
const UNANSWERED: &str = "duty.exhausted";

/// A hole in the plan is announced so long before it begins, and again when it does.
const AHEAD: Span = Span::hours(12);

/// What the site knows of duty.
#[derive(Clone, Debug, Default, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct Duty {
    #[n(0)]
    plan: Option<Shared>,
    /// When a hole has to be looked at next, in the gateway's own time.
    #[n(1)]
    wake_at: Option<Timestamp>,
    /// Alarms that nobody takes: whose they would be.
    #[n(2)]
    unanswered: BTreeMap<AlarmId, Nobody>,
}

/// An alarm that nobody takes.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
struct Nobody {
    #[n(0)]
    team: Option<TeamId>,
    #[n(1)]
    ward: Option<WardId>,
}

/// The plan, shared with whoever is asked by it.
#[derive(Clone, Debug, PartialEq)]
struct Shared(Arc<DutyPlan>);

impl<C> Encode<C> for Shared {
    fn encode<W: Write>(
        &self,
        e: &mut Encoder<W>,
        context: &mut C,
    ) -> Result<(), EncodeError<W::Error>> {
        self.0.encode(e, context)
    }
}

impl<'b, C> Decode<'b, C> for Shared {
    fn decode(d: &mut Decoder<'b>, context: &mut C) -> Result<Self, DecodeError> {
        DutyPlan::decode(d, context).map(|plan| Self(Arc::new(plan)))
    }
}

impl Duty {
    /// Who is on duty; `None` where no plan says so.
    pub fn plan(&self) -> Option<Arc<DutyPlan>> {
        self.plan.as_ref().map(|Shared(plan)| Arc::clone(plan))
    }

    /// Whether nobody takes an alarm, as far as is known.
    pub(crate) fn misses(&self, alarm: &AlarmId) -> bool {
        self.unanswered.contains_key(alarm)
    }

    pub(super) fn wakes_at(&self) -> Option<Timestamp> {
        self.wake_at
    }
}

impl Site {
    /// Keeps only what concerns these alarms of what nobody takes.
    pub(crate) fn keep_unanswered(&mut self, of: &BTreeSet<AlarmId>) {
        self.duty.unanswered.retain(|alarm, _| of.contains(alarm));
    }

    /// Another plan is in force.
    pub(crate) fn on_duty(&mut self, plan: Option<Arc<DutyPlan>>, out: &mut Output) {
        self.duty.plan = plan.map(Shared);
        self.look_at_duty(out);
    }

    /// Announces where nobody is on duty, now or soon.
    pub(crate) fn look_at_duty(&mut self, out: &mut Output) {
        let before = self.duty.wake_at.take();
        let mut standing: BTreeSet<Key> = self
            .alarms
            .iter()
            .filter(|(key, _)| key.rule.as_str() == HOLE)
            .map(|(key, _)| key.clone())
            .collect();
        if let Some(plan) = self.duty.plan() {
            // The two clocks differ a little at each step: what was due is.
            let wall = out.wall().max(
                before
                    .filter(|at| *at <= out.now.at)
                    .map_or(out.wall(), |at| out.now.shown(at) + Span::millis(1)),
            );
            let holes = plan.holes(wall);
            for (key, priority, text) in open_holes(&plan, &holes, wall) {
                standing.remove(&key);
                self.raise_or_reword(present(key, priority, text, out), out);
            }
            let changes = self.changes_of_duty(&plan);
            self.duty.wake_at = next_look(&plan, &holes, changes, wall, out.now);
        }
        for key in standing {
            self.alarms.change(&key, None, out, Alarm::absent);
        }
        self.look_at_wards(out);
    }

    /// When somebody else is on duty, as far as anything hangs on it: whether a ward that no screen shows is attended.
    fn changes_of_duty(&self, plan: &DutyPlan) -> Vec<Timestamp> {
        if self.unwatched_wards().is_empty() {
            return Vec::new();
        }
        plan.watches.iter().flat_map(|watch| [watch.from, watch.until]).collect()
    }

    /// Whether nobody takes some alarms: one alarm of the gateway for each team, high whatever they are.
    pub(crate) fn unanswered(&mut self, moved: Vec<Unanswered>, out: &mut Output) {
        let mut sources = BTreeSet::new();
        for Unanswered { alarm, team, ward, nobody } in moved {
            let before = if nobody {
                self.duty.unanswered.insert(alarm, Nobody { team, ward })
            } else {
                self.duty.unanswered.remove(&alarm)
            };
            if let Some(before) = before {
                sources.insert(before.source());
            }
        }
        let said: BTreeMap<String, String> = self
            .duty
            .unanswered
            .values()
            .map(|one| (one.source(), text::unanswered(one.team.as_ref(), one.ward.as_ref())))
            .collect();
        for (source, text) in said {
            sources.remove(&source);
            let key = Key::new(rule(UNANSWERED), source);
            self.raise_or_reword(present(key, Priority::High, text, out), out);
        }
        for source in sources {
            let key = Key::new(rule(UNANSWERED), source);
            self.alarms.change(&key, None, out, Alarm::absent);
        }
    }
}

impl Nobody {
    /// The source of the alarm about it: the team, else the ward that has none.
    fn source(&self) -> String {
        match (&self.team, &self.ward) {
            (Some(team), _) => format!("team/{team}"),
            (None, Some(ward)) => format!("ward/{ward}"),
            (None, None) => "gateway".to_owned(),
        }
    }
}

/// The alarms about holes at an instant: the next of each role, if that is near.
fn open_holes(plan: &DutyPlan, holes: &[Hole], wall: Timestamp) -> Vec<(Key, Priority, String)> {
    let mut nearest: BTreeMap<(&TeamId, &DutyRole), &Hole> = BTreeMap::new();
    for hole in holes.iter().filter(|hole| hole.from <= wall + AHEAD) {
        nearest.entry((&hole.team, &hole.role)).or_insert(hole);
    }
    let of_hole = |((team, role), hole): ((&TeamId, &DutyRole), &Hole)| {
        let begun = hole.from <= wall;
        let priority = if begun { Priority::High } else { Priority::Medium };
        let key = Key::new(rule(HOLE), format!("{team}/{role}"));
        (key, priority, text::nobody_on_duty(team, role, begun))
    };
    let ends = (plan.until <= wall + AHEAD).then(|| {
        let priority = if plan.until <= wall { Priority::High } else { Priority::Medium };
        (Key::new(rule(HOLE), "plan"), priority, text::plan_ends())
    });
    nearest.into_iter().map(of_hole).chain(ends).collect()
}

/// When that is otherwise next, in the gateway's own time.
fn next_look(
    plan: &DutyPlan,
    holes: &[Hole],
    changes: Vec<Timestamp>,
    wall: Timestamp,
    now: Stamp,
) -> Option<Timestamp> {
    let of_holes = holes.iter().flat_map(|hole| [hole.from - AHEAD, hole.from, hole.until]);
    let all = of_holes.chain([plan.until - AHEAD, plan.until]).chain(changes);
    all.filter(|at| *at > wall).min().map(|at| now.own(at).max(now.at + Span::millis(1)))
}
