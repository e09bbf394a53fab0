//! MQTT clients that nobody here wrote: mosquitto, paho-mqtt and MQTT.js.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use tempfile::TempDir;
use vitalgate_domain::model::input::Input;

use crate::harness::{Gateway, eventually, node_modules, python, root, telemetry};
use crate::links::{ends, wills};
use crate::setup::{RULES, Setup, Tls};

/// Messages of one run.
const COUNT: usize = 20;

/// A certificate authority, the gateway's certificate and those of devices, as PEM files.
struct Pki {
    dir: TempDir,
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Pki {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "test authority");
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let pki = Self { dir: tempfile::tempdir().unwrap(), issuer };
        fs::write(pki.file("ca", "pem"), pki.issuer.pem()).unwrap();
        pki.issue("gateway", &["localhost", "127.0.0.1"]);
        pki
    }

    /// A certificate and key for `name`, with the alternative names of a server if any.
    fn issue(&self, name: &str, server: &[&str]) {
        let server: Vec<String> = server.iter().map(|&n| n.to_owned()).collect();
        let mut params = CertificateParams::new(server).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        fs::write(self.file(name, "pem"), certificate.pem()).unwrap();
        fs::write(self.file(name, "key"), key.serialize_pem()).unwrap();
    }

    fn file(&self, name: &str, kind: &str) -> PathBuf {
        self.dir.path().join(format!("{name}.{kind}"))
    }

    fn gateway(&self) -> Gateway {
        let tls = Tls {
            certificate: self.file("gateway", "pem"),
            key: self.file("gateway", "key"),
            client_ca: self.file("ca", "pem"),
        };
        Setup::default().rules(RULES).tls(tls).start()
    }

    /// The arguments that make a client of `device` use TLS.
    fn arguments(&self, device: &str) -> Vec<String> {
        self.issue(device, &[]);
        [
            ("--ca", self.file("ca", "pem")),
            ("--certificate", self.file(device, "pem")),
            ("--key", self.file(device, "key")),
        ]
        .into_iter()
        .flat_map(|(flag, file)| [flag.to_owned(), file.display().to_string()])
        .collect()
    }
}

/// One of the scripted clients.
#[derive(Clone, Copy)]
enum Client {
    Paho,
    MqttJs,
}

impl Client {
    fn command(
        self,
        gateway: &Gateway,
        listener: &str,
        device: &str,
        version: u8,
        qos: u8,
    ) -> Command {
        let mut command = match self {
            Self::Paho => script(python(), "paho_client.py"),
            Self::MqttJs => script("node".into(), "mqttjs_client.cjs"),
        };
        let (host, port) = gateway.address(listener).rsplit_once(':').expect("host:port");
        command
            .env("NODE_PATH", node_modules())
            .args(["--host", host, "--port", port, "--device", device])
            .args(["--version", &version.to_string(), "--qos", &qos.to_string()])
            .args(["--count", &COUNT.to_string()]);
        command
    }
}

fn script(interpreter: PathBuf, name: &str) -> Command {
    let mut command = Command::new(interpreter);
    command.arg(root().join("tests/external").join(name));
    command
}

#[track_caller]
fn succeeds(command: &mut Command) {
    let output = command.output().unwrap_or_else(|e| panic!("{command:?}: {e}"));
    let printed = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {}\n{printed}", output.status);
}

/// Waits until a client says `done`; it stays connected.
fn done(command: &mut Command) -> Child {
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let out = BufReader::new(child.stdout.take().expect("piped"));
    assert!(out.lines().map_while(Result::ok).any(|line| line == "done"), "{command:?} failed");
    child
}

fn every_version_and_qos(client: Client) {
    let pki = Pki::new();
    let gateway = pki.gateway();
    for (listener, version, qos) in ["mqtt", "mqtts"]
        .iter()
        .flat_map(|&l| [3, 5].map(|v| (l, v)))
        .flat_map(|(l, v)| [0, 1, 2].map(|q| (l, v, q)))
    {
        let device = format!("{listener}-{version}-{qos}");
        let mut command = client.command(&gateway, listener, &device, version, qos);
        if listener == "mqtts" {
            command.args(pki.arguments(&device));
        }
        succeeds(&mut command);
        // QoS 0 is not answered, so the client may be gone before its last message is stored.
        eventually(&format!("{COUNT} readings of {device}"), || {
            (gateway.values(&device, "heart_rate").len() == COUNT).then_some(())
        });
    }
}

fn wills_fire_on_a_kill_only(client: Client) {
    let gateway = Gateway::start();
    for version in [3, 5] {
        let (clean, killed) = (format!("clean-{version}"), format!("killed-{version}"));
        succeeds(client.command(&gateway, "mqtt", &clean, version, 1).arg("--will"));
        let mut child =
            done(client.command(&gateway, "mqtt", &killed, version, 1).args(["--will", "--hang"]));
        child.kill().unwrap();
        child.wait().unwrap();
        eventually("the will of the killed client", || {
            (wills(&gateway, &killed) == 1).then_some(())
        });
        eventually("the clean end", || (ends(&gateway, &clean) == [true]).then_some(()));
        assert_eq!(wills(&gateway, &clean), 0, "a clean disconnect fires no will");
    }
}

fn a_lost_connection_is_taken_up_again(client: Client) {
    let gateway = Gateway::start();
    for (version, qos) in [(3, 1), (3, 2), (5, 1), (5, 2)] {
        let device = format!("again-{version}-{qos}");
        succeeds(client.command(&gateway, "mqtt", &device, version, qos).arg("--reconnect"));
        assert_eq!(gateway.values(&device, "heart_rate").len(), COUNT, "{device}");
    }
}

#[test]
#[ignore = "needs paho-mqtt"]
fn paho_speaks_every_version_and_qos_plain_and_over_tls() {
    every_version_and_qos(Client::Paho);
}

#[test]
#[ignore = "needs paho-mqtt"]
fn paho_wills_fire_on_a_kill_and_not_on_a_disconnect() {
    wills_fire_on_a_kill_only(Client::Paho);
}

#[test]
#[ignore = "needs paho-mqtt"]
fn paho_goes_on_after_a_lost_connection() {
    a_lost_connection_is_taken_up_again(Client::Paho);
}

#[test]
#[ignore = "needs mqtt.js"]
fn mqtt_js_speaks_every_version_and_qos_plain_and_over_tls() {
    every_version_and_qos(Client::MqttJs);
}

#[test]
#[ignore = "needs mqtt.js"]
fn mqtt_js_wills_fire_on_a_kill_and_not_on_a_disconnect() {
    wills_fire_on_a_kill_only(Client::MqttJs);
}

#[test]
#[ignore = "needs mqtt.js"]
fn mqtt_js_goes_on_after_a_lost_connection() {
    a_lost_connection_is_taken_up_again(Client::MqttJs);
}

fn mosquitto(
    tool: &str,
    gateway: &Gateway,
    listener: &str,
    device: &str,
    version: &str,
) -> Command {
    let (host, port) = gateway.address(listener).rsplit_once(':').expect("host:port");
    let mut command = Command::new(tool);
    command.args(["-h", host, "-p", port, "-i", device, "-V", version]);
    command
}

fn with_tls(command: &mut Command, pki: &Pki, device: &str) {
    pki.issue(device, &[]);
    let files: [(&str, &Path); 3] = [
        ("--cafile", &pki.file("ca", "pem")),
        ("--cert", &pki.file(device, "pem")),
        ("--key", &pki.file(device, "key")),
    ];
    for (flag, file) in files {
        command.arg(flag).arg(file);
    }
}

#[test]
#[ignore = "needs mosquitto"]
fn mosquitto_pub_speaks_every_version_and_qos_plain_and_over_tls() {
    let pki = Pki::new();
    let gateway = pki.gateway();
    for listener in ["mqtt", "mqtts"] {
        for version in ["mqttv311", "mqttv5"] {
            for qos in ["0", "1", "2"] {
                let device = format!("{listener}-{version}-{qos}");
                let mut command = mosquitto("mosquitto_pub", &gateway, listener, &device, version);
                if listener == "mqtts" {
                    with_tls(&mut command, &pki, &device);
                }
                let message = telemetry(1, gateway.now(), &[("heart_rate", 72.0, "/min")]);
                command.args(["-q", qos, "-t", &format!("vitalgate/v1/{device}/telemetry")]);
                succeeds(command.args(["-m", &message.to_string()]));
                eventually(&format!("the reading of {device}"), || {
                    (gateway.values(&device, "heart_rate") == [72.0]).then_some(())
                });
                eventually("the clean end", || (ends(&gateway, &device) == [true]).then_some(()));
            }
        }
    }
}

#[test]
#[ignore = "needs mosquitto"]
fn mosquitto_wills_fire_on_a_kill_and_not_on_a_disconnect() {
    let gateway = Gateway::start();
    for version in ["mqttv311", "mqttv5"] {
        let (clean, killed) = (format!("clean-{version}"), format!("killed-{version}"));
        let will = |device: &str| {
            [
                "--will-topic".to_owned(),
                format!("vitalgate/v1/{device}/status"),
                "--will-payload".to_owned(),
                "lost".to_owned(),
            ]
        };
        let message = telemetry(1, gateway.now(), &[("heart_rate", 72.0, "/min")]).to_string();
        let mut publish = mosquitto("mosquitto_pub", &gateway, "mqtt", &clean, version);
        publish.args(will(&clean)).args(["-q", "1", "-m", &message]);
        succeeds(publish.args(["-t", &format!("vitalgate/v1/{clean}/telemetry")]));

        let mut subscribe = mosquitto("mosquitto_sub", &gateway, "mqtt", &killed, version);
        subscribe.args(will(&killed)).args(["-t", &format!("vitalgate/v1/{killed}/commands")]);
        let mut child = subscribe.spawn().unwrap();
        let connected = |input: &Input| matches!(input, Input::Link { principal, connected: true, .. } if principal.as_str() == killed);
        eventually("mosquitto_sub connects", || {
            gateway.journal().iter().any(connected).then_some(())
        });
        child.kill().unwrap();
        child.wait().unwrap();
        eventually("the will", || (wills(&gateway, &killed) == 1).then_some(()));
        eventually("the clean end", || (ends(&gateway, &clean) == [true]).then_some(()));
        assert_eq!(wills(&gateway, &clean), 0, "a clean disconnect fires no will");
    }
}
