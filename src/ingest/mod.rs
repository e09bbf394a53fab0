//! Where data come in: bytes from devices become decoded inputs in the inbox.

pub mod decode;
pub mod listener;
