//! The synthetic patient: what the gateway sends itself, to see that it comes out.

/// The device it sends by, which is nobody's: no device is registered by this name.
pub const SYNTHETIC: &str = "gateway.synthetic";

/// The synthetic patient came out of the core.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SyntheticSeen {
    /// Which run of the gateway sent it.
    pub boot: Option<u64>,
    /// Which one it is.
    pub seq: Option<u64>,
    /// Whether the rules in force raised an alarm on it; `None` where they judge nothing that it sends.
    pub raised: Option<bool>,
}
