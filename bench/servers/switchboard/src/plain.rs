//! An echo over plain WebSocket: `recv`, then `send`. As it is (also over HTTP/2), compressed, or over TLS.

use std::io::{Error, Result, Write};
use std::sync::Arc;

use rcgen::CertifiedKey;
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::PrivateKeyDer;
use switchboard::Serve;
use switchboard::ws::{self, Deflate, Options, WebSocket};
use tokio::net::TcpListener;

/// The generator's largest message is 1 MiB; the default limit is a little lower.
const MESSAGE_BYTES_MAX: usize = 4 << 20;

/// From here on messages are compressed, here and in the peers.
const DEFLATE_BYTES_MIN: usize = 64;

/// What is between the echo and TCP.
pub(crate) enum Layer {
    Nothing,
    Deflate,
    Tls(Arc<ServerConfig>),
}

/// Serves until the process is ended.
pub(crate) async fn serve(layer: Layer) -> Result<()> {
    let mut options = Options::new().message_bytes_max(MESSAGE_BYTES_MAX);
    if let Layer::Deflate = layer {
        // The rest is as by default, as are the parameters of the peers: level 1, no context takeover.
        options = options.deflate(Deflate { threshold: DEFLATE_BYTES_MIN, ..Deflate::default() });
    }
    let mut serve = Serve::websockets(ws::Server::with_options(options, echo));
    if let Layer::Tls(config) = layer {
        serve = serve.tls(config);
    }
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    writeln!(std::io::stdout(), "{}", listener.local_addr()?)?;
    serve.run(listener, std::future::pending()).await
}

async fn echo(mut socket: WebSocket) -> std::result::Result<(), ws::Error> {
    while let Some(message) = socket.recv().await? {
        socket.send(message)?;
    }
    Ok(())
}

/// TLS with a certificate that nobody knows.
///
/// # Errors
/// It cannot be made.
pub(crate) fn tls() -> Result<Arc<ServerConfig>> {
    let CertifiedKey { cert, signing_key } =
        rcgen::generate_simple_self_signed(["localhost".to_owned()]).map_err(Error::other)?;
    let key = PrivateKeyDer::try_from(signing_key.serialize_der()).map_err(Error::other)?;
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|builder| {
            builder.with_no_client_auth().with_single_cert(vec![cert.der().clone()], key)
        });
    config.map(Arc::new).map_err(Error::other)
}
