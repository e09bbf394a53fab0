//! What commands about pauses of scopes do (row 2 of contract §5).

use super::Reply;
use crate::alarms::pausing::LONGEST;
use crate::alarms::said::{self, is_said};
use crate::core::Core;
use crate::model::command::Outcome;
use crate::model::ids::{BedId, PatientId, RuleId};
use crate::model::pause::{Pause, Scope};
use crate::model::time::Timestamp;
use crate::output::Output;
use crate::patient::{Patient, is_own_rule};

/// Pauses at most at a time: more are no list that anybody reads.
const MOST: usize = 1_000;

impl Core {
    /// Pauses whatever alarm begins in a scope; `seq` is the number of the answer.
    pub(super) fn pause(
        &mut self,
        by: &str,
        (scope, reason, until): (&Scope, &str, Timestamp),
        seq: u64,
        out: &mut Output,
    ) -> Reply {
        let (now, reason) = (out.wall(), reason.trim().to_owned());
        if !is_said(&reason) {
            let detail = format!("a reason is needed, of {} bytes at most", said::LONGEST);
            return Reply::refused(Outcome::Invalid, detail);
        }
        if until <= now || until > now + LONGEST {
            return Reply::refused(Outcome::Invalid, "a pause lasts until a time of the next 24 h");
        }
        if let Err(reply) = self.can_be_paused(scope) {
            return reply;
        }
        self.forget_pauses(now);
        if self.site.pauses.len() >= MOST {
            return Reply::refused(Outcome::Conflict, format!("{MOST} pauses stand"));
        }
        let (scope, by) = (scope.clone(), by.to_owned());
        let pause = Pause { id: seq, scope, by, reason, at: now, until };
        self.site_mut().pauses.push(pause.clone());
        self.hand_pauses(out);
        Reply { pause: Some(Box::new(pause)), ..Reply::done() }
    }

    /// Ends a pause of a scope, and that of what began under it.
    pub(super) fn end_pause(&mut self, actor: &str, id: u64, out: &mut Output) -> Reply {
        let ended = self.end_pauses(actor, |pause| pause.id == id, out);
        match ended.into_iter().next() {
            Some(pause) => Reply { pause: Some(Box::new(pause)), ..Reply::done() },
            None => Reply::refused(Outcome::NotFound, "no such pause stands"),
        }
    }

    /// A patient leaves: nobody after him inherits what was kept back of him.
    pub(super) fn end_pauses_of(&mut self, actor: &str, patient: &PatientId, out: &mut Output) {
        let bed = self.patients.get(patient).and_then(|p| p.details.bed.clone());
        let of_patient = |scope: &Scope| scope.patient.as_ref() == Some(patient);
        let of_bed = |scope: &Scope| scope.bed.is_some() && scope.bed == bed;
        self.end_pauses(actor, |one| of_patient(&one.scope) || of_bed(&one.scope), out);
    }

    /// Somebody else may lie in a bed from now on.
    pub(super) fn end_pauses_of_bed(&mut self, actor: &str, bed: &BedId, out: &mut Output) {
        self.end_pauses(actor, |pause| pause.scope.bed.as_ref() == Some(bed), out);
    }

    /// Ends those that stand and are wanted; what began under them comes back.
    fn end_pauses(
        &mut self,
        actor: &str,
        wanted: impl Fn(&Pause) -> bool,
        out: &mut Output,
    ) -> Vec<Pause> {
        let now = out.wall();
        self.forget_pauses(now);
        if !self.site.pauses.iter().any(&wanted) {
            return Vec::new();
        }
        let ended: Vec<Pause> = self.site_mut().pauses.extract_if(.., |one| wanted(one)).collect();
        self.hand_pauses(out);
        let under = |patient: &Patient| ended.iter().any(|one| patient.alarms.is_under(one.id));
        let with_alarms = self.patients.iter().filter(|(_, patient)| under(patient));
        let ids: Vec<PatientId> = with_alarms.map(|(id, _)| id.clone()).collect();
        for id in ids {
            if let Some(patient) = self.patient_mut(&id) {
                for pause in &ended {
                    patient.alarms.pause_ended(pause.id, actor, out);
                }
            }
            self.note_deadline(&id);
        }
        ended
    }

    /// Whether there is anything in a scope that can be paused.
    fn can_be_paused(&self, scope: &Scope) -> Result<(), Reply> {
        let missing = |what: String| Err(Reply::refused(Outcome::NotFound, what));
        let Scope { rule, patient, bed } = scope;
        if rule.is_none() && patient.is_none() && bed.is_none() {
            return Err(Reply::refused(Outcome::Invalid, "name a rule, a patient or a bed"));
        }
        if patient.is_some() && bed.is_some() {
            return Err(Reply::refused(Outcome::Invalid, "name a patient or a bed, not both"));
        }
        if let Some(rule) = rule.as_ref().filter(|rule| !self.judges_patients(rule)) {
            return missing(format!("no rule {rule} judges anybody"));
        }
        if let Some(patient) = patient.as_ref().filter(|patient| !self.is_here(patient)) {
            return missing(format!("no patient {patient} is here"));
        }
        let Some(bed) = bed else { return Ok(()) };
        if !self.site.beds.contains_key(bed) {
            return missing(format!("there is no bed {bed}"));
        }
        let lies = |p: &Patient| p.discharged_at.is_none() && p.details.bed.as_ref() == Some(bed);
        if self.patients.values().any(|patient| lies(patient)) {
            return Ok(());
        }
        Err(Reply::refused(Outcome::Conflict, format!("nobody lies in bed {bed}")))
    }

    /// Whether alarms of patients can be of this rule.
    fn judges_patients(&self, rule: &RuleId) -> bool {
        self.configuration.rules.get(rule).is_some() || is_own_rule(rule.as_str())
    }

    /// Those that are over are none.
    fn forget_pauses(&mut self, now: Timestamp) {
        if self.site.pauses.iter().any(|pause| pause.until <= now) {
            self.site_mut().pauses.retain(|pause| pause.until > now);
        }
    }

    fn hand_pauses(&mut self, out: &mut Output) {
        self.pauses = self.site.pauses.clone().into();
        out.pauses = self.pauses.clone();
    }
}
