//! More than a million mutations of valid payloads of every kind, in JSON and CBOR: decode never panics,
//! every bound holds, and neither "all refused" nor "all accepted" hides what is tried.
//!
//! Seeded, so that a failure repeats; `fuzz/` holds the target for longer runs.

use vitalgate_domain::model::ids::DeviceId;
use vitalgate_domain::model::message::{
    Body, Delivery, Event, Kind, Message, Reading, Refused, Value, WaveChunk,
};
use vitalgate_domain::model::signal::SignalTable;
use vitalgate_domain::model::time::{Span, Timestamp};
use vitalgate_formats::{Decoded, Request, decode};

const MUTATIONS: u64 = 1_500_000;
const THREADS: u64 = 2;
const MAX_PAYLOAD: usize = 4_096;

const CORPUS: [(Kind, &str); 9] = [
    (
        Kind::Telemetry,
        r#"{"boot":17,"seq":42,"sent_at":"2026-11-21T10:00:00.250Z","mode":"real","clock":{"source":"ntp","timeline":3},
        "relay":{"id":"cm-77","device_clock":"2026-11-21T09:00:00Z"},
        "readings":[{"at":"2026-11-21T10:00:00Z","signal":"heart_rate","value":72,"unit":"/min","quality":0.97}]}"#,
    ),
    (
        Kind::Telemetry,
        r#"{"seq":1,"readings":[{"at":"2026-11-21T10:00:00Z","signal":"glucose_cgm","value":39,"comparator":"<","unit":"mg/dL"},
        {"from":"2026-11-20T10:00:00Z","to":"2026-11-21T10:00:00Z","signal":"pacing_percent","instance":"RV","value":98.2,"unit":"%"}]}"#,
    ),
    (
        Kind::Telemetry,
        r#"{"seq":2,"readings":[{"signal":"nibp_sys","absent":"not-performed"},{"age_ms":20,"signal":"battery_status","code":"mdc:754113"},
        {"signal":"brady_mode","text":"DDD","status":"corrected"},{"signal":"rrt_date","time":"2027-01-01T00:00:00+01:00"}],"at":"2026-11-21T10:00:00Z"}"#,
    ),
    (Kind::Telemetry, r#"{"seq":3,"readings":[],"extra":{"a":[1,2,{"b":"\u00e9\ud83d\ude00"}]}}"#),
    (
        Kind::Events,
        r#"{"boot":1,"seq":1,"events":[{"id":"ep-1042","at":"2026-11-21T10:00:00Z","event":"vf_detected","phase":"start",
        "priority":"high","text":"VF","from":"2026-11-21T09:59:00Z","detail":{"zone":1}}]}"#,
    ),
    (
        Kind::Waves,
        r#"{"boot":1,"seq":5,"waves":[{"at":"2026-11-21T10:00:00Z","signal":"ecg_ii","rate_hz":250,"unit":"mV","scale":0.001,
        "offset":0,"samples":[1,-2,300,-40000,5]}]}"#,
    ),
    (
        Kind::Info,
        r#"{"seq":1,"maker":"ACME","model":"M1","serial":"7","udi":"(01)0","firmware":"1.2","battery":87,
        "signals":[{"signal":"spo2","interval_s":1},{"signal":"mdc:160212","interval_s":300}]}"#,
    ),
    (Kind::Status, r#"{"boot":1,"seq":7,"status":"online"}"#),
    (Kind::Status, "offline"),
];

/// What a fuzzer would learn: pieces that mean something to the decoder.
const PIECES: [&[u8]; 24] = [
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"\"",
    b"\\u0000",
    b"null",
    b"-1",
    b"1e999",
    b"0.5",
    b"18446744073709551615",
    b"\"value\":1,",
    b"\"seq\":1,",
    b"\"at\":\"1970-01-01T00:00:00Z\",",
    b"\"2090-01-01T00:00:00Z\"",
    b"\xff",
    b"\xbf",
    b"\x9f",
    b"\xf9\x7e\x00",
    b"\xfb\x7f\xf0\x00\x00\x00\x00\x00\x00",
    b"\x1b\xff\xff\xff\xff\xff\xff\xff\xff",
    b"\xc1",
];

/// SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }
}

#[test]
fn more_than_a_million_mutations_find_no_way_through() {
    let runs: Vec<_> = (0..THREADS)
        .map(|seed| std::thread::spawn(move || run(seed, MUTATIONS / THREADS)))
        .collect();
    let (mut accepted, mut tried) = (0, 0);
    for run in runs {
        let (more_accepted, more_tried) = run.join().unwrap();
        accepted += more_accepted;
        tried += more_tried;
    }
    let percent = f64::from(accepted) / f64::from(tried) * 100.0;
    assert!((5.0..=95.0).contains(&percent), "{percent} % of {tried} accepted");
}

/// Tries so many mutations. How many were accepted whole, of how many; a status does not count,
/// because it is never refused.
fn run(seed: u64, mutations: u64) -> (u32, u32) {
    let signals =
        SignalTable::parse(include_str!("../config/signals.toml")).expect("the table is sound");
    let device: DeviceId = "dev-1".parse().expect("an id");
    let corpus = corpus();
    let mut random = Random(seed);
    let (mut accepted, mut tried) = (0, 0);
    for n in 0..mutations {
        let &(mut kind, ref payload) = &corpus[random.below(corpus.len())];
        if random.below(16) == 0 {
            kind = corpus[random.below(corpus.len())].0;
        }
        let payload = mutated(payload, &corpus, &mut random);
        let request = Request {
            principal: &device,
            device: &device,
            kind,
            payload: &payload,
            delivery: Delivery::default(),
            received: Timestamp::from_millis(1_795_255_201_000),
            retention: Span::days(90),
            topic: "vitalgate/v1/dev-1/any",
        };
        let decoded = decode(&request, &signals);
        check(&decoded, &payload);
        if kind != Kind::Status {
            accepted += u32::from(decoded.dead_letter.is_none());
            tried += 1;
        }
        if n % 64 == 0 {
            assert_eq!(decode(&request, &signals), decoded, "{payload:x?}");
            let journalled = minicbor::to_vec(&decoded.message).expect("to memory");
            let read: Message = minicbor::decode(&journalled).expect("as journalled");
            assert_eq!(read, decoded.message);
        }
    }
    (accepted, tried)
}

fn corpus() -> Vec<(Kind, Vec<u8>)> {
    let mut corpus = Vec::new();
    for (kind, text) in CORPUS {
        corpus.push((kind, text.as_bytes().to_vec()));
        if let Ok(value) = serde_json::from_str::<serde_json::Value>(text) {
            corpus.push((kind, minicbor_serde::to_vec(&value).expect("to memory")));
        }
    }
    corpus
}

fn mutated(payload: &[u8], corpus: &[(Kind, Vec<u8>)], random: &mut Random) -> Vec<u8> {
    let mut bytes = payload.to_vec();
    for _ in 0..=random.below(3) {
        let at = random.below(bytes.len() + 1);
        let end = (at + random.below(16)).min(bytes.len());
        match random.below(8) {
            0 => bytes.truncate(at),
            1 => drop(bytes.drain(at..end)),
            2 => {
                let piece = bytes[at..end].to_vec();
                bytes.splice(at..at, piece);
            }
            3 => drop(bytes.splice(at..at, random.pick(&PIECES).iter().copied())),
            4 => drop(bytes.splice(at..end, random.pick(&PIECES).iter().copied())),
            5 => {
                let other = &corpus[random.below(corpus.len())].1;
                bytes.truncate(at);
                bytes.extend(&other[random.below(other.len())..]);
            }
            6 if at < bytes.len() => bytes[at] ^= 1 << random.below(8),
            // A digit for a digit changes a value and keeps the form.
            _ => {
                if let Some(digit) = bytes[at..].iter_mut().find(|b| b.is_ascii_digit()) {
                    *digit = b'0' + random.below(10) as u8;
                }
            }
        }
    }
    bytes.truncate(MAX_PAYLOAD);
    bytes
}

/// The bounds that the journal, the history and the page rely on.
fn check(decoded: &Decoded, payload: &[u8]) {
    const MAX_WHOLE: u64 = (1 << 53) - 1;
    let Decoded { message, waves, dead_letter } = decoded;
    let context = || String::from_utf8_lossy(payload);
    assert!(message.seq.is_none_or(|seq| seq <= MAX_WHOLE), "{}", context());
    assert!(message.boot.is_none_or(|boot| boot <= MAX_WHOLE), "{}", context());
    let partly_refused = match &message.body {
        Body::Telemetry { readings, refused } => {
            assert!(readings.iter().all(sound), "{}", context());
            assert!(orderly(readings.iter().map(|r| r.index), refused), "{}", context());
            Some(!refused.is_empty())
        }
        Body::Events { events, refused } => {
            assert!(events.iter().all(sound_event), "{}", context());
            assert!(orderly(events.iter().map(|e| e.index), refused), "{}", context());
            Some(!refused.is_empty())
        }
        Body::Waves { chunks, refused } => {
            assert!(chunks.iter().all(sound_chunk), "{}", context());
            assert!(orderly(chunks.iter().map(|c| c.index), refused), "{}", context());
            assert_eq!(chunks.len(), waves.len());
            for (chunk, wave) in chunks.iter().zip(waves) {
                assert_eq!((chunk, chunk.samples as usize), (&wave.chunk, wave.samples.len()));
            }
            Some(!refused.is_empty())
        }
        Body::Status { text, .. } => {
            assert!(text.len() <= 256, "{}", context());
            Some(false)
        }
        Body::Info { info } => {
            assert!(info.battery_percent.is_none_or(|p| (0.0..=100.0).contains(&p)));
            None
        }
        Body::Undecodable { reason, .. } => {
            assert!(!reason.is_empty() && reason.len() <= 512, "{}", context());
            Some(true)
        }
    };
    if let Some(partly_refused) = partly_refused {
        assert_eq!(dead_letter.is_some(), partly_refused, "{}", context());
    }
    if let Some(dead) = dead_letter {
        assert!(!dead.reason.is_empty() && dead.reason.len() <= 512, "{}", context());
        assert_eq!(dead.head, payload[..payload.len().min(1_024)]);
        assert_eq!(dead.length, payload.len() as u64);
    }
}

fn sound(reading: &Reading) -> bool {
    let value = match &reading.value {
        Value::Number { value, .. } => value.is_finite(),
        Value::Code(code) => (1..=64).contains(&code.len()),
        Value::Text(text) => (1..=256).contains(&text.len()),
        Value::Absent(reason) => (1..=64).contains(&reason.len()),
        Value::Time(_) => true,
    };
    value
        && reading.instance.as_str().len() <= 64
        && reading.quality.is_none_or(|quality| (0.0..=1.0).contains(&quality))
        && !(reading.implausible && reading.unit_doubtful)
}

fn sound_event(event: &Event) -> bool {
    (1..=64).contains(&event.name.len())
        && event.id.as_ref().is_none_or(|id| (1..=64).contains(&id.len()))
        && event.text.as_ref().is_none_or(|text| text.len() <= 256)
}

fn sound_chunk(chunk: &WaveChunk) -> bool {
    chunk.rate_hz.is_finite()
        && chunk.rate_hz > 0.0
        && chunk.scale.is_finite()
        && chunk.scale != 0.0
        && chunk.offset.is_finite()
        && (1..=64).contains(&chunk.signal.len())
        && chunk.unit.len() <= 32
}

/// Every place in the list was either accepted or refused, once.
fn orderly(accepted: impl Iterator<Item = u32>, refused: &[Refused]) -> bool {
    let mut places: Vec<u32> = accepted.chain(refused.iter().map(|r| r.index)).collect();
    places.sort_unstable();
    places.iter().copied().eq(0..places.len() as u32)
        && refused.iter().all(|r| (1..=200).contains(&r.detail.len()))
}
