//! A socket's part in connection state recovery.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;

use super::Socket;
use crate::Id;
use crate::handler::HandlerFuture;
use crate::namespace::NamespaceInner;
use crate::recovery::{self, Admission, Cut, Log, Restored, Track};
use crate::rooms::RoomLimits;
use crate::rooms::events::RoomEvents;
use crate::session::{Command, Session};
use crate::sync::lock;

impl Socket {
    /// Whether the client was cut off for a moment and has everything back: what it missed, its
    /// rooms, its [data](Self::data) and its id. Otherwise it begins anew, which is also what a
    /// middleware sees, because it helps to decide. See [`Recovery`](crate::Recovery).
    pub fn recovered(&self) -> bool {
        self.0.track.as_ref().is_some_and(|it| it.is_recovered())
    }

    /// States who the client is, for [recovery](crate::Recovery): a client that comes back gets
    /// the state of the socket before only if the middleware states the same again. To be called
    /// in a [middleware](crate::Namespace::middleware). Without an identity the client must send
    /// the same auth payload as before.
    pub fn set_identity(&self, identity: impl Into<String>) {
        let identity = identity.into().into_boxed_str();
        lock(&self.0.own).get_or_insert_default().identity = Some(identity);
    }

    /// Who the client is, as [stated](Self::set_identity).
    pub fn identity(&self) -> Option<Box<str>> {
        lock(&self.0.own).as_ref()?.identity.clone()
    }

    pub(crate) fn track(&self) -> Option<&Track> {
        self.0.track.as_deref()
    }

    /// The socket that has this one's id now, if that is another one.
    pub(crate) fn successor(&self) -> Option<Self> {
        self.0.namespace.socket(self.0.id).filter(|it| !it.is(self))
    }

    pub(crate) fn skips_middlewares(&self) -> bool {
        let tracked = self.tracked();
        tracked.is_some_and(|(log, track)| track.is_claiming() && log.skips_middlewares())
    }

    /// The socket of a client that joins with this `auth` payload, and the payload without what
    /// only recovery needs.
    pub(crate) fn admit(
        namespace: Arc<NamespaceInner>,
        session: Arc<Session>,
        auth: &str,
    ) -> (Self, Cow<'_, str>) {
        let log = namespace.recovery().map(|it| &**it);
        let Admission { id, track, auth } = recovery::admit(log, &session, auth);
        (Self::new(namespace, session, &auth, id, track), auth)
    }

    /// Cuts the connection before, when the client is back and we had not noticed that it was gone.
    /// `None` when there is none, else what to wait for; then comes
    /// [`take_over`](Self::take_over).
    pub(crate) fn cut_rival(&self) -> Option<HandlerFuture<()>> {
        let (log, track) = self.tracked()?;
        track.rival()?;
        let rival = log.rival(self, track);
        Some(Box::pin(async move {
            let Some(rival) = rival else { return };
            let (going, gone) = oneshot::channel();
            let session = Arc::clone(rival.session());
            // Refused only when its task is gone, and then so is the socket.
            session.outbox.command(Command::TakenOver(rival, going)).ok();
            // It ends by being dropped.
            tokio::time::timeout(FAREWELL_WAIT, gone).await.ok();
        }))
    }

    /// The socket for the same client once its rival is gone: it has its state back, or begins
    /// anew.
    pub(crate) fn take_over(&self, auth: &str) -> Self {
        let found = self.tracked().and_then(|(log, track)| Some(track.after(track.rival()?, log)));
        let (id, track) = found.unzip();
        self.replaced(auth, id.flatten(), track)
    }

    /// The socket for the same client when it cannot have its state back.
    pub(crate) fn begin_anew(&self, auth: &str) -> Self {
        self.replaced(auth, None, self.track().map(Track::anew))
    }

    fn replaced(&self, auth: &str, id: Option<Id>, track: Option<Box<Track>>) -> Self {
        self.detach(None);
        self.clear();
        let (namespace, session) = (Arc::clone(&self.0.namespace), Arc::clone(&self.0.session));
        Self::new(namespace, session, auth, id, track)
    }

    /// Takes back what the socket before has left. Called under the log's lock; gives what is to be
    /// told about it then.
    pub(crate) fn restore(&self, restored: Restored, rooms: &[Arc<str>]) -> RoomEvents<'_> {
        let mut events = RoomEvents::begin(self.0.namespace.rooms(), self.id());
        // It had all of them before, whatever has been joined since.
        let entered = self.enter(rooms, RoomLimits::NONE, &mut events, None);
        debug_assert!(entered.is_ok(), "there is no limit to reach");
        let Restored { data, identity } = restored;
        if data.is_some() || identity.is_some() {
            let mut own = lock(&self.0.own);
            let own = own.get_or_insert_default();
            own.identity = identity;
            if data.is_some() {
                own.data = data;
            }
        }
        events
    }

    /// What the socket leaves behind when its connection is cut.
    pub(super) fn cut(&self) -> Cut {
        let own = lock(&self.0.own);
        let (data, identity) = match own.as_ref() {
            Some(own) => (own.data.clone(), own.identity.clone()),
            None => (None, None),
        };
        Cut { data, identity }
    }

    /// The log and what it knows of this socket, where it may be recovered.
    pub(super) fn tracked(&self) -> Option<(&Arc<Log>, &Track)> {
        let track = self.0.track.as_deref()?;
        Some((self.0.namespace.recovery()?, track))
    }
}

/// How long a client that takes over from its own old connection waits for the handlers of that.
const FAREWELL_WAIT: Duration = Duration::from_secs(3);
