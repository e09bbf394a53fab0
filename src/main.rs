//! vitalgate.
fn main() {}
