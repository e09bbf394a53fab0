//! TLS of the HTTP side: certificate and key from PEM files that are read again when asked.

use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

use crate::config::HttpTls;
use crate::net::tls::{self, BadTls};

/// HTTP/2 where the client knows it: six tabs of one browser then share a connection.
pub(super) const HTTP2: &[u8] = b"h2";
const PROTOCOLS: [&[u8]; 2] = [HTTP2, b"http/1.1"];

/// Where certificate and key are; PEM files.
#[derive(Clone, Debug)]
pub struct TlsFiles {
    certificate: PathBuf,
    key: PathBuf,
}

impl TlsFiles {
    /// Whether the server could use them.
    pub fn check(&self) -> Result<(), BadTls> {
        self.read().map(drop)
    }

    fn read(&self) -> Result<TlsAcceptor, BadTls> {
        tls::server(&self.certificate, &self.key, &PROTOCOLS).map(TlsAcceptor::from)
    }
}

impl From<&HttpTls> for TlsFiles {
    fn from(tls: &HttpTls) -> Self {
        Self { certificate: tls.certificate.clone(), key: tls.key.clone() }
    }
}

/// Reads the files of a running server again.
pub struct TlsReload {
    files: TlsFiles,
    in_force: watch::Sender<Arc<TlsAcceptor>>,
}

impl std::fmt::Debug for TlsReload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TlsReload").field("files", &self.files).finish_non_exhaustive()
    }
}

impl TlsReload {
    /// What the files say now, for handshakes to come, and how they are read again.
    pub(super) fn begin(
        files: TlsFiles,
    ) -> Result<(Self, watch::Receiver<Arc<TlsAcceptor>>), BadTls> {
        let (in_force, seen) = watch::channel(Arc::new(files.read()?));
        Ok((Self { files, in_force }, seen))
    }

    /// Takes over what the files say now; where they cannot be used, what was in force stays.
    pub fn reload(&self) -> Result<(), BadTls> {
        self.in_force.send_replace(Arc::new(self.files.read()?));
        Ok(())
    }
}
