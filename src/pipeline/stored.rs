//! The stored form of an alarm, version 1: the JSON body of its transition.
//!
//! An alarm has three forms. The domain's ([`Alarm`]) is what the core reasons about and keeps in
//! snapshots as CBOR. The stored form is the domain's own JSON and two members around it; the
//! stream sends the same text, so that each alarm is written as JSON once. The API's form is
//! [`crate::http::api::v1::alarm::Alarm`].
//!
//! Existing stores hold these bytes, and clients of the stream read them: a test pins them. A member
//! that is added needs a default to be read from older bodies.

use serde::{Deserialize, Serialize};

use vitalgate_domain::device::{Stretch, stretches};
use vitalgate_domain::model::alarm::Alarm;
use vitalgate_domain::model::ids::{DeviceId, PatientId};
use vitalgate_domain::model::input::SignInWay;
use vitalgate_domain::model::time::Timestamp;
use vitalgate_domain::output::context::LimitInForce;
use vitalgate_store::history::point::Point;

/// An alarm as stored and as streamed.
#[derive(Debug, Serialize)]
pub struct StoredAlarm<'a> {
    #[serde(flatten)]
    alarm: &'a Alarm,
    /// Whether the commit that holds it has succeeded.
    confirmed: bool,
    /// Always empty: they are put together when somebody asks (contract §5).
    members: &'static [&'static str],
}

impl<'a> StoredAlarm<'a> {
    /// The stored form; what is written to the store is `confirmed`.
    pub fn new(alarm: &'a Alarm, confirmed: bool) -> Self {
        Self { alarm, confirmed, members: &[] }
    }

    /// As compact JSON.
    pub fn json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// A refused attempt as stored: a publish, or a sign-in.
#[derive(Debug, Deserialize)]
pub struct StoredRefusal {
    /// Who published; `None` for several devices at once.
    #[serde(default)]
    pub principal: Option<DeviceId>,
    /// Under whose name, or the name claimed; `None` for several, or none.
    pub name: Option<String>,
    /// To which topic, where that names no device.
    #[serde(default)]
    pub topic: Option<String>,
    /// Where somebody signed in.
    #[serde(default)]
    pub way: Option<SignInWay>,
    /// From which address.
    #[serde(default)]
    pub address: Option<String>,
    /// Why the last sign-in failed.
    #[serde(default)]
    pub why: Option<String>,
    /// How often.
    pub count: u64,
    /// Since when.
    pub since: Timestamp,
}

/// The alarm of a stored body.
pub fn alarm(body: &str) -> serde_json::Result<Alarm> {
    serde_json::from_str(body)
}

/// The limits that were stored with an alarm.
pub fn limits(body: &str) -> serde_json::Result<Vec<LimitInForce>> {
    serde_json::from_str(body)
}

/// Of the readings kept with an alarm those of its own patient: they are the last of a device, which may have been another's
/// before. `bindings` are that device's in order, as for [`stretches`]. What the alarm itself names stays whoever's it is now.
pub fn own_readings<'a>(
    alarm: &Alarm,
    bindings: impl IntoIterator<Item = (Option<&'a PatientId>, Timestamp, Option<Timestamp>)>,
    mut readings: Vec<Point>,
) -> Vec<Point> {
    let named = [alarm.trigger.measured_at, alarm.latest.as_ref().map(|latest| latest.measured_at)];
    let mut own = stretches(bindings);
    own.retain(|stretch| Some(stretch.patient) == alarm.patient.as_ref());
    readings.retain(|Point { at, .. }| {
        let holds = |of: &Stretch<'_>| of.from <= *at && of.to.is_none_or(|to| *at < to);
        named.contains(&Some(*at)) || own.iter().any(holds)
    });
    readings
}

/// The refusal of a stored body.
pub fn refusal(body: &str) -> serde_json::Result<StoredRefusal> {
    serde_json::from_str(body)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) const BODY: &str = concat!(
        r#"{"id":"A1","seq":7,"site":"north","patient":"p-1","ward":"icu","bed":"icu-1","#,
        r#""device":"dev-1","source":"dev-1","group":null,"simulated":false,"#,
        r#""rule":"vitals_live.spo2_low","rule_version":3,"kind":"physiological","#,
        r#""text":"SpO2 84 % below 88 %","advice":null,"priority":"high","priority_peak":"high","#,
        r#""response":"immediate","state":"acknowledged","condition":"present","#,
        r#""condition_since":"2026-03-01T00:00:00Z","condition_reason":null,"#,
        r#""acknowledged":{"by":"c","at":"2026-03-01T00:01:00Z","until":null,"seq":6},"#,
        r#""trigger":{"signal":"spo2","value":84.0,"comparator":"<","unit":"%","side":"low","#,
        r#""limit":88.5,"limit_from":"patient","measured_at":"2026-03-01T00:00:00Z","#,
        r#""relay_at":null,"received_at":"2026-03-01T00:00:00.25Z","time_quality":"synced"},"#,
        r#""latest":{"value":85.0,"unit":"%","measured_at":"2026-03-01T00:00:30Z","age_s":30.5,"#,
        r#""stale":false},"raised_at":"2026-03-01T00:00:10Z","#,
        r#""announced_at":"2026-03-01T00:00:10Z","ended_at":null,"closed_at":null,"#,
        r#""closed_reason":null,"late":false,"recurrence":2,"ward_now":"icu","bed_now":"icu-2","#,
        r#""inactivation":null,"confirmed":true,"members":[]}"#,
    );

    #[test]
    fn the_bytes_of_version_1_are_fixed() {
        let alarm = alarm(BODY).unwrap();
        assert_eq!(StoredAlarm::new(&alarm, true).json(), BODY);
        let unconfirmed = BODY.replace("\"confirmed\":true", "\"confirmed\":false");
        assert_eq!(StoredAlarm::new(&alarm, false).json(), unconfirmed);
    }

    #[test]
    fn what_was_added_since_is_missing_in_older_bodies() {
        let older = BODY.replace(r#""ward_now":"icu","bed_now":"icu-2","#, "");
        let read = alarm(&older).unwrap();
        assert_eq!((read.ward_now.as_ref(), read.bed_now.as_ref()), (None, None));
        assert_eq!(read.ward_shown(), read.ward.as_ref());
    }

    #[test]
    fn an_erased_body_is_no_alarm() {
        assert!(alarm("").is_err());
    }
}
