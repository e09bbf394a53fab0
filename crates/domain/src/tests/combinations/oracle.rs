//! A naive judge of the same readings: at every half of a second everything again, from the whole list.

use proptest::prelude::*;

use super::*;
use crate::model::alarm::Condition;
use crate::model::message::{Comparator, ReadingTime, Value};
use crate::tests::scene::{at, restored};

/// Halves of a second, as is all that follows: what is sent is at even ones, and grows too old just after an odd one.
const BEGINS: i64 = 200;
const ENDS: i64 = 600;
const WITHIN: i64 = 81;
const DELAY: i64 = 20;
const CLEAR_DELAY: i64 = 50;

/// What is live at a bedside.
const LIVE: i64 = 120;

/// As many bounds of a series are remembered.
const BOUNDS: usize = 4;

/// Heart rate below 50, saturation below 90 and above 80, respiration above 30.
const CONDITIONS: [(&str, &str, f64, &str); 4] = [
    ("heart_rate", "below", 50.0, "/min"),
    ("spo2", "below", 90.0, "%"),
    ("spo2", "above", 80.0, "%"),
    ("respiratory_rate", "above", 30.0, "/min"),
];

/// What may be said: device, signal, value, whether it is a bound, and whether each condition holds by it.
type Says = (&'static str, &'static str, f64, Option<Comparator>, [Option<bool>; 4]);

const YES: Option<bool> = Some(true);
const NO: Option<bool> = Some(false);
const SAYS: [Says; 18] = [
    ("mon", "heart_rate", 70.0, None, [NO, None, None, None]),
    ("mon", "heart_rate", 50.0, None, [NO, None, None, None]),
    ("mon", "heart_rate", 49.9, None, [YES, None, None, None]),
    ("oxi", "heart_rate", 44.0, None, [YES, None, None, None]),
    ("oxi", "heart_rate", 80.0, None, [NO, None, None, None]),
    ("mon", "heart_rate", 50.0, Some(Comparator::Less), [YES, None, None, None]),
    ("mon", "heart_rate", 50.0, Some(Comparator::LessOrEqual), [None; 4]),
    ("mon", "spo2", 97.0, None, [None, NO, YES, None]),
    ("mon", "spo2", 90.0, None, [None, NO, YES, None]),
    ("mon", "spo2", 85.0, None, [None, YES, YES, None]),
    ("oxi", "spo2", 80.0, None, [None, YES, NO, None]),
    ("oxi", "spo2", 88.0, None, [None, YES, YES, None]),
    ("oxi", "spo2", 80.0, Some(Comparator::Less), [None, YES, NO, None]),
    ("oxi", "spo2", 89.0, Some(Comparator::LessOrEqual), [None, YES, None, None]),
    ("oxi", "spo2", 80.0, Some(Comparator::Greater), [None, None, YES, None]),
    ("mon", "respiratory_rate", 16.0, None, [None, None, None, NO]),
    ("mon", "respiratory_rate", 31.0, None, [None, None, None, YES]),
    ("mon", "respiratory_rate", 30.0, Some(Comparator::GreaterOrEqual), [None; 4]),
];

/// One thing that is sent, measured when it says.
#[derive(Clone, Copy, Debug)]
struct Sent {
    at: i64,
    measured: i64,
    says: Says,
}

impl Sent {
    fn is_of_series(&self, other: &Self) -> bool {
        (self.says.0, self.says.1) == (other.says.0, other.says.1)
    }
}

/// Met, not met, or undecided.
type Verdict = Option<bool>;

/// Of everything that came by then, just after it.
fn verdict(sent: &[Sent], at_least: usize, now: i64) -> Verdict {
    let mut live: Vec<Sent> = Vec::new();
    for one in sent.iter().filter(|one| one.at <= now) {
        let newest = live.iter().filter(|known| known.is_of_series(one)).map(|k| k.measured).max();
        let late = one.at - one.measured > LIVE;
        // Older than the newest of its series, or the same once more.
        if !late && newest.is_none_or(|newest| one.measured > newest) {
            live.push(*one);
        }
    }
    let remembered = |(place, one): &(usize, &Sent)| {
        let later = live[place + 1..].iter().filter(|later| later.is_of_series(one));
        one.says.3.is_none() || later.filter(|later| later.says.3.is_some()).count() < BOUNDS
    };
    let remembered: Vec<&Sent> =
        live.iter().enumerate().filter(remembered).map(|(_, one)| one).collect();
    let holds = |condition: usize| {
        let said = remembered.iter().filter_map(|one| Some((one.measured, one.says.4[condition]?)));
        let last = said.max().filter(|(measured, _)| now - measured < WITHIN);
        last.map(|(_, holds)| holds)
    };
    let all = [0, 1, 2, 3].map(holds);
    let hold = all.iter().filter(|one| **one == YES).count();
    let open = all.iter().filter(|one| one.is_none()).count();
    if hold >= at_least {
        YES
    } else if hold + open < at_least {
        NO
    } else {
        None
    }
}

/// Its alarm, if it has one that is open, by all verdicts up to then: after each message, and each half of a second.
fn alarm(verdicts: &[(i64, Verdict)]) -> Option<Condition> {
    let mut alarm: Option<Condition> = None;
    // Told, and not over since.
    let mut told = false;
    for (place, (now, verdict)) in verdicts.iter().enumerate() {
        let held = |time: i64, wanted: Verdict| {
            let before = verdicts[..place].iter().rev().take_while(|(_, was)| *was == wanted);
            before.last().is_some_and(|(since, _)| now - since >= time)
        };
        // What has held until now comes before what changes now.
        if !told && held(DELAY, YES) {
            (told, alarm) = (true, Some(Condition::Present));
        } else if told && held(CLEAR_DELAY, NO) {
            // A high one is latched.
            (told, alarm) = (false, Some(Condition::Absent));
        }
        match verdict {
            None if told => alarm = Some(Condition::Unknown),
            Some(true) if told => alarm = Some(Condition::Present),
            None | Some(_) => {}
        }
    }
    alarm
}

/// Every verdict, after each message and each half of a second.
fn all_verdicts(sent: &[Sent], at_least: usize) -> Vec<(i64, Verdict)> {
    let mut all = Vec::new();
    for now in BEGINS..ENDS {
        let before = sent.partition_point(|one| one.at < now);
        let by_now = sent.partition_point(|one| one.at <= now);
        // What grows too old now does before anything comes.
        let first = if before == by_now { before } else { before + 1 };
        all.extend((first..=by_now).map(|upto| (now, verdict(&sent[..upto], at_least, now))));
    }
    all
}

fn history() -> impl Strategy<Value = Vec<Sent>> {
    let times = (0..(ENDS - BEGINS) / 2, prop_oneof![4 => 0..3_i64, 1 => 0..80_i64]);
    let one = (times, 0..SAYS.len(), 0..6_i64);
    prop::collection::vec(one, 0..90).prop_map(|all| {
        let mut sent: Vec<Sent> = Vec::new();
        for ((second, age), says, again) in all {
            let at = BEGINS + second * 2;
            let one = Sent { at, measured: at - age * 2, says: SAYS[says] };
            sent.push(one);
            // The same once more, some time later.
            if again == 0 {
                sent.push(Sent { at: at + 14, ..one });
            }
        }
        sent.sort_by_key(|one| one.at);
        // Two values of one time contradict each other, which is another story.
        let mut told: Vec<Sent> = Vec::new();
        for one in sent {
            let same = |other: &&Sent| other.is_of_series(&one) && other.measured == one.measured;
            if told.iter().find(same).is_none_or(|other| other.says == one.says) {
                told.push(one);
            }
        }
        told
    })
}

fn send(scene: &mut Scene, sent: &Sent) {
    let (device, signal, value, bound, _) = sent.says;
    scene.send(device, signal, value, |_, reading| {
        reading.time = ReadingTime::At(at(sent.measured as f64 / 2.0));
        if let Value::Number { comparator, .. } = &mut reading.value {
            *comparator = bound;
        }
    });
}

fn stage(at_least: usize) -> Scene {
    let mut texts = texts("", "");
    let (rule, _) = TOGETHER.split_once("\n[[combination.condition]]").unwrap();
    let rule = rule.replace("within = \"60s\"", "within = \"40500ms\"");
    let rule = rule.replace("clear_delay = \"30s\"", "clear_delay = \"25s\"");
    let conditions = CONDITIONS.map(|(signal, side, figure, unit)| {
        let condition = format!("signal = \"{signal}\"\n{side} = {figure:?}\nunit = \"{unit}\"\n");
        format!("\n[[combination.condition]]\n{condition}")
    });
    let rule = format!("{rule}at_least = {at_least}\n{}", conditions.concat());
    texts.packs[0].text = rule;
    staged(texts)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn it_is_what_a_naive_judge_says(
        sent in history(),
        at_least in 1..=4_usize,
        restarted in BEGINS..ENDS,
    ) {
        let mut scene = stage(at_least);
        scene.advance(BEGINS as f64 / 2.0);
        let verdicts = all_verdicts(&sent, at_least);
        for now in BEGINS..ENDS {
            for one in sent.iter().filter(|one| one.at == now) {
                send(&mut scene, one);
            }
            if now == restarted {
                scene.core = restored(&scene.core);
            }
            scene.advance(0.25);
            let by_now = &verdicts[..verdicts.partition_point(|(at, _)| *at <= now)];
            let begun = sent.iter().any(|one| one.at <= now);
            if begun {
                prop_assert_eq!(scene.verdict(), by_now[by_now.len() - 1].1, "at {}", now);
            }
            let open = scene.find(RULE).map(|alarm| alarm.condition);
            prop_assert_eq!(open, alarm(by_now), "at {}", now);
            scene.advance(0.25);
        }
    }
}

#[test]
fn the_histories_hold_what_they_are_for() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let mut met = std::collections::BTreeSet::new();
    for case in 0..96 {
        let sent = history().new_tree(&mut runner).unwrap().current();
        let verdicts = all_verdicts(&sent, case % 4 + 1);
        for to in (0..verdicts.len()).step_by(10) {
            met.extend(alarm(&verdicts[..to]).map(|condition| condition.to_string()));
        }
        met.extend(verdicts.iter().map(|(_, verdict)| format!("{verdict:?}")));
    }
    let all = ["None", "Some(false)", "Some(true)", "absent", "present", "unknown"];
    assert_eq!(met.iter().map(String::as_str).collect::<Vec<_>>(), all);
}
