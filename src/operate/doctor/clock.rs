//! The machine's clock: whether it is synchronised, and whether it agrees with the store.

use std::path::Path;

use super::Findings;
use crate::clock::Clock;
use crate::config;
use crate::operate::synchronised;
use vitalgate_domain::model::input::Synchronised;
use vitalgate_domain::model::time::{Span, Timestamp};
use vitalgate_store::{LastRow, Reader, Store};

const CURE: &str = "start a time service (chrony, systemd-timesyncd); in a container, on the host";

pub(super) async fn examine(clock: &config::Clock, dir: &Path) -> Findings {
    let mut findings = Findings::of("clock");
    judge(&synchronised::ask(&clock.check).await, &mut findings);
    let last = if Store::exists(dir) {
        Reader::of(dir).ok().and_then(|reader| reader.last_row().ok()?)
    } else {
        None
    };
    let wall = Clock::system(Timestamp::default()).wall();
    against_the_store(wall, last, &mut findings);
    findings
}

fn judge(word: &Synchronised, findings: &mut Findings) {
    match word {
        Synchronised::Yes => findings.ok("synchronised", "the kernel's clock follows a time service"),
        Synchronised::No => findings.warn(
            "synchronised",
            "the kernel's clock follows no time service; ages, delays and lateness are as wrong as it is",
            CURE,
        ),
        Synchronised::Unknown(why) => findings.warn(
            "synchronised",
            format!("it is not known whether the clock follows a time service: {why}"),
            format!("{CURE}; or name a program that knows in clock.check"),
        ),
        Synchronised::NotAsked => findings.ok("synchronised", "not asked for: clock.check is empty"),
    }
}

fn against_the_store(wall: Timestamp, last: Option<LastRow>, findings: &mut Findings) {
    let wall = wall.to_the_second();
    if wall < Timestamp::YEAR_2000 {
        return findings.fail("time", format!("it shows {wall}"), "set it before starting");
    }
    let Some(last) = last else { return findings.ok("time", format!("it shows {wall}")) };
    let last = (last.at + last.offset).to_the_second();
    let found = format!("it shows {wall}; the store's last row is of {last}");
    if wall + Span::secs(1) < last {
        let advice = "the clock was set back, or the store ran ahead: set the clock; the gateway's own \
                      time goes on from the last row";
        findings.fail("time", found, advice);
    } else {
        findings.ok("time", found);
    }
}

#[cfg(test)]
mod tests {
    use super::super::Verdict;
    use super::*;

    #[test]
    fn a_clock_behind_the_store_fails() {
        let row =
            |at| LastRow { n: 1, at: Timestamp::from_millis(at), offset: Span::ZERO, core: 1 };
        let of = |wall, last: Option<i64>| {
            let mut findings = Findings::of("clock");
            against_the_store(Timestamp::from_millis(wall), last.map(row), &mut findings);
            findings.list[0].verdict
        };
        let now = 1_800_000_000_000;
        assert_eq!(of(now, None), Verdict::Ok);
        assert_eq!(of(now, Some(now - 1)), Verdict::Ok);
        assert_eq!(of(now, Some(now + 60_000)), Verdict::Fail);
        assert_eq!(of(0, None), Verdict::Fail);
    }
}
