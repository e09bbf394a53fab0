//! Who else may read secrets, or write where the store is; and what is readable on the way.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::Findings;
use crate::config::Config;
use vitalgate_store::folder;

/// Anybody may read.
const ANYBODY: u32 = 0o004;

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
    for (key, path) in config.secret_files() {
        judge_secret(key, path, &mut findings);
    }
    for (key, address) in config.readable_on_the_way() {
        findings.warn(
            "network",
            format!("{key} = \"{address}\" has no TLS: tokens and values can be read on the way"),
            match key {
                "mqtt.listen" => "let devices use [mqtt.tls], and listen here on 127.0.0.1",
                _ => "listen on 127.0.0.1 behind a proxy that speaks TLS",
            },
        );
    }
    findings
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
    use std::fs::{self, Permissions};

    use super::super::Verdict;
    use super::*;

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
        mode(&secret, 0o644);
        mode(dir.path(), 0o777);
        assert_eq!(verdicts(), [("folder", Verdict::Fail), ("secret", Verdict::Warn), network]);
    }
}
