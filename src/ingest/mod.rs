//! What comes in: the wire, and the meaning of what was on it.

pub mod decode;
