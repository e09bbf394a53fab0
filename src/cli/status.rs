//! `status`: the running gateway on one screen, or what its store says when none runs.

use std::path::Path;
use std::process::ExitCode;

use serde_json::json;
use vitalgate::clock::Clock;
use vitalgate::operate::control::{self, AskError};
use vitalgate::operate::status::{Line, Shown, StandingPause, Status};
use vitalgate_domain::model::time::{Span, Timestamp};
use vitalgate_store::{Reader, Space, Store};

use super::{StoreArgs, say};

#[derive(Debug, clap::Args)]
pub(super) struct StatusArgs {
    #[command(flatten)]
    store: StoreArgs,
    /// As JSON, for programs.
    #[arg(long)]
    json: bool,
}

/// Exit 0 if a gateway runs and is ready, else 1.
pub(super) fn run(args: &StatusArgs) -> anyhow::Result<ExitCode> {
    let dir = args.store.dir()?;
    let status = match control::status(&dir) {
        Ok(status) => status,
        Err(AskError::NotRunning) => {
            stopped(&dir, args.json)?;
            return Ok(ExitCode::FAILURE);
        }
        Err(error) => return Err(error.into()),
    };
    let space = Reader::of(&dir).ok().and_then(|reader| reader.space().ok());
    if args.json {
        say(&json!({ "running": true, "status": status, "bytes": space }).to_string());
    } else {
        for line in screen(&status, space.as_ref()) {
            say(&line);
        }
    }
    let ready = status.not_ready.is_empty();
    Ok(if ready { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn screen(status: &Status, space: Option<&Space>) -> Vec<String> {
    let word = if status.not_ready.is_empty() {
        "ready".to_owned()
    } else {
        format!("NOT READY: {}", status.not_ready.join("; "))
    };
    let simulated = if status.simulated { " (simulated)" } else { "" };
    let behind = (status.now - status.judged_to).as_secs_f64().max(0.0);
    let failing = match (status.store_failing, status.disk_full) {
        (true, _) => "FAILS TO COMMIT",
        (false, true) => "commits, DISK FULL: nothing of devices is taken in",
        (false, false) => "commits",
    };
    let mut lines = vec![
        format!("vitalgate {}  site {}{simulated}  {word}", status.version, status.site),
        row(
            "judged to",
            &format!(
                "{}, {behind:.1} s behind the clock; last step {:.1} s ago",
                status.judged_to.to_the_second(),
                status.last_step_s
            ),
        ),
        row(
            "store",
            &format!(
                "{failing}; {}",
                space.map_or_else(|| "its room cannot be read".to_owned(), room)
            ),
        ),
        row(
            "in flight",
            &format!(
                "{} messages, {} between socket and commit",
                status.inflight_messages,
                bytes(status.inflight_bytes as u64)
            ),
        ),
    ];
    lines.push(row("sources", &sources(status)));
    lines.push(row("sinks", &named(status, "sink_lag_seconds", |s| format!("{s:.0} s behind"))));
    lines.push(row("channels", &named(status, "delivery_wait_seconds", waits)));
    lines.push(row(
        "patients",
        &format!(
            "{}, of them {} not or only partly monitored",
            status.patients, status.unmonitored
        ),
    ));
    lines.push(row("screens", &status.watchers.to_string()));
    lines.push(row("alarms", &format!("{} open", status.open_alarms)));
    lines.extend(list("high", &status.high, status.now));
    lines.extend(list("silent", &status.silent, status.now));
    lines.extend(list("paused", &status.paused, status.now));
    lines.extend(pauses(&status.pauses));
    lines
}

fn sources(status: &Status) -> String {
    let connections = status.gauges.iter().find(|(name, _)| name == "connections");
    let listener = format!(
        "listener with {} connections; {} of {} devices connected",
        connections.map_or(0.0, |(_, count)| *count),
        status.connected,
        status.devices,
    );
    let connected = |value: f64| if value > 0.0 { "connected" } else { "NOT CONNECTED" }.to_owned();
    match named(status, "broker_connected", connected) {
        brokers if brokers == "none" => listener,
        brokers => format!("{listener}; brokers: {brokers}"),
    }
}

/// `NAME word` of each labelled gauge of one kind.
fn named(status: &Status, gauge: &str, word: impl Fn(f64) -> String) -> String {
    let of = |(name, value): &(String, f64)| {
        let label = name.strip_prefix(gauge)?.split('"').nth(1)?;
        Some(format!("{label} {}", word(*value)))
    };
    let all: Vec<String> = status.gauges.iter().filter_map(of).collect();
    if all.is_empty() { "none".to_owned() } else { all.join(", ") }
}

/// How a channel of alarms stands.
fn waits(seconds: f64) -> String {
    if seconds > 0.0 {
        format!("has not taken what is {seconds:.0} s old")
    } else {
        "ok".to_owned()
    }
}

fn row(name: &str, text: &str) -> String {
    format!("  {name:9}  {text}")
}

fn list(name: &str, shown: &Shown, now: Timestamp) -> Vec<String> {
    if shown.count == 0 {
        return vec![row(name, "none")];
    }
    let mut lines = vec![row(name, &shown.count.to_string())];
    lines.extend(shown.first.iter().map(|line| row("", &alarm(line, now))));
    let more = shown.count - shown.first.len();
    if more > 0 {
        lines.push(row("", &format!("and {more} more")));
    }
    lines
}

/// What is paused before it begins; none is not worth a line.
fn pauses(standing: &[StandingPause]) -> Vec<String> {
    let words = |StandingPause { of, by, reason, until }: &StandingPause| {
        format!("whatever begins of {of}, until {}, by {by}: {reason}", until.to_the_second())
    };
    standing.iter().map(|pause| row("", &words(pause))).collect()
}

fn alarm(line: &Line, now: Timestamp) -> String {
    let whose = line.patient.as_deref().or(line.device.as_deref()).unwrap_or("the gateway");
    let ward = line.ward.as_ref().map(|ward| format!(" in {ward}")).unwrap_or_default();
    let since = age(now - line.since);
    format!("{whose}{ward}: {} ({}, for {since})", line.text, line.state)
}

fn age(span: Span) -> String {
    let seconds = (span.as_micros() / 1_000_000).max(0);
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}

fn bytes(bytes: u64) -> String {
    let (mut value, mut unit) = (bytes as f64, "B");
    for larger in ["KiB", "MiB", "GiB", "TiB"] {
        if value < 1_024.0 {
            break;
        }
        (value, unit) = (value / 1_024.0, larger);
    }
    if unit == "B" { format!("{bytes} B") } else { format!("{value:.1} {unit}") }
}

fn room(space: &Space) -> String {
    format!(
        "{} and {} of log, of it journal {}, waveforms {}, free {}; {} left on the disk",
        bytes(space.file),
        bytes(space.log),
        bytes(space.journal),
        bytes(space.waves),
        bytes(space.free),
        bytes(space.disk_free),
    )
}

/// What is left to say when no gateway runs.
fn stopped(dir: &Path, as_json: bool) -> anyhow::Result<()> {
    if !Store::exists(dir) {
        if as_json {
            say(&json!({ "running": false, "store": null }).to_string());
        } else {
            say(&format!("no gateway runs here, and there is no store in {}", dir.display()));
        }
        return Ok(());
    }
    let reader = Reader::of(dir)?;
    let (identity, last, space) = (reader.identity()?, reader.last_row()?, reader.space()?);
    let now = Clock::system(Timestamp::default()).wall();
    if as_json {
        let last = last.map(|row| json!({ "n": row.n, "at": row.at + row.offset }));
        let store = json!({ "site": identity.site, "store": identity.store, "last_row": last, "bytes": space });
        say(&json!({ "running": false, "store": store }).to_string());
        return Ok(());
    }
    say(&format!("NO GATEWAY RUNS on {}: nobody is monitored by it", dir.display()));
    let simulated = if identity.is_simulated() { " (simulated)" } else { "" };
    say(&row("store", &format!("site {}{simulated}; {}", identity.site, room(&space))));
    let last = last.map_or_else(
        || "none yet".to_owned(),
        |row| {
            let at = (row.at + row.offset).to_the_second();
            format!("{} of {at}, {} ago", row.n, age(now - at))
        },
    );
    say(&row("last row", &last));
    say(if identity.simulated {
        "  start it with `vitalgate demo --dir`"
    } else {
        "  start it with `vitalgate run` or `systemctl start vitalgate`"
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_screen_names_what_is_wrong_and_counts_the_rest() {
        let now = Timestamp::from_millis(1_800_000_000_000);
        let line = Line {
            patient: Some("p1".into()),
            ward: Some("w1".into()),
            text: "SpO2 79 % below 80 %".into(),
            state: "alarming".into(),
            since: now - Span::mins(3),
            ..Line::default()
        };
        let status = Status {
            now,
            judged_to: now - Span::secs(7),
            not_ready: vec!["judgement is 7.0 s behind".into()],
            high: Shown { count: 2, first: vec![line] },
            pauses: vec![StandingPause {
                of: "rule link.silence, bed b1".into(),
                by: "anna".into(),
                reason: "CT".into(),
                until: now + Span::mins(30),
            }],
            gauges: vec![
                ("broker_connected{broker=\"b1\"}".into(), 0.0),
                ("delivery_wait_seconds{channel=\"pager\"}".into(), 0.0),
                ("delivery_wait_seconds{channel=\"sms\"}".into(), 95.0),
            ],
            ..Status::default()
        };
        let screen = screen(&status, None).join("\n");
        for expected in [
            "NOT READY: judgement is 7.0 s behind",
            "7.0 s behind the clock",
            "p1 in w1: SpO2 79 % below 80 % (alarming, for 3 min)",
            "and 1 more",
            "brokers: b1 NOT CONNECTED",
            "paused     none",
            "channels   pager ok, sms has not taken what is 95 s old",
            "whatever begins of rule link.silence, bed b1, until 2027-01-15T08:30:00Z, by anna: CT",
        ] {
            assert!(screen.contains(expected), "{expected}\n{screen}");
        }
    }

    #[test]
    fn bytes_and_ages_are_for_people() {
        assert_eq!([bytes(512), bytes(1_536), bytes(3 << 30)], ["512 B", "1.5 KiB", "3.0 GiB"]);
        assert_eq!(age(Span::secs(-5)), "0 s");
        assert_eq!([age(Span::mins(5)), age(Span::days(3))], ["5 min", "3 days"]);
    }
}
