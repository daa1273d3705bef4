//! What is being written to a byte stream: everything that waits leaves in one system call.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::AsyncWrite;
use tokio::net::tcp::OwnedWriteHalf;

use crate::chunks::Chunks;

/// Pieces on their way out, the first of which may have left in part.
#[derive(Debug, Default)]
pub(crate) struct Writing {
    pub(crate) chunks: Chunks,
    /// How much of the first piece is written.
    written: usize,
}

impl From<Chunks> for Writing {
    fn from(chunks: Chunks) -> Self {
        Self { chunks, written: 0 }
    }
}

/// What one flush achieved.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Flushed {
    /// Bytes handed to the stream.
    pub(crate) bytes: usize,
    /// Whether nothing is left.
    pub(crate) all: bool,
}

impl Writing {
    /// What is not written, and whether a piece of it has left in part.
    pub(crate) fn into_rest(mut self) -> (Chunks, bool) {
        self.chunks.trim(self.written);
        (self.chunks, self.written != 0)
    }

    /// What waits, if it is one piece.
    #[cfg(all(feature = "io-uring", target_os = "linux"))]
    pub(crate) fn only(&self) -> Option<&[u8]> {
        self.chunks.only()?.get(self.written..)
    }

    /// So many bytes have left.
    #[cfg(all(feature = "io-uring", target_os = "linux"))]
    pub(crate) fn advance(&mut self, bytes: usize) {
        self.written = self.chunks.advance(self.written, bytes);
    }

    /// Writes what waits, as much as the stream takes at once. Says how many bytes that was.
    ///
    /// # Errors
    ///
    /// What the stream reports.
    pub(crate) fn try_flush(&mut self, half: &OwnedWriteHalf) -> io::Result<usize> {
        let mut bytes = 0;
        while !self.chunks.is_empty() {
            let written = if let Some(only) = self.chunks.only() {
                half.try_write(only.get(self.written..).unwrap_or_default())
            } else {
                let mut slices = [IoSlice::new(&[]); CHUNKS_PER_WRITE];
                let count = self.chunks.slices(self.written, &mut slices);
                half.try_write_vectored(slices.get(..count).unwrap_or_default())
            };
            match written {
                Ok(written) => {
                    bytes += written;
                    self.written = self.chunks.advance(self.written, written);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        Ok(bytes)
    }

    /// Writes what waits, as much as `io` takes.
    ///
    /// # Errors
    ///
    /// What `io` reports; [`io::ErrorKind::WriteZero`] when it takes nothing any more.
    pub(crate) fn poll_flush<W>(&mut self, io: &mut W, cx: &mut Context<'_>) -> io::Result<Flushed>
    where
        W: AsyncWrite + Unpin,
    {
        let mut bytes = 0;
        while !self.chunks.is_empty() {
            let written = match self.poll_write(io, cx) {
                Poll::Ready(Ok(0)) => return Err(io::ErrorKind::WriteZero.into()),
                Poll::Ready(written) => written?,
                Poll::Pending => return Ok(Flushed { bytes, all: false }),
            };
            bytes += written;
            self.written = self.chunks.advance(self.written, written);
        }
        Ok(Flushed { bytes, all: true })
    }

    fn poll_write<W>(&self, io: &mut W, cx: &mut Context<'_>) -> Poll<io::Result<usize>>
    where
        W: AsyncWrite + Unpin,
    {
        if let Some(only) = self.chunks.only() {
            let bytes = only.get(self.written..).unwrap_or_default();
            return Pin::new(io).poll_write(cx, bytes);
        }
        let mut slices = [IoSlice::new(&[]); CHUNKS_PER_WRITE];
        let count = self.chunks.slices(self.written, &mut slices);
        Pin::new(io).poll_write_vectored(cx, slices.get(..count).unwrap_or_default())
    }
}

/// The most pieces that one vectored write carries.
const CHUNKS_PER_WRITE: usize = 64;
