//! One batch, sent until all of it is written or dead.

use bytes::Bytes;

use super::feed::Batch;
use super::policy::{ONCE_MORE, Part, Plan, Step};
use super::refused::RefusedLines;
use super::reply::{ServerReply, Verdict};
use super::transport::gzip;
use super::words::told;
use super::{NAME, Sink};
use vitalgate_domain::model::ids::DeviceId;
use vitalgate_domain::model::input::LineRefusal;
use vitalgate_domain::model::message::DeadLetter;
use vitalgate_store::consumers::ConsumerCursor;

/// Of a refused line this much is kept.
const HEAD_BYTES: usize = 1_024;
/// And of the server's words so many characters.
const WHY: usize = 200;

impl Sink {
    /// Sends a batch until all of it is written or dead; gives what is dead.
    pub(super) async fn deliver(&mut self, batch: &Batch, cursor: &ConsumerCursor) -> RefusedLines {
        let lines = &batch.lines;
        let mut plan = Plan::new(lines, self.size.now(), self.witness.take());
        let mut dead = RefusedLines::new(self.letters.left());
        while let Some(part) = plan.next(lines) {
            self.wait_its_turn(cursor).await;
            let body = match &part {
                Part::Lines(range) if *range == (0..lines.len()) => batch.compressed.clone(),
                Part::Lines(range) => compress(lines.slice(range.clone())).await,
                Part::Witness(line) => compress(line.clone()).await,
            };
            let answer = self.transport.write(body).await;
            self.handles.metrics.influx_request(answer.class());
            let step = plan.answered(lines, &answer);
            self.size.answered(answer.verdict(), plan.largest());
            self.note(&answer, plan.is_once_more());
            let wait = match step {
                Step::Go => None,
                Step::Dead { why, lines: count, line } => {
                    dead.add(why, count, told(answer.words()));
                    if let Some(line) = line {
                        dead.keep(|| letter(&lines[line], &answer));
                    }
                    None
                }
                Step::OnceMore => {
                    dead.forget(LineRefusal::Line);
                    Some((Some(ONCE_MORE), true))
                }
                Step::Wait { asked, refused } => Some((asked, refused)),
            };
            let Some((asked, refuses_all)) = wait else {
                if self.state.refused.is_none() && matches!(part, Part::Lines(_)) {
                    self.backoff.reset();
                }
                continue;
            };
            if refuses_all {
                self.refused(&answer);
            }
            let pause = self.backoff.pause().max(asked.unwrap_or_default());
            let (answer, words) = (answer.class(), told(answer.words()));
            tracing::debug!(answer, words, ?pause, "InfluxDB does not take it now");
            self.rest(pause, cursor).await;
        }
        if plan.is_once_more() && plan.taken() {
            self.takes_again();
        }
        self.witness = plan.into_witness();
        self.handles.metrics.influx_written(batch.points.saturating_sub(dead.lines()));
        dead
    }

    /// A refusal of everything is over.
    fn takes_again(&mut self) {
        self.state.words = None;
        if self.state.refused.take().is_some() {
            tracing::info!("InfluxDB takes lines again");
            self.backoff.reset();
        }
        self.handles.degraded.set(NAME, None);
        self.handles.metrics.influx_paused(false);
    }

    /// What an answer says of the server as a whole. While a batch is tried once more, a good line
    /// does not end a refusal: the next one may be bad again.
    fn note(&mut self, answer: &ServerReply, once_more: bool) {
        self.answered = true;
        match answer.verdict() {
            Verdict::Written if !once_more => self.takes_again(),
            Verdict::Refuses(why) if why != LineRefusal::Line && !once_more => self.takes_again(),
            Verdict::Later | Verdict::Failed => {
                if self.state.words.is_none() {
                    self.state.words = Some(told(answer.words())).filter(|words| !words.is_empty());
                }
                self.handles.degraded.set(NAME, Some("it does not answer as it should".to_owned()));
            }
            Verdict::Written | Verdict::Refused | Verdict::Refuses(_) | Verdict::TooLarge => {}
        }
        self.handles.metrics.influx_paused(self.state.refused.is_some());
    }

    fn refused(&mut self, answer: &ServerReply) {
        let ServerReply::Status { code, words, .. } = answer else { return };
        if self.state.refused != Some(*code) {
            let words = told(words);
            tracing::warn!(status = code, words, "InfluxDB refuses everything; all of it is kept");
            self.state.words = Some(words).filter(|words| !words.is_empty());
        }
        self.state.refused = Some(*code);
        self.handles.degraded.set(NAME, Some("it refuses what it is told".to_owned()));
        self.handles.metrics.influx_paused(true);
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
        ServerReply::Status { code, words, .. } => {
            let words: String = words.chars().take(WHY).collect();
            format!("InfluxDB refuses it, {code}: {words}")
        }
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
