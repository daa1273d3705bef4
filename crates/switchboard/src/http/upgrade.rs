//! From a request to a byte stream: the opening handshakes of WebSocket.
//!
//! HTTP/1.1 asks by GET with an `Upgrade` header, and is answered 101. HTTP/2 asks by an extended
//! CONNECT and is answered 200; the WebSocket is then one stream among others of its connection.
//!
//! Spec: RFC 6455, section 4.2; RFC 8441, sections 4 and 5.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::header::{
    CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_EXTENSIONS,
    SEC_WEBSOCKET_PROTOCOL, TRANSFER_ENCODING, UPGRADE,
};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, Version};
use http_body_util::Full;
use hyper::ext::Protocol;
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use switchboard_ws::handshake;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::http2::Ownership;
use super::opening::Opened;
use super::patience::Watched;

/// A request that may become a WebSocket.
#[derive(Debug)]
pub(crate) struct Upgrade {
    stream: OnUpgrade,
    protocols: Vec<Box<str>>,
    extensions: Vec<HeaderValue>,
    /// What an HTTP/1.1 client wants to read in `Sec-WebSocket-Accept`. None over HTTP/2.
    accept: Option<HeaderValue>,
}

impl Upgrade {
    /// Takes the byte stream out of a request that asks for a WebSocket.
    ///
    /// `None` if it asks for something else. After a refusal the caller answers with it and lets
    /// go of the request.
    pub(crate) fn take(parts: &mut Parts) -> Option<Result<Self, Refusal>> {
        match parts.version {
            Version::HTTP_2 => {
                // Without one it is a request like others, or a CONNECT as for a proxy.
                let protocol = parts.extensions.remove::<Protocol>()?;
                let stream = parts.extensions.remove::<OnUpgrade>()?;
                Some(Self::from_connect(parts, &protocol, stream))
            }
            // Wherever the version came from, it has no `Upgrade` that we could answer.
            Version::HTTP_09 | Version::HTTP_3 => None,
            _ if !parts.headers.contains_key(UPGRADE) => None,
            // "A server MUST ignore an Upgrade header field that is received in an HTTP/1.0
            // request" (RFC 9110, section 7.8); and then it is a request that we do not serve.
            Version::HTTP_10 => Some(Err(Refusal::bad("a WebSocket needs HTTP/1.1"))),
            _ => {
                let stream = parts.extensions.remove::<OnUpgrade>()?;
                Some(Self::from_get(&parts.method, &parts.headers, stream))
            }
        }
    }

    fn from_get(method: &Method, headers: &HeaderMap, stream: OnUpgrade) -> Result<Self, Refusal> {
        if headers.contains_key(TRANSFER_ENCODING)
            || headers.get_all(CONTENT_LENGTH).iter().any(|it| it != "0")
        {
            // Its bytes could be taken for frames.
            return Err(Refusal::bad("a WebSocket handshake has no body"));
        }
        let pairs = headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
        let request = handshake::check(method.as_str(), pairs).map_err(Refusal::http1)?;
        let accept = HeaderValue::from_str(&request.accept());
        let accept = accept.map_err(|_| Refusal::bad("Sec-WebSocket-Key is not text"))?;
        Ok(Self::new(stream, &request.protocols, headers, Some(accept)))
    }

    fn from_connect(
        parts: &Parts,
        protocol: &Protocol,
        stream: OnUpgrade,
    ) -> Result<Self, Refusal> {
        let pairs = parts.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
        let method = parts.method.as_str();
        let request = handshake::check_connect(method, Some(protocol.as_str()), pairs);
        let request = request.map_err(Refusal::http2)?;
        Ok(Self::new(stream, &request.protocols, &parts.headers, None))
    }

    fn new(
        stream: OnUpgrade,
        protocols: &[&str],
        headers: &HeaderMap,
        accept: Option<HeaderValue>,
    ) -> Self {
        let protocols = protocols.iter().map(|it| Box::from(*it)).collect();
        let extensions = headers.get_all(SEC_WEBSOCKET_EXTENSIONS).iter().cloned().collect();
        Self { stream, protocols, extensions, accept }
    }

    /// The subprotocols on offer, in the client's order of preference.
    pub(crate) fn protocols(&self) -> impl Iterator<Item = &str> {
        self.protocols.iter().map(|it| &**it)
    }

    /// The values of `Sec-WebSocket-Extensions`, as they came.
    pub(crate) fn extensions(&self) -> impl Iterator<Item = &[u8]> {
        self.extensions.iter().map(HeaderValue::as_bytes)
    }

    /// Agrees: gives the answer, and the byte stream that exists once the answer is sent.
    ///
    /// `protocol` is one of [`protocols`](Self::protocols); `extensions` is the value of
    /// `Sec-WebSocket-Extensions`. The stream is `None` if the client left before that.
    pub(crate) fn accept(
        self,
        protocol: Option<&str>,
        extensions: Option<&str>,
    ) -> (Response<Full<Bytes>>, Accepted) {
        let is_http2 = self.accept.is_none();
        let mut response = Response::new(Full::default());
        let headers = response.headers_mut();
        if let Some(accept) = self.accept {
            headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
            headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
            headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
            *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        }
        // "If the client did not offer it, the client MUST fail the connection" (RFC 6455,
        // section 4.1), so what was not offered is never sent.
        let protocol = protocol.filter(|it| self.protocols.iter().any(|offered| **offered == **it));
        let chosen = [(SEC_WEBSOCKET_PROTOCOL, protocol), (SEC_WEBSOCKET_EXTENSIONS, extensions)];
        for (name, value) in chosen {
            if let Some(Ok(value)) = value.map(HeaderValue::from_str) {
                response.headers_mut().insert(name, value);
            }
        }
        let ownership = if is_http2 { Ownership::claim() } else { None };
        (response, Accepted { stream: self.stream, is_http2, ownership })
    }
}

/// A byte stream as soon as the answer is sent. `None` if the client left before that.
#[derive(Debug)]
pub(crate) struct Accepted {
    stream: OnUpgrade,
    is_http2: bool,
    ownership: Option<Ownership>,
}

impl Future for Accepted {
    type Output = Option<ByteStream>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Ok(upgraded) = ready!(Pin::new(&mut self.stream).poll(cx)) else {
            return Poll::Ready(None);
        };
        let (is_http2, ownership) = (self.is_http2, self.ownership.take());
        Poll::Ready(Some(ByteStream { io: TokioIo::new(upgraded), is_http2, ownership }))
    }
}

/// Plain TCP, without the HTTP layers in between.
#[derive(Debug)]
pub(crate) struct Tcp {
    pub(crate) stream: TcpStream,
    /// What was read beyond the handshake.
    pub(crate) early: Bytes,
    /// The end of the handshake, to be written before anything else. Empty unless that was
    /// [asked for](super::patience::Holding).
    pub(crate) head: Vec<u8>,
}

/// A byte stream that used to carry HTTP, or a stream of an HTTP/2 connection.
#[derive(Debug)]
pub(crate) struct ByteStream {
    io: TokioIo<Upgraded>,
    is_http2: bool,
    /// Dropped with us, which ends the HTTP/2 stream.
    ownership: Option<Ownership>,
}

impl ByteStream {
    /// Plain TCP, if that is what it is.
    pub(crate) fn into_tcp(self) -> Result<Tcp, Self> {
        let Self { io, is_http2, ownership } = self;
        let upgraded = match io.into_inner().downcast::<TokioIo<Watched<Opened>>>() {
            Ok(parts) => {
                let (opened, head) = parts.io.into_inner().into_parts();
                let (stream, unread) = opened.into_parts();
                let early = match (parts.read_buf, unread) {
                    (early, unread) if unread.is_empty() => early,
                    (early, unread) => [early, unread].concat().into(),
                };
                return Ok(Tcp { stream, early, head });
            }
            Err(upgraded) => upgraded,
        };
        // From another accept loop, or on a client's side.
        match upgraded.downcast::<TokioIo<TcpStream>>() {
            Ok(parts) => {
                let (stream, early) = (parts.io.into_inner(), parts.read_buf);
                // A small message must not wait for the next one. Failing here costs latency only.
                stream.set_nodelay(true).ok();
                Ok(Tcp { stream, early, head: Vec::new() })
            }
            Err(upgraded) => Err(Self { io: TokioIo::new(upgraded), is_http2, ownership }),
        }
    }
}

impl From<Upgraded> for ByteStream {
    /// A stream that is ours alone, as clients have it.
    fn from(upgraded: Upgraded) -> Self {
        Self { io: TokioIo::new(upgraded), is_http2: false, ownership: None }
    }
}

impl AsyncRead for ByteStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buffer)
    }
}

impl AsyncWrite for ByteStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if !self.is_http2 {
            return Pin::new(&mut self.io).poll_write(cx, bytes);
        }
        // hyper takes whatever it is given, so that a client that takes nothing would seem to
        // take a large message at once.
        let (bytes, _later) = bytes.split_at(bytes.len().min(WRITE_BYTES_MAX));
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if !self.is_http2 {
            return Pin::new(&mut self.io).poll_write_vectored(cx, slices);
        }
        // Each write becomes a DATA frame, so small ones are put together.
        let mut together = Vec::new();
        for slice in slices {
            let (part, _later) = slice.split_at(slice.len().min(WRITE_BYTES_MAX - together.len()));
            together.extend_from_slice(part);
        }
        Pin::new(&mut self.io).poll_write(cx, &together)
    }

    fn is_write_vectored(&self) -> bool {
        self.is_http2 || self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Some(ownership) = &mut self.ownership {
            ownership.shut();
        }
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

/// Why a request does not become a WebSocket.
#[derive(Debug)]
pub(crate) struct Refusal {
    status: StatusCode,
    message: String,
    header: Option<(&'static str, &'static str)>,
    /// Whether the connection must end, so that what follows the request is never parsed.
    closes: bool,
}

impl Refusal {
    fn bad(message: &str) -> Self {
        let message = message.to_owned();
        Self { status: StatusCode::BAD_REQUEST, message, header: None, closes: true }
    }

    fn http1(refusal: handshake::Refusal) -> Self {
        let status = StatusCode::from_u16(refusal.status()).unwrap_or(StatusCode::BAD_REQUEST);
        let (message, header) = (refusal.to_string(), refusal.header());
        Self { status, message, header, closes: true }
    }

    /// Only the stream ends: others of its connection have done nothing wrong.
    fn http2(refusal: handshake::Refusal) -> Self {
        Self { closes: false, ..Self::http1(refusal) }
    }

    /// The answer that says so.
    pub(crate) fn to_response(&self) -> Response<Full<Bytes>> {
        let mut response = Response::new(Full::from(self.message.clone()));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=UTF-8"));
        if let Some((name, value)) = self.header {
            headers.insert(name, HeaderValue::from_static(value));
        }
        if self.closes {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}

/// What one write hands over at most, over HTTP/2.
const WRITE_BYTES_MAX: usize = 64 * 1024;
