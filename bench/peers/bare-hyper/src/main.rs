//! What hyper alone takes for an idle client: the settings of `switchboard::serve`, and no-ops behind it, on one thread.
//!
//! Without an argument it plays long-polling over HTTP/1.1: of each connection the first three requests are answered with
//! constants (Engine.IO's open packet, `ok`, Socket.IO's `40`), the fourth stays pending. With `plain` it accepts extended
//! CONNECTs over HTTP/2 and reads from their streams for ever. It is no server.

use std::convert::Infallible;
use std::future::pending;
use std::io::{Result, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};

const OPEN: &str = "0{\"sid\":\"AAAAAAAAAAAAAAAAAAAA\",\"upgrades\":[\"websocket\"],\
    \"pingInterval\":25000,\"pingTimeout\":20000,\"maxPayload\":1000000}";
const JOINED: &str = "40{\"sid\":\"BBBBBBBBBBBBBBBBBBBB\"}";
/// As in `crates/switchboard/src/http/connection.rs` and `http2.rs`.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
const HEAD_BYTES_MAX: usize = 16 * 1024;
const HEADERS_MAX: usize = 100;
const STREAMS_MAX: u32 = 1_000;
const STREAM_WINDOW: u32 = 64 * 1024;
const CONNECTION_WINDOW: u32 = 16 * 1024 * 1024;
const SEND_BUFFER: usize = 64 * 1024;
const PING_INTERVAL: Duration = Duration::from_secs(20);

fn main() -> Result<()> {
    let is_http2 = std::env::args().len() > 1;
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(serve(is_http2))
}

async fn serve(is_http2: bool) -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    writeln!(std::io::stdout(), "{}", listener.local_addr()?)?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        if is_http2 {
            tokio::spawn(streams(stream));
        } else {
            tokio::spawn(polls(stream));
        }
    }
}

async fn polls(stream: TcpStream) {
    let requests = AtomicUsize::new(0);
    let service = service_fn(move |request: Request<Incoming>| {
        let number = requests.fetch_add(1, Ordering::Relaxed);
        async move {
            let body = match number {
                0 => OPEN,
                1 => {
                    // Read to its end, so that the connection can go on.
                    let _ = request.into_body().collect().await;
                    "ok"
                }
                2 => JOINED,
                _ => pending().await,
            };
            Ok::<_, Infallible>(Response::new(Full::<Bytes>::from(body)))
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(HEAD_BYTES_MAX)
        .max_headers(HEADERS_MAX)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let _ = connection.await;
}

async fn streams(stream: TcpStream) {
    let service = service_fn(async |request: Request<Incoming>| {
        tokio::spawn(async move {
            let Ok(stream) = hyper::upgrade::on(request).await else { return };
            let mut stream = TokioIo::new(stream);
            while !matches!(stream.read(&mut [0; 64]).await, Ok(0) | Err(_)) {}
        });
        Ok::<_, Infallible>(Response::new(Full::<Bytes>::default()))
    });
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .enable_connect_protocol()
        .max_concurrent_streams(STREAMS_MAX)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buf_size(SEND_BUFFER)
        .keep_alive_interval(PING_INTERVAL);
    let _ = builder.serve_connection(TokioIo::new(stream), service).await;
}
