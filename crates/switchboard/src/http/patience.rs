//! How long an HTTP/1.1 client may leave its answer untaken.
//!
//! hyper waits for ever until the rest of an answer can be written. Whoever asks and never reads
//! would hold the connection and the answer, long after its session has ended.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use crate::sync::lock;

/// A byte stream that tells how its writes get on.
#[derive(Debug)]
pub(super) struct Watched<T> {
    stream: T,
    writes: Arc<Writes>,
}

/// How the writes of one stream get on.
#[derive(Debug, Default)]
pub(super) struct Writes {
    /// Since when something waits to be written; put off by what is written.
    blocked_since: Mutex<Option<Instant>>,
    blocked: Notify,
}

impl<T> Watched<T> {
    pub(super) fn new(stream: T) -> (Self, Arc<Writes>) {
        let writes = Arc::<Writes>::default();
        (Self { stream, writes: Arc::clone(&writes) }, writes)
    }

    pub(super) fn into_inner(self) -> T {
        self.stream
    }
}

impl Writes {
    /// Ready when the peer has taken less than 1 kB a second for too long.
    pub(super) async fn stalled(&self) {
        loop {
            self.blocked.notified().await;
            // Not in the condition, which would hold the lock for as long as the loop's body.
            while let Some(due) = self.due() {
                if due <= Instant::now() {
                    return;
                }
                sleep_until(due).await;
            }
        }
    }

    fn due(&self) -> Option<Instant> {
        lock(&self.blocked_since).map(|it| it + STALL_GRACE)
    }

    fn note_write(&self, written: &Poll<io::Result<usize>>) {
        match written {
            Poll::Pending => self.note_blocked(),
            Poll::Ready(Ok(len)) => {
                if let Some(since) = &mut *lock(&self.blocked_since) {
                    let lead = Duration::from_millis(*len as u64);
                    *since = (*since + lead).min(Instant::now());
                }
            }
            Poll::Ready(Err(_)) => (),
        }
    }

    fn note_blocked(&self) {
        let mut since = lock(&self.blocked_since);
        if since.is_none() {
            *since = Some(Instant::now());
            self.blocked.notify_one();
        }
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Watched<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Watched<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.writes.note_write(&written);
        written
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.writes.note_write(&written);
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    /// hyper flushes when it has nothing more to write.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(cx);
        if flushed.is_pending() {
            self.writes.note_blocked();
        } else {
            *lock(&self.writes.blocked_since) = None;
        }
        flushed
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// How long an answer may wait before the pace of its client counts.
const STALL_GRACE: Duration = Duration::from_secs(15);
