//! Mutations of the bodies of rows: whatever of them can be read is written the same again, folded, snapshotted and
//! restored. Seeded, so that a failure repeats; `fuzz/` holds the target for longer runs.

use super::golden::bodies;
use crate::core::Core;
use crate::core::configuration::{Configuration, Texts};
use crate::core::journal::RowBody;
use crate::model::time::{Span, Stamp, Timestamp};

const MUTATIONS: u32 = 250_000;
/// Of the mutants that can be read every so many is folded.
const FOLDED: u32 = 16;
const AT: Timestamp = Timestamp::from_millis(1_795_255_201_000);

/// Xorshift.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound.max(1) as u64) as usize
    }

    fn byte(&mut self) -> u8 {
        self.below(256) as u8
    }
}

#[test]
fn what_can_be_read_of_mutated_rows_is_written_folded_and_restored() {
    let corpus = corpus();
    assert!(corpus.len() > 100, "{} rows to begin with", corpus.len());
    let core = fresh();
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    let mut read = 0;
    for _ in 0..MUTATIONS {
        let mutant = mutated(&corpus[random.below(corpus.len())], &corpus, &mut random);
        let Ok(row) = RowBody::decode(1, &mutant) else { continue };
        let again = row.encode();
        let as_written = RowBody::decode(1, &again).unwrap();
        assert_eq!(as_written.encode(), again, "{mutant:02x?}");
        read += 1;
        if read % FOLDED == 0 {
            fold(core.clone(), &row);
        }
    }
    let percent = read * 100 / MUTATIONS;
    assert!((5..=95).contains(&percent), "{percent} % can be read");
}

/// A core whose texts a snapshot can be read with.
fn fresh() -> Core {
    let texts = Texts {
        signals: include_str!("../../../../config/signals.toml").to_owned(),
        rules: include_str!("../../../../config/rules.toml").to_owned(),
        site: "time_zone = \"UTC\"\n".to_owned(),
        packs: Vec::new(),
    };
    Core::new("site-1".parse().unwrap(), false, Configuration::parse(texts).unwrap())
}

fn fold(mut core: Core, row: &RowBody) {
    let now = Stamp { at: AT, offset: Span::ZERO };
    row.samples(now);
    core.fold(1, now, &row.inputs);
    core.advance(Stamp { at: AT + Span::days(3), offset: Span::ZERO }).into_row();
    let parts: Vec<_> =
        core.parts_since(0).into_iter().filter_map(|(kind, key)| core.part(kind, &key)).collect();
    Core::restore(parts.iter().map(|p| (p.kind, p.key.as_str(), p.body.as_slice()))).unwrap();
}

/// Each input of the golden journal as a row of its own.
fn corpus() -> Vec<Vec<u8>> {
    let rows = bodies().into_iter().filter_map(|body| RowBody::decode(1, &body).ok());
    let inputs = rows.flat_map(|row| row.inputs);
    let alone = inputs.map(|input| RowBody { inputs: vec![input], exceptions: Vec::new() });
    alone.map(|row| row.encode()).filter(|body| body.len() < 1_024).collect()
}

fn mutated(body: &[u8], corpus: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
    let mut bytes = body.to_vec();
    for _ in 0..=random.below(3) {
        let at = random.below(bytes.len());
        let end = (at + random.below(16)).min(bytes.len());
        match random.below(7) {
            0 => bytes.truncate(at),
            1 => drop(bytes.drain(at..end)),
            2 => {
                let piece = bytes[at..end].to_vec();
                bytes.splice(at..at, piece);
            }
            3 => {
                let other = &corpus[random.below(corpus.len())];
                bytes.truncate(at);
                bytes.extend(&other[random.below(other.len())..]);
            }
            4 => bytes.insert(at, random.byte()),
            5 if at < bytes.len() => bytes[at] = random.byte(),
            _ if at < bytes.len() => bytes[at] ^= 1 << random.below(8),
            _ => {}
        }
    }
    bytes
}
