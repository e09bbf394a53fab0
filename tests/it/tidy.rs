//! Rules of the house that no compiler checks.

use std::collections::{BTreeMap, BTreeSet};
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

/// Whose folders import each other in one direction only.
const LAYERED: &[&str] = &["src", "crates/domain/src", "crates/store/src"];

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

/// By its path below the folder looked at: the checkout itself may lie anywhere.
fn is_test(file: &Path) -> bool {
    file.iter().any(|part| part == "tests" || part == "tests.rs")
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
    let files = files.filter(|file| !is_test(file.strip_prefix(root()).unwrap_or(file)));
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

/// Which folders of a crate import which, by `crate::<folder>` in code.
type Imports = BTreeMap<String, BTreeSet<String>>;

/// The folders and single files right below `src`, and what each imports of the others.
fn imports(src: &Path) -> Imports {
    let room = |file: &Path| {
        let first = file.strip_prefix(src).unwrap().iter().next().unwrap();
        Path::new(first).file_stem().unwrap().to_str().unwrap().to_owned()
    };
    let is_test = |file: &Path| is_test(file.strip_prefix(src).unwrap_or(file));
    let files: Vec<_> = sources(src).into_iter().filter(|file| !is_test(file)).collect();
    let rooms: BTreeSet<String> = files.iter().map(|file| room(file)).collect();
    let mut imports = Imports::new();
    for file in files.iter().filter(|file| !["lib", "main"].contains(&&*room(file))) {
        let own = room(file);
        let text = code(file).join("\n");
        let named = text.split("crate::").skip(1).map(|rest| {
            let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
            rest[..end.unwrap_or(rest.len())].to_owned()
        });
        let others = named.filter(|name| *name != own && rooms.contains(name));
        imports.entry(own.clone()).or_default().extend(others);
    }
    imports
}

/// The first circle found, as the way round it.
fn circle(imports: &Imports) -> Option<Vec<String>> {
    fn visit<'a>(
        at: &'a str,
        imports: &'a Imports,
        way: &mut Vec<&'a str>,
        done: &mut BTreeSet<&'a str>,
    ) -> Option<Vec<String>> {
        if let Some(begin) = way.iter().position(|room| *room == at) {
            return Some(way[begin..].iter().chain([&at]).map(|&room| room.to_owned()).collect());
        }
        if !done.insert(at) {
            return None;
        }
        way.push(at);
        let found =
            imports.get(at).into_iter().flatten().find_map(|to| visit(to, imports, way, done));
        way.pop();
        found
    }
    let mut done = BTreeSet::new();
    imports.keys().find_map(|room| visit(room, imports, &mut Vec::new(), &mut done))
}

#[test]
fn no_circle_of_imports_between_folders() {
    for src in LAYERED {
        let imports = imports(&root().join(src));
        assert!(imports.values().any(|others| !others.is_empty()), "{src}: no import was found");
        let found = circle(&imports);
        assert!(found.is_none(), "{src}: {}", found.unwrap_or_default().join(" -> "));
    }
}

#[test]
fn a_circle_of_imports_is_named() {
    let graph = |arrows: &[(&str, &str)]| {
        let mut imports = Imports::new();
        for (from, to) in arrows {
            imports.entry((*from).to_owned()).or_default().insert((*to).to_owned());
        }
        imports
    };
    let tree = [("app", "http"), ("app", "config"), ("http", "net"), ("net", "config")];
    assert_eq!(circle(&graph(&tree)), None);
    let round = [("app", "http"), ("http", "net"), ("net", "config"), ("config", "http")];
    assert_eq!(circle(&graph(&round)).unwrap(), ["http", "net", "config", "http"]);
    assert_eq!(circle(&graph(&[("a", "b"), ("b", "a")])).unwrap(), ["a", "b", "a"]);
}
