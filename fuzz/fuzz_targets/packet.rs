#![no_main]
//! Any bytes as the packets of a client; the first byte chooses the version.

use libfuzzer_sys::fuzz_target;
use vitalgate::ingest::sources::listener::is_packet;

fuzz_target!(|bytes: &[u8]| {
    let Some((&version, packet)) = bytes.split_first() else { return };
    is_packet(version & 1 == 1, packet);
});
