//! Plans of duty, as they come out of the file.

use vitalgate_domain::model::alarm::Response;
use vitalgate_domain::model::duty::{Calling, DutyPlan};
use vitalgate_domain::model::time::{Span, Timestamp};

use super::Teams;
use crate::config::Site;

const EXAMPLE: &str = include_str!("../../../config/teams.toml");

/// One ward, one role: whoever has `shift` on `rest`.
const WARD: &str = "
[shifts]
day = \"06:00-22:00\"
night = \"22:00-06:00\"
early = \"00:00-02:30\"
late = \"02:30-00:00\"
[[person]]
id = \"a\"
[[person]]
id = \"b\"
[[person]]
id = \"c\"
[[team]]
id = \"icu\"
steps = [{ role = \"nurse\" }]
";

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn duty(shift: &str, people: &str, more: &str) -> String {
    format!(
        "[[duty]]\nteam = \"icu\"\nrole = \"nurse\"\nshift = \"{shift}\"\npeople = [{people}]\n{more}\n"
    )
}

fn berlin(text: &str, from: &str, days: i64) -> DutyPlan {
    let site: Site = toml::from_str("time_zone = \"Europe/Berlin\"").unwrap();
    let teams = Teams::parse(text, &[]).unwrap();
    teams.plan(&site.time_zone, at(from), Span::days(days))
}

fn who(plan: &DutyPlan, when: &str) -> Option<String> {
    let (team, role) = (&plan.teams[0].id, &plan.teams[0].steps[0].role);
    plan.on_duty(team, role, at(when)).map(|watch| watch.person.to_string())
}

fn holes(plan: &DutyPlan) -> Vec<String> {
    let words = |hole: vitalgate_domain::model::duty::Hole| {
        format!("{} {} {} {}", hole.team, hole.role, hole.from, hole.until)
    };
    plan.holes(plan.from).into_iter().map(words).collect()
}

#[test]
fn quiet_hours_go_over_midnight_and_by_the_clock_of_the_site() {
    let text = WARD.replace("id = \"b\"", "id = \"b\"\nquiet = \"22:00-06:00 mon,tue\"");
    // Sunday to Wednesday.
    let plan = berlin(&text, "2026-12-06T12:00:00+01:00", 3);
    let quiet: Vec<String> = plan
        .quiet
        .iter()
        .map(|quiet| format!("{} {} {}", quiet.person, quiet.from, quiet.until))
        .collect();
    assert_eq!(
        quiet,
        [
            "b 2026-12-07T21:00:00Z 2026-12-08T05:00:00Z",
            "b 2026-12-08T21:00:00Z 2026-12-09T05:00:00Z"
        ]
    );
    let during = berlin(&text, "2026-12-08T02:00:00+01:00", 1);
    assert_eq!(during.quiet[0].from, at("2026-12-07T21:00:00Z"), "what is going on");
}

#[test]
fn whose_own_a_channel_is_says_the_plan() {
    let text = WARD
        .replace(
            "id = \"a\"",
            "id = \"a\"\nchannels = [\"own\", \"both\", \"ward\"]\nsigns_in_as = \"anna\"",
        )
        .replace("id = \"b\"", "id = \"b\"\nchannels = [\"both\"]")
        .replace("role = \"nurse\" }", "role = \"nurse\", channels = [\"ward\"] }");
    let ids = ["own", "both", "ward", "other"].map(|id| id.parse().unwrap());
    let teams = Teams::parse(&text, &ids).unwrap();
    let actors = ids.map(|id| teams.actor_of(&id).map(str::to_owned));
    assert_eq!(actors, [Some("anna".to_owned()), None, None, None]);
    assert_eq!(teams.whose(&"own".parse().unwrap()).unwrap().as_str(), "a");
}

#[test]
fn the_example_is_whole() {
    let teams = Teams::parse(EXAMPLE, &[]).unwrap();
    for from in ["2026-11-30T12:00:00Z", "2027-03-20T00:00:00Z", "2027-10-25T03:00:00Z"] {
        let plan = teams.plan(&Site::default().time_zone, at(from), Span::days(60));
        assert_eq!(holes(&plan), [""; 0], "{from}");
    }
}

#[test]
fn nights_of_other_lengths_have_neither_hole_nor_two_nurses() {
    let text = format!("{WARD}{}{}", duty("day", "\"a\"", ""), duty("night", "\"b\"", ""));
    for (from, begins, ends, hours) in [
        ("2026-10-24T00:00:00Z", "2026-10-24T20:00:00Z", "2026-10-25T05:00:00Z", 9),
        ("2027-03-27T00:00:00Z", "2027-03-27T21:00:00Z", "2027-03-28T04:00:00Z", 7),
        ("2026-12-01T00:00:00Z", "2026-12-01T21:00:00Z", "2026-12-02T05:00:00Z", 8),
    ] {
        let plan = berlin(&text, from, 3);
        assert_eq!(holes(&plan), [""; 0], "{from}");
        let night = plan.watches.iter().find(|w| w.from == at(begins)).unwrap();
        assert_eq!((night.person.as_str(), night.until), ("b", at(ends)), "{from}");
        assert_eq!(night.until - night.from, Span::hours(hours), "{from}");
        for pair in plan.watches.windows(2) {
            assert_eq!(pair[0].until, pair[1].from, "{from}");
        }
    }
}

#[test]
fn a_time_that_is_skipped_or_comes_twice_parts_two_shifts_at_one_instant() {
    let text = format!("{WARD}{}{}", duty("early", "\"a\"", ""), duty("late", "\"b\"", ""));
    for (from, parts) in [
        ("2027-03-27T12:00:00Z", "2027-03-28T01:30:00Z"),
        ("2026-10-24T12:00:00Z", "2026-10-25T00:30:00Z"),
    ] {
        let plan = berlin(&text, from, 2);
        assert_eq!(holes(&plan), [""; 0], "{from}");
        let begun: Vec<_> = plan.watches.iter().map(|w| w.from).collect();
        assert!(begun.contains(&at(parts)), "{begun:?}");
    }
}

#[test]
fn a_hole_has_role_begin_and_end() {
    let text = format!(
        "{WARD}{}{}",
        duty("day", "\"a\"", ""),
        duty("night", "\"b\"", "days = \"working\"")
    );
    let plan = berlin(&text, "2026-12-04T12:00:00Z", 4);
    assert_eq!(
        holes(&plan),
        [
            "icu nurse 2026-12-05T21:00:00Z 2026-12-06T05:00:00Z",
            "icu nurse 2026-12-06T21:00:00Z 2026-12-07T05:00:00Z",
        ],
        "Friday's night is a working day's"
    );
    assert_eq!(who(&plan, "2026-12-05T22:00:00Z"), None);
    let nobody = berlin(WARD, "2026-12-04T12:00:00Z", 1);
    assert_eq!(holes(&nobody), ["icu nurse 2026-12-04T12:00:00Z 2026-12-05T12:00:00Z"]);
}

#[test]
fn people_take_turns_and_others_stand_in_for_them() {
    let turn = "turn = \"week\"\nsince = \"2026-11-30\"";
    let absent = |substitute: &str| {
        format!(
            "[[absence]]\nperson = \"b\"\nfrom = \"2026-12-09\"\nto = \"2026-12-10\"\n{substitute}\n"
        )
    };
    let text =
        format!("{WARD}{}{}", absent("substitute = \"c\""), duty("day", "\"a\", \"b\"", turn));
    let plan = berlin(&text, "2026-11-23T00:00:00Z", 30);
    let on = |day: &str| who(&plan, &format!("{day}T12:00:00Z")).unwrap();
    let days = [
        "2026-11-29",
        "2026-11-30",
        "2026-12-06",
        "2026-12-07",
        "2026-12-09",
        "2026-12-10",
        "2026-12-11",
        "2026-12-14",
    ];
    assert_eq!(days.map(on), ["b", "a", "a", "b", "c", "c", "b", "a"]);

    let nobody = format!("{WARD}{}{}", absent(""), duty("day", "\"a\", \"b\"", turn));
    assert_eq!(who(&berlin(&nobody, "2026-11-23T00:00:00Z", 30), "2026-12-09T12:00:00Z"), None);

    let circle = "[[absence]]\nperson = \"c\"\nfrom = \"2026-12-09\"\nto = \"2026-12-10\"\nsubstitute = \"b\"\n";
    let text =
        format!("{WARD}{}{circle}{}", absent("substitute = \"c\""), duty("day", "\"b\"", ""));
    assert_eq!(who(&berlin(&text, "2026-11-23T00:00:00Z", 30), "2026-12-09T12:00:00Z"), None);
}

#[test]
fn an_entry_for_one_day_takes_the_place_of_the_others() {
    let only = duty("night", "\"c\"", "date = \"2026-12-24\"");
    let text = format!("{WARD}{}{only}", duty("night", "\"a\"", ""));
    let plan = berlin(&text, "2026-12-20T00:00:00Z", 10);
    let at_night = |day: &str| who(&plan, &format!("{day}T23:00:00Z")).unwrap();
    assert_eq!(["2026-12-23", "2026-12-24", "2026-12-25"].map(at_night), ["a", "c", "a"]);
}

#[test]
fn shifts_of_one_person_that_follow_each_other_are_one() {
    let text = format!("{WARD}{}{}", duty("day", "\"a\"", ""), duty("night", "\"a\"", ""));
    let plan = berlin(&text, "2026-12-01T00:00:00Z", 5);
    assert_eq!(plan.watches.len(), 1);
    let a = &plan.watches[0].person;
    assert!(plan.on_duty_until(a, plan.from).is_some_and(|until| until >= plan.until));
}

#[test]
fn what_can_wait_waits_for_hours_and_working_days() {
    let holidays = "holidays = [\"12-25\", \"12-26\"]\n";
    let text = format!("{holidays}{WARD}{}", duty("night", "\"a\"", "on_call = true"));
    let plan = berlin(&text, "2026-12-23T00:00:00Z", 8);
    let calls = |response, when: &str| plan.calls(response, at(when));
    assert_eq!(calls(Response::Immediate, "2026-12-24T02:00:00Z"), Calling::Now);
    assert_eq!(calls(Response::NextWorkingDay, "2026-12-24T12:00:00Z"), Calling::Now);
    let monday = Calling::From(at("2026-12-28T07:00:00Z"));
    assert_eq!(calls(Response::NextWorkingDay, "2026-12-24T15:00:00Z"), monday);
    assert_eq!(calls(Response::SameDay, "2026-12-25T12:00:00Z"), Calling::Now);
    let morning = Calling::From(at("2026-12-25T07:00:00Z"));
    assert_eq!(calls(Response::SameDay, "2026-12-24T22:00:00Z"), morning);
    let asleep = &plan.watches[1];
    let wakes = |response| plan.calls_on(asleep, response, at("2026-12-24T22:00:00Z"));
    assert_eq!(wakes(Response::Immediate), Calling::Now);
    assert_eq!(wakes(Response::Prompt), Calling::From(at("2026-12-25T06:00:00Z")));
}

#[test]
fn what_is_wrong_is_named_with_its_place() {
    let refused = |text: &str| Teams::parse(text, &[]).unwrap_err();
    for (text, why) in [
        (duty("day", "\"z\"", ""), "line 20, column 11: there is nobody `z`"),
        (duty("noon", "\"a\"", ""), "line 19, column 9: there is no shift `noon`"),
        (duty("day", "", ""), "line 20, column 10: it names nobody"),
        (duty("day", "\"a\", \"b\"", ""), "`turn` and `since` are missing"),
        (
            duty("day", "\"a\"", "").replace("nurse", "chief"),
            "line 18, column 8: `chief` is no step",
        ),
        (
            duty("day", "\"a\"", "").replace("icu", "icv"),
            "line 17, column 8: there is no team `icv`",
        ),
        ("[[person]]\nid = \"a\"\n".to_owned(), "line 17, column 6: there are two of `a`"),
        (
            "[[person]]\nid = \"d\"\nsigns_in_as = \"a\"\n".to_owned(),
            "line 18, column 15: `a` is what `a` signs in as",
        ),
        ("[[person]]\nid = \"d\"\nchannels = [\"p\"]\n".to_owned(), "there is no channel `p`"),
        ("[[person]]\nid = \"d e\"\n".to_owned(), "line 17, column 6: `d e` is not an id"),
        ("[[team]]\nid = \"t\"\nsteps = []\n".to_owned(), "at least one step"),
        ("[hours]\nprompt = \"7-8\"\n".to_owned(), "line 17, column 10: `7-8` is no span"),
        ("[hours]\nprompts = \"7-8\"\n".to_owned(), "line 17, column 1: unknown field `prompts`"),
        (
            "[[absence]]\nperson = \"a\"\nfrom = \"2026-12-10\"\nto = \"2026-12-09\"\n".to_owned(),
            "line 18, column 8: it ends before it begins",
        ),
    ] {
        let refused = refused(&format!("{WARD}{text}"));
        assert!(refused.contains(why), "{refused}, not {why}");
    }
}
