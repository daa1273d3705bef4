//! TLS: a configuration from two files, and handshakes that cannot be used against others.
//!
//! Everything else about TLS is decided by rustls, whose configuration [`Serve::tls`] takes as it
//! is; it is exported here under the version that is used.
//!
//! [`Serve::tls`]: crate::Serve::tls

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tracing::debug;

use crate::sync::lock;

pub use rustls;

/// Makes a configuration from PEM files: the server's certificate followed by those between it
/// and a trusted root, and its private key (PKCS #8, PKCS #1 or SEC1, not encrypted).
///
/// TLS 1.2 and 1.3 with the safe defaults of rustls, aws-lc-rs as its provider; HTTP/2 and
/// HTTP/1.1 by ALPN. The files are read once: after renewing the certificate, start anew.
///
/// # Errors
///
/// A [`ConfigError`], whose text names the file: it cannot be read, has nothing in it that is of
/// use, or the key does not belong to the certificate.
///
/// # Examples
///
/// ```
/// # async fn run(listener: tokio::net::TcpListener) -> Result<(), Box<dyn std::error::Error>> {
/// let config = switchboard::tls::config("server.crt", "server.key")?;
/// let io = switchboard::Server::builder().build();
/// switchboard::Serve::new(io).tls(config).run(listener, std::future::pending()).await?;
/// # Ok(())
/// # }
/// ```
pub fn config(
    certificates: impl AsRef<Path>,
    key: impl AsRef<Path>,
) -> Result<Arc<ServerConfig>, ConfigError> {
    let (certificates, key) = (certificates.as_ref(), key.as_ref());
    let chain = read_certificates(certificates)
        .map_err(|error| ConfigError::new(certificates, Problem::Certificates(error)))?;
    if chain.is_empty() {
        return Err(ConfigError::new(certificates, Problem::NoCertificate));
    }
    let private = PrivateKeyDer::from_pem_file(key)
        .map_err(|error| ConfigError::new(key, Problem::Key(error)))?;
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|it| it.with_no_client_auth().with_single_cert(chain, private))
        .map_err(|error| match error {
            rustls::Error::InvalidCertificate(_) => {
                ConfigError::new(certificates, Problem::Refused(error))
            }
            _ => ConfigError::new(key, Problem::Refused(error)),
        })?;
    Ok(with_alpn(Arc::new(config)))
}

fn read_certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, pem::Error> {
    CertificateDer::pem_file_iter(path)?.collect()
}

/// Why [`config`] made none. The text names the file and says what to do.
#[derive(Debug)]
pub struct ConfigError {
    path: PathBuf,
    problem: Problem,
}

#[derive(Debug)]
enum Problem {
    Certificates(pem::Error),
    NoCertificate,
    Key(pem::Error),
    Refused(rustls::Error),
}

impl ConfigError {
    fn new(path: &Path, problem: Problem) -> Self {
        Self { path: path.to_owned(), problem }
    }

    /// The file to look at.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        match &self.problem {
            Problem::Certificates(pem::Error::Io(error)) | Problem::Key(pem::Error::Io(error)) => {
                write!(f, "{path} cannot be read: {error}")
            }
            Problem::Certificates(error) => write!(f, "{path} is no PEM file: {error:?}"),
            Problem::NoCertificate => {
                write!(f, "{path} has no certificate in it; expected -----BEGIN CERTIFICATE-----")
            }
            Problem::Key(pem::Error::NoItemsFound) => write!(
                f,
                "{path} has no private key in it; expected -----BEGIN PRIVATE KEY-----, \
                 without a password"
            ),
            Problem::Key(error) => write!(f, "{path} is no PEM file: {error:?}"),
            Problem::Refused(rustls::Error::InconsistentKeys(_)) => {
                write!(f, "{path} is not the key of the certificate")
            }
            Problem::Refused(error) => write!(f, "{path} cannot be used: {error}"),
        }
    }
}

impl Error for ConfigError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.problem {
            Problem::Certificates(pem::Error::Io(error)) | Problem::Key(pem::Error::Io(error)) => {
                Some(error)
            }
            Problem::Refused(error) => Some(error),
            _ => None,
        }
    }
}

/// A configuration that names no protocols speaks those that we do.
fn with_alpn(config: Arc<ServerConfig>) -> Arc<ServerConfig> {
    if !config.alpn_protocols.is_empty() {
        return config;
    }
    let mut config = Arc::unwrap_or_clone(config);
    config.alpn_protocols = vec![HTTP_2.to_vec(), b"http/1.1".to_vec()];
    Arc::new(config)
}

/// Makes TLS streams of TCP streams.
pub(super) struct Acceptor {
    tls: TlsAcceptor,
    /// Handshakes under way, oldest first. Whoever is dropped from here gives up.
    under_way: Mutex<BTreeMap<u64, oneshot::Sender<()>>>,
    next: AtomicU64,
}

impl Acceptor {
    pub(super) fn new(config: Arc<ServerConfig>) -> Self {
        let tls = TlsAcceptor::from(with_alpn(config));
        Self { tls, under_way: Mutex::default(), next: AtomicU64::new(0) }
    }

    /// The stream after its handshake; `None` if that fails or takes too long.
    pub(super) async fn accept(&self, stream: TcpStream) -> Option<TlsStream<TcpStream>> {
        let (ticket, displaced) = self.begin();
        let handshake = tokio::time::timeout(HANDSHAKE_TIMEOUT, self.tls.accept(stream));
        let accepted = tokio::select! {
            accepted = handshake => accepted,
            _ = displaced => {
                debug!("a TLS handshake was given up for a newer one");
                return None;
            }
        };
        drop(ticket);
        match accepted {
            Ok(Ok(stream)) => Some(stream),
            Ok(Err(error)) => {
                debug!(%error, "a TLS handshake failed");
                None
            }
            Err(_elapsed) => {
                debug!("a TLS handshake took too long");
                None
            }
        }
    }

    /// Makes room by giving up the oldest handshake: a client that means it needs two round
    /// trips, so whoever has waited longest is the least likely to be one.
    fn begin(&self) -> (Ticket<'_>, oneshot::Receiver<()>) {
        let (held, displaced) = oneshot::channel();
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let mut under_way = lock(&self.under_way);
        if HANDSHAKES_MAX <= under_way.len() {
            under_way.pop_first();
        }
        under_way.insert(id, held);
        (Ticket { acceptor: self, id }, displaced)
    }
}

/// A handshake's place among those under way.
struct Ticket<'a> {
    acceptor: &'a Acceptor,
    id: u64,
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        lock(&self.acceptor.under_way).remove(&self.id);
    }
}

/// Whether both sides have agreed on HTTP/2.
pub(super) fn is_http2(stream: &TlsStream<TcpStream>) -> bool {
    stream.get_ref().1.alpn_protocol() == Some(HTTP_2)
}

/// The name of HTTP/2 in ALPN (RFC 9113, section 3.2).
const HTTP_2: &[u8] = b"h2";
/// For the handshake as a whole.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// Handshakes that may be under way at once. A processor core finishes some thousands a second.
const HANDSHAKES_MAX: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use rustls::server::ResolvesServerCertUsingSni;

    #[test]
    fn the_oldest_handshake_makes_room_for_the_newest() {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(ResolvesServerCertUsingSni::new()));
        let acceptor = Acceptor::new(Arc::new(config));
        let mut under_way: Vec<_> = (0..=HANDSHAKES_MAX).map(|_| acceptor.begin()).collect();
        let mut is_given_up = |at: usize| {
            let displaced = &mut under_way.get_mut(at).unwrap().1;
            displaced.try_recv() == Err(oneshot::error::TryRecvError::Closed)
        };
        assert!(is_given_up(0));
        assert!(!is_given_up(1));
        assert!(!is_given_up(HANDSHAKES_MAX));
        assert_eq!(lock(&acceptor.under_way).len(), HANDSHAKES_MAX);
        drop(under_way);
        assert!(lock(&acceptor.under_way).is_empty());
    }
}
