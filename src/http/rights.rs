//! Who may do what, and where: one table, and one question to it.

use std::collections::BTreeSet;

use axum::http::StatusCode;

use super::auth::{Proof, Who};
use super::error::Problem;
use crate::config::Role;
use crate::people::{Known, Proof as Held};
use vitalgate_domain::model::ids::WardId;

/// What a request needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Right {
    /// Patients, beds, wards, alarms, series, the stream.
    SeePatients,
    /// Acknowledge and reset.
    AnswerAlarms,
    /// Admit, transfer, discharge, limits, bindings, wards and beds.
    ChangePatients,
    /// Devices and their state.
    SeeDevices,
    /// Register devices, and change who speaks for them.
    ChangeDevices,
    /// Change how a device is judged: its class, and the signals expected of it.
    ChangeJudging,
    /// Dead letters; what was in them goes with the right to see patients.
    SeeDeadLetters,
    /// The audit, which names no patient.
    SeeAudit,
    /// Metrics.
    SeeHealth,
    /// Who is on duty.
    SeeDuty,
    /// The plan of who is on duty, of the whole gateway.
    ChangeDuty,
    /// Accounts of people, and stations.
    LookAfterPeople,
}

/// Where something is that somebody asks for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Place<'a> {
    /// Anywhere: what is shown, or done, is cut to where they may.
    Somewhere,
    /// In a ward; `None` is in no ward.
    Ward(Option<&'a WardId>),
    /// It concerns the whole gateway, or others as well.
    Everywhere,
}

/// An account, as far as it matters who looks after it. A station is a viewer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Under<'a> {
    pub(crate) role: Role,
    pub(crate) wards: Option<&'a BTreeSet<WardId>>,
}

/// Whether somebody may do something there. The only place that decides it.
pub(crate) fn can(who: &Who, right: Right, place: Place<'_>) -> bool {
    let there = match place {
        Place::Somewhere => true,
        Place::Ward(ward) => who.scope.has(ward),
        Place::Everywhere => !who.scope.is_limited(),
    };
    there && gives(who.role, right)
}

/// Whether a role gives a right.
const fn gives(role: Role, right: Right) -> bool {
    match right {
        Right::SeePatients => {
            matches!(role, Role::Viewer | Role::Clinician | Role::WardAdmin | Role::Local)
        }
        Right::AnswerAlarms | Right::ChangePatients | Right::ChangeJudging => {
            matches!(role, Role::Clinician | Role::WardAdmin | Role::Local)
        }
        Right::SeeDevices => true,
        Right::SeeHealth | Right::SeeDuty => !matches!(role, Role::Maker),
        Right::SeeDeadLetters => !matches!(role, Role::Viewer | Role::Maker),
        Right::ChangeDevices | Right::SeeAudit => {
            matches!(role, Role::Ops | Role::Admin | Role::Local)
        }
        Right::ChangeDuty => matches!(role, Role::WardAdmin | Role::Admin | Role::Local),
        Right::LookAfterPeople => matches!(role, Role::WardAdmin | Role::Admin),
    }
}

impl Who {
    /// Refuses with 403 whoever has the right nowhere.
    pub(crate) fn may(&self, right: Right) -> Result<(), Problem> {
        if can(self, right, Place::Somewhere) {
            return Ok(());
        }
        let Self { name, role, .. } = self;
        let detail = format!("`{name}` is a {} and lacks the right {right:?}", role.as_str());
        Err(Problem::new(StatusCode::FORBIDDEN, detail))
    }

    /// Refuses with 403 whoever lacks the right, or has it not for `what`, which concerns others as well.
    pub(crate) fn may_everywhere(&self, right: Right, what: &str) -> Result<(), Problem> {
        self.may(right)?;
        if can(self, right, Place::Everywhere) {
            return Ok(());
        }
        Err(self.scope.refused(what))
    }

    /// Whether they have the right in this ward; what is in no ward is in nobody's.
    pub(crate) fn can_in(&self, right: Right, ward: Option<&WardId>) -> bool {
        can(self, right, Place::Ward(ward))
    }

    /// Whether an account, or a station, is theirs to look after: an admin's are all; a ward-admin's are viewers and
    /// clinicians of no other wards.
    pub(crate) fn looks_after(&self, Under { role, wards }: Under<'_>) -> bool {
        let own = match (self.scope.wards(), wards) {
            (None, _) => true,
            (Some(own), Some(wards)) => wards.is_subset(own),
            (Some(_), None) => false,
        };
        let of_role = self.role == Role::Admin || matches!(role, Role::Viewer | Role::Clinician);
        own && of_role && can(self, Right::LookAfterPeople, Place::Somewhere)
    }

    /// Refuses a program of a person, and whoever gave no more than a PIN: for what outlives both, its person signs in
    /// by name. A token of the configuration is as good as its file.
    pub(crate) fn is_not_a_program(&self) -> Result<(), Problem> {
        match &self.proof {
            Proof::Nothing
            | Proof::Token(_)
            | Proof::Person(Known { proof: Held::Session(_), .. }) => return Ok(()),
            Proof::Person(_) | Proof::Vouched(_) => {}
        }
        let detail = "accounts, stations and the plan of duty are looked after by a person, signed in by name";
        Err(Problem::new(StatusCode::FORBIDDEN, detail))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_rights() {
        use Right::{
            AnswerAlarms, ChangeDevices, ChangeJudging, ChangePatients, LookAfterPeople, SeeAudit,
            SeeDeadLetters, SeeDevices, SeeDuty, SeeHealth, SeePatients,
        };
        let roles = [
            Role::Viewer,
            Role::Clinician,
            Role::WardAdmin,
            Role::Maker,
            Role::Ops,
            Role::Admin,
            Role::Local,
        ];
        //                    viewer clin. w-adm. maker ops    admin  local
        let table = [
            (SeePatients, [true, true, true, false, false, false, true]),
            (AnswerAlarms, [false, true, true, false, false, false, true]),
            (ChangePatients, [false, true, true, false, false, false, true]),
            (SeeDevices, [true, true, true, true, true, true, true]),
            (ChangeDevices, [false, false, false, false, true, true, true]),
            (ChangeJudging, [false, true, true, false, false, false, true]),
            (SeeDeadLetters, [false, true, true, false, true, true, true]),
            (SeeAudit, [false, false, false, false, true, true, true]),
            (LookAfterPeople, [false, false, true, false, false, true, false]),
            (SeeDuty, [true, true, true, false, true, true, true]),
            (SeeHealth, [true, true, true, false, true, true, true]),
        ];
        for (right, expected) in table {
            assert_eq!(roles.map(|role| gives(role, right)), expected, "{right:?}");
        }
    }
}
