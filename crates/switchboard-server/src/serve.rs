//! How the parts are put together, started and stopped.
//!
//! Stopping: accept no more, let requests under way finish and close the sockets (both in 10 s at
//! most), then close the store. A second signal does not wait for any of it.

use std::future::Future;
use std::io;
use std::sync::Arc;

use axum::{Router, middleware};
use switchboard::Serve;
use switchboard::tls::rustls::ServerConfig;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::api::Api;
use crate::door;
use crate::limits::Limits;
use crate::rooms::{LiveFeed, Rooms, live};
use crate::sockets::Listeners;
use crate::store::Store;
use crate::{sockets, web};

/// Everything that serves, not yet serving.
#[derive(Debug)]
pub struct App {
    store: Store,
    rooms: Rooms,
    feed: LiveFeed,
    limits: Limits,
    tls: Option<Arc<ServerConfig>>,
}

impl App {
    /// Serves what this store keeps.
    pub fn new(store: Store, limits: Limits) -> Self {
        let (announcements, feed) = live();
        let rooms = Rooms::new(store.clone(), announcements, limits.clone());
        Self { store, rooms, feed, limits, tls: None }
    }

    /// Serves https instead of http; see [`switchboard::tls::config`].
    #[must_use]
    pub fn tls(mut self, config: Arc<ServerConfig>) -> Self {
        self.tls = Some(config);
        self
    }

    /// Serves until `stop`, then ends in good order.
    ///
    /// # Errors
    ///
    /// Those of [`Serve::run`].
    pub async fn serve(
        self,
        listener: TcpListener,
        stop: impl Future<Output = ()>,
    ) -> io::Result<()> {
        let Self { store, rooms, feed, limits, tls } = self;
        let io = sockets::server(&rooms, &limits);
        let listeners = Listeners::default();
        let plain = sockets::plain_server(&rooms, &limits, &listeners);
        let mut app = Router::new()
            .nest("/api", Api::new(rooms.clone(), limits).router())
            // Whatever the method: over HTTP/2 a WebSocket begins with CONNECT.
            .route_service("/ws", plain.clone())
            .merge(web::router())
            .layer(middleware::from_fn(door::check));
        let mut serve = Serve::new(io.clone()).closing(plain.acceptor());
        if let Some(config) = tls {
            app = app.layer(middleware::from_fn(door::insist_on_https));
            serve = serve.tls(config);
        }
        let delivery = tokio::spawn(sockets::deliver_all(feed, io, listeners));
        let typing = tokio::spawn(async move { rooms.run_typing_clock().await });
        let stop = async {
            stop.await;
            tracing::info!("stopping");
        };
        let served = serve.app(app).run(listener, stop).await;
        typing.abort();
        store.close().await;
        delivery.abort();
        served
    }
}

/// Resolves at SIGTERM or Ctrl-C; from then on the next one ends the process at once.
///
/// # Errors
///
/// When the operating system does not let us listen to signals.
pub fn stop_signal() -> io::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        either(&mut terminate, &mut interrupt).await;
        tokio::spawn(async move {
            either(&mut terminate, &mut interrupt).await;
            tracing::warn!("stopped by a second signal, without waiting");
            std::process::exit(1);
        });
    })
}

async fn either(terminate: &mut Signal, interrupt: &mut Signal) {
    tokio::select! {
        _ = terminate.recv() => (),
        _ = interrupt.recv() => (),
    }
}
