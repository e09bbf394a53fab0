//! Whose data somebody looked at, for the audit: once an hour of each person and patient, and of the wards whose patients a
//! list or the stream shows.

use axum::extract::{Request, State};
use axum::http::Method;
use axum::middleware::Next;
use axum::response::Response;

use super::auth::{Proof, Who};
use super::state::{Ctx, Http};
use vitalgate_domain::model::command::PersonAct;
use vitalgate_domain::model::ids::{AlarmId, DeviceId, WardId};

/// What a path below `/api/v1` shows of patients.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Shows<'a> {
    Patient(&'a str),
    Alarm(&'a str),
    Device(&'a str),
    Ward(&'a str),
    /// Those of every ward that whoever asks may see.
    Wards,
    Nobody,
}

fn shows(path: &str) -> Shows<'_> {
    let mut parts = path.trim_start_matches('/').split('/');
    match (parts.next().unwrap_or_default(), parts.next(), parts.next()) {
        ("patients", Some(id), _) => Shows::Patient(id),
        ("alarms", Some(id), _) => Shows::Alarm(id),
        ("devices", Some(id), Some(_)) => Shows::Device(id),
        ("wards", Some(id), Some(_)) => Shows::Ward(id),
        ("patients" | "alarms" | "pauses" | "stream" | "beds", ..) => Shows::Wards,
        _ => Shows::Nobody,
    }
}

/// Notes what a person was shown. Programs with a token of the configuration are no persons.
pub(crate) async fn note(
    State(http): State<Ctx>,
    who: Who,
    request: Request,
    next: Next,
) -> Response {
    let reads = request.method() == Method::GET;
    let path = reads.then(|| request.uri().path().to_owned());
    let response = next.run(request).await;
    if let (Some(path), Proof::Person(_) | Proof::Vouched(_), true) =
        (path, &who.proof, response.status().is_success())
        && let Some((act, subject)) = subject(&http, &who, &path)
        && let Some(people) = http.app.auth.people()
    {
        people.looked(&who.name, act, subject, http.app.handles.clock.wall());
    }
    response
}

fn subject(http: &Http, who: &Who, path: &str) -> Option<(PersonAct, String)> {
    let board = http.board();
    let patient = |id: String| (PersonAct::SeePatient, id);
    Some(match shows(path) {
        Shows::Patient(id) => patient(id.to_owned()),
        Shows::Alarm(id) => {
            let id: AlarmId = id.parse().ok()?;
            let open = board.unconfirmed.get(&id).or_else(|| board.alarms.get(&id));
            match open {
                Some(alarm) => patient(alarm.patient.as_ref()?.to_string()),
                // Of a closed one the record knows whose it was.
                None => patient(format!("alarm/{id}")),
            }
        }
        Shows::Device(id) => {
            let device = board.devices.get(&id.parse::<DeviceId>().ok()?)?;
            match &device.patient {
                Some(bound) => patient(bound.to_string()),
                None => patient(format!("device/{id}")),
            }
        }
        Shows::Ward(id) => (PersonAct::SeeWards, id.to_owned()),
        Shows::Wards => {
            let own = who
                .scope
                .wards()
                .map(|own| own.iter().map(WardId::as_str).collect::<Vec<_>>().join(","));
            (PersonAct::SeeWards, own.unwrap_or_else(|| "*".to_owned()))
        }
        Shows::Nobody => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::router::routes;

    #[test]
    fn every_route_that_shows_patients_is_a_look_at_them() {
        let of_nobody = [
            "/devices",
            "/devices/{id}",
            "/wards",
            "/dead-letters",
            "/audit",
            "/tokens",
            "/duty",
            "/duty/plan",
            "/people",
            "/stations",
            "/push",
        ];
        for route in routes().into_iter().filter(|route| route.method == Method::GET) {
            let nobody = of_nobody.contains(&route.path);
            assert_eq!(shows(route.path) == Shows::Nobody, nobody, "{}", route.path);
        }
        assert_eq!(shows("/patients/p-1/series"), Shows::Patient("p-1"));
        assert_eq!(shows("/patients/p-1/explain"), Shows::Patient("p-1"));
        assert_eq!(shows("/wards/icu/latest"), Shows::Ward("icu"));
    }
}
