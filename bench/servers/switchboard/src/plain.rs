//! An echo over plain WebSocket: `recv`, then `send`.

use std::io::Write;

use switchboard::ws::{self, Options, WebSocket};
use tokio::net::TcpListener;

/// The generator's largest message is 1 MiB; the default limit is a little lower.
const MESSAGE_BYTES_MAX: usize = 4 << 20;

/// Serves until the process is ended.
pub(crate) async fn serve() -> std::io::Result<()> {
    let options = Options::new().message_bytes_max(MESSAGE_BYTES_MAX);
    let server = ws::Server::with_options(options, echo);
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    writeln!(std::io::stdout(), "{}", listener.local_addr()?)?;
    ws::serve(listener, server, std::future::pending()).await
}

async fn echo(mut socket: WebSocket) -> Result<(), ws::Error> {
    while let Some(message) = socket.recv().await? {
        socket.send(message)?;
    }
    Ok(())
}
