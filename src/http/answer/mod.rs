//! `answer/{link}`: a person answers an alarm by a link that was sent to them alone. Opened it shows a page with a button,
//! so that what looks at links in letters answers nothing; posted it acts, as that person, once.

mod page;
mod words;

use std::time::Duration;

use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::Response;

use self::page::Page;
use self::words::{Said, Words};
use super::alarms::{self, may_answer};
use super::auth::{self, Who};
use super::connection::Connection;
use super::error::Problem;
use super::rights::Right;
use super::route::{Route, get, post};
use super::state::Ctx;
use super::story::story;
use crate::answers::{BadLink, Link};
use vitalgate_domain::model::alarm::{Alarm, State as AlarmState};

/// As links are written ([`PATH`](crate::answers::PATH)).
const LINK: &str = "/answer/{link}";

/// The routes; whoever holds a link needs no other proof of who they are. What letters are read with may add to it.
pub(crate) fn routes() -> Vec<Route> {
    vec![get(LINK, show).leaves_query_alone(), post(LINK, answer).leaves_query_alone()]
}

/// A link that still does something.
struct Asked {
    link: Link,
    who: Who,
    alarm: Alarm,
}

/// `GET`: what would be answered, and a button that does.
async fn show(State(http): State<Ctx>, Path(token): Path<String>, request: Request) -> Response {
    let words = Words::of(request.headers());
    match asked(&http, &token, request).await {
        Ok(Asked { link, who, alarm }) => Page::ask(words, &who.name, &alarm, link.answer),
        Err(why) => Page::tell(words, why),
    }
}

/// `POST`: does it.
async fn answer(State(http): State<Ctx>, Path(token): Path<String>, request: Request) -> Response {
    let words = Words::of(request.headers());
    let Asked { link, who, .. } = match asked(&http, &token, request).await {
        Ok(asked) => asked,
        Err(why) => return Page::tell(words, why),
    };
    let done = alarms::act(&http, &who, link.alarm, Some(link.seq), link.answer.act()).await;
    Page::tell(words, done.map_or_else(|problem| refused(&problem), |_| Said::Done(link.answer)))
}

/// Whose link it is and what it is for, as that stands now.
async fn asked(http: &Ctx, token: &str, request: Request) -> Result<Asked, Said> {
    let now = http.app.handles.clock.wall();
    let link = match http.app.answers.known(token, now) {
        Ok(link) => link,
        Err(BadLink::Over) => return Err(Said::Ended),
        Err(BadLink::Forged) => {
            let from = request.extensions().get::<Connection>();
            let wait = from.map(|from| auth::sign_in_failed(http, None, "no such link", from));
            tokio::time::sleep(wait.unwrap_or(Duration::ZERO)).await;
            return Err(Said::Forged);
        }
    };
    let board = http.board();
    let plan = board.duty.as_ref();
    let person = plan.and_then(|plan| plan.person(&link.person)).ok_or(Said::NoRight)?;
    let who = http.app.auth.by_name(&person.actor).ok_or(Said::NoRight)?;
    who.may(Right::AnswerAlarms).map_err(|_| Said::NoRight)?;
    let open = board.unconfirmed.get(&link.alarm).or_else(|| board.alarms.get(&link.alarm));
    let alarm = open.ok_or(Said::Over)?.as_ref().clone();
    may_answer(&board, &who, &link.alarm).map_err(|_| Said::NoRight)?;
    // What is over and waits for a look is closed by an answer: that is nothing to do unseen.
    if alarm.state == AlarmState::Latched {
        return Err(Said::Over);
    }
    if is_used(http, &link, &who).await.map_err(|_| Said::Busy)? {
        return Err(Said::Used);
    }
    Ok(Asked { link, who, alarm })
}

/// Whether its act was done by its person since it was sent: that stands in the log, as of the commit that did it.
async fn is_used(http: &Ctx, link: &Link, who: &Who) -> Result<bool, Problem> {
    let (id, seq) = (link.alarm.clone(), link.seq);
    let (word, name) = (link.answer.done().as_str(), who.name.clone());
    let story = http.read_log(move |reader| story(reader, &id)).await?;
    let is_it = |row: &vitalgate_store::reader::TransitionRow| {
        row.seq > seq && row.change == word && row.actor.as_deref() == Some(&*name)
    };
    Ok(story.iter().any(is_it))
}

fn refused(problem: &Problem) -> Said {
    match problem.status() {
        StatusCode::CONFLICT | StatusCode::NOT_FOUND => Said::News,
        StatusCode::FORBIDDEN => Said::NoRight,
        _ => Said::Busy,
    }
}
