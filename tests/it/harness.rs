//! One gateway process in a folder of its own, and what tests ask of it.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use serde_json::{Value, json};
use tempfile::TempDir;
use ureq::Agent;
use vitalgate::clock::{Clock, Stopwatch};
use vitalgate_domain::core::journal::RowBody;
use vitalgate_domain::model::input::Input;
use vitalgate_domain::model::time::{Span, Timestamp};

use crate::mqtt::Client;
use crate::setup::{RULES, Setup};
use crate::sse::Events;

/// Longer than anything takes on a busy machine; only a failing test waits for it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
/// Between two looks at something that cannot tell of itself.
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// A running gateway. When it is dropped it is killed, and its store is verified.
pub(crate) struct Gateway {
    child: Option<Child>,
    addresses: Value,
    dir: TempDir,
    store: PathBuf,
    env: Vec<(String, String)>,
    args: Vec<String>,
    agent: Agent,
    clock: Clock,
    damaged: Option<&'static str>,
}

impl Gateway {
    /// With [`RULES`], on an empty store.
    pub(crate) fn start() -> Self {
        Setup::default().rules(RULES).start()
    }

    /// With the `gateway.toml` in `dir`.
    pub(crate) fn launched(
        dir: TempDir,
        store: PathBuf,
        env: Vec<(String, String)>,
        args: Vec<String>,
    ) -> Self {
        let agent = Agent::config_builder().http_status_as_error(false).build().into();
        let clock = Clock::system(Timestamp::from_micros(0));
        let addresses = Value::Null;
        let mut gateway =
            Self { child: None, addresses, dir, store, env, args, agent, clock, damaged: None };
        gateway.launch();
        gateway
    }

    /// SIGKILL, and the same store again.
    pub(crate) fn restart(&mut self) {
        self.kill();
        self.launch();
    }

    /// SIGKILL, and the same store again under other rules.
    pub(crate) fn restart_under(&mut self, rules: &str) {
        self.kill();
        fs::write(self.dir.path().join("rules.toml"), rules).unwrap();
        self.launch();
    }

    /// SIGHUP, after `rules.toml` or `signals.toml` was written anew.
    pub(crate) fn reload(&self, file: &str, text: &str) {
        fs::write(self.dir.path().join(file), text).unwrap();
        self.signal("HUP");
    }

    /// SIGKILL.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// SIGTERM, and waits for the end, which must be a good one.
    pub(crate) fn stop(&mut self) {
        self.signal("TERM");
        let status = self.wait();
        assert!(status.success(), "{status}\n{}", self.log());
    }

    /// Waits until the process has ended by itself.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        let mut child = self.child.take().expect("running");
        eventually("the gateway ends", || child.try_wait().unwrap())
    }

    /// Starts it again on the same store.
    pub(crate) fn start_again(&mut self) {
        self.launch();
    }

    /// Another port for the broker, from the next start on.
    pub(crate) fn point_at(&self, broker: &str, port: u16) {
        let file = self.dir.path().join("gateway.toml");
        let mut config: toml::Table = fs::read_to_string(&file).unwrap().parse().unwrap();
        let brokers = config["broker"].as_array_mut().unwrap();
        let named = |b: &&mut toml::Value| b["id"].as_str() == Some(broker);
        let broker = brokers.iter_mut().find(named).unwrap();
        broker["port"] = toml::Value::Integer(port.into());
        fs::write(file, config.to_string()).unwrap();
    }

    /// Another setting, from the next start on.
    pub(crate) fn set(&self, section: &str, key: &str, value: &Value) {
        let file = self.dir.path().join("gateway.toml");
        let mut config: toml::Table = fs::read_to_string(&file).unwrap().parse().unwrap();
        let section = config.entry(section).or_insert_with(|| toml::Table::new().into());
        let value = toml::Value::try_from(value).unwrap();
        section.as_table_mut().unwrap().insert(key.to_owned(), value);
        fs::write(file, config.to_string()).unwrap();
    }

    /// No broker any more, from the next start on.
    pub(crate) fn forget_brokers(&self) {
        let file = self.dir.path().join("gateway.toml");
        let mut config: toml::Table = fs::read_to_string(&file).unwrap().parse().unwrap();
        config.remove("broker");
        fs::write(file, config.to_string()).unwrap();
    }

    /// What it logged so far.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.dir.path().join("gateway.log")).unwrap()
    }

    /// Runs a command of the command line, such as `device`, under the gateway's configuration.
    pub(crate) fn command_line(&self, command: &str, args: &[&str]) -> Output {
        vitalgate(command, &self.dir.path().join("gateway.toml"), args)
    }

    /// Memory of the process.
    pub(crate) fn resident_kib(&self) -> u64 {
        let pid = self.child.as_ref().expect("running").id();
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("VmRSS");
        line.split_whitespace().next().expect("a number").parse().unwrap()
    }

    /// Sends the process a signal by name, such as `STOP`.
    pub(crate) fn signal(&self, name: &str) {
        let pid = self.child.as_ref().expect("running").id();
        let status = Command::new("kill").arg(format!("-{name}")).arg(pid.to_string()).status();
        assert!(status.unwrap().success());
    }

    /// `127.0.0.1:port` of `http`, `mqtt` or `mqtts`.
    pub(crate) fn address(&self, of: &str) -> &str {
        self.addresses[of].as_str().unwrap_or_else(|| panic!("no {of} in {}", self.addresses))
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address("http"))
    }

    /// The database file.
    pub(crate) fn database(&self) -> PathBuf {
        self.store.join("vitalgate.db")
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.wall()
    }

    /// An MQTT 3.1.1 connection of its own.
    pub(crate) fn mqtt(&self, client_id: &str) -> Client {
        Client::connect(self.address("mqtt"), client_id)
    }

    /// The event stream from here on.
    pub(crate) fn events(&self) -> Events {
        Events::open(&self.url("/api/v1/stream"), None)
    }

    /// The event stream after an id.
    pub(crate) fn events_after(&self, id: &str) -> Events {
        Events::open(&self.url("/api/v1/stream"), Some(id))
    }

    /// GET, which must succeed.
    pub(crate) fn get(&self, path: &str) -> Value {
        let mut answer = self.agent.get(self.url(path)).call().unwrap();
        let body: Value = answer.body_mut().read_json().unwrap();
        assert!(answer.status().is_success(), "GET {path}: {} {body}", answer.status());
        body
    }

    /// GET: status and body.
    pub(crate) fn ask(&self, path: &str) -> (u16, Value) {
        Self::answer(self.agent.get(self.url(path)).call())
    }

    /// GET, whatever comes of it.
    pub(crate) fn request(&self, path: &str) -> ureq::http::Response<ureq::Body> {
        self.agent.get(self.url(path)).call().unwrap()
    }

    /// A counter of `/metrics`, with its labels; 0 before it counted.
    pub(crate) fn metric(&self, name: &str) -> u64 {
        let text = self.request("/metrics").body_mut().read_to_string().unwrap();
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        value.map_or(0, |value| value.parse().unwrap())
    }

    /// POST: status and body.
    pub(crate) fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        Self::answer(self.agent.post(self.url(path)).send_json(body))
    }

    /// POST by a thread of its own; the answer comes when it comes, if ever.
    pub(crate) fn post_meanwhile(&self, path: &str, body: Value) -> Receiver<(u16, Value)> {
        let (tx, rx) = sync_channel(1);
        let request = self.agent.post(self.url(path));
        thread::spawn(move || tx.send(Self::answer(request.send_json(body))));
        rx
    }

    /// PUT: status and body.
    pub(crate) fn put(&self, path: &str, body: &Value) -> (u16, Value) {
        Self::answer(self.agent.put(self.url(path)).send_json(body))
    }

    /// DELETE: status and body.
    pub(crate) fn delete(&self, path: &str) -> (u16, Value) {
        Self::answer(self.agent.delete(self.url(path)).call())
    }

    /// A patient in a bed of ward `w1`, with one bound device that measures heart rate and SpO2.
    pub(crate) fn admit(&self, patient: &str, device: &str) {
        self.admit_with(patient, device, "bedside", &["heart_rate", "spo2"]);
    }

    /// The same with the device's class and signals.
    pub(crate) fn admit_with(&self, patient: &str, device: &str, class: &str, signals: &[&str]) {
        let bed = format!("bed-{patient}");
        self.made("/api/v1/wards", &json!({ "id": "w1" }));
        self.made("/api/v1/beds", &json!({ "id": bed, "ward": "w1" }));
        self.made(
            "/api/v1/patients",
            &json!({ "id": patient, "age_class": "adult", "bed": bed, "continuous": false }),
        );
        let signals: Vec<Value> = signals.iter().map(|s| json!({ "signal": s })).collect();
        self.register(device, class, &json!(signals));
        self.bind(device, patient, &[]);
    }

    /// Registers a device.
    pub(crate) fn register(&self, device: &str, class: &str, signals: &Value) {
        self.made(
            "/api/v1/devices",
            &json!({ "id": device, "class": class, "kind": "device", "via": [], "signals": signals }),
        );
    }

    /// Binds a device to a patient, as if since long ago: what it measured before belongs to nobody.
    pub(crate) fn bind(&self, device: &str, patient: &str, zero_means_no_sensor: &[&str]) {
        let from = self.now() - Span::days(1);
        self.bind_from(device, patient, from, zero_means_no_sensor);
    }

    /// Binds a device to a patient from a time on.
    pub(crate) fn bind_from(
        &self,
        device: &str,
        patient: &str,
        from: Timestamp,
        zero_means_no_sensor: &[&str],
    ) {
        let (status, body) = self.put(
            &format!("/api/v1/devices/{device}/binding"),
            &json!({
                "patient": patient, "from": from, "zero_means_no_sensor": zero_means_no_sensor,
            }),
        );
        assert!((200..300).contains(&status), "bind {device} to {patient}: {status} {body}");
    }

    /// Open alarms of a patient that concern his body.
    pub(crate) fn alarms(&self, patient: &str) -> Vec<Value> {
        self.open_alarms(patient, "physiological")
    }

    /// Open alarms of a patient, `physiological` or `technical`.
    pub(crate) fn open_alarms(&self, patient: &str, kind: &str) -> Vec<Value> {
        let list = self.get(&format!("/api/v1/alarms?patient={patient}"));
        let items = list["items"].as_array().expect("items").clone();
        items.into_iter().filter(|a| a["state"] != "closed" && a["kind"] == kind).collect()
    }

    /// A command about an alarm, as seen.
    pub(crate) fn command(&self, alarm: &Value, act: &str) -> (u16, Value) {
        let id = alarm["id"].as_str().expect("id");
        self.post(&format!("/api/v1/alarms/{id}/{act}"), &json!({ "seq": alarm["seq"] }))
    }

    /// Every value of a series, all pages.
    pub(crate) fn values(&self, device: &str, signal: &str) -> Vec<f64> {
        let (from, to) = ("2000-01-01T00:00:00Z", "2099-01-01T00:00:00Z");
        let base = format!("/api/v1/devices/{device}/series?signal={signal}&from={from}&to={to}");
        let (mut values, mut cursor) = (Vec::new(), None::<String>);
        loop {
            let path = cursor.map_or(base.clone(), |cursor| format!("{base}&cursor={cursor}"));
            let (status, page) = Self::answer(self.agent.get(self.url(&path)).call());
            if status == 404 {
                return values; // Nobody has heard of the device yet.
            }
            assert_eq!(status, 200, "GET {path}: {page}");
            let items = page["items"].as_array().expect("items");
            values.extend(items.iter().map(|i| i["value"].as_f64().expect("a value")));
            match page["next"].as_str() {
                Some(next) => cursor = Some(next.to_owned()),
                None => return values,
            }
        }
    }

    /// `vitalgate verify`, also beside the running gateway: what is stored is what the journal gives.
    ///
    /// Every gateway is verified when it is dropped; only what a later state hides needs a call.
    pub(crate) fn verify(&self) {
        if let Err(difference) = self.verified() {
            panic!("{difference}");
        }
    }

    /// From here on the store cannot pass `verify`, and why; if it does when the gateway is dropped,
    /// the test fails.
    pub(crate) fn damages_its_store(&mut self, why: &'static str) {
        self.damaged = Some(why);
    }

    fn verified(&self) -> Result<(), String> {
        let output = Command::new(env!("CARGO_BIN_EXE_vitalgate"))
            .args(["verify", "--dir"])
            .arg(&self.store)
            .output()
            .unwrap();
        let verdict = String::from_utf8_lossy(&output.stdout);
        let errors = String::from_utf8_lossy(&output.stderr);
        let difference = || format!("verify: {}\n{verdict}\n{errors}", output.status);
        output.status.success().then_some(()).ok_or_else(difference)
    }

    /// Every input in the journal.
    pub(crate) fn journal(&self) -> Vec<Input> {
        self.journal_after(0).into_iter().flat_map(|(_, inputs)| inputs).collect()
    }

    /// The rows of the journal after row `after`, with their inputs.
    pub(crate) fn journal_after(&self, after: u64) -> Vec<(u64, Vec<Input>)> {
        let sql = format!("SELECT n, body FROM journal WHERE n > {after} ORDER BY n");
        self.rows(&sql, |row| {
            let body = zstd::decode_all(row.get::<_, Vec<u8>>(1)?.as_slice()).unwrap();
            Ok((row.get::<_, i64>(0)? as u64, minicbor::decode::<RowBody>(&body).unwrap().inputs))
        })
    }

    /// Changes the database as no gateway would.
    pub(crate) fn tamper(&self, sql: &str) {
        Connection::open(self.database()).unwrap().execute_batch(sql).unwrap();
    }

    /// The newest row of the journal.
    pub(crate) fn newest_row(&self) -> u64 {
        self.rows("SELECT max(n) FROM journal", |row| row.get::<_, i64>(0))[0] as u64
    }

    /// The rows of a query, read beside the running gateway.
    pub(crate) fn rows<T>(
        &self,
        sql: &str,
        row: impl FnMut(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
    ) -> Vec<T> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
        let db = Connection::open_with_flags(self.database(), flags).unwrap();
        let mut query = db.prepare(sql).unwrap();
        query.query_map([], row).unwrap().collect::<Result<_, _>>().unwrap()
    }

    fn made(&self, path: &str, body: &Value) {
        let (status, answer) = self.post(path, body);
        assert!((200..300).contains(&status), "POST {path} {body}: {status} {answer}");
    }

    fn answer(answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> (u16, Value) {
        let mut answer = answer.unwrap();
        let body = answer.body_mut().read_json().unwrap_or(Value::Null);
        (answer.status().as_u16(), body)
    }

    fn launch(&mut self) {
        let addresses = self.dir.path().join("addresses.json");
        if addresses.exists() {
            fs::remove_file(&addresses).unwrap();
        }
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.dir.path().join("gateway.log"))
            .unwrap();
        let mut child = Command::new(gateway_binary())
            .arg("run")
            .arg("--config")
            .arg(self.dir.path().join("gateway.toml"))
            .arg("--addresses")
            .arg(&addresses)
            .args(&self.args)
            .envs(self.env.iter().map(|(k, v)| (k, v)))
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let log = self.dir.path().join("gateway.log");
        self.addresses = eventually("the gateway listens", || {
            if let Some(status) = child.try_wait().unwrap() {
                panic!("the gateway ended: {status}\n{}", fs::read_to_string(&log).unwrap());
            }
            serde_json::from_slice(&fs::read(&addresses).ok()?).ok()
        });
        self.child = Some(child);
    }
}

/// The gateway of this build, or that of the folder `VITALGATE_GATEWAYS` for long runs.
fn gateway_binary() -> PathBuf {
    let here = || PathBuf::from(env!("CARGO_BIN_EXE_vitalgate"));
    std::env::var_os("VITALGATE_GATEWAYS")
        .map_or_else(here, |dir| PathBuf::from(dir).join("vitalgate"))
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.kill();
        if thread::panicking() {
            show(&self.dir.path().join("gateway.log"));
            return;
        }
        match (self.verified(), self.damaged) {
            (Ok(()), Some(why)) => panic!("verify finds nothing, although {why}"),
            (Err(difference), None) => panic!("{difference}"),
            (Ok(()), None) | (Err(_), Some(_)) => {}
        }
    }
}

#[expect(clippy::print_stderr, reason = "the log of the gateway explains a failed test")]
fn show(log: &Path) {
    let text = fs::read_to_string(log).unwrap_or_default();
    let from = text.len().saturating_sub(8_000);
    eprintln!("--- gateway.log\n{}", text.get(from..).unwrap_or(&text));
}

/// Runs a command of the command line under a configuration.
pub(crate) fn vitalgate(command: &str, config: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_vitalgate"))
        .args([command, "--config"])
        .arg(config)
        .args(args)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

/// Looks until `look` finds something.
pub(crate) fn eventually<T>(what: &str, look: impl FnMut() -> Option<T>) -> T {
    eventually_within(PATIENCE.as_secs_f64(), what, look)
}

/// The same, for what takes longer.
pub(crate) fn eventually_within<T>(
    seconds: f64,
    what: &str,
    mut look: impl FnMut() -> Option<T>,
) -> T {
    let watch = Stopwatch::start();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(watch.seconds() < seconds, "waited in vain until {what}");
        thread::park_timeout(LOOK_AGAIN);
    }
}

/// The workspace root.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The Python with the packages the tests need: `VITALGATE_PYTHON`, else the one `.ci/run` sets up.
pub(crate) fn python() -> PathBuf {
    std::env::var_os("VITALGATE_PYTHON")
        .map_or_else(|| root().join("target/ci/venv/bin/python"), PathBuf::from)
}

/// Where npm put its packages: `VITALGATE_NODE_MODULES`, else where `.ci/run` puts them.
pub(crate) fn node_modules() -> PathBuf {
    std::env::var_os("VITALGATE_NODE_MODULES")
        .map_or_else(|| root().join("target/ci/node_modules"), PathBuf::from)
}

/// One telemetry message of a synchronised device, sent at `at`.
pub(crate) fn telemetry(seq: u64, at: Timestamp, readings: &[(&str, f64, &str)]) -> Value {
    let readings: Vec<Value> = readings
        .iter()
        .map(|(signal, value, unit)| json!({ "signal": signal, "value": value, "unit": unit }))
        .collect();
    json!({
        "boot": 1, "seq": seq, "sent_at": at, "at": at,
        "clock": { "source": "ntp" }, "readings": readings,
    })
}

/// The same, measured earlier than sent.
pub(crate) fn measured_earlier(by: Span, mut message: Value, sent: Timestamp) -> Value {
    message["at"] = json!(sent - by);
    message
}
