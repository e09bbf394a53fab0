//! What hides who a patient is from whoever need not know.

pub mod pseudonym;
