//! vitalgate

pub mod board;
pub mod clock;
pub mod config;
pub mod domain;
pub mod http;
pub mod inbox;
pub mod ingest;
pub mod pipeline;
pub mod store;
pub mod telemetry;
pub mod view;
