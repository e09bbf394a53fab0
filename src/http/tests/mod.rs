//! The server over real sockets, with a store in a temporary folder and a pipeline in memory.

mod accounts;
mod answers;
mod api;
mod asked;
mod bodies;
mod client;
mod crowds;
mod duty_plan;
mod fixture;
mod hand_over;
mod history;
mod http2;
mod limits;
mod people;
mod push;
mod queries;
mod rights;
mod rules;
mod stations;
mod store;
mod times;
mod ward;
mod who_may;
mod writes;
