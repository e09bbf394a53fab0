//! Where a plan that is put would leave nobody who is called, and somebody is by the one before: that is asked about first.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::left_out::{Places, RESPONSES};
use vitalgate_domain::model::alarm::Response;
use vitalgate_domain::model::duty::{DutyPlan, Team};
use vitalgate_domain::model::ids::{DutyRole, WardId};
use vitalgate_domain::model::time::Timestamp;

/// Whose alarms somebody answers for, or nobody.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unanswered {
    /// Of those in a ward.
    Ward(WardId),
    /// Of patients in no ward.
    NoWard,
    /// Of the gateway itself.
    Gateway,
}

/// That is no place a plan answers for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("say `ward/ID`, `no_ward` or `gateway`")]
pub struct NoPlace;

/// Where nobody would be called any more by `after` for some alarms for which `before` calls somebody; and where patients
/// may be at all if it has no team for them. Without `before` nobody knows whom it called: then it is as if it had called somebody for every patient.
pub fn leaves_nobody(
    before: Option<&DutyPlan>,
    after: &DutyPlan,
    places: Option<&Places>,
    now: Timestamp,
) -> BTreeSet<Unanswered> {
    let no_team = !after.teams.iter().any(|team| !team.gateway);
    let plans = || before.into_iter().chain([after]);
    let packs: BTreeSet<&str> = plans()
        .flat_map(|plan| &plan.teams)
        .flat_map(|team| &team.packs)
        .map(String::as_str)
        .collect();
    let packs = || packs.iter().map(|pack| Some(*pack)).chain([None]);
    let is_lost = |place: &Unanswered| {
        let alarms = RESPONSES.into_iter().flat_map(|of| packs().map(move |pack| (pack, of)));
        let lost = |alarm| {
            let of_patients = *place != Unanswered::Gateway;
            let called = |before: &DutyPlan| calls(before, place, alarm, now);
            let was = before.map_or(of_patients, called);
            let matters = was || (no_team && of_patients);
            matters && !calls(after, place, alarm, now)
        };
        alarms.into_iter().any(lost)
    };
    all_places(before, places).into_iter().filter(is_lost).collect()
}

/// Where somebody may have to be called; where nobody knows where patients are, wherever the plan before says so.
fn all_places(before: Option<&DutyPlan>, places: Option<&Places>) -> BTreeSet<Unanswered> {
    let mut all = BTreeSet::from([Unanswered::Gateway]);
    if let Some(places) = places {
        all.extend(places.in_use.iter().cloned().map(Unanswered::Ward));
        all.extend(places.in_none.then_some(Unanswered::NoWard));
        return all;
    }
    for team in before.into_iter().flat_map(|plan| &plan.teams).filter(|team| !team.gateway) {
        all.extend(team.wards.iter().cloned().map(Unanswered::Ward));
        all.extend(team.wards.is_empty().then_some(Unanswered::NoWard));
    }
    all
}

/// Whether anybody is on duty, at some time of a plan, for alarms of a pack and response class.
fn calls(
    plan: &DutyPlan,
    place: &Unanswered,
    (pack, response): (Option<&str>, Response),
    now: Timestamp,
) -> bool {
    let here = |team: &Team| match place {
        Unanswered::Gateway => team.gateway,
        Unanswered::NoWard => !team.gateway && team.wards.is_empty(),
        Unanswered::Ward(ward) => {
            !team.gateway && (team.wards.is_empty() || team.wards.contains(ward))
        }
    };
    let of_pack = |team: &Team| {
        team.packs.is_empty() || pack.is_some_and(|pack| team.packs.iter().any(|own| own == pack))
    };
    let of_class = |team: &Team| team.responses.is_empty() || team.responses.contains(&response);
    // The first team that serves an alarm answers for it.
    let team = plan.teams.iter().find(|team| here(team) && of_pack(team) && of_class(team));
    team.is_some_and(|team| {
        let asked = |role: &DutyRole| team.steps.iter().any(|step| step.role == *role);
        let mut watches = plan.watches.iter().filter(|watch| watch.team == team.id);
        watches.any(|watch| watch.until > now && asked(&watch.role))
    })
}

impl Unanswered {
    /// In words.
    pub fn words(&self) -> String {
        match self {
            Self::Ward(ward) => format!("ward {ward}"),
            Self::NoWard => "patients in no ward".to_owned(),
            Self::Gateway => "the gateway itself".to_owned(),
        }
    }
}

impl fmt::Display for Unanswered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ward(ward) => write!(f, "ward/{ward}"),
            Self::NoWard => f.write_str("no_ward"),
            Self::Gateway => f.write_str("gateway"),
        }
    }
}

impl FromStr for Unanswered {
    type Err = NoPlace;

    fn from_str(text: &str) -> Result<Self, NoPlace> {
        match text.strip_prefix("ward/") {
            Some(ward) => ward.parse().map(Self::Ward).map_err(|_| NoPlace),
            None if text == "no_ward" => Ok(Self::NoWard),
            None if text == "gateway" => Ok(Self::Gateway),
            None => Err(NoPlace),
        }
    }
}

impl Serialize for Unanswered {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Unanswered {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(|error| D::Error::custom(format!("`{text}`: {error}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use vitalgate_domain::model::time::Span;

    const NOW: &str = "2026-11-18T12:00:00Z";
    const ONE: &str = r#"
[shifts]
day = "08:00-20:00"
[[person]]
id = "jane"
[[team]]
id = "icu"
wards = ["icu"]
steps = [{ role = "nurse" }]
[[duty]]
team = "icu"
role = "nurse"
shift = "day"
people = ["jane"]
"#;
    const WEST: &str = r#"
[[team]]
id = "west"
steps = [{ role = "nurse" }]
[[duty]]
team = "west"
role = "nurse"
shift = "day"
people = ["jane"]
"#;
    /// The same people, and nobody on duty.
    fn nobody_on_duty(text: &str) -> String {
        let kept = text.split("\n[[").filter(|part| !part.starts_with("duty]]"));
        kept.collect::<Vec<_>>().join("\n[[")
    }

    fn plan(text: &str) -> DutyPlan {
        let config = Config::built_in().unwrap();
        let teams = config.teams_of("teams.toml".as_ref(), text).unwrap();
        teams.plan(&config.site.time_zone, NOW.parse().unwrap(), Span::days(28))
    }

    fn places(in_none: bool) -> Places {
        let in_use = ["icu", "west"].map(|ward| ward.parse().unwrap()).into();
        Places { all: BTreeSet::clone(&in_use), in_use, in_none }
    }

    #[track_caller]
    fn leaves(before: Option<&str>, after: &str, expected: &[&str]) {
        let (before, after) = (before.map(plan), plan(after));
        let now = NOW.parse().unwrap();
        let left = leaves_nobody(before.as_ref(), &after, Some(&places(true)), now);
        assert_eq!(left.iter().map(ToString::to_string).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn what_nobody_is_called_for_any_more_is_named_and_what_nobody_was_called_for_is_not() {
        let both = format!("{ONE}{WEST}");
        leaves(Some(""), ONE, &[]);
        leaves(Some(ONE), ONE, &[]);
        leaves(Some(ONE), &both, &[]);
        leaves(Some(&both), ONE, &["ward/west", "no_ward"]);
        leaves(Some(&both), &both.replace("wards = [\"icu\"]\n", ""), &[]);
        leaves(Some(&both), &nobody_on_duty(&both), &["ward/icu", "ward/west", "no_ward"]);
        // Another team stands behind, and is not asked: the first that serves an alarm answers for it.
        let emptied = format!("{}{WEST}", nobody_on_duty(ONE));
        leaves(Some(&both), &emptied, &["ward/icu"]);
        // A plan without a team for patients calls nobody anywhere, whatever was before.
        leaves(Some(""), "", &["ward/icu", "ward/west", "no_ward"]);
        leaves(Some(""), "[[person]]\nid = \"jane\"\n", &["ward/icu", "ward/west", "no_ward"]);
        // Nobody knows whom the plan before called.
        leaves(None, ONE, &["ward/west", "no_ward"]);
    }

    #[test]
    fn a_team_of_some_alarms_and_that_of_the_gateway_are_missed_too() {
        let gateway = WEST.replace("id = \"west\"", "id = \"west\"\ngateway = true");
        leaves(Some(&format!("{ONE}{gateway}")), ONE, &["gateway"]);
        let rhythm = WEST.replace("id = \"west\"", "id = \"west\"\npacks = [\"rhythm\"]");
        leaves(Some(&format!("{rhythm}{ONE}")), ONE, &["ward/west", "no_ward"]);
        let urgent = WEST.replace("id = \"west\"", "id = \"west\"\nresponses = [\"immediate\"]");
        leaves(Some(&format!("{ONE}{urgent}")), ONE, &["ward/west", "no_ward"]);
    }

    #[test]
    fn where_nobody_knows_the_wards_those_of_the_plan_before_count() {
        let left = leaves_nobody(Some(&plan(ONE)), &plan(""), None, NOW.parse().unwrap());
        assert_eq!(left, BTreeSet::from([Unanswered::Ward("icu".parse().unwrap())]));
    }

    #[test]
    fn a_place_is_read_as_it_is_written() {
        for text in ["ward/icu", "no_ward", "gateway"] {
            let place: Unanswered = text.parse().unwrap();
            assert_eq!(place.to_string(), text);
            assert_eq!(serde_json::to_string(&place).unwrap(), format!("\"{text}\""));
        }
        for bad in ["icu", "", "ward/", "ward/a b"] {
            assert_eq!(bad.parse::<Unanswered>(), Err(NoPlace), "{bad}");
        }
    }
}
