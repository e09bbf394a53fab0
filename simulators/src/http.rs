//! The gateway's HTTP interface, as far as the simulators need it. All calls block.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::Context;
use jiff::Timestamp;
use serde_json::Value;
use thiserror::Error;
use tokio::task::spawn_blocking;

const TIMEOUT: Duration = Duration::from_secs(30);
/// A page of raw samples is well below this.
const MAX_ANSWER: u64 = 64 << 20;

/// A gateway's HTTP interface.
#[derive(Clone, Debug)]
pub struct Api {
    agent: ureq::Agent,
    base: String,
    token: Option<String>,
}

/// One request of a registration.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// `POST` or `PUT`.
    pub method: &'static str,
    /// From `/api/v1` on.
    pub path: String,
    /// JSON.
    pub body: Value,
}

impl Request {
    /// A `POST`.
    pub fn post(path: impl Into<String>, body: Value) -> Self {
        Self { method: "POST", path: path.into(), body }
    }

    /// A `PUT`.
    pub fn put(path: impl Into<String>, body: Value) -> Self {
        Self { method: "PUT", path: path.into(), body }
    }
}

/// One stored sample.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample {
    /// When it was measured, in microseconds since 1970.
    pub at_us: i64,
    /// In the unit it was sent in; `None` for anything but a number.
    pub value: Option<f64>,
}

/// Why a call failed.
#[derive(Debug, Error)]
pub enum ApiError {
    /// No answer.
    #[error("no answer from {url}; is this the gateway's http address?")]
    Unreachable {
        /// What was asked.
        url: String,
        /// What happened.
        source: Box<ureq::Error>,
    },
    /// An answer that says no.
    #[error("{url} answered {status}: {detail}")]
    Refused {
        /// What was asked.
        url: String,
        /// The status.
        status: u16,
        /// The answer's own words.
        detail: String,
    },
    /// An answer of another shape than the contract's.
    #[error("{url} answered without {what}; is this a vitalgate of this version?")]
    Shape {
        /// What was asked.
        url: String,
        /// What was missing.
        what: &'static str,
    },
}

/// Refuses a gateway whose store is not marked as simulated: what is sent as `real` would be
/// taken for a patient's.
pub async fn ensure_simulated(http: Option<Api>) -> anyhow::Result<()> {
    const ADVICE: &str = "invented patients must not enter it as real ones: use `--mode test`, or a gateway started by `vitalgate demo`";
    let api =
        http.with_context(|| format!("no http address to ask whether it is a demo; {ADVICE}"))?;
    let (_, is_simulated) = spawn_blocking(move || api.readiness())
        .await
        .context("the task that asks the gateway failed")?
        .context("cannot ask the gateway whether its store is simulated")?;
    anyhow::ensure!(is_simulated, "the gateway's store is not marked as simulated; {ADVICE}");
    Ok(())
}

impl Api {
    /// For the gateway at `base`, such as `http://127.0.0.1:8080`.
    pub fn new(base: &str, token: Option<String>) -> Self {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(TIMEOUT))
            .build();
        Self { agent: config.into(), base: base.trim_end_matches('/').to_owned(), token }
    }

    /// Whether the gateway is ready, and whether its store is marked as simulated.
    pub fn readiness(&self) -> Result<(bool, bool), ApiError> {
        let (status, body) = self.send("GET", "/readyz", None)?;
        Ok((status == 200, body["simulated"] == Value::Bool(true)))
    }

    /// What the gateway says does not work as it should, one line each.
    pub fn degraded(&self) -> Result<Vec<String>, ApiError> {
        let (_, body) = self.send("GET", "/readyz", None)?;
        let lines = body["degraded"].as_array().map(Vec::as_slice).unwrap_or_default();
        Ok(lines.iter().filter_map(Value::as_str).map(str::to_owned).collect())
    }

    /// Makes or replaces things, in this order; that one is there already is no failure.
    pub fn put_in_place(&self, requests: &[Request]) -> Result<(), ApiError> {
        for Request { method, path, body } in requests {
            match self.send(method, path, Some(body.clone()))? {
                (200..=299 | 409, _) => {}
                (status, answer) => return Err(self.refused(path, status, &answer)),
            }
        }
        Ok(())
    }

    /// Every stored sample of a device's signal in `from..to`, oldest first.
    pub fn samples(
        &self,
        device: &str,
        signal: &str,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<Sample>, ApiError> {
        let path = format!("/api/v1/devices/{device}/series?signal={signal}&from={from}&to={to}");
        let mut found = Vec::new();
        self.pages(&path, |item| {
            // What was said in place of a number is none.
            if item.get("value").is_none() {
                return Some(());
            }
            let at: Timestamp = item["at"].as_str()?.parse().ok()?;
            found.push(Sample { at_us: at.as_microsecond(), value: item["value"].as_f64() });
            Some(())
        })?;
        Ok(found)
    }

    /// The ids of all alarms of limit and event rules, open and closed. Technical alarms are left
    /// out: a restart may make some of its own.
    pub fn physiological_alarms(&self) -> Result<BTreeSet<String>, ApiError> {
        let mut found = BTreeSet::new();
        for path in ["/api/v1/alarms", "/api/v1/alarms?state=closed"] {
            self.pages(path, |alarm| {
                if alarm["kind"].as_str()? == "physiological" {
                    found.insert(alarm["id"].as_str()?.to_owned());
                }
                Some(())
            })?;
        }
        Ok(found)
    }

    /// Gives every item of a paged list to `take`, which says `None` to a shape it cannot read.
    fn pages(
        &self,
        path: &str,
        mut take: impl FnMut(&Value) -> Option<()>,
    ) -> Result<(), ApiError> {
        let mut next = path.to_owned();
        loop {
            let (status, page) = self.send("GET", &next, None)?;
            if status != 200 {
                return Err(self.refused(&next, status, &page));
            }
            let shape = |what| ApiError::Shape { url: self.url(&next), what };
            let items = page["items"].as_array().ok_or_else(|| shape("items"))?;
            for item in items {
                take(item).ok_or_else(|| shape("the fields of an item"))?;
            }
            let Some(cursor) = page["next"].as_str() else { return Ok(()) };
            let joint = if path.contains('?') { '&' } else { '?' };
            next = format!("{path}{joint}cursor={cursor}");
        }
    }

    fn send(
        &self,
        method: &'static str,
        path: &str,
        body: Option<Value>,
    ) -> Result<(u16, Value), ApiError> {
        let url = self.url(path);
        let failed = |source| ApiError::Unreachable { url: url.clone(), source: Box::new(source) };
        let mut request = ureq::http::Request::builder().method(method).uri(&url);
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let response = match body {
            Some(body) => request
                .header("content-type", "application/json")
                .body(body.to_string())
                .map_err(ureq::Error::from)
                .and_then(|request| self.agent.run(request)),
            None => request
                .body(())
                .map_err(ureq::Error::from)
                .and_then(|request| self.agent.run(request)),
        };
        let mut response = response.map_err(failed)?;
        let text = response.body_mut().with_config().limit(MAX_ANSWER).read_to_string();
        let text = text.map_err(failed)?;
        let answer = serde_json::from_str(&text).unwrap_or(Value::String(text));
        Ok((response.status().as_u16(), answer))
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    fn refused(&self, path: &str, status: u16, answer: &Value) -> ApiError {
        let detail = answer["detail"].as_str().or(answer.as_str()).unwrap_or("no reason given");
        ApiError::Refused { url: self.url(path), status, detail: detail.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Read, Write};
    use std::net::TcpListener;
    use std::thread;

    use serde_json::json;

    use super::*;

    /// Gives the answers one after the other; what was asked, when all are given.
    fn serve(answers: Vec<(u16, Value)>) -> (Api, thread::JoinHandle<Vec<String>>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let api = Api::new(&format!("http://{}/", listener.local_addr().unwrap()), None);
        let server = thread::spawn(move || {
            let mut asked = Vec::new();
            for (status, body) in answers {
                let (mut stream, _) = listener.accept().unwrap();
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                let mut head = Vec::new();
                let mut length = 0;
                loop {
                    let mut line = String::new();
                    reader.read_line(&mut line).unwrap();
                    if line.trim().is_empty() {
                        break;
                    }
                    if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
                        length = value.trim().parse().unwrap();
                    }
                    head.push(line);
                }
                let mut sent = vec![0; length];
                reader.read_exact(&mut sent).unwrap();
                let request = head[0].trim_end_matches(" HTTP/1.1\r\n").to_owned();
                asked.push(format!("{request} {}", String::from_utf8(sent).unwrap()));
                let body = body.to_string();
                let answer = format!(
                    "HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                    body.len()
                );
                stream.write_all(answer.as_bytes()).unwrap();
            }
            asked
        });
        (api, server)
    }

    #[test]
    fn readiness_and_simulation_are_two_things() {
        for (status, body, expected) in [
            (200, json!({ "simulated": true }), (true, true)),
            (200, json!({ "simulated": false }), (true, false)),
            (200, json!({}), (true, false)),
            (503, json!({ "simulated": true }), (false, true)),
        ] {
            let (api, server) = serve(vec![(status, body)]);
            assert_eq!(api.readiness().unwrap(), expected);
            assert_eq!(server.join().unwrap(), ["GET /readyz "]);
        }
    }

    #[test]
    fn samples_are_read_page_by_page() {
        let item = |at: &str, value| json!({ "at": at, "value": value, "unit": "/min" });
        let (api, server) = serve(vec![
            (200, json!({ "items": [item("1970-01-01T00:00:01Z", 61.5)], "next": "7.1" })),
            (200, json!({ "items": [item("1970-01-01T00:00:02.000001Z", 62.0)], "next": null })),
        ]);
        let (from, to) = (Timestamp::UNIX_EPOCH, Timestamp::from_second(9).unwrap());
        let found = api.samples("d", "heart_rate", from, to).unwrap();
        let expected = [(1_000_000, 61.5), (2_000_001, 62.0)]
            .map(|(at_us, value)| Sample { at_us, value: Some(value) });
        assert_eq!(found, expected);
        let asked = server.join().unwrap();
        let query = "GET /api/v1/devices/d/series?signal=heart_rate&from=1970-01-01T00:00:00Z&to=1970-01-01T00:00:09Z";
        assert_eq!(asked, [format!("{query} "), format!("{query}&cursor=7.1 ")]);
    }

    #[test]
    fn open_and_closed_alarms_count_technical_ones_do_not() {
        let alarm = |id: &str, kind: &str| json!({ "id": id, "kind": kind });
        let open = [alarm("a", "physiological"), alarm("b", "technical")];
        let closed = [alarm("c", "physiological"), alarm("a", "physiological")];
        let (api, server) = serve(vec![
            (200, json!({ "items": open, "next": null })),
            (200, json!({ "items": closed, "next": null })),
        ]);
        let expected = BTreeSet::from(["a".to_owned(), "c".to_owned()]);
        assert_eq!(api.physiological_alarms().unwrap(), expected);
        server.join().unwrap();
    }

    #[test]
    fn what_is_there_already_is_no_failure_and_a_refusal_keeps_its_words() {
        let (api, server) = serve(vec![
            (201, json!({})),
            (409, json!({})),
            (403, json!({ "detail": "viewers may not" })),
        ]);
        let ward = Request::post("/api/v1/wards", json!({ "id": "w" }));
        api.put_in_place(&[ward.clone(), ward]).unwrap();
        let other = Request::put("/x", json!({ "id": "w" }));
        let error = api.put_in_place(&[other]).unwrap_err().to_string();
        assert!(error.ends_with("/x answered 403: viewers may not"), "{error}");
        let post = "POST /api/v1/wards {\"id\":\"w\"}";
        assert_eq!(server.join().unwrap(), [post, post, "PUT /x {\"id\":\"w\"}"]);
    }
}
