//! What happens to the people of a gateway while it runs: what the command line changed is taken over, sessions end, and
//! the audit is told.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Interval, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::handles::Handles;
use crate::people::{People, Told};
use vitalgate_domain::model::command::{Action, Command};
use vitalgate_domain::model::input::Input;

/// Whoever is let in no more is out within this time.
const TICK: Duration = Duration::from_secs(1);
/// Acts told at a time.
const AT_ONCE: usize = 64;

/// Looks at the people once a second, until `cancel`.
pub async fn keep(people: Arc<People>, handles: Handles, cancel: CancellationToken) {
    let mut ticks = seconds();
    let mut said = None;
    loop {
        tokio::select! {
            () = cancel.cancelled() => return,
            _ = ticks.tick() => {}
        }
        let (looker, now) = (Arc::clone(&people), handles.clock.wall());
        let looked = tokio::task::spawn_blocking(move || {
            let ticked = looker.tick(now).err().map(|bad| bad.to_string());
            let why =
                looker.damaged().or(ticked).or_else(|| looker.gone()).or_else(|| looker.exposed());
            (why, looker.unwritten(), looker.lacks_room())
        });
        let unseen = || (Some("they could not be looked at".to_owned()), None, None);
        let (why, unwritten, no_room) = looked.await.unwrap_or_else(|_| unseen());
        handles.degraded.set("people not written", unwritten);
        handles.degraded.set("room for people", no_room);
        if why != said {
            if let Some(why) = &why {
                tracing::error!(why, "what is known of people is not as it should be");
            } else {
                tracing::info!("what is known of people is as it should be again");
            }
            said.clone_from(&why);
        }
        handles.degraded.set("people", why);
        handles.degraded.set("people and tokens", people.clash());
        if !people.lacks_admin() {
            handles.degraded.set("admin", None);
        }
    }
}

/// Tells the audit what people did, until `cancel`. What was told and not yet noted as such when the process is killed is
/// told twice.
pub async fn tell(people: Arc<People>, handles: Handles, cancel: CancellationToken) {
    let mut ticks = seconds();
    loop {
        tokio::select! {
            () = cancel.cancelled() => return,
            _ = ticks.tick() => {}
        }
        tell_acts(&people, &handles).await;
        tell_looks(&people, &handles).await;
    }
}

async fn tell_acts(people: &Arc<People>, handles: &Handles) {
    let acts: Vec<Told> = people.untold().into_iter().take(AT_ONCE).collect();
    if acts.is_empty() || !handles.tell(acts.iter().map(input).collect()).await {
        return;
    }
    let (people, count) = (Arc::clone(people), acts.len());
    let told = tokio::task::spawn_blocking(move || people.told(count)).await;
    if let Ok(Err(error)) = told {
        tracing::warn!(%error, "acts of people that the audit was told are told again");
    }
}

async fn tell_looks(people: &People, handles: &Handles) {
    let mut looks = people.take_looks();
    while !looks.is_empty() {
        let some: Vec<Input> = looks.iter().take(AT_ONCE).map(input).collect();
        let count = some.len();
        if !handles.tell(some).await {
            return people.put_back(looks);
        }
        looks.drain(..count);
    }
}

fn seconds() -> Interval {
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

fn input(told: &Told) -> Input {
    let Told { actor, act, subject } = told.clone();
    Input::Command(Box::new(Command { actor, action: Action::Person { act, subject } }))
}
