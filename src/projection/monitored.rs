//! Whether an alarm of a patient would be announced (contract §6).

use crate::projection::view::Monitored;
use vitalgate_domain::core::Core;
use vitalgate_domain::core::configuration::Configuration;
use vitalgate_domain::model::time::Stamp;
use vitalgate_domain::patient::{Expectation, Patient};

/// Whether an alarm of a patient would be announced, and why not.
pub(super) fn monitored(patient: &Patient, core: &Core, no_device: bool, now: Stamp) -> Monitored {
    let signals = &core.configuration.signals;
    let mut why = Vec::new();
    if no_device {
        why.push("no device is bound".to_owned());
    }
    let expected = patient.expectations.len();
    // Judged lately, and of those, what an alarm can come of.
    let (mut judged, mut limited) = (0, 0);
    let mut unlimited = false;
    for expectation in &patient.expectations {
        let what = expectation.signal.map_or_else(
            || expectation.device.to_string(),
            |s| signals.get(s).map_or_else(|| signals.name(s), |s| s.label.clone()),
        );
        let has_limit = has_limit(patient, expectation, core, now);
        let has_rule = |s| core.configuration.rules.limits_of(s).next().is_some();
        if !has_limit && expectation.signal.is_some_and(has_rule) {
            unlimited = true;
            why.push(format!("{what}: no limit is in force"));
        }
        match (&expectation.rung, &expectation.doubt) {
            (None, None) if expectation.judged => {
                judged += 1;
                limited += usize::from(has_limit);
            }
            (None, None) => why.push(format!("{what}: not heard yet")),
            (_, Some(doubt)) => why.push(format!("{what}: {doubt}")),
            (Some(_), None) => why.push(format!("{what}: no data")),
        }
    }
    let refused = patient.rules_refuse(&core.configuration.rules);
    if refused {
        why.push("limits for adults are not applied: age class or pregnancy".to_owned());
    }
    if judged > 0 && limited == 0 {
        why.push("nothing that comes has a limit: no alarm can come of it".to_owned());
    }
    let state = match limited {
        _ if patient.discharged_at.is_some() || no_device => "not",
        0 => "not",
        _ if judged < expected || refused || unlimited => "partly",
        _ => "monitored",
    };
    Monitored { state, why, judged_to: now.wall() }
}

/// Whether an alarm can come of what is expected: by the limits of its signal, else by those of anything
/// that was judged of its device.
fn has_limit(patient: &Patient, expectation: &Expectation, core: &Core, now: Stamp) -> bool {
    let Configuration { signals, rules, .. } = &*core.configuration;
    let limited = |id| signals.get(id).is_some_and(|s| patient.has_limit(s, now.at, rules));
    let Some(signal) = expectation.signal else {
        let of_device = patient.series.iter().filter(|(source, state)| {
            source.device == expectation.device && state.latest.is_some()
        });
        return of_device.map(|(source, _)| source.signal).any(limited);
    };
    limited(signal)
}

#[cfg(test)]
mod tests {
    use vitalgate_domain::model::alarm::Side;
    use vitalgate_domain::model::command::{
        Action, AgeClass, Command, DeviceDetails, PatientDetails, PatientLimit, PrincipalKind,
    };
    use vitalgate_domain::model::input::Input;
    use vitalgate_domain::model::message::{Delivery, ExpectedSignal, Kind};
    use vitalgate_domain::model::time::{Span, Timestamp};
    use vitalgate_domain::model::unit::Unit;
    use vitalgate_formats::{Request, decode};

    use super::*;
    use crate::config::Config;
    use crate::projection::board::of;
    use crate::projection::view::PatientView;

    /// A core in which a bedside monitor of two signals is bound to `p`.
    struct Bed {
        core: Core,
        row: u64,
    }

    impl Bed {
        fn new() -> Self {
            Self::of("bedside", &["spo2", "heart_rate"])
        }

        fn of(class: &str, signals: &[&str]) -> Self {
            let configuration: Configuration = Config::built_in().unwrap().configuration().unwrap();
            let expected = |name: &str| ExpectedSignal {
                signal: configuration.signals.find(name).unwrap().id,
                interval: None,
            };
            let signals = signals.iter().copied().map(expected).collect();
            let core = Core::new("site".parse().unwrap(), false, configuration);
            let mut bed = Self { core, row: 0 };
            bed.command(Action::AdmitPatient(PatientDetails {
                id: "p".parse().unwrap(),
                bed: None,
                age_class: AgeClass::Adult,
                pregnant: None,
                continuous: false,
            }));
            bed.command(Action::RegisterDevice(
                DeviceDetails {
                    id: "dev".parse().unwrap(),
                    class: class.to_owned(),
                    kind: PrincipalKind::Device,
                    token_sha256: None,
                    via: Vec::new(),
                    signals,
                }
                .into(),
            ));
            bed.command(Action::Bind {
                device: "dev".parse().unwrap(),
                patient: "p".parse().unwrap(),
                from: None,
                zero_means_no_sensor: None,
                replaces: None,
            });
            bed
        }

        fn now(&self) -> Stamp {
            let at = Timestamp::from_millis(1_795_255_200_000 + self.row as i64 * 1_000);
            Stamp { at, offset: Span::ZERO }
        }

        fn fold(&mut self, input: Input) {
            self.row += 1;
            self.core.fold(self.row, self.now(), &[input]);
        }

        fn command(&mut self, action: Action) {
            self.fold(Input::Command(Box::new(Command { actor: "local:test".to_owned(), action })));
        }

        /// All limits of a signal are switched off.
        fn off(&mut self, signal: &str, unit: Unit) {
            let off = |(side, critical)| PatientLimit {
                signal: signal.to_owned(),
                side,
                critical,
                value: None,
                unit,
                until: None,
                ends: None,
            };
            let both = [Side::Low, Side::High].into_iter();
            let all = both.flat_map(|side| [(side, false), (side, true)]);
            self.command(Action::SetLimits {
                patient: "p".parse().unwrap(),
                limits: all.map(off).collect(),
                from: None,
                replaces: None,
                reason: Some("comfort care".to_owned()),
                only: None,
            });
        }

        fn reading(&mut self, signal: &str, value: f64, unit: &str) {
            let what = format!(r#""signal":"{signal}","value":{value},"unit":"{unit}""#);
            self.send(|now| format!(r#""at":"{now}",{what}"#));
        }

        /// One reading, of what its fields say at the time it is sent.
        fn send(&mut self, fields: impl FnOnce(Timestamp) -> String) {
            let received = Timestamp::from_millis(self.now().at.as_micros() / 1_000 + 1_000);
            let payload = format!(
                r#"{{"seq":{},"sent_at":"{received}","clock":{{"source":"network"}},"readings":
                   [{{{}}}]}}"#,
                self.row,
                fields(received)
            );
            let id = "dev".parse().unwrap();
            let request = Request {
                principal: &id,
                device: &id,
                kind: Kind::Telemetry,
                payload: payload.as_bytes(),
                delivery: Delivery::default(),
                received,
                retention: Span::days(90),
                topic: "vitalgate/v1/dev/telemetry",
            };
            let decoded = decode(&request, &self.core.configuration.signals);
            assert!(decoded.dead_letter.is_none(), "{decoded:?}");
            self.fold(Input::Message(Box::new(decoded.message)));
        }

        fn patient(&self) -> PatientView {
            PatientView::clone(&of(&self.core).patients["p"])
        }

        fn expect(&self, state: &str, reasons: &[&str]) {
            let monitored = self.patient().monitored;
            let found = (monitored.state, monitored.why.len());
            assert_eq!(found, (state, reasons.len()), "{monitored:?}");
            for (why, reason) in monitored.why.iter().zip(reasons) {
                assert!(why.contains(reason), "{why}");
            }
        }
    }

    #[test]
    fn a_patient_with_only_a_scale_is_not_monitored() {
        let mut bed = Bed::of("spot", &["weight"]);
        bed.reading("weight", 80.0, "kg");
        bed.expect("not", &["nothing that comes has a limit"]);
    }

    #[test]
    fn what_a_device_sends_unasked_counts_where_it_never_said_what_it_sends() {
        let mut bed = Bed::of("bedside", &[]);
        bed.reading("weight", 80.0, "kg");
        bed.expect("not", &["nothing that comes has a limit"]);
        bed.reading("spo2", 97.0, "%");
        bed.expect("monitored", &[]);
    }

    #[test]
    fn a_signal_whose_limits_are_all_off_is_not_monitored() {
        let mut bed = Bed::of("bedside", &["temperature"]);
        bed.reading("temperature", 37.0, "Cel");
        bed.expect("monitored", &[]);
        bed.off("temperature", Unit::Celsius);
        bed.expect("not", &["Temperature: no limit is in force", "nothing that comes has a limit"]);
        let mut bed = Bed::of("bedside", &["temperature", "heart_rate"]);
        bed.reading("temperature", 37.0, "Cel");
        bed.reading("heart_rate", 70.0, "/min");
        bed.off("temperature", Unit::Celsius);
        bed.expect("partly", &["Temperature: no limit is in force"]);
    }

    #[test]
    fn the_lethal_floor_alone_is_no_limit() {
        let mut bed = Bed::new();
        bed.reading("spo2", 97.0, "%");
        bed.reading("heart_rate", 70.0, "/min");
        bed.off("spo2", Unit::Percent);
        bed.expect("partly", &["SpO2: no limit is in force"]);
        bed.command(Action::ChangePatient {
            patient: "p".parse().unwrap(),
            age_class: Some(AgeClass::Paediatric),
            continuous: None,
            pregnant: None,
            replaces: None,
            spo2_scale: None,
            reason: None,
        });
        bed.expect(
            "not",
            &[
                "SpO2: no limit is in force",
                "Heart rate: no limit is in force",
                "limits for adults are not applied",
                "nothing that comes has a limit",
            ],
        );
    }

    #[test]
    fn nobody_is_monitored_without_data_or_without_judgement() {
        let mut bed = Bed::new();
        bed.expect("not", &["SpO2: not heard yet", "Heart rate: not heard yet"]);
        bed.reading("spo2", 97.0, "%");
        bed.expect("partly", &["Heart rate: not heard yet"]);
        bed.reading("heart_rate", 70.0, "/min");
        bed.expect("monitored", &[]);
        bed.command(Action::ChangePatient {
            patient: "p".parse().unwrap(),
            age_class: None,
            continuous: None,
            pregnant: Some(true),
            replaces: None,
            spo2_scale: None,
            reason: None,
        });
        bed.expect(
            "not",
            &[
                "SpO2: no limit is in force",
                "Heart rate: no limit is in force",
                "limits for adults are not applied",
                "nothing that comes has a limit",
            ],
        );
    }

    #[test]
    fn a_statistic_beside_live_values_leaves_a_patient_monitored() {
        let mut bed = Bed::of("bedside", &["heart_rate"]);
        bed.reading("heart_rate", 70.0, "/min");
        bed.send(|now| {
            let from = now - Span::hours(8);
            let what = r#""signal":"heart_rate","value":45,"unit":"/min""#;
            format!(r#""from":"{from}","to":"{now}",{what}"#)
        });
        bed.expect("monitored", &[]);
    }

    #[test]
    fn a_bound_that_was_not_judged_says_so() {
        let mut bed = Bed::of("bedside", &["spo2"]);
        for (bound, doubt) in [(95.0, Some("only a bound is known")), (70.0, None)] {
            bed.send(|now| {
                let what = r#""signal":"spo2","unit":"%","comparator":"<""#;
                format!(r#""at":"{now}","value":{bound},{what}"#)
            });
            let vitals = bed.patient().vitals;
            assert_eq!(vitals[0].doubt.as_deref(), doubt, "{vitals:?}");
        }
    }

    #[test]
    fn limits_for_a_later_time_are_listed_until_they_hold() {
        // What is charted is never silent.
        let mut bed = Bed::of("charted", &["spo2"]);
        let now = bed.now().at;
        let limit = PatientLimit {
            signal: "spo2".to_owned(),
            side: Side::Low,
            critical: false,
            value: Some(92.0),
            unit: Unit::Percent,
            until: None,
            ends: None,
        };
        bed.command(Action::SetLimits {
            patient: "p".parse().unwrap(),
            limits: vec![limit.clone()],
            from: Some(now + Span::secs(60)),
            replaces: None,
            reason: None,
            only: None,
        });
        let PatientView { limits, limits_waiting, .. } = bed.patient();
        assert_eq!(limits, []);
        assert_eq!(limits_waiting[0].from, now + Span::secs(60));
        assert_eq!(limits_waiting[0].limits, std::slice::from_ref(&limit));
        bed.core.take_changed();
        let at = Stamp { at: now + Span::secs(60), offset: Span::ZERO };
        let advanced = bed.core.advance(at);
        assert!(!advanced.is_nothing(), "it makes a row, so that everybody is shown");
        assert_eq!(advanced.into_row().transitions.len(), 1);
        assert_eq!(bed.core.take_changed().patients, ["p".parse().unwrap()]);
        let PatientView { limits, limits_waiting, .. } = bed.patient();
        let standing: Vec<_> = limits.into_iter().map(|one| one.limit).collect();
        assert_eq!((standing, limits_waiting.len()), (vec![limit], 0));
    }
}
