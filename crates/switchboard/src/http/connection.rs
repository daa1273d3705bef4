//! One accepted connection: which protocol it speaks, its limits, its end.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tower_service::Service;
use tracing::debug;

use super::PeerAddress;
use super::http2::{self, Streams};
use super::opening::Opened;
use super::patience::{Holding, Watched};
#[cfg(feature = "tls")]
use super::tls;
use crate::handshake::Secured;

/// How connections are served; the same for all of a listener.
pub(super) struct Settings {
    #[cfg(feature = "tls")]
    pub(super) tls: Option<tls::Acceptor>,
    pub(super) streams_max: u32,
}

/// One client, from the first byte on.
pub(super) struct Connection<S> {
    pub(super) address: SocketAddr,
    pub(super) app: S,
    pub(super) settings: Arc<Settings>,
    /// Changes when the server stops: requests that are under way are still answered. When the
    /// sender is dropped, it is over.
    pub(super) stopped: watch::Receiver<()>,
}

impl<S, B> Connection<S>
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible>,
    S: Clone + Send + 'static,
    S::Future: Send + 'static,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    /// Serves one client, until it or the server ends.
    ///
    /// What a connection needs later stands in boxes of its own: else every client would pay for
    /// the largest of them, TLS and HTTP/2, each time that its future is moved.
    pub(super) async fn serve(mut self, stream: TcpStream) {
        let address = self.address;
        #[cfg(feature = "tls")]
        if self.settings.tls.is_some() {
            let served = Box::pin(self.serve_secured(stream)).await;
            return note_end(served, address);
        }
        let heard = tokio::select! {
            biased;
            heard = tokio::time::timeout(HEAD_TIMEOUT, Opened::hear(stream)) => heard,
            _ = self.stopped.changed() => return,
        };
        let served = match heard {
            Ok(Ok((stream, true))) => Box::pin(self.speak_http2(stream, false)).await,
            Ok(Ok((stream, false))) => Box::pin(self.speak_http1(stream, false)).await,
            // It has left, or has nothing to say.
            Ok(Err(_)) | Err(_) => return,
        };
        note_end(served, address);
    }

    #[cfg(feature = "tls")]
    async fn serve_secured(mut self, stream: TcpStream) -> hyper::Result<()> {
        let Some(tls) = &self.settings.tls else { return Ok(()) };
        let accepted = tokio::select! {
            accepted = tls.accept(stream) => accepted,
            _ = self.stopped.changed() => None,
        };
        match accepted {
            None => Ok(()),
            Some(stream) if tls::is_http2(&stream) => self.speak_http2(stream, true).await,
            Some(stream) => self.speak_http1(stream, true).await,
        }
    }

    async fn speak_http1<T>(self, stream: T, is_secure: bool) -> hyper::Result<()>
    where
        T: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let Self { mut stopped, address, app, settings: _ } = self;
        let (stream, writes) = Watched::new(stream);
        let holding = Holding::new(&writes);
        let service = hyper::service::service_fn(move |mut request: Request<Incoming>| {
            mark(&mut request, address, is_secure);
            request.extensions_mut().insert(holding.clone());
            app.clone().call(request)
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIMEOUT)
            .max_buf_size(HEAD_BYTES_MAX)
            .max_headers(HEADERS_MAX)
            .serve_connection(TokioIo::new(stream), service)
            .with_upgrades();
        let mut connection = pin!(connection);
        // Usually the first turn is the last: then nothing else has been asked.
        tokio::select! {
            biased;
            served = connection.as_mut() => return served,
            () = writes.stalled() => return Ok(()),
            stopping = stopped.changed() => if stopping.is_err() { return Ok(()) },
        }
        connection.as_mut().graceful_shutdown();
        tokio::select! {
            biased;
            served = connection.as_mut() => served,
            () = writes.stalled() => Ok(()),
            _over = stopped.changed() => Ok(()),
        }
    }

    async fn speak_http2<T>(self, stream: T, is_secure: bool) -> hyper::Result<()>
    where
        T: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let Self { mut stopped, address, app, settings } = self;
        let service = hyper::service::service_fn(move |mut request: Request<Incoming>| {
            mark(&mut request, address, is_secure);
            // Called within the request's own task, where `Ownership` looks for it.
            call(app.clone(), request)
        });
        let streams = Streams::new();
        let builder = http2::builder(streams.clone(), settings.streams_max);
        let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
        let wait = tokio::select! {
            served = connection.as_mut() => return served,
            stopping = stopped.changed() => match stopping {
                Ok(()) => None,
                Err(_over) => return Ok(()),
            },
            // What the client has asked for meanwhile is still answered.
            () = streams.idle(http2::FIRST_REQUEST_WAIT, http2::IDLE_WAIT) => Some(GOODBYE_WAIT),
        };
        connection.as_mut().graceful_shutdown();
        tokio::select! {
            served = connection => served,
            // The first word says that the server stops, the second that it has waited long enough.
            () = async { while stopped.changed().await.is_ok() {} } => Ok(()),
            () = async {
                match wait {
                    Some(wait) => streams.idle(wait, wait).await,
                    None => std::future::pending().await,
                }
            } => Ok(()),
        }
    }
}

/// Tells the application about the connection that a request has come by.
fn mark(request: &mut Request<Incoming>, address: SocketAddr, is_secure: bool) {
    request.extensions_mut().insert(PeerAddress(address));
    if is_secure {
        request.extensions_mut().insert(Secured);
    }
}

/// Calls `app` when the answer is first waited for.
async fn call<S: Service<Request<Incoming>>>(
    mut app: S,
    request: Request<Incoming>,
) -> Result<S::Response, S::Error> {
    app.call(request).await
}

fn note_end(served: hyper::Result<()>, address: SocketAddr) {
    if let Err(error) = served {
        debug!(%error, %address, "a connection ended badly");
    }
}

/// For the head of a request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// For the head of a request; hyper answers 431 to more.
const HEAD_BYTES_MAX: usize = 16 * 1024;
const HEADERS_MAX: usize = 100;
/// For an idle client to read that its connection ends.
const GOODBYE_WAIT: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use std::pin::Pin;
    use std::sync::Mutex;
    use std::task::{Context, Poll};

    use bytes::Bytes;
    use http_body_util::Full;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;
    use tokio::sync::mpsc;

    use super::*;
    use crate::http::upgrade::{Tcp, Upgrade};
    use crate::sync::lock;

    /// Accepts every WebSocket, and tells whether it is a bare TCP stream and what it read first.
    #[derive(Clone)]
    struct Accepting(Arc<Mutex<mpsc::UnboundedSender<(bool, Bytes)>>>);

    impl Service<Request<Incoming>> for Accepting {
        type Response = Response<Full<Bytes>>;
        type Error = Infallible;
        type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

        fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, request: Request<Incoming>) -> Self::Future {
            let told = lock(&self.0).clone();
            Box::pin(async move {
                let upgrade = Upgrade::take(&mut request.into_parts().0).unwrap().unwrap();
                let (response, stream) = upgrade.accept(None, None);
                tokio::spawn(async move {
                    match stream.await.unwrap().into_tcp() {
                        Ok(Tcp { early, .. }) => told.send((true, early)),
                        Err(_wrapped) => told.send((false, Bytes::new())),
                    }
                });
                Ok(response)
            })
        }
    }

    #[tokio::test]
    async fn after_an_upgrade_of_http_1_the_bare_stream_is_left() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (stream, address) = listener.accept().await.unwrap();
        let (told, mut hear) = mpsc::unbounded_channel();
        let app = Accepting(Arc::new(Mutex::new(told)));
        let settings = Arc::new(Settings {
            #[cfg(feature = "tls")]
            tls: None,
            streams_max: 1,
        });
        let (_stop, stopped) = watch::channel(());
        tokio::spawn(Connection { address, app, settings, stopped }.serve(stream));
        let request = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
            Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\nearly";
        client.write_all(request).await.unwrap();
        assert_eq!(hear.recv().await, Some((true, Bytes::from_static(b"early"))));
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        assert!(answer.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "{answer}");
    }
}
