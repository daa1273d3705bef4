//! What is announced to whom: one ordered stream from the service to the open sockets.
//!
//! Changes of messages are announced by the store's writer thread right after their commit, so
//! the stream has them in the order of their `rev`. That is what lets a client resume from the
//! highest `rev` it saw without missing a lower one.

use serde::Serialize;
use tokio::sync::{mpsc, oneshot};

use super::model::{Activity, Message, Person, PresenceChange, Room, TypingChange};
use super::presence::TabId;
use super::values::{GuestId, RoomSlug};

/// The two ends of a new stream.
pub fn live() -> (Live, LiveFeed) {
    let (sender, receiver) = mpsc::channel(WAITING_MAX);
    (Live { sender }, LiveFeed { receiver })
}

/// One thing to tell some sockets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveEvent {
    /// Who hears it.
    pub to: Audience,
    /// What they hear.
    pub news: News,
}

/// Who hears an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Audience {
    /// Every socket.
    Everyone,
    /// The sockets that entered this room.
    Room(RoomSlug),
    /// The sockets that entered this room, but not this person's.
    RoomExcept(RoomSlug, GuestId),
    /// This person's sockets, except the one that asked (none if it was REST).
    Guest(GuestId, Option<TabId>),
}

/// What they hear: the payload of each event that the server sends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum News {
    /// A message was written.
    MessageNew(Message),
    /// A message was edited or deleted.
    MessageChanged(Message),
    /// Something happened in a room; for unread marks.
    Activity(Activity),
    /// A room was made.
    RoomNew(Room),
    /// Somebody came or went.
    Presence(PresenceChange),
    /// Somebody began or stopped typing.
    Typing(TypingChange),
    /// The person renamed themselves elsewhere.
    Me(Person),
}

impl News {
    /// The name of the event on the wire.
    pub fn event_name(&self) -> &'static str {
        match self {
            Self::MessageNew(_) => "message:new",
            Self::MessageChanged(_) => "message:changed",
            Self::Activity(_) => "room:activity",
            Self::RoomNew(_) => "room:new",
            Self::Presence(_) => "presence",
            Self::Typing(_) => "typing",
            Self::Me(_) => "me",
        }
    }
}

/// Events that belong together, and whoever waits until they were sent.
#[derive(Debug, Default)]
pub struct Announcement {
    /// Sent in this order.
    pub events: Vec<LiveEvent>,
    /// Told once all of them were handed to the sockets.
    pub done: Option<oneshot::Sender<()>>,
}

/// The end into which announcements go. Bounded: who announces faster than sockets can be
/// handed their events waits.
#[derive(Clone, Debug)]
pub struct Live {
    sender: mpsc::Sender<Announcement>,
}

impl Live {
    /// Announces from a thread that may wait. Without a feed nobody listens, and that is fine:
    /// everything announced is in the store already.
    pub fn announce_blocking(&self, announcement: Announcement) {
        drop(self.sender.blocking_send(announcement));
    }

    /// A place in the stream, to be filled while holding the lock under which the change was
    /// made: so what is announced comes in the order in which it happened.
    pub async fn place(&self) -> Place<'_> {
        Place { permit: self.sender.reserve().await.ok() }
    }
}

/// A reserved place in the stream.
#[derive(Debug)]
pub struct Place<'a> {
    permit: Option<mpsc::Permit<'a, Announcement>>,
}

impl Place<'_> {
    /// Fills it. Dropping it unfilled is fine too.
    pub fn announce(self, events: Vec<LiveEvent>) {
        if let Some(permit) = self.permit {
            permit.send(Announcement { events, done: None });
        }
    }
}

/// The end from which announcements come.
#[derive(Debug)]
pub struct LiveFeed {
    receiver: mpsc::Receiver<Announcement>,
}

impl LiveFeed {
    /// The next announcement; `None` once nobody can announce any more.
    pub async fn next(&mut self) -> Option<Announcement> {
        self.receiver.recv().await
    }
}

/// Announcements that may wait: far more than arise while one of them is sent.
const WAITING_MAX: usize = 4_096;
