//! One WebSocket: the byte stream, the frame machine above it, and what is not written yet.
//!
//! A link owns no read buffer. The worker's scratch buffer is lent to one read at a time, frames
//! are parsed in place, and the frame machine keeps only what is incomplete.

use std::cell::Cell;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use bytes::{Buf, Bytes};
use switchboard_ws::deflate::Agreement;
use switchboard_ws::{CloseCode, Connection, Role};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use crate::chunks::{Chunk, Chunks, Lent};
use crate::deflation::Deflation;
use crate::http::upgrade::{ByteStream, Tcp};
use crate::writing::{Flushed, Writing};

/// What a WebSocket reads and writes.
pub(crate) enum Io {
    /// Plain TCP, without the HTTP layers in between.
    Tcp(TcpStream),
    /// Anything else: TLS, HTTP/2, or a stream that the hosting framework wraps.
    Other(Box<ByteStream>),
}

/// A WebSocket connection.
pub(crate) struct Link {
    io: Io,
    pub(crate) ws: Connection,
    /// What followed the handshake's head in the same read.
    early: Bytes,
    writing: Writing,
    /// The client has said that it reads no bytes here; see [`Dialect`](crate::dialect::Dialect).
    pub(crate) is_base64: bool,
    /// How what is sent is compressed, if both sides have agreed on that.
    pub(crate) deflate: Option<Deflation>,
}

impl Link {
    pub(crate) fn new(
        stream: ByteStream,
        limits: switchboard_ws::Limits,
        agreement: Option<&Agreement>,
    ) -> Self {
        let role = Role::Server;
        let ws = match agreement {
            Some(agreement) => Connection::with_deflate(role, limits, agreement),
            None => Connection::new(role, limits),
        };
        let mut writing = Writing::default();
        let (io, early) = match stream.into_tcp() {
            Ok(Tcp { stream, early, head }) => {
                if !head.is_empty() {
                    writing.chunks.push(Chunk::Own(Lent(head)));
                }
                (Io::Tcp(stream), early)
            }
            Err(stream) => (Io::Other(Box::new(stream)), Bytes::new()),
        };
        let deflate = agreement.and_then(Deflation::new);
        Self { io, ws, early, writing, is_base64: false, deflate }
    }

    /// Reads into `scratch`. Zero bytes mean that the peer is gone.
    pub(crate) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        scratch: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        if !self.early.is_empty() {
            let len = self.early.len().min(scratch.len());
            let (head, _) = scratch.split_at_mut(len);
            self.early.copy_to_slice(head);
            return Poll::Ready(Ok(len));
        }
        // Nothing retained: an empty `Bytes` may still pin hyper's buffer.
        self.early = Bytes::new();
        let mut buffer = ReadBuf::new(scratch);
        match &mut self.io {
            Io::Tcp(io) => ready!(Pin::new(io).poll_read(cx, &mut buffer))?,
            Io::Other(io) => ready!(Pin::new(io).poll_read(cx, &mut buffer))?,
        }
        Poll::Ready(Ok(buffer.filled().len()))
    }

    /// The queue to fill before [`poll_flush`](Self::poll_flush).
    pub(crate) fn writing(&mut self) -> &mut Chunks {
        &mut self.writing.chunks
    }

    /// Queues a close frame.
    pub(crate) fn close(&mut self, code: CloseCode, now: Instant) {
        let ws = &mut self.ws;
        self.writing.chunks.append_with(|frames| ws.close(Some(code), "", now, frames));
    }

    /// Writes what is queued; says how many bytes went out, and whether that was everything.
    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> io::Result<Flushed> {
        match &mut self.io {
            Io::Tcp(io) => self.writing.poll_flush(io, cx),
            Io::Other(io) => {
                let mut flushed = self.writing.poll_flush(io, cx)?;
                if flushed.all {
                    // Layers that buffer (TLS) are told that this was all.
                    flushed.all = Pin::new(io).poll_flush(cx)?.is_ready();
                }
                Ok(flushed)
            }
        }
    }

    /// Ends the sending half, so that the peer sees a clean end.
    pub(crate) fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.io {
            Io::Tcp(io) => Pin::new(io).poll_shutdown(cx),
            Io::Other(io) => Pin::new(io).poll_shutdown(cx),
        }
    }
}

/// The worker's read buffer, lent to one read at a time.
pub(crate) struct Scratch(Option<Box<[u8]>>);

impl Scratch {
    /// Borrows the buffer of this thread. A nested borrower gets one of its own.
    pub(crate) fn borrow() -> Self {
        let idle = SCRATCH.with(Cell::take);
        Self(Some(idle.unwrap_or_else(|| vec![0; SCRATCH_BYTES].into_boxed_slice())))
    }

    pub(crate) fn bytes(&mut self) -> &mut [u8] {
        self.0.as_deref_mut().unwrap_or_default()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        SCRATCH.with(|it| it.set(self.0.take()));
    }
}

thread_local! {
    static SCRATCH: Cell<Option<Box<[u8]>>> = const { Cell::new(None) };
}

/// One read takes at most this much, so that one busy client cannot hold its worker.
pub(crate) const SCRATCH_BYTES: usize = 64 * 1024;
