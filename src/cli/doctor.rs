//! `doctor`: what the gateway needs of others, looked at.

use std::process::ExitCode;

use serde_json::json;
use vitalgate::operate::doctor::{self, Finding, Verdict};

use super::{ConfigArgs, runtime, say};

#[derive(Debug, clap::Args)]
pub(super) struct DoctorArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// Make the organisation and the bucket in InfluxDB where they are missing.
    #[arg(long)]
    fix: bool,
    /// As JSON, for programs.
    #[arg(long)]
    json: bool,
}

/// Exit 0 if nothing fails, else 1.
pub(super) fn run(args: &DoctorArgs) -> anyhow::Result<ExitCode> {
    let config = args.config.read()?;
    config.configuration()?;
    let findings = runtime()?.block_on(doctor::examine(&config, args.fix));
    let worst = findings.iter().map(|f| f.verdict).max().unwrap_or(Verdict::Ok);
    if args.json {
        say(&json!({ "verdict": worst, "findings": findings }).to_string());
    } else {
        for line in lines(&findings) {
            say(&line);
        }
        say(&summary(&findings));
    }
    Ok(if worst == Verdict::Fail { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn lines(findings: &[Finding]) -> Vec<String> {
    let part = findings.iter().map(|f| f.part.len()).max().unwrap_or(0);
    let what = findings.iter().map(|f| f.what.len()).max().unwrap_or(0);
    let mut lines = Vec::new();
    for f in findings {
        let verdict = f.verdict.as_str();
        lines.push(format!("{verdict:4}  {:part$}  {:what$}  {}", f.part, f.what, f.found));
        if let Some(advice) = &f.advice {
            lines.push(format!("{:4}  {:part$}  {:what$}  → {advice}", "", "", ""));
        }
    }
    lines
}

fn summary(findings: &[Finding]) -> String {
    let count = |verdict| findings.iter().filter(|f| f.verdict == verdict).count();
    let [ok, warn, fail] = [Verdict::Ok, Verdict::Warn, Verdict::Fail].map(count);
    format!("{ok} ok, {warn} to look at, {fail} failed")
}
