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
use vitalgate_domain::model::duty::DutyPlan;
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
    /// Whether the core knows a plan from before.
    pub(super) stands: bool,
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
        loop {
            let wall = self.handles.clock.wall();
            let teams = self.teams.borrow_and_update().clone();
            let plan = teams.map(|teams| self.on_duty(&teams, wall));
            let is_due = match (&plan, &told) {
                (None, _) => self.stands,
                (Some(_), None) => true,
                (Some((_, out)), Some(told)) => {
                    wall - told.at >= EVERY || wall < told.at || *out != told.out
                }
            };
            if is_due {
                let stands = plan.is_some();
                let (plan, out) = plan.unzip();
                if self.handles.tell(vec![Input::Duty(plan.map(Box::new))]).await {
                    let out = out.unwrap_or_default();
                    self.handles.degraded.set("duty plan", said(&out));
                    (self.stands, told) = (stands, Some(Told { at: wall, out }));
                }
            }
            tokio::select! {
                changed = self.teams.changed() => match changed {
                    Ok(()) => told = None,
                    // Nobody reads the file again: what is in force stays.
                    Err(_) => tokio::time::sleep(LOOK_EVERY).await,
                },
                () = self.auth.changed() => {}
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
        }
    }

    /// Who is on duty from now on, without those of the plan who could answer nothing, and who these are.
    fn on_duty(&self, teams: &Teams, wall: Timestamp) -> (DutyPlan, ShutOut) {
        let mut plan = teams.plan(&self.zone, wall, AHEAD);
        let out = self.auth.shut_out(&plan);
        plan.watches.retain(|watch| !out.contains(&(watch.team.clone(), watch.person.clone())));
        (plan, out)
    }
}

/// What the core was told last.
#[derive(Debug)]
struct Told {
    /// By the shown clock.
    at: Timestamp,
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
