//! TLS towards a broker: whom to trust, and who one is.

use std::io;
use std::path::PathBuf;

use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::net::tls::{BadTls, client};

/// Where the certificates are; PEM files, read once.
#[derive(Clone, Debug)]
pub struct BrokerTlsFiles {
    /// Who signs the broker's certificate.
    pub ca: PathBuf,
    /// The gateway's own certificate chain and key, where the broker asks for them.
    pub own: Option<(PathBuf, PathBuf)>,
    /// The name in the broker's certificate, where it is not the host's.
    pub server_name: Option<String>,
}

/// Makes connections secure.
pub(super) struct Tls {
    connector: TlsConnector,
    server_name: Option<String>,
}

impl Tls {
    pub(super) fn read(files: &BrokerTlsFiles) -> Result<Self, BadTls> {
        let own = files.own.as_ref().map(|(chain, key)| (&**chain, &**key));
        let connector = TlsConnector::from(client(Some(&files.ca), own)?);
        Ok(Self { connector, server_name: files.server_name.clone() })
    }

    /// Shakes hands; the broker must be who its certificate says.
    pub(super) async fn connect(
        &self,
        host: &str,
        socket: TcpStream,
    ) -> io::Result<TlsStream<TcpStream>> {
        let name = self.server_name.as_deref().unwrap_or(host).to_owned();
        let name = ServerName::try_from(name)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        self.connector.connect(name, socket).await
    }
}
