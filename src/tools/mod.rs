//! Commands over a store or a recording, beside the running gateway: verify, replay, export, incident; and what a configuration means.

pub mod disclose;
pub mod export;
pub mod incident;
pub mod replay;
pub mod verify;
