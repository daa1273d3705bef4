//! The HTTP/1.1 port: accepts connections, serves them, lets them finish at the end.
//!
//! Limits that concern every route stand here: the size of a request's head, the time it may
//! take, the length of a URI, and that there is one `Host`.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request};
use axum::http::{Response, header};
use axum::middleware::{self, Next};
use axum::response::IntoResponse;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::api::Refusal;
use crate::limits::{Limits, URI_BYTES_MAX};
use crate::rooms::Problem;

/// Connections of the port, to be waited for.
pub(crate) struct HttpServer {
    app: Router,
    http: http1::Builder,
    /// Every connection listens to it until its end.
    stop: watch::Sender<()>,
}

impl HttpServer {
    /// A server of these routes.
    pub(crate) fn new(app: Router, limits: &Limits) -> Self {
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new())
            .header_read_timeout(limits.head_timeout)
            .max_headers(HEADERS_MAX)
            .max_buf_size(HEAD_BYTES_MAX);
        let app = app.layer(middleware::from_fn(check_head));
        Self { app, http, stop: watch::Sender::new(()) }
    }

    /// Accepts and serves connections for as long as it is polled.
    pub(crate) async fn accept(&self, listener: &TcpListener) {
        loop {
            match listener.accept().await {
                Ok((stream, peer)) => self.spawn(stream, peer),
                Err(error) => {
                    tracing::warn!(%error, "could not accept a connection");
                    // Out of file descriptors, most likely: wait until some are free.
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    /// Lets requests under way finish, but not longer than this.
    pub(crate) async fn finish(self, timeout: Duration) {
        self.stop.send_replace(());
        if tokio::time::timeout(timeout, self.stop.closed()).await.is_err() {
            tracing::warn!("some requests did not end in time");
        }
    }

    fn spawn(&self, stream: TcpStream, peer: SocketAddr) {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "could not switch off Nagle's algorithm");
        }
        let app = self.app.clone();
        let service = service_fn(move |request| answer(app.clone(), request, peer));
        let connection = self.http.serve_connection(TokioIo::new(stream), service).with_upgrades();
        let mut stopped = self.stop.subscribe();
        tokio::spawn(async move {
            let mut connection = pin!(connection);
            let ended = tokio::select! {
                ended = connection.as_mut() => ended,
                _ = stopped.changed() => {
                    connection.as_mut().graceful_shutdown();
                    connection.await
                }
            };
            if let Err(error) = ended {
                tracing::debug!(%error, "a connection ended early");
            }
        });
    }
}

async fn answer(
    mut app: Router,
    mut request: hyper::Request<Incoming>,
    peer: SocketAddr,
) -> Result<Response<Body>, Infallible> {
    request.extensions_mut().insert(ConnectInfo(peer));
    tower_service::Service::call(&mut app, request).await
}

async fn check_head(request: Request, next: Next) -> Response<Body> {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let uri_len = request.uri().path_and_query().map_or(0, |it| it.as_str().len());
    let hosts = request.headers().get_all(header::HOST).iter().count();
    let response = if URI_BYTES_MAX < uri_len {
        Refusal::from(Problem::new(414, "the address is too long")).into_response()
    } else if 1 < hosts {
        Refusal::from(Problem::new(400, "more than one Host")).into_response()
    } else {
        next.run(request).await
    };
    tracing::debug!(%method, path, status = response.status().as_u16(), "answered");
    response
}

/// Headers of one request; beyond, the answer is 431.
const HEADERS_MAX: usize = 100;
/// Bytes of a request's head; beyond, the answer is 431.
const HEAD_BYTES_MAX: usize = 16 * 1024;
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
