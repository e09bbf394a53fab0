//! Patients, devices and limits of a scene.

use crate::core::configuration::Texts;
use crate::model::alarm::{Alarm, Side};
use crate::model::command::{
    Action, AgeClass, AlarmAct, DeviceDetails, Outcome, PatientDetails, PatientLimit, PrincipalKind,
};
use crate::model::input::Input;
use crate::model::message::ExpectedSignal;
use crate::model::time::Timestamp;

use super::{Scene, shipped};

impl Scene {
    pub(in crate::tests) fn admit(&mut self, patient: &str) {
        self.admit_with(patient, |_| {});
    }

    pub(in crate::tests) fn admit_with(
        &mut self,
        patient: &str,
        change: impl FnOnce(&mut PatientDetails),
    ) {
        let mut details = PatientDetails {
            id: patient.parse().unwrap(),
            age_class: AgeClass::Adult,
            continuous: false,
            bed: None,
            pregnant: None,
        };
        change(&mut details);
        self.done(Action::AdmitPatient(details));
    }

    pub(in crate::tests) fn device(&mut self, device: &str, class: &str, signals: &[&str]) {
        let signals = signals
            .iter()
            .map(|name| ExpectedSignal { signal: self.signal(name), interval: None })
            .collect();
        self.done(Action::RegisterDevice(
            DeviceDetails {
                id: device.parse().unwrap(),
                class: class.to_owned(),
                kind: PrincipalKind::Device,
                token_sha256: None,
                via: Vec::new(),
                signals,
            }
            .into(),
        ));
    }

    pub(in crate::tests) fn bind(&mut self, device: &str, patient: &str) {
        self.bind_with_zeros(device, patient, &[]);
    }

    pub(in crate::tests) fn bind_with_zeros(
        &mut self,
        device: &str,
        patient: &str,
        zeros: &[&str],
    ) {
        let zero_means_no_sensor = zeros.iter().map(|name| self.signal(name)).collect::<Vec<_>>();
        self.done(Action::Bind {
            device: device.parse().unwrap(),
            patient: patient.parse().unwrap(),
            from: None,
            zero_means_no_sensor: Some(zero_means_no_sensor),
            replaces: None,
        });
    }

    /// Somebody acts on the open alarm of a rule, having seen it as it is.
    pub(in crate::tests) fn act(&mut self, rule: &str, act: AlarmAct) -> (Outcome, String) {
        let Alarm { id, seq, .. } = self.alarm(rule);
        self.command(Action::Alarm { id, seen: seq, act })
    }

    pub(in crate::tests) fn acknowledge(&mut self, rule: &str) -> Outcome {
        self.act(rule, AlarmAct::Acknowledge).0
    }

    pub(in crate::tests) fn reset(&mut self, rule: &str, reason: Option<&str>) -> Outcome {
        self.act(rule, AlarmAct::Reset { reason: reason.map(str::to_owned) }).0
    }

    /// Sets one limit of `p`, in place of all others.
    pub(in crate::tests) fn limit(
        &mut self,
        signal: &str,
        side: Side,
        value: Option<f64>,
    ) -> Outcome {
        let unit = self.core.configuration.signals.find(signal).unwrap().unit.unwrap();
        let critical = PatientLimit {
            signal: signal.to_owned(),
            side,
            critical: true,
            value: None,
            unit,
            until: None,
            ends: None,
        };
        let limit = PatientLimit { critical: false, value, ..critical.clone() };
        self.limits(vec![limit, critical], None, None).0
    }

    pub(in crate::tests) fn limits(
        &mut self,
        limits: Vec<PatientLimit>,
        from: Option<Timestamp>,
        replaces: Option<u64>,
    ) -> (Outcome, String) {
        let patient = "p".parse().unwrap();
        let reason = Some("as usual for this patient".to_owned());
        self.command(Action::SetLimits { patient, limits, from, replaces, reason, only: None })
    }

    pub(in crate::tests) fn change(&mut self, age_class: Option<AgeClass>, pregnant: Option<bool>) {
        let (patient, continuous, replaces) = ("p".parse().unwrap(), None, None);
        self.done(Action::ChangePatient {
            patient,
            age_class,
            continuous,
            pregnant,
            replaces,
            spo2_scale: None,
            reason: None,
        });
    }

    /// The rules are read again.
    pub(in crate::tests) fn configured(&mut self, texts: Texts) {
        let Texts { signals, rules, site, packs } = texts;
        self.fold(&[Input::Configuration { signals, rules, site, packs }]);
    }

    /// New rules: the shipped ones with `old` replaced by `new`.
    pub(in crate::tests) fn reconfigure(&mut self, old: &str, new: &str) {
        let Texts { signals, rules, site, packs } = shipped();
        assert!(rules.contains(old), "{old}");
        let rules = rules.replace(old, new);
        self.fold(&[Input::Configuration { signals, rules, site, packs }]);
    }
}
