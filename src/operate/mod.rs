//! What the people who run the gateway see of it, and what it asks of what is around it.

pub mod control;
pub mod deadman;
pub mod doctor;
pub mod heads;
pub mod oidc;
pub mod people;
pub mod status;
pub mod synchronised;
pub mod synthetic;
pub mod systemd;
pub mod times;
