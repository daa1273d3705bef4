//! Who writes a broadcast: one task for all recipients, instead of a wake-up of each. And who lets
//! a crowd leave a few at a time.
//!
//! A broadcast pushes into the outboxes of its recipients and lists those whose tasks rest. When
//! the tasks that are ready now have had their turn, the flusher writes for everybody listed, one
//! system call each. So what several broadcasts of that time brought leaves together, and a
//! recipient's task runs only if its stream does not take everything.
//!
//! When thousands of clients hang up at once, their tasks are ready at once, and whoever is not
//! among them would wait for all of them. So a task that finds its client gone may end only as one
//! of [`LEAVING`]; others wait in line, and everybody else has a turn in between.

use std::cell::Cell;
use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};

use tokio::runtime::Handle;
use tokio::task::yield_now;

use super::Session;
use crate::batch::{Place, Recent};
use crate::outbox::Pushed;
use crate::prepared::Prepared;
use crate::sync::lock;

/// The recipients for whom nobody has written yet, of one server.
#[derive(Default)]
pub(crate) struct Flusher(Mutex<Listed>);

#[derive(Default)]
struct Listed {
    sessions: Vec<Arc<Session>>,
    /// What they got.
    recent: Recent,
    /// Whose clients are gone, and who have not ended because others do.
    leaving: VecDeque<Arc<Session>>,
    /// How many have ended since the others had a turn.
    left: usize,
    /// Of the task that writes.
    waker: Option<Waker>,
    /// There is such a task.
    is_running: bool,
    /// The server is gone.
    is_closed: bool,
}

impl Flusher {
    /// Adds the sessions to those that are written for, and empties the list.
    fn add(self: &Arc<Self>, sessions: &mut Vec<Arc<Session>>, runtime: Option<Handle>) {
        self.change(runtime, |listed| listed.sessions.append(sessions));
    }

    /// Whether the session, whose client is gone, may end now. Else it is woken when it may.
    pub(super) fn lets_leave(self: &Arc<Self>, session: &Arc<Session>) -> bool {
        self.change(session.engine.runtime(), |listed| {
            let may_leave = listed.left < LEAVING && listed.leaving.is_empty();
            if may_leave {
                listed.left += 1;
            } else {
                listed.leaving.push_back(Arc::clone(session));
            }
            may_leave
        })
    }

    /// Gives the task something to do.
    fn change<T>(
        self: &Arc<Self>,
        runtime: Option<Handle>,
        change: impl FnOnce(&mut Listed) -> T,
    ) -> T {
        let (changed, waker, starts) = {
            let mut listed = lock(&self.0);
            let changed = change(&mut listed);
            let starts = !std::mem::replace(&mut listed.is_running, true);
            (changed, listed.waker.take(), starts)
        };
        if let Some(waker) = waker {
            waker.wake();
        }
        // Only on the runtime of the connections: another one may rest while they run. Where that one has
        // ended, the task is dropped at once, and whoever is listed goes on without it.
        if starts && let Some(runtime) = runtime {
            runtime.spawn(run(Running(Arc::clone(self))));
        }
        changed
    }

    /// The server is gone: so will be the task.
    pub(crate) fn close(&self) {
        let waker = {
            let mut listed = lock(&self.0);
            listed.is_closed = true;
            listed.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn take(&self, sessions: &mut Vec<Arc<Session>>) {
        let mut listed = lock(&self.0);
        std::mem::swap(&mut listed.sessions, sessions);
        listed.recent.forget();
    }

    /// Lets the next ones leave.
    fn let_leave(&self) {
        let next: Vec<_> = {
            let mut listed = lock(&self.0);
            let count = listed.leaving.len().min(LEAVING);
            listed.left = count;
            let next = listed.leaving.drain(..count).collect();
            if listed.leaving.is_empty() && KEPT < listed.leaving.capacity() {
                listed.leaving = VecDeque::new();
            }
            next
        };
        next.iter().for_each(let_go);
    }
}

impl fmt::Debug for Flusher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let listed = lock(&self.0);
        f.debug_struct("Flusher").field("sessions", &listed.sessions.len()).finish_non_exhaustive()
    }
}

/// The right to be the task that writes.
struct Running(Arc<Flusher>);

impl Drop for Running {
    fn drop(&mut self) {
        // The runtime ends, or the server: nobody may wait for a task that does not come.
        let (sessions, leaving) = {
            let mut listed = lock(&self.0.0);
            listed.is_running = false;
            listed.waker = None;
            listed.left = 0;
            (std::mem::take(&mut listed.sessions), std::mem::take(&mut listed.leaving))
        };
        drop(Share(sessions));
        leaving.iter().for_each(let_go);
    }
}

/// Lets a session end whose client is gone.
fn let_go(session: &Arc<Session>) {
    session.may_leave.store(true, Ordering::Release);
    session.outbox.wake();
}

/// Sessions that somebody will write for. If that does not come about, their tasks do.
struct Share(Vec<Arc<Session>>);

impl Share {
    /// Writes for some of them; says whether there are more.
    #[cfg(not(all(feature = "io-uring", target_os = "linux")))]
    fn flush_some(&mut self) -> bool {
        let mut bytes = 0;
        for _ in 0..SHARE {
            if BYTES <= bytes {
                break;
            }
            let Some(session) = self.0.pop() else { break };
            bytes += session.flush();
        }
        !self.0.is_empty()
    }

    #[cfg(all(feature = "io-uring", target_os = "linux"))]
    fn flush_some(&mut self) -> bool {
        let rest = self.0.len().saturating_sub(SHARE);
        super::together::flush(&self.0.split_off(rest));
        rest != 0
    }

    /// Writes for all of them, and lets others have a turn now and then.
    async fn flush(&mut self) {
        while self.flush_some() {
            yield_now().await;
        }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.0.iter().for_each(|it| it.outbox.unlist());
    }
}

async fn run(running: Running) {
    let flusher = &running.0;
    let mut all = Share(Vec::new());
    while is_wanted(flusher).await {
        // Others that are ready may add to it.
        yield_now().await;
        flusher.let_leave();
        flusher.take(&mut all.0);
        let is_shared = SHARE < all.0.len() && 1 < Handle::current().metrics().num_workers();
        if is_shared {
            while SHARE < all.0.len() {
                let mut share = Share(all.0.split_off(all.0.len() - SHARE));
                tokio::spawn(async move { share.flush().await });
            }
        }
        all.flush().await;
        if KEPT < all.0.capacity() {
            all.0.shrink_to(KEPT);
        }
    }
}

/// Waits until somebody is listed; `false` when the server is gone.
async fn is_wanted(flusher: &Flusher) -> bool {
    poll_fn(|cx| {
        let mut listed = lock(&flusher.0);
        let has_work = !listed.sessions.is_empty() || listed.left != 0;
        if listed.is_closed || has_work || !listed.leaving.is_empty() {
            return Poll::Ready(!listed.is_closed);
        }
        listed.waker = Some(cx.waker().clone());
        Poll::Pending
    })
    .await
}

/// One packet on its way to many. Those that nobody writes for yet are listed when it is dropped.
pub(crate) struct FanOut {
    sessions: Vec<Arc<Session>>,
    place: Option<Place>,
}

impl FanOut {
    pub(crate) fn new() -> Self {
        Self { sessions: LIST.take(), place: None }
    }

    /// One that may be written together with the one before it to the same recipients, whom the
    /// number tells from others.
    pub(crate) fn to(recipients: u64, packet: &Prepared, flusher: &Flusher) -> Self {
        if Recent::is_too_large(packet.len()) {
            return Self::new();
        }
        let frames = packet.usual_frames();
        let place = lock(&flusher.0).recent.note(recipients, frames);
        Self { sessions: LIST.take(), place }
    }

    /// Sends the packet to one more. `false` when it was dropped.
    pub(crate) fn push(&mut self, session: &Arc<Session>, packet: &Prepared) -> bool {
        match session.outbox.push_listed(packet, self.place.as_ref()) {
            Pushed::Dropped => return false,
            Pushed::Queued => (),
            Pushed::Listed => self.sessions.push(Arc::clone(session)),
        }
        true
    }
}

impl Drop for FanOut {
    fn drop(&mut self) {
        let mut sessions = std::mem::take(&mut self.sessions);
        if let Some(first) = sessions.first() {
            let engine = Arc::clone(&first.engine);
            engine.flusher.add(&mut sessions, engine.runtime());
        }
        if sessions.capacity() <= KEPT {
            LIST.set(sessions);
        }
    }
}

thread_local! {
    static LIST: Cell<Vec<Arc<Session>>> = const { Cell::new(Vec::new()) };
}

/// Recipients that are written for before other tasks have a turn.
const SHARE: usize = 256;
/// Bytes that are written before other tasks have a turn.
#[cfg(not(all(feature = "io-uring", target_os = "linux")))]
const BYTES: usize = 1024 * 1024;
/// Sessions that end, because their clients are gone, before other tasks have a turn.
const LEAVING: usize = 64;
/// Places that lists keep.
const KEPT: usize = 1_024;
