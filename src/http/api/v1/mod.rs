//! The bodies of `/api/v1`, one file a resource.
//!
//! Members are declared by name in alphabetical order, which is their order in an answer ([`series`]
//! alone has another). Times are RFC 3339 in UTC with up to six decimals; units are UCUM. A member that
//! is not known is `null` and not left out, unless its description says so.

pub mod alarm;
pub mod audit;
pub mod command;
pub mod dead_letter;
pub mod device;
pub mod duty;
pub mod explain;
pub mod health;
pub mod limits;
pub mod list;
pub mod patient;
pub mod pause;
pub mod problem;
pub mod push;
pub mod series;
pub mod session;
pub mod story;
pub mod stream;
pub mod ward;
