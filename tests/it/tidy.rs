//! Rules of the house that no compiler checks.

use std::fs;
use std::path::{Path, PathBuf};

use crate::harness::root;

/// A file is split before it grows past so many lines of code; tests and comments do not count.
const LINES: usize = 450;

/// What the pure crates may depend on (`docs/architecture.md`): the compiler keeps the rest away.
const PURE: &[(&str, &[&str])] = &[
    ("domain", &["data-encoding", "jiff", "minicbor", "ring", "serde", "thiserror", "toml"]),
    ("formats", &["minicbor", "ring", "vitalgate-domain"]),
];

/// Reachable without any dependency, and as impure as one.
const IMPURE: &[&str] = &[
    "std::fs",
    "std::net",
    "std::time",
    "std::thread",
    "std::process",
    "std::env",
    "HashMap",
    "HashSet",
    "ring::rand",
    "Timestamp::now",
];

/// The code of a file: without its tests and without comments.
fn code(file: &Path) -> Vec<String> {
    let text = fs::read_to_string(file).unwrap();
    let tests = text.find("#[cfg(test)]\nmod ").unwrap_or(text.len());
    let code = |line: &str| !line.trim_start().starts_with("//");
    text[..tests].lines().filter(|line| code(line)).map(str::to_owned).collect()
}

/// The Rust files of a folder and of those in it.
pub(crate) fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
    found
}

#[test]
fn the_pure_crates_depend_on_nothing_that_waits_or_reads_a_clock() {
    for (name, may) in PURE {
        let text = fs::read_to_string(root().join("crates").join(name).join("Cargo.toml")).unwrap();
        let manifest: toml::Table = text.parse().unwrap();
        let found: Vec<&str> =
            manifest["dependencies"].as_table().unwrap().keys().map(String::as_str).collect();
        assert_eq!(found, *may, "crates/{name} has other dependencies than it may");
    }
}

#[test]
fn the_pure_crates_use_nothing_impure_of_the_standard_library() {
    let mut bad = Vec::new();
    for (name, _) in PURE {
        let folder = root().join("crates").join(name).join("src");
        let tests = folder.join("tests");
        for file in sources(&folder).into_iter().filter(|file| !file.starts_with(&tests)) {
            for line in code(&file) {
                if IMPURE.iter().any(|word| line.contains(word)) {
                    bad.push(format!("{}: {}", file.display(), line.trim()));
                }
            }
        }
    }
    assert!(bad.is_empty(), "{}", bad.join("\n"));
}

#[test]
fn no_source_file_outgrows_its_idea() {
    let folders =
        ["src", "crates/domain/src", "crates/formats/src", "crates/store/src", "simulators/src"];
    let files = folders.iter().flat_map(|folder| sources(&root().join(folder)));
    let files = files.filter(|file| !file.iter().any(|part| part == "tests" || part == "tests.rs"));
    let long: Vec<_> =
        files.map(|file| (code(&file).len(), file)).filter(|(lines, _)| *lines > LINES).collect();
    assert!(long.is_empty(), "{long:?}");
}

#[test]
fn every_key_of_the_shipped_configuration_is_explained() {
    let shipped = fs::read_to_string(root().join("config/gateway.toml")).unwrap();
    let explained = fs::read_to_string(root().join("docs/config.md")).unwrap();
    let keys = shipped.lines().filter_map(|line| {
        let (key, _) = line.trim_start_matches(['#', ' ']).split_once(" = ")?;
        let is_key = key.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
        (is_key && !key.is_empty()).then(|| key.to_owned())
    });
    let missing: Vec<_> = keys.filter(|key| !explained.contains(&format!("`{key}`"))).collect();
    assert!(missing.is_empty(), "docs/config.md says nothing of {missing:?}");
}
