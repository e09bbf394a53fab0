//! Rules that make no sense are refused, with line and column.

use super::*;
use crate::core::configuration::Configuration;

const HEART_RATE: &str =
    "[[combination.condition]]\nsignal = \"heart_rate\"\nbelow = 50\nunit = \"/min\"\n";
const OPPOSITE: &str = "signal = \"spo2\"\nabove = 95\nunit = \"%\"";

#[test]
fn a_combination_that_makes_no_sense_is_refused_with_its_place() {
    let of_heart_rate = HEART_RATE.trim_start_matches("[[combination.condition]]\n").trim_end();
    for (old, new, place, said) in [
        (HEART_RATE, "", "line 3, column 6", "it names 1 conditions"),
        ("within = \"60s\"", "at_least = 0\nwithin = \"60s\"", "line 5, column 12", "from 1 to 2"),
        ("within = \"60s\"", "at_least = 3\nwithin = \"60s\"", "line 5, column 12", "from 1 to 2"),
        ("within = \"60s\"", "within = \"0s\"", "line 5, column 10", "`within` is some time"),
        ("within = \"60s\"", "within = \"745h\"", "line 5, column 10", "31 days"),
        ("unit = \"/min\"", "unit = \"mm[Hg]\"", "line 15, column 8", "does not fit heart_rate"),
        ("unit = \"/min\"", "unit = \"per blink\"", "line 15", "per blink"),
        ("unit = \"/min\"", "", "line 12", "missing field `unit`"),
        ("\"heart_rate\"", "\"heart\"", "line 13, column 10", "`heart` is no signal"),
        ("\"heart_rate\"", "\"consciousness\"", "line 13, column 10", "has no numbers"),
        ("below = 50", "", "line 12, column 1", "either below or above"),
        ("below = 50", "below = 50\nabove = 90", "line 12, column 1", "either below or above"),
        ("below = 50", "below = nan", "line 14, column 9", "write a number"),
        (of_heart_rate, OPPOSITE, "line 3, column 6", "no more than 1 of its conditions"),
        (
            of_heart_rate,
            "signal = \"spo2\"\nbelow = 90\nunit = \"%\"",
            "line 17, column 1",
            "stands twice",
        ),
        ("# wards = [\"west\"]", "wards = []", "line 4, column 9", "names none"),
        ("delay = \"10s\"", "dely = \"10s\"", "line 6", "unknown field `dely`"),
        ("clear_delay = \"30s\"", "", "", "missing field `clear_delay`"),
    ] {
        let refused = Configuration::parse(texts(old, new)).unwrap_err().to_string();
        assert!(refused.starts_with("pack `together`: "), "{refused}");
        assert!(refused.contains(place) && refused.contains(said), "{place}, {said}: {refused}");
    }
}

#[test]
fn conditions_of_one_signal_may_exclude_each_other_where_fewer_are_asked_for() {
    let beside = format!("[[combination.condition]]\n{OPPOSITE}\n{HEART_RATE}");
    let with = |at_least: &str| {
        let mut texts = texts(HEART_RATE, &beside);
        let text = &mut texts.packs[0].text;
        *text = text.replace("within =", &format!("at_least = {at_least}\nwithin ="));
        Configuration::parse(texts)
    };
    assert!(with("2").is_ok());
    let refused = with("3").unwrap_err().to_string();
    assert!(refused.contains("line 5, column 12: no more than 2"), "{refused}");
}
