//! The page behind a link: a few words and at most one button, without a script, for whatever a phone opens it with.

use axum::http::{HeaderValue, header};
use axum::response::{Html, IntoResponse, Response};

use super::words::{Said, Words};
use crate::answers::Answer;
use vitalgate_domain::model::alarm::Alarm;

/// What is shown.
pub(super) struct Page;

impl Page {
    /// What is asked, of whom, and the button that answers.
    pub(super) fn ask(words: &Words, name: &str, alarm: &Alarm, answer: Answer) -> Response {
        let simulated = if alarm.simulated { "SIMULATED " } else { "" };
        let title = format!("{simulated}{}: {}", words.grave(alarm.priority), place(words, alarm));
        let body = format!(
            "<p>{}</p>\n<form method=\"post\"><button type=\"submit\">{}</button></form>\n<p>{}</p>",
            escaped(&format!("{} {name}", words.you_are)),
            escaped(words.button(answer)),
            escaped(&holder(words, alarm)),
        );
        Self::of(words, &title, &body)
    }

    /// What became of it, or why nothing did.
    pub(super) fn tell(words: &Words, said: Said) -> Response {
        let (title, text) = words.said(said);
        let body = format!("<p role=\"status\">{}</p>", escaped(text));
        (said.status(), Self::of(words, title, &body)).into_response()
    }

    fn of(words: &Words, title: &str, body: &str) -> Response {
        let (language, title) = (words.language, escaped(title));
        let text = format!(
            "<!doctype html>\n<html lang=\"{language}\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta name=\"robots\" content=\"noindex\">\n<title>vitalgate</title>\n\
             <link rel=\"stylesheet\" href=\"../style.css\">\n</head>\n<body>\n\
             <main class=\"answer\">\n<h1>{title}</h1>\n{body}\n\
             <p><a href=\"../\">{}</a></p>\n</main>\n</body>\n</html>\n",
            escaped(words.page),
        );
        // The form says from which page it comes, which it cannot where no referrer is known at all.
        let policy = (header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
        ([policy], Html(text)).into_response()
    }
}

fn place(words: &Words, alarm: &Alarm) -> String {
    let bed = alarm.bed_now.as_ref().or(alarm.bed.as_ref());
    match (alarm.ward_shown(), bed) {
        (Some(ward), Some(bed)) => format!("{ward}, {bed}"),
        (Some(ward), None) => ward.to_string(),
        (None, _) if alarm.patient.is_some() => words.no_ward.to_owned(),
        (None, _) => words.gateway.to_owned(),
    }
}

/// Who has it by now.
fn holder(words: &Words, alarm: &Alarm) -> String {
    use vitalgate_domain::model::responsibility::Assignment;
    let accepted = alarm.responsibility.as_ref().filter(|r| r.state == Assignment::Accepted);
    match accepted.and_then(|responsibility| responsibility.person.as_ref()) {
        Some(person) => format!("{} {person}", words.has_it),
        None => words.nobody.to_owned(),
    }
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            _ => escaped.push(c),
        }
    }
    escaped
}
