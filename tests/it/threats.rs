//! The threat model and the risk file name for each control a test that shows it.

use std::fs;

use crate::harness::root;

/// The tests named in a line, each as its file and its name.
pub(crate) fn named(line: &str) -> Vec<(&str, &str)> {
    line.split('`').skip(1).step_by(2).filter_map(|quoted| quoted.split_once("::")).collect()
}

/// Whether a text of Rust or Python has a test of this name.
pub(crate) fn has_test(text: &str, name: &str) -> bool {
    if text.contains(&format!("    def {name}(self)")) {
        return name.starts_with("test_");
    }
    let Some(at) = text.find(&format!("fn {name}(")) else { return false };
    // Its attributes: back to the end of whatever stands before it.
    let before = &text[..at];
    let begin = before.rfind(['}', ';']).unwrap_or(0);
    let attributes = &before[begin..];
    ["#[test]", "#[tokio::test", "proptest!"].iter().any(|mark| attributes.contains(mark))
}

/// The cells of one line of a table.
fn cells(line: &str) -> Vec<&str> {
    line.trim_matches(['|', ' ']).split(" | ").collect()
}

/// What is wrong with one row of a table with these columns; `read` gives the text of a file.
fn faults_of(row: &str, columns: &[&str], read: impl Fn(&str) -> Option<String>) -> Vec<String> {
    let mut faults = Vec::new();
    let cells = cells(row);
    if cells.len() != columns.len() {
        faults.push(format!("no row of {} cells: {row}", columns.len()));
    }
    let threat = columns[0] == "STRIDE";
    if threat && cells[0].split(", ").any(|word| !"STRIDE".contains(word)) {
        faults.push(format!("no letters of STRIDE: {row}"));
    }
    // Of threats only what is built is listed; a hazard stays one while nothing stands against it.
    let control =
        columns.iter().position(|column| *column == "Control").and_then(|at| cells.get(at));
    let open = !threat && control.is_some_and(|cell| cell.contains("not built yet"));
    let tests = named(cells[cells.len() - 1]);
    if tests.is_empty() && !open {
        faults.push(format!("no test is named: {row}"));
    }
    for (file, name) in tests {
        match read(file) {
            None => faults.push(format!("there is no {file}")),
            Some(text) if !has_test(&text, name) => {
                faults.push(format!("{file} has no test {name}"));
            }
            Some(_) => {}
        }
    }
    faults
}

/// What is wrong with all tables of a text, one line each; `read` gives the text of a file.
fn faults(text: &str, read: impl Fn(&str) -> Option<String>) -> Vec<String> {
    let mut faults = Vec::new();
    let mut columns = Vec::new();
    for line in text.lines() {
        if !line.starts_with('|') {
            columns.clear();
        } else if columns.is_empty() {
            columns = cells(line);
            if !columns.contains(&"Control") || !columns.ends_with(&["Shown by"]) {
                faults.push(format!("a table without `Control` that ends with `Shown by`: {line}"));
            }
        } else if !line.starts_with("|-") {
            faults.extend(faults_of(line, &columns, &read));
        }
    }
    faults
}

/// The text of a file of the repository.
fn text_of(file: &str) -> Option<String> {
    fs::read_to_string(root().join(file)).ok()
}

#[test]
fn every_control_of_the_threat_model_has_a_test_that_exists() {
    let model = text_of("docs/threat-model.md").unwrap();
    let found = faults(&model[model.find("## Boundary").unwrap()..], text_of);
    assert!(found.is_empty(), "{}", found.join("\n"));
    for boundary in 1..=6 {
        assert!(model.contains(&format!("## Boundary {boundary}: ")), "boundary {boundary}");
    }
    let security = text_of("SECURITY.md").unwrap();
    assert!(security.contains("docs/threat-model.md") && model.contains("SECURITY.md"));
}

#[test]
fn every_row_of_the_risk_file_has_a_test_that_exists_or_says_that_nothing_is_built() {
    let risks = text_of("docs/risks.md").unwrap();
    let found = faults(&risks, text_of);
    assert!(found.is_empty(), "{}", found.join("\n"));
    let failures = risks.split("## The 25 failures of others").nth(1).unwrap();
    let numbers = failures.lines().filter_map(|line| cells(line)[0].parse::<u32>().ok());
    assert!(numbers.eq(1..=25), "each of them once, in order");
}

#[test]
fn a_control_without_a_test_is_named() {
    let read = |file: &str| {
        (file == "a.rs").then(|| "fn help() {}\n\n#[test]\nfn it_holds() {}\n".to_owned())
    };
    let in_table = |columns: &str, row: &str| faults(&format!("{columns}\n|---|\n{row}\n"), read);
    let threat = |row: &str| in_table("| STRIDE | Threat | Control | Shown by |", row);
    let risk = |row: &str| in_table("| Hazard | Control | Left | Shown by |", row);
    for good in ["| S | who | how | `a.rs::it_holds` |", "| S, D | who | – | `a.rs::it_holds` |"]
    {
        assert_eq!(threat(good), [""; 0]);
    }
    for good in ["| it | how | some | `a.rs::it_holds` |", "| it | not built yet | all | – |"] {
        assert_eq!(risk(good), [""; 0]);
    }
    for (found, fault) in [
        (threat("| S | who | how | – |"), "no test is named"),
        (threat("| S | who | how | `a.rs` |"), "no test is named"),
        (threat("| S | who | not built yet | – |"), "no test is named"),
        (threat("| S | who | how | `a.rs::it_breaks` |"), "has no test it_breaks"),
        (threat("| S | who | how | `a.rs::help` |"), "has no test help"),
        (threat("| S | who | how | `b.rs::it_holds` |"), "there is no b.rs"),
        (threat("| X | who | how | `a.rs::it_holds` |"), "letters of STRIDE"),
        (threat("| S | who | `a.rs::it_holds` |"), "4 cells"),
        (risk("| it | how | not built yet | – |"), "no test is named"),
        (risk("| it | not built yet | all | `a.rs::it_breaks` |"), "has no test it_breaks"),
        (in_table("| Hazard | Left |", "| it | all |"), "a table without `Control`"),
    ] {
        assert!(found.iter().any(|line| line.contains(fault)), "{fault}: {found:?}");
    }
}
