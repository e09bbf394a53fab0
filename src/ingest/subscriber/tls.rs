//! TLS towards a broker: whom to trust, and who one is.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::ingest::tls::{BadTls, certificates, unfit};

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
        let mut roots = RootCertStore::empty();
        for certificate in certificates("the broker's CA certificates", &files.ca)? {
            roots.add(certificate).map_err(unfit)?;
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(unfit)?
            .with_root_certificates(roots);
        let config = match &files.own {
            None => builder.with_no_client_auth(),
            Some((certificate, key)) => {
                let chain = certificates("certificates", certificate)?;
                let key = PrivateKeyDer::from_pem_file(key).map_err(|source| BadTls::File {
                    what: "a private key",
                    path: key.clone(),
                    source,
                })?;
                builder.with_client_auth_cert(chain, key).map_err(unfit)?
            }
        };
        let connector = TlsConnector::from(Arc::new(config));
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
