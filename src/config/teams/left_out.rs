//! What a plan leaves out though nobody is missing on it: alarms that ask nobody, and calls that do not reach whom they are for.

use std::collections::BTreeSet;

use super::super::Channel;
use vitalgate_domain::core::Core;
use vitalgate_domain::model::alarm::{Priority, Response};
use vitalgate_domain::model::duty::{Calling, DutyPlan, DutyStep, Team};
use vitalgate_domain::model::ids::{ChannelId, WardId};
use vitalgate_domain::model::time::Timestamp;

/// All response classes, and those that quiet hours hold back behind the first.
pub(super) const RESPONSES: [Response; 4] =
    [Response::Immediate, Response::Prompt, Response::SameDay, Response::NextWorkingDay];

/// Where patients are, or may be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Places {
    /// All wards there are.
    pub all: BTreeSet<WardId>,
    /// Those with a bed or a patient.
    pub in_use: BTreeSet<WardId>,
    /// Whether a patient is in none.
    pub in_none: bool,
}

impl Places {
    /// Those of a core as it stands.
    pub fn of(core: &Core) -> Self {
        let here = || core.patients.values().filter(|patient| patient.discharged_at.is_none());
        let of_patients = here().filter_map(|patient| patient.ward.as_ref());
        let in_use = core.site.beds.values().chain(of_patients).cloned().collect();
        let in_none = here().any(|patient| patient.ward.is_none());
        Self { all: core.site.wards.clone(), in_use, in_none }
    }
}

/// What a plan leaves out, a line for each; without `places` no ward is looked at but those that the plan names.
pub fn left_out(plan: &DutyPlan, channels: &[Channel], places: Option<&Places>) -> Vec<String> {
    let mut found = unserved(plan, places.unwrap_or(&Places::default()));
    if let Some(places) = places {
        found.extend(unknown_wards(plan, places));
    }
    for team in &plan.teams {
        for channel in channels {
            found.extend(not_told(plan, team, channel, places));
        }
        found.extend(all_quiet(plan, team));
    }
    found
}

/// Whose alarms no team takes, or not all of them.
fn unserved(plan: &DutyPlan, places: &Places) -> Vec<String> {
    let serving = |gateway: bool, ward: Option<&WardId>| -> Vec<&Team> {
        let here = |team: &&Team| {
            team.wards.is_empty() || ward.is_some_and(|ward| team.wards.contains(ward))
        };
        plan.teams.iter().filter(|team| team.gateway == gateway).filter(here).collect()
    };
    let of_gateway = asks_nobody("the gateway itself", &serving(true, None));
    let of_wards = places
        .in_use
        .iter()
        .map(|ward| asks_nobody(&format!("ward {ward}"), &serving(false, Some(ward))));
    let of_none = places.in_none.then(|| asks_nobody("patients in no ward", &serving(false, None)));
    std::iter::once(of_gateway).chain(of_wards).chain(of_none).flatten().collect()
}

/// What asks nobody where these teams alone serve.
fn asks_nobody(of: &str, teams: &[&Team]) -> Option<String> {
    if teams.is_empty() {
        return Some(format!("no team answers for {of}: what alarms there asks nobody"));
    }
    let takes =
        |team: &Team, response| team.responses.is_empty() || team.responses.contains(&response);
    let (of_all, of_some): (Vec<&Team>, Vec<&Team>) =
        teams.iter().partition(|team| team.packs.is_empty());
    let missing: Vec<&str> = RESPONSES
        .into_iter()
        .filter(|response| !of_all.iter().any(|team| takes(team, *response)))
        .map(Response::as_str)
        .collect();
    let packs: Vec<&str> =
        of_some.iter().flat_map(|team| &team.packs).map(String::as_str).collect();
    let but =
        if packs.is_empty() { String::new() } else { format!(" beside {}", packs.join(", ")) };
    (!missing.is_empty())
        .then(|| format!("of {of} no team answers for what is {}{but}", missing.join(", ")))
}

/// A ward that is spelt otherwise is served by nobody.
fn unknown_wards(plan: &DutyPlan, places: &Places) -> Vec<String> {
    let unknown = |team: &Team| {
        let id = team.id.clone();
        let wards = team.wards.iter().filter(|ward| !places.all.contains(*ward));
        wards
            .map(|ward| format!("team {id} serves ward {ward}, which there is not"))
            .collect::<Vec<_>>()
    };
    plan.teams.iter().flat_map(unknown).collect()
}

/// What a channel does not tell of that it calls people of a team for.
fn not_told(
    plan: &DutyPlan,
    team: &Team,
    channel: &Channel,
    places: Option<&Places>,
) -> Vec<String> {
    let Some(whom) = calls(plan, team, &channel.id) else { return Vec::new() };
    let id = &channel.id;
    let mut found = Vec::new();
    if channel.least > Priority::Medium {
        let least = channel.least;
        found.push(format!(
            "channel {id} takes nothing below {least}: of what is medium it does not tell {whom} of team {}",
            team.id
        ));
    }
    let Some(of_channel) = &channel.wards else { return found };
    let known = places.map(|places| places.in_use.iter().collect::<Vec<_>>());
    let served = if team.wards.is_empty() { known } else { Some(team.wards.iter().collect()) };
    let missing = served.map(|served| {
        let missing = served.into_iter().filter(|ward| !of_channel.contains(*ward));
        missing.map(WardId::as_str).collect::<Vec<_>>().join(", ")
    });
    let missing = missing.unwrap_or_else(|| "others".to_owned());
    if !missing.is_empty() {
        found.push(format!(
            "channel {id} is for some wards alone: of {missing} it does not tell {whom} of team {}",
            team.id
        ));
    }
    found
}

/// Whom a channel calls of a team: the first person who is on duty and has it, or a step that has.
fn calls(plan: &DutyPlan, team: &Team, channel: &ChannelId) -> Option<String> {
    team.steps.iter().find_map(|DutyStep { role, channels }| {
        if channels.contains(channel) {
            return Some(role.to_string());
        }
        let of_step = plan.watches.iter().filter(|one| one.team == team.id && one.role == *role);
        let mut people = of_step.filter_map(|watch| plan.person(&watch.person));
        people.find(|person| person.channels.contains(channel)).map(|person| person.id.to_string())
    })
}

/// When quiet hours hold back what could otherwise call somebody of a team, of the first response class of which they do.
fn all_quiet(plan: &DutyPlan, team: &Team) -> Option<String> {
    let awake = DutyPlan { quiet: Vec::new(), ..plan.clone() };
    let classes = RESPONSES.into_iter().skip(1);
    let mut served =
        classes.filter(|one| team.responses.is_empty() || team.responses.contains(one));
    served.find_map(|response| {
        let spans = held_back((plan, &awake), team, response);
        let (from, until) = spans.first()?;
        let more = match spans.len() - 1 {
            0 => String::new(),
            1 => format!(", and once more until {}", plan.until),
            times => format!(", and {times} times more until {}", plan.until),
        };
        let (team, response) = (&team.id, response.as_str());
        Some(format!(
            "all of team {team} who are on duty have quiet hours from {from} until {until}{more}: what is {response} waits for their end"
        ))
    })
}

/// The spans in which nobody on duty may be called, and somebody could without quiet hours.
fn held_back(
    (plan, awake): (&DutyPlan, &DutyPlan),
    team: &Team,
    response: Response,
) -> Vec<(Timestamp, Timestamp)> {
    let watches = plan.watches.iter().filter(|watch| watch.team == team.id);
    let hours = plan.hours.iter().filter(|hours| hours.response == response);
    let turns = watches.map(|one| (one.from, one.until));
    let turns = turns.chain(hours.map(|one| (one.from, one.until)));
    let turns = turns.chain(plan.quiet.iter().map(|one| (one.from, one.until)));
    let within = |at: &Timestamp| plan.from < *at && *at < plan.until;
    let inner = turns.flat_map(|(from, until)| [from, until]).filter(within);
    let instants: BTreeSet<Timestamp> = inner.chain([plan.from, plan.until]).collect();
    let may_call = |plan: &DutyPlan, at: Timestamp| {
        let on_duty = team.steps.iter().filter_map(|step| plan.on_duty(&team.id, &step.role, at));
        on_duty.map(|watch| plan.calls_on(watch, response, at)).any(|call| call == Calling::Now)
    };
    let mut spans: Vec<(Timestamp, Timestamp)> = Vec::new();
    for (from, until) in instants.iter().copied().zip(instants.iter().copied().skip(1)) {
        if may_call(plan, from) || !may_call(awake, from) {
            continue;
        }
        match spans.last_mut() {
            Some(before) if before.1 == from => before.1 = until,
            _ => spans.push((from, until)),
        }
    }
    spans
}

#[cfg(test)]
mod tests {
    use super::super::Teams;
    use super::*;
    use crate::config::Site;
    use vitalgate_domain::model::time::Span;

    const PEOPLE: &str = "
[shifts]
day = \"06:00-22:00\"
night = \"22:00-06:00\"
[[person]]
id = \"a\"
channels = [\"pager\"]
[[person]]
id = \"b\"
quiet = \"23:00-05:00\"
[[team]]
id = \"ops\"
gateway = true
steps = [{ role = \"technician\" }]
";

    /// A team that is `more`, with `a` by day and `b` at night, whose quiet hours are then; for two days.
    fn plan(more: &str) -> DutyPlan {
        let team = format!("[[team]]\nid = \"icu\"\nsteps = [{{ role = \"nurse\" }}]\n{more}\n");
        let duty = |shift: &str, person: &str| {
            format!(
                "[[duty]]\nteam = \"icu\"\nrole = \"nurse\"\nshift = \"{shift}\"\npeople = [\"{person}\"]\n"
            )
        };
        of(&[PEOPLE, &team, &duty("day", "a"), &duty("night", "b")].concat())
    }

    fn of(text: &str) -> DutyPlan {
        let site: Site = toml::from_str("time_zone = \"UTC\"").unwrap();
        let teams = Teams::parse(text, &["pager".parse().unwrap()]).unwrap();
        teams.plan(&site.time_zone, "2026-11-30T12:00:00Z".parse().unwrap(), Span::days(2))
    }

    /// The same with nobody's quiet hours.
    fn awake(more: &str) -> DutyPlan {
        DutyPlan { quiet: Vec::new(), ..plan(more) }
    }

    fn pager(more: &str) -> Vec<Channel> {
        let text =
            format!("id = \"pager\"\nkind = \"ntfy\"\nurl = \"https://n.example/t\"\n{more}");
        vec![toml::from_str(&text).unwrap()]
    }

    fn wards(names: &[&str]) -> Places {
        let all: BTreeSet<WardId> = names.iter().map(|name| name.parse().unwrap()).collect();
        Places { in_use: all.clone(), all, in_none: false }
    }

    #[test]
    fn a_plan_that_reaches_everybody_leaves_nothing_out() {
        let places = Places { in_none: true, ..wards(&["icu", "west"]) };
        assert_eq!(left_out(&awake(""), &pager(""), Some(&places)), [""; 0]);
        assert_eq!(left_out(&awake(""), &pager(""), None), [""; 0]);
    }

    #[test]
    fn a_ward_in_use_and_the_gateway_are_named_where_no_team_serves_them() {
        let only = |plan: &DutyPlan, places: &Places| left_out(plan, &[], Some(places));
        let of_icu = awake("wards = [\"icu\"]");
        assert_eq!(
            only(&of_icu, &wards(&["icu", "west"])),
            ["no team answers for ward west: what alarms there asks nobody"]
        );
        let empty = Places { all: wards(&["icu", "west"]).all, ..wards(&["icu"]) };
        assert_eq!(only(&of_icu, &empty), [""; 0], "nobody can be in it");
        let in_none = Places { in_none: true, ..wards(&["icu"]) };
        assert_eq!(
            only(&of_icu, &in_none),
            ["no team answers for patients in no ward: what alarms there asks nobody"]
        );
        assert_eq!(
            only(&awake("wards = [\"icu\", \"wset\"]"), &wards(&["icu"])),
            ["team icu serves ward wset, which there is not"]
        );
        let mut none = awake("");
        none.teams.retain(|team| !team.gateway);
        assert_eq!(
            left_out(&none, &[], None),
            ["no team answers for the gateway itself: what alarms there asks nobody"]
        );
    }

    #[test]
    fn what_no_team_of_a_ward_takes_is_named_by_its_class() {
        let found = left_out(&awake("packs = [\"cied\"]"), &[], Some(&wards(&["icu"])));
        let all = "immediate, prompt, same_day, next_working_day";
        assert_eq!(found, [format!("of ward icu no team answers for what is {all} beside cied")]);
        let responses = "responses = [\"immediate\", \"prompt\"]";
        assert_eq!(
            left_out(&awake(responses), &[], Some(&wards(&["icu"]))),
            ["of ward icu no team answers for what is same_day, next_working_day"]
        );
    }

    #[test]
    fn a_channel_that_does_not_take_what_it_calls_for_is_named() {
        let at = |channel: &str, team: &str, places: Option<&Places>| {
            left_out(&awake(team), &pager(channel), places)
        };
        assert_eq!(
            at("least = \"high\"", "", None),
            [
                "channel pager takes nothing below high: of what is medium it does not tell a of team icu"
            ]
        );
        let of_icu = "wards = [\"icu\"]";
        let west =
            ["channel pager is for some wards alone: of west it does not tell a of team icu"];
        assert_eq!(at(of_icu, "wards = [\"icu\", \"west\"]", None), west);
        assert_eq!(at(of_icu, "", Some(&wards(&["icu", "west"]))), west);
        assert_eq!(at(of_icu, "", Some(&wards(&["icu"]))), [""; 0]);
        assert_eq!(
            at(of_icu, "", None),
            ["channel pager is for some wards alone: of others it does not tell a of team icu"]
        );
        let step = "steps = [{ role = \"nurse\", channels = [\"pager\"] }]";
        let by_step = of(&format!("{PEOPLE}[[team]]\nid = \"icu\"\n{step}\n"));
        assert_eq!(
            left_out(&by_step, &pager("least = \"high\""), None),
            [
                "channel pager takes nothing below high: of what is medium it does not tell nurse of team icu"
            ]
        );
        assert_eq!(left_out(&by_step, &pager("least = \"medium\""), None), [""; 0]);
    }

    #[test]
    fn quiet_hours_of_all_on_duty_are_named_with_their_times() {
        let found = left_out(&plan(""), &[], None);
        assert_eq!(
            found,
            ["all of team icu who are on duty have quiet hours from 2026-11-30T23:00:00Z until \
              2026-12-01T05:00:00Z, and once more until 2026-12-02T12:00:00Z: what is prompt \
              waits for their end"]
        );
        let mut second = plan("");
        second.teams[1]
            .steps
            .push(DutyStep { role: "physician".parse().unwrap(), channels: Vec::new() });
        let mut also = second.watches[0].clone();
        also.role = "physician".parse().unwrap();
        also.person = "a".parse().unwrap();
        (also.from, also.until) = (second.from, second.until);
        second.watches.insert(0, also);
        assert_eq!(left_out(&second, &[], None), [""; 0], "somebody else is up");
        assert_eq!(left_out(&plan("responses = [\"immediate\"]"), &[], None), [""; 0]);
    }
}
