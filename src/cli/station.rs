//! `station add|list|link|remove`: browsers that are a ward's, also while the gateway runs.

use std::collections::BTreeSet;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Subcommand;
use vitalgate::clock::Clock;
use vitalgate::config::Config;
use vitalgate::people::{
    self, BY_COMMAND as ACTOR, Digest, INVITED_FOR, Link, Out, PeopleFile, new_secret,
};
use vitalgate_domain::model::ids::WardId;
use vitalgate_domain::model::time::Timestamp;

use super::person::{page_of, shut_out, there_are};
use super::{StoreArgs, say};

#[derive(Debug, clap::Args)]
pub(super) struct StationArgs {
    #[command(flatten)]
    store: StoreArgs,
    #[command(subcommand)]
    action: StationAction,
}

#[derive(Debug, Subcommand)]
enum StationAction {
    /// Make a station, and print a link by which a browser becomes it.
    Add {
        /// Its name in audit and lists.
        name: String,
        /// A ward whose patients it shows; may be given again.
        #[arg(long = "ward", value_name = "WARD", required = true)]
        wards: Vec<WardId>,
        /// For a ward that is still to be made.
        #[arg(long)]
        ahead: bool,
    },
    /// List stations, with their wards.
    List,
    /// Print another link; the browser that is the station stays so until the link is used.
    Link {
        /// Which.
        name: String,
    },
    /// Take a station back; its browser shows nothing more within a second.
    Remove {
        /// Which.
        name: String,
    },
}

pub(super) fn run(args: &StationArgs) -> anyhow::Result<ExitCode> {
    let config = args.store.with_store()?;
    let file = PeopleFile::of(&config.store.dir);
    match &args.action {
        StationAction::List => list(&file)?,
        StationAction::Add { name, wards, ahead } => {
            let (name, wards) = (people::name(name)?, wards.iter().cloned().collect());
            if !ahead {
                there_are(&config, &wards)?;
            }
            link(&config, &file, &name, Some(wards))?;
        }
        StationAction::Link { name } => link(&config, &file, &people::name(name)?, None)?,
        StationAction::Remove { name } => {
            let name = people::name(name)?;
            say(shut_out(&file, &Out::Station(name))?);
        }
    }
    if config.people.is_none() {
        say(
            "nobody signs in by name yet, and no station is let in: add [people] to the configuration",
        );
    }
    Ok(ExitCode::SUCCESS)
}

/// Gives a link to a station, which is made first where its wards are given.
fn link(
    config: &Config,
    file: &PeopleFile,
    name: &str,
    wards: Option<BTreeSet<WardId>>,
) -> anyhow::Result<()> {
    let secret = new_secret().context("the machine gives no random numbers")?;
    let until = Clock::system(Timestamp::default()).wall() + INVITED_FOR;
    let link = Link { sha256: Digest::of(&secret), until };
    file.change(|book| {
        if let Some(wards) = wards {
            book.add_station(ACTOR, name, wards)?;
        }
        book.link_station(ACTOR, name, link)
    })?;
    say("done");
    let page = page_of(config);
    say(&format!(
        "the browser that opens it is the station, for 72 h and once: {page}/#station/{secret}"
    ));
    Ok(())
}

fn list(file: &PeopleFile) -> anyhow::Result<()> {
    for (name, station) in &file.read()?.stations {
        let state = if station.browser.is_some() { "in use" } else { "waits" };
        let wards: Vec<&str> = station.wards.iter().map(WardId::as_str).collect();
        say(&format!("{name}\t{state}\t{}", wards.join(",")));
    }
    Ok(())
}
