//! A server on a thread of its own, for tests that count what that thread does.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::mpsc;

use tokio::net::TcpListener;

pub(crate) type Serving = Pin<Box<dyn Future<Output = std::io::Result<()>>>>;
pub(crate) type Shutdown = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Serves until the sender is dropped. `begin` runs on the thread before the first connection.
pub(crate) fn serve_on_thread(
    begin: fn(),
    serve: impl FnOnce(TcpListener, Shutdown) -> Serving + Send + 'static,
) -> (SocketAddr, mpsc::Sender<()>) {
    let (tell, told) = mpsc::channel();
    let (stop, stopped) = mpsc::channel::<()>();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            tell.send(listener.local_addr().unwrap()).unwrap();
            let (done, shutdown) = tokio::sync::oneshot::channel();
            std::thread::spawn(move || {
                // Ends when the test drops its end.
                let _dropped = stopped.recv();
                let _ended = done.send(());
            });
            begin();
            serve(listener, Box::pin(async { drop(shutdown.await) })).await.unwrap();
        });
    });
    (told.recv().unwrap(), stop)
}
