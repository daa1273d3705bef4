//! The thread that writes: everything that waits goes into one transaction.
//!
//! A commit costs about the same for one write as for a hundred, so the thread takes what has
//! gathered in its queue, gives each write a savepoint of its own (one that fails undoes only
//! itself), commits once, and answers everybody after that.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::mpsc::error::SendTimeoutError;
use tokio::sync::{mpsc, oneshot};

use crate::limits::Limits;
use crate::rooms::Error;

/// The handle of the thread.
#[derive(Debug)]
pub(super) struct Writer {
    requests: mpsc::Sender<Request>,
    commits: Arc<AtomicU64>,
    queue_timeout: Duration,
}

enum Request {
    Write(Write),
    Close(oneshot::Sender<()>),
}

/// Runs inside the transaction and returns what is to be done once it is committed. Dropping
/// either tells whoever waits that nothing was kept.
type Write = Box<dyn FnOnce(&Connection) -> rusqlite::Result<Reply> + Send>;
type Reply = Box<dyn FnOnce() + Send>;

impl Writer {
    pub(super) fn start(connection: Connection, limits: &Limits) -> std::io::Result<Self> {
        let (requests, receiver) = mpsc::channel(limits.write_queue_max);
        let commits = Arc::new(AtomicU64::new(0));
        let thread = Thread {
            connection,
            requests: receiver,
            commits: Arc::clone(&commits),
            batch_max: limits.write_batch_max,
        };
        std::thread::Builder::new().name("store-writer".to_owned()).spawn(|| thread.run())?;
        Ok(Self { requests, commits, queue_timeout: limits.write_queue_timeout })
    }

    pub(super) async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, Error> + Send + 'static,
        then: impl FnOnce(&T) + Send + 'static,
    ) -> Result<T, Error> {
        let (answer, answered) = oneshot::channel();
        let write: Write = Box::new(move |connection| {
            let result = in_savepoint(connection, work)?;
            Ok(Box::new(move || {
                if let Ok(value) = &result {
                    then(value);
                }
                // Whoever asked may have gone; what they asked for is done all the same.
                drop(answer.send(result));
            }))
        });
        match self.requests.send_timeout(Request::Write(write), self.queue_timeout).await {
            Ok(()) => answered.await.unwrap_or(Err(Error::StorageLost)),
            Err(SendTimeoutError::Timeout(_)) => Err(Error::Busy),
            Err(SendTimeoutError::Closed(_)) => Err(Error::StorageLost),
        }
    }

    pub(super) async fn close(&self) {
        let (done, closed) = oneshot::channel();
        if self.requests.send(Request::Close(done)).await.is_ok() {
            drop(closed.await);
        }
    }

    pub(super) fn commits(&self) -> u64 {
        self.commits.load(Ordering::Relaxed)
    }
}

struct Thread {
    connection: Connection,
    requests: mpsc::Receiver<Request>,
    commits: Arc<AtomicU64>,
    batch_max: usize,
}

impl Thread {
    fn run(mut self) {
        let mut closing = None;
        while let Some(first) = self.requests.blocking_recv() {
            let mut batch = Vec::new();
            let mut next = Some(first);
            while let Some(request) = next {
                match request {
                    Request::Write(write) => batch.push(write),
                    Request::Close(done) => {
                        // No new ones; those in the queue are still written.
                        self.requests.close();
                        closing = Some(done);
                    }
                }
                next =
                    if batch.len() < self.batch_max { self.requests.try_recv().ok() } else { None };
            }
            if !batch.is_empty()
                && let Err(error) = self.commit(batch)
            {
                tracing::error!(%error, "the store could not commit a transaction");
            }
        }
        self.finish();
        if let Some(done) = closing {
            let _ = done.send(());
        }
    }

    fn commit(&mut self, batch: Vec<Write>) -> rusqlite::Result<()> {
        let transaction =
            self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut replies = Vec::with_capacity(batch.len());
        for write in batch {
            replies.push(write(&transaction)?);
        }
        transaction.commit()?;
        self.commits.fetch_add(1, Ordering::Relaxed);
        for reply in replies {
            reply();
        }
        Ok(())
    }

    fn finish(self) {
        let checkpoint =
            self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
        let closed = checkpoint.and_then(|()| self.connection.close().map_err(|(_, error)| error));
        if let Err(error) = closed {
            tracing::warn!(%error, "the store closed without a checkpoint; the next start makes one");
        }
    }
}

/// Runs one write so that its failure undoes nothing else. The outer error means that the whole
/// transaction is lost: SQLite itself rolled it back (a full disk, say).
fn in_savepoint<T>(
    connection: &Connection,
    work: impl FnOnce(&Connection) -> Result<T, Error>,
) -> rusqlite::Result<Result<T, Error>> {
    connection.prepare_cached("SAVEPOINT one_write")?.execute([])?;
    let result = work(connection);
    if connection.is_autocommit() {
        let reason = match result {
            Err(Error::Storage(error)) => error,
            _ => rusqlite::Error::InvalidQuery,
        };
        return Err(reason);
    }
    if result.is_err() {
        connection.prepare_cached("ROLLBACK TO one_write")?.execute([])?;
    }
    connection.prepare_cached("RELEASE one_write")?.execute([])?;
    Ok(result)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc as std_mpsc;

    use super::*;

    async fn writer() -> (Writer, tempfile::TempDir) {
        let dir = tempfile::tempdir().unwrap();
        let connection = Connection::open(dir.path().join("db")).unwrap();
        connection.execute_batch("CREATE TABLE t (n INTEGER UNIQUE)").unwrap();
        (Writer::start(connection, &Limits::default()).unwrap(), dir)
    }

    fn insert(n: i64) -> impl FnOnce(&Connection) -> Result<i64, Error> + Send + 'static {
        move |connection| {
            connection.execute("INSERT INTO t VALUES (?1)", [n])?;
            Ok(n)
        }
    }

    #[tokio::test]
    async fn writes_that_gathered_share_one_commit_and_are_answered_in_order() {
        let (writer, _dir) = writer().await;
        let writer = Arc::new(writer);
        let (release, hold) = std_mpsc::channel::<()>();
        let (started, holding) = oneshot::channel();
        let first = Arc::clone(&writer);
        let first = tokio::spawn(async move {
            let hold = move |_: &Connection| {
                started.send(()).unwrap();
                hold.recv().unwrap();
                Ok(())
            };
            first.write(hold, |()| ()).await
        });
        holding.await.unwrap();

        let order = Arc::new(std::sync::Mutex::new(Vec::new()));
        let mut waiting = tokio::task::JoinSet::new();
        for n in 0..100 {
            let (writer, order) = (Arc::clone(&writer), Arc::clone(&order));
            let then = move |n: &i64| order.lock().unwrap().push(*n);
            waiting.spawn(async move { writer.write(insert(n), then).await.unwrap() });
        }
        // The tasks run in the order of their spawning on this one thread; each ends up waiting.
        while writer.requests.max_capacity() - writer.requests.capacity() < 100 {
            tokio::task::yield_now().await;
        }
        release.send(()).unwrap();
        first.await.unwrap().unwrap();
        assert_eq!(waiting.join_all().await.len(), 100);
        assert_eq!(writer.commits(), 2);
        assert_eq!(*order.lock().unwrap(), (0..100).collect::<Vec<i64>>());
    }

    #[tokio::test]
    async fn a_write_that_fails_undoes_only_itself() {
        let (writer, _dir) = writer().await;
        let (a, twice, b) = tokio::join!(
            writer.write(insert(1), |_| ()),
            writer.write(
                |connection| {
                    insert(2)(connection)?;
                    insert(1)(connection)
                },
                |_| panic!("announced although it failed"),
            ),
            writer.write(insert(3), |_| ()),
        );
        assert!(a.is_ok() && b.is_ok());
        assert!(matches!(twice, Err(Error::Storage(_))));
        let count = |connection: &Connection| {
            Ok(connection.query_row("SELECT group_concat(n) FROM t", [], |row| row.get(0))?)
        };
        let kept: String = writer.write(count, |_| ()).await.unwrap();
        assert_eq!(kept, "1,3");
    }

    #[tokio::test]
    async fn close_finishes_what_waits_and_refuses_the_rest() {
        let (writer, dir) = writer().await;
        let (kept, ()) = tokio::join!(writer.write(insert(1), |_| ()), writer.close());
        assert!(kept.is_ok());
        assert!(matches!(writer.write(insert(2), |_| ()).await, Err(Error::StorageLost)));
        let again = Connection::open(dir.path().join("db")).unwrap();
        let count: i64 = again.query_row("SELECT count(*) FROM t", [], |row| row.get(0)).unwrap();
        assert_eq!(count, 1);
    }
}
