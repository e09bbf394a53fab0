//! What concerns one patient alone gives that patient's alarms again, word for word, and nobody else is in it.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::test_runner::Config;

use crate::core::Core;
use crate::core::excerpt::Excerpt;
use crate::core::journal::RowBody;
use crate::model::alarm::Alarm;
use crate::model::command::Action;
use crate::model::ids::{AlarmId, PatientId};
use crate::model::input::Input;
use crate::output::transition::{Change, Transition, TransitionBody};

use super::scene::restored;
use super::world::{Row, Step, World, fresh, step};

/// Devices of the world that are bound at its begin.
const BOUND: usize = 3;

/// Every device stays with whoever had it first.
fn steps() -> impl Strategy<Value = Vec<Step>> {
    let stays = |step: &Step| match step {
        Step::Bind(device, patient) => *device < BOUND && *patient == device % 2,
        Step::Correct(..) => false,
        _ => true,
    };
    prop::collection::vec(step().prop_filter("somebody else's", stays), 1..60)
}

fn moves<'a>(caused: &'a [Transition], of: &'a PatientId) -> impl Iterator<Item = &'a Transition> {
    caused.iter().filter(move |transition| {
        matches!(&transition.body, TransitionBody::Alarm { alarm, .. } if alarm.patient.as_ref() == Some(of))
    })
}

/// A move without its numbers, which count everybody's.
fn unnumbered(transition: &Transition) -> (Change, Option<String>, String, Alarm) {
    let TransitionBody::Alarm { change, actor, alarm, .. } = &transition.body else {
        panic!("{transition:?}")
    };
    let mut alarm = alarm.as_ref().clone();
    alarm.seq = 0;
    if let Some(acknowledged) = &mut alarm.acknowledged {
        acknowledged.seq = 0;
    }
    if let Some(responsibility) = &mut alarm.responsibility {
        responsibility.told.iter_mut().for_each(|told| told.seq = 0);
    }
    (*change, actor.clone(), transition.at.to_string(), alarm)
}

/// The numbers that stand here for those of the whole.
#[derive(Default)]
struct Numbers(BTreeMap<u64, u64>);

impl Numbers {
    fn here(&self, there: u64) -> u64 {
        self.0.get(&there).copied().unwrap_or(there)
    }

    fn renumber(&self, input: &mut Input) {
        if let Input::Delivered { seq, .. } = input {
            *seq = self.here(*seq);
        }
        let Input::Command(command) = input else { return };
        if let Action::Alarm { seen, .. } = &mut command.action {
            *seen = self.here(*seen);
        }
        if let Action::EndPause { id } = &mut command.action {
            *id = self.here(*id);
        }
    }

    fn note(
        &mut self,
        there: &[Transition],
        here: &[Transition],
        kept_answer: bool,
        of: &PatientId,
    ) {
        let is_answer = |t: &&Transition| matches!(t.body, TransitionBody::Answer { .. });
        if kept_answer {
            let pair = there.iter().find(is_answer).zip(here.iter().find(is_answer));
            self.0.extend(pair.map(|(there, here)| (there.seq, here.seq)));
        }
        let pairs = moves(there, of).zip(moves(here, of));
        self.0.extend(pairs.map(|(there, here)| (there.seq, here.seq)));
    }
}

/// Folds what of the rows from `cut` on concerns a patient; the moves of that patient's alarms, and all bytes that went in.
fn derived(rows: &[Row], cut: usize, of: &PatientId) -> (Vec<Transition>, Vec<u8>) {
    let mut whole = fresh();
    let mut excerpt = Excerpt { patient: Some(of.clone()), ..Excerpt::default() };
    let alarms: Vec<AlarmId> = rows
        .iter()
        .flat_map(|row| moves(&row.caused, of))
        .filter_map(|t| {
            if let TransitionBody::Alarm { alarm, .. } = &t.body {
                Some(alarm.id.clone())
            } else {
                None
            }
        })
        .collect();
    excerpt.alarms.extend(alarms);
    let mut learning = fresh();
    for row in rows {
        excerpt.learn(&learning);
        drop(learning.fold(learning.row() + 1, row.now, &row.inputs()));
    }
    excerpt.learn(&learning);
    for row in &rows[..cut] {
        drop(whole.fold(whole.row() + 1, row.now, &row.inputs()));
    }
    let own = whole.excerpt(&excerpt);
    let mut bytes: Vec<u8> = Vec::new();
    for (kind, key) in own.parts_since(0) {
        bytes.extend(own.part(kind, &key).unwrap().body);
    }
    let mut own: Core = restored(&own);
    let (mut numbers, mut found) = (Numbers::default(), Vec::new());
    for row in &rows[cut..] {
        let before = whole.clone();
        drop(whole.fold(whole.row() + 1, row.now, &row.inputs()));
        let kept =
            row.inputs().into_iter().filter_map(|input| excerpt.of(&input, (&before, &whole)));
        let mut kept: Vec<Input> = kept.collect();
        if kept.is_empty() && moves(&row.caused, of).next().is_none() {
            continue;
        }
        bytes.extend(RowBody { inputs: kept.clone(), exceptions: Vec::new() }.encode());
        for input in &mut kept {
            numbers.renumber(input);
        }
        let is_command = matches!(kept.first(), Some(Input::Command(_)));
        let out = own.fold(own.row() + 1, row.now, &kept);
        numbers.note(&row.caused, &out.transitions, is_command, of);
        found.extend(moves(&out.transitions, of).cloned());
    }
    (found, bytes)
}

proptest! {
    #![proptest_config(Config { cases: 64, failure_persistence: None, ..Config::default() })]

    #[test]
    fn the_alarms_of_a_patient_follow_from_what_concerns_them_alone(steps in steps(), share in 0_usize..1000, whose in 0_usize..2) {
        let world = World::live(&steps);
        let of: PatientId = ["p", "q"][whose].parse().unwrap();
        let cut = 1 + share * (world.rows.len() - 1) / 1_000;
        let (found, bytes) = derived(&world.rows, cut, &of);
        let lived: Vec<_> = world.rows[cut..].iter().flat_map(|row| moves(&row.caused, &of)).map(unnumbered).collect();
        let found: Vec<_> = found.iter().map(unnumbered).collect();
        prop_assert_eq!(found, lived);
        let others: &[&[u8]] = if whose == 0 { &[b"cgm"] } else { &[b"mon", b"icd"] };
        for device in others {
            // An id is a text of its own, after its length.
            let mut text = vec![0x60 + device.len() as u8];
            text.extend(*device);
            prop_assert!(!bytes.windows(text.len()).any(|part| part == text), "{:?}", device);
        }
    }
}
