//! How the gateway shows who it is, and whom it trusts.

use std::fs;
use std::path::Path;

use serde_json::json;

use crate::harness::eventually;
use crate::mosquitto::Mosquitto;
use crate::mqtt::Client;
use crate::setup::{RULES, Setup};

use super::{all_there, behind, degraded, publish, subscribed};

#[test]
#[ignore = "needs mosquitto"]
fn a_user_logs_in_with_the_password_of_a_file() {
    let broker = Mosquitto::start_with("per_listener_settings true", |dir, port| {
        let passwords = dir.join("passwords");
        let status = std::process::Command::new("mosquitto_passwd")
            .arg("-b")
            .arg("-c")
            .arg(&passwords)
            .args(["gateway", "se cret"])
            .status()
            .expect("mosquitto_passwd");
        assert!(status.success());
        fs::write(dir.join("password"), "se cret\n").unwrap();
        fs::write(dir.join("port"), port.to_string()).unwrap();
        format!(
            "listener {port} 127.0.0.1\nallow_anonymous false\n\
             password_file {}\n",
            passwords.display()
        )
    });
    let closed: u16 = fs::read_to_string(broker.dir().join("port")).unwrap().parse().unwrap();
    let with = |password: &Path| json!({ "user": "gateway", "password_file": password });
    let gateway = behind(closed, &with(&broker.dir().join("password"))).start();
    gateway.admit("p1", "dev-1");
    subscribed(&gateway);
    let wrong = broker.dir().join("wrong");
    fs::write(&wrong, "wrong").unwrap();
    let other = behind(closed, &with(&wrong)).start();
    eventually("the refusal", || {
        degraded(&other).first().filter(|why| why.contains("the broker refuses")).map(drop)
    });
    assert!(!other.log().contains("wrong") && !gateway.log().contains("se cret"));
}

#[test]
#[ignore = "needs mosquitto"]
fn tls_with_a_client_certificate() {
    let pki = crate::pki::Pki::new();
    let folder = tempfile::tempdir().unwrap();
    let (server, client, ca) = (
        pki.issue(folder.path(), "server", "broker.test"),
        pki.issue(folder.path(), "client", "vitalgate"),
        pki.authority(folder.path()),
    );
    let broker = Mosquitto::start_with("per_listener_settings true", |dir, port| {
        fs::write(dir.join("port"), port.to_string()).unwrap();
        let list = dir.join("acl");
        fs::write(&list, "user vitalgate\ntopic readwrite vitalgate/v1/#\n").unwrap();
        format!(
            "listener {port} 127.0.0.1\nallow_anonymous true\ncafile {}\ncertfile {}\n\
             keyfile {}\nrequire_certificate true\nuse_identity_as_username true\nacl_file {}\n",
            ca.display(),
            server.0.display(),
            server.1.display(),
            list.display()
        )
    });
    let port: u16 = fs::read_to_string(broker.dir().join("port")).unwrap().parse().unwrap();
    let tls = |name: &str| {
        json!({ "port": port, "speaks_for": "registered", "tls": {
            "ca": ca, "certificate": client.0, "key": client.1, "server_name": name,
        }})
    };
    let gateway = Setup::default().rules(RULES).broker(&tls("broker.test")).start();
    gateway.admit("p1", "dev-1");
    subscribed(&gateway);
    let mut sender = Client::connect(&broker.address(), "sender");
    publish(&mut sender, &gateway, "dev-1", 1, 100);
    all_there(&gateway, "dev-1", 100);
    // A broker that is not who it should be is not spoken to.
    let other = Setup::default().rules(RULES).broker(&tls("other.test")).start();
    let why = eventually("the refusal", || {
        degraded(&other).into_iter().find(|why| why.contains("TLS with 127.0.0.1"))
    });
    assert!(why.contains("certificate"), "{why}");
}
