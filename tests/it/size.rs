//! A file of tests is split by scenario before it grows past what one reads at a sitting.

use std::fs;
use std::path::{Path, PathBuf};

use crate::harness::root;
use crate::tidy::sources;

/// The most lines of a file of tests or of a benchmark, comments and all.
const LINES: usize = 450;

/// Where they are: beside the sources only what a `tests` holds is theirs.
const FOLDERS: [&str; 7] = [
    "tests",
    "benches",
    "src",
    "simulators",
    "crates/domain/src",
    "crates/formats/src",
    "crates/store/src",
];

fn is_of_tests(file: &Path) -> bool {
    file.iter().any(|part| part == "tests" || part == "tests.rs" || part == "benches")
}

/// The files of tests in a folder below `base` that have more lines than they may.
fn outgrown(base: &Path, folder: &str) -> Vec<(PathBuf, usize)> {
    let files = sources(&base.join(folder)).into_iter();
    let counted = files.map(|file| {
        let lines = fs::read_to_string(&file).unwrap().lines().count();
        (file.strip_prefix(base).unwrap().to_owned(), lines)
    });
    counted.filter(|(file, lines)| is_of_tests(file) && *lines > LINES).collect()
}

#[test]
fn no_file_of_tests_outgrows_its_scenario() {
    let long: Vec<_> = FOLDERS.iter().flat_map(|folder| outgrown(root(), folder)).collect();
    assert!(long.is_empty(), "to be split by scenario: {long:?}");
}

#[test]
fn a_file_of_tests_with_a_line_too_many_is_found_and_a_source_is_not() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("tests")).unwrap();
    let most = "// a line\n".repeat(LINES);
    let more = format!("{most}// and one\n");
    for (name, text) in [("tests/most.rs", &most), ("tests/more.rs", &more), ("source.rs", &more)] {
        fs::write(dir.path().join(name), text).unwrap();
    }
    assert_eq!(outgrown(dir.path(), ""), [(PathBuf::from("tests/more.rs"), LINES + 1)]);
}
