//! Signatures as Standard Webhooks (version 1) defines them: HMAC-SHA256 over id, time and body.

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use data_encoding::BASE64;
use ring::hmac;

use crate::config::WebhookSecret;

const ID: HeaderName = HeaderName::from_static("webhook-id");
const TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
const SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");

/// Signs with each secret, so that one may be changed on both sides without a gap.
#[derive(Debug)]
pub(super) struct Signer(Vec<hmac::Key>);

impl Signer {
    pub(super) fn new(secrets: &[WebhookSecret]) -> Self {
        let key = |secret: &WebhookSecret| hmac::Key::new(hmac::HMAC_SHA256, secret.bytes());
        Self(secrets.iter().map(key).collect())
    }

    /// The headers of a message: `id` stays the same however often it is sent, `second` (of Unix time) is when.
    pub(super) fn headers(&self, id: &str, second: i64, body: &[u8]) -> HeaderMap {
        let signed = [format!("{id}.{second}.").as_bytes(), body].concat();
        let tag = |key| format!("v1,{}", BASE64.encode(hmac::sign(key, &signed).as_ref()));
        let tags = self.0.iter().map(tag).collect::<Vec<_>>().join(" ");
        let all = [(ID, id), (TIMESTAMP, &*second.to_string()), (SIGNATURE, &*tags)];
        let value =
            |(name, text): (HeaderName, &str)| Some((name, HeaderValue::from_str(text).ok()?));
        all.into_iter().filter_map(value).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification's own libraries.
    #[test]
    fn a_message_is_signed_with_every_secret() {
        let secret = WebhookSecret::of("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let signer = Signer::new(&[secret.clone(), secret]);
        let body = br#"{"test": 2432232314}"#;
        let headers = signer.headers("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, body);
        let tag = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
        assert_eq!(headers[SIGNATURE], format!("{tag} {tag}"));
        assert_eq!(headers[TIMESTAMP], "1614265330");
        assert_eq!(headers[ID], "msg_p5jXN8AQM9LWM0D4loKWxJek");
    }
}
