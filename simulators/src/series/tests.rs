use std::collections::BTreeSet;

use super::*;

fn begin() -> Timestamp {
    "2026-11-21T10:00:00Z".parse().unwrap()
}

fn lines(case: Case, seed: u64) -> String {
    let lines = case.series(seed, begin(), Mode::Real).lines();
    lines.iter().map(Value::to_string).collect::<Vec<_>>().join("\n")
}

#[test]
fn there_are_nine_hundred_cases_each_with_a_name_of_its_own() {
    let names: BTreeSet<String> = all().into_iter().map(Case::name).collect();
    assert_eq!((all().len(), names.len()), (900, 900));
    assert!(names.contains("cgm-glucose/just-beyond/outbox-newest"), "{names:?}");
}

#[test]
fn the_same_seed_gives_the_same_histories_and_another_does_not() {
    let some: Vec<Case> = all().into_iter().step_by(37).collect();
    let text = |seed| some.iter().map(|case| lines(*case, seed)).collect::<String>();
    assert_eq!(text(1), text(1));
    assert_ne!(text(1), text(2));
}

#[test]
fn a_history_goes_forward_in_time_and_says_when_each_value_came() {
    for case in all() {
        let lines = case.series(1, begin(), Mode::Real).lines();
        let times: Vec<f64> = lines[1..].iter().map(|line| line["t"].as_f64().unwrap()).collect();
        assert!(times.is_sorted(), "{}", case.name());
        let truth = lines[0]["truth"]["measured"].as_array().unwrap();
        for value in truth {
            let (measured, arrived) = (value[0].as_f64().unwrap(), value[2].as_f64().unwrap());
            assert!(measured < arrived && times.contains(&arrived), "{}: {value}", case.name());
        }
    }
}

#[test]
fn what_happens_is_beyond_its_limit_as_long_as_its_name_says() {
    let facts = Cohort::BedsideSpo2.facts();
    let longest = |course: Course| {
        let values = course.values(&facts, 80, &mut Rng::new(1));
        let runs = values.split(|value| *value >= facts.limit || value.is_nan());
        runs.map(<[f64]>::len).max().unwrap()
    };
    let delay = facts.delays.0;
    assert!(longest(Course::Step) > delay + 1);
    assert_eq!(longest(Course::JustBeyond), delay + 2);
    assert_eq!(longest(Course::JustBelow), delay - 1);
    assert!(longest(Course::Oscillating) < delay);
}

#[test]
fn a_case_that_is_sent_now_comes_back_now_if_its_sender_was_away() {
    for case in all().into_iter().filter(|case| case.course == Course::Step) {
        let series = case.series_now(1, begin(), Mode::Test);
        let first = series.sendings()[0].at;
        let away = [Way::OutboxOldest, Way::OutboxNewest, Way::FirstContact].contains(&case.way);
        if away {
            assert_eq!(first, begin(), "{}", case.name());
        } else {
            assert!(first > begin(), "{}: what it measured before was never", case.name());
        }
    }
}

#[test]
fn a_case_is_found_by_its_name_and_no_other() {
    for case in all() {
        assert_eq!(case.name().parse(), Ok(case));
    }
    assert!("cgm-glucose/ramp".parse::<Case>().unwrap_err().contains("--names"));
}
