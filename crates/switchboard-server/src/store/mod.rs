//! What is kept: one SQLite file, one writer thread, a few readers.
//!
//! | file | what it is |
//! |---|---|
//! | `schema` | the tables and how older files become newer ones |
//! | `writer` | the thread that owns the writing connection: group commit |
//! | `readers` | the connections that read |
//! | `people` | statements about guests |
//! | `rooms` | statements about rooms and what was read in them |
//! | `messages` | statements about messages |
//!
//! Every statement is a constant with parameters; none is ever put together from parts.
//!
//! What survives what: a write is answered after its commit. A commit survives the end of this
//! process in any form. `synchronous = NORMAL` does not wait for the disk at each commit: when
//! the machine itself loses power, commits since the last checkpoint may be lost, whole and
//! newest first; the file stays sound.

mod messages;
mod people;
mod readers;
mod rooms;
mod schema;
mod writer;

use std::fmt;
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::Connection;

pub use messages::{Change, ChangeOf, NewMessage, Page, PageOf, Posted, Snapshot};
use readers::Readers;
pub use rooms::NewRoom;
use writer::Writer;

use crate::limits::Limits;
use crate::rooms::Error;

/// The open store. Clones share it.
#[derive(Clone, Debug)]
pub struct Store {
    parts: Arc<Parts>,
}

#[derive(Debug)]
struct Parts {
    writer: Writer,
    readers: Readers,
    rooms_max: u32,
    /// Held as long as the store: a second server on the same directory would announce nothing
    /// of what this one writes.
    _lock: File,
}

impl Store {
    /// Opens the store in this directory; makes both if they are not there.
    ///
    /// # Errors
    ///
    /// [`OpenError`] says what to do about it.
    pub fn open(dir: &Path, limits: &Limits) -> Result<Self, OpenError> {
        let lock = lock(dir)?;
        let path = dir.join("switchboard.db");
        let failed = |error| OpenError::Database { path: path.clone(), error };
        let mut connection = Connection::open(&path).map_err(failed)?;
        schema::prepare(&mut connection).map_err(failed)?;
        let readers = Readers::open(&path, limits.readers).map_err(failed)?;
        let writer =
            Writer::start(connection, limits).map_err(|error| OpenError::Thread { error })?;
        let rooms_max = limits.rooms_max;
        Ok(Self { parts: Arc::new(Parts { writer, readers, rooms_max, _lock: lock }) })
    }

    /// Finishes what waits, moves everything into the one file, and closes it. Whatever is asked
    /// afterwards is refused.
    pub async fn close(&self) {
        self.parts.readers.close().await;
        self.parts.writer.close().await;
    }

    /// How many transactions were committed by the writer since the start.
    pub fn commits(&self) -> u64 {
        self.parts.writer.commits()
    }

    /// Does `work` in the next transaction. `then` runs right after the commit, on the writer's
    /// thread: for all writes in the order in which they were made.
    async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, Error> + Send + 'static,
        then: impl FnOnce(&T) + Send + 'static,
    ) -> Result<T, Error> {
        self.parts.writer.write(work, then).await
    }

    /// Reads from one consistent state.
    async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        self.parts.readers.read(work).await
    }
}

/// Why the store could not be opened.
#[derive(Debug)]
#[non_exhaustive]
pub enum OpenError {
    /// The directory or a file in it cannot be made or written.
    Directory {
        /// Which.
        path: PathBuf,
        /// What the operating system says.
        error: std::io::Error,
    },
    /// Another process works on this directory.
    InUse {
        /// Which.
        path: PathBuf,
    },
    /// SQLite refuses the file.
    Database {
        /// Which.
        path: PathBuf,
        /// What it says.
        error: rusqlite::Error,
    },
    /// No thread to be had for the writer.
    Thread {
        /// What the operating system says.
        error: std::io::Error,
    },
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory { path, error } => write!(
                f,
                "could not write to the data directory: {}: {error}; \
                 make it writable, or choose another with --data-dir",
                path.display()
            ),
            Self::InUse { path } => write!(
                f,
                "another switchboard uses the data directory {}; \
                 stop it, or choose another with --data-dir",
                path.display()
            ),
            Self::Database { path, error } => {
                write!(f, "could not open the database {}: {error}", path.display())
            }
            Self::Thread { error } => write!(f, "could not start the writer thread: {error}"),
        }
    }
}

impl std::error::Error for OpenError {}

fn lock(dir: &Path) -> Result<File, OpenError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |error| OpenError::Directory { path, error }
    };
    make_private_dir(dir).map_err(failed(dir))?;
    let path = dir.join("switchboard.lock");
    let file = File::create(&path).map_err(failed(&path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse { path: dir.to_owned() }),
        Err(TryLockError::Error(error)) => Err(failed(&path)(error)),
    }
}

/// What people write is nobody else's business on this machine.
fn make_private_dir(dir: &Path) -> std::io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt;
        builder.mode(0o700);
    }
    builder.create(dir)
}
