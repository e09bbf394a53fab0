//! The server over real sockets, with a store and a pipeline in memory.

mod api;
mod bodies;
mod client;
mod fixture;
mod history;
mod push;
mod store;
