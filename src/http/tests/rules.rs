//! One rule for each route: what it is asked, who may, and what whoever is bound to another ward is answered.

/// What a route is asked by everybody.
pub(super) struct Rule {
    pub(super) method: &'static str,
    /// As the router has it.
    pub(super) route: &'static str,
    /// A request about ward `icu`: path and body.
    pub(super) here: (&'static str, &'static str),
    /// Whether viewer, clinician, ward-admin, ops and admin may.
    pub(super) may: [bool; 5],
    /// A request about ward `west`, and what is answered to whoever may, and is bound to `icu`.
    pub(super) elsewhere: (&'static str, &'static str, u16),
}

const BEDSIDE: [bool; 5] = [true, true, true, false, false];
const CLINICIAN: [bool; 5] = [false, true, true, false, false];
const OPS: [bool; 5] = [false, false, false, true, true];
const NOT_VIEWERS: [bool; 5] = [false, true, true, true, true];
const EVERYBODY: [bool; 5] = [true; 5];
/// Whoever looks after people, and is no program.
pub(super) const CARERS: [bool; 5] = [false, false, true, false, true];
/// Whoever is signed in by name, whatever they may.
const NO_TOKEN: [bool; 5] = [false; 5];
const SEEN: &str = r#"{"seq":1}"#;
/// That of RFC 8291's example, at a push service that is known.
const BROWSER: &str = r#"{"endpoint":"https://push.example/a","keys":{"auth":"BTBZMqHH6r4Tts7J_aSIgg","p256dh":
"BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"}}"#;
const PLAN: &str = r#"{"text":"","nobody_for":["ward/icu","ward/west"]}"#;
const PAUSE: &str = r#"{"patient":"p-1","reason":"r","until":"2026-11-18T12:00:00Z"}"#;

/// Of the gateway as a whole: whoever is bound to wards may not.
pub(super) const GATEWAY: u16 = 0;

pub(super) fn rules() -> Vec<Rule> {
    let rule = |method, route, here, may, elsewhere| Rule { method, route, here, may, elsewhere };
    let several = r#"{"alarms":[{"id":"A1","seq":1}]}"#;
    let several_elsewhere = r#"{"alarms":[{"id":"A3","seq":3},{"id":"G1","seq":4}]}"#;
    let admit = r#"{"age_class":"adult","bed":"icu-1"}"#;
    let reason = r#"{"patient":null,"reason":"r"}"#;
    vec![
        rule("GET", "/alarms", ("/alarms", ""), BEDSIDE, ("/alarms?ward=west", "", 403)),
        rule("GET", "/alarms/{id}", ("/alarms/A1", ""), BEDSIDE, ("/alarms/A3", "", 404)),
        rule(
            "POST",
            "/alarms/{id}/acknowledge",
            ("/alarms/A1/acknowledge", SEEN),
            CLINICIAN,
            ("/alarms/A3/acknowledge", SEEN, 404),
        ),
        rule(
            "POST",
            "/alarms/{id}/unacknowledge",
            ("/alarms/A1/unacknowledge", SEEN),
            CLINICIAN,
            ("/alarms/G1/unacknowledge", SEEN, 403),
        ),
        rule(
            "POST",
            "/alarms/{id}/reset",
            ("/alarms/A1/reset", SEEN),
            CLINICIAN,
            ("/alarms/A3/reset", SEEN, 404),
        ),
        rule(
            "POST",
            "/alarms/{id}/pause",
            ("/alarms/A1/pause", SEEN),
            CLINICIAN,
            ("/alarms/A3/pause", SEEN, 404),
        ),
        rule(
            "POST",
            "/alarms/{id}/off",
            ("/alarms/A1/off", SEEN),
            CLINICIAN,
            ("/alarms/A3/off", SEEN, 404),
        ),
        rule(
            "POST",
            "/alarms/{id}/resume",
            ("/alarms/A1/resume", SEEN),
            CLINICIAN,
            ("/alarms/G1/resume", SEEN, 403),
        ),
        rule(
            "POST",
            "/alarms/{id}/comment",
            ("/alarms/A1/comment", r#"{"seq":1,"text":"t"}"#),
            CLINICIAN,
            ("/alarms/A3/comment", r#"{"seq":1,"text":"t"}"#, 404),
        ),
        rule(
            "POST",
            "/alarms/{id}/accept",
            ("/alarms/A1/accept", SEEN),
            CLINICIAN,
            ("/alarms/A3/accept", SEEN, 404),
        ),
        rule(
            "POST",
            "/alarms/{id}/reject",
            ("/alarms/A1/reject", SEEN),
            CLINICIAN,
            ("/alarms/A3/reject", SEEN, 404),
        ),
        rule(
            "POST",
            "/alarms/{id}/release",
            ("/alarms/A1/release", SEEN),
            CLINICIAN,
            ("/alarms/A3/release", SEEN, 404),
        ),
        rule(
            "POST",
            "/alarms/{id}/received",
            ("/alarms/A1/received", SEEN),
            CLINICIAN,
            ("/alarms/A3/received", SEEN, 404),
        ),
        rule(
            "POST",
            "/hand-over",
            ("/hand-over", r#"{"to":"c"}"#),
            CLINICIAN,
            ("/alarms/A3/release", SEEN, 404),
        ),
        rule(
            "POST",
            "/hand-over/take",
            ("/hand-over/take", r#"{"from":"n","alarms":[{"id":"A1","seq":1}]}"#),
            CLINICIAN,
            ("/hand-over/take", r#"{"from":"n","alarms":[{"id":"A3","seq":1}]}"#, 404),
        ),
        rule("GET", "/duty", ("/duty", ""), EVERYBODY, ("/wards/west/latest", "", 404)),
        rule("GET", "/duty/plan", ("/duty/plan", ""), CARERS, ("", "", GATEWAY)),
        rule("PUT", "/duty/plan", ("/duty/plan", PLAN), CARERS, ("", "", GATEWAY)),
        rule("POST", "/duty/plan/check", ("/duty/plan/check", PLAN), CARERS, ("", "", GATEWAY)),
        rule("GET", "/pauses", ("/pauses", ""), BEDSIDE, ("/wards/west/latest", "", 404)),
        rule(
            "POST",
            "/pauses",
            ("/pauses", PAUSE),
            CLINICIAN,
            ("/pauses", r#"{"patient":"p-3","reason":"r","until":"2026-11-18T12:00:00Z"}"#, 404),
        ),
        rule("DELETE", "/pauses/{id}", ("/pauses/7", ""), CLINICIAN, ("/pauses/8", "", 404)),
        rule(
            "POST",
            "/alarms/acknowledge",
            ("/alarms/acknowledge", several),
            CLINICIAN,
            ("/alarms/acknowledge", several_elsewhere, 200),
        ),
        rule("GET", "/stream", ("/stream", ""), BEDSIDE, ("/stream?wards=icu,west", "", 403)),
        rule("GET", "/wards", ("/wards", ""), BEDSIDE, ("/wards/west/latest", "", 404)),
        rule("POST", "/wards", ("/wards", r#"{"id":"w"}"#), CLINICIAN, ("", "", GATEWAY)),
        rule(
            "GET",
            "/wards/{id}/latest",
            ("/wards/icu/latest", ""),
            BEDSIDE,
            ("/wards/west/latest", "", 404),
        ),
        rule("GET", "/beds", ("/beds", ""), BEDSIDE, ("/wards/west/latest", "", 404)),
        rule(
            "POST",
            "/beds",
            ("/beds", r#"{"id":"b","ward":"icu"}"#),
            CLINICIAN,
            ("/beds", r#"{"id":"west-1","ward":"icu"}"#, 403),
        ),
        rule("GET", "/patients", ("/patients", ""), BEDSIDE, ("/patients?ward=west", "", 403)),
        rule(
            "POST",
            "/patients",
            ("/patients", r#"{"id":"p","age_class":"adult","bed":"icu-2"}"#),
            CLINICIAN,
            ("/patients", r#"{"id":"p","age_class":"adult","bed":"west-1"}"#, 403),
        ),
        rule("GET", "/patients/{id}", ("/patients/p-1", ""), BEDSIDE, ("/patients/p-3", "", 404)),
        rule(
            "PATCH",
            "/patients/{id}",
            ("/patients/p-1", "{}"),
            CLINICIAN,
            ("/patients/p-3", "{}", 404),
        ),
        rule(
            "POST",
            "/patients/{id}/admit",
            ("/patients/p-1/admit", admit),
            CLINICIAN,
            ("/patients/p-3/admit", admit, 403),
        ),
        rule(
            "POST",
            "/patients/{id}/transfer",
            ("/patients/p-1/transfer", r#"{"bed":"icu-2"}"#),
            CLINICIAN,
            ("/patients/p-3/transfer", r#"{"bed":"icu-2"}"#, 404),
        ),
        rule(
            "POST",
            "/patients/{id}/discharge",
            ("/patients/p-1/discharge", "{}"),
            CLINICIAN,
            ("/patients/p-3/discharge", "{}", 404),
        ),
        rule(
            "GET",
            "/patients/{id}/explain",
            ("/patients/p-1/explain", ""),
            BEDSIDE,
            ("/patients/p-3/explain", "", 404),
        ),
        rule(
            "GET",
            "/patients/{id}/limits",
            ("/patients/p-1/limits", ""),
            BEDSIDE,
            ("/patients/p-3/limits", "", 404),
        ),
        rule(
            "PUT",
            "/patients/{id}/limits",
            ("/patients/p-1/limits", r#"{"limits":[]}"#),
            CLINICIAN,
            ("/patients/p-3/limits", r#"{"limits":[]}"#, 404),
        ),
        rule(
            "PATCH",
            "/patients/{id}/limits",
            ("/patients/p-1/limits", r#"{"signal":"spo2","limits":[]}"#),
            CLINICIAN,
            ("/patients/p-3/limits", r#"{"signal":"spo2","limits":[]}"#, 404),
        ),
        rule(
            "GET",
            "/patients/{id}/series",
            ("/patients/p-1/series?signal=heart_rate", ""),
            BEDSIDE,
            ("/patients/p-3/series?signal=heart_rate", "", 404),
        ),
        rule("GET", "/devices", ("/devices", ""), EVERYBODY, ("/devices/dev-3", "", 404)),
        rule("POST", "/devices", ("/devices", r#"{"id":"d","class":"c"}"#), OPS, ("", "", GATEWAY)),
        rule(
            "GET",
            "/devices/{id}",
            ("/devices/dev-1", ""),
            EVERYBODY,
            ("/devices/dev-3", "", 404),
        ),
        rule(
            "PATCH",
            "/devices/{id}",
            ("/devices/dev-1", "{}"),
            NOT_VIEWERS,
            ("/devices/dev-3", "{}", 404),
        ),
        rule(
            "GET",
            "/devices/{id}/series",
            ("/devices/dev-1/series?signal=heart_rate", ""),
            BEDSIDE,
            ("/devices/dev-3/series?signal=heart_rate", "", 404),
        ),
        rule(
            "GET",
            "/devices/{id}/binding",
            ("/devices/dev-1/binding", ""),
            BEDSIDE,
            ("/devices/dev-3/binding", "", 404),
        ),
        rule(
            "PUT",
            "/devices/{id}/binding",
            ("/devices/free-1/binding", r#"{"patient":"p-1"}"#),
            CLINICIAN,
            ("/devices/dev-3/binding", r#"{"patient":"p-1"}"#, 404),
        ),
        rule(
            "PATCH",
            "/devices/{id}/binding",
            ("/devices/dev-1/binding", reason),
            CLINICIAN,
            ("/devices/dev-3/binding", reason, 404),
        ),
        rule(
            "DELETE",
            "/devices/{id}/binding",
            ("/devices/dev-1/binding", ""),
            CLINICIAN,
            ("/devices/dev-3/binding", "", 404),
        ),
        rule("GET", "/dead-letters", ("/dead-letters", ""), NOT_VIEWERS, ("", "", GATEWAY)),
        rule("GET", "/audit", ("/audit", ""), OPS, ("", "", GATEWAY)),
        rule("GET", "/people", ("/people", ""), CARERS, ("/people", "", 403)),
        rule(
            "POST",
            "/people",
            ("/people", r#"{"name":"new-{n}","role":"viewer","wards":["icu"]}"#),
            CARERS,
            ("/people", r#"{"name":"new-{n}","role":"viewer","wards":["west"]}"#, 403),
        ),
        rule(
            "PATCH",
            "/people/{name}",
            ("/people/near", r#"{"role":"viewer"}"#),
            CARERS,
            ("/people/far", r#"{"role":"viewer"}"#, 404),
        ),
        rule(
            "POST",
            "/people/{name}/link",
            ("/people/near/link", "{}"),
            CARERS,
            ("/people/far/link", "{}", 404),
        ),
        rule("GET", "/stations", ("/stations", ""), CARERS, ("/stations", "", 403)),
        rule(
            "POST",
            "/stations",
            ("/stations", r#"{"name":"new-{n}","wards":["icu"]}"#),
            CARERS,
            ("/stations", r#"{"name":"new-{n}","wards":["west"]}"#, 403),
        ),
        rule(
            "POST",
            "/stations/{name}/link",
            ("/stations/near/link", "{}"),
            CARERS,
            ("/stations/far/link", "{}", 404),
        ),
        rule(
            "DELETE",
            "/stations/{name}",
            ("/stations/near", ""),
            CARERS,
            ("/stations/far", "", 404),
        ),
        rule("GET", "/push", ("/push", ""), NO_TOKEN, ("", "", GATEWAY)),
        rule("POST", "/push", ("/push", BROWSER), NO_TOKEN, ("", "", GATEWAY)),
        rule("DELETE", "/push/{id}", ("/push/378f13c84514cc9b", ""), NO_TOKEN, ("", "", GATEWAY)),
        rule("GET", "/tokens", ("/tokens", ""), NO_TOKEN, ("", "", GATEWAY)),
        rule("POST", "/tokens", ("/tokens", r#"{"name":"t"}"#), NO_TOKEN, ("", "", GATEWAY)),
        rule("DELETE", "/tokens/{name}", ("/tokens/t", ""), NO_TOKEN, ("", "", GATEWAY)),
    ]
}
