use std::collections::BTreeSet;

use jiff::SignedDuration;

use super::*;
use crate::names;

const HOUR: i64 = 3600;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).unwrap()
}

fn every(interval: i64, count: i64) -> Vec<Measured> {
    let one = |n| Measured { at: at(n * interval), signal: names::HEART_RATE, value: 70.0 };
    (0..count).map(one).collect()
}

fn plan(measured: Vec<Measured>, reach: Reach) -> SenderPlan {
    let (device, clock) = ("dev-1".to_owned(), WrongClock::right());
    SenderPlan { device, measured, reach, clock, mode: Mode::Test, seed: 1 }
}

fn reaches() -> [Reach; 5] {
    let (from, to) = (at(HOUR), at(7 * HOUR));
    [
        Reach::Always,
        Reach::Away { from, to, order: Order::OldestFirst },
        Reach::Away { from, to, order: Order::NewestFirst },
        Reach::Visits { values: 7 },
        Reach::Lossy { longest: std::time::Duration::from_secs(600) },
    ]
}

fn stamps(sending: &Sending) -> (Timestamp, Vec<Timestamp>) {
    let Body::Telemetry { readings } = &sending.message.body else { panic!("not telemetry") };
    let time = |reading: &Reading| match reading.time {
        crate::wire::ReadingTime::At { at } => at.0,
        crate::wire::ReadingTime::Period { .. } => panic!("a period"),
    };
    (sending.message.sent_at.0, readings.iter().map(time).collect())
}

#[test]
fn the_same_seed_gives_the_same_bytes_at_the_same_times_and_another_does_not() {
    for reach in reaches() {
        let sent = |seed| {
            let plan = SenderPlan { seed, ..plan(every(60, 500), reach) };
            let one = |s: Sending| (s.at, s.visit, s.dup, s.topic.clone(), s.message.encode());
            plan.sendings().into_iter().map(one).collect::<Vec<_>>()
        };
        assert_eq!(sent(1), sent(1), "{reach:?}");
        assert_ne!(sent(1), sent(2), "{reach:?}");
    }
}

#[test]
fn everything_measured_is_sent_and_nothing_before_it_was_made() {
    for reach in reaches() {
        for seed in 0..20 {
            let plan = SenderPlan { seed, ..plan(every(60, 500), reach) };
            let sendings = plan.sendings();
            assert!(sendings.is_sorted_by_key(|s| s.at), "{reach:?} {seed}");
            let first = sendings.iter().filter(|s| !s.dup).flat_map(|s| s.carries.0..=s.carries.1);
            let all: Vec<usize> = first.collect();
            assert_eq!(all.len(), 500, "{reach:?} {seed}: each once, but for duplicates");
            assert_eq!(all.into_iter().collect::<BTreeSet<_>>().len(), 500, "{reach:?} {seed}");
            for sending in &sendings {
                assert!(stamps(sending).0 <= sending.at, "{reach:?} {seed}");
            }
        }
    }
}

#[test]
fn an_outbox_brings_what_waited_unchanged_in_its_order() {
    let live = plan(every(60, 600), Reach::Always).sendings();
    let (from, to) = (at(HOUR), at(7 * HOUR));
    for order in [Order::OldestFirst, Order::NewestFirst] {
        let sendings = plan(every(60, 600), Reach::Away { from, to, order }).sendings();
        assert!(sendings.iter().all(|s| s.at < at(HOUR + 1) || s.at >= to), "{order:?}: away");
        let waited: Vec<&Sending> =
            sendings.iter().filter(|s| s.at >= to && stamps(s).0 < to).collect();
        assert_eq!(waited.len(), 6 * 60);
        let sent_at: Vec<Timestamp> = waited.iter().map(|s| stamps(s).0).collect();
        match order {
            Order::OldestFirst => assert!(sent_at.is_sorted()),
            Order::NewestFirst => assert!(sent_at.iter().rev().is_sorted()),
        }
        for sending in waited {
            let same = &live[sending.carries.0].message;
            assert_eq!(
                sending.message.encode(),
                same.encode(),
                "the bytes of the hour it was made"
            );
        }
    }
}

#[test]
fn newest_first_lets_what_is_made_meanwhile_go_before_what_waits() {
    let (from, to) = (at(0), at(400));
    let reach = Reach::Away { from, to, order: Order::NewestFirst };
    let sendings = plan(every(1, 450), reach).sendings();
    let place = |n| sendings.iter().position(|s| s.carries.0 == n).unwrap();
    assert!(place(405) < place(10), "made at 405 s, while the oldest still wait");
}

#[test]
fn a_visit_brings_the_time_of_each_value_and_is_over_within_ten_seconds() {
    let sendings = plan(every(60, 70), Reach::Visits { values: 7 }).sendings();
    assert_eq!(sendings.len(), 10);
    for (n, sending) in sendings.iter().enumerate() {
        assert_eq!(sending.visit, n as u64, "each visit is a connection of its own");
        let (sent_at, times) = stamps(sending);
        let expected: Vec<Timestamp> = (0..7).map(|k| at((7 * n as i64 + k) * 60)).collect();
        assert_eq!(times, expected);
        assert!(sending.at.duration_since(expected[6]).as_secs() < 10, "{sent_at}");
    }
}

#[test]
fn a_link_that_breaks_brings_the_last_message_again_over_the_next_connection() {
    let reach = Reach::Lossy { longest: std::time::Duration::from_secs(600) };
    let sendings = plan(every(60, 500), reach).sendings();
    let again: Vec<usize> = (0..sendings.len()).filter(|n| sendings[*n].dup).collect();
    assert!(again.len() > 10, "{} breaks", again.len());
    for n in again {
        let (before, after) = (&sendings[n - 1], &sendings[n]);
        assert_eq!(before.message.encode(), after.message.encode());
        assert_eq!(before.visit + 1, after.visit);
    }
}

#[test]
fn a_wrong_clock_is_in_every_stamp_until_it_is_put_right() {
    let since = at(0);
    let cases = [
        (ClockError::Off(SignedDuration::from_hours(2)), at(60 + 2 * HOUR)),
        (ClockError::Off(SignedDuration::from_hours(-3)), at(60 - 3 * HOUR)),
        (ClockError::From1970, Timestamp::from_second(60).unwrap()),
        (ClockError::Standing, since),
        (ClockError::Right, at(60)),
    ];
    for (error, shown) in cases {
        let righted = Some(at(600));
        let clock = WrongClock { error, since, righted, says_ntp: true, reboot: None };
        let sendings = SenderPlan { clock, ..plan(every(60, 20), Reach::Always) }.sendings();
        assert_eq!(stamps(&sendings[1]), (shown, vec![shown]), "{error:?}");
        assert_eq!(sendings[9].message.clock.source, "manual");
        assert_eq!(stamps(&sendings[10]), (at(600), vec![at(600)]), "{error:?}: put right");
        assert_eq!(sendings[10].message.clock.source, "ntp");
    }
}

#[test]
fn a_start_with_an_earlier_number_counts_its_messages_from_one() {
    let reboot = Some(Reboot { at: at(600), boot: FIRST_BOOT - 1 });
    let clock = WrongClock { reboot, ..WrongClock::right() };
    let plan = SenderPlan { clock, ..plan(every(60, 20), Reach::Always) };
    let numbers: Vec<(u64, u64)> =
        plan.sendings().iter().map(|s| (s.message.boot, s.message.seq)).collect();
    assert_eq!(numbers[9..12], [(FIRST_BOOT, 10), (FIRST_BOOT - 1, 1), (FIRST_BOOT - 1, 2)]);
}
