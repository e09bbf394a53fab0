//! TLS with client certificates.

use std::path::Path;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::pki_types::{PrivateKeyDer, ServerName};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::harness::*;
use crate::ingest::sources::listener::{Authentication, ListenerConfig, TlsFiles};
use vitalgate_domain::model::input::Input;

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
            assert!(gateway.refusals.rest().is_empty());
            continue;
        }
        let told = soon(async {
            loop {
                if let Some(told) = gateway.refusals.rest().pop() {
                    break told;
                }
                tokio::task::yield_now().await;
            }
        });
        let Input::SignInsFailed(failed) = told.await else { panic!("no sign-in") };
        assert_eq!((failed.name, failed.why.as_str()), (None, "no certificate that counts"));
    }
}
