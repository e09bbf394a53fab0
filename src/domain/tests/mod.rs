//! The pure core under virtual time: each row of contract §5, each kind of doubt, and the laws.

mod absence;
mod binding;
mod doubt;
mod events;
mod golden;
mod laws;
mod limits;
mod rows;
mod scene;
mod time;
mod world;
