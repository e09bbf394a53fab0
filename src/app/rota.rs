//! Who is on duty, told to the core in instants: at the start, when the file is another, when somebody of it may not
//! answer any more, and again every day, so that it always knows a week ahead.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::config::{SiteZone, Teams};
use crate::handles::Handles;
use crate::http::{AuthInForce, ShutOut};
use vitalgate_domain::model::duty::{DutyPlan, Person, Watch};
use vitalgate_domain::model::ids::PersonId;
use vitalgate_domain::model::input::Input;
use vitalgate_domain::model::time::{Span, Timestamp};

/// The core is told so far ahead.
const AHEAD: Span = Span::days(8);
/// It is told again after so long.
const EVERY: Span = Span::days(1);
/// So often it is looked whether that is due, or told once more where it could not be.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// The plan of duty in force; another takes its place at SIGHUP.
pub(super) type TeamsInForce = watch::Receiver<Option<Arc<Teams>>>;

/// What tells the core who is on duty.
#[derive(Debug)]
pub(super) struct Rota {
    pub(super) teams: TeamsInForce,
    pub(super) zone: SiteZone,
    pub(super) handles: Handles,
    /// Who may do what at present.
    pub(super) auth: AuthInForce,
    /// Until when the plan reaches that the core knows from before.
    pub(super) stands: Option<Timestamp>,
}

impl Rota {
    /// Tells until `cancel`.
    pub(super) async fn run(mut self, cancel: CancellationToken) {
        tokio::select! {
            () = cancel.cancelled() => {}
            () = self.tell() => {}
        }
    }

    async fn tell(&mut self) {
        let mut told: Option<Told> = None;
        // Who has an account or a token here, or had one since the start.
        let mut known = BTreeSet::new();
        let mut is_asked_for = false;
        loop {
            let wall = self.handles.clock.wall();
            let teams = self.teams.borrow_and_update().clone();
            let plan = teams.map(|teams| self.on_duty(&teams, wall, &mut known));
            let is_held = told.is_none() && !is_asked_for && self.is_held(wall);
            let is_due = match (&plan, &told) {
                (None, _) => self.stands.is_some(),
                (Some(_), None) => !is_held,
                (Some((plan, out)), Some(told)) => {
                    let same = told.people == plan.people && told.out == *out;
                    wall - told.at >= EVERY || wall < told.at || !same
                }
            };
            if is_due {
                let (plan, out) = plan.unzip();
                let now = Told {
                    at: wall,
                    people: plan.as_ref().map(|plan| plan.people.clone()).unwrap_or_default(),
                    out: out.unwrap_or_default(),
                };
                let stands = plan.as_ref().map(|plan| plan.until);
                if self.handles.tell(vec![Input::Duty(plan.map(Box::new))]).await {
                    self.handles.degraded.set("duty plan", said(&now.out));
                    (self.stands, told) = (stands, Some(now));
                }
            } else if is_held {
                self.handles.degraded.set("duty plan", Some(HELD.to_owned()));
            }
            tokio::select! {
                changed = self.teams.changed() => match changed {
                    Ok(()) => (told, is_asked_for) = (None, true),
                    // Nobody reads the file again: what is in force stays.
                    Err(_) => tokio::time::sleep(LOOK_EVERY).await,
                },
                () = self.auth.changed() => {}
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
        }
    }

    /// Whether what the core knows from before is better than what could be told: who may answer was never known since the
    /// start, and whoever was disabled would be asked.
    fn is_held(&self, wall: Timestamp) -> bool {
        let is_known = self.auth.people().is_none_or(|people| people.are_known());
        !is_known && self.stands.is_some_and(|until| wall + EVERY < until)
    }

    /// Who is on duty from now on, without those of the plan who could answer nothing, and who these are. Who had an account
    /// or a token and has none any more is one of them.
    fn on_duty(
        &self,
        teams: &Teams,
        wall: Timestamp,
        known: &mut BTreeSet<PersonId>,
    ) -> (DutyPlan, ShutOut) {
        let mut plan = teams.plan(&self.zone, wall, AHEAD);
        self.auth.bind_to_wards(&mut plan);
        let mut out = self.auth.shut_out(&plan);
        let known_now = self.auth.known_of(&plan);
        let of = |watch: &Watch| (watch.team.clone(), watch.person.clone());
        let gone =
            |watch: &&Watch| known.contains(&watch.person) && !known_now.contains(&watch.person);
        out.extend(plan.watches.iter().filter(gone).map(of));
        known.extend(known_now.iter().cloned());
        plan.watches.retain(|watch| !out.contains(&of(watch)));
        (plan, out)
    }
}

const HELD: &str = "the file of people is not believed, and so nobody knows who may answer: the plan of duty is as it was before the start; SIGHUP takes the plan that is there now, with everybody on it";

/// What the core was told last.
#[derive(Debug)]
struct Told {
    /// By the shown clock.
    at: Timestamp,
    people: Vec<Person>,
    out: ShutOut,
}

fn said(out: &ShutOut) -> Option<String> {
    let many = out.iter().map(|(_, person)| person).collect::<BTreeSet<_>>().len();
    (many > 0).then(|| {
        format!(
            "{many} of the plan of duty may answer nothing there, and are not asked: `vitalgate duty check` names them"
        )
    })
}
