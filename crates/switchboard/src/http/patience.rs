//! The writes of an HTTP/1.1 connection: how long a client may leave its answer untaken, and what
//! leaves together.
//!
//! hyper waits for ever until the rest of an answer can be written. Whoever asks and never reads
//! would hold the connection and the answer, long after its session has ended.
//!
//! The head that accepts a WebSocket may wait for the packet that the session begins with, so that
//! both leave in one system call and one segment.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};
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
    held: Held,
}

/// A head that waits for the first bytes after it.
#[derive(Debug, Default)]
struct Held {
    head: Vec<u8>,
    /// The first bytes after it have come.
    is_released: bool,
}

/// In the extensions of a request whose connection can [hold](Self::hold) its answer.
#[derive(Clone, Debug)]
pub(super) struct Holding(Arc<Writes>);

impl Holding {
    pub(super) fn new(writes: &Arc<Writes>) -> Self {
        Self(Arc::clone(writes))
    }

    /// Lets the head that accepts this request's WebSocket wait for the first bytes of it. Only
    /// for who writes at once: until then the client hears nothing.
    pub(super) fn hold(&self) {
        self.0.holds.store(true, Ordering::Relaxed);
    }
}

/// How the writes of one stream get on.
#[derive(Debug, Default)]
pub(super) struct Writes {
    /// Since when something waits to be written; put off by what is written.
    blocked_since: Mutex<Option<Instant>>,
    blocked: Notify,
    /// What is written next, if it accepts a WebSocket, waits for what comes after it.
    holds: AtomicBool,
}

impl<T> Watched<T> {
    pub(super) fn new(stream: T) -> (Self, Arc<Writes>) {
        let writes = Arc::<Writes>::default();
        (Self { stream, writes: Arc::clone(&writes), held: Held::default() }, writes)
    }

    /// The bare stream, and the head that is still to be written to it.
    pub(super) fn into_parts(self) -> (T, Vec<u8>) {
        (self.stream, self.held.head)
    }

    /// Keeps `slices` if they are the head that is to wait, or come after one. Says how many bytes
    /// that are; 0 if they are to be written.
    fn hold(&mut self, slices: &[IoSlice<'_>]) -> usize {
        let is_asked = self.writes.holds.swap(false, Ordering::Relaxed);
        if is_asked {
            // Whatever stands between may have answered something else.
            let first = slices.iter().find(|it| !it.is_empty());
            if !first.is_some_and(|it| it.starts_with(ACCEPTS)) {
                return 0;
            }
        } else if self.held.head.is_empty() {
            return 0;
        } else {
            self.held.is_released = true;
        }
        let before = self.held.head.len();
        slices.iter().for_each(|it| self.held.head.extend_from_slice(it));
        self.held.head.len() - before
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

impl<T: AsyncWrite + Unpin> Watched<T> {
    /// Writes what was held, as much as the stream takes.
    fn poll_release(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.held.is_released && !self.held.head.is_empty() {
            let written = ready!(Pin::new(&mut self.stream).poll_write(cx, &self.held.head))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.held.head.drain(..written);
        }
        if self.held.is_released {
            self.held = Held::default();
        }
        Poll::Ready(Ok(()))
    }

    /// A write of what is held, or of what comes after it. `None` if `slices` are neither.
    fn poll_held(
        &mut self,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Option<Poll<io::Result<usize>>> {
        if self.held.is_released {
            match self.poll_release(cx) {
                Poll::Ready(Ok(())) => return None,
                Poll::Ready(Err(error)) => return Some(Poll::Ready(Err(error))),
                Poll::Pending => return Some(Poll::Pending),
            }
        }
        let len = self.hold(slices);
        if len == 0 {
            return None;
        }
        match self.poll_release(cx) {
            Poll::Ready(Err(error)) => Some(Poll::Ready(Err(error))),
            // The rest leaves by the next flush.
            Poll::Ready(Ok(())) | Poll::Pending => Some(Poll::Ready(Ok(len))),
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
        if let Some(held) = self.poll_held(cx, &[IoSlice::new(bytes)]) {
            return held;
        }
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.writes.note_write(&written);
        written
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if let Some(held) = self.poll_held(cx, slices) {
            return held;
        }
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.writes.note_write(&written);
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    /// hyper flushes when it has nothing more to write.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_release(cx))?;
        let flushed = Pin::new(&mut self.stream).poll_flush(cx);
        if flushed.is_pending() {
            self.writes.note_blocked();
        } else {
            *lock(&self.writes.blocked_since) = None;
        }
        flushed
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.held.is_released = true;
        ready!(self.poll_release(cx))?;
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// How long an answer may wait before the pace of its client counts.
const STALL_GRACE: Duration = Duration::from_secs(15);
/// What the head that accepts a WebSocket begins with.
const ACCEPTS: &[u8] = b"HTTP/1.1 101 ";

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    /// Remembers each write, and takes at most so many bytes of it.
    #[derive(Debug)]
    struct Recorder {
        writes: Vec<Vec<u8>>,
        takes: usize,
    }

    impl AsyncWrite for Recorder {
        fn poll_write(
            mut self: Pin<&mut Self>,
            _cx: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<io::Result<usize>> {
            if self.takes == 0 {
                return Poll::Pending;
            }
            let len = bytes.len().min(self.takes);
            self.takes -= len;
            self.writes.push(bytes[..len].to_vec());
            Poll::Ready(Ok(len))
        }

        fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    fn watched(takes: usize) -> (Watched<Recorder>, Holding) {
        let (stream, writes) = Watched::new(Recorder { writes: Vec::new(), takes });
        (stream, Holding::new(&writes))
    }

    fn write(stream: &mut Watched<Recorder>, bytes: &[u8]) -> Poll<usize> {
        let mut cx = Context::from_waker(Waker::noop());
        Pin::new(stream).poll_write_vectored(&mut cx, &[IoSlice::new(bytes)]).map(Result::unwrap)
    }

    fn flush(stream: &mut Watched<Recorder>) -> Poll<()> {
        let mut cx = Context::from_waker(Waker::noop());
        Pin::new(stream).poll_flush(&mut cx).map(Result::unwrap)
    }

    const HEAD: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\n\r\n";

    #[test]
    fn a_head_that_is_held_leaves_with_what_follows() {
        let (mut stream, holding) = watched(usize::MAX);
        holding.hold();
        assert_eq!(write(&mut stream, HEAD), Poll::Ready(HEAD.len()));
        assert_eq!(flush(&mut stream), Poll::Ready(()));
        assert!(stream.stream.writes.is_empty());
        assert_eq!(write(&mut stream, b"packet"), Poll::Ready(6));
        assert_eq!(stream.stream.writes, [[HEAD, b"packet"].concat()]);
        assert_eq!(write(&mut stream, b"later"), Poll::Ready(5));
        assert_eq!(stream.stream.writes.last().unwrap(), b"later");
    }

    #[test]
    fn a_head_that_leaves_in_parts_stays_before_what_follows() {
        let (mut stream, holding) = watched(0);
        holding.hold();
        assert!(write(&mut stream, HEAD).is_ready());
        assert_eq!(write(&mut stream, b"one"), Poll::Ready(3));
        assert_eq!(flush(&mut stream), Poll::Pending);
        assert_eq!(write(&mut stream, b"two"), Poll::Pending);
        stream.stream.takes = 10;
        assert_eq!(flush(&mut stream), Poll::Pending);
        stream.stream.takes = usize::MAX;
        assert_eq!(write(&mut stream, b"two"), Poll::Ready(3));
        assert_eq!(flush(&mut stream), Poll::Ready(()));
        assert_eq!(stream.stream.writes.concat(), [HEAD, b"onetwo"].concat());
    }

    #[test]
    fn another_answer_than_the_one_that_accepts_is_never_held() {
        let (mut stream, holding) = watched(usize::MAX);
        holding.hold();
        let refusal = b"HTTP/1.1 500 Internal Server Error\r\n\r\n";
        assert!(write(&mut stream, refusal).is_ready());
        assert!(write(&mut stream, HEAD).is_ready());
        assert_eq!(stream.stream.writes, [refusal.to_vec(), HEAD.to_vec()]);
    }

    #[test]
    fn the_bare_stream_comes_with_the_head_that_is_still_held() {
        let (mut stream, holding) = watched(usize::MAX);
        holding.hold();
        assert!(write(&mut stream, HEAD).is_ready());
        let (stream, head) = stream.into_parts();
        assert!(stream.writes.is_empty());
        assert_eq!(head, HEAD);
    }
}
