//! What the core is configured by: the texts, and what they mean. Changing them is an input.

use std::sync::Arc;

use minicbor::{Decode, Encode};
use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};

use super::Core;
use crate::model::ids::PatientId;
use crate::model::pack::Pack;
use crate::model::signal::{BadSignals, SignalTable};
use crate::output::Output;
use crate::rules::{BadRules, RuleSet};

/// The texts, journalled when they change.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Texts {
    /// `config/signals.toml`.
    #[n(0)]
    pub signals: String,
    /// `config/rules.toml`.
    #[n(1)]
    pub rules: String,
    /// [`SiteSettings`] as TOML.
    #[n(2)]
    pub site: String,
    /// The packs of rules that are switched on, in their order.
    #[n(3)]
    #[cbor(default)]
    pub packs: Vec<Pack>,
}

/// Settings of the site that change what is judged.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SiteSettings {
    /// The IANA name of the time zone that decides what a day is.
    pub time_zone: String,
}

/// Checked configuration.
#[derive(Clone, Debug, Default)]
pub struct Configuration {
    /// As given.
    pub texts: Texts,
    /// Names, codes and units.
    pub signals: SignalTable,
    /// Classes, limits and events.
    pub rules: RuleSet,
    hash: [u8; 8],
}

/// Why a configuration was refused.
#[derive(Debug, Clone, thiserror::Error)]
pub enum BadConfiguration {
    /// In the signal table.
    #[error(transparent)]
    Signals(#[from] BadSignals),
    /// In the rules.
    #[error(transparent)]
    Rules(#[from] BadRules),
}

impl Configuration {
    /// Checks the texts; nothing of them is used if anything in them is wrong.
    pub fn parse(texts: Texts) -> Result<Self, BadConfiguration> {
        let signals = SignalTable::parse(&texts.signals)?;
        let rules = RuleSet::parse(&texts.rules, &texts.packs, &signals)?;
        let hash = texts.hash();
        Ok(Self { texts, signals, rules, hash })
    }

    /// The first 8 bytes of the SHA-256 over all texts: the `rules` of a journal row.
    pub fn hash(&self) -> [u8; 8] {
        self.hash
    }
}

impl Core {
    /// New texts: changed rules close their alarms and judge anew (row 23).
    pub(super) fn configure(&mut self, texts: Texts, out: &mut Output) {
        let Ok(configuration) = Configuration::parse(texts.clone()) else {
            out.note(None, None, "configuration", "a configuration row cannot be read".to_owned());
            return;
        };
        let before = Arc::clone(&self.configuration);
        self.configuration = Arc::new(configuration);
        self.head.texts = texts;
        out.news = self.configuration.rules.news;
        let ground = self.ground();
        let after = &ground.configuration;
        for device in self.devices.values() {
            let class = &device.details.class;
            if before.rules.class(class).is_some() && after.rules.class(class).is_none() {
                let text = format!("its class `{class}` is configured no more");
                out.note(device.patient(), Some(&device.details.id), "class_removed", text);
            }
        }
        // What is shown of devices follows from their classes.
        self.changed.devices.extend(self.devices.keys().cloned());
        let ids: Vec<PatientId> = self.patients.keys().cloned().collect();
        for id in ids {
            if let Some(patient) = self.patient_mut(&id) {
                patient.reconfigure(ground.context_of(&before), ground.context(), out);
                self.note_deadline(&id);
            }
        }
    }
}

impl Texts {
    fn hash(&self) -> [u8; 8] {
        let mut bytes = Vec::new();
        for text in [&self.signals, &self.rules, &self.site] {
            bytes.extend((text.len() as u64).to_be_bytes());
            bytes.extend(text.as_bytes());
        }
        for Pack { name, text } in &self.packs {
            for text in [name, text] {
                bytes.extend((text.len() as u64).to_be_bytes());
                bytes.extend(text.as_bytes());
            }
        }
        let mut short = [0; 8];
        short.copy_from_slice(&digest(&SHA256, &bytes).as_ref()[..8]);
        short
    }
}
