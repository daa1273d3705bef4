//! Statements about guests.

use rusqlite::{OptionalExtension, Row};

use super::Store;
use crate::rooms::{Error, Guest, GuestId, GuestName, Time, TokenHash};

impl Store {
    /// Keeps a new guest, and of their token only the hash.
    ///
    /// # Errors
    ///
    /// [`Error::Busy`] or a failure of the store.
    pub async fn add_guest(&self, guest: Guest, token: TokenHash, now: Time) -> Result<(), Error> {
        self.write(
            move |connection| {
                let mut insert = connection.prepare_cached(
                    "INSERT INTO guests (id, name, token_hash, created_at, first_id)
                     SELECT ?1, ?2, ?3, ?4, coalesce(max(id), 0) FROM messages",
                )?;
                insert.execute((guest.id.as_str(), guest.name.as_str(), token.0, now.0))?;
                Ok(())
            },
            |()| (),
        )
        .await
    }

    /// Whose token this is.
    ///
    /// # Errors
    ///
    /// A failure of the store.
    pub async fn guest_of_token(&self, token: TokenHash) -> Result<Option<Guest>, Error> {
        self.read(move |connection| {
            let sql = "SELECT id, name FROM guests WHERE token_hash = ?1";
            Ok(connection.prepare_cached(sql)?.query_row([token.0], guest).optional()?)
        })
        .await
    }

    /// The guest of this id.
    ///
    /// # Errors
    ///
    /// A failure of the store.
    pub async fn guest(&self, id: GuestId) -> Result<Option<Guest>, Error> {
        self.read(move |connection| {
            let sql = "SELECT id, name FROM guests WHERE id = ?1";
            Ok(connection.prepare_cached(sql)?.query_row([id.as_str()], guest).optional()?)
        })
        .await
    }

    /// Calls a guest otherwise from now on; their messages keep the name they were written under.
    ///
    /// # Errors
    ///
    /// [`Error::Unauthorized`] if there is no such guest, [`Error::Busy`], or a failure.
    pub async fn rename_guest(&self, id: GuestId, name: GuestName) -> Result<Guest, Error> {
        self.write(
            move |connection| {
                let sql = "UPDATE guests SET name = ?2 WHERE id = ?1";
                let renamed =
                    connection.prepare_cached(sql)?.execute((id.as_str(), name.as_str()))?;
                if renamed == 0 { Err(Error::Unauthorized) } else { Ok(Guest { id, name }) }
            },
            |_| (),
        )
        .await
    }
}

fn guest(row: &Row<'_>) -> rusqlite::Result<Guest> {
    let id: String = row.get(0)?;
    let name: String = row.get(1)?;
    Ok(Guest { id: GuestId::stored(&id), name: GuestName::stored(&name) })
}
