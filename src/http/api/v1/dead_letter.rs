//! Dead letters.

use serde::Serialize;

use vitalgate_domain::model::ids::DeviceId;
use vitalgate_domain::model::message::Kind;
use vitalgate_domain::model::time::Timestamp;

/// A message that was refused.
#[derive(Debug, Serialize)]
pub struct DeadLetter {
    /// When it arrived.
    pub at: Timestamp,
    /// Under whose name it was sent, where the topic says it.
    pub device: Option<DeviceId>,
    /// Its first bytes, in Base64; `null` for those who may not see values.
    pub head_base64: Option<String>,
    /// Equal for equal first bytes as long as the process lives; nobody can tell from it what they were.
    pub head_digest: String,
    /// Its number, rising with arrival.
    pub id: u64,
    /// Always `null`: the name is reserved for what the topic says it is.
    pub kind: Option<Kind>,
    /// How long it was, in bytes.
    pub length: u64,
    /// Who sent it.
    pub principal: DeviceId,
    /// Why it was refused.
    pub reason: String,
    /// Its topic.
    pub topic: String,
}
