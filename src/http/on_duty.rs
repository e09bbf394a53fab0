//! Whether those who are on duty could answer what they are asked.

use std::collections::{BTreeMap, BTreeSet};

use super::auth::AuthInForce;
use super::rights::Right;
use vitalgate_domain::model::duty::{DutyPlan, Person, Team};
use vitalgate_domain::model::ids::{PersonId, TeamId};

/// Those of a plan who could answer nothing for a team.
pub type ShutOut = BTreeSet<(TeamId, PersonId)>;

impl AuthInForce {
    /// Who is on duty by a plan for a team and could answer nothing there: their account is disabled, or of other wards, or
    /// of a role that answers no alarms. Who has neither an account nor a token here is not known to the gateway, and is on
    /// duty as the plan says: they may act by what the ward shares.
    pub fn shut_out(&self, plan: &DutyPlan) -> ShutOut {
        let out = on_duty(plan).filter(|(team, person)| self.shuts_out(team, person));
        out.map(|(team, person)| (team.id.clone(), person.id.clone())).collect()
    }

    /// A plan without the watches of those who could answer nothing: what is a hole in it calls nobody.
    pub fn attended(&self, mut plan: DutyPlan) -> DutyPlan {
        let out = self.shut_out(&plan);
        plan.watches.retain(|watch| !out.contains(&(watch.team.clone(), watch.person.clone())));
        plan
    }

    /// Has a plan know the wards whose alarms its people may answer.
    pub fn bind_to_wards(&self, plan: &mut DutyPlan) {
        for person in &mut plan.people {
            let who = self.by_name(&person.actor);
            person.wards = who.and_then(|who| who.scope.wards().cloned());
        }
    }

    /// Those of a plan who have an account or a token here.
    pub fn known_of(&self, plan: &DutyPlan) -> BTreeSet<PersonId> {
        let known = plan.people.iter().filter(|person| self.is_known(person));
        known.map(|person| person.id.clone()).collect()
    }

    /// A line for each who is asked in vain.
    pub fn asked_in_vain(&self, plan: &DutyPlan) -> Vec<String> {
        let mut found: BTreeMap<&PersonId, String> = BTreeMap::new();
        for (team, person) in on_duty(plan) {
            let (id, team_id) = (&person.id, &team.id);
            if self.shuts_out(team, person) {
                let why = format!(
                    "`{id}` is on duty for `{team_id}` and is not asked: their account is disabled, of other wards, or of a role that answers no alarms"
                );
                found.insert(id, why);
            } else if self.oidc().is_none() && !self.is_known(person) {
                let why = format!(
                    "`{id}` is on duty for `{team_id}`, and `{}` is no account and no token here: they are asked, and can answer nothing in their own name",
                    person.actor
                );
                found.entry(id).or_insert(why);
            }
        }
        found.into_values().collect()
    }

    fn shuts_out(&self, team: &Team, person: &Person) -> bool {
        let Some(who) = self.by_name(&person.actor) else { return self.is_known(person) };
        let elsewhere = |own: &BTreeSet<_>| !team.wards.iter().any(|ward| own.contains(ward));
        let elsewhere = !team.wards.is_empty() && who.scope.wards().is_some_and(elsewhere);
        // What is of the gateway itself is not for those who look after patients alone.
        !team.gateway && (elsewhere || who.may(Right::AnswerAlarms).is_err())
    }

    /// Whether an account or a token is called as what somebody signs in as.
    fn is_known(&self, person: &Person) -> bool {
        let has_account = |actor: &str| {
            self.people().is_some_and(|people| people.look(|book| book.people.contains_key(actor)))
        };
        self.by_name(&person.actor).is_some() || has_account(&person.actor)
    }
}

/// Everybody on duty at some time, with the team.
fn on_duty(plan: &DutyPlan) -> impl Iterator<Item = (&Team, &Person)> {
    plan.watches.iter().filter_map(|watch| {
        let team = plan.teams.iter().find(|team| team.id == watch.team)?;
        Some((team, plan.person(&watch.person)?))
    })
}
