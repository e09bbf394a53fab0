//! The threat model names for each control a test that shows it.

use std::fs;

use crate::harness::root;

/// The tests named in a line, each as its file and its name.
fn named(line: &str) -> Vec<(&str, &str)> {
    line.split('`').skip(1).step_by(2).filter_map(|quoted| quoted.split_once("::")).collect()
}

/// Whether a text of Rust or Python has a test of this name.
fn has_test(text: &str, name: &str) -> bool {
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

/// What is wrong with a threat model, one line each; `read` gives the text of a file.
fn faults(model: &str, read: impl Fn(&str) -> Option<String>) -> Vec<String> {
    let mut faults = Vec::new();
    let rows = model.lines().skip_while(|line| !line.starts_with("## Boundary"));
    for row in rows.filter(|line| line.starts_with("| ")) {
        let cells: Vec<&str> = row.trim_matches(['|', ' ']).split(" | ").collect();
        let &[stride, .., shown] = cells.as_slice() else { continue };
        if stride == "STRIDE" {
            continue;
        }
        if cells.len() != 4 || stride.split(", ").any(|word| !"STRIDE".contains(word)) {
            faults.push(format!("no row of four cells that begins with letters of STRIDE: {row}"));
        }
        let tests = named(shown);
        if tests.is_empty() {
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
    }
    faults
}

#[test]
fn every_control_of_the_threat_model_has_a_test_that_exists() {
    let model = fs::read_to_string(root().join("docs/threat-model.md")).unwrap();
    let found = faults(&model, |file| fs::read_to_string(root().join(file)).ok());
    assert!(found.is_empty(), "{}", found.join("\n"));
    for boundary in 1..=6 {
        assert!(model.contains(&format!("## Boundary {boundary}: ")), "boundary {boundary}");
    }
    let security = fs::read_to_string(root().join("SECURITY.md")).unwrap();
    assert!(security.contains("docs/threat-model.md") && model.contains("SECURITY.md"));
}

#[test]
fn a_control_without_a_test_is_named() {
    let read = |file: &str| {
        (file == "a.rs").then(|| "fn help() {}\n\n#[test]\nfn it_holds() {}\n".to_owned())
    };
    let check =
        |row: &str| faults(&format!("## Boundary 1: x\n\n| STRIDE | a | b | c |\n{row}\n"), read);
    assert_eq!(check("| S | who | how | `a.rs::it_holds` |"), [""; 0]);
    for (row, fault) in [
        ("| S | who | how | |", "no test is named"),
        ("| S | who | how | `a.rs` |", "no test is named"),
        ("| S | who | how | `a.rs::it_breaks` |", "has no test it_breaks"),
        ("| S | who | how | `a.rs::help` |", "has no test help"),
        ("| S | who | how | `b.rs::it_holds` |", "there is no b.rs"),
        ("| X | who | how | `a.rs::it_holds` |", "letters of STRIDE"),
        ("| S | who | `a.rs::it_holds` |", "four cells"),
    ] {
        let found = check(row);
        assert!(found.iter().any(|line| line.contains(fault)), "{row}: {found:?}");
    }
}
