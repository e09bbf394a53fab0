//! `person add|list|change|disable|enable|password`: the accounts of people, also while the gateway runs.

use std::collections::BTreeSet;
use std::io::Read as _;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::Subcommand;
use vitalgate::clock::Clock;
use vitalgate::config::{Config, Role};
use vitalgate::people::{
    self, BY_COMMAND as ACTOR, BadPeople, Digest, INVITED_FOR, Link, Out, PeopleFile, Person,
    Written, new_secret,
};
use vitalgate_domain::model::ids::{DeviceId, WardId};
use vitalgate_domain::model::time::Timestamp;
use vitalgate_store::Reader;

use super::{StoreArgs, say};

#[derive(Debug, clap::Args)]
pub(super) struct PersonArgs {
    #[command(flatten)]
    store: StoreArgs,
    #[command(subcommand)]
    action: PersonAction,
}

#[derive(Debug, Subcommand)]
enum PersonAction {
    /// Give somebody an account, and print a link by which they set a password.
    Add {
        /// What they sign in as.
        name: String,
        #[command(flatten)]
        rights: Rights,
        #[command(flatten)]
        secret: Secret,
    },
    /// Change what somebody may, and where; who is signed in has to do so again.
    Change {
        /// Who.
        name: String,
        #[command(flatten)]
        rights: Rights,
    },
    /// List people, with role, state and wards.
    List,
    /// Let somebody in no more; sessions end within a second, tokens too.
    Disable {
        /// Who.
        name: String,
    },
    /// Let somebody in again.
    Enable {
        /// Who.
        name: String,
    },
    /// Print a new link to set a password; the one before is void, and so are the person's tokens.
    Password {
        /// Whose.
        name: String,
        #[command(flatten)]
        secret: Secret,
    },
}

#[derive(Debug, clap::Args)]
struct Rights {
    /// `viewer`, `clinician`, `ward-admin`, `maker`, `ops` or `admin`.
    #[arg(long)]
    role: Role,
    /// A ward they are for; may be given again; without any, all of them.
    #[arg(long = "ward", value_name = "WARD")]
    wards: Vec<WardId>,
    /// A maker's device or connector; may be given again.
    #[arg(long = "device", value_name = "DEVICE")]
    devices: Vec<DeviceId>,
    /// For a ward that is still to be made.
    #[arg(long)]
    ahead: bool,
}

#[derive(Debug, clap::Args)]
struct Secret {
    /// Read the password from standard input instead of printing a link.
    #[arg(long)]
    password_stdin: bool,
}

pub(super) fn run(args: &PersonArgs) -> anyhow::Result<ExitCode> {
    let config = args.store.with_store()?;
    let file = PeopleFile::of(&config.store.dir);
    match &args.action {
        PersonAction::List => list(&file)?,
        PersonAction::Add { name, rights, secret } => {
            let name = people::name(name)?;
            free_of_tokens(&config, &name)?;
            let person = rights.person(&config)?;
            let given = secret.read(&name)?;
            let link = given.apply(&file, &name, Some(person))?;
            told(&config, link);
        }
        PersonAction::Change { name, rights } => {
            let (name, rights) = (people::name(name)?, rights.person(&config)?);
            match file.change(|book| book.change(ACTOR, &name, rights)) {
                Err(bad) if !matches!(bad, BadPeople::Refused(_)) => {
                    bail!(
                        "{bad}; nothing is changed: `person disable` shuts somebody out all the same"
                    )
                }
                changed => changed?,
            };
            say("done");
        }
        PersonAction::Disable { name } => {
            let name = people::name(name)?;
            say(shut_out(&file, &Out::Person(name))?);
        }
        PersonAction::Enable { name } => {
            let name = people::name(name)?;
            file.change(|book| book.disable(ACTOR, &name, false))?;
            say("done");
        }
        PersonAction::Password { name, secret } => {
            let name = people::name(name)?;
            let given = secret.read(&name)?;
            let link = given.apply(&file, &name, None)?;
            told(&config, link);
        }
    }
    if config.people.is_none() {
        say("nobody signs in by name yet: add [people] to the configuration");
    }
    Ok(ExitCode::SUCCESS)
}

impl Rights {
    fn person(&self, config: &Config) -> anyhow::Result<Person> {
        let wards: BTreeSet<WardId> = self.wards.iter().cloned().collect();
        if !self.ahead {
            there_are(config, &wards)?;
        }
        let wards = Some(wards).filter(|wards| !wards.is_empty());
        Ok(Person::new(self.role, wards, self.devices.iter().cloned().collect())?)
    }
}

/// How somebody comes to a password.
enum Given {
    Hash(String),
    Link(String),
}

impl Secret {
    fn read(&self, name: &str) -> anyhow::Result<Given> {
        if !self.password_stdin {
            let secret = new_secret().context("the machine gives no random numbers")?;
            return Ok(Given::Link(secret));
        }
        let mut text = String::new();
        std::io::stdin().take(4_096).read_to_string(&mut text)?;
        Ok(Given::Hash(people::hash(name, text.trim_end_matches(['\r', '\n']))?))
    }
}

impl Given {
    /// Adds the person, if there is one to add, and gives the password or the link; its secret.
    fn apply(
        self,
        file: &PeopleFile,
        name: &str,
        person: Option<Person>,
    ) -> anyhow::Result<Option<String>> {
        let now = Clock::system(Timestamp::default()).wall();
        let (change, secret) = match self {
            Self::Hash(hash) => (Ok(hash), None),
            Self::Link(secret) => {
                let link = Link { sha256: Digest::of(&secret), until: now + INVITED_FOR };
                (Err(link), Some(secret))
            }
        };
        file.change(|book| {
            if let Some(person) = person {
                book.add(ACTOR, name, person)?;
            }
            match change {
                Ok(hash) => book.set_password(ACTOR, name, hash),
                Err(link) => book.invite(ACTOR, name, link),
            }
        })?;
        Ok(secret)
    }
}

/// Shuts somebody out, and says how that stands.
pub(super) fn shut_out(file: &PeopleFile, whom: &Out) -> Result<&'static str, BadPeople> {
    Ok(match file.shut_out(whom)? {
        Written::Down => "done",
        Written::NotYet => {
            "done, and not written into people.json, which cannot be: until it is, a file beside it says so, for a gateway \
             that runs and for the next start; see to the disk"
        }
    })
}

fn told(config: &Config, link: Option<String>) {
    say("done");
    let Some(secret) = link else { return };
    let page = page_of(config);
    say(&format!("a link to set a password, for 72 h and once: {page}/#invited/{secret}"));
}

/// Where the page is, as far as the configuration says.
pub(super) fn page_of(config: &Config) -> String {
    match &config.http.tls {
        Some(tls) => format!("https://{}", tls.listen),
        None => format!("http://{}", config.http.listen),
    }
}

/// Refuses wards that are not there: whoever is for them alone would see nothing, and be told so only then.
pub(super) fn there_are(config: &Config, wards: &BTreeSet<WardId>) -> anyhow::Result<()> {
    if wards.is_empty() {
        return Ok(());
    }
    let core = vitalgate::tools::verify::state(&Reader::of(&config.store.dir)?)?;
    let known = &core.site.wards;
    if let Some(ward) = wards.iter().find(|ward| !known.contains(*ward)) {
        let all: Vec<&str> = known.iter().map(WardId::as_str).collect();
        let all = if all.is_empty() { "none yet".to_owned() } else { all.join(", ") };
        bail!("there is no ward `{ward}` (wards: {all}): add it first, or say --ahead");
    }
    Ok(())
}

/// In audit and alarms nobody could tell them apart.
fn free_of_tokens(config: &Config, name: &str) -> anyhow::Result<()> {
    let tokens = config.http.tokens()?;
    if tokens.iter().any(|token| token.name.eq_ignore_ascii_case(name)) {
        bail!("a [[http.token]] is called `{name}`");
    }
    Ok(())
}

fn list(file: &PeopleFile) -> anyhow::Result<()> {
    for (name, person) in &file.read()?.people {
        let state = match (person.disabled, &person.password, &person.subject) {
            (true, ..) => "disabled",
            (false, None, None) => "invited",
            (false, Some(_), _) | (false, None, Some(_)) => "active",
        };
        let wards = person
            .wards
            .as_ref()
            .map(|wards| wards.iter().map(WardId::as_str).collect::<Vec<_>>().join(","));
        say(&format!(
            "{name}\t{}\t{state}\t{}",
            person.role.as_str(),
            wards.as_deref().unwrap_or("-")
        ));
    }
    Ok(())
}
