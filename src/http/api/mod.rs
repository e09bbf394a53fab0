//! What clients get, one folder a version of the API.

pub mod v1;
