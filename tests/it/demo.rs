//! `vitalgate demo`: one command, a ward, an alarm.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};

use crate::harness::eventually;
use crate::sse::Events;

/// A process that ends with its test.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        // It may have ended by itself, which the test then reports in its own words.
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

#[test]
fn the_demo_alarms_says_that_it_is_simulated_and_its_store_is_for_demos_only() {
    let dir = tempfile::tempdir().unwrap();
    let store = dir.path().join("demo");
    let mut demo = Ended(
        Command::new(env!("CARGO_BIN_EXE_vitalgate"))
            .arg("demo")
            .arg("--dir")
            .arg(&store)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap(),
    );
    let lines = BufReader::new(demo.0.stdout.take().expect("piped")).lines();
    let mut words = lines
        .map_while(Result::ok)
        .flat_map(|line| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>());
    let page = words.find(|word| word.starts_with("http://")).expect("the address of the page");
    let events = Events::open(&format!("{}/api/v1/stream", page.trim_end_matches('/')), None);
    let alarm = events.alarm("the first alarm of the ward", |a| a["kind"] == "physiological");
    assert_eq!(alarm.data["simulated"], true);
    drop(demo);

    let config = dir.path().join("gateway.toml");
    let text = format!("[site]\nid = \"site-1\"\n[store]\ndir = '{}'\n", store.display());
    std::fs::write(&config, text).unwrap();
    let mut run = Ended(
        Command::new(env!("CARGO_BIN_EXE_vitalgate"))
            .args(["run", "--open", "--config"])
            .arg(&config)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap(),
    );
    let status = eventually("`run` refuses a simulated store", || run.0.try_wait().unwrap());
    let mut printed = String::new();
    run.0.stderr.take().expect("piped").read_to_string(&mut printed).unwrap();
    assert!(!status.success() && printed.contains("simulated"), "{status}: {printed}");
}
