//! Events of the stream that only the stream makes; `alarm`, `vitals`, `device` and `heartbeat` come
//! as the pipeline published them.

use std::collections::BTreeSet;

use serde::Serialize;

use vitalgate_domain::model::ids::WardId;
use vitalgate_domain::model::time::Timestamp;

/// `hello`: the first event of every stream.
#[derive(Debug, Serialize)]
pub struct Hello<'a> {
    /// Who the client is.
    pub actor: &'a str,
    /// What the plan of duty calls the client; `null` for nobody of it.
    pub person: Option<&'a str>,
    /// The role of the client.
    pub role: &'static str,
    /// The last transition there is.
    pub seq: u64,
    /// The gateway's wall clock.
    pub server_time: Timestamp,
    /// Whether the store is simulated.
    pub simulated: bool,
    /// Whether the client is a station; left out where it is none.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub station: bool,
    /// The store; the ids of events begin with it.
    pub store: &'a str,
    /// The wards that the client is bound to; `null` is all of them.
    pub wards: Option<&'a BTreeSet<WardId>>,
}

/// `resync`: the client has to fetch everything anew.
#[derive(Debug, Serialize)]
pub struct Resync<'a> {
    /// The last transition there is.
    pub seq: u64,
    /// Why.
    pub why: &'a str,
}
