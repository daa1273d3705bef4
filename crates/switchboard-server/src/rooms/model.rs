//! People, rooms and messages as clients see them: the same JSON over REST and over sockets.

use serde::Serialize;

use super::values::{ClientId, GuestId, GuestName, MessageText, RoomName, RoomSlug, Time, Topic};

/// Somebody, as others see them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Person {
    /// Their public id.
    pub id: GuestId,
    /// What they are called. In a message: what they were called when they wrote it.
    pub name: GuestName,
}

/// Somebody who has shown a valid token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guest {
    /// Their public id.
    pub id: GuestId,
    /// What they are called now.
    pub name: GuestName,
}

impl Guest {
    /// What others see of them.
    pub fn person(&self) -> Person {
        Person { id: self.id.clone(), name: self.name.clone() }
    }
}

/// One message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Message {
    /// Its number; later messages have higher ones.
    pub id: i64,
    /// Where it was written.
    pub room: RoomSlug,
    /// Who wrote it.
    pub author: Person,
    /// What it says; empty once deleted.
    pub text: MessageText,
    /// When it was written.
    pub created_at: Time,
    /// When it was last changed, if ever.
    pub edited_at: Option<Time>,
    /// Whether its author took it back.
    pub deleted: bool,
    /// The number of its last change. Every insert, edit and delete on this server takes the
    /// next one, so "everything after rev N" is exactly what a client missed.
    pub rev: i64,
    /// The id that its author's client gave it.
    pub client_id: Option<ClientId>,
}

/// One room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Room {
    /// Its id, part of its address.
    pub id: RoomSlug,
    /// Its name.
    pub name: RoomName,
    /// What it is about.
    pub topic: Topic,
    /// When it was made.
    pub created_at: Time,
    /// The number of its newest message, 0 if there is none.
    pub last_id: i64,
    /// The number of its newest change, 0 if there is none.
    pub last_rev: i64,
    /// How many people are in it now.
    pub members: usize,
    /// How many messages of others the asker has not read, counted up to
    /// [`crate::limits::UNREAD_MAX`].
    pub unread: u32,
    /// Its newest message that was not deleted.
    pub last: Option<LastMessage>,
}

/// What a list of rooms shows of a room's newest message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LastMessage {
    /// Who wrote it.
    pub author_name: GuestName,
    /// Its beginning, [`crate::limits::LAST_TEXT_CHARS`] characters at most.
    pub text: MessageText,
    /// When it was written.
    pub created_at: Time,
}

/// What everybody hears about a room in which something changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Activity {
    /// The room.
    pub room: RoomSlug,
    /// The number of its newest message.
    pub last_id: i64,
    /// The number of its newest change.
    pub last_rev: i64,
    /// Whose message was added or changed.
    pub author_id: GuestId,
    /// Its newest message.
    pub last: Option<LastMessage>,
}

/// Who is in a room now, and who just came or went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PresenceChange {
    /// The room.
    pub room: RoomSlug,
    /// Who is there, by name; [`crate::limits::MEMBERS_LISTED_MAX`] at most.
    pub members: Vec<Person>,
    /// Who came.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub joined: Option<Person>,
    /// Who went.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub left: Option<Person>,
}

/// Somebody began or stopped typing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TypingChange {
    /// The room.
    pub room: RoomSlug,
    /// Who.
    pub member: Person,
    /// Whether they are typing now.
    pub typing: bool,
}
