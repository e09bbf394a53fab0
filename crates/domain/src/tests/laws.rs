//! The laws of the core over made-up stays (docs/architecture.md, "Invariants").

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::test_runner::Config;

use crate::core::Core;
use crate::core::snapshot::Part;
use crate::model::alarm::{Condition, Priority, State};
use crate::model::input::Input;
use crate::model::message::{Body, Message, ReadingTime};
use crate::model::time::{Span, Stamp, Timestamp};
use crate::output::transition::{Change, Transition, TransitionBody};
use crate::patient::LossWatch;

use super::world::{DEVICES, Row, SIGNALS, Step, World, fresh, how_sent, step};

/// 256 cases; `PROPTEST_CASES` asks for more.
fn config() -> Config {
    Config { failure_persistence: None, ..Config::default() }
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec(step(), 1..80)
}

type Parts = BTreeMap<(String, String), Vec<u8>>;

/// Adds what changed since a row to a snapshot.
fn snapshot(core: &Core, since: u64, parts: &mut Parts) {
    for (kind, key) in core.parts_since(since) {
        let Part { kind, key, body } = core.part(kind, &key).unwrap();
        parts.insert((kind.to_owned(), key), body);
    }
}

fn whole(core: &Core) -> Parts {
    let mut parts = Parts::new();
    snapshot(core, 0, &mut parts);
    parts
}

fn restore(parts: &Parts) -> Core {
    Core::restore(parts.iter().map(|((kind, key), body)| (&**kind, &**key, &**body))).unwrap()
}

fn replay(core: &mut Core, rows: &[Row]) -> Vec<Transition> {
    let mut caused = Vec::new();
    for row in rows {
        caused.extend(core.fold(core.row() + 1, row.now, &row.inputs()).transitions);
    }
    caused
}

fn lived(rows: &[Row]) -> Vec<Transition> {
    rows.iter().flat_map(|row| row.caused.clone()).collect()
}

/// The cores at their last row; what was lived may have gone on without one.
fn same_end(mut a: Core, mut b: Core, now: Stamp) {
    for core in [&mut a, &mut b] {
        core.advance(now).into_row();
    }
    assert_eq!(whole(&a), whole(&b), "the same end");
}

/// An index of `rows` for a share of 1000.
fn place(share: usize, rows: &[Row]) -> usize {
    share * rows.len() / 1_000
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn replay_equals_live_wherever_it_is_cut(steps in steps(), share in 0_usize..1000, half in 0_usize..1000) {
        let world = World::live(&steps);
        // The first row brings the configuration.
        let cut = 1 + place(share, &world.rows[1..]);
        let first = place(half, &world.rows[..cut]);
        let mut core = fresh();
        let mut parts = Parts::new();
        let mut replayed = replay(&mut core, &world.rows[..first]);
        snapshot(&core, 0, &mut parts);
        let since = core.row();
        replayed.extend(replay(&mut core, &world.rows[first..cut]));
        snapshot(&core, since, &mut parts);
        prop_assert_eq!(&parts, &whole(&core), "what changed is what is written");
        let mut core = restore(&parts);
        prop_assert_eq!(&whole(&core), &parts, "a snapshot survives its encoding");
        replayed.extend(replay(&mut core, &world.rows[cut..]));
        prop_assert_eq!(replayed, lived(&world.rows));
        same_end(core, world.scene.core, world.scene.now);
    }

    #[test]
    fn time_composes_and_batches_do_not_matter(steps in steps(), between in 0_i64..1000) {
        let world = World::live(&steps);
        let (mut one, mut other) = (fresh(), fresh());
        let (mut batched, mut otherwise) = (Vec::new(), Vec::new());
        let mut rest = world.rows.as_slice();
        while let Some(row) = rest.first() {
            let now = row.now;
            let alike = rest.iter().take_while(|other| other.now == now).count();
            let (batch, after) = rest.split_at(alike);
            rest = after;
            let inputs: Vec<Input> = batch.iter().flat_map(Row::inputs).collect();
            let is_gap = matches!(inputs.first(), Some(Input::IntakeGap { .. } | Input::ClockStep { .. }));
            // All at once.
            batched.extend(one.fold(one.row() + 1, now, &inputs).transitions);
            // One by one, woken in between.
            let before = other.now().at;
            let step = (now.at - before).as_micros() / 1_000 * between;
            if before > Timestamp::default() && !is_gap {
                let at = Stamp { at: before + Span::micros(step), offset: now.offset };
                otherwise.extend(other.advance(at).into_row().transitions);
                otherwise.extend(other.advance(now).into_row().transitions);
            }
            for input in inputs {
                otherwise.extend(other.fold(other.row() + 1, now, &[input]).transitions);
            }
        }
        for (a, b) in batched.iter().zip(&otherwise) {
            prop_assert_eq!(a, b);
        }
        prop_assert_eq!(batched.len(), otherwise.len());
        prop_assert_eq!(batched, lived(&world.rows));
        let row = |mut parts: Parts| {
            parts.remove(&("core".to_owned(), String::new()));
            parts
        };
        prop_assert_eq!(row(whole(&one)), row(whole(&other)));
    }

    #[test]
    fn a_window_without_intake_fires_nothing_early_and_loses_nothing(
        steps in steps(),
        window in 1_000_i64..4_000_000,
    ) {
        let world = World::live(&steps);
        let now = world.scene.now;
        let later = |ms: i64| Stamp { at: now.at + Span::millis(ms), offset: now.offset };
        let (mut absent, mut present) = (world.scene.core.clone(), world.scene.core);
        let (from, to) = (now.at, later(window));
        // What an earlier window put off is not put off again.
        let over = |gap: &crate::model::time::IntakeGap| gap.1 + Span::secs(10) <= from;
        prop_assume!(absent.head.intake_gaps.iter().all(over));
        // What limits that come into force judge again is not put off either.
        prop_assume!(absent.patients.values().all(|patient| patient.waiting_limits().next().is_none()));
        let mut early = absent.fold(absent.row() + 1, to, &[Input::IntakeGap { from, to: to.at }]).transitions;
        early.extend(absent.advance(later(window + 9_999)).into_row().transitions);
        // So is what was decided before, and waited because its device made too much news.
        let waited = |transition: &&Transition| match &transition.body {
            TransitionBody::Alarm { change: Change::Unknown, alarm, .. } => {
                alarm.condition_since <= now.wall()
            }
            _ => false,
        };
        for transition in early.iter().filter(|transition| !waited(transition)) {
            // What an alarm waits for is no data, and is not put off.
            let of_data = |(rule, _, change, _): (String, _, Change, _)| {
                of_data_alone(&rule) && matches!(change, Change::Raised | Change::Unknown)
            };
            prop_assert!(!fired(transition).is_some_and(of_data), "{:?}", transition);
        }
        let again = later(window + 10_000);
        let fires = |out: Vec<Transition>| {
            let mut all: Vec<_> = out.iter().filter_map(fired).collect();
            // Of several that were over under a pause the last is told, and which that is depends on when they end.
            all.retain(|(rule, _, change, _)| {
                of_data_alone(rule) && *change != Change::EndedWhilePaused
            });
            all.sort();
            // Rungs that were put off to one moment are one.
            all.dedup_by_key(|(_, id, ..)| id.clone());
            all.into_iter().map(|(rule, id, _, raised_at)| (rule, id, raised_at)).collect::<Vec<_>>()
        };
        // What followed from an emergency stands by itself 2 s after it.
        let settled = later(window + 12_000);
        let until = |core: &mut Core, mut out: Vec<Transition>| {
            out.extend(core.advance(again).into_row().transitions);
            out.extend(core.advance(settled).into_row().transitions);
            fires(out)
        };
        let fired_late = until(&mut absent, early);
        let meant = until(&mut present, Vec::new());
        prop_assert_eq!(fired_late, meant, "nothing is lost, and its own time stays");
    }

    #[test]
    fn doubt_clears_nothing_and_refreshes_nothing(
        steps in steps(),
        device in 0..DEVICES.len(),
        signal in 0..SIGNALS.len(),
        value in 0_usize..5,
        doubt in 0_usize..10,
    ) {
        let mut world = World::live(&steps);
        let (name, values) = SIGNALS[signal];
        let mut reading = world.scene.measured(name, values[value]);
        let mut message = world.scene.message(DEVICES[device].0);
        match doubt {
            0 => reading.time = ReadingTime::At(world.scene.now.wall() - Span::hours(400)),
            8 => reading.implausible = true,
            9 => reading.time = ReadingTime::At(world.scene.now.wall() + Span::mins(6)),
            // A timeline of its own, newer than any before, and further ahead than any step of the clock here.
            6 => {
                message.clock = Some(crate::model::message::Clock { source: None, timeline: Some(99) });
                message.sent_at = Some(world.scene.now.wall() + Span::hours(3));
            }
            how => how_sent(how, &mut message, &mut reading),
        }
        message.body = Body::Telemetry { readings: vec![reading], refused: Vec::new() };
        let before = world.scene.core.clone();
        let message: Box<Message> = Box::new(message);
        let core = &mut world.scene.core;
        let transitions = core.fold(core.row() + 1, world.scene.now, &[Input::Message(message)]).transitions;
        // A silence that another alarm tells of is told once, and what is raised needs no other measurement.
        let open: Vec<String> = core
            .patients
            .values()
            .flat_map(|patient| patient.alarms.iter())
            .map(|(key, _)| key.rule.to_string())
            .collect();
        let holds = |rule: &str| open.iter().any(|open| open == rule);
        let elsewhere = |rule: &str| match rule.strip_suffix("_repeat_due") {
            Some(asked_by) => holds(asked_by),
            None => {
                rule == "link.silence"
                    && (holds("link.zero_or_off") || holds("link.lost_while_pending"))
            }
        };
        for transition in transitions {
            let TransitionBody::Alarm { change, alarm, .. } = transition.body else { continue };
            if elsewhere(alarm.rule.as_str()) {
                continue;
            }
            prop_assert!(alarm.state != State::Closed, "{:?} {:?}", change, alarm);
            prop_assert!(alarm.condition != Condition::Absent, "{:?} {:?}", change, alarm);
        }
        for (id, was) in &before.patients {
            let is = &core.patients[id];
            for (source, state) in was.series.iter() {
                prop_assert_eq!(&is.series[source].latest, &state.latest);
            }
            for (is, was) in is.losses.iter().zip(&was.losses) {
                prop_assert_eq!(is.arrival, was.arrival, "nothing is back");
                let lasted = |watch: &LossWatch| watch.run.as_ref().map(|run| run.lasted);
                prop_assert!(is.off || lasted(is) == lasted(was), "{:?} {:?}", was, is);
            }
            for (is, was) in is.expectations.iter().zip(&was.expectations) {
                prop_assert_eq!((is.since, is.rung), (was.since, was.rung), "no sign of life");
            }
            for (key, open) in was.alarms.iter() {
                let still = is.alarms.get(key);
                if elsewhere(key.rule.as_str()) {
                    continue;
                }
                prop_assert!(still.is_some(), "{:?}", key);
                // One that had ended may begin again less badly; one that held may not get better.
                let held = matches!(open.alarm.condition, Condition::Present | Condition::Unknown);
                let worse = still.is_some_and(|s| s.alarm.priority >= open.alarm.priority);
                prop_assert!(worse || !held, "{:?}", key);
            }
        }
    }
}

/// A stay that broke a law: while its ward is paused, and its device has spent what it may tell, an alarm stops being
/// another's member. The world asks for an owner or a timer after every row.
#[test]
fn whoever_is_no_member_any_more_has_a_ladder_at_once_though_its_device_is_over_its_budget() {
    let burst = |seconds, value| Step::Burst { device: 3, signal: 0, value, seconds };
    let reading = |value, how| Step::Reading { device: 0, signal: 0, value, age: 0, how };
    let world = World::live(&[
        Step::Link(3, false),
        Step::Bind(3, 0),
        reading(2, 3),
        Step::Pause(2, 68),
        Step::Again(0),
        Step::Duty(1),
        Step::Wait(1),
        burst(1, 2),
        reading(0, 1),
        Step::Wait(5_000),
        Step::Storm(3, 120),
        burst(6, 0),
    ]);
    let alarms = world.scene.core.patients.values().flat_map(|patient| patient.alarms.iter());
    let mut paused = alarms.map(|(_, open)| &open.alarm).filter(|alarm| {
        alarm.priority == Priority::High && alarm.state == State::Paused && alarm.group.is_none()
    });
    assert!(paused.next().is_some(), "there is what the law is about");
}

/// Whether an alarm is about data, and not about the window itself, or who is on duty: a ladder begins with the
/// announcement.
fn of_data_alone(rule: &str) -> bool {
    rule != "gateway.deaf" && !rule.starts_with("duty.")
}

/// What an alarm's move says that the moment of its decision does not change.
fn fired(transition: &Transition) -> Option<(String, String, Change, Timestamp)> {
    match &transition.body {
        TransitionBody::Alarm { change, alarm, .. } => {
            Some((alarm.rule.to_string(), alarm.id.to_string(), *change, alarm.raised_at))
        }
        TransitionBody::Answer { .. }
        | TransitionBody::Note { .. }
        | TransitionBody::NotAllowed { .. }
        | TransitionBody::SignInsFailed(_) => None,
    }
}
