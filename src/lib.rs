//! vitalgate: an ingestion gateway for vital signs.
//!
//! Devices publish over MQTT; what they say is decoded, committed with one fsync together with every
//! alarm it causes, and only then acknowledged. Clinicians see alarms on a page and in a stream.
//!
//! ```text
//!  devices ── MQTT ──▶ ingest: listener ───┐ decode (formats, pure), then one submission a read
//!  brokers ── MQTT ──▶ ingest: subscriber ─┤
//!  commands ─────────▶ http, operate ──────┤
//!                                          ▼
//!                       inbox: inputs with their receipts, bounded in bytes
//!                                          ▼
//!    pipeline, one batch at a time:
//!      1 take   2 stamp (clock)   3 step the core (domain, pure)   4 commit (store, one fsync)
//!      5 release receipts (PUBACK, HTTP answer)   6 publish (projection: board and ring)
//!                                          │
//!                ┌─────────────────────────┼────────────────────────────┐
//!                ▼                         ▼                            ▼
//!       store: journal, alarms,   http: API, stream, page    influx: a copy in InfluxDB
//!       history                                              delivery: alarms to others
//! ```
//!
//! Data pass each stage once; only a receipt travels back. A receipt dropped means "not accepted".
//!
//! Folders import each other downwards only; a test names any circle:
//!
//! ```text
//!  app (and the command line, which is the program)
//!  tools, operate, http
//!  influx, delivery
//!  pipeline
//!  ingest
//!  handles: what all interfaces hold
//!  inbox, projection, state
//!  people, answers
//!  net, privacy, telemetry, synthetic
//!  config, clock
//! ```

pub mod answers;
pub mod app;
pub mod clock;
pub mod config;
pub mod delivery;
pub mod handles;
pub mod http;
pub mod inbox;
pub mod influx;
pub mod ingest;
pub mod net;
pub mod oidc;
pub mod operate;
pub mod people;
pub mod pipeline;
pub mod privacy;
pub mod projection;
pub mod state;
pub mod synthetic;
pub mod telemetry;
pub mod tools;

#[cfg(test)]
mod tests;
