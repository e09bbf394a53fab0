//! The synthetic patient is judged as anybody is, in a core of its own that lasts for one message: nothing of it is in any
//! list, history or statistic, and no alarm of it is told to anybody.

use std::sync::Arc;

use super::configuration::Configuration;
use super::{Core, Head};
use crate::model::alarm::AlarmKind;
use crate::model::command::{Action, AgeClass, Command, PatientDetails, Registration};
use crate::model::fate::Fate;
use crate::model::ids::{DeviceId, PatientId};
use crate::model::input::Input;
use crate::model::message::{Body, Message, Mode, Reading};
use crate::model::synthetic::SyntheticSeen;
use crate::model::time::{Span, Stamp};
use crate::output::Output;
use crate::output::transition::{Change, TransitionBody};
use crate::rules::UNKNOWN_CLASS;
use crate::site::Site;

/// It was bound for so long before it was measured.
const BOUND_FOR: Span = Span::mins(1);

/// Who it is there, and by what it is measured.
const PATIENT: &str = "synthetic";
const DEVICE: &str = "synthetic";

impl Core {
    /// Says what the rules in force make of it.
    pub(super) fn synthetic(&self, message: &Message, out: &mut Output) {
        out.count(Fate::Probe);
        let raised = self.is_judged(message).then(|| self.raises(message, out.now));
        out.synthetic = Some(SyntheticSeen { boot: message.boot, seq: message.seq, raised });
    }

    fn is_judged(&self, message: &Message) -> bool {
        let rules = &self.configuration.rules;
        readings(message).iter().any(|reading| rules.limits_of(reading.signal).next().is_some())
    }

    /// Whether a patient of whom this was measured would have an alarm.
    fn raises(&self, message: &Message, now: Stamp) -> bool {
        let before = Stamp { at: now.at - BOUND_FOR, ..now };
        let (Ok(id), Ok(device)) = (PATIENT.parse::<PatientId>(), DEVICE.parse::<DeviceId>())
        else {
            return false;
        };
        let mut own = self.beside(before);
        let act = |action| Input::Command(Box::new(Command { actor: String::new(), action }));
        let admission = Action::AdmitPatient(PatientDetails {
            id: id.clone(),
            age_class: AgeClass::Adult,
            continuous: false,
            bed: None,
            pregnant: Some(false),
        });
        let registration = Action::AddDevice(self.registration(device.clone()));
        let binding = Action::Bind {
            device: device.clone(),
            patient: id,
            from: None,
            zero_means_no_sensor: None,
            replaces: None,
        };
        drop(own.fold(1, before, &[act(admission), act(registration), act(binding)]));
        let principal = device.clone();
        let real = Message { mode: Mode::Real, principal, device, ..message.clone() };
        let told = own.fold(2, now, &[Input::Message(Box::new(real))]);
        told.transitions.iter().any(|transition| match &transition.body {
            TransitionBody::Alarm { change: Change::Raised, alarm, .. } => {
                alarm.kind == AlarmKind::Physiological
            }
            TransitionBody::Alarm { .. }
            | TransitionBody::Answer { .. }
            | TransitionBody::Note { .. }
            | TransitionBody::NotAllowed { .. }
            | TransitionBody::SignInsFailed(_) => false,
        })
    }

    /// An empty core under the same configuration.
    fn beside(&self, now: Stamp) -> Self {
        let Head { site, texts, .. } = &self.head;
        let head = Head {
            site: site.clone(),
            simulated: true,
            texts: texts.clone(),
            next_seq: 1,
            now,
            intake_gaps: Vec::new(),
            row: 0,
            failing_since: None,
        };
        let mut own = Self::assemble(
            head,
            Configuration::default(),
            Site::default(),
            std::collections::BTreeMap::new(),
            std::collections::BTreeMap::new(),
        );
        own.configuration = Arc::clone(&self.configuration);
        own
    }

    /// Of a class whose single measurements count, where there is one: no delay of any rule is waited for.
    fn registration(&self, id: DeviceId) -> Registration {
        let rules = &self.configuration.rules;
        let classes = || rules.class_names().filter_map(|name| Some((name, rules.class(name)?)));
        let single = classes().find(|(_, class)| class.spot_only && !class.charted);
        let longest = || classes().max_by_key(|(_, class)| class.live_window());
        let class = single.or_else(longest).map_or(UNKNOWN_CLASS, |(name, _)| name);
        Registration {
            id,
            class: Some(class.to_owned()),
            kind: None,
            token_sha256: None,
            via: None,
            signals: None,
            replaces: None,
            while_unbound: false,
        }
    }
}

fn readings(message: &Message) -> &[Reading] {
    match &message.body {
        Body::Telemetry { readings, .. } => readings,
        Body::Events { .. }
        | Body::Waves { .. }
        | Body::Status { .. }
        | Body::Info { .. }
        | Body::Undecodable { .. } => &[],
    }
}
