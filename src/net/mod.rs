//! What every exchange with others shares: one request with an end, whom to trust, how long to wait.

pub mod backoff;
pub mod outbound;
pub mod tls;
