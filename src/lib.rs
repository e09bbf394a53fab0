//! vitalgate: an ingestion gateway for vital signs.
//!
//! Devices publish over MQTT; what they say is decoded, committed with one fsync together with every
//! alarm it causes, and only then acknowledged. Clinicians see alarms on a page and in a stream.
//!
//! ```text
//!  devices ──MQTT 3.1.1/5──▶ ingest::listener ── ingest::decode (pure) ─┐
//!  commands (http, control) ────────────────────────────────────────────┤
//!                                                                       ▼
//!                                             inbox: inputs with their receipts, bounded
//!                                                                       ▼
//!    pipeline, one batch at a time:
//!      1 take   2 stamp (clock)   3 step the core (domain, pure)   4 commit (store, one fsync)
//!      5 release receipts (PUBACK, HTTP answer)   6 publish (view: board and ring)
//!                                                                       │
//!                        ┌──────────────────────────────────────────────┤
//!                        ▼                                              ▼
//!                 store: journal, transitions, history          http: API, stream, page
//! ```
//!
//! Data pass each stage once; only a receipt travels back. A receipt dropped means "not accepted".

pub mod app;
pub mod clock;
pub mod config;
pub mod handles;
pub mod http;
pub mod inbox;
pub mod influx;
pub mod ingest;
pub mod net;
pub mod operate;
pub mod pipeline;
pub mod privacy;
pub mod projection;
pub mod state;
pub mod telemetry;
pub mod tools;
