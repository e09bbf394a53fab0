//! Whether the pipeline lives, whether judgement keeps up, and so whether the gateway is ready.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::clock::{Clock, Stopwatch};
use crate::projection::view::Board;

/// The pipeline counts as standing still after this many seconds without a step, and judgement as
/// behind when it is this many seconds behind the clock (contract §6).
const LATE_S: f64 = 5.0;

/// How far judgement is behind the clock, in seconds.
pub fn judged_lag_s(board: &Board, clock: &Clock) -> f64 {
    (clock.wall() - board.judged_to).as_secs_f64().max(0.0)
}

/// Whether judgement keeps up with the clock.
pub fn is_fresh(board: &Board, clock: &Clock) -> bool {
    judged_lag_s(board, clock) <= LATE_S
}

/// Why the gateway is not ready; empty when it is (contract §6).
pub fn not_ready(board: &Board, clock: &Clock, pulse: &Pulse) -> Vec<String> {
    let behind = judged_lag_s(board, clock);
    let conditions = [
        (!pulse.0.listening.load(Ordering::Acquire), "not listening".to_owned()),
        (board.store_failing, "the store fails to commit".to_owned()),
        (board.disk_full, "the disk is full: nothing of devices is taken in".to_owned()),
        (behind > LATE_S, format!("judgement is {behind:.1} s behind")),
    ];
    conditions.into_iter().filter(|(holds, _)| *holds).map(|(_, why)| why).collect()
}

/// Whoever must learn of every step of the pipeline.
pub trait StepListener: fmt::Debug + Send {
    /// The pipeline stepped.
    fn stepped(&mut self);
}

/// Says when the pipeline last stepped, and whether the listeners are up; cheap to clone.
#[derive(Clone, Debug)]
pub struct Pulse(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    last: Mutex<Stopwatch>,
    listener: Mutex<Option<Box<dyn StepListener>>>,
    listening: AtomicBool,
}

impl Default for Pulse {
    fn default() -> Self {
        let last = Mutex::new(Stopwatch::start());
        let (listener, listening) = (Mutex::default(), AtomicBool::new(false));
        Self(Arc::new(Inner { last, listener, listening }))
    }
}

impl Pulse {
    /// From here on `listener` learns of every step.
    pub fn notify(&self, listener: impl StepListener + 'static) {
        *self.0.listener.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(listener));
    }

    /// The pipeline stepped.
    pub fn beat(&self) {
        *self.0.last.lock().unwrap_or_else(PoisonError::into_inner) = Stopwatch::start();
        let mut listener = self.0.listener.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(listener) = &mut *listener {
            listener.stepped();
        }
    }

    /// Seconds since the last step.
    pub fn age_s(&self) -> f64 {
        self.0.last.lock().unwrap_or_else(PoisonError::into_inner).seconds()
    }

    /// Whether the last step is recent enough for a pipeline that lives.
    pub fn is_alive(&self) -> bool {
        self.age_s() <= LATE_S
    }

    /// Every listener is up, or intake has stopped.
    pub fn set_listening(&self, listening: bool) {
        self.0.listening.store(listening, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;

    #[derive(Debug)]
    struct Count(Arc<AtomicUsize>);

    impl StepListener for Count {
        fn stepped(&mut self) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn a_listener_learns_of_every_step_from_then_on() {
        let (pulse, steps) = (Pulse::default(), Arc::new(AtomicUsize::new(0)));
        pulse.beat();
        pulse.notify(Count(Arc::clone(&steps)));
        assert_eq!(steps.load(Ordering::Relaxed), 0);
        pulse.beat();
        pulse.clone().beat();
        assert_eq!(steps.load(Ordering::Relaxed), 2);
        assert!(pulse.is_alive());
    }

    #[test]
    fn a_gateway_is_ready_when_it_listens_commits_and_judges_in_time() {
        let (clock, pulse) = (Clock::system(crate::clock::Stamp::default().at), Pulse::default());
        let mut board = Board { judged_to: clock.wall(), ..Board::default() };
        assert_eq!(not_ready(&board, &clock, &pulse), ["not listening"]);
        pulse.set_listening(true);
        assert!(not_ready(&board, &clock, &pulse).is_empty() && is_fresh(&board, &clock));
        board.store_failing = true;
        assert_eq!(not_ready(&board, &clock, &pulse), ["the store fails to commit"]);
        let late = Board { store_failing: false, judged_to: Board::default().judged_to, ..board };
        assert!(not_ready(&late, &clock, &pulse)[0].starts_with("judgement is "));
        assert!(!is_fresh(&late, &clock));
    }
}
