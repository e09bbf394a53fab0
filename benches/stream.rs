//! One alarm to five thousand screens; then thousands of alarms past screens that do not read: `cargo bench --bench stream`. Either half alone: `-- crowd`, `-- stalled`.
//!
//! Beside the gateway, in the same run, stands a server that does nothing but send one finished event to all of its
//! streams: what a crowd costs by itself. All clients share the machine with what is measured.

#![expect(clippy::print_stdout, reason = "figures are for people")]

mod support;

use std::convert::Infallible;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::routing::{get, post};
use futures::StreamExt as _;
use serde_json::json;
use tokio::sync::broadcast;
use vitalgate::app::RunMode;

use support::figures::{median, quantile};
use support::gateway::Server;
use support::oximeter::Oximeter;
use support::screens::{self, Screens};
use support::ward::Ward;
use support::{ROUNDS, folder, myself, part};

/// Screens, and how many of them share a token: 64 may.
const SCREENS: usize = 5_000;
const EACH: usize = 50;
/// Alarms to all of them, half raised and half ended.
const SHOTS: u64 = 20;
/// Between two shots, so that one does not wait for the other.
const APART: Duration = Duration::from_millis(300);
/// Screens that do not read, and what goes past them.
const STALLED: usize = 50;
const DEVICES: u64 = 1_000;
const ALARMS_EACH: u64 = 20;
/// Sent before the first is acknowledged.
const WINDOW: u64 = 50;
/// What an alarm takes on the stream, roughly.
const FRAME: usize = 1_700;

fn main() -> anyhow::Result<()> {
    match part() {
        Some((part, arguments)) if part == "bare" => bare(Path::new(&arguments[0])),
        Some((part, _)) if part == "crowd" => crowd(),
        Some((part, _)) if part == "stalled" => stalled(),
        Some((part, _)) => anyhow::bail!("`{part}` is no part of this benchmark"),
        None => {
            crowd()?;
            stalled()
        }
    }
}

fn crowd() -> anyhow::Result<()> {
    let tokens = screens::tokens(SCREENS / EACH, EACH);
    let mut ratios = Vec::new();
    for _ in 0..ROUNDS {
        let bare = {
            let dir = folder("stream-bare")?;
            let server = Server::start(myself()?.arg("bare").arg(&dir), &dir)?;
            let http = server.http.context("no HTTP")?;
            shots("bare   ", &server, &tokens, |_| fire(http))?
        };
        let dir = folder("stream")?;
        Ward { connections: 1, devices: 1 }.make(&dir, RunMode::default())?;
        configure(&dir, &tokens)?;
        let server = Server::gateway(&dir)?;
        let mut oximeter = Oximeter::connect(server.mqtt, "oximeter")?;
        let own = shots("gateway", &server, &tokens, |shot| {
            oximeter.measure("oximeter", if shot % 2 == 1 { 120.0 } else { 80.0 })?;
            oximeter.acknowledged().map(drop)
        })?;
        ratios.push(own / bare);
    }
    println!("p99 : of the bare server {}", median(&ratios));
    Ok(())
}

/// Has every screen see the shots; gives the 99th percentile over all of them, in milliseconds.
fn shots(
    name: &str,
    server: &Server,
    tokens: &[String],
    mut shoot: impl FnMut(u64) -> anyhow::Result<()>,
) -> anyhow::Result<f64> {
    let before = server.resident()?;
    let mut screens = Screens::of(server.http.context("no HTTP")?)?;
    screens.open(tokens)?;
    let each = (server.resident()? - before) as f64 / 1_024.0 / tokens.len() as f64;
    let mut all = Vec::new();
    let cpu_s = server.cpu_s()?;
    for shot in 1..=SHOTS {
        screens.begin_shot();
        shoot(shot)?;
        all.extend(screens.all_have(1)?);
        thread::sleep(APART);
    }
    let cpu_us = (server.cpu_s()? - cpu_s) * 1e6 / all.len() as f64;
    let p99 = quantile(&all, 0.99);
    println!(
        "{name}  {} screens: p50 {:.0} p99 {p99:.0} max {:.0} ms, {cpu_us:.1} µs of processor a delivery, \
         {each:.1} KiB a screen",
        tokens.len(),
        quantile(&all, 0.5),
        quantile(&all, 1.0),
    );
    Ok(p99)
}

fn stalled() -> anyhow::Result<()> {
    let tokens = screens::tokens(2, STALLED);
    let (silent, good) = (&tokens[..STALLED], &tokens[STALLED..=STALLED]);
    for stalls in [false, true] {
        let dir = folder("stream-stalled")?;
        Ward { connections: 1, devices: DEVICES }.make(&dir, RunMode::default())?;
        configure(&dir, &tokens)?;
        let server = Server::gateway(&dir)?;
        let mut screens = Screens::of(server.http.context("no HTTP")?)?;
        screens.open(good)?;
        let _unread = screens.stall(if stalls { silent } else { &[] })?;
        let mut relay = Oximeter::connect(server.mqtt, "load-0")?;
        let before = server.resident()?;
        let mut most = before;
        screens.begin_shot();
        let mut sent = 0;
        for round in 0..ALARMS_EACH {
            for device in 0..DEVICES {
                relay.measure(
                    &format!("load-0-{device}"),
                    if round % 2 == 0 { 120.0 } else { 80.0 },
                )?;
                sent += 1;
                if sent > WINDOW {
                    relay.acknowledged()?;
                }
            }
            most = most.max(server.resident()?);
        }
        screens.all_have((DEVICES * ALARMS_EACH) as usize)?;
        most = most.max(server.resident()?);
        let mib = |bytes: u64| bytes as f64 / 1024.0 / 1024.0;
        println!(
            "{} screens that do not read, {sent} alarms past them: memory {:.1} to {:.1} MiB; one that reads has all",
            if stalls { STALLED } else { 0 },
            mib(before),
            mib(most),
        );
    }
    Ok(())
}

/// Lets the tokens in, with room for all.
fn configure(dir: &Path, tokens: &[String]) -> anyhow::Result<()> {
    let file = dir.join("gateway.toml");
    let text = fs::read_to_string(&file)?;
    let with_room = text.replace("[http]\n", &format!("[http]\nmax_streams = {}\n", SCREENS * 2));
    ensure!(with_room != text, "there is no [http] in {}", file.display());
    Ok(fs::write(&file, with_room + &screens::sections(tokens))?)
}

/// Has the bare server send its event.
fn fire(http: SocketAddr) -> anyhow::Result<()> {
    Ok(ureq::post(format!("http://{http}/fire")).send_empty().map(drop)?)
}

/// The server that does nothing else.
fn bare(dir: &Path) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let frame = Bytes::from(format!(
            "event: alarm\ndata: {{{},\"text\":\"{}\"}}\n\n",
            screens::ALARM,
            "x".repeat(FRAME)
        ));
        let (tx, _) = broadcast::channel::<Bytes>(64);
        let news = tx.clone();
        let stream = get(async move || {
            let hello =
                futures::stream::once(async { Bytes::from_static(b"event: hello\ndata: {}\n\n") });
            let rest = futures::stream::unfold(news.subscribe(), async |mut news| {
                news.recv().await.ok().map(|frame| (frame, news))
            });
            Body::from_stream(hello.chain(rest).map(Ok::<_, Infallible>))
        });
        let fire = post(async move || drop(tx.send(frame.clone())));
        let routes = Router::new().route("/api/v1/stream", stream).route("/fire", fire);
        let addresses = json!({ "mqtt": address, "http": address });
        fs::write(dir.join("addresses.json"), addresses.to_string())?;
        Ok(axum::serve(listener, routes).await?)
    })
}
