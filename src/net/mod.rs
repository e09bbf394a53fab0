//! What every exchange with others shares: one request with an end, whom to trust, how long to wait, and
//! who has a place.

mod addresses;
pub mod backoff;
pub(crate) mod descriptors;
pub mod outbound;
pub(crate) mod places;
pub mod tls;
