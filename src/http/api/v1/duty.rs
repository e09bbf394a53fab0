//! Who is on duty.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::config::Unanswered;
use vitalgate_domain::model::duty as domain;
use vitalgate_domain::model::ids::{DutyRole, PersonId, TeamId};
use vitalgate_domain::model::time::Timestamp;

/// `GET duty`: who is on duty now, and when nobody will be.
#[derive(Debug, Serialize)]
pub struct Duty {
    /// When nobody is on duty though a ladder asks for it, by when it begins.
    pub holes: Vec<Hole>,
    /// Every step of every team, in the order in which they are asked.
    pub items: Vec<OnDuty>,
    /// Until when it is known who is on duty; `null` where no plan says so.
    pub until: Option<Timestamp>,
}

/// A step of a team's ladder, and who is on duty for it.
#[derive(Debug, Serialize)]
pub struct OnDuty {
    /// Since when; `null` where nobody is.
    pub from: Option<Timestamp>,
    /// Whether the person may be asleep.
    pub on_call: bool,
    /// Who; `null` for nobody.
    pub person: Option<PersonId>,
    /// As what.
    pub role: DutyRole,
    /// From 1 on.
    pub step: usize,
    /// Which team.
    pub team: TeamId,
    /// Until when; `null` where nobody is.
    pub until: Option<Timestamp>,
}

/// `GET duty/plan`: the text of `teams.toml`.
#[derive(Debug, Serialize)]
pub struct PlanText {
    /// As it stands in the file.
    pub text: String,
    /// By which it is known; also its `ETag`.
    pub version: String,
}

/// What becomes of a plan that is put, or would be.
#[derive(Debug, Serialize)]
pub struct Checked {
    /// When nobody is on duty in the next 28 days, by when it begins.
    pub holes: Vec<Hole>,
    /// Where nobody would be called any more for some alarms, or is where it was put all the same.
    pub nobody_for: BTreeSet<Unanswered>,
    /// By which its text is known.
    pub version: String,
    /// What it leaves out though nobody is missing on it.
    pub warnings: Vec<String>,
}

/// Nobody is on duty.
#[derive(Debug, Serialize)]
pub struct Hole {
    /// From when on.
    pub from: Timestamp,
    /// As what.
    pub role: DutyRole,
    /// Of which team.
    pub team: TeamId,
    /// Until when.
    pub until: Timestamp,
}

impl Duty {
    /// Of a plan at an instant, as far as a team is `wanted`.
    pub fn at(
        plan: &domain::DutyPlan,
        now: Timestamp,
        wanted: impl Fn(&domain::Team) -> bool,
    ) -> Self {
        let teams: Vec<&domain::Team> = plan.teams.iter().filter(|team| wanted(team)).collect();
        let steps = teams.iter().flat_map(|team| (1..).zip(&team.steps).map(move |s| (team, s)));
        let items = steps.map(|(team, (step, domain::DutyStep { role, .. }))| {
            let watch = plan.on_duty(&team.id, role, now);
            OnDuty {
                from: watch.map(|watch| watch.from),
                on_call: watch.is_some_and(|watch| watch.on_call),
                person: watch.map(|watch| watch.person.clone()),
                role: role.clone(),
                step,
                team: team.id.clone(),
                until: watch.map(|watch| watch.until),
            }
        });
        let known = |hole: &domain::Hole| teams.iter().any(|team| team.id == hole.team);
        let holes = plan.holes(now).into_iter().filter(known).map(Hole::from);
        Self { holes: holes.collect(), items: items.collect(), until: Some(plan.until) }
    }
}

impl From<domain::Hole> for Hole {
    fn from(domain::Hole { from, until, team, role }: domain::Hole) -> Self {
        Self { from, role, team, until }
    }
}
