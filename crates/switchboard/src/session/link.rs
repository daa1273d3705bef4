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
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

use crate::chunks::{Chunk, Chunks, Lent};
use crate::deflation::Deflation;
use crate::http::upgrade::{ByteStream, Tcp};
use crate::writing::{Flushed, Writing};

/// What a WebSocket reads and writes.
pub(crate) enum Io {
    /// Plain TCP, without the HTTP layers in between. The sending half goes to the session once
    /// the WebSocket is its transport.
    Tcp(OwnedReadHalf, Option<OwnedWriteHalf>),
    /// Anything else: TLS, HTTP/2, or a stream that the hosting framework wraps.
    Other(Box<ByteStream>),
}

/// A WebSocket connection.
pub(crate) struct Link {
    io: Io,
    pub(crate) ws: Connection,
    /// What followed the handshake's head in the same read. Rarely anything.
    early: Option<Box<Bytes>>,
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
                let (read, write) = stream.into_split();
                (Io::Tcp(read, Some(write)), early)
            }
            Err(stream) => (Io::Other(Box::new(stream)), Bytes::new()),
        };
        let early = (!early.is_empty()).then(|| Box::new(early));
        let deflate = agreement.and_then(Deflation::new);
        Self { io, ws, early, writing, is_base64: false, deflate }
    }

    /// Reads into `scratch`. Zero bytes mean that the peer is gone.
    pub(crate) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        scratch: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        if let Some(early) = &mut self.early {
            let len = early.len().min(scratch.len());
            let (head, _) = scratch.split_at_mut(len);
            early.copy_to_slice(head);
            if early.is_empty() {
                // Nothing retained: an empty `Bytes` may still pin hyper's buffer.
                self.early = None;
            }
            return Poll::Ready(Ok(len));
        }
        let mut buffer = ReadBuf::new(scratch);
        match &mut self.io {
            Io::Tcp(io, _) => ready!(Pin::new(io).poll_read(cx, &mut buffer))?,
            Io::Other(io) => ready!(Pin::new(io).poll_read(cx, &mut buffer))?,
        }
        Poll::Ready(Ok(buffer.filled().len()))
    }

    /// What to fill before [`poll_flush`](Self::poll_flush).
    pub(crate) fn writing(&mut self) -> &mut Chunks {
        &mut self.writing.chunks
    }

    /// Queues frames on a link that has no session yet.
    pub(crate) fn queue(&mut self, frames: &[u8]) {
        if !frames.is_empty() {
            self.writing.chunks.append_with(|queued| queued.extend_from_slice(frames));
        }
    }

    /// Queues a close frame.
    pub(crate) fn close(&mut self, code: CloseCode, now: Instant) {
        let ws = &mut self.ws;
        self.writing.chunks.append_with(|frames| ws.close(Some(code), "", now, frames));
    }

    /// Writes what is queued; says how many bytes went out, and whether that was everything.
    pub(crate) fn poll_flush(
        &mut self,
        wire: &mut Wire,
        cx: &mut Context<'_>,
    ) -> io::Result<Flushed> {
        match &mut self.io {
            Io::Tcp(_, write) => match write.as_mut().or(wire.0.as_mut()) {
                Some(io) => self.writing.poll_flush(io, cx),
                None => Err(io::ErrorKind::NotConnected.into()),
            },
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

    /// The same for a link that has no session yet.
    pub(crate) fn poll_flush_alone(&mut self, cx: &mut Context<'_>) -> io::Result<Flushed> {
        self.poll_flush(&mut Wire::default(), cx)
    }

    /// Gives the sending half away, if others can write to it.
    pub(crate) fn take_wire(&mut self) -> Wire {
        match &mut self.io {
            Io::Tcp(_, write) => Wire(write.take()),
            Io::Other(_) => Wire(None),
        }
    }

    /// Ends the sending half, so that the peer sees a clean end.
    pub(crate) fn poll_shutdown(
        &mut self,
        wire: &mut Wire,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut self.io {
            Io::Tcp(_, write) => match write.as_mut().or(wire.0.as_mut()) {
                Some(io) => Pin::new(io).poll_shutdown(cx),
                None => Poll::Ready(Ok(())),
            },
            Io::Other(io) => Pin::new(io).poll_shutdown(cx),
        }
    }
}

/// The sending half of a session's TCP stream, to which others than its task may write.
#[derive(Debug, Default)]
pub(crate) struct Wire(Option<OwnedWriteHalf>);

impl Wire {
    /// The stream, if there is one that others can write to.
    pub(crate) fn stream(&self) -> Option<&OwnedWriteHalf> {
        self.0.as_ref()
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        // The stream ends when its reading half is gone too. Said apart, that would be one more
        // system call.
        self.0.take().into_iter().for_each(OwnedWriteHalf::forget);
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
