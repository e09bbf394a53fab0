//! Reads histories as JSON lines from standard input, gives each step to the core, and writes what
//! came of it, one line a step. The second judge (`tests/model`) does the same from the contract alone.
//!
//! ```text
//! stdin ─▶ step: its JSON ─▶ stage: the core, step by step ─▶ answer: what people see ─▶ stdout
//! ```

mod answer;
mod duty;
mod stage;
mod step;

use std::io::{BufRead, Write};

use anyhow::{Context, bail};

use crate::stage::Stage;
use crate::step::Line;

fn main() -> anyhow::Result<()> {
    let packs = packs(std::env::args().skip(1))?;
    let mut out = std::io::stdout().lock();
    let mut stage: Option<Stage> = None;
    for (number, line) in std::io::stdin().lock().lines().enumerate() {
        let line = line?;
        let parsed = serde_json::from_str(&line).with_context(|| format!("line {}", number + 1))?;
        match parsed {
            Line::Header(header) => stage = Some(Stage::new(&header, &packs)?),
            Line::Step(step) => {
                let stage = stage.as_mut().context("a step before the first line of a history")?;
                let answer =
                    stage.step(&step).with_context(|| format!("line {}: {line}", number + 1))?;
                serde_json::to_writer(&mut out, &answer)?;
                out.write_all(b"\n")?;
                out.flush()?;
            }
        }
    }
    Ok(())
}

/// `--packs news2`, several with commas: switched on in every history that does not name its own.
fn packs(mut args: impl Iterator<Item = String>) -> anyhow::Result<Vec<String>> {
    match (args.next().as_deref(), args.next(), args.next()) {
        (None, ..) => Ok(Vec::new()),
        (Some("--packs"), Some(names), None) => Ok(names.split(',').map(str::to_owned).collect()),
        _ => bail!("only `--packs NAME,…` is known"),
    }
}
