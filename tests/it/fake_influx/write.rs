//! The write endpoint: lines are taken, refused or met by a mood.

use std::io::Read as _;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::Response;

use super::bodies::{Answered, Cut, Endless};
use super::state::{Mood, State};

pub(super) async fn write(
    parts: &hyper::http::request::Parts,
    body: &Bytes,
    state: Arc<Mutex<State>>,
) -> Answered {
    let mood = {
        let mut state = state.lock().unwrap();
        let query = parts.uri.query().unwrap_or_default();
        let mut query: Vec<&str> = query.split('&').collect();
        query.sort_unstable();
        assert_eq!(query, ["bucket=b", "org=o", "precision=ns"]);
        if state.read_only {
            return Ok(state.with(403, "insufficient permissions for write"));
        }
        if !state.buckets.iter().any(|bucket| bucket == "b") {
            return Ok(state.with(404, "bucket \"b\" not found"));
        }
        if body.len() > state.most_bytes {
            return Ok(state.with(413, ""));
        }
        state.moods.pop_front().unwrap_or(Mood::Well)
    };
    match mood {
        Mood::Slow(pause) => tokio::time::sleep(pause).await,
        Mood::Never => std::future::pending().await,
        Mood::Well | Mood::Nonsense | Mood::Answer(..) | Mood::Cut | Mood::Endless => {}
    }
    if let Mood::Answer(status, after) = mood {
        let mut answer = state.lock().unwrap().with(status, "not now");
        if let Some(after) = after {
            answer.headers_mut().insert("retry-after", after.into());
        }
        return Ok(answer);
    }
    if mood == Mood::Endless {
        let mut answer = Response::new(Endless.boxed());
        *answer.status_mut() = hyper::StatusCode::BAD_GATEWAY;
        return Ok(answer);
    }
    let mut text = String::new();
    match parts.headers.get("content-encoding") {
        Some(coding) => {
            assert_eq!(coding, "gzip");
            flate2::read::GzDecoder::new(&body[..]).read_to_string(&mut text).unwrap();
        }
        None => text.push_str(std::str::from_utf8(body).unwrap()),
    }
    assert!(text.ends_with('\n'));
    let mut state = state.lock().unwrap();
    let partly = kind_refused(&mut state, &mut text);
    let bad = state.bad.clone();
    let is_bad = |line: &&str| bad.as_ref().is_some_and(|bad| line.contains(bad.as_str()));
    let refused = text.lines().any(|line| is_bad(&line));
    let keeps_from = state.keeps_from;
    let is_old = |line: &&str| {
        let time = line.rsplit_once(' ').expect("a time").1;
        time.parse::<i64>().expect("nanoseconds") < keeps_from
    };
    let old = text.lines().filter(is_old).count();
    // Every other time what is good about a refused request is not taken either.
    let partial =
        state.answered.iter().filter(|status| [400, 422].contains(status)).count() % 2 == 0;
    if partial || (old == 0 && !refused) {
        for line in text.lines().filter(|line| !is_bad(line) && !is_old(line)) {
            state.take(line);
        }
    }
    if mood == Mood::Cut {
        return Err(Cut);
    }
    if let Some(words) = partly {
        return Ok(
            state.with(422, &format!("{{\"code\":\"unprocessable\",\"message\":\"{words}\"}}"))
        );
    }
    if refused {
        let why = if partial { "partial write" } else { "unable to parse" };
        return Ok(state.with(400, &format!("{{\"code\":\"invalid\",\"message\":\"{why}\"}}")));
    }
    if old > 0 {
        let why = if partial { "partial write: points" } else { "point is" };
        let words = format!("{why} beyond retention policy dropped={old}");
        let status = state.too_old;
        return Ok(state.with(status, &words));
    }
    Ok(state.with(204, ""))
}

/// Takes out what is refused as a kind: the rest is written, and these are the words for it.
fn kind_refused(state: &mut State, text: &mut String) -> Option<String> {
    let other_type = state.other_type.clone();
    let typed = |line: &str| other_type.as_ref().is_some_and(|part| line.contains(part.as_str()));
    let mut dropped = [0, 0];
    let kept: String = text
        .split_inclusive('\n')
        .filter(|line| {
            let refused = [state.is_one_too_many(line), typed(line)];
            if let Some(why) = refused.iter().position(|refused| *refused) {
                dropped[why] += 1;
            }
            !refused.contains(&true)
        })
        .collect();
    let words = match dropped {
        [0, 0] => return None,
        [_, 0] => "max-series-per-database limit exceeded: (5)",
        _ => {
            "field type conflict: input field \\\"value\\\" on measurement \\\"vitalgate_reading\\\" \
             is type float, already exists as type integer"
        }
    };
    *text = kept;
    Some(format!("partial write: {words} dropped={}", dropped.iter().sum::<u32>()))
}
