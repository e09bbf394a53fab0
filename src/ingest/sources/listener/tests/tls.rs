//! TLS with client certificates.

use std::path::Path;
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DnType, IsCa, Issuer,
    KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams, SerialNumber,
};
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
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let pem = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    fn certificate(&self, common_name: &str, name: &str) -> (rcgen::Certificate, KeyPair) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.serial_number = Some(serial(common_name));
        params.distinguished_name.push(DnType::CommonName, common_name);
        (params.signed_by(&key, &self.issuer).unwrap(), key)
    }

    /// A list that takes back what was issued to a name.
    fn takes_back(&self, common_name: &str) -> String {
        let list = CertificateRevocationListParams {
            this_update: rcgen::date_time_ymd(2026, 1, 1),
            next_update: rcgen::date_time_ymd(2036, 1, 1),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: vec![RevokedCertParams {
                serial_number: serial(common_name),
                revocation_time: rcgen::date_time_ymd(2026, 1, 1),
                reason_code: None,
                invalidity_date: None,
            }],
            key_identifier_method: KeyIdMethod::Sha256,
        };
        list.signed_by(&self.issuer).unwrap().pem().unwrap()
    }

    fn files(&self, folder: &Path, require_client_certificate: bool) -> TlsFiles {
        let (certificate, key) = self.certificate("gateway", "localhost");
        let files = TlsFiles {
            certificates: folder.join("gateway.pem"),
            key: folder.join("gateway.key"),
            client_ca: Some(folder.join("ca.pem")),
            client_crl: None,
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

/// Each name has a number of its own.
fn serial(common_name: &str) -> SerialNumber {
    SerialNumber::from(common_name.as_bytes().to_vec())
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
async fn a_certificate_that_is_taken_back_ends_its_connection_and_is_let_in_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new();
    let list = folder.path().join("crl.pem");
    let files = authority.files(folder.path(), true);
    std::fs::write(&list, authority.takes_back("somebody-else")).unwrap();
    let files = TlsFiles { client_crl: Some(list.clone()), ..files };
    let mut gateway = Gateway::start(config(files));
    let host = || ServerName::try_from("localhost").unwrap();
    let address = gateway.addr;
    let enter = async |name| {
        let socket = TcpStream::connect(address).await.unwrap();
        let mut stream = soon(authority.client(Some(name)).connect(host(), socket)).await?;
        stream.write_all(&Connect { client_id: name, ..V4 }.bytes()).await?;
        let mut connack = [0; 4];
        soon(stream.read_exact(&mut connack)).await?;
        assert_eq!(connack, [0x20, 2, 0, 0]);
        Ok::<_, std::io::Error>(stream)
    };
    let mut first = enter("dev-1").await.unwrap();
    let mut other = enter("cm-1").await.unwrap();
    let reload = gateway.tls.take().unwrap();

    std::fs::write(&list, "no list").unwrap();
    assert!(reload.reload().is_err_and(|error| error.to_string().contains("crl.pem")));
    other.write_all(&[0xc0, 0]).await.unwrap();
    let mut pong = [0; 2];
    soon(other.read_exact(&mut pong)).await.unwrap();

    std::fs::write(&list, authority.takes_back("dev-1")).unwrap();
    reload.reload().unwrap();
    let mut rest = Vec::new();
    drop(soon(first.read_to_end(&mut rest)).await);
    assert!(rest.is_empty(), "MQTT 3.1.1 has no word for it: {rest:?}");
    assert!(enter("dev-1").await.is_err());
    other.write_all(&[0xc0, 0]).await.unwrap();
    soon(other.read_exact(&mut pong)).await.unwrap();
    assert_eq!(pong, [0xd0, 0]);
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
