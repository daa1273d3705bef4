//! Writing for many sessions with one system call, by the ring of [`ring`].

use std::os::fd::AsFd as _;
use std::sync::{Arc, MutexGuard, TryLockError};

use super::ring::{self, Outcome, Send};
use super::{Session, Wire};
use crate::DisconnectReason;
use crate::writing::Writing;

/// A session that is about to be written for.
struct Held<'a> {
    session: &'a Session,
    wire: MutexGuard<'a, Wire>,
    writing: Writing,
}

/// Writes what waits for each of them.
pub(super) fn flush(sessions: &[Arc<Session>]) {
    let mut held = Vec::with_capacity(sessions.len());
    let mut others = Vec::new();
    for session in sessions {
        // Waiting for one lock while others are held might never end.
        let wire = match session.wire.try_lock() {
            Ok(wire) => wire,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => {
                others.push(session);
                continue;
            }
        };
        if let Some(writing) = session.outbox.take_listed() {
            held.push(Held { session, wire, writing });
        }
    }
    let outcomes: Vec<_> = {
        let mut sends: Vec<_> = held.iter().filter_map(Held::send).collect();
        ring::send_all(&mut sends);
        sends.iter().map(Send::outcome).collect()
    };
    let mut outcomes = outcomes.into_iter();
    for held in held {
        let outcome = if held.send().is_some() { outcomes.next() } else { None };
        held.finish(outcome.unwrap_or(Outcome::NotSent));
    }
    for session in others {
        session.flush();
    }
}

impl Held<'_> {
    /// What the ring can do for it: what waits is usually one piece.
    fn send(&self) -> Option<Send<'_>> {
        let stream = self.wire.stream()?;
        let only = self.writing.only()?;
        Some(Send::new(stream.as_ref().as_fd(), only))
    }

    fn finish(self, outcome: Outcome) {
        let Self { session, wire, mut writing } = self;
        let sent = match outcome {
            Outcome::Sent(bytes) => {
                writing.advance(bytes);
                bytes
            }
            Outcome::NotSent => wire
                .stream()
                // An error comes again, to the task.
                .map_or(0, |it| writing.try_flush(it).unwrap_or(0)),
            Outcome::Unknown => {
                session.outbox.give_back(0, Writing::default());
                return session.close(DisconnectReason::TransportError);
            }
        };
        session.outbox.give_back(sent, writing);
        session.flush_to(&wire);
    }
}
