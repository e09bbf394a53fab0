//! A bar on a terminal, for what takes a while.

use std::io::Write as _;

use vitalgate::clock::Stopwatch;
use vitalgate::tools::export::Progress;

/// How often it is drawn anew, in seconds.
const EVERY_S: f64 = 0.1;
/// Cells of the bar.
const CELLS: u64 = 30;

/// A bar on standard error; nothing where that is no terminal.
#[derive(Debug)]
pub(super) struct Bar {
    terminal: bool,
    since: Stopwatch,
    drawn_s: f64,
    drawn: bool,
}

impl Bar {
    pub(super) fn new(terminal: bool) -> Self {
        Self { terminal, since: Stopwatch::start(), drawn_s: 0.0, drawn: false }
    }

    /// Draws how far it is, unless that was done a moment ago.
    pub(super) fn show(&mut self, progress: Progress) {
        let seconds = self.since.seconds();
        if self.terminal && seconds - self.drawn_s >= EVERY_S {
            self.drawn_s = seconds;
            self.drawn = true;
            draw(&format!("\r{}", line(progress, seconds)));
        }
    }

    /// Takes it off the terminal.
    pub(super) fn end(self) {
        if self.drawn {
            draw("\r\x1b[K");
        }
    }
}

fn line(Progress { done, of }: Progress, seconds: f64) -> String {
    let share = if of == 0 { 1.0 } else { done.min(of) as f64 / of as f64 };
    let full = (share * CELLS as f64) as usize;
    let left = if share > 0.0 { seconds / share - seconds } else { 0.0 };
    format!(
        "[{}{}] {:3.0} %  {done} rows  {left:.0} s left\x1b[K",
        "#".repeat(full),
        ".".repeat(CELLS as usize - full),
        share * 100.0,
    )
}

/// A bar that cannot be drawn is no reason to stop.
fn draw(text: &str) {
    let mut terminal = std::io::stderr().lock();
    drop(terminal.write_all(text.as_bytes()).and_then(|()| terminal.flush()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_says_how_far_and_how_long() {
        let shown = |done, of| line(Progress { done, of }, 10.0);
        assert!(shown(0, 100).starts_with("[..............................]   0 %  0 rows"));
        assert!(shown(50, 100).contains("###.") && shown(50, 100).contains("10 s left"));
        for all in [shown(100, 100), shown(101, 100), shown(0, 0)] {
            assert!(all.starts_with("[##############################] 100 %"), "{all}");
        }
    }
}
