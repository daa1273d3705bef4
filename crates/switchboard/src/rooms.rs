//! Rooms: which sockets a broadcast reaches.
//!
//! Members stand in chunks of at most [`CHUNK_MEMBERS`]; a broadcast locks one chunk at a time, so
//! that joins and leaves go on beside it and a mass disconnect never stalls it. A socket remembers
//! its chunk, so leaving costs one short search whatever the room's size.
//!
//! A broadcast that began before `leave` returned may still be delivered; one begun after may not.

use std::borrow::Borrow;
use std::collections::HashSet;
use std::hash::{BuildHasher, Hash, Hasher, RandomState};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, RwLock};

use crate::error::JoinError;
use crate::socket::Socket;
use crate::sync::{lock, read, write};
use events::Listeners;

pub(crate) mod events;
pub(crate) mod names;

/// The rooms of one namespace.
#[derive(Debug)]
pub(crate) struct Rooms {
    hasher: RandomState,
    shards: [RwLock<HashSet<ByName>>; SHARDS],
    listeners: Listeners,
}

impl Rooms {
    pub(crate) fn new() -> Self {
        Self {
            hasher: RandomState::new(),
            shards: Default::default(),
            listeners: Listeners::default(),
        }
    }

    pub(crate) fn listeners(&self) -> &Listeners {
        &self.listeners
    }

    /// Adds `socket` to the room of that name, which begins to exist if it did not: then `true`.
    pub(crate) fn join(&self, name: &str, socket: &Socket) -> (Membership, bool) {
        let shard = self.shard(name);
        // Members are added under the shard's lock: an empty room is removed under the same lock,
        // so nobody can join a room that is just going away.
        if let Some(ByName(room)) = read(shard).get(name) {
            return (Membership::new(room, socket), false);
        }
        let mut shard = write(shard);
        if let Some(ByName(room)) = shard.get(name) {
            return (Membership::new(room, socket), false);
        }
        let room = Arc::new(Room::new(name));
        let membership = Membership::new(&room, socket);
        shard.insert(ByName(room));
        (membership, true)
    }

    /// Ends a membership; the last one ends the room: then `true`.
    pub(crate) fn leave(&self, membership: &Membership, socket: &Socket) -> bool {
        let room = &membership.room;
        if !room.remove(&membership.chunk, socket) {
            return false;
        }
        let mut shard = write(self.shard(&room.name));
        let is_ours = shard.get(&*room.name).is_some_and(|it| Arc::ptr_eq(&it.0, room));
        let is_over = is_ours && room.members.load(Ordering::SeqCst) == 0;
        if is_over {
            shard.remove(&*room.name);
            if shard.len() < shard.capacity() / 4 {
                shard.shrink_to_fit();
            }
        }
        is_over
    }

    /// The room of that name, if anybody is in it.
    pub(crate) fn find(&self, name: &str) -> Option<Arc<Room>> {
        read(self.shard(name)).get(name).map(|it| Arc::clone(&it.0))
    }

    /// How many rooms there are.
    pub(crate) fn count(&self) -> usize {
        self.shards.iter().map(|it| read(it).len()).sum()
    }

    fn shard(&self, name: &str) -> &RwLock<HashSet<ByName>> {
        let index = self.hasher.hash_one(name) as usize % SHARDS;
        #[expect(clippy::indexing_slicing, reason = "the remainder is below the length")]
        &self.shards[index]
    }
}

/// A room as its name, which stands in the room: that makes the entries of the table small.
#[derive(Debug)]
struct ByName(Arc<Room>);

impl Borrow<str> for ByName {
    fn borrow(&self) -> &str {
        &self.0.name
    }
}

impl Hash for ByName {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.name.hash(state);
    }
}

impl PartialEq for ByName {
    fn eq(&self, other: &Self) -> bool {
        self.0.name == other.0.name
    }
}

impl Eq for ByName {}

/// A set of sockets.
#[derive(Debug)]
pub(crate) struct Room {
    name: Arc<str>,
    chunks: RwLock<Vec<Arc<Chunk>>>,
    members: AtomicUsize,
}

impl Room {
    pub(crate) fn new(name: &str) -> Self {
        Self { name: name.into(), chunks: RwLock::default(), members: AtomicUsize::new(0) }
    }

    pub(crate) fn len(&self) -> usize {
        self.members.load(Ordering::Relaxed)
    }

    /// Calls `visit` for every member. Members that come or go meanwhile may be missed or visited.
    pub(crate) fn for_each(&self, mut visit: impl FnMut(&Socket)) {
        let chunks = read(&self.chunks).clone();
        for chunk in chunks {
            lock(&chunk.members).iter().for_each(&mut visit);
        }
    }

    /// Adds the socket. Gives the chunk in which it stands now.
    pub(crate) fn add(&self, socket: &Socket) -> Arc<Chunk> {
        self.members.fetch_add(1, Ordering::SeqCst);
        self.add_to_chunk(socket)
    }

    /// Removes the socket; `true` when it was the last one.
    pub(crate) fn remove(&self, chunk: &Arc<Chunk>, socket: &Socket) -> bool {
        // Dropped after the lock: what an application stored in a socket may run code on drop.
        let (_gone, is_empty) = {
            let mut members = lock(&chunk.members);
            let Some(at) = members.iter().position(|it| it.is(socket)) else {
                return false;
            };
            let gone = members.swap_remove(at);
            // A crowd that has left must not leave its memory behind.
            if members.len() < members.capacity() / 4 {
                members.shrink_to_fit();
            }
            (gone, members.is_empty())
        };
        if is_empty {
            let mut chunks = write(&self.chunks);
            // Looked at again: somebody may have joined the chunk meanwhile.
            chunks.retain(|it| !Arc::ptr_eq(it, chunk) || !lock(&it.members).is_empty());
        }
        self.members.fetch_sub(1, Ordering::SeqCst) == 1
    }

    fn add_to_chunk(&self, socket: &Socket) -> Arc<Chunk> {
        // Added under the list's lock, so that the chunk cannot be dropped as empty in between.
        {
            let chunks = read(&self.chunks);
            if let Some(chunk) = chunks.iter().rev().find(|it| it.try_add(socket)) {
                return Arc::clone(chunk);
            }
        }
        let chunk = Arc::new(Chunk { members: Mutex::new(vec![socket.clone()]) });
        let mut chunks = write(&self.chunks);
        if chunks.is_empty() {
            // Most rooms are small, and a vector begins with room for four.
            chunks.reserve_exact(1);
        }
        chunks.push(Arc::clone(&chunk));
        chunk
    }
}

/// A part of a room that is locked as a whole.
#[derive(Debug)]
pub(crate) struct Chunk {
    members: Mutex<Vec<Socket>>,
}

impl Chunk {
    fn try_add(&self, socket: &Socket) -> bool {
        let mut members = lock(&self.members);
        let has_space = members.len() < CHUNK_MEMBERS;
        if has_space {
            members.push(socket.clone());
        }
        has_space
    }
}

/// One socket's place in one room.
#[derive(Debug)]
pub(crate) struct Membership {
    room: Arc<Room>,
    chunk: Arc<Chunk>,
}

impl Membership {
    fn new(room: &Arc<Room>, socket: &Socket) -> Self {
        Self { room: Arc::clone(room), chunk: room.add(socket) }
    }

    pub(crate) fn room_name(&self) -> &Arc<str> {
        &self.room.name
    }
}

/// What a socket may join.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RoomLimits {
    pub(crate) rooms_per_socket_max: usize,
    pub(crate) name_bytes_max: usize,
}

impl Default for RoomLimits {
    fn default() -> Self {
        Self { rooms_per_socket_max: ROOMS_PER_SOCKET_MAX, name_bytes_max: NAME_BYTES_MAX }
    }
}

impl RoomLimits {
    /// For rooms that a socket has been in already.
    pub(crate) const NONE: Self =
        Self { rooms_per_socket_max: usize::MAX, name_bytes_max: usize::MAX };

    /// Whether a socket that is in `joined` rooms may join another one of that name.
    pub(crate) fn check(&self, name: &str, joined: usize) -> Result<(), JoinError> {
        if self.name_bytes_max < name.len() {
            return Err(JoinError::NameTooLong { bytes_max: self.name_bytes_max });
        }
        if self.rooms_per_socket_max <= joined {
            return Err(JoinError::TooManyRooms { rooms_max: self.rooms_per_socket_max });
        }
        Ok(())
    }
}

/// Rooms that one socket may be in, unless the builder says otherwise.
const ROOMS_PER_SOCKET_MAX: usize = 128;
/// Bytes of a room's name, unless the builder says otherwise.
const NAME_BYTES_MAX: usize = 255;
const CHUNK_MEMBERS: usize = 256;
const SHARDS: usize = 16;
