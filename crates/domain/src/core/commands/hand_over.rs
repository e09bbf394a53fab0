//! Alarms handed over from one person to another, who takes all of them or none.

use std::collections::BTreeMap;

use super::Reply;
use crate::alarms::book::{Book, Open};
use crate::core::Core;
use crate::model::command::Outcome;
use crate::model::duty::DutyPlan;
use crate::model::ids::AlarmId;
use crate::output::Output;

impl Core {
    /// Whoever asks hands over every alarm that is theirs.
    pub(super) fn hand_over(&mut self, actor: &str, to: &str, out: &mut Output) -> Reply {
        let plan = out.duty.clone();
        let (from, to) = (name_of(plan.as_deref(), actor), name_of(plan.as_deref(), to));
        if from == to {
            return Reply::refused(Outcome::Invalid, "nobody hands over to themselves");
        }
        if plan.as_deref().is_some_and(|plan| plan.named(&to).is_none()) {
            let detail = "nobody of the duty plan is called so: name one of its people";
            return Reply::refused(Outcome::Invalid, detail);
        }
        let owned = self.opens().filter(|open| open.is_owned_by(&from)).count();
        if owned == 0 {
            return Reply::refused(Outcome::AlreadySo, format!("{from} has no alarm"));
        }
        self.in_all_books(out, |book, out| book.offer(&from, &to, actor, out));
        Reply { detail: format!("{to} has to take {owned}"), ..Reply::done() }
    }

    /// Whoever asks takes all that is handed over to them by somebody, and says of each what they saw.
    pub(super) fn take_over(
        &mut self,
        actor: &str,
        from: &str,
        named: &[(AlarmId, u64)],
        out: &mut Output,
    ) -> Reply {
        let plan = out.duty.clone();
        let (from, to) = (name_of(plan.as_deref(), from), name_of(plan.as_deref(), actor));
        let offered: BTreeMap<AlarmId, u64> = self
            .opens()
            .filter(|open| open.is_owned_by(&from) && open.is_offered_to(&to))
            .map(|open| (open.alarm.id.clone(), open.news_seq))
            .collect();
        if offered.is_empty() {
            return Reply::refused(Outcome::NotFound, format!("{from} hands nothing over to {to}"));
        }
        let seen: BTreeMap<&AlarmId, u64> = named.iter().map(|(id, seen)| (id, *seen)).collect();
        let missing = offered.keys().filter(|id| !seen.contains_key(id));
        let others = seen.keys().copied().filter(|id| !offered.contains_key(*id));
        let wrong: Vec<&str> = missing.chain(others).map(AlarmId::as_str).collect();
        if !wrong.is_empty() {
            let detail =
                format!("all that is handed over is taken, or nothing: {}", wrong.join(", "));
            return Reply::refused(Outcome::Conflict, detail);
        }
        if seen.iter().any(|(id, seen)| offered.get(*id).is_some_and(|news| seen < news)) {
            return Reply::refused(Outcome::Conflict, "one of them has changed since it was seen");
        }
        self.in_all_books(out, |book, out| book.take_over(&from, &to, actor, out));
        Reply::done()
    }

    fn opens(&self) -> impl Iterator<Item = &Open> {
        let books = self.patients.values().map(|patient| &patient.alarms);
        let all = books.chain(std::iter::once(&self.site.alarms)).flat_map(Book::iter);
        all.map(|(_, open)| open)
    }
}

/// The id of a person, who may be named by what they sign in as.
fn name_of(plan: Option<&DutyPlan>, name: &str) -> String {
    let person = plan.and_then(|plan| plan.person_of(name));
    person.map_or_else(|| name.to_owned(), |person| person.id.to_string())
}
