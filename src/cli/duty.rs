//! `duty`: who is on duty by `teams.toml`, and whether somebody always is.

use std::process::ExitCode;

use anyhow::bail;
use clap::Subcommand;
use vitalgate::clock::Clock;
use vitalgate::config::{BadConfig, Config, Places, left_out};
use vitalgate_domain::model::duty::DutyPlan;
use vitalgate_domain::model::time::{Span, Timestamp};
use vitalgate_domain::text;
use vitalgate_store::{Reader, Store};

use super::{ConfigArgs, say};

/// A plan is looked at so far ahead.
const AHEAD: Span = Span::days(28);

#[derive(Debug, clap::Args)]
pub(super) struct DutyArgs {
    #[command(flatten)]
    config: ConfigArgs,
    #[command(subcommand)]
    act: Act,
}

#[derive(Debug, Subcommand)]
enum Act {
    /// Print who is on duty now: team, step, role, person, since and until when.
    List,
    /// Print every hole of the next 28 days, and what a plan without holes leaves out: wards and the gateway without a
    /// team, channels that do not take what they call for, quiet hours of all on duty.
    Check,
}

pub(super) fn run(args: &DutyArgs) -> anyhow::Result<ExitCode> {
    let config = args.config.read()?;
    let now = Clock::system(Timestamp::default()).wall();
    let Some(plan) = plan(&config, now)? else {
        bail!("no `[teams] file` says who is on duty");
    };
    match args.act {
        Act::List => list(&plan, now),
        Act::Check => return Ok(check(&config, &plan, now)),
    }
    Ok(ExitCode::SUCCESS)
}

fn check(config: &Config, plan: &DutyPlan, now: Timestamp) -> ExitCode {
    let Told { holes, left_out } = tell(config, plan, now);
    if !holes && !left_out {
        say(
            "ok: no role of the teams is ever without a person, and nothing that was looked at is left out",
        );
    }
    if holes { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// What was said of a plan.
pub(super) struct Told {
    /// Somebody is missing at some time, which fails.
    pub(super) holes: bool,
    /// Something was warned of.
    pub(super) left_out: bool,
}

/// Prints what is wrong with a plan, as both checks do: every hole, and what it leaves out though nobody is missing.
pub(super) fn tell(config: &Config, plan: &DutyPlan, now: Timestamp) -> Told {
    let holes = tell_holes(plan, now);
    let (places, unseen) = match places(config) {
        Ok(Some(places)) => (Some(places), None),
        Ok(None) => (None, Some("there is no store yet".to_owned())),
        Err(error) => (None, Some(format!("warning: the store cannot be read ({error:#})"))),
    };
    let found = left_out(plan, &config.channel, places.as_ref());
    for one in &found {
        say(&format!("warning: {one}"));
    }
    if let Some(why) = &unseen {
        say(&format!("{why}: whether its wards have teams was not looked at"));
    }
    let unread = unseen.is_some_and(|why| why.starts_with("warning"));
    Told { holes, left_out: unread || !found.is_empty() }
}

/// Where patients are by the store; `None` before there is one.
fn places(config: &Config) -> anyhow::Result<Option<Places>> {
    let dir = &config.store.dir;
    if !Store::exists(dir) {
        return Ok(None);
    }
    let core = vitalgate::tools::verify::state(&Reader::of(dir)?)?;
    Ok(Some(Places::of(&core)))
}

/// The plan of a configuration from now on; `None` where it has none.
pub(super) fn plan(config: &Config, now: Timestamp) -> Result<Option<DutyPlan>, BadConfig> {
    let teams = config.teams()?;
    Ok(teams.map(|teams| teams.plan(&config.site.time_zone, now, AHEAD)))
}

/// Prints every hole; whether there is one.
fn tell_holes(plan: &DutyPlan, now: Timestamp) -> bool {
    let holes = plan.holes(now);
    for hole in &holes {
        say(&format!("{} → name somebody in `teams.toml`", text::hole(hole)));
    }
    !holes.is_empty()
}

fn list(plan: &DutyPlan, now: Timestamp) {
    for team in &plan.teams {
        for (step, of) in (1..).zip(&team.steps) {
            let (team, role) = (&team.id, &of.role);
            match plan.on_duty(team, role, now) {
                Some(watch) => {
                    let on_call = if watch.on_call { "\ton call" } else { "" };
                    let (person, from, until) = (&watch.person, watch.from, watch.until);
                    say(&format!("{team}\t{step}\t{role}\t{person}\t{from}\t{until}{on_call}"));
                }
                None => say(&format!("{team}\t{step}\t{role}\tnobody")),
            }
        }
    }
}
