//! The first bytes of a connection: read once, looked at, and handed on to whoever speaks HTTP.
//!
//! They are read instead of peeked at: that is one system call less for every client, and bytes
//! that come one by one are waited for as usual.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use crate::session::link::Scratch;

/// A TCP stream from which something has been read already, which comes first.
#[derive(Debug)]
pub(super) struct Opened {
    stream: TcpStream,
    first: Bytes,
}

impl Opened {
    /// Waits for the first bytes of a client. Says whether they begin HTTP/2 without its having
    /// asked ("with prior knowledge").
    pub(super) async fn hear(mut stream: TcpStream) -> io::Result<(Self, bool)> {
        let mut first = Vec::new();
        loop {
            let len = first.len();
            std::future::poll_fn(|cx| poll_read_to(&mut stream, cx, &mut first)).await?;
            let method = first.get(..HTTP_2_METHOD.len()).unwrap_or(&first);
            let is_decided = method == HTTP_2_METHOD
                || !HTTP_2_METHOD.starts_with(method)
                // It ends, and whoever speaks HTTP will see that.
                || first.len() == len;
            if is_decided {
                let is_http2 = method == HTTP_2_METHOD;
                return Ok((Self { stream, first: first.into() }, is_http2));
            }
        }
    }

    /// The bare stream, and what of it has been read and not been handed on.
    pub(super) fn into_parts(self) -> (TcpStream, Bytes) {
        (self.stream, self.first)
    }
}

/// Reads once, by the buffer of the worker: who connects and says nothing takes no memory.
fn poll_read_to(
    stream: &mut TcpStream,
    cx: &mut Context<'_>,
    bytes: &mut Vec<u8>,
) -> Poll<io::Result<()>> {
    let mut scratch = Scratch::borrow();
    let (space, _rest) = scratch.bytes().split_at_mut(FIRST_BYTES_MAX);
    let mut buffer = ReadBuf::new(space);
    ready!(Pin::new(stream).poll_read(cx, &mut buffer))?;
    bytes.extend_from_slice(buffer.filled());
    Poll::Ready(Ok(()))
}

impl AsyncRead for Opened {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.first.is_empty() {
            return Pin::new(&mut self.stream).poll_read(cx, buffer);
        }
        let len = self.first.len().min(buffer.remaining());
        buffer.put_slice(self.first.get(..len).unwrap_or_default());
        self.first.advance(len);
        if self.first.is_empty() {
            // An empty `Bytes` may still hold its buffer.
            self.first = Bytes::new();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Opened {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// The method of "PRI * HTTP/2.0", which no other protocol has (RFC 9113, section 3.4).
const HTTP_2_METHOD: &[u8] = b"PRI";
/// What the first read takes at most. A request is smaller, and hyper reads no more at once.
const FIRST_BYTES_MAX: usize = 8 * 1024;
