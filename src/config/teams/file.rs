//! `teams.toml` while the gateway runs: looked at, and put as a whole.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, fchown};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use ring::digest;
use rustix::fs::OFlags;
use tokio::sync::watch;

use super::super::{BadConfig, Config};
use super::{BadTeams, Teams};

/// A text of this size is no plan.
pub const MOST_BYTES: usize = 48 << 10;

/// Why another plan was not put in force.
#[derive(Debug, thiserror::Error)]
pub enum NotPut {
    /// The text is wrong.
    #[error(transparent)]
    Bad(#[from] BadTeams),
    /// The file is another than the one that was seen.
    #[error("the plan was changed meanwhile: read it again")]
    Stale,
    /// It cannot be read or written.
    #[error("cannot use {}: {source}; whoever runs the gateway must be able to write the file and its folder", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// Why a file read again changes nothing.
#[derive(Debug, thiserror::Error)]
pub enum NotReloaded {
    /// It is wrong, or cannot be read.
    #[error(transparent)]
    Bad(#[from] BadConfig),
    /// Nobody is called by it any more.
    #[error("{} has no team any more: where that is meant, `vitalgate duty put` takes it and asks", path.display())]
    Empty {
        /// Which file.
        path: PathBuf,
    },
}

/// The file that `[teams] file` names, and whom it calls.
#[derive(Debug)]
pub struct TeamsFile {
    config: Arc<Config>,
    path: PathBuf,
    in_force: watch::Sender<Option<Arc<Teams>>>,
    turn: Mutex<()>,
}

impl TeamsFile {
    /// That of a configuration; `None` where no file says who is called. `in_force` is told of each that takes its place.
    pub fn of(
        config: &Arc<Config>,
        in_force: watch::Sender<Option<Arc<Teams>>>,
    ) -> Option<Arc<Self>> {
        let path = config.teams.file.clone()?;
        Some(Arc::new(Self { config: Arc::clone(config), path, in_force, turn: Mutex::default() }))
    }

    /// What it is read by, and beside.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The text of the file.
    pub fn text(&self) -> Result<String, NotPut> {
        read(&self.path).map_err(|e| self.unusable(e))
    }

    /// What a text would put in force; nothing is changed.
    pub fn check(&self, text: &str) -> Result<Teams, BadTeams> {
        self.config.teams_of(&self.path, text)
    }

    /// Reads the file again and puts it in force; one that is wrong changes nothing, nor does one without any team where
    /// there were some: that is a file that was cut, and whoever means it puts it.
    pub fn reload(&self) -> Result<(), NotReloaded> {
        let _turn = self.turn();
        let teams = self.config.teams()?;
        let calls = |teams: &Teams| !teams.is_empty();
        if !teams.as_ref().is_some_and(calls)
            && self.in_force.borrow().as_deref().is_some_and(calls)
        {
            return Err(NotReloaded::Empty { path: self.path.clone() });
        }
        self.in_force.send_replace(teams.map(Arc::new));
        Ok(())
    }

    /// Writes a text into the file, whole or not at all, and puts it in force. `seen` is the [`version`] of the text that it
    /// takes the place of, if that matters.
    pub fn put(&self, text: &str, seen: Option<&str>) -> Result<(), NotPut> {
        let teams = self.check(text)?;
        let _turn = self.turn();
        if let Some(seen) = seen
            && version(&self.text()?) != seen
        {
            return Err(NotPut::Stale);
        }
        replace(&self.path, text).map_err(|e| self.unusable(e))?;
        self.in_force.send_replace(Some(Arc::new(teams)));
        Ok(())
    }

    fn turn(&self) -> std::sync::MutexGuard<'_, ()> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn unusable(&self, source: std::io::Error) -> NotPut {
        NotPut::File { path: self.path.clone(), source }
    }
}

/// By which a text is known.
pub fn version(text: &str) -> String {
    let digest = digest::digest(&digest::SHA256, text.as_bytes());
    data_encoding::HEXLOWER.encode(digest.as_ref().get(..8).unwrap_or_default())
}

/// What stands in a file: in no link, which may lead to what is none of a plan's, and in nothing that waits for a writer.
fn read(path: &Path) -> std::io::Result<String> {
    let only = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
    let file = OpenOptions::new().read(true).custom_flags(only).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(std::io::Error::other("it is no file"));
    }
    let mut text = String::new();
    file.take(MOST_BYTES as u64 + 1).read_to_string(&mut text)?;
    Ok(text)
}

/// Writes beside the file and takes its place, with its mode and owner.
fn replace(path: &Path, text: &str) -> std::io::Result<()> {
    let (was, part) = (std::fs::symlink_metadata(path)?, path.with_extension("toml.part"));
    if !was.is_file() {
        return Err(std::io::Error::other("it is a link, or no file: name the file itself"));
    }
    remove(&part)?;
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&part)?;
    let written = (|| {
        file.write_all(text.as_bytes())?;
        file.set_permissions(Permissions::from_mode(was.mode() & 0o777))?;
        if rustix::process::geteuid().is_root() {
            fchown(&file, Some(was.uid()), Some(was.gid()))?;
        }
        file.sync_all()?;
        std::fs::rename(&part, path)
    })();
    written.inspect_err(|_| drop(remove(&part)))?;
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

fn remove(part: &Path) -> std::io::Result<()> {
    match std::fs::remove_file(part) {
        Err(e) if e.kind() != ErrorKind::NotFound => Err(e),
        Ok(()) | Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAN: &str = "[[person]]\nid = \"jane\"\n";

    #[test]
    fn what_is_put_keeps_the_mode_of_the_file_and_is_in_force() {
        let folder = tempfile::tempdir().unwrap();
        let name = folder.path().join("teams.toml");
        std::fs::write(&name, "").unwrap();
        std::fs::set_permissions(&name, Permissions::from_mode(0o640)).unwrap();
        let mut config = Config::built_in().unwrap();
        config.teams.file = Some(name.clone());
        let (in_force, seen) = watch::channel(None);
        let file = TeamsFile::of(&Arc::new(config), in_force).unwrap();

        file.put(PLAN, Some(&version(""))).unwrap();
        assert_eq!(std::fs::metadata(&name).unwrap().mode() & 0o777, 0o640);
        assert_eq!(std::fs::read_to_string(&name).unwrap(), PLAN);
        assert!(seen.has_changed().unwrap() && seen.borrow().is_some());

        assert!(matches!(file.put("", Some(&version(""))), Err(NotPut::Stale)));
        assert!(matches!(file.put("[[person]]", None), Err(NotPut::Bad(_))));
        std::fs::create_dir(folder.path().join("teams.toml.part")).unwrap();
        assert!(matches!(file.put("", None), Err(NotPut::File { .. })));
        assert_eq!(file.text().unwrap(), PLAN, "whole or not at all");
    }

    #[test]
    fn a_file_that_lost_its_teams_is_not_taken_over_and_one_that_never_had_any_is() {
        let folder = tempfile::tempdir().unwrap();
        let name = folder.path().join("teams.toml");
        let mut config = Config::built_in().unwrap();
        config.teams.file = Some(name.clone());
        let (in_force, seen) = watch::channel(None);
        let file = TeamsFile::of(&Arc::new(config), in_force).unwrap();
        std::fs::write(&name, PLAN).unwrap();
        file.reload().unwrap();
        let team = format!("{PLAN}[[team]]\nid = \"icu\"\nsteps = [{{ role = \"nurse\" }}]\n");
        std::fs::write(&name, &team).unwrap();
        file.reload().unwrap();
        std::fs::write(&name, "").unwrap();
        assert!(matches!(file.reload(), Err(NotReloaded::Empty { .. })));
        assert!(seen.borrow().as_ref().is_some_and(|teams| !teams.is_empty()), "as it was");
        // Whoever means it puts it.
        file.put("", None).unwrap();
        file.reload().unwrap();
    }

    #[test]
    fn neither_a_link_nor_what_waits_for_a_writer_is_read_or_written() {
        let folder = tempfile::tempdir().unwrap();
        let (secret, name) = (folder.path().join("secret"), folder.path().join("teams.toml"));
        std::fs::write(&secret, "secret").unwrap();
        let mut config = Config::built_in().unwrap();
        config.teams.file = Some(name.clone());
        let file = TeamsFile::of(&Arc::new(config), watch::Sender::new(None)).unwrap();
        let no_file = |wanted: &str| {
            let told = [file.text().unwrap_err(), file.put(PLAN, None).unwrap_err()];
            assert!(
                told.iter().all(|why| matches!(why, NotPut::File { .. })),
                "{wanted}: {told:?}"
            );
        };
        std::os::unix::fs::symlink(&secret, &name).unwrap();
        no_file("a link");
        assert_eq!(std::fs::read_to_string(&secret).unwrap(), "secret");
        std::fs::remove_file(&name).unwrap();
        let made = std::process::Command::new("mkfifo").arg(&name).status().unwrap();
        assert!(made.success());
        no_file("a pipe");
    }
}
