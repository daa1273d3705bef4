//! What happens to rooms, for those who want to know.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, RwLock};

use tracing::error;

use super::Rooms;
use crate::Id;
use crate::sync::{read, write};

/// What happened to a room of this server: see
/// [`Namespace::on_room_event`](crate::Namespace::on_room_event).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RoomEvent {
    /// The room begins to exist: its first member joins. Always followed by that `Join`.
    #[non_exhaustive]
    Create {
        /// The room's name.
        room: Arc<str>,
    },
    /// A socket has joined.
    #[non_exhaustive]
    Join {
        /// The room's name.
        room: Arc<str>,
        /// The socket.
        id: Id,
    },
    /// A socket has left, or was disconnected.
    #[non_exhaustive]
    Leave {
        /// The room's name.
        room: Arc<str>,
        /// The socket.
        id: Id,
    },
    /// The last member has left: the room is no more.
    #[non_exhaustive]
    Delete {
        /// The room's name.
        room: Arc<str>,
    },
}

type Listener = Arc<dyn Fn(&RoomEvent) + Send + Sync>;

/// Who wants to know.
#[derive(Default)]
pub(crate) struct Listeners {
    /// Looked at first, so that nothing is paid when nobody listens.
    is_any: AtomicBool,
    all: RwLock<Vec<Listener>>,
}

impl Listeners {
    pub(crate) fn add(&self, listener: Listener) {
        write(&self.all).push(listener);
        self.is_any.store(true, Ordering::Release);
    }

    /// Drops them: one that holds the server would otherwise keep it alive.
    pub(crate) fn clear(&self) {
        self.is_any.store(false, Ordering::Release);
        let all = std::mem::take(&mut *write(&self.all));
        drop(all);
    }

    fn is_any(&self) -> bool {
        self.is_any.load(Ordering::Acquire)
    }
}

impl fmt::Debug for Listeners {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listeners").field("is_any", &self.is_any()).finish_non_exhaustive()
    }
}

/// What one call did to rooms, told once it holds no lock any more.
pub(crate) struct RoomEvents<'a> {
    listeners: &'a Listeners,
    id: Id,
    /// `None` when nobody listens.
    events: Option<Vec<RoomEvent>>,
}

impl<'a> RoomEvents<'a> {
    pub(crate) fn begin(rooms: &'a Rooms, id: Id) -> Self {
        let listeners = rooms.listeners();
        Self { listeners, id, events: listeners.is_any().then(Vec::new) }
    }

    pub(crate) fn joined(&mut self, room: &Arc<str>, is_new: bool) {
        let Some(events) = &mut self.events else { return };
        if is_new {
            events.push(RoomEvent::Create { room: Arc::clone(room) });
        }
        events.push(RoomEvent::Join { room: Arc::clone(room), id: self.id });
    }

    pub(crate) fn left(&mut self, room: &Arc<str>, is_last: bool) {
        let Some(events) = &mut self.events else { return };
        events.push(RoomEvent::Leave { room: Arc::clone(room), id: self.id });
        if is_last {
            events.push(RoomEvent::Delete { room: Arc::clone(room) });
        }
    }

    /// Calls the listeners. No lock may be held.
    pub(crate) fn tell(self) {
        let Some(events) = self.events.filter(|it| !it.is_empty()) else { return };
        let listeners = read(&self.listeners.all).clone();
        for (event, listener) in
            events.iter().flat_map(|it| listeners.iter().map(move |to| (it, to)))
        {
            // A socket may be leaving because of a panic: a second one would end the process.
            if catch_unwind(AssertUnwindSafe(|| listener(event))).is_err() {
                error!(?event, "a listener for room events panicked");
            }
        }
    }
}
