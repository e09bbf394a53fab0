//! Who else may read secrets, or write where the store is; and what is readable on the way.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::Findings;
use crate::config::Config;
use crate::people::{BadPeople, PeopleFile};
use vitalgate_store::{Store, folder};

/// Anybody may read.
const ANYBODY: u32 = 0o004;
/// Anybody but the owner may do anything.
const OTHERS: u32 = 0o077;

pub(super) fn examine(config: &Config) -> Findings {
    let mut findings = Findings::of("access");
    let dir = &config.store.dir;
    match folder::fault(dir) {
        Ok(None) => findings.ok("folder", format!("{} is nobody else's to write", dir.display())),
        Ok(Some(fault)) => {
            let cure = "a store is opened only where nobody else can write";
            findings.fail("folder", format!("{}: {fault}", dir.display()), cure);
        }
        Err(_) => findings.ok("folder", format!("{} is made for its owner only", dir.display())),
    }
    for path in
        [Store::file(dir), dir.join("keys"), dir.join("keys/audit.key"), dir.join("people.json")]
    {
        judge_own(&path, &mut findings);
    }
    if config.people.is_some() {
        judge_people(config, &mut findings);
    }
    for (key, path) in config.secret_files() {
        judge_secret(key, path, &mut findings);
    }
    for (key, address) in config.readable_on_the_way() {
        findings.warn(
            "network",
            format!("{key} = \"{address}\" has no TLS: tokens and values can be read on the way"),
            match key {
                "mqtt.listen" => "let devices use [mqtt.tls], and listen here on 127.0.0.1",
                _ => "let others use [http.tls], and listen here on 127.0.0.1",
            },
        );
    }
    findings
}

/// What the gateway made for its own user alone, and somebody opened to others.
fn judge_own(path: &Path, findings: &mut Findings) {
    let Ok(found) = std::fs::metadata(path) else { return };
    let mode = found.permissions().mode() & 0o777;
    if mode & OTHERS != 0 {
        let said =
            format!("{} has mode {mode:03o}: others than its owner get at it", path.display());
        let cure = if found.is_dir() { "chmod 700" } else { "chmod 600" };
        findings.warn("file", said, cure);
    }
}

/// Whether people can sign in by name, and each under a name of their own.
fn judge_people(config: &Config, findings: &mut Findings) {
    match PeopleFile::of(&config.store.dir).read() {
        // Whoever asks may be somebody else than the gateway's user.
        Err(bad @ BadPeople::File { .. }) => {
            findings.warn("people", bad.to_string(), "look as the gateway's user");
        }
        Err(bad) => findings.fail("people", bad.to_string(), "until then nobody signs in by name"),
        Ok(book) => {
            let called =
                |name: &&String| book.people.contains_key(name.to_ascii_lowercase().as_str());
            for name in config.http.token.iter().map(|token| &token.name).filter(called) {
                let said = format!("`{name}` is a person and a [[http.token]]");
                findings.fail("people", said, "rename the token: the person is not let in");
            }
        }
    }
}

fn judge_secret(key: &str, path: &Path, findings: &mut Findings) {
    // Whoever cannot read it is told so where it is needed.
    let Ok(found) = std::fs::metadata(path) else { return };
    let mode = found.permissions().mode() & 0o777;
    let said = format!("{key}: {} has mode {mode:03o}", path.display());
    if mode & ANYBODY == 0 {
        findings.ok("secret", said);
    } else {
        findings.warn("secret", format!("{said}: every user may read it"), "chmod 600");
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs::{self, Permissions};

    use super::super::Verdict;
    use super::*;
    use crate::config::Role;
    use crate::people::Person;

    #[test]
    fn people_that_cannot_be_believed_or_are_tokens_too_are_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("people.json");
        let text = format!(
            "[people]\n[[http.token]]\nname = \"Jane\"\nrole = \"viewer\"\nsha256 = \"{}\"\n",
            "0".repeat(64)
        );
        let file = dir.path().join("gateway.toml");
        fs::write(&file, text).unwrap();
        let mut config = Config::read(&file).unwrap();
        config.store.dir = dir.path().to_owned();
        let failed = || {
            let all = examine(&config).list;
            let people = all.into_iter().filter(|f| f.what == "people");
            people.map(|f| (f.verdict, f.found)).collect::<Vec<_>>()
        };
        let file = PeopleFile::of(dir.path());
        assert_eq!(failed(), []);
        let jane = Person::new(Role::Viewer, None, BTreeSet::new()).unwrap();
        file.change(|book| book.add("local:cli", "jane", jane)).unwrap();
        let clash = failed();
        assert!(clash[0].0 == Verdict::Fail && clash[0].1.contains("`Jane`"), "{clash:?}");
        fs::set_permissions(&path, Permissions::from_mode(0o620)).unwrap();
        assert!(failed()[0].1.contains("others may write"), "{:?}", failed());
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        fs::write(&path, "{").unwrap();
        assert!(failed()[0].1.contains("damaged"), "{:?}", failed());
        fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink("elsewhere", &path).unwrap();
        let link = failed();
        assert!(link[0].0 == Verdict::Fail && link[0].1.contains("is a link"), "{link:?}");
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        assert!(failed()[0].1.contains("is a folder"), "{:?}", failed());
        // What cannot be read at all may be so for whoever asks alone.
        let unread = dir.path().join("gateway.toml");
        let judged = |config: &Config| {
            let mut findings = Findings::of("access");
            judge_people(config, &mut findings);
            findings.list.iter().map(|found| found.verdict).collect::<Vec<_>>()
        };
        config.store.dir = unread;
        assert_eq!(judged(&config), [Verdict::Warn]);
    }

    #[test]
    fn a_readable_secret_an_open_folder_and_an_open_way_are_named() {
        let dir = tempfile::tempdir().unwrap();
        let secret = dir.path().join("secret");
        fs::write(&secret, "s").unwrap();
        let mode = |path: &Path, mode| {
            fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
        };
        let mut config = Config::built_in().unwrap();
        config.store.dir = dir.path().to_owned();
        config.http.listen = ([192, 0, 2, 1], 80).into();
        let influx = "url = \"http://a\"\norg = \"o\"\nbucket = \"b\"\nsecret_file = \"s\"";
        let influx: crate::config::Influx = toml::from_str(influx).unwrap();
        config.influx = Some(crate::config::Influx { secret_file: Some(secret.clone()), ..influx });
        let verdicts = || -> Vec<_> {
            examine(&config).list.iter().map(|found| (found.what, found.verdict)).collect()
        };
        let network = ("network", Verdict::Warn);
        mode(&secret, 0o640);
        assert_eq!(verdicts(), [("folder", Verdict::Ok), ("secret", Verdict::Ok), network]);
        fs::create_dir(dir.path().join("keys")).unwrap();
        mode(&dir.path().join("keys"), 0o700);
        fs::write(Store::file(dir.path()), "").unwrap();
        mode(&Store::file(dir.path()), 0o640);
        let own = ("file", Verdict::Warn);
        let secret_ok = ("secret", Verdict::Ok);
        assert_eq!(verdicts(), [("folder", Verdict::Ok), own, secret_ok, network]);
        mode(&Store::file(dir.path()), 0o600);
        mode(&secret, 0o644);
        mode(dir.path(), 0o777);
        assert_eq!(verdicts(), [("folder", Verdict::Fail), ("secret", Verdict::Warn), network]);
    }
}
