//! A route: its method, its path, and what may stand behind the `?`.
//!
//! A query that is not known is refused wherever it comes: an answer as if nothing had been asked would read as if there
//! was nothing else. So a route takes none unless it says so.

use axum::Router;
use axum::extract::Request;
use axum::handler::Handler;
use axum::http::{Method, StatusCode};
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use axum::routing::{self, MethodRouter};

use super::error::Problem;
use super::state::Ctx;

/// A route of the gateway.
pub(crate) struct Route {
    /// `GET`, `POST`, …
    #[cfg_attr(not(test), expect(dead_code, reason = "the table of who may what goes by it"))]
    pub(crate) method: Method,
    /// Below where it is mounted.
    pub(crate) path: &'static str,
    /// What becomes of a query.
    pub(crate) query: Query,
    serve: MethodRouter<Ctx>,
}

/// What becomes of what stands behind the `?`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Query {
    /// There is none to ask, and any is refused.
    None,
    /// The handler takes it as [`Params`](super::extract::Params), of a type that denies unknown fields.
    Read,
    /// Others put there what they like, and the answer is of one thing alone, whatever it is.
    LeftAlone,
}

impl Route {
    /// The handler reads the query.
    pub(crate) fn reads_query(self) -> Self {
        Self { query: Query::Read, ..self }
    }

    /// Whatever stands there is somebody else's.
    pub(crate) fn leaves_query_alone(self) -> Self {
        Self { query: Query::LeftAlone, ..self }
    }
}

/// `GET` of a path.
pub(crate) fn get<T: 'static>(path: &'static str, handler: impl Handler<T, Ctx>) -> Route {
    Route { method: Method::GET, path, query: Query::None, serve: routing::get(handler) }
}

/// `POST` to it.
pub(crate) fn post<T: 'static>(path: &'static str, handler: impl Handler<T, Ctx>) -> Route {
    Route { method: Method::POST, path, query: Query::None, serve: routing::post(handler) }
}

/// `PUT` of it.
pub(crate) fn put<T: 'static>(path: &'static str, handler: impl Handler<T, Ctx>) -> Route {
    Route { method: Method::PUT, path, query: Query::None, serve: routing::put(handler) }
}

/// `PATCH` of it.
pub(crate) fn patch<T: 'static>(path: &'static str, handler: impl Handler<T, Ctx>) -> Route {
    Route { method: Method::PATCH, path, query: Query::None, serve: routing::patch(handler) }
}

/// `DELETE` of it.
pub(crate) fn delete<T: 'static>(path: &'static str, handler: impl Handler<T, Ctx>) -> Route {
    Route { method: Method::DELETE, path, query: Query::None, serve: routing::delete(handler) }
}

/// A router of these.
pub(crate) fn mounted(routes: Vec<Route>) -> Router<Ctx> {
    routes.into_iter().fold(Router::new(), |router, Route { path, query, serve, .. }| {
        let serve = match query {
            Query::None => serve.route_layer(from_fn(takes_none)),
            Query::Read | Query::LeftAlone => serve,
        };
        router.route(path, serve)
    })
}

async fn takes_none(request: Request, next: Next) -> Result<Response, Problem> {
    let asked = request.uri().query().unwrap_or_default();
    let Some(first) = asked.split('&').find(|part| !part.is_empty()) else {
        return Ok(next.run(request).await);
    };
    let name: String = first.split('=').next().unwrap_or_default().chars().take(80).collect();
    let detail = format!("`{name}` is not known here: this route takes no query");
    Err(Problem::new(StatusCode::BAD_REQUEST, detail))
}
