//! What becomes of a batch after each answer of the server, pure.
//!
//! Only 204 says that lines are written. Lines that are written twice are the same points, so that
//! nothing has to be known about what of a refused batch was taken. What one line causes costs that
//! line; a server that is away or overloaded costs nothing but time.

use std::ops::Range;
use std::time::Duration;

use bytes::Bytes;
use vitalgate_domain::model::input::LineRefusal;

use super::reply::{ServerReply, Verdict};

/// After the first failure, at most.
pub const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// After many, unless the server asks for longer.
pub const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// No server is asked for so long, whatever it asks for: somebody may have mended it.
const LONGEST_ASKED: Duration = Duration::from_secs(300);
/// So many single lines refused, and nothing taken of the batch: perhaps it is not the lines.
const DEAD_FIRST: u64 = 100;
/// So often in a row the server fails at the same with the same words before it is sent in halves.
const PATIENCE: u32 = 4;
/// So often in a row it must have taken a witness, [`WITNESSES`] times each, and then failed at the one
/// line again: one that fails at every fourth request, whatever it is, does so once in 10^8 tries.
const PROOFS: u32 = 8;
const WITNESSES: u32 = 3;
/// The batch is tried once more after at least so long; an alarm is open meanwhile.
pub const ONCE_MORE: Duration = LONGEST_PAUSE;

/// What is to be done next about a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Send what [`Plan::next`] gives.
    Go,
    /// Lines are refused for good; the rest goes on.
    Dead {
        /// Why.
        why: LineRefusal,
        /// How many.
        lines: u64,
        /// Which, where it is one and known.
        line: Option<Range<usize>>,
    },
    /// Nothing of the batch was taken, only line after line refused: wait, then all of it again from
    /// the beginning. What was dead of it is not.
    OnceMore,
    /// Wait, then send what [`Plan::next`] gives.
    Wait {
        /// At least this long, if the server named a time.
        asked: Option<Duration>,
        /// Whether somebody must change something.
        refused: bool,
    },
}

/// What is sent next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// Lines of the batch.
    Lines(Range<usize>),
    /// A line beside them, to learn whether the server takes anything at all: the one that it took last,
    /// or one behind them that is sent again in its turn.
    Witness(Bytes),
}

/// What of a batch is still to be written: ranges of bytes, each of whole lines.
#[derive(Debug)]
pub struct Plan {
    /// The next one last.
    rest: Vec<Range<usize>>,
    /// No request is to be larger, but for a single line.
    largest: usize,
    /// Lines dead in this pass for a reason of their own.
    dead: u64,
    /// Whether the server took something of it.
    taken: bool,
    /// Whether this is the second pass, in which every refused line is dead.
    once_more: bool,
    /// The line that was taken last, of this batch or another.
    witness: Option<Bytes>,
    /// At what is next the server failed.
    failing: Option<Failing>,
}

/// The server fails at something, and nobody knows yet whether it is that or the server.
#[derive(Debug)]
struct Failing {
    words: String,
    /// How often in a row, with the same words.
    times: u32,
    /// After how many of them in a row it took every witness. It is that line if it is often enough.
    proofs: u32,
    /// How many witnesses are still asked for now.
    asking: u32,
}

impl Plan {
    /// All of a batch, in requests of at most `largest` bytes; `witness` is the last line that was taken
    /// before.
    pub fn new(lines: &[u8], largest: usize, witness: Option<Bytes>) -> Self {
        let largest = largest.max(1);
        Self {
            rest: cut(lines, largest),
            largest,
            dead: 0,
            taken: false,
            once_more: false,
            witness,
            failing: None,
        }
    }

    /// What to send now; `None` when all of the batch is done with.
    pub fn next(&self, lines: &Bytes) -> Option<Part> {
        let next = self.rest.last()?.clone();
        let asking = self.failing.as_ref().filter(|failing| failing.asking > 0);
        let witness = asking.and_then(|failing| self.witness(lines, failing.times));
        Some(witness.map_or(Part::Lines(next), Part::Witness))
    }

    /// No request was accepted above this size.
    pub fn largest(&self) -> usize {
        self.largest
    }

    /// Whether the server took something of the batch.
    pub fn taken(&self) -> bool {
        self.taken
    }

    /// Whether this is the second pass over a batch of which nothing was taken in the first.
    pub fn is_once_more(&self) -> bool {
        self.once_more
    }

    /// The line that was taken last, for the next batch.
    pub fn into_witness(self) -> Option<Bytes> {
        self.witness
    }

    /// Takes note of the answer to what [`Self::next`] gave.
    pub fn answered(&mut self, lines: &Bytes, answer: &ServerReply) -> Step {
        let Some(sent) = self.rest.last().cloned() else { return Step::Go };
        if let Some(failing) = self.failing.as_mut().filter(|failing| failing.asking > 0) {
            if answer.verdict() != Verdict::Written {
                (failing.asking, failing.proofs) = (0, 0);
                return wait(answer);
            }
            failing.asking -= 1;
            failing.proofs += u32::from(failing.asking == 0);
            return Step::Go;
        }
        if answer.verdict() == Verdict::Failed {
            return self.failed(lines, sent, answer);
        }
        self.failing = None;
        match answer.verdict() {
            Verdict::Written => {
                self.rest.pop();
                self.taken = true;
                self.witness = last_line(lines, &sent);
                Step::Go
            }
            Verdict::Refuses(why) => self.refused(lines, sent, why, answer),
            Verdict::TooLarge => {
                if !self.halve(lines, &sent) {
                    // A server that finds one line too large takes nothing.
                    return Step::Wait { asked: None, refused: true };
                }
                self.largest = self.largest.min(sent.len() / 2).max(1);
                Step::Go
            }
            Verdict::Refused | Verdict::Failed | Verdict::Later => wait(answer),
        }
    }

    /// Some line of it is refused: which, unless the server says that all others are written.
    fn refused(
        &mut self,
        lines: &Bytes,
        sent: Range<usize>,
        why: LineRefusal,
        answer: &ServerReply,
    ) -> Step {
        let dropped = answer.dropped().filter(|dropped| *dropped > 0 && answer.is_partial());
        if let Some(dropped) = dropped.filter(|_| why != LineRefusal::Line) {
            self.rest.pop();
            self.taken = true;
            return Step::Dead { why, lines: dropped.min(count(&lines[sent])), line: None };
        }
        if self.halve(lines, &sent) {
            return Step::Go;
        }
        self.rest.pop();
        if why != LineRefusal::Line {
            // It says what it has against this line: it is not against everything.
            self.taken = true;
            return Step::Dead { why, lines: 1, line: Some(sent) };
        }
        self.dead += 1;
        if self.dead < DEAD_FIRST || self.taken || self.once_more {
            return Step::Dead { why, lines: 1, line: Some(sent) };
        }
        self.once_more = true;
        self.rest = cut(lines, self.largest);
        Step::OnceMore
    }

    /// The server failed at what was sent: the same again, then halves of it. A single line is dead only
    /// if the server takes a witness again and again, and this line never.
    fn failed(&mut self, lines: &Bytes, sent: Range<usize>, answer: &ServerReply) -> Step {
        let words = answer.words();
        let before = self.failing.take().filter(|failing| failing.words == words);
        let (times, proofs) = before.map_or((0, 0), |failing| (failing.times, failing.proofs));
        let again = |times, proofs, asking| {
            Some(Failing { words: words.to_owned(), times, proofs, asking })
        };
        if times + 1 < PATIENCE {
            self.failing = again(times + 1, proofs, 0);
            return wait(answer);
        }
        if self.halve(lines, &sent) {
            self.failing = again(PATIENCE - 1, 0, 0);
        } else if proofs < PROOFS {
            let times = times.saturating_add(1);
            let asking = if self.witness(lines, times).is_some() { WITNESSES } else { 0 };
            self.failing = again(times, proofs, asking);
        } else {
            self.rest.pop();
            self.failing = None;
            self.taken = true;
            return Step::Dead { why: LineRefusal::Line, lines: 1, line: Some(sent) };
        }
        wait(answer)
    }

    /// A line that the server should take, if it takes anything: another one each time, one of them may
    /// be as bad.
    fn witness(&self, lines: &Bytes, times: u32) -> Option<Bytes> {
        if self.witness.is_some() {
            return self.witness.clone();
        }
        let behind = self.rest.split_last()?.1;
        let piece = behind.iter().rev().nth(times as usize % behind.len().max(1))?;
        let end = lines[piece.clone()].iter().position(|b| *b == b'\n')?;
        Some(lines.slice(piece.start..=piece.start + end))
    }

    /// Two halves in place of what is next, if it is more than a line.
    fn halve(&mut self, lines: &[u8], sent: &Range<usize>) -> bool {
        let Some((first, second)) = halves(lines, sent) else { return false };
        self.rest.pop();
        self.rest.extend([second, first]);
        true
    }
}

/// The same again, and when.
fn wait(answer: &ServerReply) -> Step {
    let asked = match answer {
        ServerReply::Status { retry_after, .. } => retry_after.map(|t| t.min(LONGEST_ASKED)),
        ServerReply::None(_) => None,
    };
    Step::Wait { asked, refused: answer.verdict() == Verdict::Refused }
}

/// The last line of these.
fn last_line(lines: &Bytes, all: &Range<usize>) -> Option<Bytes> {
    let inside = lines[all.clone()].strip_suffix(b"\n")?;
    let start = inside.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
    Some(Bytes::copy_from_slice(&lines[all.start + start..all.end]))
}

/// How many lines these are.
fn count(lines: &[u8]) -> u64 {
    lines.split_inclusive(|b| *b == b'\n').count() as u64
}

/// Pieces of at most `largest` bytes, but for longer lines; the first one last.
fn cut(lines: &[u8], largest: usize) -> Vec<Range<usize>> {
    let newline = |b: &u8| *b == b'\n';
    let mut pieces = Vec::new();
    let mut start = 0;
    while start < lines.len() {
        let most = start.saturating_add(largest).min(lines.len());
        let inside = lines[start..most].iter().rposition(newline).map(|at| start + at + 1);
        let beyond = || lines[most..].iter().position(newline).map(|at| most + at + 1);
        let end = inside.or_else(beyond).unwrap_or(lines.len());
        pieces.push(start..end);
        start = end;
    }
    pieces.reverse();
    pieces
}

/// Two halves of whole lines, neither empty.
fn halves(lines: &[u8], all: &Range<usize>) -> Option<(Range<usize>, Range<usize>)> {
    let inside = lines.get(all.clone())?;
    let middle = inside.len() / 2;
    let newline = |b: &u8| *b == b'\n';
    let before = inside[..middle].iter().rposition(newline);
    let after = || inside[middle..].iter().position(newline).map(|at| middle + at);
    let cut = before.or_else(after)? + 1;
    (cut < inside.len()).then(|| (all.start..all.start + cut, all.start + cut..all.end))
}

#[cfg(test)]
mod tests;
