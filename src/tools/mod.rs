//! Commands over a store or a recording, beside the running gateway: verify, replay, export, incident, backtest; and what a configuration means.

pub mod backtest;
pub mod disclose;
pub mod export;
pub mod incident;
pub mod replay;
pub mod verify;
