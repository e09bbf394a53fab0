//! The HTTP side: `/api/v1`, the stream of server-sent events, health, metrics and the page.
//!
//! Reads come from the [`Board`](crate::projection::view::Board) the pipeline published last, or from
//! the store's readers. Everything that changes something goes through the inbox and answers after its commit.

mod alarms;
pub mod api;
mod assets;
mod audit;
mod auth;
mod command;
mod dead_letters;
mod devices;
mod error;
mod extract;
mod health;
mod idempotency;
mod items;
mod joined;
mod limits;
mod older;
mod patients;
mod router;
mod seats;
mod series;
mod server;
mod state;
mod stream;
#[cfg(test)]
mod tests;
mod wards;

pub use auth::{Auth, BadToken, Right, Role, Token, can};
pub use older::Elsewhere;
pub use server::Server;
pub use state::{AppState, Limits};
