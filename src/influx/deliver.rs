//! One batch, sent until all of it is written or dead.

use bytes::Bytes;

use super::feed::Batch;
use super::policy::{ONCE_MORE, Plan, Step};
use super::reply::{ServerReply, Verdict};
use super::transport::gzip;
use super::{NAME, Sink};
use vitalgate_domain::model::ids::DeviceId;
use vitalgate_domain::model::message::DeadLetter;
use vitalgate_store::DEAD_LETTERS;
use vitalgate_store::consumers::ConsumerCursor;

/// Dead letters of one batch; the store keeps no more of them.
const LETTERS: usize = DEAD_LETTERS as usize;
/// Of a refused line this much is kept.
const HEAD_BYTES: usize = 1_024;

impl Sink {
    /// Sends a batch until all of it is written or dead; gives what is dead.
    pub(super) async fn deliver(
        &mut self,
        batch: &Batch,
        cursor: &ConsumerCursor,
    ) -> Vec<DeadLetter> {
        let lines = &batch.lines;
        let mut plan = Plan::new(lines, self.size.now());
        let mut dead = Vec::new();
        let (mut refused, mut too_old) = (0, 0);
        while let Some(range) = plan.next() {
            self.wait_its_turn(cursor).await;
            let body = if range == (0..lines.len()) {
                batch.compressed.clone()
            } else {
                compress(lines.slice(range.clone())).await
            };
            let answer = self.transport.write(body).await;
            self.metrics.influx_request(answer.class());
            let step = plan.answered(lines, &answer);
            self.size.answered(answer.verdict(), plan.largest());
            self.note(&answer, plan.is_once_more());
            let wait = match step {
                Step::Go => None,
                Step::Dead(line) => {
                    refused += 1;
                    if dead.len() < LETTERS {
                        dead.push(letter(&lines[line], &answer));
                    }
                    None
                }
                Step::TooOld(lines) => {
                    too_old += lines;
                    None
                }
                Step::OnceMore => {
                    dead.clear();
                    refused = 0;
                    Some((Some(ONCE_MORE), true))
                }
                Step::Wait { asked, refused } => Some((asked, refused)),
            };
            let Some((asked, refuses_all)) = wait else {
                if self.state.refused.is_none() {
                    self.backoff.reset();
                }
                continue;
            };
            if refuses_all {
                self.refused(&answer);
            }
            let pause = self.backoff.pause().max(asked.unwrap_or_default());
            tracing::debug!(?answer, ?pause, "InfluxDB does not take it now");
            self.rest(pause, cursor).await;
        }
        if plan.is_once_more() && plan.taken() {
            self.takes_again();
        }
        if too_old > 0 {
            tracing::debug!(lines = too_old, "older than the bucket keeps anything");
        }
        let lost = refused + too_old;
        self.metrics.influx_written(batch.points.saturating_sub(lost), lost);
        dead
    }

    /// A refusal of everything is over.
    fn takes_again(&mut self) {
        if self.state.refused.take().is_some() {
            tracing::info!("InfluxDB takes lines again");
            self.backoff.reset();
        }
        self.degraded.set(NAME, None);
        self.metrics.influx_paused(false);
    }

    /// What an answer says of the server as a whole. While a batch is tried once more, a good line
    /// does not end a refusal: the next one may be bad again.
    fn note(&mut self, answer: &ServerReply, once_more: bool) {
        self.answered = true;
        match answer.verdict() {
            Verdict::Written | Verdict::TooOld if !once_more => self.takes_again(),
            Verdict::Later => {
                self.degraded.set(NAME, Some("it does not answer as it should".to_owned()));
            }
            Verdict::Written
            | Verdict::TooOld
            | Verdict::Refused
            | Verdict::BadLine
            | Verdict::TooLarge => {}
        }
        self.metrics.influx_paused(self.state.refused.is_some());
    }

    fn refused(&mut self, answer: &ServerReply) {
        let ServerReply::Status { code, words, .. } = answer else { return };
        if self.state.refused != Some(*code) {
            tracing::warn!(status = code, words, "InfluxDB refuses everything; all of it is kept");
        }
        self.state.refused = Some(*code);
        self.degraded.set(NAME, Some("it refuses what it is told".to_owned()));
        self.metrics.influx_paused(true);
    }
}

/// Off the threads that serve others.
async fn compress(lines: Bytes) -> Bytes {
    let here = lines.clone();
    tokio::task::spawn_blocking(move || gzip(&lines)).await.unwrap_or_else(|_| gzip(&here))
}

/// A line the server refuses for good, as a dead letter.
fn letter(line: &[u8], answer: &ServerReply) -> DeadLetter {
    let why = match answer {
        ServerReply::Status { code, words, .. } => format!("InfluxDB refuses it, {code}: {words}"),
        ServerReply::None(why) => why.clone(),
    };
    let principal: Result<DeviceId, _> = NAME.parse();
    DeadLetter {
        principal: principal.unwrap_or_else(|_| unreachable!("`{NAME}` is an id")),
        device: None,
        topic: "api/v2/write".to_owned(),
        kind: None,
        reason: why,
        length: line.len() as u64,
        head: line[..line.len().min(HEAD_BYTES)].to_vec(),
    }
}
