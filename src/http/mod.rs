//! The HTTP side: `/api/v1`, the stream of server-sent events, health, metrics and the page.
//!
//! Reads come from the [`Board`](crate::projection::view::Board) that the pipeline published last, or
//! from the store's readers. Whatever changes something is a command: it waits in the inbox, and is
//! answered after its commit.

mod alarms;
mod answer;
pub mod api;
mod assets;
mod audit;
mod auth;
mod command;
mod connection;
mod cookie;
mod dead_letters;
mod devices;
mod duty;
mod duty_plan;
mod error;
mod explain;
mod extract;
mod hand_over;
mod health;
mod idempotency;
mod limits;
mod looks;
mod oidc;
mod on_duty;
mod origin;
mod patients;
mod pauses;
mod people;
mod push;
mod rights;
mod route;
mod router;
mod scope;
mod seats;
mod selection;
mod series;
mod server;
mod session;
mod shut_out;
mod state;
mod stations;
mod story;
mod stream;
#[cfg(test)]
mod tests;
mod tls;
mod tokens;
mod traffic;
mod unread;
mod version;
mod wards;

pub use auth::{Auth, AuthInForce, BadToken, Role, Token};
pub use on_duty::ShutOut;
pub use series::ExportedHistory;
pub use server::Server;
pub use state::{AppState, Limits};
pub use tls::{TlsFiles, TlsReload};
