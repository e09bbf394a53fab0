//! vitalgate

pub mod clock;
pub mod domain;
pub mod http;
pub mod inbox;
pub mod ingest;
pub mod store;
pub mod telemetry;
pub mod view;
