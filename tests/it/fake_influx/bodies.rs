//! Bodies of answers, good and bad.

use bytes::Bytes;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Full};
use hyper::Response;

pub(super) type Body = BoxBody<Bytes, Cut>;

pub(super) type Answered = Result<Response<Body>, Cut>;

/// The connection is closed without a word.
#[derive(Debug)]
pub(super) struct Cut;

impl std::fmt::Display for Cut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("cut")
    }
}

impl std::error::Error for Cut {}

/// Bytes and bytes.
#[derive(Debug)]
pub(super) struct Endless;

impl hyper::body::Body for Endless {
    type Data = Bytes;
    type Error = Cut;
    fn poll_frame(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<hyper::body::Frame<Bytes>, Cut>>> {
        let frame = hyper::body::Frame::data(Bytes::from_static(&[b'x'; 8_192]));
        std::task::Poll::Ready(Some(Ok(frame)))
    }
}

pub(super) fn whole(status: u16, kind: &str, body: impl Into<Bytes>) -> Response<Body> {
    let body = Full::new(body.into()).map_err(|never| match never {}).boxed();
    let mut answer = Response::new(body);
    *answer.status_mut() = hyper::StatusCode::from_u16(status).unwrap();
    answer.headers_mut().insert("content-type", kind.parse().unwrap());
    answer
}
