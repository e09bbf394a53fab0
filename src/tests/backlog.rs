//! What an implant told long ago by its own clock, in messages that waited: from the bytes to the alarm.

use serde_json::{Value, json};

use super::stores::configuration;
use vitalgate_domain::core::Core;
use vitalgate_domain::core::configuration::Configuration;
use vitalgate_domain::model::command::{
    Action, AgeClass, Command, DeviceDetails, PatientDetails, PrincipalKind,
};
use vitalgate_domain::model::input::Input;
use vitalgate_domain::model::message::{DeadLetter, Delivery, Kind};
use vitalgate_domain::model::time::{Span, Stamp, Timestamp};
use vitalgate_domain::output::transition::TransitionBody;
use vitalgate_formats::{Request, decode};

const WAITED: [Delivery; 3] = [
    Delivery { qos: 1, retained: false, dup: true, resumed: false },
    Delivery { qos: 1, retained: true, dup: false, resumed: false },
    Delivery { qos: 1, retained: false, dup: false, resumed: true },
];

/// Patient `p1` with an implant heard by `relay-1`.
struct Home {
    core: Core,
    now: Stamp,
    sent: u64,
}

/// What came of a message.
#[derive(Debug)]
struct Told {
    rules: Vec<String>,
    dead_letters: Vec<DeadLetter>,
    samples: usize,
}

impl Home {
    fn new() -> Self {
        let core = Core::new("site".parse().unwrap(), false, Configuration::default());
        let now = Stamp { at: Timestamp::from_millis(1_795_000_000_000), offset: Span::ZERO };
        let mut home = Self { core, now, sent: 0 };
        home.fold(&[configuration()]);
        home.act(Action::AdmitPatient(PatientDetails {
            id: "p1".parse().unwrap(),
            age_class: AgeClass::Adult,
            continuous: false,
            bed: None,
            pregnant: None,
        }));
        for (id, class, kind) in
            [("implant", "cied", PrincipalKind::Device), ("relay-1", "relay", PrincipalKind::Relay)]
        {
            home.act(Action::RegisterDevice(
                DeviceDetails {
                    id: id.parse().unwrap(),
                    class: class.into(),
                    kind,
                    token_sha256: None,
                    via: if id == "implant" {
                        vec!["relay-1".parse().unwrap()]
                    } else {
                        Vec::new()
                    },
                    signals: Vec::new(),
                }
                .into(),
            ));
        }
        home.act(Action::Bind {
            device: "implant".parse().unwrap(),
            patient: "p1".parse().unwrap(),
            zero_means_no_sensor: Some(Vec::new()),
            replaces: None,
            from: None,
        });
        home.now.at = home.now.at + Span::hours(12);
        home
    }

    fn act(&mut self, action: Action) {
        let command = Command { actor: "nurse".to_owned(), action };
        let told = self.fold(&[Input::Command(Box::new(command))]);
        assert!(told.dead_letters.is_empty());
    }

    fn fold(&mut self, inputs: &[Input]) -> Told {
        let out = self.core.fold(self.core.row() + 1, self.now, inputs);
        let rules = out.transitions.iter().filter_map(|transition| match &transition.body {
            TransitionBody::Alarm { alarm, .. } => Some(alarm.rule.to_string()),
            TransitionBody::Answer { .. }
            | TransitionBody::SignInsFailed(_)
            | TransitionBody::Note { .. }
            | TransitionBody::NotAllowed { .. } => None,
        });
        Told { rules: rules.collect(), dead_letters: out.dead_letters, samples: out.samples.len() }
    }

    /// A message by the relay, delivered like this.
    fn send(&mut self, kind: Kind, delivery: Delivery, mut body: Value) -> Told {
        self.sent += 1;
        (body["boot"], body["seq"]) = (json!(1), json!(self.sent));
        let payload = body.to_string();
        let request = Request {
            principal: &"relay-1".parse().unwrap(),
            device: &"implant".parse().unwrap(),
            kind,
            payload: payload.as_bytes(),
            delivery,
            received: self.now.wall(),
            retention: Span::days(365),
            topic: "vitalgate/v1/implant/any",
        };
        let decoded = decode(&request, &self.core.configuration.signals);
        assert_eq!(decoded.dead_letter, None);
        self.fold(&[Input::Message(Box::new(decoded.message))])
    }

    /// The relay of a message that heard the implant an hour ago, while its clock said 2015.
    fn relay(&self) -> Value {
        let heard = self.now.wall() - Span::hours(1);
        json!({
            "id": "relay-1", "device_clock": "2015-03-01T12:00:00Z",
            "received_at": heard, "sent_at": self.now.wall(),
        })
    }
}

#[test]
fn an_implant_years_behind_is_as_old_as_its_relay_says_however_it_waited() {
    for delivery in WAITED {
        let mut home = Home::new();
        let relay = home.relay();
        let vf = json!({ "event": "vf_detected", "id": "ep-1", "at": "2015-03-01T11:58:00Z" });
        let told = home.send(Kind::Events, delivery, json!({ "relay": relay, "events": [vf] }));
        assert_eq!(told.rules, ["cied.vf"], "{delivery:?}");
        assert!(told.dead_letters.is_empty(), "{told:?}");
        let pacing = json!({
            "signal": "heart_rate", "value": 70, "unit": "/min", "at": "2015-03-01T11:59:00Z",
        });
        let body = json!({ "relay": relay, "readings": [pacing] });
        let told = home.send(Kind::Telemetry, delivery, body);
        assert_eq!((told.samples, told.dead_letters.len()), (1, 0), "{delivery:?}");
    }
}

#[test]
fn a_clock_that_was_found_to_be_wrong_is_corrected_in_what_waited_as_well() {
    let mut home = Home::new();
    let behind = Span::days(4_000);
    // It says what it is often enough to be believed.
    for _ in 0..20 {
        let stamp = home.now.wall() - behind;
        let reading = json!({ "signal": "heart_rate", "value": 70, "unit": "/min", "at": stamp });
        let body = json!({ "sent_at": stamp, "readings": [reading] });
        home.send(Kind::Telemetry, Delivery { qos: 1, ..Delivery::default() }, body);
        home.now.at = home.now.at + Span::secs(5);
    }
    let stamp = home.now.wall() - behind - Span::mins(20);
    let vf = json!({ "event": "vf_detected", "id": "ep-1", "at": stamp });
    let told = home.send(Kind::Events, WAITED[2], json!({ "sent_at": stamp, "events": [vf] }));
    assert_eq!(told.rules, ["cied.vf"]);
    assert!(told.dead_letters.is_empty(), "{told:?}");
}

#[test]
fn what_is_older_than_it_is_kept_by_its_corrected_time_is_a_dead_letter() {
    for delivery in WAITED {
        let mut home = Home::new();
        let old = home.now.wall() - Span::days(366);
        let vf = json!({ "event": "vf_detected", "id": "ep-1", "at": old });
        let body = json!({ "clock": { "source": "ntp" }, "events": [vf] });
        let told = home.send(Kind::Events, delivery, body);
        let [letter] = told.dead_letters.as_slice() else { panic!("{told:?}") };
        assert_eq!(letter.reason, "too_old: 1 older than kept: 0");
        assert!(letter.length > 0 && letter.head.starts_with(b"{"), "{letter:?}");
        assert!(told.rules.is_empty(), "{told:?}");

        // Two years before its relay heard it, by a clock of 2015.
        let relay = home.relay();
        let vf = json!({ "event": "vf_detected", "id": "ep-2", "at": "2013-03-01T12:00:00Z" });
        let told = home.send(Kind::Events, delivery, json!({ "relay": relay, "events": [vf] }));
        assert_eq!((told.rules.len(), told.dead_letters.len()), (0, 1), "{told:?}");

        let reading = |at: Timestamp| json!({ "signal": "heart_rate", "value": 70, "unit": "/min", "at": at });
        let readings = [reading(home.now.wall() - Span::mins(5)), reading(old)];
        let body = json!({ "clock": { "source": "ntp" }, "readings": readings });
        let told = home.send(Kind::Telemetry, delivery, body);
        assert_eq!(told.samples, 1);
        assert_eq!(told.dead_letters[0].reason, "too_old: 1 older than kept: 1");
    }
}
