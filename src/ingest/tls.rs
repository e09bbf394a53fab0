//! Certificates from PEM files, and what can be wrong with them.

use std::io;
use std::path::PathBuf;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

/// Why TLS could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum BadTls {
    /// A file is missing or is not the PEM it should be.
    #[error("cannot read {what} from {path}: {source}")]
    File {
        /// Which.
        what: &'static str,
        /// Where.
        path: PathBuf,
        /// Why.
        source: rustls::pki_types::pem::Error,
    },
    /// The parts do not fit together.
    #[error("the TLS certificates cannot be used: {0}")]
    Unfit(String),
}

impl From<BadTls> for io::Error {
    fn from(error: BadTls) -> Self {
        Self::new(io::ErrorKind::InvalidInput, error)
    }
}

/// All certificates of a file; `what` they are is said where there are none.
pub(super) fn certificates(
    what: &'static str,
    path: &PathBuf,
) -> Result<Vec<CertificateDer<'static>>, BadTls> {
    let bad = |source| BadTls::File { what, path: path.clone(), source };
    let found: Result<Vec<_>, _> = CertificateDer::pem_file_iter(path).map_err(bad)?.collect();
    let found = found.map_err(bad)?;
    if found.is_empty() {
        return Err(bad(rustls::pki_types::pem::Error::NoItemsFound));
    }
    Ok(found)
}

/// Parts that do not fit together.
pub(super) fn unfit(error: impl std::fmt::Display) -> BadTls {
    BadTls::Unfit(error.to_string())
}
