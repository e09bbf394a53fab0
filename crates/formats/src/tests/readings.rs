use super::*;

/// One reading with these fields becomes this line, in JSON and in CBOR.
fn check(fields: &str, expected: &str) {
    let json = format!(r#"{{"seq":1,"readings":[{{{fields}}}]}}"#);
    let decoded = decode_both(Kind::Telemetry, &json);
    assert_eq!(lines(&decoded), [expected], "{fields}");
    assert_eq!(decoded.dead_letter.is_some(), expected.contains("refused"), "{fields}");
}

#[test]
fn a_reading_says_one_thing() {
    check(r#""signal":"heart_rate","value":72,"unit":"/min""#, "heart_rate 72 /min");
    check(r#""signal":"heart_rate","value":72.5,"unit":"1/min""#, "heart_rate 72.5 /min");
    check(r#""signal":"heart_rate","value":7.2e1,"unit":"/min""#, "heart_rate 72 /min");
    check(r#""signal":"heart_rate","value":0,"unit":"/min""#, "heart_rate 0 /min");
    check(r#""signal":"battery_status","code":"mdc:754113""#, "battery_status code mdc:754113");
    check(r#""signal":"consciousness","code":"V""#, "consciousness code V");
    check(
        r#""signal":"rrt_date","time":"2027-01-02T00:00:00+01:00""#,
        "rrt_date time 2027-01-01T23:00:00Z",
    );
    check(r#""signal":"brady_mode","text":"DDD""#, "brady_mode text DDD");
    check(r#""signal":"nibp_sys","absent":"not-performed""#, "nibp_sys absent not-performed");
    check(
        r#""signal":"glucose_cgm","value":39,"comparator":"<","unit":"mg/dL""#,
        "glucose_cgm <39 mg/dL",
    );
    check(
        r#""signal":"glucose_cgm","value":22.2,"comparator":">=","unit":"mmol/L""#,
        "glucose_cgm >=22.2 mmol/L",
    );
    check(
        r#""signal":"heart_rate","value":72,"unit":"/min","code":null,"quality":null"#,
        "heart_rate 72 /min",
    );
}

#[test]
fn a_reading_that_says_nothing_or_too_much_is_refused() {
    for fields in [
        r#""signal":"heart_rate""#,
        r#""signal":"heart_rate","unit":"/min""#,
        r#""signal":"heart_rate","value":null,"unit":"/min""#,
        r#""signal":"heart_rate","value":72,"unit":"/min","absent":"off""#,
        r#""signal":"heart_rate","absent":"off","comparator":"<""#,
        r#""signal":"heart_rate","value":72,"unit":"/min","comparator":"=""#,
        r#""signal":"heart_rate","code":"mdc:1""#,
        r#""signal":"heart_rate","text":"high""#,
        r#""signal":"heart_rate","value":72,"unit":"/min","status":"guessed""#,
    ] {
        check(fields, "heart_rate refused: shape");
    }
    check(r#""value":72,"unit":"/min""#, "refused: shape");
}

#[test]
fn a_signal_is_found_by_name_and_by_code() {
    check(r#""signal":"mdc:150456","value":97,"unit":"%""#, "spo2 97 %");
    // Of several codes of a signal each is a way of measuring of its own.
    check(r#""signal":"loinc:59408-5","value":97,"unit":"%""#, "spo2 [loinc:59408-5] 97 %");
    check(r#""signal":"mdc:151728","value":35,"unit":"mm[Hg]""#, "etco2 [mdc:151728] 35 mm[Hg]");
    check(r#""signal":"mdc:149530","value":70,"unit":"/min""#, "pulse_rate [mdc:149530] 70 /min");
    check(
        r#""signal":"mdc:151562","value":19,"unit":"/min""#,
        "respiratory_rate [mdc:151562] 19 /min",
    );
    check(
        r#""signal":"mdc:151570","value":3,"unit":"/min""#,
        "respiratory_rate [mdc:151570] 3 /min",
    );
    for unknown in ["mdc:19384", "mdc:150020", "MDC:150456", "spo3", "", "loinc:85354-9"] {
        check(&format!(r#""signal":"{unknown}","value":97,"unit":"%""#), "refused: unknown_signal");
    }
    check(r#""signal":7,"value":97,"unit":"%""#, "refused: value");
}

#[test]
fn the_lead_is_the_instance_or_comes_with_the_code() {
    check(
        r#""signal":"impedance","instance":"LV","value":480,"unit":"Ohm""#,
        "impedance [LV] 480 Ohm",
    );
    check(r#""signal":"mdc:722433","value":480,"unit":"Ohm""#, "impedance [RV] 480 Ohm");
    check(
        r#""signal":"mdc:722433","instance":"RV-2","value":480,"unit":"Ohm""#,
        "impedance [RV-2] 480 Ohm",
    );
    let long = "x".repeat(65);
    check(
        &format!(r#""signal":"impedance","instance":"{long}","value":480,"unit":"Ohm""#),
        "impedance refused: value",
    );
}

#[test]
fn a_unit_of_the_same_quantity_is_kept_as_received() {
    check(r#""signal":"temperature","value":98.6,"unit":"[degF]""#, "temperature 98.6 [degF]");
    check(r#""signal":"etco2","value":4.7,"unit":"kPa""#, "etco2 4.7 kPa");
    check(r#""signal":"activity","value":17.5,"unit":"%""#, "activity 17.5 %");
    check(
        r#""signal":"loinc:14743-9","value":5.5,"unit":"mmol/L""#,
        "glucose_blood [loinc:14743-9] 5.5 mmol/L",
    );
    for (signal, unit) in [
        ("heart_rate", "mm[Hg]"),
        ("nibp_sys", "mmHg"),
        ("temperature", "C"),
        ("spo2", ""),
        ("spo2", "1"),
        ("loinc:14743-9", "kPa"),
        ("consciousness", "1"),
    ] {
        let name = signals().find(signal).unwrap().name.clone();
        check(
            &format!(r#""signal":"{signal}","value":5,"unit":"{unit}""#),
            &format!("{name} refused: unit"),
        );
    }
    check(r#""signal":"spo2","value":97"#, "spo2 refused: unit");
}

#[test]
fn what_is_no_finite_number_is_refused_as_a_value() {
    for value in ["1e999", "-1e999", "true", "\"72\"", "\"NaN\"", "[72]", "{\"mean\":72}"] {
        check(
            &format!(r#""signal":"heart_rate","value":{value},"unit":"/min""#),
            "heart_rate refused: value",
        );
    }
}

#[test]
fn a_bad_number_costs_its_own_reading_only() {
    let json = r#"{"seq":9,"readings":[
        {"signal":"heart_rate","value":1e999,"unit":"/min"},
        {"signal":"spo2","value":97,"unit":"%"}]}"#;
    let decoded = decode_as(Kind::Telemetry, json.as_bytes());
    assert_eq!(lines(&decoded), ["heart_rate refused: value", "spo2 97 %"]);
    let reason = decoded.dead_letter.unwrap().reason;
    assert_eq!(reason, "1 of 2 refused; reading 0: value: `value` must be a finite number");
}

#[test]
fn implausible_values_are_kept_and_marked() {
    for (fields, expected) in [
        (r#""heart_rate","value":351,"unit":"/min""#, "heart_rate 351 /min implausible"),
        (r#""spo2","value":101,"unit":"%""#, "spo2 101 % implausible"),
        (r#""spo2","value":8388607,"unit":"%""#, "spo2 8388607 % implausible"),
        (r#""abp_sys","value":-20,"unit":"mm[Hg]""#, "abp_sys -20 mm[Hg]"),
        (r#""abp_sys","value":-21,"unit":"mm[Hg]""#, "abp_sys -21 mm[Hg] implausible"),
        (r#""nibp_sys","value":19,"unit":"mm[Hg]""#, "nibp_sys 19 mm[Hg] implausible"),
        (r#""nibp_dia","value":5,"unit":"mm[Hg]""#, "nibp_dia 5 mm[Hg]"),
        (r#""nibp_dia","value":4.9,"unit":"mm[Hg]""#, "nibp_dia 4.9 mm[Hg] implausible"),
        (r#""nibp_mean","value":5,"unit":"mm[Hg]""#, "nibp_mean 5 mm[Hg]"),
        (r#""nibp_mean","value":4.9,"unit":"mm[Hg]""#, "nibp_mean 4.9 mm[Hg] implausible"),
        (r#""temperature","value":98.6,"unit":"Cel""#, "temperature 98.6 Cel implausible"),
        (r#""temperature","value":37,"unit":"[degF]""#, "temperature 37 [degF] implausible"),
        (r#""weight","value":0,"unit":"kg""#, "weight 0 kg implausible"),
    ] {
        check(&format!(r#""signal":{fields}"#), expected);
    }
}

#[test]
fn glucose_tells_which_unit_is_in_doubt() {
    for signal in ["glucose_cgm", "glucose_blood"] {
        for (value, unit, doubt) in [
            ("9.9", "mg/dL", " implausible"),
            ("10", "mg/dL", " unit doubtful"),
            ("33", "mg/dL", " unit doubtful"),
            ("34", "mg/dL", ""),
            ("6.5", "mg/dL", " implausible"),
            ("33", "mmol/L", ""),
            ("40", "mmol/L", " implausible"),
            ("110", "mmol/L", " implausible"),
        ] {
            check(
                &format!(r#""signal":"{signal}","value":{value},"unit":"{unit}""#),
                &format!("{signal} {value} {unit}{doubt}"),
            );
        }
    }
}

#[test]
fn quality_is_a_share_or_a_word() {
    for (quality, expected) in [
        ("0", "quality 0"),
        ("0.97", "quality 0.97"),
        ("1", "quality 1"),
        ("\"low\"", "quality 0.25"),
        ("\"medium\"", "quality 0.6"),
        ("\"high\"", "quality 0.9"),
    ] {
        check(
            &format!(r#""signal":"spo2","value":97,"unit":"%","quality":{quality}"#),
            &format!("spo2 97 % {expected}"),
        );
    }
    for quality in ["-0.1", "1.01", "97", "\"good\"", "true", "1e999"] {
        check(
            &format!(r#""signal":"spo2","value":97,"unit":"%","quality":{quality}"#),
            "spo2 refused: value",
        );
    }
}

#[test]
fn a_reading_has_one_time_at_most() {
    let check = |fields: &str, expected: &str| {
        check(&format!(r#""signal":"spo2","absent":"x",{fields}"#), &format!("spo2 {expected}"));
    };
    check(r#""at":"2026-11-21T10:00:00Z""#, "absent x at 2026-11-21T10:00:00Z");
    check(r#""at":"2026-11-21T11:00:00.5+01:00""#, "absent x at 2026-11-21T10:00:00.5Z");
    check(
        r#""from":"2026-11-20T10:00:00Z","to":"2026-11-21T10:00:00Z""#,
        "absent x from 2026-11-20T10:00:00Z to 2026-11-21T10:00:00Z",
    );
    check(r#""age_ms":1500"#, "absent x age 1500ms");
    check(r#""age_ms":0"#, "absent x age 0ms");
    for (fields, reason) in [
        (r#""at":"2026-11-21T10:00:00Z","age_ms":1"#, "shape"),
        (r#""from":"2026-11-21T10:00:00Z""#, "shape"),
        (r#""to":"2026-11-21T10:00:00Z""#, "shape"),
        (r#""from":"2026-11-21T10:00:00Z","to":"2026-11-20T10:00:00Z""#, "time"),
        (r#""at":"2026-11-21T10:00:00""#, "time"),
        (r#""at":"2026-02-30T10:00:00Z""#, "time"),
        (r#""at":"yesterday""#, "time"),
        (r#""at":1836942771"#, "time"),
        (r#""age_ms":-1"#, "time"),
        (r#""age_ms":"1""#, "time"),
        (r#""age_ms":1e999"#, "time"),
    ] {
        check(fields, &format!("refused: {reason}"));
    }
}

#[test]
fn a_stamp_of_a_backlog_older_than_retention_is_judged_by_whoever_knows_its_clock() {
    let check = |fields: &str, expected: &str, old: bool| {
        let json = format!(r#"{{"readings":[{{"signal":"spo2","absent":"x",{fields}}}]}}"#);
        let (live, backlog) =
            (decode_both(Kind::Telemetry, &json), decode_resumed(Kind::Telemetry, &json));
        for decoded in [&live, &backlog] {
            assert_eq!(lines(decoded), [format!("spo2 {expected}")]);
        }
        assert_eq!(live.message.old, None);
        let kept = backlog.message.old.map(|old| old.kept);
        assert_eq!(kept, old.then(|| vec![(0, RETENTION)]), "{fields}");
    };
    for at in [
        "2026-08-23T10:00:01Z",
        "1970-01-01T00:00:00Z",
        "1999-12-31T23:59:59Z",
        "2090-01-01T00:00:00Z",
    ] {
        let taken = format!("absent x at {at}");
        check(&format!(r#""at":"{at}""#), &taken, false);
    }
    let too_old = "refused: too_old";
    for at in ["2026-08-23T10:00:00.999999Z", "2000-01-01T00:00:00Z"] {
        // Live it is the stamp of a broken clock.
        check(&format!(r#""at":"{at}""#), &format!("absent x at {at}"), true);
    }
    for age in ["7776000001", "1e300"] {
        check(&format!(r#""age_ms":{age}"#), too_old, false);
    }
}

#[test]
fn a_signal_is_refused_by_the_retention_of_its_own_class() {
    let mut table = signals();
    let keep = |days| std::collections::BTreeMap::from([("glucose".to_owned(), Span::days(days))]);
    let refused = |table: &SignalTable, signal: &str, age_days: i64| {
        let reading = format!(
            r#"{{"seq":1,"readings":[{{"signal":"{signal}","absent":"x","age_ms":{}}}]}}"#,
            age_days * 86_400_000,
        );
        let request = Request {
            principal: &device(),
            device: &device(),
            kind: Kind::Telemetry,
            payload: reading.as_bytes(),
            delivery: Delivery { qos: 1, ..Delivery::default() },
            received: RECEIVED.parse().unwrap(),
            retention: Span::days(90),
            topic: "vitalgate/v1/dev-1/telemetry",
        };
        let Body::Telemetry { readings, refused } = decode(&request, table).message.body else {
            panic!("not telemetry");
        };
        assert_eq!(readings.len() + refused.len(), 1);
        !refused.is_empty()
    };
    table.keep_by_class(&keep(30)).unwrap();
    assert!(refused(&table, "glucose_cgm", 31));
    assert!(!refused(&table, "glucose_cgm", 29) && !refused(&table, "spo2", 31));
    table.keep_by_class(&keep(400)).unwrap();
    assert!(!refused(&table, "glucose_cgm", 399) && refused(&table, "spo2", 91));
}

#[test]
fn a_status_is_one_of_four() {
    for (status, expected) in [
        ("final", ""),
        ("preliminary", " Preliminary"),
        ("corrected", " Corrected"),
        ("entered-in-error", " EnteredInError"),
    ] {
        check(
            &format!(r#""signal":"spo2","value":97,"unit":"%","status":"{status}""#),
            &format!("spo2 97 %{expected}"),
        );
    }
}

#[test]
fn names_are_bounded_and_words_are_cut() {
    let long = "é".repeat(129);
    check(
        &format!(r#""signal":"brady_mode","text":"{long}""#),
        &format!("brady_mode text {}", "é".repeat(128)),
    );
    check(r#""signal":"brady_mode","text":"""#, "brady_mode refused: value");
    check(r#""signal":"brady_mode","code":"""#, "brady_mode refused: value");
    check(r#""signal":"brady_mode","code":"D D D""#, "brady_mode refused: value");
    let code = "1".repeat(65);
    check(&format!(r#""signal":"brady_mode","code":"{code}""#), "brady_mode refused: value");
    check(r#""signal":"brady_mode","absent":"a\nb""#, "brady_mode refused: value");
}

#[test]
fn reasons_never_repeat_the_value() {
    let json = r#"{"readings":[
        {"signal":"spo2","value":"secret-97","unit":"%"},
        {"signal":"spo2","value":97,"unit":"%","quality":"secret"},
        {"signal":"spo2","value":97,"unit":"%","instance":"secret\u0000"},
        {"signal":"brady_mode","code":"secret code"},
        {"signal":"spo2","absent":"x","at":"secret"}]}"#;
    let decoded = decode_as(Kind::Telemetry, json.as_bytes());
    let Body::Telemetry { refused, .. } = decoded.message.body else { panic!("telemetry") };
    assert_eq!(refused.len(), 5);
    for refused in refused {
        assert!(!refused.detail.contains("secret"), "{}", refused.detail);
    }
    assert!(!decoded.dead_letter.unwrap().reason.contains("secret"));
}

#[test]
fn a_saturation_given_as_a_fraction_is_kept_as_sent_and_marked() {
    let doubtful = |value: &str| {
        let json = format!(r#"{{"readings":[{{"signal":"spo2","value":{value},"unit":"%"}}]}}"#);
        let Body::Telemetry { readings, .. } = decode_both(Kind::Telemetry, &json).message.body
        else {
            panic!("telemetry")
        };
        (readings[0].unit_doubtful, readings[0].value.clone())
    };
    assert!(["0.5", "0.97", "1"].iter().all(|value| doubtful(value).0));
    assert!(["0", "0.4", "1.1", "97"].iter().all(|value| !doubtful(value).0));
    let unit = vitalgate_domain::model::unit::Unit::Percent;
    assert_eq!(doubtful("0.97").1, Value::Number { value: 0.97, unit, comparator: None });
}
