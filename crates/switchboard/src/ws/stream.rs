//! The byte stream below a WebSocket, in two halves: one belongs to whoever receives, the other
//! to the connection's task.

use std::io;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWrite};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

use crate::chunks::Chunks;
use crate::http::upgrade::{ByteStream, Tcp};
use crate::sync::lock;
use crate::writing::{Flushed, Writing};

/// Where bytes come from.
pub(super) enum ReadHalf {
    /// Plain TCP, without the HTTP layers in between.
    Tcp(OwnedReadHalf),
    /// Anything else: TLS, a stream of HTTP/2, or what the hosting framework wraps. The halves
    /// take turns.
    Other(Arc<Mutex<ByteStream>>),
}

/// Where bytes go, and those that wait to go there.
pub(super) struct Writer {
    half: WriteHalf,
    /// What the stream did not take at once.
    waiting: Option<Box<Writing>>,
    /// The layers below have written everything that they were given.
    is_flushed: bool,
}

enum WriteHalf {
    Tcp(OwnedWriteHalf),
    Other(Arc<Mutex<ByteStream>>),
}

/// Takes a stream that used to carry HTTP apart. The bytes are what followed the handshake in the
/// same read.
pub(super) fn split(stream: ByteStream) -> (ReadHalf, Writer, Bytes) {
    let (read, half, early) = match stream.into_tcp() {
        // Nothing was asked to hold its head.
        Ok(Tcp { stream, early, head: _ }) => {
            let (read, write) = stream.into_split();
            (ReadHalf::Tcp(read), WriteHalf::Tcp(write), early)
        }
        Err(stream) => {
            let stream = Arc::new(Mutex::new(stream));
            (ReadHalf::Other(Arc::clone(&stream)), WriteHalf::Other(stream), Bytes::new())
        }
    };
    (read, Writer { half, waiting: None, is_flushed: true }, early)
}

impl ReadHalf {
    /// Reads into the spare room of `buffer`. Zero bytes mean that the peer sends no more.
    pub(super) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut BytesMut,
    ) -> Poll<io::Result<usize>> {
        // These futures hold nothing between two calls.
        match self {
            Self::Tcp(half) => pin!(half.read_buf(buffer)).poll(cx),
            Self::Other(stream) => pin!(lock(stream).read_buf(buffer)).poll(cx),
        }
    }
}

impl Writer {
    /// Writes `bytes`, before which nothing waits, and forgets what was written. Says how much that
    /// was, and whether it was everything.
    pub(super) fn poll_write(
        &mut self,
        bytes: &mut Vec<u8>,
        cx: &mut Context<'_>,
    ) -> io::Result<(usize, bool)> {
        if bytes.is_empty() {
            return Ok((0, true));
        }
        let WriteHalf::Tcp(half) = &mut self.half else { return Ok((0, false)) };
        let written = match Pin::new(half).poll_write(cx, bytes) {
            Poll::Ready(Ok(0)) => return Err(io::ErrorKind::WriteZero.into()),
            Poll::Ready(written) => written?,
            Poll::Pending => return Ok((0, false)),
        };
        let all = written == bytes.len();
        bytes.drain(..written);
        Ok((written, all))
    }

    /// Writes what waits, after adding to it what `fill` puts there.
    pub(super) fn poll_flush(
        &mut self,
        fill: impl FnOnce(&mut Chunks),
        cx: &mut Context<'_>,
    ) -> io::Result<Flushed> {
        let mut writing = self.waiting.take().map_or_else(Writing::default, |it| *it);
        fill(&mut writing.chunks);
        let flushed = self.poll_write_all(&mut writing, cx)?;
        if !writing.chunks.is_empty() {
            self.waiting = Some(Box::new(writing));
        }
        Ok(flushed)
    }

    fn poll_write_all(
        &mut self,
        writing: &mut Writing,
        cx: &mut Context<'_>,
    ) -> io::Result<Flushed> {
        match &mut self.half {
            WriteHalf::Tcp(half) => writing.poll_flush(half, cx),
            WriteHalf::Other(stream) => {
                let mut stream = lock(stream);
                let mut flushed = writing.poll_flush(&mut *stream, cx)?;
                if flushed.all {
                    // Layers that buffer (TLS) are told that this was all.
                    flushed.all = Pin::new(&mut *stream).poll_flush(cx)?.is_ready();
                }
                self.is_flushed = flushed.all;
                Ok(flushed)
            }
        }
    }

    pub(super) fn is_flushed(&self) -> bool {
        self.is_flushed
    }

    /// Ends the sending half, so that the peer sees a clean end.
    pub(super) fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.half {
            WriteHalf::Tcp(half) => Pin::new(half).poll_shutdown(cx),
            WriteHalf::Other(stream) => Pin::new(&mut *lock(stream)).poll_shutdown(cx),
        }
    }
}
