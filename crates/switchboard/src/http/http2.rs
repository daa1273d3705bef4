//! The streams of an HTTP/2 connection: their limits, their tasks, and how WebSockets among them end.
//!
//! The promise is that no stream disturbs the others of its connection, whatever its client or its
//! application does or leaves undone. Spec: RFC 9113, RFC 8441.

use std::cell::RefCell;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hyper::rt::Executor;
use hyper::server::conn::http2;
use hyper_util::rt::TokioTimer;
use tokio::sync::{oneshot, watch};
use tokio::time::Sleep;

/// A server's side of a connection, with our limits.
pub(super) fn builder(streams: Streams, streams_max: u32) -> http2::Builder<Streams> {
    let mut builder = http2::Builder::new(streams);
    builder
        .timer(TokioTimer::new())
        .enable_connect_protocol()
        .max_concurrent_streams(streams_max)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buf_size(SEND_BUFFER)
        .max_header_list_size(HEADER_LIST_MAX)
        .max_pending_accept_reset_streams(PENDING_RESETS_MAX)
        .max_local_error_reset_streams(LOCAL_RESETS_MAX)
        .keep_alive_interval(PING_INTERVAL)
        .keep_alive_timeout(PING_TIMEOUT);
    builder
}

/// Runs the tasks of one connection's streams, and counts them.
#[derive(Clone, Debug)]
pub(super) struct Streams {
    open: Arc<watch::Sender<usize>>,
}

impl Streams {
    pub(super) fn new() -> Self {
        Self { open: Arc::new(watch::Sender::new(0)) }
    }

    /// Ready when the connection has had no stream for too long: its client never says what it
    /// wants, or has forgotten it.
    pub(super) fn idle(
        &self,
        first: Duration,
        later: Duration,
    ) -> impl Future<Output = ()> + Send + use<> {
        let mut open = self.open.subscribe();
        async move {
            let mut wait = first;
            loop {
                let used = async { open.wait_for(|it| *it != 0).await.is_ok() };
                if !matches!(tokio::time::timeout(wait, used).await, Ok(true)) {
                    return;
                }
                if open.wait_for(|it| *it == 0).await.is_err() {
                    return;
                }
                wait = later;
            }
        }
    }
}

/// hyper hands over two kinds of futures: one for each request, and, from within that, one that
/// sends what is written to the byte stream of an accepted CONNECT.
impl<F> Executor<F> for Streams
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, task: F) {
        let counted = Counted::new(&self.open);
        match ACCEPTED.try_with(RefCell::take) {
            Err(_outside) => {
                let task = async move {
                    task.await;
                    drop(counted);
                };
                tokio::spawn(ACCEPTED.scope(RefCell::default(), task));
            }
            Ok(dropped) => {
                tokio::spawn(Sending {
                    task: Box::pin(task),
                    dropped,
                    rest: None,
                    _counted: counted,
                });
            }
        }
    }
}

/// Sends until the stream is done, or until its owner has dropped it.
///
/// Without the second, a client that never opens its window would keep the stream for as long as
/// its connection lasts: hyper waits for the window, and nothing else. Dropped, the stream is reset.
///
/// There is one for every idle WebSocket: so it is written by hand, without the copies of its parts
/// that an `async` block keeps.
struct Sending {
    task: Pin<Box<dyn Future<Output = ()> + Send>>,
    dropped: Option<oneshot::Receiver<Last>>,
    /// By when the rest must be sent.
    rest: Option<Pin<Box<Sleep>>>,
    _counted: Counted,
}

impl Future for Sending {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.task.as_mut().poll(cx).is_ready() {
            return Poll::Ready(());
        }
        if let Some(dropped) = &mut self.dropped {
            let Ok(Last::Shutdown) = ready!(Pin::new(dropped).poll(cx)) else {
                return Poll::Ready(());
            };
            // Either the rest is sent, or time runs out: then it is over, too.
            self.dropped = None;
            self.rest = Some(Box::pin(tokio::time::sleep(REST_WAIT)));
        }
        match &mut self.rest {
            Some(rest) => rest.as_mut().poll(cx),
            None => Poll::Pending,
        }
    }
}

/// Held by the owner of an accepted stream; tells the sending task when that lets go of it.
#[derive(Debug)]
pub(super) struct Ownership {
    sender: Option<oneshot::Sender<Last>>,
    is_shut: bool,
}

/// What the owner of a stream did to it before it was dropped.
#[derive(Debug)]
enum Last {
    /// The end was announced: what was written is still to be sent.
    Shutdown,
}

impl Ownership {
    /// For the request that runs now. `None` where somebody else's accept loop runs it.
    pub(super) fn claim() -> Option<Self> {
        let (sender, dropped) = oneshot::channel();
        ACCEPTED.try_with(|it| it.replace(Some(dropped))).ok()?;
        Some(Self { sender: Some(sender), is_shut: false })
    }

    /// The owner ends the stream in good order.
    pub(super) fn shut(&mut self) {
        self.is_shut = true;
    }
}

impl Drop for Ownership {
    fn drop(&mut self) {
        if let Some(sender) = self.sender.take()
            && self.is_shut
        {
            // Refused if everything has been sent.
            sender.send(Last::Shutdown).ok();
        }
    }
}

/// One task among those of its connection.
struct Counted(Arc<watch::Sender<usize>>);

impl Counted {
    fn new(open: &Arc<watch::Sender<usize>>) -> Self {
        open.send_modify(|it| *it += 1);
        Self(Arc::clone(open))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.send_modify(|it| *it -= 1);
    }
}

tokio::task_local! {
    /// In the task of a request: for the sending task of the stream that the request becomes.
    static ACCEPTED: RefCell<Option<oneshot::Receiver<Last>>>;
}

/// What a client may have under way at once, each a request or a WebSocket. Browsers open one
/// connection to a server for all their tabs, and gateways one for many people.
pub(super) const STREAMS_MAX: u32 = 1000;
/// What a client may send on one stream before we have read it. A paused WebSocket holds this much.
const STREAM_WINDOW: u32 = 64 * 1024;
/// What a client may send on all streams together before we have read it: 256 paused ones leave
/// the others their share. The bound on what one connection makes us hold, too.
///
/// h2 also counts the overhead of small DATA frames that nobody has read, as 256 bytes less their
/// length each, and ends the connection when they come to more than half of this window. One paused
/// WebSocket whose client sends the smallest messages there are, 6 bytes each, may cost
/// 64 Ki / 6 * 250 = 2.7 MB of those 8 MB.
const CONNECTION_WINDOW: u32 = 16 * 1024 * 1024;
/// What is taken from one stream before its client takes it from us.
const SEND_BUFFER: usize = 64 * 1024;
/// As for the head of an HTTP/1.1 request. 431 to more.
const HEADER_LIST_MAX: u32 = 16 * 1024;
/// Streams that a client opens and resets before we have looked at them (CVE-2023-44487).
const PENDING_RESETS_MAX: usize = 20;
/// Streams that a client makes us reset by breaking rules (CVE-2025-8671).
const LOCAL_RESETS_MAX: usize = 128;
/// Peers that vanish are noticed after both.
const PING_INTERVAL: Duration = Duration::from_secs(20);
const PING_TIMEOUT: Duration = Duration::from_secs(20);
/// From the beginning of a connection, its preface and settings included.
pub(super) const FIRST_REQUEST_WAIT: Duration = Duration::from_secs(10);
/// After the last stream. Browsers come back within it.
pub(super) const IDLE_WAIT: Duration = Duration::from_secs(60);
/// For the last bytes of a stream whose owner is gone.
const REST_WAIT: Duration = Duration::from_secs(5);
