//! What a store holds of its inputs, row by row.

use std::collections::BTreeMap;

use super::{BacktestError, Step};
use crate::state::fold::FoldError;
use crate::tools::verify::{VerifyError, beginning};
use vitalgate_domain::core::Core;
use vitalgate_domain::core::configuration::Texts;
use vitalgate_domain::core::journal::RowBody;
use vitalgate_domain::model::command::{Action, Command, PatientDetails};
use vitalgate_domain::model::ids::PatientId;
use vitalgate_domain::model::input::Input;
use vitalgate_domain::model::time::{Stamp, Timestamp};
use vitalgate_store::Reader;

/// Plays the journal up to the row that is its last now. Where its first row is gone, whoever had a device then is
/// admitted and bound as the newest snapshot says. What cannot be known is put into words.
pub(super) fn play(
    reader: &Reader,
    unknown: &mut Vec<String>,
    each: &mut dyn FnMut(Step) -> Result<(), BacktestError>,
) -> Result<(), BacktestError> {
    let last = reader.last_row().map_err(VerifyError::from)?.map_or(0, |row| row.n);
    let (mut next, mut others) = (None, BTreeMap::new());
    for row in reader.rows(0).map_err(VerifyError::from)? {
        let row = row.map_err(VerifyError::from)?;
        if row.n > last {
            break;
        }
        if next.is_none() && row.n > 1 {
            let known = beginning(reader)?;
            unknown.push(format!(
                "what came before row {}, which the journal no longer holds: who was there, in which bed, with which \
                 devices and limits is taken from the newest snapshot, at row {}; what stood then is raised anew",
                row.n,
                known.row()
            ));
            let inputs = ward(&known, row.stamp(), &mut others);
            each(Step { stamp: row.stamp(), inputs })?;
        }
        if let Some(expected) = next.filter(|next| *next != row.n) {
            return Err(BacktestError::Gap(expected, row.n - 1));
        }
        next = Some(row.n + 1);
        let body =
            RowBody::decode(row.n, &row.body).map_err(|e| VerifyError::from(FoldError::from(e)))?;
        let mut inputs = body.inputs;
        if !others.is_empty() {
            inputs = with_others(inputs, &mut others);
        }
        each(Step { stamp: row.stamp(), inputs })?;
    }
    Ok(())
}

/// Everybody who had a device, as commands; of all others what is known of them.
fn ward(known: &Core, now: Stamp, others: &mut BTreeMap<PatientId, PatientDetails>) -> Vec<Input> {
    let Texts { signals, rules, site, packs } = known.configuration.texts.clone();
    let configuration = Input::Configuration { signals, rules, site, packs };
    *others = known.patients.iter().map(|(id, p)| (id.clone(), p.details.clone())).collect();
    let beds = known.site.beds.iter();
    let mut actions: Vec<Action> = known.site.wards.iter().cloned().map(Action::AddWard).collect();
    actions.extend(beds.map(|(bed, ward)| Action::AddBed { bed: bed.clone(), ward: ward.clone() }));
    let began = |at: Timestamp| at <= now.wall();
    for device in known.devices.values() {
        actions.push(Action::AddDevice(device.details.clone().into()));
        let then = device.bindings.iter().rfind(|b| began(b.from) && !b.to.is_some_and(began));
        let Some((binding, patient)) = then.and_then(|b| Some((b, b.patient.clone()?))) else {
            continue;
        };
        let details = others.remove(&patient);
        actions.extend(details.map(Action::AdmitPatient));
        let sets = known.patients.get(&patient).map_or(&[][..], |patient| &patient.limits);
        actions.extend(sets.iter().rfind(|set| began(set.from)).map(|set| Action::SetLimits {
            patient: patient.clone(),
            limits: set.limits.clone(),
            from: None,
            replaces: None,
            reason: None,
            only: None,
        }));
        actions.push(Action::Bind {
            device: device.details.id.clone(),
            patient,
            from: None,
            zero_means_no_sensor: Some(binding.zero_means_no_sensor.clone()),
            replaces: None,
        });
    }
    std::iter::once(configuration).chain(actions.into_iter().map(command)).collect()
}

/// Whoever a command names who was not admitted since the first row was there before it.
fn with_others(inputs: Vec<Input>, others: &mut BTreeMap<PatientId, PatientDetails>) -> Vec<Input> {
    let mut all = Vec::with_capacity(inputs.len());
    for input in inputs {
        if let Input::Command(of_it) = &input {
            if let Action::AdmitPatient(details) = &of_it.action {
                others.remove(&details.id);
            }
            if let Action::Bind { patient, .. }
            | Action::TransferPatient { patient, .. }
            | Action::SetLimits { patient, .. }
            | Action::ChangePatient { patient, .. } = &of_it.action
            {
                let named = others.remove(patient);
                all.extend(named.map(|details| command(Action::AdmitPatient(details))));
            }
        }
        all.push(input);
    }
    all
}

fn command(action: Action) -> Input {
    Input::Command(Box::new(Command { actor: "backtest".to_owned(), action }))
}
