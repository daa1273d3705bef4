//! What a flusher does with an outbox, and when it may.

use std::task::Waker;

use super::{Inner, Outbox, Overflow, Phase, Queue};
use crate::batch::Place;
use crate::prepared::Prepared;
use crate::sync::lock;
use crate::writing::Writing;

/// Who may take from the queue, and whether that is under way.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) enum Listing {
    /// Only the task.
    #[default]
    Never,
    /// The task, for a poll that waits for packets.
    Polled,
    /// Whoever pushes may list it for a flusher.
    Open,
    /// A flusher will come.
    Listed,
    /// A flusher writes, and will look again.
    Flushing,
    /// The task: a flusher has written the first frame in part, and nothing else may come before
    /// its rest.
    Torn,
}

/// What became of a packet that was pushed on behalf of many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pushed {
    Dropped,
    /// It will be written.
    Queued,
    /// It will be written if the pusher sees to it that a flusher comes.
    Listed,
}

impl<C: Overflow> Outbox<C> {
    /// Queues a packet that goes to many connections at once. Does not wake the task if a flusher
    /// can write for it.
    pub(crate) fn push_listed(&self, prepared: &Prepared, place: Option<&Place>) -> Pushed {
        let waker = {
            let mut inner = lock(&self.inner);
            let is_queued = inner
                .push(prepared.flags(), |queue, dialect| queue.share(prepared, place, dialect));
            if !is_queued {
                return Pushed::Dropped;
            }
            if inner.phase == Phase::Idle && inner.listing == Listing::Open {
                inner.listing = Listing::Listed;
                return Pushed::Listed;
            }
            inner.wake_to_write()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
        Pushed::Queued
    }

    /// From now on others may write for the task while it rests.
    pub(crate) fn open_listing(&self) {
        lock(&self.inner).listing = Listing::Open;
    }

    /// Takes what a listed WebSocket has to send, for as long as its task rests. `None` ends the
    /// listing: there is nothing, or the task sees to it.
    ///
    /// Only for who holds the session's wire.
    pub(crate) fn take_listed(&self) -> Option<Writing> {
        let mut inner = lock(&self.inner);
        if !matches!(inner.listing, Listing::Listed | Listing::Flushing) {
            return None;
        }
        inner.listing = Listing::Open;
        if inner.phase != Phase::Idle {
            return None;
        }
        let Queue::WebSocket(queue) = &mut inner.queue else { return None };
        if queue.is_empty() {
            return None;
        }
        queue.settle();
        let taken = Writing::from(std::mem::take(queue));
        inner.listing = Listing::Flushing;
        Some(taken)
    }

    /// After [`take_listed`](Self::take_listed): so many bytes were written, and `rest` was not.
    /// If there is a rest, its task goes on.
    pub(crate) fn give_back(&self, bytes: usize, rest: Writing) {
        let waker = {
            let mut inner = lock(&self.inner);
            inner.written(bytes);
            if rest.chunks.is_empty() {
                return;
            }
            let (mut chunks, is_torn) = rest.into_rest();
            inner.listing = if is_torn { Listing::Torn } else { Listing::Open };
            let Queue::WebSocket(queue) = &mut inner.queue else { return };
            chunks.append(queue);
            *queue = chunks;
            // It learns from the stream when there is room.
            inner.wake_up()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// No flusher comes, or it has done its share: the task goes on, if there is something to write.
    pub(crate) fn unlist(&self) {
        let waker = {
            let mut inner = lock(&self.inner);
            if !matches!(inner.listing, Listing::Listed | Listing::Flushing) {
                return;
            }
            inner.listing = Listing::Open;
            let rests = inner.phase == Phase::Idle && !inner.queue.is_empty();
            if rests { inner.wake_up() } else { None }
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Whether the first frame in the queue is written in part, so that nothing else may come
    /// before its rest.
    pub(crate) fn is_torn(&self) -> bool {
        lock(&self.inner).listing == Listing::Torn
    }
}

impl<C: Overflow> Inner<C> {
    /// Whom to wake because there is something to write.
    pub(super) fn wake_to_write(&mut self) -> Option<Waker> {
        let is_flushed = matches!(self.listing, Listing::Listed | Listing::Flushing);
        match self.phase {
            // More bytes are no news.
            Phase::Blocked => None,
            Phase::Idle if is_flushed => None,
            _ => self.wake_up(),
        }
    }

    pub(super) fn set_polled(&mut self, is_polled: bool) {
        // A poll that ends when a WebSocket has taken over changes nothing.
        if matches!(self.listing, Listing::Never | Listing::Polled) {
            self.listing = if is_polled { Listing::Polled } else { Listing::Never };
        }
    }
}
