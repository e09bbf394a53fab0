//! TLS: certificates and lists of certificates taken back, from PEM files that are read again when asked.

use std::path::PathBuf;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::server::WebPkiClientVerifier;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
pub(super) use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::certificate::{Certificate, TakenBack};
pub use crate::net::tls::BadTls;
use crate::net::tls::{authorities, certificates, private_key, revocation_lists, unfit};

/// Where the certificates are; PEM files.
#[derive(Clone, Debug)]
pub struct TlsFiles {
    /// The gateway's certificate, then its chain.
    pub certificates: PathBuf,
    /// Its private key.
    pub key: PathBuf,
    /// Who signs client certificates; `None` asks for none.
    pub client_ca: Option<PathBuf>,
    /// Which of those are taken back (CRLs); `None` for none.
    pub client_crl: Option<PathBuf>,
    /// Whether a client without a certificate is turned away in the handshake.
    pub require_client_certificate: bool,
}

impl TlsFiles {
    /// Whether a listener could use them.
    pub fn check(&self) -> Result<(), BadTls> {
        read(self).map(drop)
    }
}

/// What the files say.
#[derive(Clone)]
pub(super) struct InForce {
    /// For handshakes to come.
    pub(super) acceptor: TlsAcceptor,
    /// For connections that are there.
    pub(super) taken_back: Arc<TakenBack>,
}

impl std::fmt::Debug for InForce {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("InForce").field("taken_back", &self.taken_back).finish_non_exhaustive()
    }
}

/// Reads the files of a running listener again.
#[derive(Debug)]
pub struct TlsReload {
    files: TlsFiles,
    in_force: watch::Sender<InForce>,
}

impl TlsReload {
    /// What the files say now, and how it is read again.
    pub(super) fn begin(files: TlsFiles) -> Result<(Self, watch::Receiver<InForce>), BadTls> {
        let (in_force, seen) = watch::channel(read(&files)?);
        Ok((Self { files, in_force }, seen))
    }

    /// Takes over what the files say now; where they cannot be used, what was in force stays.
    pub fn reload(&self) -> Result<(), BadTls> {
        self.in_force.send_replace(read(&self.files)?);
        Ok(())
    }
}

fn read(files: &TlsFiles) -> Result<InForce, BadTls> {
    let lists = files.client_crl.as_deref().map(revocation_lists).transpose()?.unwrap_or_default();
    let taken_back = TakenBack::of(lists.iter().map(AsRef::as_ref))
        .ok_or_else(|| unfit("a list of certificates taken back cannot be read"))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(unfit)?;
    let builder = match &files.client_ca {
        None => builder.with_no_client_auth(),
        Some(path) => {
            let roots = authorities("client CA certificates", path)?;
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            let verifier = verifier
                .with_crls(lists)
                .only_check_end_entity_revocation()
                .allow_unknown_revocation_status();
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
    let acceptor = TlsAcceptor::from(Arc::new(config));
    Ok(InForce { acceptor, taken_back: Arc::new(taken_back) })
}

/// The client's verified certificate.
pub(super) fn peer_certificate<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &TlsStream<S>,
) -> Certificate {
    let certificate = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
    certificate.map(|der| Certificate::of(der)).unwrap_or_default()
}

/// Whether a handshake failed because the client has no certificate, or none that counts here.
pub(super) fn is_about_a_certificate(error: &std::io::Error) -> bool {
    let tls = error.get_ref().and_then(|error| error.downcast_ref());
    matches!(
        tls,
        Some(rustls::Error::NoCertificatesPresented | rustls::Error::InvalidCertificate(_))
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_with_a_file_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let files = TlsFiles {
            certificates: folder.path().join("none.pem"),
            key: folder.path().join("none.key"),
            client_ca: None,
            client_crl: None,
            require_client_certificate: false,
        };
        let error = read(&files).err().unwrap().to_string();
        assert!(error.starts_with("cannot read certificates from"), "{error}");
    }
}
