//! What is asked of the core one by one, for a view of it would be too long to be made for everybody after each commit.
//!
//! The pipeline answers between two turns, a few at a time. Whoever asks waits for that; a question of somebody who went
//! is passed over.

use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use vitalgate_domain::core::Core;
use vitalgate_domain::model::ids::PatientId;
use vitalgate_domain::model::signal::SignalId;
use vitalgate_domain::model::time::Stamp;
use vitalgate_domain::patient::explain::Explanation;

/// Questions that wait at most; whoever comes then waits for room.
const WAITING: usize = 16;
/// Questions answered after one turn of the pipeline.
const AT_A_TIME: usize = 2;
/// So long is waited for an answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// Where the core is asked.
#[derive(Clone, Debug)]
pub struct Ask(mpsc::Sender<Question>);

/// What waits to be answered.
#[derive(Debug)]
pub struct Questions(mpsc::Receiver<Question>);

/// What watches a patient.
#[derive(Debug)]
struct Question {
    patient: PatientId,
    only: Option<SignalId>,
    answer: oneshot::Sender<Option<Explanation>>,
}

/// Nobody answered in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unanswered;

impl Ask {
    /// A way to ask, and what comes out of it.
    pub fn new() -> (Self, Questions) {
        let (ask, questions) = mpsc::channel(WAITING);
        (Self(ask), Questions(questions))
    }

    /// What watches a patient, or one signal of him; `None` where the core knows no such patient.
    pub async fn explain(
        &self,
        patient: PatientId,
        only: Option<SignalId>,
    ) -> Result<Option<Explanation>, Unanswered> {
        self.explain_within(PATIENCE, patient, only).await
    }

    async fn explain_within(
        &self,
        patience: Duration,
        patient: PatientId,
        only: Option<SignalId>,
    ) -> Result<Option<Explanation>, Unanswered> {
        let asked = async {
            let (answer, answered) = oneshot::channel();
            self.0.send(Question { patient, only, answer }).await.ok()?;
            answered.await.ok()
        };
        tokio::time::timeout(patience, asked).await.ok().flatten().ok_or(Unanswered)
    }
}

impl Questions {
    /// Waits until something is asked, and answers it. Never returns where nobody can ask any more.
    pub async fn next(&mut self) -> Asked {
        match self.0.recv().await {
            Some(question) => Asked(question),
            None => std::future::pending().await,
        }
    }

    /// Answers a few of those that wait.
    pub fn answer(&mut self, first: Option<Asked>, core: &Core, now: Stamp) {
        let mut next = first.map(|Asked(question)| question);
        for _ in 0..AT_A_TIME {
            let Some(question) = next.or_else(|| self.0.try_recv().ok()) else { return };
            question.answer(core, now);
            next = None;
        }
    }
}

/// A question that is taken.
#[derive(Debug)]
pub struct Asked(Question);

impl Question {
    fn answer(self, core: &Core, now: Stamp) {
        if !self.answer.is_closed() {
            // Whoever asked may have gone meanwhile.
            drop(self.answer.send(core.explain(&self.patient, self.only, now)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn core() -> Core {
        let configuration = Config::built_in().unwrap().configuration().unwrap();
        Core::new("site".parse().unwrap(), false, configuration)
    }

    #[tokio::test]
    async fn a_few_are_answered_at_a_time_and_nobody_is_left_out() {
        let (ask, mut questions) = Ask::new();
        let nobody: PatientId = "nobody".parse().unwrap();
        let asked: Vec<_> = (0..5)
            .map(|_| {
                let (ask, nobody) = (ask.clone(), nobody.clone());
                tokio::spawn(async move { ask.explain(nobody, None).await })
            })
            .collect();
        let core = core();
        let mut answered = 0;
        for _ in 0..5_usize.div_ceil(AT_A_TIME) {
            let first = questions.next().await;
            tokio::task::yield_now().await;
            questions.answer(Some(first), &core, core.now());
            answered += 1;
        }
        assert_eq!(answered, 3);
        for one in asked {
            assert_eq!(one.await.unwrap(), Ok(None));
        }
    }

    #[tokio::test]
    async fn whoever_is_not_answered_in_time_or_at_all_is_told_so_and_holds_nobody_up() {
        let (ask, mut questions) = Ask::new();
        let nobody: PatientId = "nobody".parse().unwrap();
        let soon = Duration::from_millis(1);
        for _ in 0..2 * WAITING {
            assert_eq!(ask.explain_within(soon, nobody.clone(), None).await, Err(Unanswered));
        }
        let core = core();
        for _ in 0..WAITING.div_ceil(AT_A_TIME) {
            questions.answer(None, &core, core.now());
        }
        let asked = tokio::spawn({
            let (ask, nobody) = (ask.clone(), nobody.clone());
            async move { ask.explain(nobody, None).await }
        });
        let first = questions.next().await;
        questions.answer(Some(first), &core, core.now());
        assert_eq!(asked.await.unwrap(), Ok(None));
        drop(questions);
        assert_eq!(ask.explain(nobody, None).await, Err(Unanswered));
    }
}
