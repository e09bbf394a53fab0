//! A core that answers what is asked of it, in place of the pipeline: patient `p-1` with `dev-1`, which sends.

use super::ward::{SIGNALS, now};
use crate::pipeline::asked::{Ask, Questions};
use vitalgate_domain::core::Core;
use vitalgate_domain::core::configuration::{Configuration, Texts};
use vitalgate_domain::model::alarm::Side;
use vitalgate_domain::model::command::{
    Action, AgeClass, Command, DeviceDetails, PatientDetails, PatientLimit, PrincipalKind,
};
use vitalgate_domain::model::input::Input;
use vitalgate_domain::model::message::{Delivery, ExpectedSignal, Kind};
use vitalgate_domain::model::pause::Scope;
use vitalgate_domain::model::time::{Span, Stamp};
use vitalgate_domain::model::unit::Unit;
use vitalgate_formats::{Request, decode};

const RULES: &str = r#"
quality_min = 0.5
[class.bedside]
expected_interval = "1s"
max_delay = "5s"
slack = "54s"
silence = { low = "15s", medium = "60s" }
[[limit]]
id = "test.heart_rate"
signal = "heart_rate"
high = ["130 /min"]
critical_high = ["160 /min"]
delay = "10s"
critical_delay = "5s"
hysteresis = "5 /min"
gap = "10s"
adults_only = true
[[limit]]
id = "test.spo2"
signal = "spo2"
critical_low = ["80 %"]
critical_delay = "5s"
hysteresis = "2 %"
gap = "10s"
[[event]]
id = "test.event"
events = ["*"]
priority = "low"
response = "prompt"
text = "Event"
"#;

/// A way to ask, which the core of a small ward answers.
pub(super) fn ask() -> Ask {
    let (ask, questions) = Ask::new();
    tokio::spawn(answer(questions));
    ask
}

async fn answer(mut questions: Questions) {
    let core = core();
    loop {
        let first = questions.next().await;
        questions.answer(Some(first), &core, core.now());
    }
}

fn core() -> Core {
    let texts = Texts {
        signals: SIGNALS.into(),
        rules: RULES.into(),
        site: String::new(),
        packs: Vec::new(),
    };
    let configuration = Configuration::parse(texts).unwrap();
    let signal = |name: &str| configuration.signals.find(name).unwrap().id;
    let signals =
        ["heart_rate", "spo2"].map(|name| ExpectedSignal { signal: signal(name), interval: None });
    let high = PatientLimit {
        signal: "heart_rate".into(),
        side: Side::High,
        critical: false,
        value: Some(120.0),
        unit: Unit::PerMinute,
        until: None,
        ends: None,
    };
    let mut core = Core::new("site".parse().unwrap(), false, configuration);
    let actions = [
        Action::AdmitPatient(PatientDetails {
            id: "p-1".parse().unwrap(),
            bed: None,
            age_class: AgeClass::Adult,
            pregnant: None,
            continuous: false,
        }),
        Action::RegisterDevice(
            DeviceDetails {
                id: "dev-1".parse().unwrap(),
                class: "bedside".into(),
                kind: PrincipalKind::Device,
                token_sha256: None,
                via: Vec::new(),
                signals: signals.to_vec(),
            }
            .into(),
        ),
        Action::Bind {
            device: "dev-1".parse().unwrap(),
            patient: "p-1".parse().unwrap(),
            from: None,
            zero_means_no_sensor: None,
            replaces: None,
        },
        Action::SetLimits {
            patient: "p-1".parse().unwrap(),
            limits: vec![high],
            from: None,
            replaces: None,
            reason: Some("as usual".into()),
            only: None,
        },
        Action::Pause {
            scope: Scope { rule: Some("test.event".parse().unwrap()), ..Scope::default() },
            reason: "CT".into(),
            until: now() + Span::mins(10),
        },
    ];
    for action in actions {
        let command = Command { actor: "anna".into(), action };
        fold(&mut core, 0, Input::Command(Box::new(command)));
    }
    for second in 1..=4 {
        let readings = format!(
            r#"{{"signal":"heart_rate","at":"{at}","value":125,"unit":"/min"}}"#,
            at = now() + Span::secs(second)
        );
        send(&mut core, second, &readings);
    }
    core
}

fn send(core: &mut Core, second: i64, readings: &str) {
    let received = now() + Span::secs(second);
    let payload = format!(
        r#"{{"seq":{second},"sent_at":"{received}","clock":{{"source":"network"}},"readings":[{readings}]}}"#
    );
    let id = "dev-1".parse().unwrap();
    let request = Request {
        principal: &id,
        device: &id,
        kind: Kind::Telemetry,
        payload: payload.as_bytes(),
        delivery: Delivery::default(),
        received,
        retention: Span::days(90),
        topic: "vitalgate/v1/dev-1/telemetry",
    };
    let decoded = decode(&request, &core.configuration.signals);
    assert!(decoded.dead_letter.is_none(), "{decoded:?}");
    fold(core, second, Input::Message(Box::new(decoded.message)));
}

fn fold(core: &mut Core, second: i64, input: Input) {
    let stamp = Stamp { at: now() + Span::secs(second), offset: Span::ZERO };
    core.fold(core.row() + 1, stamp, &[input]);
}
