use proptest::prelude::*;

use super::*;

const KINDS: [Kind; 5] = [Kind::Telemetry, Kind::Events, Kind::Waves, Kind::Status, Kind::Info];

/// Everything a JSON reader says of a payload: its values in order, or that it is not JSON.
fn walk<'a>(source: &mut impl Source<'a>, out: &mut Vec<String>) -> Result<(), Syntax> {
    match source.item()? {
        Item::Null => out.push("n".to_owned()),
        Item::Number(number) => out.push(format!("{number:?}")),
        Item::Text(text) => out.push(format!("{text:?}")),
        Item::Other => out.push("b".to_owned()),
        Item::List => {
            while source.more()? {
                out.push(".".to_owned());
                walk(source, out)?;
            }
        }
        Item::Map => {
            while let Some(key) = source.key()? {
                out.push(format!("{key:?}:"));
                walk(source, out)?;
            }
        }
    }
    out.push(",".to_owned());
    Ok(())
}

/// The same of the reader everybody uses.
fn walk_value(value: &serde_json::Value, out: &mut Vec<String>) {
    match value {
        serde_json::Value::Null => out.push("n".to_owned()),
        serde_json::Value::Bool(_) => out.push("b".to_owned()),
        serde_json::Value::Number(number) => {
            out.push(format!("{:?}", number.as_f64().unwrap()));
        }
        serde_json::Value::String(text) => out.push(format!("{text:?}")),
        serde_json::Value::Array(list) => {
            for value in list {
                out.push(".".to_owned());
                walk_value(value, out);
            }
        }
        serde_json::Value::Object(map) => {
            for (key, value) in map {
                out.push(format!("{key:?}:"));
                walk_value(value, out);
            }
        }
    }
    out.push(",".to_owned());
}

fn any_json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<u64>().prop_map(Into::into),
        any::<f64>().prop_filter("finite", |f| f.is_finite()).prop_map(Into::into),
        any::<String>().prop_map(Into::into),
    ];
    leaf.prop_recursive(5, 32, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Into::into),
            prop::collection::btree_map(any::<String>(), inner, 0..6)
                .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
        ]
    })
}

/// A message of known and unknown fields, mostly right.
fn any_message() -> impl Strategy<Value = serde_json::Value> {
    let reading = (
        prop::sample::select(vec![
            "heart_rate",
            "spo2",
            "glucose_cgm",
            "nibp_sys",
            "mdc:722433",
            "?",
        ]),
        prop_oneof![any::<i16>().prop_map(f64::from), -10.0..500.0],
        prop::sample::select(vec!["/min", "%", "mg/dL", "mmol/L", "mm[Hg]", "Ohm", "x"]),
        prop::option::of(prop::sample::select(vec!["<", "<=", ">=", ">", "="])),
        prop::option::of(-0.5..1.5),
        prop::option::of(0_i64..4_000_000_000_000),
    )
        .prop_map(|(signal, value, unit, comparator, quality, micros)| {
            let at = micros.map(|ms| Timestamp::from_millis(ms).to_string());
            serde_json::json!({
                "signal": signal, "value": value, "unit": unit, "comparator": comparator,
                "quality": quality, "at": at,
            })
        });
    (
        prop::option::of(any::<u32>()),
        prop::option::of(any::<i64>()),
        prop::sample::select(vec!["real", "test", "demo", "other"]),
        prop::collection::vec(reading, 0..6),
        any_json(),
    )
        .prop_map(|(boot, seq, mode, readings, extra)| {
            serde_json::json!({
                "boot": boot, "seq": seq, "mode": mode, "readings": readings, "extra": extra,
            })
        })
}

proptest! {
    #[test]
    fn json_is_read_as_everybody_reads_it(value in any_json()) {
        for text in [value.to_string(), serde_json::to_string_pretty(&value).unwrap()] {
            // The brackets make every number end before the text does.
            let text = format!("[{text}]");
            let mut source = Json::new(text.as_bytes());
            let (mut ours, mut theirs) = (Vec::new(), Vec::new());
            let read = walk(&mut source, &mut ours).and_then(|()| source.end());
            walk_value(&serde_json::json!([value]), &mut theirs);
            prop_assert_eq!(read, Ok(()), "{}", text);
            prop_assert_eq!(ours, theirs);
        }
    }

    #[test]
    fn what_is_no_json_to_others_is_none_here(
        text in r#"[\[\]{}":,\\0-9eE+.\-ntrufalse x]{0,24}"#,
    ) {
        let text = format!("[{text}]");
        let mut source = Json::new(text.as_bytes());
        let read = walk(&mut source, &mut Vec::new()).and_then(|()| source.end());
        // Only one thing differs: a number too large for 64 bits is a number here.
        match serde_json::from_str::<serde::de::IgnoredAny>(&text) {
            Ok(_) => prop_assert!(read.is_ok() || text.matches('[').count() > 16, "{}", text),
            Err(_) => prop_assert!(read.is_err(), "{}", text),
        }
    }

    #[test]
    fn json_and_cbor_of_one_message_say_the_same(message in any_message()) {
        decode_value(Kind::Telemetry, &message.to_string(), &message);
    }

    #[test]
    fn arbitrary_bytes_never_fail(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        for kind in KINDS {
            for start in [b"".as_slice(), b"{", b"\xbf", b"{\"readings\":["] {
                let decoded = decode_as(kind, &[start, &bytes].concat());
                let refused = matches!(decoded.message.body, Body::Undecodable { .. });
                prop_assert!(!refused || decoded.dead_letter.is_some());
            }
        }
    }
}
