//! Which devices a simulated ward has, at which beds, and how they are registered with a gateway.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::bedside::{self, BedsideOptions};
use crate::http::{Api, ApiError, Request};
use crate::implant::{self, ImplantOptions, ReportTime};
use crate::names::{self, class};
use crate::wire::Expected;

const DAY_S: u64 = 86_400;
/// Devices were at their patients before the ward starts: an implant reports what it measured
/// minutes ago, and nobody owns what was measured before a binding.
const BOUND_BEFORE: Duration = Duration::from_secs(3600);

/// A ward.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Its id.
    pub ward: String,
    /// Its patients.
    pub places: Vec<Place>,
}

/// A patient with one device.
#[derive(Clone, Debug)]
pub struct Place {
    /// The bed; an implant's patient is at home and has none.
    pub bed: Option<String>,
    /// The patient's pseudonymous key.
    pub patient: String,
    /// The device.
    pub device: Device,
}

/// A device and how it behaves.
#[derive(Clone, Debug)]
pub enum Device {
    /// A bedside monitor that speaks for itself.
    Bedside {
        /// Its id, which is its principal.
        id: String,
        /// How it behaves.
        options: BedsideOptions,
    },
    /// An implant that a relay speaks for.
    Implant {
        /// The implant's id.
        id: String,
        /// The relay's id, which is the principal.
        relay: String,
        /// How it behaves.
        options: ImplantOptions,
    },
}

impl Plan {
    /// The ward of a demonstration: a critical alarm within half a minute, an implant's event
    /// within a minute, and something of every kind after that.
    pub fn demo(seed: u64) -> Self {
        use bedside::Scenario::{Arrest, Artefact, Desaturation, Deterioration, SensorOff, Stable};
        let beds = [
            (Stable, 0),
            (Desaturation, 5),
            (Deterioration, 30),
            (Artefact, 0),
            (SensorOff, 90),
            (Stable, 0),
            (Arrest, 180),
        ];
        let mut plan = Self { ward: "demo".to_owned(), places: Vec::new() };
        for (scenario, onset_s) in beds {
            let seed = seed.wrapping_add(plan.places.len() as u64);
            plan.add_bed(BedsideOptions { scenario, onset_s, seed, ..BedsideOptions::default() });
        }
        plan.add_implant(ImplantOptions {
            scenario: implant::Scenario::Shock,
            onset: Duration::from_secs(30),
            report: ReportTime::AfterStart(Duration::from_secs(12)),
            lost_days: 0.0,
            seed,
        });
        plan
    }

    /// Adds a bed with a patient and a monitor.
    pub fn add_bed(&mut self, options: BedsideOptions) {
        let number = self.places.len() + 1;
        self.places.push(Place {
            bed: Some(format!("bed-{number:02}")),
            patient: format!("p-{number:03}"),
            device: Device::Bedside { id: format!("mon-{number:02}"), options },
        });
    }

    /// Adds a patient at home with an implant and its relay.
    pub fn add_implant(&mut self, options: ImplantOptions) {
        let number = self.places.len() + 1;
        self.places.push(Place {
            bed: None,
            patient: format!("p-{number:03}"),
            device: Device::Implant {
                id: format!("icd-{number:02}"),
                relay: format!("cm-{number:02}"),
                options,
            },
        });
    }

    /// What a gateway must know before the ward, which starts at `start`, may speak; in this
    /// order. All of it may be sent again.
    pub fn registration(&self, start: Timestamp) -> Vec<Request> {
        let bound_from = start.checked_sub(BOUND_BEFORE).unwrap_or(start);
        let mut requests = vec![Request::post("/api/v1/wards", json!({ "id": self.ward }))];
        for place in &self.places {
            if let Some(bed) = &place.bed {
                requests
                    .push(Request::post("/api/v1/beds", json!({ "id": bed, "ward": self.ward })));
            }
            let patient = json!({
                "id": place.patient,
                "age_class": "adult",
                "bed": place.bed,
                "continuous": place.bed.is_some(),
            });
            requests.push(Request::post("/api/v1/patients", patient));
            requests.extend(place.device.registration(&place.patient, bound_from));
        }
        requests
    }

    /// Sends it to the gateway. Blocks.
    pub fn register(&self, api: &Api, start: Timestamp) -> Result<(), ApiError> {
        api.put_in_place(&self.registration(start))
    }
}

impl Device {
    /// The id the readings carry.
    pub fn id(&self) -> &str {
        match self {
            Self::Bedside { id, .. } | Self::Implant { id, .. } => id,
        }
    }

    /// Who connects.
    pub fn principal(&self) -> &str {
        match self {
            Self::Bedside { id, .. } => id,
            Self::Implant { relay, .. } => relay,
        }
    }

    /// The signals it sends, and how often.
    pub fn expected(&self) -> Vec<Expected> {
        let every = |interval_s| move |s: names::Signal| Expected { signal: s.name, interval_s };
        match self {
            Self::Bedside { options, .. } => {
                let second = bedside::INTERVAL.as_secs();
                let vitals = [names::HEART_RATE, names::SPO2, names::RESPIRATORY_RATE];
                let cuff = [names::NIBP_SYS, names::NIBP_DIA, names::NIBP_MEAN];
                vitals
                    .map(every(second))
                    .into_iter()
                    .chain([names::TEMPERATURE].map(every(bedside::TEMPERATURE_EVERY_S)))
                    .chain(cuff.map(every(options.nibp_every_s)))
                    .collect()
            }
            Self::Implant { .. } => implant::SIGNALS.map(every(DAY_S)).to_vec(),
        }
    }

    fn registration(&self, patient: &str, bound_from: Timestamp) -> Vec<Request> {
        let signals: Vec<Value> = self
            .expected()
            .iter()
            .map(|e| json!({ "signal": e.signal, "interval": format!("{}s", e.interval_s) }))
            .collect();
        let device = |class: &str, via: &[&str]| {
            json!({
                "id": self.id(), "class": class, "kind": "device", "via": via, "signals": signals,
            })
        };
        let mut requests = match self {
            Self::Bedside { .. } => {
                vec![Request::post("/api/v1/devices", device(class::BEDSIDE, &[]))]
            }
            Self::Implant { relay, .. } => vec![
                Request::post(
                    "/api/v1/devices",
                    json!({ "id": relay, "class": class::RELAY, "kind": "relay" }),
                ),
                Request::post("/api/v1/devices", device(class::CIED, &[relay])),
            ],
        };
        let binding = json!({
            "patient": patient,
            "from": bound_from.to_string(),
            "zero_means_no_sensor": self.zero_means_no_sensor(),
        });
        requests.push(Request::put(format!("/api/v1/devices/{}/binding", self.id()), binding));
        requests
    }

    /// Signals whose 0 means that the sensor is off.
    fn zero_means_no_sensor(&self) -> Vec<&'static str> {
        match self {
            Self::Bedside { .. } => vec![names::SPO2.name],
            Self::Implant { .. } => vec![],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bedside::Bedside;
    use crate::implant::Implant;
    use crate::wire::{self, Kind, Reading};

    #[test]
    fn a_demonstration_registers_wards_before_beds_and_devices_before_their_bindings() {
        let plan = Plan::demo(1);
        let requests = plan.registration(Timestamp::UNIX_EPOCH);
        let place = |method, path: &str| {
            requests.iter().position(|r| r.method == method && r.path == path).unwrap()
        };
        assert!(place("POST", "/api/v1/wards") < place("POST", "/api/v1/beds"));
        for at in &plan.places {
            let binding = place("PUT", &format!("/api/v1/devices/{}/binding", at.device.id()));
            for id in [at.patient.as_str(), at.device.id(), at.device.principal()] {
                let made = requests.iter().position(|r| r.body["id"] == id).unwrap();
                assert!(made < binding, "{id}");
            }
        }
    }

    #[test]
    fn a_demonstration_has_something_to_show_soon() {
        let start = Timestamp::UNIX_EPOCH;
        for seed in 0..50 {
            let (mut critical, mut episodes) = (0, 0);
            for place in Plan::demo(seed).places {
                match place.device {
                    Device::Bedside { options, .. } => {
                        let mut monitor = Bedside::new(options, start);
                        let seconds: Vec<_> = (0..25).map(|_| monitor.readings()).collect();
                        let low: Vec<bool> = seconds.iter().map(|r| has_low_oxygen(r)).collect();
                        critical += usize::from(low.windows(7).any(|w| !w.contains(&false)));
                    }
                    Device::Implant { options, .. } => {
                        let mut implant = Implant::new(options, start);
                        let soon = std::iter::from_fn(|| implant.handover())
                            .take_while(|h| h.due.as_second() < 60);
                        episodes += soon.filter(|h| h.body.kind() == Kind::Events).count();
                    }
                }
            }
            assert!(
                critical == 1 && episodes >= 1,
                "seed {seed}: {critical} alarms, {episodes} events"
            );
        }
    }

    fn has_low_oxygen(readings: &[Reading]) -> bool {
        readings.iter().any(|r| {
            r.signal == names::SPO2.name
                && matches!(r.value, wire::Value::Number { value, .. } if value < 80.0)
        })
    }

    #[test]
    fn a_relay_is_named_before_the_implant_that_speaks_through_it() {
        let requests = Plan::demo(1).registration(Timestamp::UNIX_EPOCH);
        let relay = requests.iter().position(|r| r.body["kind"] == "relay").unwrap();
        let implant = requests.iter().position(|r| r.body["class"] == "cied").unwrap();
        assert!(relay < implant);
        assert_eq!(requests[implant].body["via"], json!([requests[relay].body["id"]]));
    }

    #[test]
    fn a_monitor_says_how_often_each_signal_comes() {
        let mut plan = Plan { ward: "w".to_owned(), places: Vec::new() };
        plan.add_bed(BedsideOptions::default());
        let found: Vec<(&str, u64)> =
            plan.places[0].device.expected().iter().map(|e| (e.signal, e.interval_s)).collect();
        assert_eq!(
            found,
            [
                ("heart_rate", 1),
                ("spo2", 1),
                ("respiratory_rate", 1),
                ("temperature", 60),
                ("nibp_sys", 300),
                ("nibp_dia", 300),
                ("nibp_mean", 300),
            ]
        );
    }
}
