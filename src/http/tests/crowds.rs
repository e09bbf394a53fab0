//! Whoever holds connections keeps nobody else out.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::fixture::Bench;
use crate::http::Limits;

async fn few_places() -> Bench {
    Bench::start_with(|state| state.limits = Limits { connections: 16, ..Limits::default() }).await
}

async fn half_a_request(bench: &Bench) -> TcpStream {
    let mut socket = TcpStream::connect(bench.addr).await.unwrap();
    socket.write_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nx").await.unwrap();
    socket
}

async fn is_closed(mut socket: TcpStream) -> bool {
    matches!(socket.read(&mut [0; 512]).await, Ok(0) | Err(_))
}

#[tokio::test]
async fn half_requests_lock_nobody_out_and_the_oldest_goes_first() {
    let bench = few_places().await;
    let mut held = Vec::new();
    for _ in 0..60 {
        held.push(half_a_request(&bench).await);
    }
    assert_eq!(bench.get("/healthz").await.status, 200);
    assert_eq!(bench.get("/api/v1/patients").await.status, 200);
    assert!(is_closed(held.remove(0)).await);
}

#[tokio::test]
async fn idle_connections_make_room_and_an_open_stream_does_not() {
    let bench = few_places().await;
    let mut stream = bench.stream("", None).await;
    let mut idle = Vec::new();
    for _ in 0..40 {
        let mut socket = TcpStream::connect(bench.addr).await.unwrap();
        socket
            .write_all(b"GET /api/v1/patients HTTP/1.1\r\nhost: localhost\r\n\r\n")
            .await
            .unwrap();
        let mut answer = [0; 12];
        socket.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"HTTP/1.1 200");
        idle.push(socket);
    }
    assert_eq!(bench.get("/api/v1/patients").await.status, 200);
    bench.raise(1, "icu");
    while stream.next().await.unwrap().name != "alarm" {}
}
