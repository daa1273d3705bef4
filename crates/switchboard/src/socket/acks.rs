//! The acks that a socket waits for.

use serde::de::DeserializeOwned;
use switchboard_sio::{Args, Payload};
use tokio::sync::oneshot;

use super::{Emitter, Socket};
use crate::ack::{EmitWithAck, Place};
use crate::broadcast::acks::Share;
use crate::error::AckError;
use crate::flags::Flags;
use crate::sync::lock;

/// Who waits for an ack of this socket.
pub(super) enum Waiter {
    /// The event went to this socket alone.
    One(oneshot::Sender<Payload<'static>>),
    /// The event was a broadcast.
    Many(Share),
}

impl Emitter {
    pub(super) fn ask<T: DeserializeOwned>(self, event: &str, args: impl Args) -> EmitWithAck<T> {
        let Self { socket, flags, ack_timeout } = self;
        let id = socket.0.namespace.next_ack();
        let timeout = ack_timeout.unwrap_or_else(|| socket.0.namespace.ack_timeout());
        EmitWithAck::new(socket.ask(id, event, args, flags), timeout)
    }
}

impl Socket {
    fn ask(
        &self,
        id: u64,
        event: &str,
        args: impl Args,
        flags: Flags,
    ) -> Result<(oneshot::Receiver<Payload<'static>>, Place), AckError> {
        let (sender, receiver) = oneshot::channel();
        self.wait(id, sender, Waiter::One).map_err(|(_, error)| error)?;
        // From here on the place is given back, whatever happens.
        let place = Place { socket: self.clone(), id };
        let is_sent = self.emit_with(event, Some(id), args, flags).map_err(AckError::Encode)?;
        if !is_sent && flags.is_volatile {
            return Err(AckError::NotSent);
        }
        Ok((receiver, place))
    }

    /// Waits for an answer to a broadcast. Gives the share back when that cannot be.
    pub(crate) fn wait_with(&self, id: u64, share: Share) -> Result<(), (Share, AckError)> {
        self.wait(id, share, Waiter::Many)
    }

    /// The client has answered. An unknown id is ignored, as in the official server.
    pub(crate) fn receive_ack(&self, id: u64, payload: Payload<'_>) {
        match self.take_waiter(id) {
            // Nobody waits any more when the asking future was dropped a moment ago.
            Some(Waiter::One(waiting)) => drop(waiting.send(payload.into_owned())),
            Some(Waiter::Many(share)) => share.answer(Ok(payload.into_owned())),
            None => (),
        }
    }

    /// The client will not answer this broadcast.
    pub(crate) fn refuse_ack(&self, id: u64, error: AckError) {
        if let Some(Waiter::Many(share)) = self.take_waiter(id) {
            share.answer(Err(error));
        }
    }

    pub(crate) fn forget_ack(&self, id: u64) {
        drop(self.take_waiter(id));
    }

    pub(crate) fn waits_for_ack(&self) -> bool {
        lock(&self.0.own).as_ref().is_some_and(|own| !own.acks.is_empty())
    }

    fn wait<W>(&self, id: u64, waiter: W, wrap: fn(W) -> Waiter) -> Result<(), (W, AckError)> {
        let mut own = lock(&self.0.own);
        // Looked at under the lock that `detach` takes after it has cleared the flag.
        if !self.is_connected() {
            return Err((waiter, AckError::Disconnected));
        }
        let acks = &mut own.get_or_insert_default().acks;
        if ACKS_PENDING_MAX <= acks.len() {
            return Err((waiter, AckError::TooManyPending));
        }
        acks.insert(id, wrap(waiter));
        Ok(())
    }

    fn take_waiter(&self, id: u64) -> Option<Waiter> {
        let mut own = lock(&self.0.own);
        let acks = &mut own.as_mut()?.acks;
        let waiter = acks.remove(&id);
        // A flood of questions must not leave its memory behind.
        if acks.len() < acks.capacity() / 8 {
            acks.shrink_to_fit();
        }
        waiter
    }
}

/// Acks that one socket may wait for at the same time.
const ACKS_PENDING_MAX: usize = 10_000;
