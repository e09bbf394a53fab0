//! A query that a route does not know is refused, and so is a value that names nothing: an answer as if nothing had been
//! asked would read as if there was nothing else. The routes come from the router, and what each takes from its own words.

use std::collections::BTreeSet;

use super::fixture::Bench;
use super::rules::rules;
use super::ward::answered;
use crate::answers::PATH;
use crate::http::route::{Query, Route};
use crate::http::router::{at_the_door, for_operators, routes};
use vitalgate_domain::model::command::Outcome;

/// What stands behind the `?` of a route that reads it and names nothing, or is no value of that name.
const NOTHING: &[(&str, &str, u16)] = &[
    ("/alarms", "state=loud", 400),
    ("/alarms", "ward=nope", 404),
    ("/alarms", "patient=nope", 404),
    ("/alarms", "state=closed&patient=nope", 404),
    ("/alarms", "cursor=7", 400),
    ("/alarms", "limit=many", 400),
    ("/stream", "wards=icu,nope", 404),
    ("/stream", "wards=", 400),
    ("/patients", "ward=nope", 404),
    ("/patients", "discharged=maybe", 400),
    ("/patients", "cursor=a%20b", 400),
    ("/patients", "limit=many", 400),
    ("/patients/{id}/explain", "signal=hart", 422),
    ("/patients/{id}/series", "signal=hart", 422),
    ("/patients/{id}/series", "signal=heart_rate&instance=nope", 404),
    ("/patients/{id}/series", "signal=heart_rate&from=then", 400),
    ("/patients/{id}/series", "signal=heart_rate&to=then", 400),
    ("/patients/{id}/series", "signal=heart_rate&points=0", 400),
    ("/patients/{id}/series", "signal=heart_rate&points=3&limit=3", 400),
    ("/patients/{id}/series", "signal=heart_rate&cursor=nope", 400),
    ("/devices", "cursor=a%20b", 400),
    ("/devices", "limit=many", 400),
    ("/devices/{id}/series", "signal=hart", 422),
    ("/devices/{id}/series", "signal=heart_rate&instance=nope", 404),
    ("/devices/{id}/series", "signal=heart_rate&from=then", 400),
    ("/devices/{id}/series", "signal=heart_rate&to=then", 400),
    ("/devices/{id}/series", "signal=heart_rate&points=many", 400),
    ("/devices/{id}/series", "signal=heart_rate&limit=many", 400),
    ("/devices/{id}/series", "signal=heart_rate&points=3&cursor=nope", 400),
    ("/dead-letters", "device=nope", 404),
    ("/dead-letters", "cursor=last", 400),
    ("/dead-letters", "limit=many", 400),
    ("/audit", "cursor=last", 400),
    ("/audit", "limit=many", 400),
];

/// Every route, with a path and a body that it would take.
fn every_route() -> Vec<(Route, String, &'static str)> {
    let rules = rules();
    let of_api = routes().into_iter().map(|route| {
        let rule =
            rules.iter().find(|r| (r.method, r.route) == (route.method.as_str(), route.path));
        let (path, body) = rule.unwrap().here;
        (route, format!("/api/v1{}", path.split('?').next().unwrap()), body)
    });
    let others = at_the_door().into_iter().chain(for_operators());
    let others = others.map(|route| {
        let path = route.path.replace("{link}", "nope");
        assert!(!path.contains('{'), "{path}");
        (route, path, "{}")
    });
    of_api.chain(others).collect()
}

#[tokio::test]
async fn no_route_takes_a_query_that_it_does_not_know() {
    let mut bench = Bench::start().await;
    let done = bench.answer(|_| answered(Outcome::Done));
    let mut left_alone = BTreeSet::new();
    let routes = every_route();
    assert!(routes.len() > 70);
    for (route, path, body) in routes {
        let said = format!("{} {}", route.method, route.path);
        if route.query == Query::LeftAlone {
            left_alone.insert(route.path);
            continue;
        }
        for asked in ["nonsense=1", "nonsense", "nonsense=1&limit=1"] {
            let asked = format!("{path}?{asked}");
            let problem = bench.call(route.method.as_str(), &asked, &[], body).await.problem(400);
            let detail = problem["detail"].as_str().unwrap();
            assert!(detail.contains("`nonsense`"), "{said}: {detail}");
        }
    }
    assert!(done.lock().unwrap().is_empty(), "nothing was asked of the core");
    let link = format!("{PATH}{{link}}");
    assert_eq!(left_alone, BTreeSet::from([link.as_str(), "/api/v1/session/oidc/back"]));
    assert_eq!(bench.get("/api/v1/pauses?").await.status, 200, "nothing is asked");
}

#[tokio::test]
async fn what_names_nothing_is_refused_by_each_name_of_each_query() {
    let mut bench = Bench::start().await;
    bench.answer(|_| answered(Outcome::Done));
    let mut unknown: BTreeSet<&str> = NOTHING.iter().map(|(route, ..)| *route).collect();
    for (route, path, _) in every_route().iter().filter(|(r, ..)| r.query == Query::Read) {
        unknown.remove(route.path);
        let detail = bench.get(&format!("{path}?nonsense=1")).await.problem(400)["detail"].clone();
        let detail = detail.as_str().unwrap();
        let (_, known) = detail.split_once("expected ").unwrap_or_else(|| panic!("{detail}"));
        for name in known.split('`').skip(1).step_by(2) {
            let is_it =
                |asked: &str| asked.split('&').any(|one| one.split('=').next() == Some(name));
            let tried = NOTHING.iter().any(|(of, asked, _)| *of == route.path && is_it(asked));
            assert!(tried, "{}: nothing says what becomes of a wrong `{name}`", route.path);
        }
        for (_, asked, status) in NOTHING.iter().filter(|(of, ..)| *of == route.path) {
            bench.get(&format!("{path}?{asked}")).await.problem(*status);
        }
    }
    assert!(unknown.is_empty(), "{unknown:?}");
}
