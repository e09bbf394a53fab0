//! TLS: certificates from PEM files, and the names in a client's certificate.

use std::path::PathBuf;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::server::WebPkiClientVerifier;
use tokio::io::{AsyncRead, AsyncWrite};
pub(super) use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use x509_parser::extensions::GeneralName;

pub use crate::net::tls::BadTls;
use crate::net::tls::{authorities, certificates, private_key, unfit};

/// Where the certificates are; PEM files, read once.
#[derive(Clone, Debug)]
pub struct TlsFiles {
    /// The gateway's certificate, then its chain.
    pub certificates: PathBuf,
    /// Its private key.
    pub key: PathBuf,
    /// Who signs client certificates; `None` asks for none.
    pub client_ca: Option<PathBuf>,
    /// Whether a client without a certificate is turned away in the handshake.
    pub require_client_certificate: bool,
}

impl TlsFiles {
    /// Whether a listener could use them.
    pub fn check(&self) -> Result<(), BadTls> {
        acceptor(self).map(drop)
    }
}

/// An acceptor from the files.
pub(super) fn acceptor(files: &TlsFiles) -> Result<TlsAcceptor, BadTls> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(unfit)?;
    let builder = match &files.client_ca {
        None => builder.with_no_client_auth(),
        Some(path) => {
            let roots = authorities("client CA certificates", path)?;
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            let verifier = if files.require_client_certificate {
                verifier
            } else {
                verifier.allow_unauthenticated()
            };
            builder.with_client_cert_verifier(verifier.build().map_err(unfit)?)
        }
    };
    let chain = certificates("certificates", &files.certificates)?;
    let config = builder.with_single_cert(chain, private_key(&files.key)?).map_err(unfit)?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// Names in the client's verified certificate: CN, then the DNS names among its SANs.
pub(super) fn peer_names<S: AsyncRead + AsyncWrite + Unpin>(stream: &TlsStream<S>) -> Vec<String> {
    let certificate = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
    certificate.map(|der| names(der)).unwrap_or_default()
}

/// Whether a handshake failed because the client has no certificate, or none that counts here.
pub(super) fn is_about_a_certificate(error: &std::io::Error) -> bool {
    let tls = error.get_ref().and_then(|error| error.downcast_ref());
    matches!(
        tls,
        Some(rustls::Error::NoCertificatesPresented | rustls::Error::InvalidCertificate(_))
    )
}

fn names(der: &[u8]) -> Vec<String> {
    let Ok((_, certificate)) = x509_parser::parse_x509_certificate(der) else {
        return Vec::new();
    };
    let common = certificate.subject().iter_common_name().filter_map(|name| name.as_str().ok());
    let mut names: Vec<String> = common.map(str::to_owned).collect();
    if let Ok(Some(alternative)) = certificate.subject_alternative_name() {
        for name in &alternative.value.general_names {
            if let GeneralName::DNSName(name) = name {
                names.push((*name).to_owned());
            }
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_the_common_name_then_the_dns_names() {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::new(vec!["san-1".to_owned()]).unwrap();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(rcgen::DnType::CommonName, "cn-1");
        let certificate = params.self_signed(&key).unwrap();
        assert_eq!(names(certificate.der()), ["cn-1", "san-1"]);
        assert!(names(b"nonsense").is_empty());
    }

    #[test]
    fn what_is_wrong_with_a_file_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let files = TlsFiles {
            certificates: folder.path().join("none.pem"),
            key: folder.path().join("none.key"),
            client_ca: None,
            require_client_certificate: false,
        };
        let error = acceptor(&files).err().unwrap().to_string();
        assert!(error.starts_with("cannot read certificates from"), "{error}");
    }
}
