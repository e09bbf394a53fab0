//! What becomes of a batch after each answer of the server, pure.
//!
//! Only 204 says that lines are written. Lines that are written twice are the same points, so that
//! nothing has to be known about what of a refused batch was taken.

use std::ops::Range;
use std::time::Duration;

use super::reply::{ServerReply, Verdict};

/// After the first failure, at most.
pub const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// After many, unless the server asks for longer.
pub const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// No server is asked for so long, whatever it asks for: somebody may have mended it.
const LONGEST_ASKED: Duration = Duration::from_secs(300);
/// So many single lines refused, and nothing taken of the batch: perhaps it is not the lines.
const DEAD_FIRST: u64 = 100;
/// The batch is tried once more after at least so long; an alarm is open meanwhile.
pub const ONCE_MORE: Duration = LONGEST_PAUSE;

/// What is to be done next about a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Send what [`Plan::next`] gives.
    Go,
    /// This one line is refused for good; the rest goes on.
    Dead(Range<usize>),
    /// So many lines are older than the bucket keeps anything, and done with.
    TooOld(u64),
    /// Nothing of the batch was taken, only line after line refused: wait, then all of it again from
    /// the beginning. What was dead of it is not.
    OnceMore,
    /// Wait, then send the same again.
    Wait {
        /// At least this long, if the server named a time.
        asked: Option<Duration>,
        /// Whether somebody must change something.
        refused: bool,
    },
}

/// What of a batch is still to be written: ranges of bytes, each of whole lines.
#[derive(Debug)]
pub struct Plan {
    /// The next one last.
    rest: Vec<Range<usize>>,
    /// No request is to be larger, but for a single line.
    largest: usize,
    /// Lines dead in this pass.
    dead: u64,
    /// Whether the server took something of it.
    taken: bool,
    /// Whether this is the second pass, in which every refused line is dead.
    once_more: bool,
}

impl Plan {
    /// All of a batch, in requests of at most `largest` bytes.
    pub fn new(lines: &[u8], largest: usize) -> Self {
        let largest = largest.max(1);
        let rest = cut(lines, largest);
        Self { rest, largest, dead: 0, taken: false, once_more: false }
    }

    /// What to send now; `None` when all of the batch is done with.
    pub fn next(&self) -> Option<Range<usize>> {
        self.rest.last().cloned()
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

    /// Takes note of the answer to what [`Self::next`] gave.
    pub fn answered(&mut self, lines: &[u8], answer: &ServerReply) -> Step {
        let Some(sent) = self.next() else { return Step::Go };
        match answer.verdict() {
            Verdict::Written => {
                self.rest.pop();
                self.taken = true;
                Step::Go
            }
            Verdict::TooOld if answer.says("partial write") => {
                // What is young enough is written: only then InfluxDB says so.
                self.rest.pop();
                self.taken = true;
                let all = count(&lines[sent]);
                Step::TooOld(answer.dropped().map_or(all, |dropped| dropped.min(all)))
            }
            verdict @ (Verdict::TooOld | Verdict::BadLine) => {
                self.rest.pop();
                match halves(lines, &sent) {
                    Some((first, second)) => {
                        self.rest.extend([second, first]);
                        Step::Go
                    }
                    None if verdict == Verdict::TooOld => {
                        self.taken = true;
                        Step::TooOld(1)
                    }
                    // A single line that is refused by itself.
                    None => self.dead(lines, sent),
                }
            }
            Verdict::TooLarge => {
                let Some((first, second)) = halves(lines, &sent) else {
                    // A server that finds one line too large takes nothing.
                    return Step::Wait { asked: None, refused: true };
                };
                self.largest = self.largest.min(sent.len() / 2).max(1);
                self.rest.pop();
                self.rest.extend([second, first]);
                Step::Go
            }
            verdict @ (Verdict::Refused | Verdict::Later) => {
                let asked = match answer {
                    ServerReply::Status { retry_after, .. } => {
                        retry_after.map(|t| t.min(LONGEST_ASKED))
                    }
                    ServerReply::None(_) => None,
                };
                Step::Wait { asked, refused: verdict == Verdict::Refused }
            }
        }
    }

    /// A line is refused for good, unless so many are that it may not be the lines.
    fn dead(&mut self, lines: &[u8], line: Range<usize>) -> Step {
        self.dead += 1;
        if self.dead < DEAD_FIRST || self.taken || self.once_more {
            return Step::Dead(line);
        }
        self.once_more = true;
        self.rest = cut(lines, self.largest);
        Step::OnceMore
    }
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
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn status(code: u16) -> ServerReply {
        ServerReply::Status { code, retry_after: None, words: String::new() }
    }

    const PARTIAL: &str = "failure writing points to database: partial write: points beyond \
                           retention policy dropped=2";

    fn reply(code: u16, words: &str) -> ServerReply {
        ServerReply::Status { code, retry_after: None, words: words.to_owned() }
    }

    #[test]
    fn what_the_bucket_would_not_keep_is_done_with_and_never_a_refusal_of_everything() {
        let mut plan = Plan::new(b"a\nb\nc\n", 100);
        assert_eq!(plan.answered(b"a\nb\nc\n", &reply(422, PARTIAL)), Step::TooOld(2));
        assert_eq!(plan.next(), None, "the rest is written");
        let lines = "x\n".repeat(300);
        let lines = lines.as_bytes();
        let mut plan = Plan::new(lines, 10_000);
        let mut too_old = 0;
        while plan.next().is_some() {
            match plan.answered(lines, &reply(400, "beyond the retention policy")) {
                Step::TooOld(lines) => too_old += lines,
                Step::Go => {}
                step @ (Step::Dead(_) | Step::OnceMore | Step::Wait { .. }) => panic!("{step:?}"),
            }
        }
        assert_eq!(too_old, 300);
    }

    #[test]
    fn a_server_that_takes_no_line_gets_the_batch_once_more_and_then_the_lines_are_dead() {
        let lines = "x\n".repeat(300);
        let lines = lines.as_bytes();
        let mut plan = Plan::new(lines, 10_000);
        let (mut dead, mut again) = (0, 0);
        while plan.next().is_some() {
            match plan.answered(lines, &status(400)) {
                Step::Dead(_) => dead += 1,
                Step::OnceMore => {
                    assert_eq!((dead, plan.next()), (99, Some(0..600)));
                    assert!(plan.is_once_more());
                    (dead, again) = (0, again + 1);
                }
                Step::Go => {}
                step @ (Step::TooOld(_) | Step::Wait { .. }) => panic!("{step:?}"),
            }
        }
        assert_eq!((dead, again, plan.taken()), (300, 1, false));
    }

    #[test]
    fn once_a_line_was_taken_any_number_may_be_dead() {
        let lines = "x\n".repeat(300);
        let lines = lines.as_bytes();
        let mut plan = Plan::new(lines, 2);
        assert_eq!(plan.answered(lines, &status(204)), Step::Go);
        let mut dead = 0;
        while plan.next().is_some() {
            assert!(matches!(plan.answered(lines, &status(422)), Step::Dead(_)));
            dead += 1;
        }
        assert_eq!(dead, 299);
    }

    #[test]
    fn a_wait_sends_the_same_again() {
        let lines = b"a\nb\n";
        let mut plan = Plan::new(lines, 100);
        let asked = Some(Duration::from_secs(7));
        let later = ServerReply::Status { code: 429, retry_after: asked, words: String::new() };
        assert_eq!(plan.answered(lines, &later), Step::Wait { asked, refused: false });
        assert_eq!(plan.answered(lines, &status(401)), Step::Wait { asked: None, refused: true });
        let day = Some(Duration::from_secs(86_400));
        let later = ServerReply::Status { code: 429, retry_after: day, words: String::new() };
        let asked = Some(LONGEST_ASKED);
        assert_eq!(plan.answered(lines, &later), Step::Wait { asked, refused: false });
        assert_eq!(plan.next(), Some(0..4));
        assert_eq!(plan.answered(lines, &status(413)), Step::Go);
        assert_eq!(plan.next(), Some(0..2));
        let refused = Step::Wait { asked: None, refused: true };
        assert_eq!(plan.answered(lines, &status(413)), refused, "one line is never too large");
        assert_eq!(plan.answered(lines, &status(204)), Step::Go);
        assert_eq!(plan.next(), Some(2..4));
        assert_eq!(plan.answered(lines, &status(204)), Step::Go);
        assert_eq!(plan.next(), None);
    }

    proptest! {
        /// A server that takes only so many bytes and refuses what holds a bad line: every good line
        /// gets there, exactly the bad ones are dead.
        #[test]
        fn every_good_line_is_written_and_every_bad_one_dead(
            lines in prop::collection::vec(("[a-z]{1,9}", prop::bool::weighted(0.1)), 1..60),
            largest in 1_usize..200,
            takes in 12_usize..100,
        ) {
            let mark = |(text, bad): &(String, bool)| format!("{}{text}\n", if *bad { "!" } else { "" });
            let all: String = lines.iter().map(mark).collect();
            let all = all.as_bytes();
            let mut plan = Plan::new(all, largest);
            let (mut written, mut dead) = (String::new(), String::new());
            let mut requests = 0;
            while let Some(sent) = plan.next() {
                requests += 1;
                prop_assert!(requests < 2_000);
                let body = &all[sent];
                let text = std::str::from_utf8(body).unwrap().to_owned();
                prop_assert!(text.ends_with('\n'));
                prop_assert!(body.len() <= plan.largest() || text.matches('\n').count() == 1
                    || requests > 1);
                let code = if body.len() > takes { 413 } else if text.contains('!') { 400 } else { 204 };
                match plan.answered(all, &status(code)) {
                    Step::Go if code == 204 => written.push_str(&text),
                    Step::Go => {}
                    Step::Dead(line) => dead.push_str(std::str::from_utf8(&all[line]).unwrap()),
                    Step::Wait { .. } | Step::TooOld(_) | Step::OnceMore => prop_assert!(false),
                }
            }
            let of = |wanted: bool| -> String {
                lines.iter().filter(|(_, bad)| *bad == wanted).map(mark).collect()
            };
            prop_assert_eq!(written, of(false));
            prop_assert_eq!(dead, of(true));
        }
    }
}
