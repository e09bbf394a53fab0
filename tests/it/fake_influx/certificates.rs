//! A certificate for `localhost`, and who signed it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio_rustls::TlsAcceptor;

/// A server certificate for `localhost`, and who signed it.
pub(crate) struct Certificates {
    pub(crate) ca: PathBuf,
    pub(super) acceptor: TlsAcceptor,
}

impl Certificates {
    /// Made for this run, in `dir`.
    pub(crate) fn make(dir: &Path) -> Self {
        let ca_key = rcgen::KeyPair::generate().unwrap();
        let mut ca = rcgen::CertificateParams::new(Vec::new()).unwrap();
        ca.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let ca_certificate = ca.self_signed(&ca_key).unwrap();
        let path = dir.join("influx-ca.pem");
        std::fs::write(&path, ca_certificate.pem()).unwrap();
        let key = rcgen::KeyPair::generate().unwrap();
        let server = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let issuer = rcgen::Issuer::new(ca, ca_key);
        let server = server.signed_by(&key, &issuer).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![server.der().clone()],
                rustls::pki_types::PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
            )
            .unwrap();
        Self { ca: path, acceptor: TlsAcceptor::from(Arc::new(config)) }
    }
}
