//! `session/oidc`: a sign-in by way of the site's provider. Out of the page, to it, and back to the page; nowhere else.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::{Query, Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::auth;
use super::cookie;
use super::error::Problem;
use super::route::{Route, get};
use super::session::{asked_from, begun, changing, not_a_station, own_name, set};
use super::shut_out::shut_out;
use super::state::{Ctx, Http};
use crate::oidc::{NoSignIn, Provider, SIGN_IN_HOLDS};
use crate::people::Person;

/// The routes; whoever comes is not signed in yet. What a provider says beside its answer is its own.
pub(crate) fn routes() -> Vec<Route> {
    vec![
        get("/api/v1/session/oidc", begin),
        get("/api/v1/session/oidc/back", back).leaves_query_alone(),
    ]
}

#[derive(Deserialize)]
struct Back {
    code: Option<String>,
    state: Option<String>,
    error: Option<String>,
}

/// `GET session/oidc`: to the provider.
async fn begin(State(http): State<Ctx>, request: Request) -> Result<Response, Problem> {
    let provider = provider(&http)?;
    not_a_station(&http, &request)?;
    let site = request.headers().get(HeaderName::from_static("sec-fetch-site"));
    let own = site.is_none_or(|site| site == "same-origin" || site == "none");
    if !own || !cookie::is_private(&request) {
        let detail = "a sign-in begins at this gateway's own page, where nobody reads along";
        return Err(Problem::new(StatusCode::FORBIDDEN, detail));
    }
    let Some(begun) = provider.begin(http.app.handles.clock.wall()) else {
        return Err(Problem::busy("the provider is not known yet; try again", 5));
    };
    let kept = cookie::keep_while_away(&begun.browser, SIGN_IN_HOLDS);
    Ok((StatusCode::SEE_OTHER, set(kept), [(header::LOCATION, location(&begun.location)?)])
        .into_response())
}

/// `GET session/oidc/back`: from the provider. Whom it vouches for has an account here, and a session in this browser.
async fn back(State(http): State<Ctx>, request: Request) -> Result<Response, Problem> {
    let provider = provider(&http)?;
    not_a_station(&http, &request)?;
    let (people, at) = asked_from(&http, &request)?;
    let unread = |_| Problem::new(StatusCode::BAD_REQUEST, "the provider sent no answer");
    let Query(said) = Query::<Back>::try_from_uri(request.uri()).map_err(unread)?;
    let (Some(code), Some(state), None) = (said.code, said.state, said.error) else {
        let detail = "the provider did not let you in; begin again at the page";
        return Err(Problem::new(StatusCode::FORBIDDEN, detail));
    };
    let browser = cookie::away(&request).unwrap_or_default().to_owned();
    let clock = http.app.handles.clock.clone();
    let finished = provider.finish(&browser, &state, &code, || clock.wall()).await;
    let vouched = match finished {
        Ok(vouched) => vouched,
        Err(NoSignIn::Provider(error)) => {
            tracing::warn!(%error, "nobody signs in by way of the provider");
            return Err(Problem::busy("the provider did not answer; try again", 5));
        }
        Err(refused) => {
            if let NoSignIn::Nobody { subject, .. } = &refused {
                // What the provider said before is over everywhere.
                let subject = subject.clone();
                shut_out(Arc::clone(&people), move |book| {
                    book.no_more_vouched(&subject);
                    Ok(())
                })
                .await?;
            }
            auth::sign_in_failed(&http, None, "refused by way of the provider", &at.from);
            return Err(Problem::new(StatusCode::FORBIDDEN, refused.to_string()));
        }
    };
    own_name(&people, &vouched.name)?;
    let (book, name) = (Arc::clone(&people), vouched.name.clone());
    changing(move || {
        book.change_if_possible(move |book| {
            let to = Person::new(vouched.role, vouched.wards.clone(), BTreeSet::new())?;
            book.admit(&vouched.name, &vouched.subject, to)
        })
    })
    .await?;
    let (secret, _) = begun(&http, &people, name, &at).await?;
    let mut headers = set(cookie::keep(&secret, people.lasting().longest));
    headers.extend(cookie::forget_away().map(|line| (header::SET_COOKIE, line)));
    Ok((StatusCode::SEE_OTHER, headers, [(header::LOCATION, HeaderValue::from_static("/"))])
        .into_response())
}

fn provider(http: &Http) -> Result<Arc<Provider>, Problem> {
    let none = || Problem::new(StatusCode::NOT_FOUND, "nobody signs in by way of a provider here");
    http.app.auth.oidc().map(Arc::clone).ok_or_else(none)
}

fn location(to: &str) -> Result<HeaderValue, Problem> {
    HeaderValue::from_str(to).map_err(|_| Problem::busy("the provider has no address", 5))
}
