//! Alarms on their way out of the gateway, to whoever acts on them.
//!
//! ```text
//!  store: transitions ──selection──▶ event ──request──▶ way ──▶ pagers, phones, other programs
//!  store: the cursor, with the next commit ◀──────── 2xx ────┘
//! ```
//!
//! Each channel is a consumer of the store with a cursor of its own, and sends one thing after the other, in the order in
//! which it was committed. The cursor moves after the other side took it: whatever is killed, each is
//! sent at least once, always under the same key. A channel that does not deliver is an alarm of the gateway, at
//! once where something of high priority waits.

mod alertmanager;
mod answer;
mod channel;
mod event;
mod mail;
mod ntfy;
mod outbox;
mod pagerduty;
mod push;
mod request;
mod selection;
mod signature;
mod template;
mod waits;
mod way;
mod webhook;
mod words;

pub use self::channel::{Channel, Parts};
pub use self::mail::BadMail;
pub use self::push::{BrowserKeys, Company, Vapid};
pub use self::waits::Waits;
pub use self::way::{BadWay, Way};
