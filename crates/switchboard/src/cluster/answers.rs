//! The way of answers to whoever has asked many.
//!
//! Their number is bounded by those who were asked, their time by the question's timeout. Clients
//! choose their size, so their bytes are counted here.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use tokio::sync::mpsc;

use super::message::Heard;
use crate::error::AckError;

/// Where the answers to one question go.
#[derive(Clone, Debug)]
pub(crate) struct Answers {
    answers: mpsc::UnboundedSender<Heard>,
    bytes: Arc<AtomicUsize>,
}

/// Where they arrive.
#[derive(Debug)]
pub(crate) struct Hearing {
    answers: mpsc::UnboundedReceiver<Heard>,
    bytes: Arc<AtomicUsize>,
    /// Whoever asked keeps what it has taken, which goes on to count.
    pub(crate) is_kept: bool,
}

/// Both ends for a new question.
pub(crate) fn open() -> (Answers, Hearing) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let bytes = Arc::<AtomicUsize>::default();
    let answers = Answers { answers: sender, bytes: Arc::clone(&bytes) };
    (answers, Hearing { answers: receiver, bytes, is_kept: false })
}

impl Answers {
    /// Hands an answer on. A client's for which there is no room becomes
    /// [`AckError::TooManyBytes`].
    pub(crate) fn send(&self, heard: Heard) {
        let heard = match heard {
            Heard::Acked(id, Ok(payload)) => {
                let len = payload.bytes_len();
                let before = self.bytes.fetch_add(len, Ordering::Relaxed);
                if ANSWERS_BYTES_MAX < before + len {
                    self.bytes.fetch_sub(len, Ordering::Relaxed);
                    Heard::Acked(id, Err(AckError::TooManyBytes))
                } else {
                    Heard::Acked(id, Ok(payload))
                }
            }
            other => other,
        };
        // Nobody listens any more when the asking future was dropped a moment ago.
        self.answers.send(heard).ok();
    }
}

impl Hearing {
    /// The next answer; `None` when nobody can answer any more.
    pub(crate) fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<Heard>> {
        let heard = std::task::ready!(self.answers.poll_recv(cx));
        if let Some(Heard::Acked(_, Ok(payload))) = &heard
            && !self.is_kept
        {
            self.bytes.fetch_sub(payload.bytes_len(), Ordering::Relaxed);
        }
        Poll::Ready(heard)
    }

    /// What [`poll_recv`](Self::poll_recv) gives.
    pub(crate) async fn recv(&mut self) -> Option<Heard> {
        std::future::poll_fn(|cx| self.poll_recv(cx)).await
    }
}

/// What the answers of clients to one question may have together: those that wait to be taken one
/// by one, or all, where they are collected.
const ANSWERS_BYTES_MAX: usize = 64 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use switchboard_sio::{Binary, Payload};

    use super::*;
    use crate::Id;

    /// Answers of 30 MiB each: which of them are taken.
    fn taken(hearing: &mut Hearing, sends: &[&Answers], take_between: bool) -> Vec<bool> {
        let large = Payload::of_ack(&Binary(vec![0; 30 * 1024 * 1024].into())).unwrap();
        let mut cx = Context::from_waker(std::task::Waker::noop());
        let mut taken = Vec::new();
        let mut take = |hearing: &mut Hearing| {
            while let Poll::Ready(Some(Heard::Acked(_, answer))) = hearing.poll_recv(&mut cx) {
                assert!(matches!(answer, Ok(_) | Err(AckError::TooManyBytes)), "{answer:?}");
                taken.push(answer.is_ok());
            }
        };
        for answers in sends {
            answers.send(Heard::Acked(Id::random(), Ok(large.clone())));
            if take_between {
                take(hearing);
            }
        }
        take(hearing);
        taken
    }

    #[test]
    fn answers_that_wait_or_are_kept_have_a_limit_in_bytes() {
        let (answers, mut hearing) = open();
        let three = [&answers, &answers, &answers];
        assert_eq!(taken(&mut hearing, &three, false), [true, true, false]);
        assert_eq!(taken(&mut hearing, &three, true), [true; 3], "what was taken waits no more");
        hearing.is_kept = true;
        assert_eq!(taken(&mut hearing, &three, true), [true, true, false]);
    }
}
