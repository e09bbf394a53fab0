//! `notify test`: whether a channel for alarms works, from end to end.

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use clap::Subcommand;
use tokio::sync::watch;
use vitalgate::clock::Clock;
use vitalgate::delivery::{Company, Way};
use vitalgate::people::People;
use vitalgate_domain::model::ids::ChannelId;
use vitalgate_domain::model::time::Timestamp;

use super::{ConfigArgs, runtime, say};

/// What to do with a channel.
#[derive(Debug, clap::Args)]
pub(super) struct NotifyArgs {
    #[command(flatten)]
    config: ConfigArgs,
    #[command(subcommand)]
    act: Act,
}

#[derive(Debug, Subcommand)]
enum Act {
    /// Send something that calls nobody, also while the gateway runs, and say what the other side answers.
    Test {
        /// The channel's id.
        channel: ChannelId,
    },
}

pub(super) fn run(args: &NotifyArgs) -> anyhow::Result<ExitCode> {
    let Act::Test { channel } = &args.act;
    let config = args.config.read()?;
    let Some(found) = config.channel.iter().find(|known| known.id == *channel) else {
        let known: Vec<&str> = config.channel.iter().map(|known| known.id.as_str()).collect();
        bail!("there is no channel {channel}; configured: {}", known.join(", "));
    };
    let company = Company {
        people: config.people.as_ref().map(|of| People::open(&config.store.dir, of.into())),
        teams: watch::channel(config.teams()?.map(Arc::new)).1,
        push: config.push.clone(),
    };
    let way = Way::new(found, &config.site.id, company)?;
    let now = Clock::system(Timestamp::from_micros(0)).wall();
    let sent = runtime()?.block_on(way.test(now));
    sent.map_err(anyhow::Error::msg).with_context(|| format!("{channel} does not work"))?;
    say(&format!("{channel} takes what it is sent"));
    Ok(ExitCode::SUCCESS)
}
