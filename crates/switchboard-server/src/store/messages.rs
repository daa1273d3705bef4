//! Statements about messages: post, change, read by page, catch up after a gap.

use rusqlite::{Connection, OptionalExtension, Params, Row};

use super::Store;
use super::rooms::{activity, read_id, room_for, room_key};
use crate::limits;
use crate::rooms::{
    Activity, ClientId, Error, Expected, GuestId, GuestName, Message, MessageText, Person, Room,
    RoomSlug, Time,
};

/// A message to be kept.
#[derive(Clone, Debug)]
pub struct NewMessage {
    /// Where.
    pub room: RoomSlug,
    /// Who says it.
    pub author: GuestId,
    /// What.
    pub text: MessageText,
    /// The id that its client gave it.
    pub client_id: Option<ClientId>,
    /// When.
    pub now: Time,
}

/// What became of a post or of a change.
#[derive(Clone, Debug)]
pub struct Posted {
    /// The message as it is now.
    pub message: Message,
    /// What others should hear; `None` if nothing changed (it was sent before, or says the same).
    pub activity: Option<Activity>,
}

/// A change of a message by its author.
#[derive(Clone, Debug)]
pub struct Change {
    /// Where it is.
    pub room: RoomSlug,
    /// Which.
    pub id: i64,
    /// Who wants to change it.
    pub author: GuestId,
    /// In which form they believe it to be.
    pub expected: Expected,
    /// What they want.
    pub of: ChangeOf,
    /// When.
    pub now: Time,
}

/// What is changed.
#[derive(Clone, Debug)]
pub enum ChangeOf {
    /// It says this from now on.
    Text(MessageText),
    /// It is taken back; its text is erased.
    Deletion,
    /// Nothing, but only its author may ask for it, and only of what they expect.
    Nothing,
}

/// Which page of a room's messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PageOf {
    /// The newest.
    Latest,
    /// Those just before this id.
    Before(i64),
    /// Those just after this id.
    After(i64),
}

/// A page of messages, oldest first.
#[derive(Clone, Debug)]
pub struct Page {
    /// The messages.
    pub messages: Vec<Message>,
    /// Whether the room has messages before these.
    pub has_older: bool,
    /// Whether the room has messages after these.
    pub has_newer: bool,
}

/// What somebody needs who enters a room.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// The room.
    pub room: Room,
    /// The newest messages, or (not `reset`) those that changed, in the order of the changes.
    pub messages: Vec<Message>,
    /// Whether there are older messages than these.
    pub has_more: bool,
    /// Whether the client should forget what it had.
    pub reset: bool,
    /// Up to where they have read.
    pub read_id: i64,
}

impl Store {
    /// Keeps a message; `then` hears of it in the order of all writes.
    ///
    /// # Errors
    ///
    /// [`Error::RoomUnknown`], [`Error::ClientIdReused`], [`Error::Busy`], or a failure.
    pub async fn post(
        &self,
        new: NewMessage,
        then: impl FnOnce(&Posted) + Send + 'static,
    ) -> Result<Posted, Error> {
        self.write(move |connection| post(connection, new), then).await
    }

    /// Changes a message; `then` hears of it in the order of all writes.
    ///
    /// # Errors
    ///
    /// [`Error::RoomUnknown`], [`Error::MessageUnknown`], [`Error::NotAuthor`],
    /// [`Error::Changed`], [`Error::MessageDeleted`], [`Error::Busy`], or a failure.
    pub async fn change(
        &self,
        change: Change,
        then: impl FnOnce(&Posted) + Send + 'static,
    ) -> Result<Posted, Error> {
        self.write(move |connection| apply(connection, change), then).await
    }

    /// One message, deleted or not.
    ///
    /// # Errors
    ///
    /// [`Error::RoomUnknown`], [`Error::MessageUnknown`], or a failure of the store.
    pub async fn message(&self, room: RoomSlug, id: i64) -> Result<Message, Error> {
        self.read(move |connection| message(connection, &room, id)).await
    }

    /// A page of at most `limit` messages.
    ///
    /// # Errors
    ///
    /// [`Error::RoomUnknown`], or a failure of the store.
    pub async fn page(&self, room: RoomSlug, of: PageOf, limit: u32) -> Result<Page, Error> {
        self.read(move |connection| page(connection, &room, of, limit)).await
    }

    /// What `reader` needs to be up to date in a room, having seen every change up to `since`.
    ///
    /// # Errors
    ///
    /// [`Error::RoomUnknown`], or a failure of the store.
    pub async fn snapshot(
        &self,
        room: RoomSlug,
        reader: GuestId,
        since: Option<i64>,
    ) -> Result<Snapshot, Error> {
        self.read(move |connection| snapshot(connection, &room, &reader, since)).await
    }
}

fn post(connection: &Connection, new: NewMessage) -> Result<Posted, Error> {
    let NewMessage { room, author, text, client_id, now } = new;
    let key = room_key(connection, &room)?.ok_or_else(|| Error::RoomUnknown(room.clone()))?;
    if let Some(client_id) = &client_id
        && let Some(message) = sent_before(connection, &author, client_id)?
    {
        let is_same_room = message.room == room;
        let posted = Posted { message, activity: None };
        return if is_same_room { Ok(posted) } else { Err(Error::ClientIdReused) };
    }
    let mut name = connection.prepare_cached("SELECT name FROM guests WHERE id = ?1")?;
    let name: Option<String> = name.query_row([author.as_str()], |row| row.get(0)).optional()?;
    let name = name.ok_or(Error::Unauthorized)?;
    let rev = next_rev(connection)?;
    let mut insert = connection.prepare_cached(
        "INSERT INTO messages (room_id, author_id, author_name, text, created_at, rev, client_id)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?;
    let client_id_text = client_id.as_ref().map(ClientId::as_str);
    insert.execute((key, author.as_str(), &name, text.as_str(), now.0, rev, client_id_text))?;
    let id = connection.last_insert_rowid();
    let mut update =
        connection.prepare_cached("UPDATE rooms SET last_id = ?2, last_rev = ?3 WHERE id = ?1")?;
    update.execute((key, id, rev))?;
    let activity = activity(connection, &room, author.clone())?;
    let author = Person { id: author, name: GuestName::stored(&name) };
    let message = Message {
        id,
        room,
        author,
        text,
        created_at: now,
        edited_at: None,
        deleted: false,
        rev,
        client_id,
    };
    Ok(Posted { message, activity: Some(activity) })
}

fn apply(connection: &Connection, change: Change) -> Result<Posted, Error> {
    let Change { room, id, author, expected, of, now } = change;
    let mut message = message(connection, &room, id)?;
    if message.author.id != author {
        return Err(Error::NotAuthor);
    }
    if !expected.allows(message.rev) {
        return Err(Error::Changed);
    }
    match of {
        ChangeOf::Nothing => return Ok(Posted { message, activity: None }),
        ChangeOf::Deletion if message.deleted => return Ok(Posted { message, activity: None }),
        ChangeOf::Text(_) if message.deleted => return Err(Error::MessageDeleted),
        ChangeOf::Text(text) if message.text == text => {
            return Ok(Posted { message, activity: None });
        }
        ChangeOf::Text(text) => {
            message.text = text;
            message.edited_at = Some(now);
        }
        ChangeOf::Deletion => {
            message.text = MessageText::stored("");
            message.deleted = true;
        }
    }
    message.rev = next_rev(connection)?;
    let mut update = connection.prepare_cached(
        "UPDATE messages SET text = ?2, edited_at = ?3, deleted = ?4, rev = ?5 WHERE id = ?1",
    )?;
    let edited_at = message.edited_at.map(|it| it.0);
    update.execute((id, message.text.as_str(), edited_at, message.deleted, message.rev))?;
    let mut update = connection.prepare_cached("UPDATE rooms SET last_rev = ?2 WHERE slug = ?1")?;
    update.execute((room.as_str(), message.rev))?;
    let activity = activity(connection, &room, author)?;
    Ok(Posted { message, activity: Some(activity) })
}

fn next_rev(connection: &Connection) -> rusqlite::Result<i64> {
    let mut select = connection.prepare_cached("SELECT coalesce(max(rev), 0) + 1 FROM messages")?;
    select.query_row([], |row| row.get(0))
}

fn sent_before(
    connection: &Connection,
    author: &GuestId,
    client_id: &ClientId,
) -> Result<Option<Message>, Error> {
    let mut select = connection.prepare_cached(SELECT_BY_CLIENT_ID)?;
    Ok(select.query_row((author.as_str(), client_id.as_str()), read_message).optional()?)
}

fn message(connection: &Connection, room: &RoomSlug, id: i64) -> Result<Message, Error> {
    let key = room_key(connection, room)?.ok_or_else(|| Error::RoomUnknown(room.clone()))?;
    let mut select = connection.prepare_cached(SELECT_ONE)?;
    let found = select.query_row((key, id), read_message).optional()?;
    found.ok_or(Error::MessageUnknown(id))
}

fn page(connection: &Connection, room: &RoomSlug, of: PageOf, limit: u32) -> Result<Page, Error> {
    let key = room_key(connection, room)?.ok_or_else(|| Error::RoomUnknown(room.clone()))?;
    let mut messages = match of {
        PageOf::Latest => list(connection, SELECT_BEFORE, (key, i64::MAX, limit))?,
        PageOf::Before(id) => list(connection, SELECT_BEFORE, (key, id, limit))?,
        PageOf::After(id) => list(connection, SELECT_AFTER, (key, id, limit))?,
    };
    if !matches!(of, PageOf::After(_)) {
        messages.reverse();
    }
    // An empty page lies at the end it was asked for: everything is on its other side.
    let first = messages.first().map_or(i64::MAX, |it| it.id);
    let last = messages.last().map_or(0, |it| it.id);
    let (first, last) = match of {
        PageOf::Before(id) if messages.is_empty() => (id, id - 1),
        PageOf::After(id) if messages.is_empty() => (id.saturating_add(1), id),
        _ => (first, last),
    };
    let mut exists = connection.prepare_cached(
        "SELECT EXISTS (SELECT 1 FROM messages WHERE room_id = ?1 AND id < ?2),
                EXISTS (SELECT 1 FROM messages WHERE room_id = ?1 AND id > ?3)",
    )?;
    let (has_older, has_newer) =
        exists.query_row((key, first, last), |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(Page { messages, has_older, has_newer })
}

fn snapshot(
    connection: &Connection,
    slug: &RoomSlug,
    reader: &GuestId,
    since: Option<i64>,
) -> Result<Snapshot, Error> {
    let room = room_for(connection, slug, Some(reader))?;
    let key = room_key(connection, slug)?.ok_or_else(|| Error::RoomUnknown(slug.clone()))?;
    let read_id = read_id(connection, key, reader)?;
    // A client that claims to have seen the future knows another store: it starts afresh.
    if let Some(since) = since.filter(|it| *it <= room.last_rev) {
        let one_more = limits::CATCH_UP_CHANGES_MAX + 1;
        let messages = list(connection, SELECT_CHANGED, (key, since, one_more))?;
        if messages.len() < one_more as usize {
            return Ok(Snapshot { room, messages, has_more: false, reset: false, read_id });
        }
    }
    let latest = page(connection, slug, PageOf::Latest, limits::PAGE_MESSAGES)?;
    let Page { messages, has_older, .. } = latest;
    Ok(Snapshot { room, messages, has_more: has_older, reset: true, read_id })
}

fn list(connection: &Connection, sql: &str, params: impl Params) -> Result<Vec<Message>, Error> {
    let mut select = connection.prepare_cached(sql)?;
    let messages = select.query_map(params, read_message)?;
    Ok(messages.collect::<rusqlite::Result<_>>()?)
}

fn read_message(row: &Row<'_>) -> rusqlite::Result<Message> {
    let (room, author, name): (String, String, String) = (row.get(1)?, row.get(2)?, row.get(3)?);
    let text: String = row.get(4)?;
    let client_id: Option<String> = row.get(9)?;
    Ok(Message {
        id: row.get(0)?,
        room: RoomSlug::stored(&room),
        author: Person { id: GuestId::stored(&author), name: GuestName::stored(&name) },
        text: MessageText::stored(&text),
        created_at: Time(row.get(5)?),
        edited_at: row.get::<_, Option<i64>>(6)?.map(Time),
        deleted: row.get(7)?,
        rev: row.get(8)?,
        client_id: client_id.as_deref().map(ClientId::stored),
    })
}

/// The columns that `read_message` reads, in its order.
macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT m.id, r.slug, m.author_id, m.author_name, m.text, m.created_at, m.edited_at, ",
            "m.deleted, m.rev, m.client_id FROM messages m JOIN rooms r ON r.id = m.room_id WHERE ",
            $rest
        )
    };
}

const SELECT_ONE: &str = select!("m.room_id = ?1 AND m.id = ?2");
const SELECT_BY_CLIENT_ID: &str = select!("m.author_id = ?1 AND m.client_id = ?2");
const SELECT_BEFORE: &str = select!("m.room_id = ?1 AND m.id < ?2 ORDER BY m.id DESC LIMIT ?3");
const SELECT_AFTER: &str = select!("m.room_id = ?1 AND m.id > ?2 ORDER BY m.id LIMIT ?3");
const SELECT_CHANGED: &str = select!("m.room_id = ?1 AND m.rev > ?2 ORDER BY m.rev LIMIT ?3");
