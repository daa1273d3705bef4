//! One accepted connection: which protocol it speaks, its limits, its end.

use std::convert::Infallible;
use std::io;
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
use super::patience::Watched;
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
    /// The sender is dropped when the server stops; nothing is ever sent.
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
    pub(super) async fn serve(mut self, stream: TcpStream) {
        // A small answer must not wait for the next one. Failing here costs latency only.
        stream.set_nodelay(true).ok();
        let address = self.address;
        #[cfg(feature = "tls")]
        if let Some(tls) = &self.settings.tls {
            let accepted = tokio::select! {
                accepted = tls.accept(stream) => accepted,
                _ = self.stopped.changed() => None,
            };
            let Some(stream) = accepted else { return };
            let is_http2 = tls::is_http2(&stream);
            let served = self.speak(stream, Kind { is_http2, is_secure: true }).await;
            return note_end(served, address);
        }
        let first = tokio::select! {
            first = tokio::time::timeout(HEAD_TIMEOUT, begins_with_http2(&stream)) => first,
            _ = self.stopped.changed() => return,
        };
        let Ok(Ok(is_http2)) = first else { return };
        let served = self.speak(stream, Kind { is_http2, is_secure: false }).await;
        note_end(served, address);
    }

    async fn speak<T>(self, stream: T, kind: Kind) -> hyper::Result<()>
    where
        T: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let Self { address, app, settings, mut stopped } = self;
        let service = hyper::service::service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(PeerAddress(address));
            if kind.is_secure {
                request.extensions_mut().insert(Secured);
            }
            let mut app = app.clone();
            // Called within the request's own task, where `Ownership` looks for it.
            async move { app.call(request).await }
        });
        if !kind.is_http2 {
            let (stream, writes) = Watched::new(stream);
            let stream = TokioIo::new(stream);
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEAD_TIMEOUT)
                .max_buf_size(HEAD_BYTES_MAX)
                .max_headers(HEADERS_MAX)
                .serve_connection(stream, service)
                .with_upgrades();
            let mut connection = pin!(connection);
            let served = async {
                tokio::select! {
                    served = connection.as_mut() => served,
                    _ = stopped.changed() => {
                        connection.as_mut().graceful_shutdown();
                        connection.await
                    }
                }
            };
            return tokio::select! {
                served = served => served,
                () = writes.stalled() => Ok(()),
            };
        }
        let stream = TokioIo::new(stream);
        let streams = Streams::new();
        let builder = http2::builder(streams.clone(), settings.streams_max);
        let mut connection = pin!(builder.serve_connection(stream, service));
        tokio::select! {
            served = connection.as_mut() => served,
            _ = stopped.changed() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
            () = streams.idle(http2::FIRST_REQUEST_WAIT, http2::IDLE_WAIT) => {
                connection.as_mut().graceful_shutdown();
                tokio::select! {
                    served = connection => served,
                    // What the client has asked for meanwhile is still answered.
                    () = streams.idle(GOODBYE_WAIT, GOODBYE_WAIT) => Ok(()),
                }
            }
        }
    }
}

fn note_end(served: hyper::Result<()>, address: SocketAddr) {
    if let Err(error) = served {
        debug!(%error, %address, "a connection ended badly");
    }
}

/// What a connection carries, and in what.
#[derive(Clone, Copy)]
struct Kind {
    is_http2: bool,
    is_secure: bool,
}

/// Whether a client speaks HTTP/2 without having asked ("with prior knowledge").
///
/// Only looks: what it has seen can still be read, so that the stream stays a bare TCP stream for
/// whoever takes it over after an upgrade.
async fn begins_with_http2(stream: &TcpStream) -> io::Result<bool> {
    let mut seen = [0; HTTP_2_METHOD.len()];
    let mut pause = Duration::from_millis(1);
    loop {
        let len = stream.peek(&mut seen).await?;
        let seen = seen.get(..len).unwrap_or_default();
        if seen == HTTP_2_METHOD {
            return Ok(true);
        }
        if seen.is_empty() || !HTTP_2_METHOD.starts_with(seen) {
            return Ok(false);
        }
        // A letter or two, of PRI, PUT or POST: the rest is on its way. Readiness cannot tell when
        // there is more than before, so this looks again, ever less often.
        tokio::time::sleep(pause).await;
        pause *= 2;
    }
}

/// The method of "PRI * HTTP/2.0", which no other protocol has (RFC 9113, section 3.4).
const HTTP_2_METHOD: &[u8; 3] = b"PRI";
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
    use crate::http::upgrade::Upgrade;
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
                        Ok((_stream, early)) => told.send((true, early)),
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
