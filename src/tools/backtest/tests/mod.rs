//! What is counted and paired, by data and by laws; and whole stores through it.

mod counting;
mod laws;
mod pairs;
mod whole;
