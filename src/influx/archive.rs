//! What InfluxDB still holds, asked for with bounds on everything: a server that answers nonsense,
//! slowly or never costs its own question and nothing else.

use std::time::Duration;

use axum::http::header::{
    ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE,
    TRANSFER_ENCODING,
};
use axum::http::{HeaderMap, HeaderValue, Method};
use bytes::Bytes;
use serde_json::json;
use tokio::sync::{Semaphore, SemaphorePermit};

use super::csv::BadCsv;
use super::query::{Page, Places, Selection, Summed};
use crate::config::{BadInflux, Influx};
use crate::net::outbound::{Answer, NoAnswer, Outbound};
use crate::net::tls::BadTls;

/// Answers beyond are not read: four times what the largest page or chart takes.
const ANSWER_BYTES: usize = 8 << 20;
/// Who asks more at once gets `Busy` and does not wait: a slow server must not gather requests.
const TURNS: usize = 2;

/// Why nothing can be asked.
#[derive(Debug, thiserror::Error)]
pub enum BadArchive {
    /// The configuration.
    #[error(transparent)]
    Config(#[from] BadInflux),
    /// The certificates that are trusted.
    #[error("influx.ca: {0}")]
    Ca(#[from] BadTls),
}

/// Why InfluxDB did not say what it holds.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unread {
    /// Others are asking.
    #[error("too many ask at once")]
    Busy,
    /// No connection, or it broke off.
    #[error("{0}")]
    Unreachable(String),
    /// Not all of it came in time.
    #[error("no answer in time")]
    TooSlow,
    /// 401, 403 or 404: the token may not read the bucket, or it is not there.
    #[error("it refuses ({0})")]
    Refused(u16),
    /// Any other status, or an error in place of an answer, whose words may name a device.
    #[error("it failed: {0}")]
    Failed(String),
    /// More rows or bytes than are read.
    #[error("the answer is too large")]
    TooMuch,
    /// It ended in the middle.
    #[error("the answer was cut short")]
    CutShort,
    /// It is something else.
    #[error("the answer is nonsense: {0}")]
    Nonsense(&'static str),
}

impl Unread {
    /// Each of its words, for people and metrics (contract §6).
    pub const WORDS: [&str; 8] = [
        "busy",
        "unreachable",
        "too_slow",
        "refused",
        "failed",
        "too_much",
        "cut_short",
        "nonsense",
    ];

    /// Its word.
    pub const fn as_str(&self) -> &'static str {
        let place = match self {
            Self::Busy => 0,
            Self::Unreachable(_) => 1,
            Self::TooSlow => 2,
            Self::Refused(_) => 3,
            Self::Failed(_) => 4,
            Self::TooMuch => 5,
            Self::CutShort => 6,
            Self::Nonsense(_) => 7,
        };
        Self::WORDS[place]
    }
}

impl From<BadCsv> for Unread {
    fn from(bad: BadCsv) -> Self {
        match bad {
            BadCsv::Failed(words) => Self::Failed(words),
            BadCsv::Cut => Self::CutShort,
            BadCsv::Nonsense(why) => Self::Nonsense(why),
        }
    }
}

/// Asks one InfluxDB.
#[derive(Debug)]
pub struct Archive {
    outbound: Outbound,
    path: String,
    authorization: HeaderValue,
    bucket: String,
    within: Duration,
    turns: Semaphore,
}

impl Archive {
    /// Reads secret and certificates; connects to nothing.
    pub fn new(config: &Influx) -> Result<Self, BadArchive> {
        let mut authorization = HeaderValue::from_str(config.authorization()?.header())
            .map_err(|_| BadInflux::Characters)?;
        authorization.set_sensitive(true);
        let within = Duration::from_micros(config.read_timeout.as_micros().unsigned_abs());
        let outbound = Outbound::new(config.url.clone(), config.ca.as_deref(), within)?;
        Ok(Self {
            outbound: outbound.reading(ANSWER_BYTES),
            path: format!("{}/api/v2/query?org={}", config.url.prefix(), encoded(&config.org)),
            authorization,
            bucket: config.bucket.clone(),
            within,
            turns: Semaphore::new(TURNS),
        })
    }

    /// How long everything for one request may take.
    pub fn within(&self) -> Duration {
        self.within
    }

    /// The right to ask, one question after the other.
    pub fn turn(&self) -> Result<SemaphorePermit<'_>, Unread> {
        self.turns.try_acquire().map_err(|_| Unread::Busy)
    }

    /// The first `most` numbers of a selection, by time.
    pub async fn readings(&self, selection: &Selection, most: usize) -> Result<Page, Unread> {
        if selection.range().is_none() {
            return Ok(Page::default());
        }
        let body = self.ask(&selection.readings(&self.bucket, most)).await?;
        let selection = selection.clone();
        parsed(move || selection.read(&body, most)).await
    }

    /// What counts of a selection, in each place.
    pub async fn sums(
        &self,
        selection: &Selection,
        places: Places,
        most: usize,
    ) -> Result<Vec<Summed>, Unread> {
        if selection.range().is_none() {
            return Ok(Vec::new());
        }
        let body = self.ask(&selection.sums(&self.bucket, places, most)).await?;
        let selection = selection.clone();
        let sums = parsed(move || selection.read_sums(&body, places, most)).await?;
        // More would have been cut off.
        if sums.len() == most { Err(Unread::TooMuch) } else { Ok(sums) }
    }

    /// Dropping the future closes the connection, which ends the query.
    async fn ask(&self, flux: &str) -> Result<Bytes, Unread> {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, self.authorization.clone());
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(ACCEPT, HeaderValue::from_static("application/csv"));
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        let dialect = json!({
            "header": true, "delimiter": ",", "commentPrefix": "#",
            "annotations": ["datatype", "group", "default"],
        });
        let body = json!({ "query": flux, "type": "flux", "dialect": dialect }).to_string();
        match self.outbound.send(Method::POST, &self.path, headers, body.into()).await {
            Ok(answer) => table(answer),
            Err(NoAnswer::Late(_)) => Err(Unread::TooSlow),
            Err(error @ (NoAnswer::Connect { .. } | NoAnswer::Broken(_))) => {
                Err(Unread::Unreachable(error.to_string()))
            }
        }
    }
}

/// The body of an answer that is whole and can be the tables that were asked for.
fn table(answer: Answer) -> Result<Bytes, Unread> {
    let Answer { status, headers, body } = answer;
    match status {
        200 => {}
        401 | 403 | 404 => return Err(Unread::Refused(status)),
        _ => return Err(Unread::Failed(format!("status {status}"))),
    }
    let says = |name, what: &str| {
        headers.get(name).and_then(|v| v.to_str().ok()).is_some_and(|text| text.contains(what))
    };
    if !says(CONTENT_TYPE, "csv") {
        return Err(Unread::Nonsense("it is no CSV"));
    }
    if headers.contains_key(CONTENT_ENCODING) && !says(CONTENT_ENCODING, "identity") {
        return Err(Unread::Nonsense("it is compressed, and nobody asked for that"));
    }
    if body.len() >= ANSWER_BYTES {
        return Err(Unread::TooMuch);
    }
    // Where only the end of the connection ends a body, nobody knows whether that was all.
    if !headers.contains_key(CONTENT_LENGTH) && !headers.contains_key(TRANSFER_ENCODING) {
        return Err(Unread::CutShort);
    }
    Ok(body)
}

/// Off the threads that serve others: megabytes of rows take a while.
async fn parsed<T: Send + 'static>(
    parse: impl FnOnce() -> Result<T, BadCsv> + Send + 'static,
) -> Result<T, Unread> {
    match tokio::task::spawn_blocking(parse).await {
        Ok(parsed) => Ok(parsed?),
        Err(_) => Err(Unread::Nonsense("nobody could read it")),
    }
}

/// For a query of a URL.
pub(crate) fn encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.push_str(&data_encoding::HEXUPPER.encode(&[byte]));
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_table_is_read() {
        let check = |status: u16, headers: &[(&'static str, &'static str)], size: usize| {
            let headers = headers
                .iter()
                .map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value)));
            let body = Bytes::from(vec![b'\n'; size]);
            table(Answer { status, headers: headers.collect(), body }).map(|body| body.len())
        };
        let (csv, length) = (("content-type", "text/csv; charset=utf-8"), ("content-length", "1"));
        let chunked = ("transfer-encoding", "chunked");
        assert_eq!(check(200, &[csv, length], 1), Ok(1));
        assert_eq!(check(200, &[csv, chunked], 1), Ok(1));
        assert_eq!(check(200, &[csv, length, ("content-encoding", "identity")], 1), Ok(1));
        assert_eq!(check(200, &[csv], 1), Err(Unread::CutShort));
        assert_eq!(check(200, &[csv, chunked], ANSWER_BYTES), Err(Unread::TooMuch));
        for status in [401, 403, 404] {
            assert_eq!(check(status, &[csv, length], 1), Err(Unread::Refused(status)));
        }
        for status in [204, 302, 400, 429, 500, 503] {
            assert!(matches!(check(status, &[csv, length], 1), Err(Unread::Failed(_))));
        }
        let gzip = ("content-encoding", "gzip");
        for headers in
            [&[length][..], &[("content-type", "text/html"), length], &[csv, length, gzip]]
        {
            assert!(matches!(check(200, headers, 1), Err(Unread::Nonsense(_))), "{headers:?}");
        }
    }

    #[test]
    fn every_word_is_its_own() {
        let all = [
            Unread::Busy,
            Unread::Unreachable(String::new()),
            Unread::TooSlow,
            Unread::Refused(401),
            Unread::Failed(String::new()),
            Unread::TooMuch,
            Unread::CutShort,
            Unread::Nonsense(""),
        ];
        assert_eq!(all.map(|why| why.as_str()), Unread::WORDS);
    }
}
