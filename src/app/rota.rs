//! Who is on duty, told to the core in instants: at the start, when the file is another, and again every day, so that it
//! always knows a week ahead.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::config::{SiteZone, Teams};
use crate::handles::Handles;
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
        // When the core was told last, by the shown clock.
        let mut told: Option<Timestamp> = None;
        loop {
            let wall = self.handles.clock.wall();
            let teams = self.teams.borrow_and_update().clone();
            let is_due = match (&teams, told) {
                (None, _) => self.stands,
                (Some(_), None) => true,
                (Some(_), Some(at)) => wall - at >= EVERY || wall < at,
            };
            if is_due {
                let plan = teams.map(|teams| Box::new(teams.plan(&self.zone, wall, AHEAD)));
                let stands = plan.is_some();
                if self.handles.tell(vec![Input::Duty(plan)]).await {
                    (self.stands, told) = (stands, Some(wall));
                }
            }
            tokio::select! {
                changed = self.teams.changed() => match changed {
                    Ok(()) => told = None,
                    // Nobody reads the file again: what is in force stays.
                    Err(_) => tokio::time::sleep(LOOK_EVERY).await,
                },
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
        }
    }
}
