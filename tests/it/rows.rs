//! Each row of the table of transitions has tests of its name, and each word of the log stands in the contract.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use vitalgate_domain::output::transition::Change;

use crate::harness::root;
use crate::threats::{has_test, named};

const FOLDER: &str = "crates/domain/src/tests/rows";

fn text_of(file: &str) -> String {
    fs::read_to_string(root().join(file)).unwrap()
}

/// The part of a text below a heading, up to the next one.
fn below<'a>(text: &'a str, heading: &str) -> &'a str {
    let part = text.split(heading).nth(1).unwrap();
    part.split("\n#").next().unwrap()
}

/// The rows that a test is named after: `row_07_…`, `rows_22_25_and_26_…`.
fn rows_of(name: &str) -> BTreeSet<u32> {
    let numbers = name.split('_').filter(|word| word.len() == 2);
    numbers.filter_map(|word| word.parse().ok()).filter(|row| (1..=27).contains(row)).collect()
}

/// The tests of the folder, each with its file.
fn tests_of_rows() -> Vec<(String, String)> {
    let mut tests = Vec::new();
    for entry in fs::read_dir(root().join(FOLDER)).unwrap() {
        let file = format!("{FOLDER}/{}", entry.unwrap().file_name().to_str().unwrap());
        let text = text_of(&file);
        let names = text.split("fn row").skip(1).filter_map(|rest| rest.split('(').next());
        tests.extend(names.map(|rest| (file.clone(), format!("row{rest}"))));
    }
    tests
}

#[test]
fn each_row_of_the_contract_has_tests_of_its_name() {
    let contract = text_of("docs/contract.md");
    let first = |line: &str| line.strip_prefix("| ")?.split(' ').next()?.parse::<u32>().ok();
    let table = below(&contract, "### Transitions");
    let rows: BTreeSet<u32> = table.lines().filter_map(first).collect();
    assert!((1..=27).eq(rows.iter().copied()), "{rows:?}");

    let testing = text_of("docs/testing.md");
    let mut listed: BTreeMap<u32, BTreeSet<(String, String)>> = BTreeMap::new();
    for line in below(&testing, "## The rows of contract §5").lines() {
        let Some(row) = first(line) else { continue };
        for (file, name) in named(line) {
            let file = format!("{FOLDER}/{file}");
            assert!(has_test(&text_of(&file), name), "{file} has no test {name}");
            listed.entry(row).or_default().insert((file, name.to_owned()));
        }
    }
    for row in rows {
        assert!(listed.contains_key(&row), "no test is listed for row {row}");
    }
    for (file, name) in tests_of_rows() {
        for row in rows_of(&name) {
            let known = listed[&row].contains(&(file.clone(), name.clone()));
            assert!(known, "{name} is not listed for row {row}");
        }
    }
}

#[test]
fn each_word_of_the_log_stands_in_the_contract() {
    let contract = text_of("docs/contract.md");
    for change in Change::ALL {
        assert!(contract.contains(&format!("`{}`", change.as_str())), "{}", change.as_str());
    }
}
