//! The gateway as others meet it: the real binary, real sockets, real disks.
//!
//! What needs more than a Rust toolchain and a C compiler is ignored by name; `.ci/run` installs
//! the rest and runs everything.

mod alarms;
mod clients;
mod durability;
mod harness;
mod kills;
mod mqtt;
mod page;
mod readback;
mod recordings;
mod sse;
mod tidy;
