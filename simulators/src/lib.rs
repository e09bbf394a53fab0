//! Simulated devices, load and chaos for vitalgate. Nothing here is shared with the gateway:
//! like any device, this crate knows only the contract on the wire.
//!
//! ```text
//! bedside, implant (pure, seeded)  ─▶ wire ─┐
//! formula ─────────────────────────▶ load ──┼─▶ link (window, resend) ─▶ MQTT
//! series ─▶ sender (pure, seeded) ─▶ send ──┤
//!       └─▶ histories for tests/model       └─▶ ledger of every PUBACK
//! chaos = gateway process + kill -9 + load + read-back against ledger and formula
//! ```

pub mod bedside;
#[cfg(feature = "http")]
pub mod chaos;
pub mod clock;
pub mod codec;
pub mod formula;
#[cfg(feature = "http")]
pub mod http;
pub mod implant;
pub mod ledger;
pub mod link;
#[cfg(feature = "http")]
pub mod load;
pub mod names;
pub mod noise;
#[cfg(feature = "http")]
pub mod plan;
#[cfg(feature = "http")]
pub mod send;
pub mod sender;
#[cfg(feature = "http")]
pub mod series;
pub mod session;
pub mod tempo;
#[cfg(feature = "http")]
pub mod ward;
pub mod wire;

#[cfg(test)]
mod fake_broker;
