//! The state of the core as parts, one by machine, and back.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::configuration::{BadConfiguration, Configuration};
use super::{Core, Head};
use crate::device::Device;
use crate::model::ids::{DeviceId, PatientId};
use crate::patient::Patient;
use crate::site::Site;

/// One machine's state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// `core`, `site`, `device` or `patient`.
    pub kind: &'static str,
    /// Its id; empty for `core` and `site`.
    pub key: String,
    /// CBOR.
    pub body: Vec<u8>,
}

/// Why a snapshot cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum BadSnapshot {
    /// A part is damaged, or of a version that is not known.
    #[error("snapshot part `{kind}` `{key}` cannot be read: {reason}")]
    Part {
        /// Which.
        kind: String,
        /// Whose.
        key: String,
        /// Why.
        reason: String,
    },
    /// A part that must be there is not.
    #[error("the snapshot has no `{0}` part")]
    Missing(&'static str),
    /// The texts in it are refused.
    #[error("the configuration in the snapshot is refused: {0}")]
    Configuration(#[from] BadConfiguration),
}

impl Core {
    /// Keys of the parts that changed after row `since`, `core` and `site` first.
    pub fn parts_since(&self, since: u64) -> Vec<(&'static str, String)> {
        let mut parts = vec![("core", String::new())];
        if self.site.touched > since || since == 0 {
            parts.push(("site", String::new()));
        }
        let devices = self.devices.iter().filter(|(_, d)| d.touched > since || since == 0);
        parts.extend(devices.map(|(id, _)| ("device", id.to_string())));
        let patients = self.patients.iter().filter(|(_, p)| p.touched > since || since == 0);
        parts.extend(patients.map(|(id, _)| ("patient", id.to_string())));
        parts
    }

    /// One part, encoded; `None` if there is no such machine.
    pub fn part(&self, kind: &'static str, key: &str) -> Option<Part> {
        let body = match kind {
            "core" => minicbor::to_vec(&self.head),
            "site" => minicbor::to_vec(&*self.site),
            "device" => minicbor::to_vec(&**self.devices.get(key)?),
            "patient" => minicbor::to_vec(&**self.patients.get(key)?),
            _ => return None,
        };
        Some(Part { kind, key: key.to_owned(), body: body.ok()? })
    }

    /// Puts a core together again from its parts, in any order.
    pub fn restore<'a>(
        parts: impl IntoIterator<Item = (&'a str, &'a str, &'a [u8])>,
    ) -> Result<Self, BadSnapshot> {
        let mut head: Option<Head> = None;
        let mut site: Option<Site> = None;
        let mut devices: BTreeMap<DeviceId, Arc<Device>> = BTreeMap::new();
        let mut patients: BTreeMap<PatientId, Arc<Patient>> = BTreeMap::new();
        for (kind, key, body) in parts {
            let bad = |e: minicbor::decode::Error| BadSnapshot::Part {
                kind: kind.to_owned(),
                key: key.to_owned(),
                reason: e.to_string(),
            };
            match kind {
                "core" => head = Some(minicbor::decode(body).map_err(bad)?),
                "site" => site = Some(minicbor::decode(body).map_err(bad)?),
                "device" => {
                    let device: Device = minicbor::decode(body).map_err(bad)?;
                    devices.insert(device.details.id.clone(), Arc::new(device));
                }
                "patient" => {
                    let patient: Patient = minicbor::decode(body).map_err(bad)?;
                    patients.insert(patient.details.id.clone(), Arc::new(patient));
                }
                _ => {
                    return Err(BadSnapshot::Part {
                        kind: kind.to_owned(),
                        key: key.to_owned(),
                        reason: "its kind is not known".to_owned(),
                    });
                }
            }
        }
        let head = head.ok_or(BadSnapshot::Missing("core"))?;
        let site = site.ok_or(BadSnapshot::Missing("site"))?;
        let configuration = Configuration::parse(head.texts.clone())?;
        Ok(Self::assemble(head, configuration, site, devices, patients))
    }
}
