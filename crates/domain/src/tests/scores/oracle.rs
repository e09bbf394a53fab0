//! A naive judge of the same readings: at every half of a second everything again, from the whole list.

use std::cmp::Reverse;

use proptest::prelude::*;

use super::*;
use crate::model::alarm::{Condition, Priority};
use crate::model::message::ReadingTime;
use crate::tests::scene::at;

/// Halves of a second, as is all that follows: what is sent is at even ones, and grows too old just after an odd one.
const BEGINS: i64 = 200;
const ENDS: i64 = 700;
const AGE: i64 = 81;
const AGE_SINGLE: i64 = 181;
const DELAY: i64 = 20;
const CLEAR_DELAY: i64 = 50;

/// What is live at a bedside.
const LIVE: i64 = 120;

const TEXTS: [(&str, &str); 4] = [
    ("age = \"15m\"", "age = \"40500ms\""),
    ("age_single = \"12h\"", "age_single = \"90500ms\""),
    ("delay = \"60s\"", "delay = \"10s\""),
    ("clear_delay = \"10m\"", "clear_delay = \"25s\""),
];

/// What may be said: input, device, signal, its place among those of the input, whether it is single, what, points.
type Says = (usize, &'static str, &'static str, u8, bool, &'static str, u8);

const SAYS: [Says; 24] = [
    (0, "mon", "respiratory_rate", 0, false, "16", 0),
    (0, "mon", "respiratory_rate", 0, false, "10", 1),
    (0, "mon", "respiratory_rate", 0, false, "26", 3),
    (1, "mon", "spo2", 0, false, "97", 0),
    (1, "oxi", "spo2", 0, false, "96", 0),
    (1, "oxi", "spo2", 0, false, "91", 3),
    (2, "chart", "supplemental_oxygen", 0, true, "air", 0),
    (2, "chart", "supplemental_oxygen", 0, true, "air", 0),
    (2, "chart", "supplemental_oxygen", 0, true, "oxygen", 2),
    (3, "chart", "nibp_sys", 0, true, "120", 0),
    (3, "chart", "nibp_sys", 0, true, "85", 3),
    (3, "mon", "abp_sys", 1, false, "118", 0),
    (3, "mon", "abp_sys", 1, false, "95", 2),
    (4, "mon", "heart_rate", 0, false, "70", 0),
    (4, "mon", "heart_rate", 0, false, "120", 2),
    (4, "oxi", "pulse_rate", 1, false, "71", 0),
    (4, "oxi", "pulse_rate", 1, false, "135", 3),
    (5, "chart", "consciousness", 0, true, "A", 0),
    (5, "chart", "consciousness", 0, true, "A", 0),
    (5, "chart", "consciousness", 0, true, "U", 3),
    (5, "chart", "consciousness", 0, true, "?", 9),
    (6, "chart", "temperature", 0, true, "37", 0),
    (6, "chart", "temperature", 0, true, "37.5", 0),
    (6, "chart", "temperature", 0, true, "39.1", 2),
];

/// One thing that is sent, measured when it says.
#[derive(Clone, Copy, Debug)]
struct Sent {
    at: i64,
    measured: i64,
    says: Says,
}

/// Total, whether it is complete, and its band.
type Score = (u8, bool, Option<Band>);

/// Of everything that came by then, just after it.
fn score(sent: &[Sent], now: i64) -> Score {
    let points = |input: usize| {
        let mut live: Vec<Sent> = Vec::new();
        for one in sent.iter().filter(|one| one.at <= now && one.says.0 == input) {
            let series = |sent: &&Sent| (sent.says.1, sent.says.2) == (one.says.1, one.says.2);
            let newest = live.iter().filter(series).map(|known| known.measured).max();
            let late = one.at - one.measured > LIVE && one.says.1 != "chart";
            // Older than the newest of its series, or the same once more.
            if !late && newest.is_none_or(|newest| one.measured > newest) {
                live.push(*one);
            }
        }
        let last = live.iter().filter(|one| one.says.5 != "?");
        let last = last.max_by_key(|one| (one.measured, Reverse(one.says.3), one.says.6));
        let age = |one: &&Sent| if one.says.4 { AGE_SINGLE } else { AGE };
        last.filter(|one| now - one.measured < age(one)).map(|one| one.says.6)
    };
    let points: Vec<Option<u8>> = (0..7).map(points).collect();
    let total: u8 = points.iter().flatten().sum();
    let band = match total {
        7.. => Some(Band::High),
        5.. => Some(Band::Medium),
        _ => points.contains(&Some(3)).then_some(Band::Single),
    };
    (total, points.iter().all(Option::is_some), band)
}

fn priority(band: Band) -> Priority {
    match band {
        Band::Single => Priority::Low,
        Band::Medium => Priority::Medium,
        Band::High => Priority::High,
    }
}

/// Its alarm, if it has one that is open, by all scores up to then: after each message, and each half of a second.
fn alarm(scores: &[(i64, Score)]) -> Option<(Condition, Priority)> {
    let mut alarm: Option<(Condition, Priority)> = None;
    // The gravest band told since it holds.
    let mut told: Option<Band> = None;
    for (place, (now, score)) in scores.iter().enumerate() {
        let held = |time: i64, wanted: &dyn Fn(&Score) -> bool| {
            let before = scores[..place].iter().rev().take_while(|(_, score)| wanted(score));
            before.last().is_some_and(|(since, _)| now - since >= time)
        };
        // What has held until now comes before what changes now.
        let reached = Band::ALL.into_iter().rev();
        let mut reached = reached.filter(|band| held(DELAY, &|score| score.2 >= Some(*band)));
        if let Some(band) = reached.next().filter(|band| told < Some(*band)) {
            told = Some(band);
            let peak = alarm.map_or(priority(band), |(_, peak)| peak.max(priority(band)));
            alarm = Some((Condition::Present, peak));
        } else if told.is_some() && held(CLEAR_DELAY, &|score| score.1 && score.2.is_none()) {
            told = None;
            let peak = alarm.map(|(_, peak)| peak).filter(|peak| *peak > Priority::Low);
            alarm = peak.map(|peak| (Condition::Absent, peak));
        }
        if let (Some((condition, peak)), Some(_)) = (&mut alarm, told) {
            match score {
                (_, false, None) => *condition = Condition::Unknown,
                (_, _, Some(band)) if *condition == Condition::Unknown => {
                    // Back, as the band it is in.
                    *condition = Condition::Present;
                    *peak = priority(*band).max(*peak);
                    told = told.max(Some(*band));
                }
                (_, _, Some(_)) | (_, true, None) => {}
            }
        }
    }
    alarm
}

/// Every score, after each message and each half of a second.
fn all_scores(sent: &[Sent]) -> Vec<(i64, Score)> {
    let mut scores = Vec::new();
    for now in BEGINS..ENDS {
        let before = sent.partition_point(|one| one.at < now);
        let by_now = sent.partition_point(|one| one.at <= now);
        // What grows too old now does before anything comes.
        let first = if before == by_now { before } else { before + 1 };
        scores.extend((first..=by_now).map(|upto| (now, score(&sent[..upto], now))));
    }
    scores
}

fn history() -> impl Strategy<Value = Vec<Sent>> {
    let one = (
        0..(ENDS - BEGINS) / 2,
        prop_oneof![4 => 0..3_i64, 1 => 0..80_i64],
        0..SAYS.len(),
        0..6_i64,
    );
    // Now and then everything at once: else hardly anything is complete.
    let all = (0..(ENDS - BEGINS) / 2, any::<[bool; 7]>());
    let whole = prop::collection::vec(all, 0..8);
    (prop::collection::vec(one, 0..60), whole).prop_map(|(single, whole)| {
        let mut sent: Vec<Sent> = Vec::new();
        for (second, age, says, again) in single {
            let at = BEGINS + second * 2;
            let one = Sent { at, measured: at - age * 2, says: SAYS[says] };
            sent.push(one);
            // The same once more, some time later.
            if again == 0 {
                sent.push(Sent { at: at + 14, ..one });
            }
        }
        for (second, worse) in whole {
            let at = BEGINS + second * 2;
            for (input, worse) in worse.into_iter().enumerate() {
                let all = || SAYS.iter().filter(|says| says.0 == input && says.5 != "?");
                let says = if worse && input % 2 == 0 { all().next_back() } else { all().next() };
                sent.extend(says.map(|says| Sent { at, measured: at, says: *says }));
            }
        }
        sent.sort_by_key(|one| one.at);
        // Two values of one time contradict each other, which is another story.
        let mut told: Vec<Sent> = Vec::new();
        for one in sent {
            let same = |other: &&Sent| {
                (other.says.1, other.says.2, other.measured)
                    == (one.says.1, one.says.2, one.measured)
            };
            if told.iter().find(same).is_none_or(|other| other.says.5 == one.says.5) {
                told.push(one);
            }
        }
        told
    })
}

fn send(scene: &mut Scene, sent: &Sent) {
    let (_, device, signal, _, _, what, _) = sent.says;
    let time = ReadingTime::At(at(sent.measured as f64 / 2.0));
    match what.parse() {
        Ok(value) => scene.send(device, signal, value, |_, reading| reading.time = time),
        Err(_) => scene.word_with(device, signal, what, |_, reading| reading.time = time),
    }
}

fn stage() -> Scene {
    let mut texts = texts("", "");
    for (old, new) in TEXTS {
        // `age` stands in `age_single` as well, and `delay` in `clear_delay`.
        let (old, new) = (format!("\n{old}"), format!("\n{new}"));
        assert!(texts.packs[0].text.contains(&old), "{old}");
        texts.packs[0].text = texts.packs[0].text.replace(&old, &new);
    }
    let mut scene = Scene::of(texts);
    scene.admit("p");
    for (device, class) in [("mon", "bedside"), ("oxi", "bedside"), ("chart", "charted")] {
        scene.device(device, class, &[]);
        scene.bind(device, "p");
    }
    scene
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn it_is_what_a_naive_judge_says(sent in history(), restarted in BEGINS..ENDS) {
        let mut scene = stage();
        scene.advance(BEGINS as f64 / 2.0);
        let scores = all_scores(&sent);
        for now in BEGINS..ENDS {
            for one in sent.iter().filter(|one| one.at == now) {
                send(&mut scene, one);
            }
            if now == restarted {
                scene.core = crate::tests::scene::restored(&scene.core);
            }
            scene.advance(0.25);
            let by_now = &scores[..scores.partition_point(|(at, _)| *at <= now)];
            prop_assert_eq!(scene.sum(), by_now[by_now.len() - 1].1, "at {}", now);
            let open = scene.find(RULE).map(|alarm| (alarm.condition, alarm.priority));
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
    for _ in 0..96 {
        let sent = history().new_tree(&mut runner).unwrap().current();
        let scores = all_scores(&sent);
        for to in (0..scores.len()).step_by(10) {
            met.extend(alarm(&scores[..to]).map(|(condition, _)| condition.to_string()));
        }
        met.extend(
            scores.iter().filter_map(|(_, score)| score.2).map(|band| band.as_str().to_owned()),
        );
        met.extend(scores.iter().any(|(_, score)| score.1).then(|| "complete".to_owned()));
    }
    let all = ["absent", "complete", "high", "medium", "present", "single", "unknown"];
    assert_eq!(met.iter().map(String::as_str).collect::<Vec<_>>(), all);
}
