//! A real listener on port 0, driven with raw bytes and with another MQTT client, in front of a
//! pipeline that releases or drops receipts as a test says.

mod clients;
mod crowds;
mod durability;
mod ends;
mod harness;
mod protocol;
mod sessions;
mod tls;
