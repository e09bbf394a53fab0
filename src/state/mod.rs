//! State = snapshot + fold: from what a store holds to a core, at start and for tools.

pub mod fold;
pub mod recovery;
