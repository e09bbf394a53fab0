//! The pure core under virtual time: each row of contract §5, each kind of doubt, and the laws.

#![expect(clippy::wildcard_enum_match_arm, reason = "whatever else comes is dealt with alike")]

mod absence;
mod alarm_index;
mod binding;
mod brokers;
mod clocks;
mod context;
mod differed;
mod doubt;
mod emergencies;
mod events;
mod failing;
mod floor;
mod golden;
mod hourly;
mod identity;
mod judged_again;
mod judged_apart;
mod kept;
mod known_again;
mod late;
mod later_limits;
mod laws;
mod limits;
mod losses;
mod new_limits;
mod no_device;
mod parted;
mod places;
mod put_off;
mod queues;
mod repeat;
mod rows;
mod scene;
mod single;
mod sink;
mod stalls;
mod taken_back;
mod texts;
mod time;
mod unwatched;
mod upgraded;
mod withdrawn;
mod world;
mod writes;
