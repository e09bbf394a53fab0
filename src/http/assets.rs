//! The page, embedded from `web/`; a debug build reads it from the source tree.

use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use data_encoding::HEXLOWER;
use rust_embed::Embed;

use super::error::Problem;

#[derive(Embed)]
#[folder = "web/"]
struct Web;

/// Whatever is not the API: a file of the page.
pub(crate) async fn serve(uri: Uri, headers: HeaderMap) -> Response {
    let path = match uri.path().trim_start_matches('/') {
        "" => "index.html",
        path => path,
    };
    let Some(file) = Web::get(path) else {
        return Problem::missing("page", &uri.path()).into_response();
    };
    let tag = format!("\"{}\"", HEXLOWER.encode(&file.metadata.sha256_hash()[..16]));
    if headers.get(header::IF_NONE_MATCH).is_some_and(|seen| seen.as_bytes() == tag.as_bytes()) {
        return (StatusCode::NOT_MODIFIED, [(header::ETAG, tag)]).into_response();
    }
    // Every file is asked for again each time: one with an old name must not outlive an upgrade.
    let fixed = [
        (header::CONTENT_TYPE, HeaderValue::from_static(content_type(path))),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
    ];
    (fixed, [(header::ETAG, tag)], file.data).into_response()
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("json") => "application/json",
        Some("webmanifest") => "application/manifest+json",
        _ => "text/plain; charset=utf-8",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_that_the_page_loads_has_a_type() {
        let plain = |path: &str| content_type(path).starts_with("text/plain");
        for path in Web::iter().filter(|path| plain(path)) {
            let read_by_people = [".md", ".txt", ".d.ts"].iter().any(|end| path.ends_with(end));
            assert!(read_by_people, "{path} would be served as plain text");
        }
    }

    #[test]
    fn what_the_manifest_names_is_there_and_of_the_type_it_says() {
        let manifest = Web::get("manifest.webmanifest").unwrap();
        let manifest: serde_json::Value = serde_json::from_slice(&manifest.data).unwrap();
        let icons = manifest["icons"].as_array().unwrap();
        assert!(icons.iter().any(|icon| icon["purpose"] == "maskable"));
        for icon in icons {
            let path = icon["src"].as_str().unwrap();
            assert!(Web::get(path).is_some(), "{path}");
            assert_eq!(icon["type"], content_type(path));
        }
    }
}
