//! The pack `news2`: the public cases of the score, and a score through the whole program.

use serde_json::{Value, json};
use vitalgate_domain::model::observation::Number;
use vitalgate_domain::model::spo2_scale::Spo2Scale;
use vitalgate_domain::model::time::Timestamp;
use vitalgate_domain::model::unit::Unit;
use vitalgate_domain::rules::news2::{Band, Input, Sum};

use crate::cases::recordings;
use crate::harness::{Gateway, eventually};
use crate::mqtt::Client;
use crate::setup::Setup;

const RULE: &str = "news2.score";

/// A pack like the built-in one whose delay is short enough to wait for.
fn quick_pack() -> String {
    let built_in = include_str!("../../config/packs/news2.toml");
    let quick = built_in.replace("\ndelay = \"60s\"", "\ndelay = \"100ms\"");
    assert_ne!(quick, built_in);
    quick
}

#[test]
#[ignore = "needs the recordings"]
fn the_public_cases_have_the_total_and_the_risk_that_they_say() {
    let text = std::fs::read_to_string(recordings().join("news2_gdl_cases.csv")).unwrap();
    let mut compared = 0;
    for line in text.lines().skip(1) {
        let cell: Vec<&str> = line.splitn(11, ',').collect();
        let [rr, spo2, oxygen, systolic, pulse, temperature, alert, hypercapnic, total, risk, case] =
            cell[..]
        else {
            panic!("{line}");
        };
        let scale = if hypercapnic == "True" { Spo2Scale::Two } else { Spo2Scale::One };
        let on_oxygen = oxygen == "True";
        let number = |input: Input, value: &str, unit| {
            let value = value.parse().unwrap();
            let number = Number { value, unit, comparator: None, unit_doubtful: false };
            input.points(&number, scale, Some(on_oxygen))
        };
        let word = if alert == "0.0" { "A" } else { "U" };
        let given = if on_oxygen { "oxygen" } else { "air" };
        let sum = Sum::of(&[
            number(Input::Respiration, rr, Unit::PerMinute),
            number(Input::Saturation, spo2, Unit::Percent),
            Input::Oxygen.points_of_word(given),
            number(Input::Systolic, systolic, Unit::MmHg),
            number(Input::Pulse, pulse, Unit::PerMinute),
            Input::Consciousness.points_of_word(word),
            number(Input::Temperature, temperature, Unit::Celsius),
        ]);
        let said = match sum.band {
            Some(Band::High) => "High",
            Some(Band::Medium) => "Medium",
            Some(Band::Single) => "Low-Medium",
            None => "Low",
        };
        assert_eq!((sum.total.to_string().as_str(), said), (total, risk), "{case}");
        assert!(sum.complete, "{case}");
        compared += 1;
    }
    assert_eq!(compared, 19);
}

/// `mon` of `p1`, which says everything, as of now.
struct Ward {
    gateway: Gateway,
    device: Client,
    seq: u64,
}

impl Ward {
    fn start(packs: &Value) -> Self {
        let gateway = Setup::default().section("rules", json!({ "packs": packs })).start();
        gateway.admit("p1", "mon");
        let device = gateway.mqtt("mon");
        Self { gateway, device, seq: 0 }
    }

    fn say(&mut self, readings: &[(&str, Value)]) {
        self.seq += 1;
        let now: Timestamp = self.gateway.now();
        let readings: Vec<Value> = readings
            .iter()
            .map(|(signal, said)| {
                let mut reading = json!({ "at": now, "signal": signal });
                reading.as_object_mut().unwrap().extend(said.as_object().unwrap().clone());
                reading
            })
            .collect();
        let clock = json!({ "source": "ntp" });
        let message = json!({ "boot": 1, "seq": self.seq, "sent_at": now, "clock": clock, "readings": readings });
        self.device.telemetry("mon", &message);
    }

    fn score(&self) -> Value {
        self.gateway.get("/api/v1/patients/p1")["scores"][0].clone()
    }
}

fn readings() -> Vec<(&'static str, Value)> {
    let number = |value: f64, unit: &str| json!({ "value": value, "unit": unit });
    vec![
        ("respiratory_rate", number(26.0, "/min")),
        ("spo2", number(97.0, "%")),
        ("supplemental_oxygen", json!({ "code": "oxygen" })),
        ("nibp_sys", number(120.0, "mm[Hg]")),
        ("heart_rate", number(72.0, "/min")),
        ("temperature", number(37.0, "Cel")),
    ]
}

#[test]
fn a_score_comes_in_by_mqtt_and_goes_out_as_an_alarm() {
    let gateway = Setup::default().start();
    std::fs::write(gateway.config_file().with_file_name("quick.toml"), quick_pack()).unwrap();
    gateway.admit("p1", "mon");
    let device = gateway.mqtt("mon");
    let mut ward = Ward { gateway, device, seq: 0 };
    assert_eq!(ward.gateway.get("/api/v1/patients/p1")["scores"], json!([]), "no pack is on");
    let events = ward.gateway.events();
    // Switched on as the rules are: what is wrong changes nothing.
    ward.gateway.set("rules", "packs", &json!(["./quick.toml", "news3"]));
    ward.gateway.signal("HUP");
    eventually("it is refused", || ward.gateway.log().contains("no pack `news3`").then_some(()));
    ward.gateway.set("rules", "packs", &json!(["./quick.toml"]));
    ward.gateway.signal("HUP");
    eventually("the pack is on", || (!ward.score().is_null()).then_some(()));
    ward.say(&readings());
    let score = eventually("it is 5", || Some(ward.score()).filter(|it| it["total"] == 5));
    assert_eq!((&score["band"], &score["complete"]), (&json!("medium"), &json!(false)), "{score}");
    let alarm = events.alarm("the score", |alarm| alarm["rule"] == RULE).data;
    assert_eq!((&alarm["priority"], &alarm["source"]), (&json!("medium"), &json!("score")));
    assert_eq!(
        alarm["text"],
        "NEWS2 at least 5, medium: respiration 3, oxygen 2; missing: consciousness"
    );
    // By scale 2 97 % have points with oxygen: a clinician says so, and why.
    let patient = "/api/v1/patients/p1";
    let prescribed = |body: Value| ward.gateway.patch(patient, &body).0;
    assert_eq!(prescribed(json!({ "spo2_scale": 2 })), 422);
    assert!(prescribed(json!({ "spo2_scale": 3, "reason": "x" })) >= 400);
    assert_eq!(prescribed(json!({ "spo2_scale": 2, "reason": "hypercapnic failure" })), 200);
    let is_high = |said: &Value| said["scores"][0]["total"] == 8;
    let said = eventually("it is 8", || Some(ward.gateway.get(patient)).filter(is_high));
    assert_eq!(said["spo2_scale"]["scale"], 2, "{said}");
    assert_eq!(said["spo2_scale"]["reason"], "hypercapnic failure");
    assert_eq!(said["scores"][0]["band"], "high");
    let is_high = |alarm: &Value| alarm["rule"] == RULE && alarm["priority"] == "high";
    let rose = events.alarm("a graver score", is_high).data;
    assert_eq!(rose["id"], alarm["id"]);
    let inputs = said["scores"][0]["inputs"].as_array().unwrap().clone();
    let named = |name: &str| inputs.iter().find(|input| input["input"] == name).unwrap();
    assert_eq!(
        (&named("respiration")["value"], &named("respiration")["points"]),
        (&json!(26.0), &json!(3))
    );
    assert_eq!(named("oxygen")["text"], "oxygen");
    assert_eq!(named("consciousness")["missing"], true);
    // It outlives a restart, and what was judged is judged so again.
    ward.gateway.restart();
    eventually("it is 8 still", || (ward.score()["total"] == 8).then_some(()));
    ward.gateway.verify();
    ward.gateway.stop();
}

#[test]
fn a_configuration_with_a_pack_that_is_not_there_is_refused() {
    let ward = Ward::start(&json!(["news2"]));
    assert_eq!(ward.score()["complete"], false, "nothing was said yet");
    ward.gateway.set("rules", "packs", &json!(["news3"]));
    let checked = ward.gateway.command_line("check", &[]);
    let said = String::from_utf8_lossy(&checked.stderr).into_owned();
    assert!(!checked.status.success() && said.contains("no pack `news3`"), "{said}");
}
