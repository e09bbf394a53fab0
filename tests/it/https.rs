//! HTTPS of the program itself: its certificate, read again at SIGHUP, and what `check` says of it.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::json;

use crate::harness::{Gateway, eventually, vitalgate};
use crate::pki::Pki;
use crate::setup::Setup;

struct Secured {
    gateway: Gateway,
    pki: Pki,
    folder: tempfile::TempDir,
    client: Arc<ClientConfig>,
}

impl Secured {
    fn start() -> Self {
        let (pki, folder) = (Pki::new(), tempfile::tempdir().unwrap());
        let (certificate, key) = pki.issue(folder.path(), "own", "localhost");
        let tls = json!({ "listen": "127.0.0.1:0", "certificate": certificate, "key": key });
        let gateway = Setup::default().section("http", json!({ "tls": tls })).start();
        let mut roots = RootCertStore::empty();
        let ca = CertificateDer::from_pem_file(pki.authority(folder.path())).unwrap();
        roots.add(ca).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider);
        let builder = builder.with_safe_default_protocol_versions().unwrap();
        let mut client = builder.with_root_certificates(roots).with_no_client_auth();
        client.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Self { gateway, pki, folder, client: Arc::new(client) }
    }

    /// The certificate shown and the protocol agreed on.
    fn handshake(&self) -> (Vec<u8>, Vec<u8>) {
        let mut stream = self.connect(Arc::clone(&self.client));
        stream.flush().unwrap();
        let connection = &stream.conn;
        let shown = connection.peer_certificates().unwrap()[0].to_vec();
        (shown, connection.alpn_protocol().unwrap().to_vec())
    }

    fn connect(&self, client: Arc<ClientConfig>) -> StreamOwned<ClientConnection, TcpStream> {
        let name = ServerName::try_from("localhost").unwrap();
        let mut connection = ClientConnection::new(client, name).unwrap();
        let mut socket = TcpStream::connect(self.gateway.address("https")).unwrap();
        connection.complete_io(&mut socket).unwrap();
        StreamOwned::new(connection, socket)
    }

    fn on_disk(&self) -> Vec<u8> {
        CertificateDer::from_pem_file(self.folder.path().join("own.pem")).unwrap().to_vec()
    }
}

#[test]
fn the_page_is_served_over_tls_and_a_new_certificate_is_taken_over_at_sighup() {
    let mut secured = Secured::start();
    assert_eq!(secured.handshake(), (secured.on_disk(), b"h2".to_vec()));
    let mut plain = (*secured.client).clone();
    plain.alpn_protocols = Vec::new();
    let mut stream = secured.connect(Arc::new(plain));
    stream
        .write_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "a client without ALPN speaks HTTP/1.1: {answer}");

    let before = secured.on_disk();
    secured.pki.issue(secured.folder.path(), "own", "localhost");
    let after = secured.on_disk();
    assert_ne!(before, after);
    secured.gateway.signal("HUP");
    eventually("the new certificate is shown", || (secured.handshake().0 == after).then_some(()));

    fs::write(secured.folder.path().join("own.pem"), "no certificate").unwrap();
    secured.gateway.signal("HUP");
    eventually("what is wrong is told", || {
        let told = secured.gateway.log();
        told.contains("certificate and key of HTTP stay as they are").then_some(())
    });
    assert_eq!(secured.handshake().0, after, "what was in force stays");
    secured.gateway.stop();
}

fn configured(folder: &Path, http: &serde_json::Value) -> PathBuf {
    let config = json!({ "store": { "dir": folder.join("store") }, "http": http });
    let path = folder.join("gateway.toml");
    fs::write(&path, toml::to_string(&config).unwrap()).unwrap();
    path
}

#[test]
fn check_reads_the_certificate_and_knows_who_could_come_in() {
    let (pki, folder) = (Pki::new(), tempfile::tempdir().unwrap());
    let (certificate, key) = pki.issue(folder.path(), "own", "localhost");
    let check = |http: &serde_json::Value| {
        let output = vitalgate("check", &configured(folder.path(), http), &[]);
        let printed = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8(printed).unwrap())
    };
    let tls = |listen: &str| json!({ "listen": listen, "certificate": certificate, "key": key });
    let (code, said) = check(&json!({ "tls": tls("127.0.0.1:0") }));
    assert_eq!(code, Some(0), "{said}");
    let (code, said) = check(&json!({ "tls": tls("0.0.0.0:8443") }));
    assert_eq!(code, Some(64), "{said}");
    assert!(said.contains("http.tls.listen") && said.contains("[[http.token]]"), "{said}");
    fs::write(&key, "no key").unwrap();
    let (code, said) = check(&json!({ "tls": tls("127.0.0.1:0") }));
    assert_eq!(code, Some(64), "{said}");
    assert!(said.contains("[http.tls]"), "{said}");
}
