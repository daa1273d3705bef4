//! The rooms that a socket is in.

use std::sync::Arc;

use super::{Own, Socket};
use crate::error::JoinError;
use crate::recovery::Moves;
use crate::rooms::RoomLimits;
use crate::rooms::events::RoomEvents;
use crate::rooms::names::{self, IntoRooms};
use crate::sync::lock;

impl Socket {
    /// Joins a room, or several. A room begins to exist with its first member.
    ///
    /// All of them are joined, or none. A socket's own id is a room that it is always in. A socket
    /// that is gone joins nothing, which is no error.
    ///
    /// ```
    /// use switchboard::{Data, Server, Socket};
    ///
    /// let io = Server::builder().build();
    /// io.on("subscribe", async |socket: Socket, Data(topic): Data<String>| {
    ///     if let Err(error) = socket.join(&topic) {
    ///         socket.emit("refused", &error.to_string()).ok();
    ///     }
    /// });
    /// ```
    ///
    /// # Errors
    ///
    /// [`JoinError`] when a limit is reached: see
    /// [`rooms_per_socket_max`](crate::ServerBuilder::rooms_per_socket_max) and
    /// [`room_name_bytes_max`](crate::ServerBuilder::room_name_bytes_max).
    pub fn join(&self, rooms: impl IntoRooms) -> Result<(), JoinError> {
        let mut events = RoomEvents::begin(self.0.namespace.rooms(), self.id());
        let limits = self.0.session.engine.config.rooms;
        let joined = match self.tracked() {
            None => self.enter(rooms, limits, &mut events, None),
            Some((log, track)) => {
                let rooms = names::boxed(rooms);
                log.move_rooms(track, |moves| self.enter(&rooms, limits, &mut events, Some(moves)))
            }
        };
        events.tell();
        joined
    }

    /// Joins all rooms, or none when a limit is reached.
    pub(super) fn enter(
        &self,
        rooms: impl IntoRooms,
        limits: RoomLimits,
        events: &mut RoomEvents<'_>,
        moves: Option<&mut Moves<'_>>,
    ) -> Result<(), JoinError> {
        let all = self.0.namespace.rooms();
        let mut joined = Ok(());
        let undone = {
            let mut own = lock(&self.0.rooms);
            // `None`: the socket has left for good, and must not come back.
            let Some(own) = own.as_mut() else { return Ok(()) };
            let before = own.len();
            rooms.each_room(&mut |room| {
                let is_member = own.iter().any(|it| **it.room_name() == *room);
                if joined.is_err()
                    || is_member
                    || self.0.namespace.parse_id(room) == Some(self.0.id)
                {
                    return;
                }
                joined = limits.check(room, own.len());
                if joined.is_ok() {
                    let (membership, is_new) = all.join(room, self);
                    events.joined(membership.room_name(), is_new);
                    if own.is_empty() {
                        // Many are in one room only, and a vector begins with room for four.
                        own.reserve_exact(1);
                    }
                    own.push(membership);
                }
            });
            if joined.is_err() {
                own.split_off(before)
            } else {
                if let Some(moves) = moves {
                    own.iter().skip(before).for_each(|it| moves.joined(it.room_name()));
                }
                Vec::new()
            }
        };
        for membership in &undone {
            let is_last = all.leave(membership, self);
            events.left(membership.room_name(), is_last);
        }
        joined
    }

    /// Leaves a room, or several. Nobody leaves the room of the own id.
    pub fn leave(&self, rooms: impl IntoRooms) {
        let mut events = RoomEvents::begin(self.0.namespace.rooms(), self.id());
        match self.tracked() {
            None => self.exit(rooms, &mut events, None),
            Some((log, track)) => {
                let rooms = names::boxed(rooms);
                log.move_rooms(track, |moves| self.exit(&rooms, &mut events, Some(moves)));
            }
        }
        events.tell();
    }

    fn exit(
        &self,
        rooms: impl IntoRooms,
        events: &mut RoomEvents<'_>,
        mut moves: Option<&mut Moves<'_>>,
    ) {
        let mut left = Vec::new();
        {
            let mut own = lock(&self.0.rooms);
            let Some(own) = own.as_mut() else { return };
            rooms.each_room(&mut |room| {
                if let Some(at) = own.iter().position(|it| **it.room_name() == *room) {
                    left.push(own.swap_remove(at));
                }
            });
        }
        let all = self.0.namespace.rooms();
        for membership in &left {
            let is_last = all.leave(membership, self);
            events.left(membership.room_name(), is_last);
            if let Some(moves) = &mut moves {
                moves.left(membership.room_name());
            }
        }
    }

    /// The rooms that the socket has joined; until the last `disconnecting` handler has returned,
    /// those that it was in. Its own id, which works as a room too, is not listed.
    ///
    /// ```
    /// use switchboard::{Ack, Server, Socket};
    ///
    /// let io = Server::builder().build();
    /// io.on("where am I?", async |socket: Socket, ack: Ack| {
    ///     ack.send(&socket.rooms()).ok();
    /// });
    /// ```
    pub fn rooms(&self) -> Vec<Arc<str>> {
        let rooms = lock(&self.0.rooms);
        if let Some(rooms) = &*rooms {
            return rooms.iter().map(|it| Arc::clone(it.room_name())).collect();
        }
        drop(rooms);
        lock(&self.0.own).as_ref().map(|own| own.left.clone()).unwrap_or_default()
    }

    /// Forgets which rooms it was in.
    pub(crate) fn forget_rooms(&self) {
        let left = lock(&self.0.own).as_mut().map(|own| std::mem::take(&mut own.left));
        drop(left);
    }

    /// Leaves every room for good. Gives what is to be told then.
    pub(super) fn leave_all(&self) -> RoomEvents<'_> {
        let memberships = {
            let mut rooms = lock(&self.0.rooms);
            let memberships = rooms.take().unwrap_or_default();
            if !memberships.is_empty() {
                // Under the lock: another thread that ends the socket goes on to its handlers,
                // which ask for these.
                let left = memberships.iter().map(|it| Arc::clone(it.room_name())).collect();
                self.with_own(&mut Own::default(), |own| own.left = left);
            }
            memberships
        };
        let all = self.0.namespace.rooms();
        let mut events = RoomEvents::begin(all, self.id());
        for membership in &memberships {
            let is_last = all.leave(membership, self);
            events.left(membership.room_name(), is_last);
        }
        events
    }
}
