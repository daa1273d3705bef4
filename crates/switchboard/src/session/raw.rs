//! An Engine.IO connection without Socket.IO: its messages go to one handler.
//!
//! The handler runs inside the connection's task, like those of Socket.IO.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::{Context, Poll};

use switchboard_eio as eio;
use switchboard_ws::CloseCode;
use tracing::error;

use super::Session;
use super::ending::End;
use crate::Handshake;
use crate::engine::{Closed, Event, Handling, Inbox, Message, Socket};

/// The handler of a connection, and what waits for it.
pub(super) struct Raw {
    inbox: Arc<Inbox>,
    phase: Phase,
    /// The head of the request whose messages come now, if requests are kept.
    request: Option<Arc<Handshake>>,
    /// Whether the connection was not read when the last turn ended.
    was_full: bool,
}

enum Phase {
    /// Not called yet.
    New,
    Running(Handling),
    /// It has returned, with this code to close with.
    Done(CloseCode),
}

impl Raw {
    /// For a connection of a server that has an Engine.IO handler.
    pub(super) fn of(session: &Session) -> Option<Box<Self>> {
        session.engine.config.raw.as_ref()?;
        Some(Box::new(Self {
            inbox: Arc::default(),
            phase: Phase::New,
            request: None,
            was_full: false,
        }))
    }

    /// A message for the handler.
    pub(super) fn receive(&self, data: eio::Data<'_>, cx: &Context<'_>) {
        let message = match data {
            eio::Data::Text(text) => Message::from(text),
            eio::Data::Binary(bytes) => Message::from(bytes.to_vec()),
        };
        self.inbox.push(Event::Message(message), self.request.clone(), cx);
    }

    /// The client has changed to a WebSocket.
    pub(super) fn upgraded(&mut self, cx: &Context<'_>) {
        self.request = None;
        self.inbox.push(Event::Upgraded, None, cx);
    }

    /// The request that brings what is received next.
    pub(super) fn set_request(&mut self, request: Arc<Handshake>) {
        self.request = Some(request);
    }

    pub(super) fn is_full(&self) -> bool {
        self.inbox.is_full()
    }

    /// Whether reading goes on after a pause that has ended elsewhere than in our own turn.
    pub(super) fn resumes(&mut self) -> bool {
        std::mem::take(&mut self.was_full) && !self.is_full()
    }

    /// The turn ends; others may make room until the next.
    pub(super) fn rest(&mut self) {
        self.was_full = self.is_full();
    }

    /// Runs the handler. Gives the end that it brings about.
    pub(super) fn poll(&mut self, session: &Arc<Session>, cx: &mut Context<'_>) -> Option<End> {
        let polled = catch_unwind(AssertUnwindSafe(|| {
            if let Phase::New = self.phase
                && let Some(starter) = &session.engine.config.raw
            {
                let socket = Socket::new(Arc::clone(session), Arc::clone(&self.inbox));
                self.phase = Phase::Running(starter.start(socket));
            }
            match &mut self.phase {
                Phase::Running(handling) => handling.as_mut().poll(cx),
                _ => Poll::Pending,
            }
        }));
        match polled {
            Ok(Poll::Pending) => (),
            // This may drop the receiver.
            Ok(Poll::Ready(code)) => self.stop(code),
            Err(_panic) => {
                // The panic hook has printed where; this line says what it costs.
                error!("a handler panicked; its connection is closed");
                self.stop(CloseCode::INTERNAL);
            }
        }
        match self.phase {
            Phase::Done(CloseCode::INTERNAL) => Some(End::panicked()),
            Phase::Done(code) if self.inbox.is_abandoned() => Some(End::handled(code)),
            _ => None,
        }
    }

    /// The connection is over.
    pub(super) fn end(&self, closed: Closed) {
        self.inbox.close(closed);
    }

    /// Whether the handler has returned.
    pub(super) fn is_finished(&self) -> bool {
        matches!(self.phase, Phase::Done(_))
    }

    /// Drops the handler, if it still runs.
    pub(super) fn abandon(&mut self) {
        if !self.is_finished() {
            self.stop(CloseCode::NORMAL);
        }
    }

    /// Drops the handler's future, whose values may panic too.
    fn stop(&mut self, code: CloseCode) {
        let phase = std::mem::replace(&mut self.phase, Phase::Done(code));
        if catch_unwind(AssertUnwindSafe(|| drop(phase))).is_err() {
            self.phase = Phase::Done(CloseCode::INTERNAL);
        }
    }
}
