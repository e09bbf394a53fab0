//! Every route, and the layers around all of them.

use axum::extract::{DefaultBodyLimit, Request};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Router, http::HeaderName};

use super::error::Problem;
use super::extract::MAX_BODY;
use super::state::Ctx;
use super::{
    alarms, assets, audit, auth, dead_letters, devices, health, idempotency, limits, patients,
    series, stream, wards,
};

/// Scripts, styles and data come from this gateway only, and no other page may frame its page.
const CSP: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
    connect-src 'self'; manifest-src 'self'; worker-src 'self'; frame-ancestors 'none'; \
    base-uri 'none'; form-action 'self'; require-trusted-types-for 'script'";

/// All routes: the API, metrics, health and the page.
pub(crate) fn router(http: &Ctx) -> Router {
    let api = Router::new()
        .route("/alarms", get(alarms::list))
        .route("/alarms/acknowledge", post(alarms::acknowledge_several))
        .route("/alarms/{id}", get(alarms::get))
        .route("/alarms/{id}/acknowledge", post(alarms::acknowledge))
        .route("/alarms/{id}/unacknowledge", post(alarms::unacknowledge))
        .route("/alarms/{id}/reset", post(alarms::reset))
        .route("/stream", get(stream::open))
        .route("/wards", get(wards::list).post(wards::add))
        .route("/wards/{id}/latest", get(wards::latest))
        .route("/beds", get(wards::beds).post(wards::add_bed))
        .route("/patients", get(patients::list).post(patients::add))
        .route("/patients/{id}", get(patients::get).patch(patients::change))
        .route("/patients/{id}/admit", post(patients::admit))
        .route("/patients/{id}/transfer", post(patients::transfer))
        .route("/patients/{id}/discharge", post(patients::discharge))
        .route("/patients/{id}/limits", get(limits::get).put(limits::set).patch(limits::change))
        .route("/patients/{id}/series", get(series::of_patient))
        .route("/devices", get(devices::list).post(devices::add))
        .route("/devices/{id}", get(devices::get).patch(devices::change))
        .route("/devices/{id}/series", get(series::of_device))
        .route(
            "/devices/{id}/binding",
            get(devices::binding)
                .put(devices::bind)
                .patch(devices::correct_binding)
                .delete(devices::unbind),
        )
        .route("/dead-letters", get(dead_letters::list))
        .route("/audit", get(audit::list))
        .fallback(no_route)
        .method_not_allowed_fallback(no_method)
        .layer(from_fn_with_state(http.clone(), idempotency::replay))
        .layer(from_fn_with_state(http.clone(), auth::sign_in));
    let metrics = Router::new()
        .route("/metrics", get(health::metrics))
        .layer(from_fn_with_state(http.clone(), auth::sign_in));
    Router::new()
        .nest("/api/v1", api)
        .merge(metrics)
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .fallback_service(get(assets::serve))
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(from_fn_with_state(http.clone(), auth::same_site))
        .layer(from_fn(guard_headers))
        .with_state(http.clone())
}

async fn no_route(request: Request) -> Problem {
    Problem::missing("route", &request.uri().path())
}

async fn no_method(request: Request) -> Problem {
    let detail = format!("{} is not for this route", request.method());
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, detail)
}

/// Sets security headers on every answer. No cache may store data.
async fn guard_headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    let fixed: [(HeaderName, &str); 5] = [
        (header::CONTENT_SECURITY_POLICY, CSP),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}
