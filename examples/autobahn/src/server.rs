//! The server: everything comes back.

use std::io;

use switchboard::ws::{self, Error, Options, WebSocket};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

/// Serves until the process is asked to end.
pub(crate) async fn serve(port: u16, options: Options) -> io::Result<()> {
    let echo = ws::Server::with_options(options, async |mut socket: WebSocket| {
        while let Some(message) = socket.recv().await? {
            socket.send(message)?;
            socket.ready().await?;
        }
        Ok::<_, Error>(())
    });
    let mut asked = signal(SignalKind::terminate())?;
    let shutdown = async move { asked.recv().await.unwrap_or_default() };
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    println!("listening on {}", listener.local_addr()?);
    ws::serve(listener, echo, shutdown).await
}
