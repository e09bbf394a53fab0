//! Samples of a waveform, packed as one column.

use pco::ChunkConfig;
use pco::standalone::{simple_compress, simple_decompress};

use crate::file::error::BadBlock;

/// Packs the samples of one chunk.
pub fn pack(samples: &[i32]) -> Result<Vec<u8>, BadBlock> {
    let config = ChunkConfig::default().with_compression_level(4);
    simple_compress(samples, &config).map_err(|e| BadBlock::new(e.to_string()))
}

/// The samples of a chunk.
pub fn unpack(body: &[u8]) -> Result<Vec<i32>, BadBlock> {
    simple_decompress(body).map_err(|e| BadBlock::new(e.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_come_back_and_take_less_room() {
        let samples: Vec<i32> = (0..500).map(|i| (i * i) % 97 - 40).collect();
        let body = pack(&samples).unwrap();
        assert_eq!(unpack(&body).unwrap(), samples);
        assert!(body.len() < 600, "{} bytes", body.len());
        assert_eq!(unpack(&pack(&[]).unwrap()).unwrap(), [0_i32; 0]);
        assert!(unpack(&body[..body.len() / 2]).is_err());
    }
}
