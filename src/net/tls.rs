//! TLS by rustls: certificates from PEM files, whom to trust as a client, and what can be wrong.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore, ServerConfig};

/// Why TLS could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum BadTls {
    /// A file is missing or is not the PEM it should be.
    #[error("cannot read {what} from {}: {source}", path.display())]
    File {
        /// Which.
        what: &'static str,
        /// Where.
        path: PathBuf,
        /// Why.
        source: pem::Error,
    },
    /// No file was named, and the system trusts nobody.
    #[error(
        "the system has no certificates of authorities: name the file of who signs the server's"
    )]
    NoAuthorities,
    /// The parts do not fit together.
    #[error("the TLS certificates cannot be used: {0}")]
    Unfit(String),
}

impl From<BadTls> for io::Error {
    fn from(error: BadTls) -> Self {
        Self::new(io::ErrorKind::InvalidInput, error)
    }
}

/// What a client needs to trust those whom `ca` signed, else one of the system's authorities, and
/// to show a certificate chain and key of its `own`. PEM files, read once.
pub fn client(ca: Option<&Path>, own: Option<(&Path, &Path)>) -> Result<Arc<ClientConfig>, BadTls> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(unfit)?
        .with_root_certificates(roots(ca)?);
    let config = match own {
        None => builder.with_no_client_auth(),
        Some((chain, key)) => builder
            .with_client_auth_cert(certificates("certificates", chain)?, private_key(key)?)
            .map_err(unfit)?,
    };
    Ok(Arc::new(config))
}

/// What a server needs to show this certificate chain with its key, to clients of which it asks for none, and to speak
/// one of these protocols (ALPN), the first that a client knows. PEM files, read once.
pub fn server(chain: &Path, key: &Path, protocols: &[&[u8]]) -> Result<Arc<ServerConfig>, BadTls> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(unfit)?
        .with_no_client_auth()
        .with_single_cert(certificates("certificates", chain)?, private_key(key)?)
        .map_err(unfit)?;
    config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
    Ok(Arc::new(config))
}

/// All certificates of a file; `what` they are is said where there are none.
pub fn certificates(
    what: &'static str,
    path: &Path,
) -> Result<Vec<CertificateDer<'static>>, BadTls> {
    let bad = |source| BadTls::File { what, path: path.to_owned(), source };
    let found: Result<Vec<_>, _> = CertificateDer::pem_file_iter(path).map_err(bad)?.collect();
    let found = found.map_err(bad)?;
    if found.is_empty() {
        return Err(bad(pem::Error::NoItemsFound));
    }
    Ok(found)
}

/// Those who sign, from a file of their certificates; `what` they are as in [`certificates`].
pub fn authorities(what: &'static str, path: &Path) -> Result<RootCertStore, BadTls> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(what, path)? {
        roots.add(certificate).map_err(unfit)?;
    }
    Ok(roots)
}

/// All lists of certificates taken back (CRLs) of a file.
pub fn revocation_lists(path: &Path) -> Result<Vec<CertificateRevocationListDer<'static>>, BadTls> {
    let what = "lists of certificates taken back";
    let bad = |source| BadTls::File { what, path: path.to_owned(), source };
    let found = CertificateRevocationListDer::pem_file_iter(path).map_err(bad)?;
    let found: Vec<_> = found.collect::<Result<_, _>>().map_err(bad)?;
    if found.is_empty() {
        return Err(bad(pem::Error::NoItemsFound));
    }
    Ok(found)
}

/// The private key of a file.
pub fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, BadTls> {
    let bad = |source| BadTls::File { what: "a private key", path: path.to_owned(), source };
    PrivateKeyDer::from_pem_file(path).map_err(bad)
}

/// Parts that do not fit together.
pub fn unfit(error: impl std::fmt::Display) -> BadTls {
    BadTls::Unfit(error.to_string())
}

fn roots(ca: Option<&Path>) -> Result<RootCertStore, BadTls> {
    if let Some(path) = ca {
        return authorities("certificates to trust", path);
    }
    let mut roots = RootCertStore::empty();
    // Some systems hold certificates that no program can read.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() { Err(BadTls::NoAuthorities) } else { Ok(roots) }
}
