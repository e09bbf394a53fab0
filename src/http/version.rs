//! Versions as entity tags: `ETag` of what is read, `If-Match` of what is to be changed.

use std::fmt::Display;
use std::str::FromStr;

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};

use super::error::Problem;

/// A version as a strong entity tag.
pub(crate) fn etag(version: impl Display) -> HeaderValue {
    HeaderValue::from_str(&format!("\"{version}\""))
        .unwrap_or_else(|_| HeaderValue::from_static("\"\""))
}

/// The version in `If-Match` of what is to be changed; none, or `*`, changes whatever is there.
pub(crate) fn version_seen<T: FromStr>(
    headers: &HeaderMap,
    what: &str,
) -> Result<Option<T>, Problem> {
    let Some(tag) = headers.get(header::IF_MATCH) else { return Ok(None) };
    let text = tag.to_str().unwrap_or_default();
    if text == "*" {
        return Ok(None);
    }
    let version = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
    version.and_then(|version| version.parse().ok()).map(Some).ok_or_else(|| {
        let detail =
            format!("`If-Match` must be the `ETag` of {what}, with its quotation marks, or `*`");
        Problem::new(StatusCode::BAD_REQUEST, detail)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_read_is_named_as_it_was_given() {
        let seen = |tag: &str| {
            let headers = HeaderMap::from_iter([(header::IF_MATCH, tag.parse().unwrap())]);
            let number = version_seen::<u64>(&headers, "it").ok();
            (number, version_seen::<String>(&headers, "it").ok())
        };
        assert_eq!(version_seen::<u64>(&HeaderMap::new(), "it").unwrap(), None);
        assert_eq!(seen("*"), (Some(None), Some(None)));
        assert_eq!(seen(etag(3).to_str().unwrap()), (Some(Some(3)), Some(Some("3".to_owned()))));
        assert_eq!(seen("\"a1\""), (None, Some(Some("a1".to_owned()))));
        for bad in ["3", "\"3", "W/\"3\"", ""] {
            assert_eq!(seen(bad), (None, None), "{bad}");
        }
    }
}
