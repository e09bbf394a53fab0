//! The gateway as others meet it: the real binary, real sockets, real disks.
//!
//! What needs more than a Rust toolchain and a C compiler is ignored by name; `.ci/run` installs
//! the rest and runs everything.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![expect(clippy::wildcard_enum_match_arm, reason = "whatever else comes is a failure")]

mod accounts;
mod alarms;
mod audit;
mod backtest;
mod broker;
mod budgets;
mod cases;
mod cli;
mod clients;
mod clock;
mod core;
mod degraded;
mod delivery;
mod demo;
mod disk;
mod doctor;
mod durability;
mod explained;
mod fake_influx;
mod full_disk;
mod full_disk_people;
mod harness;
mod history;
mod https;
mod incident;
mod influx;
mod influx_day;
mod kept;
mod kills;
mod life;
mod links;
mod metrics;
mod mosquitto;
mod mqtt;
mod news2;
mod oidc;
mod older;
mod on_duty;
mod overload;
mod page;
mod people;
mod pki;
mod readback;
mod recordings;
mod reload;
mod rewritten;
mod rows;
mod senders;
mod setup;
mod siege;
mod size;
mod sse;
mod stations;
mod synthetic;
mod threats;
mod tidy;
mod unread_log;
mod upgrade;
mod verified;
mod victoria;
mod words;
