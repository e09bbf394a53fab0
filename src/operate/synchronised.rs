//! Whether the machine's clock is synchronised, by the word of a program that may ask the kernel
//! (docs/decisions/0015-asking-for-the-clock.md).

use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncReadExt as _;
use tokio::process::Command;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::config::Clock;
use crate::inbox::{Inbox, Receipt, Submission};
use vitalgate_domain::model::input::{Input, Synchronised};

/// A program that takes longer knows nothing.
const ANSWERING: Duration = Duration::from_secs(10);
/// What is read of its answer.
const ANSWER_BYTES: u64 = 64;

/// Asks at once and then every so often until `cancel`, and says into the inbox what is news.
pub async fn watch(clock: Clock, inbox: Inbox, cancel: CancellationToken) {
    let every = Duration::from_micros(clock.every.as_micros().unsigned_abs());
    let asking = async {
        let mut reported = None;
        loop {
            let word = ask(&clock.check).await;
            if reported.as_ref() != Some(&word) {
                if word != Synchronised::Yes {
                    tracing::warn!(?word, "the machine's clock is not known to be synchronised");
                }
                let input = Input::Synchronised(word.clone());
                reported = Some(word);
                let submission = Submission::of(vec![input], 0, Receipt::unawaited());
                if inbox.submit(submission).await.is_err() {
                    return std::future::pending().await;
                }
            }
            tokio::time::sleep(every).await;
        }
    };
    tokio::select! {
        () = cancel.cancelled() => {}
        () = asking => {}
    }
}

/// Runs the program: `yes` is yes, any other answer is no, none at all is unknown.
pub async fn ask(program: &[String]) -> Synchronised {
    let Some((name, arguments)) = program.split_first() else { return Synchronised::NotAsked };
    let run = async {
        let mut child = Command::new(name)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        let mut answer = String::new();
        if let Some(out) = child.stdout.take() {
            out.take(ANSWER_BYTES).read_to_string(&mut answer).await?;
        }
        Ok::<_, std::io::Error>((child.wait().await?, answer))
    };
    match timeout(ANSWERING, run).await {
        Ok(Ok((status, answer))) => match answer.trim() {
            "yes" if status.success() => Synchronised::Yes,
            _ if status.success() => Synchronised::No,
            _ => Synchronised::Unknown(format!("`{name}` failed: {status}")),
        },
        Ok(Err(error)) => Synchronised::Unknown(format!("`{name}` failed: {error}")),
        Err(_) => Synchronised::Unknown(format!("`{name}` did not answer")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn say(script: &str) -> Synchronised {
        ask(&["sh", "-c", script].map(str::to_owned)).await
    }

    #[tokio::test]
    async fn only_a_clear_yes_is_one() {
        assert_eq!(say("echo yes").await, Synchronised::Yes);
        assert_eq!(say("echo no").await, Synchronised::No);
        assert_eq!(say("true").await, Synchronised::No);
        assert_eq!(say("echo yes yes").await, Synchronised::No);
        assert!(matches!(say("echo yes; exit 1").await, Synchronised::Unknown(_)));
        assert!(matches!(say("printf '\\377'").await, Synchronised::Unknown(_)));
        let none = ask(&["/there/is/no/such/program".to_owned()]).await;
        let Synchronised::Unknown(why) = none else { panic!("{none:?}") };
        assert!(why.contains("/there/is/no/such/program"), "{why}");
    }

    #[tokio::test]
    async fn without_a_program_nobody_is_asked() {
        assert_eq!(ask(&[]).await, Synchronised::NotAsked);
    }

    #[tokio::test]
    async fn an_endless_answer_is_cut() {
        assert!(!matches!(say("yes").await, Synchronised::Yes));
    }
}
