//! Every limit of the server in one place, each with its default and its reason.
//!
//! Lengths of text are constants of the API (clients know them); [`Limits`] holds what an
//! operator may want to change and what tests make small.

use std::ops::RangeInclusive;
use std::time::Duration;

use switchboard::PacketRate;

/// Characters in a person's name.
pub const GUEST_NAME_CHARS: RangeInclusive<usize> = 1..=40;
/// Characters in the name of a room.
pub const ROOM_NAME_CHARS: RangeInclusive<usize> = 1..=60;
/// Characters in the id of a room.
pub const ROOM_SLUG_CHARS: RangeInclusive<usize> = 1..=60;
/// Characters in the topic of a room.
pub const TOPIC_CHARS: RangeInclusive<usize> = 0..=200;
/// Characters in a message.
pub const MESSAGE_CHARS: RangeInclusive<usize> = 1..=4_000;
/// Characters in the id that a client gives its message, to send it again without doubling it.
pub const CLIENT_ID_CHARS: RangeInclusive<usize> = 1..=64;
/// Characters of the newest message that the list of rooms shows.
pub const LAST_TEXT_CHARS: usize = 120;
/// Messages in one page when the client does not say.
pub const PAGE_MESSAGES: u32 = 50;
/// Messages in one page at most.
pub const PAGE_MESSAGES_MAX: u32 = 100;
/// Missed changes that are sent one by one after a reconnect; beyond, the client starts afresh.
pub const CATCH_UP_CHANGES_MAX: u32 = 500;
/// Unread messages are counted up to here: it bounds the work that a list of rooms can cause.
pub const UNREAD_MAX: u32 = 999;
/// People listed by name in one room. More are there, and count, but the list stays short: it is
/// sent to everybody in the room whenever somebody comes or goes.
pub const MEMBERS_LISTED_MAX: usize = 200;
/// Length of a request's URI in bytes; beyond, the answer is 414.
pub const URI_BYTES_MAX: usize = 8 * 1024;

/// What an operator may change. [`Limits::default`] is what the binary uses.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Bytes in the body of an API request; beyond, the answer is 413. Default 64 KiB: four
    /// times the longest message.
    pub body_bytes_max: usize,
    /// How long a client may take to send that body. Default 10 s.
    pub body_timeout: Duration,
    /// Rooms on this server. Default 1,000: the list of rooms has no pages.
    pub rooms_max: u32,
    /// Rooms one connection may be in at a time. Default 128.
    pub rooms_per_tab_max: usize,
    /// Packets that one connection of Socket.IO may send before it is read more slowly, heartbeats
    /// and nonsense included. Default 2,000 at once, 500 a second: far above what events are
    /// allowed, so that only floods meet it.
    pub packets: PacketRate,
    /// Events of any kind that one socket may send. Default 100 at once, 50 a second.
    pub socket_events: Rate,
    /// Changes that one socket may make. Default 20 at once, 10 a second.
    pub socket_writes: Rate,
    /// How long a plain WebSocket may take to say whose it is. Default 10 s.
    pub auth_timeout: Duration,
    /// Changes that one guest may make over REST. Default as for a socket.
    pub rest_writes: Rate,
    /// Guests that one address may become. Default 30 a minute.
    pub guests_per_address: Rate,
    /// How long a "is typing" lasts unless it is said again. Default 6 s.
    pub typing_timeout: Duration,
    /// Writes that may wait for the writer thread. Default 1,024; the next ones wait outside.
    pub write_queue_max: usize,
    /// Writes that share one transaction at most. Default 128: about a millisecond of work.
    pub write_batch_max: usize,
    /// How long a write may wait for a place in the queue before the answer is 503. Default 5 s.
    pub write_queue_timeout: Duration,
    /// Connections that read from the store. Default 4.
    pub readers: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes_max: 64 * 1024,
            body_timeout: Duration::from_secs(10),
            rooms_max: 1_000,
            rooms_per_tab_max: 128,
            packets: PacketRate::new(500, 2_000),
            socket_events: Rate { burst: 100, refill: Duration::from_millis(20) },
            socket_writes: Rate { burst: 20, refill: Duration::from_millis(100) },
            auth_timeout: Duration::from_secs(10),
            rest_writes: Rate { burst: 20, refill: Duration::from_millis(100) },
            guests_per_address: Rate { burst: 30, refill: Duration::from_secs(2) },
            typing_timeout: Duration::from_secs(6),
            write_queue_max: 1_024,
            write_batch_max: 128,
            write_queue_timeout: Duration::from_secs(5),
            readers: 4,
        }
    }
}

/// How often something may happen.
#[derive(Clone, Copy, Debug)]
pub struct Rate {
    /// How many times at once.
    pub burst: u32,
    /// After how long one more is allowed.
    pub refill: Duration,
}
