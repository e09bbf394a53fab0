//! How large requests are.

use super::reply::Verdict;

/// So many requests taken in a row, and larger ones are tried again.
const TAKEN_IN_A_ROW: u32 = 32;

/// How large requests are: smaller after 413, and larger again in time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Size {
    now: usize,
    most: usize,
    taken: u32,
}

impl Size {
    /// At most so many bytes, and so many at first.
    pub(super) fn new(most: usize) -> Self {
        Self { now: most, most, taken: 0 }
    }

    /// No request is to be larger, but for a single line.
    pub(super) fn now(&self) -> usize {
        self.now
    }

    /// After an answer; `largest` is that of the plan then.
    pub(super) fn answered(&mut self, verdict: Verdict, largest: usize) {
        match verdict {
            Verdict::Written => {
                self.taken += 1;
                if self.taken >= TAKEN_IN_A_ROW {
                    self.taken = 0;
                    self.now = self.now.saturating_mul(2).min(self.most);
                }
            }
            Verdict::TooLarge => {
                self.taken = 0;
                self.now = self.now.min(largest);
            }
            Verdict::Refuses(_) | Verdict::Refused | Verdict::Failed | Verdict::Later => {
                self.taken = 0;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_grow_again_when_many_in_a_row_were_taken() {
        let mut size = Size::new(1_000);
        size.answered(Verdict::TooLarge, 100);
        assert_eq!(size.now(), 100);
        let taken = |size: &mut Size, requests| {
            for _ in 0..requests {
                size.answered(Verdict::Written, 100);
            }
        };
        taken(&mut size, TAKEN_IN_A_ROW - 1);
        size.answered(Verdict::Later, 100);
        taken(&mut size, TAKEN_IN_A_ROW - 1);
        assert_eq!(size.now(), 100, "none in a row");
        taken(&mut size, 1);
        assert_eq!(size.now(), 200);
        taken(&mut size, 100 * TAKEN_IN_A_ROW);
        assert_eq!(size.now(), 1_000, "never above what is configured");
    }
}
