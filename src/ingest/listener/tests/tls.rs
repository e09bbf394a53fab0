//! TLS with client certificates, and an MQTT client written by others.

use std::path::Path;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::pki_types::{PrivateKeyDer, ServerName};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::harness::*;
use crate::ingest::listener::{Authentication, ListenerConfig, TlsFiles};

struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Authority {
    fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    fn certificate(&self, common_name: &str, name: &str) -> (rcgen::Certificate, KeyPair) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, common_name);
        (params.signed_by(&key, &self.issuer).unwrap(), key)
    }

    fn files(&self, folder: &Path, require_client_certificate: bool) -> TlsFiles {
        let (certificate, key) = self.certificate("gateway", "localhost");
        let files = TlsFiles {
            certificates: folder.join("gateway.pem"),
            key: folder.join("gateway.key"),
            client_ca: Some(folder.join("ca.pem")),
            require_client_certificate,
        };
        std::fs::write(&files.certificates, certificate.pem()).unwrap();
        std::fs::write(&files.key, key.serialize_pem()).unwrap();
        std::fs::write(files.client_ca.as_ref().unwrap(), &self.pem).unwrap();
        files
    }

    fn client(&self, common_name: Option<&str>) -> tokio_rustls::TlsConnector {
        use rustls::pki_types::pem::PemObject;
        let mut roots = rustls::RootCertStore::empty();
        roots
            .add(rustls::pki_types::CertificateDer::from_pem_slice(self.pem.as_bytes()).unwrap())
            .unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let config = match common_name {
            None => builder.with_no_client_auth(),
            Some(name) => {
                let (certificate, key) = self.certificate(name, "some.host");
                let key = PrivateKeyDer::from_pem_slice(key.serialize_pem().as_bytes()).unwrap();
                builder.with_client_auth_cert(vec![certificate.der().clone()], key).unwrap()
            }
        };
        Arc::new(config).into()
    }
}

fn config(files: TlsFiles) -> ListenerConfig {
    ListenerConfig {
        plain: Vec::new(),
        tls: vec!["127.0.0.1:0".parse().unwrap()],
        tls_files: Some(files),
        authentication: Authentication::Required,
        ..ListenerConfig::default()
    }
}

#[tokio::test]
async fn a_client_certificate_names_the_principal() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new();
    let mut gateway = Gateway::start(config(authority.files(folder.path(), true)));
    let socket = TcpStream::connect(gateway.addr).await.unwrap();
    let host = ServerName::try_from("localhost").unwrap();
    let mut stream = soon(authority.client(Some("dev-1")).connect(host, socket)).await.unwrap();
    let connect = Connect { client_id: "whatever", ..V4 };
    stream.write_all(&connect.bytes()).await.unwrap();
    let mut connack = [0; 4];
    soon(stream.read_exact(&mut connack)).await.unwrap();
    assert_eq!(connack, [0x20, 2, 0, 0]);
    assert_eq!(gateway.link().await, ("dev-1".to_owned(), true, false));
    stream.write_all(&qos1(1)).await.unwrap();
    release(gateway.messages(1).await);
    soon(stream.read_exact(&mut connack)).await.unwrap();
    assert_eq!(connack, [0x40, 2, 0, 1]);
}

#[tokio::test]
async fn without_a_certificate_a_token_will_do_unless_one_is_required() {
    for required in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::new();
        let mut gateway = Gateway::start(config(authority.files(folder.path(), required)));
        let socket = TcpStream::connect(gateway.addr).await.unwrap();
        let host = ServerName::try_from("localhost").unwrap();
        let mut stream = soon(authority.client(None).connect(host, socket)).await.unwrap();
        let connect = Connect { user: Some("dev-2"), password: Some("secret"), ..V4 };
        stream.write_all(&connect.bytes()).await.unwrap();
        let mut connack = [0; 4];
        let answered = soon(stream.read_exact(&mut connack)).await.is_ok();
        assert_eq!(answered, !required);
        if answered {
            assert_eq!(connack, [0x20, 2, 0, 0]);
            assert_eq!(gateway.link().await.0, "dev-2");
        }
    }
}

#[tokio::test]
async fn a_foreign_client_of_3_1_1_hears_of_every_commit() {
    use rumqttc::{AsyncClient, Event, MqttOptions, Outgoing, Packet, QoS};
    let mut gateway = Gateway::start(open());
    let mut options = MqttOptions::new("dev-1", "127.0.0.1", gateway.addr.port());
    options.set_clean_session(false);
    let (client, mut events) = AsyncClient::new(options, 10);
    for (seq, qos) in [(1, QoS::AtMostOnce), (2, QoS::AtLeastOnce), (3, QoS::ExactlyOnce)] {
        client.publish(TOPIC, qos, false, telemetry(seq)).await.unwrap();
    }
    client.subscribe("vitalgate/v1/dev-1/commands", QoS::AtLeastOnce).await.unwrap();
    let pipeline = async {
        assert!(gateway.link().await.1);
        let mut seen = Vec::new();
        while seen.len() < 3 {
            let submission = gateway.submission().await;
            seen.extend(seqs([&submission]));
            release([submission]);
        }
        assert_eq!(seen, [1, 2, 3]);
        gateway.link().await
    };
    let device = async {
        let mut heard = [0; 4];
        loop {
            match soon(events.poll()).await.unwrap() {
                Event::Incoming(Packet::PubAck(_)) => heard[0] += 1,
                Event::Incoming(Packet::PubRec(_)) => heard[1] += 1,
                Event::Incoming(Packet::PubComp(_)) => heard[2] += 1,
                Event::Incoming(Packet::SubAck(_)) => heard[3] += 1,
                Event::Outgoing(Outgoing::Disconnect) => break,
                Event::Incoming(_) | Event::Outgoing(_) => {}
            }
            if heard == [1, 1, 1, 1] {
                client.disconnect().await.unwrap();
                heard[0] += 1;
            }
        }
    };
    let (link, ()) = tokio::join!(pipeline, device);
    assert_eq!(link, ("dev-1".to_owned(), false, true));
}

#[tokio::test]
async fn a_foreign_client_of_5_hears_of_every_commit() {
    use rumqttc::v5::mqttbytes::QoS;
    use rumqttc::v5::mqttbytes::v5::Packet;
    use rumqttc::v5::{AsyncClient, Event, MqttOptions};
    let mut gateway = Gateway::start(open());
    let mut options = MqttOptions::new("dev-1", "127.0.0.1", gateway.addr.port());
    options.set_keep_alive(std::time::Duration::from_secs(60));
    let (client, mut events) = AsyncClient::new(options, 10);
    client.publish(TOPIC, QoS::AtLeastOnce, false, telemetry(1)).await.unwrap();
    client.publish(TOPIC, QoS::ExactlyOnce, false, telemetry(2)).await.unwrap();
    let pipeline = async {
        assert!(gateway.link().await.1);
        let mut seen = Vec::new();
        while seen.len() < 2 {
            let submission = gateway.submission().await;
            seen.extend(seqs([&submission]));
            release([submission]);
        }
        assert_eq!(seen, [1, 2]);
    };
    let device = async {
        let (mut acknowledged, mut completed) = (false, false);
        while !(acknowledged && completed) {
            match soon(events.poll()).await.unwrap() {
                Event::Incoming(Packet::PubAck(_)) => acknowledged = true,
                Event::Incoming(Packet::PubComp(_)) => completed = true,
                Event::Incoming(_) | Event::Outgoing(_) => {}
            }
        }
    };
    tokio::join!(pipeline, device);
}
