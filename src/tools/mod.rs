//! Commands over a store or a recording, beside the running gateway: verify, replay, export.

pub mod export;
pub mod replay;
pub mod verify;
