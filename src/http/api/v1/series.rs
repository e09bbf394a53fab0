//! Series of a device or a patient: what is typed of them.
//!
//! An answer holds thousands of samples or buckets; those are written as text by
//! `src/http/series/answer.rs`. Members are in the order they always had, which is not alphabetical.

use serde::Serialize;

use vitalgate_domain::model::ids::DeviceId;
use vitalgate_domain::model::instance::Instance;
use vitalgate_domain::model::time::Timestamp;

/// A part of one series that retention pruned, and where it was read instead.
#[derive(Debug, Serialize)]
pub struct OlderPart {
    /// The device that measured it.
    pub device: DeviceId,
    /// The name of the signal.
    pub signal: String,
    /// Lead or channel.
    pub instance: Instance,
    /// From.
    pub from: Timestamp,
    /// To.
    pub to: Timestamp,
    /// `influxdb`, or `store` where only remnants are shown.
    pub source: &'static str,
    /// Why not all of it is there; `null` where all is.
    pub incomplete: Option<&'static str>,
}
