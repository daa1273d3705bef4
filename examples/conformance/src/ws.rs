//! Mode `ws`: a plain WebSocket echo.

use switchboard::ws::{Deflate, Error, Options, Server, WebSocket};

/// Echoes text and bytes of up to 64 MiB, compressed for whoever offers it.
pub(crate) fn server() -> Server {
    let deflate = Some(Deflate::default());
    let options =
        Options::new().message_bytes_max(64 << 20).fragments_max(1 << 16).deflate(deflate);
    Server::with_options(options, async |mut socket: WebSocket| {
        while let Some(message) = socket.recv().await? {
            socket.send(message)?;
            socket.ready().await?;
        }
        Ok::<_, Error>(())
    })
}
