//! A future that stands beside others which come all the time, and itself comes once, if ever.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

/// It is polled only after it was woken itself, not whenever one of its neighbours was.
pub(super) struct Seldom<F> {
    future: Pin<Box<F>>,
    bell: Arc<Bell>,
    own: Waker,
    /// Whom the bell tells.
    task: Option<Waker>,
}

/// What the future wakes.
#[derive(Debug, Default)]
struct Bell {
    rung: AtomicBool,
    task: Mutex<Option<Waker>>,
}

impl<F> Seldom<F> {
    pub(super) fn new(future: F) -> Self {
        let bell = Arc::new(Bell { rung: AtomicBool::new(true), task: Mutex::default() });
        Self { future: Box::pin(future), own: Arc::clone(&bell).into(), bell, task: None }
    }
}

impl<F: Future> Future for Seldom<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let Self { future, bell, own, task } = &mut *self;
        if !task.as_ref().is_some_and(|task| task.will_wake(cx.waker())) {
            *task = Some(cx.waker().clone());
            task.clone_into(&mut bell.task.lock().unwrap_or_else(PoisonError::into_inner));
        }
        // Read after the waker is there: a ring before that is seen here, one after it wakes the task.
        if bell.rung.swap(false, Ordering::AcqRel) {
            return future.as_mut().poll(&mut Context::from_waker(own));
        }
        Poll::Pending
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.rung.store(true, Ordering::Release);
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(task) = task {
            task.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::future::poll_fn;

    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn it_is_polled_at_first_and_when_it_was_woken() {
        let (tx, mut rx) = oneshot::channel();
        let polls = Cell::new(0);
        let mut seldom = Seldom::new(poll_fn(|cx| {
            polls.set(polls.get() + 1);
            Pin::new(&mut rx).poll(cx)
        }));
        for _ in 0..10 {
            let pending = poll_fn(|cx| Poll::Ready(Pin::new(&mut seldom).poll(cx).is_pending()));
            assert!(pending.await);
        }
        assert_eq!(polls.get(), 1);
        tx.send(7).unwrap();
        assert_eq!(seldom.await, Ok(7));
        assert_eq!(polls.get(), 2);
    }

    #[tokio::test]
    async fn it_wakes_whoever_polled_it_last() {
        let (tx, rx) = oneshot::channel();
        let mut seldom = Seldom::new(rx);
        let once = poll_fn(|cx| Poll::Ready(Pin::new(&mut seldom).poll(cx).is_pending()));
        assert!(once.await);
        let elsewhere = tokio::spawn(seldom);
        tokio::task::yield_now().await;
        tx.send(7).unwrap();
        assert_eq!(elsewhere.await.unwrap(), Ok(7));
    }
}
