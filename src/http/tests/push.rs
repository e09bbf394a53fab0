//! The stream.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};

use super::client::{EventReader, request};
use super::fixture::{Bench, frame, heartbeat};
use super::store::transition;
use super::ward::{sample_alarm, tokens, two_wards};
use crate::projection::ring::Frame;
use crate::projection::view::Board;
use vitalgate_domain::model::alarm::Alarm;
use vitalgate_domain::model::ids::AlarmId;
use vitalgate_store::types::StoredTransition;

#[tokio::test]
async fn a_new_stream_says_hello_and_then_what_happens() {
    let bench = Bench::start().await;
    bench.raise(5, "icu");
    let mut stream = bench.stream("", None).await;
    bench.ring.publish([frame("vitals", None, Some("icu"), "{\"patient\":\"p-1\"}")]);
    let first = stream.next().await.unwrap();
    assert_eq!((first.name.as_str(), first.id), ("vitals", None));
    bench.raise(6, "icu");
    let second = stream.next().await.unwrap();
    assert_eq!((second.name.as_str(), second.id.as_deref()), ("alarm", Some("st0re-6")));
    assert_eq!(second.data["id"], "A6");
    assert_eq!(second.data["confirmed"], true);
}

#[tokio::test]
async fn unconfirmed_alarms_come_without_an_id_and_again_with_one() {
    let bench = Bench::start().await;
    let mut stream = bench.stream("", None).await;
    bench.ring.publish([frame("alarm", None, Some("icu"), "{\"seq\":7,\"confirmed\":false}")]);
    bench.raise(7, "icu");
    bench.ring.publish([heartbeat(7)]);
    assert_eq!(stream.alarms_until(7).await, ["unconfirmed", "st0re-7"]);
}

#[tokio::test]
async fn whoever_comes_while_the_store_fails_sees_what_was_judged_since() {
    let bench = Bench::start().await;
    let id = "A7".parse().unwrap();
    bench.board.send_modify(|board| {
        let board = Arc::make_mut(board);
        board.store_failing = true;
        board.judged_unconfirmed(&sample_alarm("A7", 7));
    });
    let mut stream = bench.stream("", None).await;
    bench.ring.publish([heartbeat(7)]);
    assert_eq!(stream.alarms_until(7).await, ["unconfirmed"]);
    let list = bench.get("/api/v1/alarms").await.json();
    let shown =
        |id: &str| list["items"].as_array().unwrap().iter().find(|a| a["id"] == id).cloned();
    assert_eq!(shown("A7").unwrap()["confirmed"], false);
    assert_eq!(
        list["items"].as_array().unwrap().iter().filter(|a| a["confirmed"] == true).count(),
        1
    );
    let latest = bench.get("/api/v1/wards/icu/latest").await.json();
    assert_eq!(latest["items"][0]["monitored"]["state"], "not");
    assert_eq!(
        latest["items"][0]["monitored"]["why"][0],
        "the store fails: this is how it was before"
    );
    bench.board.send_modify(|board| {
        let board = Arc::make_mut(board);
        board.store_failing = false;
        board.confirmed(&sample_alarm("A7", 7));
        assert!(board.unconfirmed.is_empty() && board.alarms.contains_key::<AlarmId>(&id));
    });
}

#[tokio::test]
async fn a_stream_resumes_from_the_ring() {
    let bench = Bench::start().await;
    for seq in 1..=5 {
        bench.raise(seq, "icu");
    }
    bench.ring.publish([heartbeat(1)]);
    let mut stream = bench.stream("", Some("st0re-3")).await;
    bench.ring.publish([heartbeat(5)]);
    assert_eq!(stream.alarms_until(5).await, ["st0re-4", "st0re-5"]);
}

#[tokio::test]
async fn a_stream_resumes_from_the_log_after_a_restart() {
    let bench = Bench::start().await;
    bench.commit_all(1..=300, "icu");
    let mut stream = bench.stream("", Some("st0re-2")).await;
    bench.raise(301, "icu");
    bench.ring.publish([heartbeat(301)]);
    let expected: Vec<_> = (3..=301).map(|seq| format!("st0re-{seq}")).collect();
    assert_eq!(stream.alarms_until(301).await, expected);
}

#[tokio::test]
async fn what_log_and_ring_both_hold_comes_once() {
    let bench = Bench::start().await;
    bench.commit_all(1..=4, "icu");
    // Committed, found in the log by the stream, and published only afterwards.
    let five = bench.commit(5, "icu");
    let mut stream = bench.stream("", Some("st0re-2")).await;
    assert_eq!(stream.next().await.unwrap().id.as_deref(), Some("st0re-3"));
    bench.ring.publish([frame("alarm", Some(5), Some("icu"), &five)]);
    bench.raise(6, "icu");
    bench.ring.publish([heartbeat(6)]);
    assert_eq!(stream.alarms_until(6).await, ["st0re-4", "st0re-5", "st0re-6"]);
}

#[tokio::test]
async fn ids_that_cannot_be_resumed_ask_for_a_resync() {
    let bench = Bench::start().await;
    // The oldest that is kept is of no alarm.
    let note = transition(&sample_alarm("A8", 8), "noted");
    let note = StoredTransition { kind: "note", alarm: None, ..note };
    bench.store.commit_transitions(vec![note]);
    bench.commit(9, "icu");
    for id in ["other-5", "st0re-99", "st0re-x", "", "st0re-3"] {
        let mut stream = bench.stream("", Some(id)).await;
        assert_eq!(stream.next().await.unwrap().name, "resync", "{id}");
    }
    let mut stream = bench.stream("", Some("st0re-7")).await;
    assert_eq!(stream.next().await.unwrap().id.as_deref(), Some("st0re-9"));
}

#[tokio::test]
async fn wards_are_filtered_here_and_what_has_none_comes_to_all() {
    let bench = Bench::start().await;
    bench.commit(1, "icu");
    bench.commit(2, "west");
    bench.commit(3, "icu");
    // Both wards see a patient go from one to the other.
    let moved = Alarm { ward_now: Some("west".parse().unwrap()), ..sample_alarm("A4", 4) };
    bench.store.commit_transitions(vec![transition(&moved, "moved")]);
    bench.board.send_modify(|board| Arc::make_mut(board).seq = 4);
    bench.board.send_modify(|board| {
        let wards = Arc::make_mut(&mut Arc::make_mut(board).wards);
        wards.insert("north".parse().unwrap(), Vec::new());
    });
    let mut stream = bench.stream("?wards=icu,north", Some("st0re-0")).await;
    bench.raise(5, "west");
    bench.raise(6, "north");
    bench.ring.publish([frame("alarm", Some(7), None, "{}"), heartbeat(7)]);
    let expected = ["st0re-1", "st0re-3", "st0re-4", "st0re-6", "st0re-7"];
    assert_eq!(stream.alarms_until(7).await, expected);
}

/// Opens the stream with the token of ward `icu`; what `hello` says of wards.
async fn of_icu(bench: &Bench, last: Option<&str>) -> (EventReader, serde_json::Value) {
    let seq = bench.board.borrow().seq;
    bench.board.send_replace(Arc::new(Board { seq, ..two_wards() }));
    let mut headers = vec![("authorization", "Bearer vi")];
    headers.extend(last.map(|id| ("last-event-id", id)));
    let socket = bench.send("GET", "/api/v1/stream", &headers, "").await;
    let mut stream = EventReader(BufReader::new(socket));
    let hello = stream.next().await.unwrap();
    (stream, hello.data["wards"].clone())
}

async fn with_tokens() -> Bench {
    Bench::start_with(|state| state.auth = tokens().into()).await
}

#[tokio::test]
async fn whoever_is_bound_to_wards_is_sent_nothing_of_others() {
    let bench = with_tokens().await;
    let (mut stream, wards) = of_icu(&bench, None).await;
    assert_eq!(wards, serde_json::json!(["icu"]));
    let of = |event, patient: Option<&str>, ward, seq: Option<u64>| {
        let patient = patient.map(|id| id.parse().unwrap());
        Frame { patient, ..frame(event, seq, ward, "{\"seq\":0}") }
    };
    let device = |id: &str| Frame {
        device: Some(id.parse().unwrap()),
        patient: Some("p-1".parse().unwrap()),
        ..frame("device", None, None, "{\"bindings\":[{\"patient\":\"p-3\"}]}")
    };
    bench.ring.publish([
        of("alarm", Some("p-3"), Some("west"), Some(1)),
        of("alarm", Some("p-9"), None, Some(2)),
        device("dev-3"),
        of("alarm", Some("p-1"), Some("icu"), Some(3)),
        of("alarm", None, None, Some(4)),
        device("dev-1"),
        device("free-1"),
        heartbeat(4),
    ]);
    // The device that left for another ward is one more reason to look anew.
    assert_eq!(stream.alarms_until(4).await, ["st0re-3", "st0re-4", "device", "device"]);
    assert_eq!(stream.next().await.unwrap().name, "resync");
    bench.ring.publish([of("vitals", Some("p-3"), Some("west"), None)]);
    bench.ring.publish([of("vitals", Some("p-1"), Some("icu"), None), heartbeat(5)]);
    assert_eq!(stream.alarms_until(5).await, [""; 0]);
    let vitals = stream.next().await.unwrap();
    assert_eq!(vitals.name, "vitals");
    bench.ring.publish([device("dev-1")]);
    let device = stream.next().await.unwrap();
    assert!(!device.text.contains("p-3") && !device.text.contains("p-2"), "{}", device.text);
    assert_eq!(device.data["patient"], "p-1");
}

#[tokio::test]
async fn whoever_is_bound_to_wards_hears_that_somebody_left_them() {
    let bench = with_tokens().await;
    let (mut stream, _) = of_icu(&bench, None).await;
    let moved = |seq, ward| Frame {
        moved: true,
        patient: Some("p-1".parse().unwrap()),
        ..frame("alarm", Some(seq), Some(ward), "{}")
    };
    bench.ring.publish([moved(1, "icu"), moved(2, "west"), heartbeat(2)]);
    assert_eq!(stream.alarms_until(2).await, ["st0re-1"]);
    assert_eq!(stream.next().await.unwrap().name, "resync");
}

#[tokio::test]
async fn whoever_is_bound_to_wards_resumes_from_the_log_with_what_is_theirs() {
    let bench = with_tokens().await;
    bench.commit(1, "icu");
    bench.commit(2, "west");
    let of_gateway = Alarm { patient: None, ward: None, ward_now: None, ..sample_alarm("A3", 3) };
    bench.store.commit_transitions(vec![transition(&of_gateway, "raised")]);
    bench.board.send_modify(|board| Arc::make_mut(board).seq = 4);
    let nowhere = Alarm { ward: None, ward_now: None, ..sample_alarm("A4", 4) };
    bench.store.commit_transitions(vec![transition(&nowhere, "raised")]);
    let (mut stream, _) = of_icu(&bench, Some("st0re-0")).await;
    bench.ring.publish([heartbeat(4)]);
    assert_eq!(stream.alarms_until(4).await, ["st0re-1", "st0re-3"]);
}

#[tokio::test]
async fn streams_are_capped_and_seats_come_back() {
    let mut bench = Bench::start_with(|state| {
        state.limits.streams_each = 2;
    })
    .await;
    bench.submissions = None;
    let first = bench.stream("", None).await;
    let _second = bench.stream("", None).await;
    let refused = bench.get("/api/v1/stream").await;
    refused.problem(503);
    assert!(refused.headers.contains_key("retry-after"));
    drop(first);
    while bench.metrics.watching() > 1 {
        tokio::task::yield_now().await;
    }
    let _third = bench.stream("", None).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stalled_reader_is_cut_off_while_others_get_everything() {
    let bench = Bench::start_with(|state| {
        state.limits.stall = Duration::from_secs(1);
    })
    .await;
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4_096).unwrap();
    let mut stalled = socket.connect(bench.addr).await.unwrap();
    let open = request("GET", "/api/v1/stream", &[], "");
    stalled.write_all(open.as_bytes()).await.unwrap();
    let mut healthy = bench.stream("", None).await;
    let long = format!("{{\"text\":\"{}\"}}", "x".repeat(60_000));
    let mut seq = 0;
    while bench.metrics.watching() != 1 {
        seq += 1;
        bench.ring.publish([frame("alarm", Some(seq), Some("icu"), &long), heartbeat(seq)]);
        let seen = healthy.alarms_until(seq).await;
        assert_eq!(seen, [format!("st0re-{seq}")]);
    }
    let mut rest = Vec::new();
    let ended = stalled.read_to_end(&mut rest).await;
    assert!(ended.is_err() || (rest.len() as u64) < seq * 60_000, "cut off, not served");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_does_not_read_does_not_watch_until_they_read_again() {
    let bench = Bench::start().await;
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4_096).unwrap();
    let mut stalled = socket.connect(bench.addr).await.unwrap();
    let icu = "icu".parse().unwrap();
    let is_watched = async |wanted: bool| {
        while bench.ring.is_watched(&icu) != wanted {
            bench.ring.publish([heartbeat(0)]);
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    stalled.write_all(request("GET", "/api/v1/stream", &[], "").as_bytes()).await.unwrap();
    is_watched(true).await;
    let long = format!("{{\"text\":\"{}\"}}", "x".repeat(60_000));
    for seq in 1..=40 {
        bench.ring.publish([frame("alarm", Some(seq), Some("icu"), &long)]);
    }
    is_watched(false).await;
    assert_eq!(bench.metrics.watching(), 1, "it has time left before it is cut off");
    let (mut rest, mut reader) = (vec![0; 1 << 16], stalled);
    let reading = async { while reader.read(&mut rest).await.is_ok_and(|read| read > 0) {} };
    tokio::select! {
        () = is_watched(true) => {}
        () = reading => panic!("it was cut off"),
    }
}

#[tokio::test]
async fn who_falls_off_the_ring_gets_each_alarm_once_from_the_log() {
    let bench = Bench::start().await;
    bench.commit(1, "icu");
    // The ring turns over between two looks of the stream: this task does not yield meanwhile.
    let mut stream = bench.stream("", None).await;
    bench.raise_all(2..=5_000, "icu");
    bench.ring.publish([heartbeat(5_000)]);
    let alarms = (2..=5_000).map(|seq| format!("st0re-{seq}"));
    let expected: Vec<_> = alarms.chain(["device".into()]).collect();
    assert_eq!(stream.alarms_until(5_000).await, expected, "and each device as it is now");
    bench.raise(5_001, "icu");
    assert_eq!(stream.next().await.unwrap().id.as_deref(), Some("st0re-5001"));
}

#[tokio::test]
async fn who_falls_behind_what_is_kept_is_asked_to_fetch_anew() {
    let bench = Bench::start().await;
    let mut stream = bench.stream("", None).await;
    // The first two are not kept.
    for seq in [1, 2] {
        bench.ring.publish([frame("alarm", Some(seq), Some("icu"), "{}")]);
    }
    bench.raise_all(3..=5_000, "icu");
    let resync = stream.next().await.unwrap();
    assert_eq!((resync.name.as_str(), &resync.data["seq"]), ("resync", &5_000.into()));
    assert_eq!(stream.next().await.unwrap().name, "device");
    bench.raise(5_001, "icu");
    assert_eq!(stream.next().await.unwrap().id.as_deref(), Some("st0re-5001"));
}

#[tokio::test]
async fn of_a_flood_of_vitals_the_newest_comes_and_it_hides_no_alarm() {
    let bench = Bench::start().await;
    let mut stream = bench.stream("", None).await;
    bench.raise(1, "icu");
    for n in 1..=5_000 {
        bench.ring.publish([frame("vitals", None, Some("icu"), &n.to_string())]);
    }
    bench.raise(2, "icu");
    for seq in [1, 2] {
        assert_eq!(stream.next().await.unwrap().id, Some(format!("st0re-{seq}")));
    }
    let vitals = stream.next().await.unwrap();
    assert_eq!((vitals.name.as_str(), vitals.data), ("vitals", 5_000.into()));
    bench.raise(3, "icu");
    assert_eq!(stream.next().await.unwrap().id.as_deref(), Some("st0re-3"));
}

#[tokio::test]
async fn shutdown_ends_streams_and_then_the_server() {
    let bench = Bench::start().await;
    let mut stream = bench.stream("", None).await;
    bench.cancel.cancel();
    assert!(stream.next().await.is_none());
    bench.tracker.close();
    bench.tracker.wait().await;
    assert_eq!(bench.metrics.watching(), 0);
    assert_eq!(Arc::strong_count(&bench.ring), 1, "nothing of the server is left");
}
