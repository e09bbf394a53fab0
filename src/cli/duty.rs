//! `duty`: who is on duty by `teams.toml`, and whether somebody always is.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use clap::Subcommand;
use tokio::sync::watch;
use vitalgate::clock::Clock;
use vitalgate::config::{
    BadConfig, Config, Places, Teams, TeamsFile, Unanswered, leaves_nobody, left_out, version,
};
use vitalgate_domain::model::duty::DutyPlan;
use vitalgate_domain::model::time::{Span, Timestamp};
use vitalgate_domain::text;
use vitalgate_store::{Reader, Store};

use super::{ConfigArgs, say};

/// A plan is looked at so far ahead.
const AHEAD: Span = Span::days(28);
const NO_FILE: &str = "no `[teams] file` says who is on duty";

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
    /// team, channels that do not take what they call for, quiet hours of all on duty, who
    /// could answer nothing.
    Check,
    /// Put a plan in place of the one that `[teams] file` names: checked whole, and written whole or not at all.
    Put {
        /// A file as `teams.toml`.
        file: PathBuf,
        #[command(flatten)]
        meant: Meant,
    },
    /// Say that somebody is away, and who takes the watches that fall to them.
    Absent {
        /// Whose watches.
        person: String,
        /// The first day, such as 2026-12-21.
        from: String,
        /// The last day.
        to: String,
        /// Who takes them; left out, nobody does.
        #[arg(long)]
        substitute: Option<String>,
        #[command(flatten)]
        meant: Meant,
    },
}

#[derive(Debug, clap::Args)]
struct Meant {
    /// Where it is meant that nobody is called any more: `ward/ID`, `no_ward` or `gateway`; may be given again.
    #[arg(long = "nobody-for", value_name = "PLACE")]
    nobody_for: Vec<Unanswered>,
}

pub(super) fn run(args: &DutyArgs) -> anyhow::Result<ExitCode> {
    let config = args.config.read()?;
    let now = Clock::system(Timestamp::default()).wall();
    match &args.act {
        Act::List => {
            list(&in_force(&config, now)?, now);
            Ok(ExitCode::SUCCESS)
        }
        Act::Check => Ok(check(&config, &in_force(&config, now)?, now)),
        Act::Put { file, meant } => {
            let text = std::fs::read_to_string(file)
                .with_context(|| format!("cannot read {}", file.display()))?;
            put(&config, &text, None, meant, now)
        }
        Act::Absent { person, from, to, substitute, meant } => {
            let present = in_use(&config)?.text()?;
            let text = format!("{present}{}", absence(person, from, to, substitute.as_deref()));
            put(&config, &text, Some(&version(&present)), meant, now)
        }
    }
}

fn in_force(config: &Config, now: Timestamp) -> anyhow::Result<DutyPlan> {
    plan(config, now)?.context(NO_FILE)
}

/// Puts a text in place of the plan, and says what it leaves out as a check does.
fn put(
    config: &Config,
    text: &str,
    seen: Option<&str>,
    Meant { nobody_for }: &Meant,
    now: Timestamp,
) -> anyhow::Result<ExitCode> {
    let file = in_use(config)?;
    let in_28_days = |teams: Teams| teams.plan(&config.site.time_zone, now, AHEAD);
    let plan = in_28_days(file.check(text).map_err(BadConfig::from)?);
    // Of one that is wrong nobody knows whom it called, and where the store cannot be read nobody knows where patients are.
    let before = file.text().ok().and_then(|text| file.check(&text).ok()).map(in_28_days);
    let before = before.map(|plan| attended(config, plan));
    let places = places(config).ok().flatten();
    let by_whom = attended(config, plan.clone());
    let mut left = leaves_nobody(before.as_ref(), &by_whom, places.as_ref(), now);
    left.retain(|place| !nobody_for.contains(place));
    if !left.is_empty() {
        let words: Vec<String> = left.iter().map(Unanswered::words).collect();
        let meant: Vec<String> = left.iter().map(|place| format!("--nobody-for {place}")).collect();
        bail!(
            "by this plan nobody is called for some or all alarms of: {}; if that is meant, say {}",
            words.join(", "),
            meant.join(" ")
        );
    }
    file.put(text, seen)?;
    say("written; a gateway that runs takes it over at SIGHUP (`systemctl reload vitalgate`)");
    check(config, &plan, now);
    Ok(ExitCode::SUCCESS)
}

fn in_use(config: &Config) -> anyhow::Result<Arc<TeamsFile>> {
    let file = TeamsFile::of(&Arc::new(config.clone()), watch::Sender::new(None));
    file.context(NO_FILE)
}

/// An absence as it stands in the file; what is wrong with it is found with the rest.
fn absence(person: &str, from: &str, to: &str, substitute: Option<&str>) -> String {
    let mut entry = toml::Table::new();
    let words = [("person", Some(person)), ("from", Some(from)), ("to", Some(to))];
    for (key, value) in words.into_iter().chain([("substitute", substitute)]) {
        if let Some(value) = value {
            entry.insert(key.to_owned(), value.to_owned().into());
        }
    }
    format!("\n[[absence]]\n{entry}")
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
    let holes = tell_holes(&attended(config, plan.clone()), now);
    let (places, unseen) = match places(config) {
        Ok(Some(places)) => (Some(places), None),
        Ok(None) => (None, Some("there is no store yet".to_owned())),
        Err(error) => (None, Some(format!("warning: the store cannot be read ({error:#})"))),
    };
    let mut found = left_out(plan, &config.channel, places.as_ref());
    match vitalgate::app::known(config) {
        Ok(known) => found.extend(known.asked_in_vain(plan)),
        Err(error) => found.push(format!("who may answer was not looked at: {error:#}")),
    }
    for one in &found {
        say(&format!("warning: {one}"));
    }
    if let Some(why) = &unseen {
        say(&format!("{why}: whether its wards have teams was not looked at"));
    }
    let unread = unseen.is_some_and(|why| why.starts_with("warning"));
    Told { holes, left_out: unread || !found.is_empty() }
}

/// A plan without those who could answer nothing, as far as it is known who may.
fn attended(config: &Config, plan: DutyPlan) -> DutyPlan {
    match vitalgate::app::known(config) {
        Ok(known) => known.attended(plan),
        // It is said where their names are looked at.
        Err(_) => plan,
    }
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
