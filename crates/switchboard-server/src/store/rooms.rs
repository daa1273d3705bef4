//! Statements about rooms, and about what somebody has read in them.

use rusqlite::{Connection, OptionalExtension, Row};

use super::Store;
use crate::limits;
use crate::rooms::{
    Activity, Error, GuestId, GuestName, LastMessage, MessageText, Room, RoomName, RoomSlug, Time,
    Topic,
};

/// A room to be made.
#[derive(Clone, Debug)]
pub struct NewRoom {
    /// Its id.
    pub slug: RoomSlug,
    /// Its name.
    pub name: RoomName,
    /// What it is about.
    pub topic: Topic,
    /// Who makes it.
    pub creator: GuestId,
    /// When.
    pub now: Time,
}

impl Store {
    /// All rooms, the one with the newest message first. Unread counts are those of `reader`.
    /// Nobody is in them yet: that is not the store's to know.
    ///
    /// # Errors
    ///
    /// A failure of the store.
    pub async fn rooms(&self, reader: Option<GuestId>) -> Result<Vec<Room>, Error> {
        self.read(move |connection| {
            let mut select = connection.prepare_cached(SELECT_ROOMS)?;
            let reader = reader.as_ref().map(GuestId::as_str);
            let rooms = select.query_map((reader, None::<&str>, limits::UNREAD_MAX), room)?;
            Ok(rooms.collect::<rusqlite::Result<_>>()?)
        })
        .await
    }

    /// One room.
    ///
    /// # Errors
    ///
    /// [`Error::RoomUnknown`], or a failure of the store.
    pub async fn room(&self, slug: RoomSlug, reader: Option<GuestId>) -> Result<Room, Error> {
        self.read(move |connection| room_for(connection, &slug, reader.as_ref())).await
    }

    /// Makes a room; `then` hears of it in the order of all writes.
    ///
    /// # Errors
    ///
    /// [`Error::RoomExists`], [`Error::RoomsFull`], [`Error::Busy`], or a failure of the store.
    pub async fn add_room(
        &self,
        new: NewRoom,
        then: impl FnOnce(&Room) + Send + 'static,
    ) -> Result<Room, Error> {
        let NewRoom { slug, name, topic, creator, now } = new;
        let rooms_max = self.parts.rooms_max;
        let add = move |connection: &Connection| {
            if room_key(connection, &slug)?.is_some() {
                return Err(Error::RoomExists(slug));
            }
            let mut count = connection.prepare_cached("SELECT count(*) FROM rooms")?;
            if rooms_max <= count.query_row([], |row| row.get(0))? {
                return Err(Error::RoomsFull);
            }
            let mut insert = connection.prepare_cached(
                "INSERT INTO rooms (slug, name, topic, created_at, created_by)
                 VALUES (?1, ?2, ?3, ?4, ?5)",
            )?;
            let (slug_text, creator) = (slug.as_str(), creator.as_str());
            insert.execute((slug_text, name.as_str(), topic.as_str(), now.0, creator))?;
            room_for(connection, &slug, None)
        };
        self.write(add, then).await
    }

    /// Remembers that somebody has read up to this message. Never goes back, and never beyond
    /// the newest message.
    ///
    /// # Errors
    ///
    /// [`Error::RoomUnknown`], [`Error::Busy`], or a failure of the store.
    pub async fn mark_read(&self, reader: GuestId, slug: RoomSlug, id: i64) -> Result<(), Error> {
        self.write(
            move |connection| {
                let key = room_key(connection, &slug)?.ok_or(Error::RoomUnknown(slug))?;
                let mut upsert = connection.prepare_cached(
                    "INSERT INTO reads (guest_id, room_id, message_id)
                     SELECT ?1, id, max(0, min(?3, last_id)) FROM rooms WHERE id = ?2
                     ON CONFLICT DO UPDATE
                     SET message_id = max(message_id, excluded.message_id)",
                )?;
                upsert.execute((reader.as_str(), key, id))?;
                Ok(())
            },
            |()| (),
        )
        .await
    }
}

/// The row id of a room.
pub(super) fn room_key(connection: &Connection, slug: &RoomSlug) -> rusqlite::Result<Option<i64>> {
    let mut select = connection.prepare_cached("SELECT id FROM rooms WHERE slug = ?1")?;
    select.query_row([slug.as_str()], |row| row.get(0)).optional()
}

/// The room as `reader` sees it.
pub(super) fn room_for(
    connection: &Connection,
    slug: &RoomSlug,
    reader: Option<&GuestId>,
) -> Result<Room, Error> {
    let mut select = connection.prepare_cached(SELECT_ROOMS)?;
    let reader = reader.map(GuestId::as_str);
    let found = select.query_row((reader, Some(slug.as_str()), limits::UNREAD_MAX), room);
    found.optional()?.ok_or_else(|| Error::RoomUnknown(slug.clone()))
}

/// The newest message up to which this person has read, or before which they were not here.
pub(super) fn read_id(
    connection: &Connection,
    key: i64,
    reader: &GuestId,
) -> rusqlite::Result<i64> {
    let mut select = connection.prepare_cached(
        "SELECT max(first_id, coalesce((SELECT message_id FROM reads
                                        WHERE guest_id = ?1 AND room_id = ?2), 0))
         FROM guests WHERE id = ?1",
    )?;
    Ok(select.query_row((reader.as_str(), key), |row| row.get(0)).optional()?.unwrap_or(0))
}

/// What everybody hears about a room after a change by `author`.
pub(super) fn activity(
    connection: &Connection,
    slug: &RoomSlug,
    author_id: GuestId,
) -> Result<Activity, Error> {
    let Room { id: room, last_id, last_rev, last, .. } = room_for(connection, slug, None)?;
    Ok(Activity { room, last_id, last_rev, author_id, last })
}

fn room(row: &Row<'_>) -> rusqlite::Result<Room> {
    let (slug, name, topic): (String, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
    let last = match row.get::<_, Option<String>>(7)? {
        None => None,
        Some(author) => {
            let text: String = row.get(8)?;
            Some(LastMessage {
                author_name: GuestName::stored(&author),
                text: MessageText::stored(
                    &text.chars().take(limits::LAST_TEXT_CHARS).collect::<String>(),
                ),
                created_at: Time(row.get(9)?),
            })
        }
    };
    Ok(Room {
        id: RoomSlug::stored(&slug),
        name: RoomName::stored(&name),
        topic: Topic::stored(&topic),
        created_at: Time(row.get(3)?),
        last_id: row.get(4)?,
        last_rev: row.get(5)?,
        members: 0,
        unread: row.get(6)?,
        last,
    })
}

/// ?1 is the reader (or null), ?2 the room (or null for all), ?3 how far unread is counted.
const SELECT_ROOMS: &str = "
SELECT r.slug, r.name, r.topic, r.created_at, r.last_id, r.last_rev,
  CASE WHEN ?1 IS NULL THEN 0 ELSE (
    SELECT count(*) FROM (
      SELECT 1 FROM messages m
      WHERE m.room_id = r.id AND m.deleted = 0 AND m.author_id <> ?1
        AND m.id > max(
          coalesce((SELECT first_id FROM guests WHERE id = ?1), 0),
          coalesce((SELECT message_id FROM reads WHERE guest_id = ?1 AND room_id = r.id), 0))
      LIMIT ?3)) END,
  l.author_name, l.text, l.created_at
FROM rooms r
LEFT JOIN messages l ON l.id = (
  SELECT max(id) FROM messages WHERE room_id = r.id AND deleted = 0)
WHERE ?2 IS NULL OR r.slug = ?2
ORDER BY r.last_id DESC, r.id";
