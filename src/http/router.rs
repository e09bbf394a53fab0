//! Every route, and the layers around all of them.

use axum::extract::{DefaultBodyLimit, Request};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::Response;
use axum::routing;
use axum::{Router, http::HeaderName};

use super::connection::Connection;
use super::error::Problem;
use super::extract::MAX_BODY;
use super::route::{Route, delete, get, mounted, patch, post, put};
use super::state::Ctx;
use super::{
    alarms, answer, assets, audit, auth, dead_letters, devices, duty, duty_plan, explain,
    hand_over, health, idempotency, limits, looks, oidc, origin, patients, pauses, people, push,
    series, session, stations, story, stream, tokens, unread, wards,
};

/// Scripts, styles and data come from this gateway only, and no other page may frame its page.
const CSP: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
    connect-src 'self'; manifest-src 'self'; worker-src 'self'; frame-ancestors 'none'; \
    base-uri 'none'; form-action 'self'; require-trusted-types-for 'script'";

/// A browser that was here with TLS does not come without it for a year.
const ONLY_TLS: &str = "max-age=31536000";

/// Every route of the API. Each handler asks for the right it needs; a test holds them to a table of who may what, where.
pub(crate) fn routes() -> Vec<Route> {
    vec![
        get("/alarms", alarms::list).reads_query(),
        post("/alarms/acknowledge", alarms::acknowledge_several),
        get("/alarms/{id}", story::get),
        post("/alarms/{id}/acknowledge", alarms::acknowledge),
        post("/alarms/{id}/unacknowledge", alarms::unacknowledge),
        post("/alarms/{id}/reset", alarms::reset),
        post("/alarms/{id}/accept", alarms::accept),
        post("/alarms/{id}/reject", alarms::reject),
        post("/alarms/{id}/release", alarms::release),
        post("/alarms/{id}/received", alarms::received),
        post("/alarms/{id}/pause", alarms::pause),
        post("/alarms/{id}/off", alarms::switch_off),
        post("/alarms/{id}/resume", alarms::resume),
        post("/alarms/{id}/comment", alarms::comment),
        get("/duty", duty::list),
        get("/duty/plan", duty_plan::get),
        put("/duty/plan", duty_plan::set),
        post("/duty/plan/check", duty_plan::check),
        post("/hand-over", hand_over::offer),
        post("/hand-over/take", hand_over::take),
        get("/pauses", pauses::list),
        post("/pauses", pauses::add),
        delete("/pauses/{id}", pauses::end),
        get("/stream", stream::open).reads_query(),
        get("/wards", wards::list),
        post("/wards", wards::add),
        get("/wards/{id}/latest", wards::latest),
        get("/beds", wards::beds),
        post("/beds", wards::add_bed),
        get("/patients", patients::list).reads_query(),
        post("/patients", patients::add),
        get("/patients/{id}", patients::get),
        patch("/patients/{id}", patients::change),
        post("/patients/{id}/admit", patients::admit),
        post("/patients/{id}/transfer", patients::transfer),
        post("/patients/{id}/discharge", patients::discharge),
        get("/patients/{id}/explain", explain::get).reads_query(),
        get("/patients/{id}/limits", limits::get),
        put("/patients/{id}/limits", limits::set),
        patch("/patients/{id}/limits", limits::change),
        get("/patients/{id}/series", series::of_patient).reads_query(),
        get("/devices", devices::list).reads_query(),
        post("/devices", devices::add),
        get("/devices/{id}", devices::get),
        patch("/devices/{id}", devices::change),
        get("/devices/{id}/series", series::of_device).reads_query(),
        get("/devices/{id}/binding", devices::binding),
        put("/devices/{id}/binding", devices::bind),
        patch("/devices/{id}/binding", devices::correct_binding),
        delete("/devices/{id}/binding", devices::unbind),
        get("/dead-letters", dead_letters::list).reads_query(),
        get("/audit", audit::list).reads_query(),
        get("/people", people::list),
        post("/people", people::add),
        patch("/people/{name}", people::alter),
        post("/people/{name}/link", people::link),
        get("/stations", stations::list),
        post("/stations", stations::add),
        post("/stations/{name}/link", stations::link),
        delete("/stations/{name}", stations::remove),
        get("/push", push::list),
        post("/push", push::turn_on),
        delete("/push/{id}", push::turn_off),
        get("/tokens", tokens::list),
        post("/tokens", tokens::add),
        delete("/tokens/{name}", tokens::revoke),
    ]
}

/// The routes of whoever is not signed in yet, and of what looks after the gateway; each looks for itself who comes.
pub(crate) fn at_the_door() -> Vec<Route> {
    let mut all = vec![get("/healthz", health::healthz), get("/readyz", health::readyz)];
    all.extend(session::routes());
    all.extend(stations::at_the_browser());
    all.extend(answer::routes());
    all.extend(oidc::routes());
    all
}

/// For whoever sees how the gateway does.
pub(crate) fn for_operators() -> Vec<Route> {
    vec![get("/metrics", health::metrics)]
}

/// All routes: the API, metrics, health and the page.
pub(crate) fn router(http: &Ctx) -> Router {
    let api = mounted(routes())
        .fallback(no_route)
        .method_not_allowed_fallback(no_method)
        .layer(from_fn_with_state(http.clone(), looks::note))
        .layer(from_fn_with_state(http.clone(), idempotency::replay))
        .layer(from_fn_with_state(http.clone(), auth::sign_in));
    let metrics = mounted(for_operators()).layer(from_fn_with_state(http.clone(), auth::sign_in));
    Router::new()
        .nest("/api/v1", api)
        .merge(mounted(at_the_door()))
        .merge(metrics)
        .fallback_service(routing::get(assets::serve))
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(from_fn_with_state(http.clone(), origin::same_site))
        .layer(from_fn(guard_headers))
        .layer(from_fn(unread::read_rest))
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
    let tls = request.extensions().get().is_some_and(|from: &Connection| from.tls);
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    let fixed: [(HeaderName, &str); 4] = [
        (header::CONTENT_SECURITY_POLICY, CSP),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if tls {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static(ONLY_TLS));
    }
    headers.entry(header::REFERRER_POLICY).or_insert(HeaderValue::from_static("no-referrer"));
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}
