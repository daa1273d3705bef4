//! The tables, and how older files become newer ones.
//!
//! `user_version` counts the migrations that a file has seen. A migration is never changed once
//! released: a new one is added to the end of the list.

use rusqlite::{Connection, Transaction, TransactionBehavior};

/// Sets the connection up for writing and brings the file to the newest form.
pub(super) fn prepare(connection: &mut Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    set_up(connection)?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    migrate(&transaction)?;
    transaction.commit()
}

/// What writers and readers have in common.
pub(super) fn set_up(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.pragma_update(None, "foreign_keys", "ON")?;
    // Nothing in the schema may call functions that reach out of the database.
    connection.pragma_update(None, "trusted_schema", "OFF")?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
    Ok(())
}

fn migrate(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    let seen: u32 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let seen = seen as usize;
    if MIGRATIONS.len() < seen {
        let message = format!("it was written by a newer switchboard (version {seen})");
        let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_SCHEMA);
        return Err(rusqlite::Error::SqliteFailure(code, Some(message)));
    }
    for (version, migration) in (1..).zip(MIGRATIONS).skip(seen) {
        transaction.execute_batch(migration)?;
        transaction.pragma_update(None, "user_version", version)?;
    }
    Ok(())
}

const MIGRATIONS: &[&str] = &["
CREATE TABLE guests (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  token_hash BLOB NOT NULL UNIQUE,
  created_at INTEGER NOT NULL,
  -- The newest message when they came: what was written before is not unread to them.
  first_id INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE rooms (
  id INTEGER PRIMARY KEY,
  slug TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL,
  topic TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  created_by TEXT REFERENCES guests (id),
  last_id INTEGER NOT NULL DEFAULT 0,
  last_rev INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE messages (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  room_id INTEGER NOT NULL REFERENCES rooms (id),
  author_id TEXT NOT NULL REFERENCES guests (id),
  -- As they were called then: a message changes only when its rev does.
  author_name TEXT NOT NULL,
  text TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  edited_at INTEGER,
  deleted INTEGER NOT NULL DEFAULT 0,
  rev INTEGER NOT NULL UNIQUE,
  client_id TEXT
) STRICT;
CREATE INDEX messages_in_room ON messages (room_id, id);
CREATE INDEX messages_shown_in_room ON messages (room_id, id) WHERE deleted = 0;
CREATE INDEX messages_by_change ON messages (room_id, rev);
CREATE UNIQUE INDEX messages_by_client_id ON messages (author_id, client_id)
  WHERE client_id IS NOT NULL;

CREATE TABLE reads (
  guest_id TEXT NOT NULL REFERENCES guests (id),
  room_id INTEGER NOT NULL REFERENCES rooms (id),
  message_id INTEGER NOT NULL,
  PRIMARY KEY (guest_id, room_id)
) STRICT, WITHOUT ROWID;

INSERT INTO rooms (slug, name, topic, created_at)
VALUES (
  'lobby',
  'Lobby',
  'Welcome! Say hello, try things out, or open a room of your own.',
  CAST(unixepoch('subsec') * 1000 AS INTEGER)
);
"];

/// How long a statement waits for another process that has the file (a backup, a shell).
const BUSY_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(5);
/// More than there are statements.
const STATEMENTS_KEPT: usize = 64;
