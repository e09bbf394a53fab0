//! Samples of a waveform, packed as one column.

use pco::ChunkConfig;
use pco::standalone::{simple_compress, simple_decompress};

use super::block::BadBlock;

/// Packs the samples of one chunk.
pub fn pack(samples: &[i32]) -> Result<Vec<u8>, BadBlock> {
    let config = ChunkConfig::default().with_compression_level(4);
    simple_compress(samples, &config).map_err(|e| BadBlock::new(e.to_string()))
}

/// The samples of a chunk.
pub fn unpack(body: &[u8]) -> Result<Vec<i32>, BadBlock> {
    simple_decompress(body).map_err(|e| BadBlock::new(e.to_string()))
}
