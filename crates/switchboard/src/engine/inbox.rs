//! What has arrived on one connection and waits for its handler.
//!
//! The connection's task fills it, the receiving half takes from it, wherever that has been moved
//! to. While it is [full](Inbox::is_full) the connection is not read.

use std::collections::VecDeque;
use std::mem;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use super::Message;
use crate::sync::lock;
use crate::{DisconnectReason, Handshake};

/// Something that happened on a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A whole message.
    Message(Message),
    /// The client has changed from long-polling to a WebSocket.
    Upgraded,
    /// The connection is over. Nothing follows.
    Closed(Closed),
}

/// How a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closed {
    reason: DisconnectReason,
    description: Option<&'static str>,
}

impl Closed {
    pub(crate) fn new(reason: DisconnectReason, description: Option<&'static str>) -> Self {
        Self { reason, description }
    }

    /// Why, in the words of the official server.
    pub fn reason(&self) -> DisconnectReason {
        self.reason
    }

    /// More about it, for a log, where there is more to say.
    pub fn description(&self) -> Option<&'static str> {
        self.description
    }
}

/// What the task of a connection and the receiving half share.
#[derive(Debug, Default)]
pub(crate) struct Inbox(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    queue: VecDeque<Waiting>,
    /// Of all messages in the queue.
    bytes: usize,
    /// Of whoever waits for the next event.
    waker: Option<Waker>,
    closed: Option<Closed>,
    /// Nobody receives any more.
    is_abandoned: bool,
}

/// An event, and the request that brought it if the server keeps requests.
#[derive(Debug)]
struct Waiting {
    event: Event,
    request: Option<Arc<Handshake>>,
}

/// An event that was taken out.
#[derive(Debug)]
pub(super) struct Taken {
    pub(super) event: Event,
    pub(super) request: Option<Arc<Handshake>>,
    /// The connection, which was not read, may be read again.
    pub(super) made_room: bool,
}

impl Inbox {
    /// Keeps an event for the handler, which is polled by the caller, if it waits in the task of
    /// `cx`; else it is woken.
    pub(crate) fn push(&self, event: Event, request: Option<Arc<Handshake>>, cx: &Context<'_>) {
        let waker = {
            let mut inner = lock(&self.0);
            if inner.is_abandoned {
                return;
            }
            inner.bytes += len(&event);
            inner.queue.push_back(Waiting { event, request });
            inner.waker.take_if(|it| !it.will_wake(cx.waker()))
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Whether so much waits that the connection should not be read.
    pub(crate) fn is_full(&self) -> bool {
        lock(&self.0).is_full()
    }

    /// The connection is over. What waits can still be taken.
    pub(crate) fn close(&self, closed: Closed) {
        let waker = {
            let mut inner = lock(&self.0);
            inner.closed.get_or_insert(closed);
            inner.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    pub(crate) fn is_abandoned(&self) -> bool {
        lock(&self.0).is_abandoned
    }

    pub(super) fn closed(&self) -> Option<Closed> {
        lock(&self.0).closed
    }

    /// The next event. Once the connection is over and everything was taken, how it ended.
    pub(super) fn poll_next(&self, cx: &mut Context<'_>) -> Poll<Taken> {
        let mut inner = lock(&self.0);
        let was_full = inner.is_full();
        if let Some(Waiting { event, request }) = inner.queue.pop_front() {
            inner.bytes -= len(&event);
            if inner.queue.is_empty() && PLACES_KEPT < inner.queue.capacity() {
                inner.queue = VecDeque::new();
            }
            let made_room = was_full && !inner.is_full();
            return Poll::Ready(Taken { event, request, made_room });
        }
        if let Some(closed) = inner.closed {
            let event = Event::Closed(closed);
            return Poll::Ready(Taken { event, request: None, made_room: false });
        }
        match &mut inner.waker {
            Some(waker) => waker.clone_from(cx.waker()),
            none => *none = Some(cx.waker().clone()),
        }
        Poll::Pending
    }

    /// Nobody receives any more: what waits is dropped, and so is what comes.
    pub(super) fn abandon(&self) {
        let waiting = {
            let mut inner = lock(&self.0);
            inner.is_abandoned = true;
            inner.bytes = 0;
            (mem::take(&mut inner.queue), inner.waker.take())
        };
        drop(waiting);
    }
}

impl Inner {
    fn is_full(&self) -> bool {
        MESSAGES_MAX <= self.queue.len() || BYTES_MAX <= self.bytes
    }
}

fn len(event: &Event) -> usize {
    match event {
        Event::Message(message) => message.len(),
        Event::Upgraded | Event::Closed(_) => 0,
    }
}

/// Messages that may wait on one connection before reading stops.
const MESSAGES_MAX: usize = 256;
/// Bytes that may wait on one connection before reading stops.
const BYTES_MAX: usize = 1_000_000;
/// A queue that was longer gives its memory back when it is empty.
const PLACES_KEPT: usize = 4;
