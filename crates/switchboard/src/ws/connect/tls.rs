//! TLS for clients: always with a check of the certificate.
//!
//! Certificates are judged by `rustls-platform-verifier`: by the operating system's own verifier on
//! macOS, Windows and Android, so that what an administrator trusts or revokes counts here too,
//! and on other systems by webpki against the system's root certificates, which `SSL_CERT_FILE`
//! and `SSL_CERT_DIR` may replace. There is no switch that turns the check off; who needs other
//! rules brings a `ClientConfig`.

use std::io;
use std::sync::{Arc, OnceLock};

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, Error};
use rustls_platform_verifier::BuilderVerifierExt as _;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::ConnectError;

/// The name or the address that the certificate of `host` must be valid for.
pub(super) fn name(host: &str) -> Result<ServerName<'static>, ConnectError> {
    let name = ServerName::try_from(host.to_owned());
    name.map_err(|_| ConnectError::BadUrl("no certificate can name such a host"))
}

/// Secures a connection to the server of this name.
pub(super) async fn secure(
    stream: TcpStream,
    name: ServerName<'static>,
    config: Option<Arc<ClientConfig>>,
) -> Result<TlsStream<TcpStream>, ConnectError> {
    let config = match config {
        Some(config) => for_http1(config),
        None => platform_config().await?,
    };
    TlsConnector::from(config).connect(name, stream).await.map_err(explained)
}

/// The same configuration, offering HTTP/1.1 alone: a server that chose HTTP/2 could not be spoken
/// to.
fn for_http1(config: Arc<ClientConfig>) -> Arc<ClientConfig> {
    if config.alpn_protocols == [HTTP1] {
        return config;
    }
    let mut config = Arc::unwrap_or_clone(config);
    config.alpn_protocols = vec![HTTP1.to_vec()];
    Arc::new(config)
}

/// The configuration of everybody who brings none, made once.
async fn platform_config() -> Result<Arc<ClientConfig>, ConnectError> {
    if let Some(config) = PLATFORM.get() {
        return Ok(Arc::clone(config));
    }
    // It reads some hundred files on Linux.
    let made = tokio::task::spawn_blocking(platform_config_now).await;
    let config = made.map_err(io::Error::other).and_then(|it| it.map_err(io::Error::other));
    let config = config.map_err(ConnectError::Tls)?;
    Ok(Arc::clone(PLATFORM.get_or_init(|| config)))
}

fn platform_config_now() -> Result<Arc<ClientConfig>, Error> {
    // Not the provider of the process: whether somebody installed one must not matter here.
    let provider = Arc::new(aws_lc_rs::default_provider());
    let config =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let mut config = config?.with_platform_verifier()?.with_no_client_auth();
    config.alpn_protocols = vec![HTTP1.to_vec()];
    Ok(Arc::new(config))
}

/// Tells a bad certificate from other trouble.
fn explained(error: io::Error) -> ConnectError {
    let tls_error = error.get_ref().and_then(|it| it.downcast_ref::<Error>());
    match tls_error {
        Some(Error::InvalidCertificate(why)) => ConnectError::Certificate(why.clone()),
        _ => ConnectError::Tls(error),
    }
}

static PLATFORM: OnceLock<Arc<ClientConfig>> = OnceLock::new();
/// The ALPN name of HTTP/1.1 (RFC 7301, section 6).
const HTTP1: &[u8] = b"http/1.1";
