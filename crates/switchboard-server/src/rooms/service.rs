//! The rooms put to work: people, rooms, who is there. (Messages: the file beside this one.)
//!
//! Both doors call this and nothing below it. Every method answers after what it did is stored
//! and was announced to the open sockets.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;

use super::error::Error;
use super::live::{Announcement, Audience, Live, LiveEvent, News};
use super::model::{Guest, Room, TypingChange};
use super::presence::{Changes, Presence, TabId};
use super::values::{GuestId, GuestName, RoomName, RoomSlug, Time, Token, Topic};
use crate::limits::Limits;
use crate::store::{NewRoom, Store};

/// The rooms of this server. Clones share them.
#[derive(Clone, Debug)]
pub struct Rooms {
    pub(super) parts: Arc<Parts>,
}

#[derive(Debug)]
pub(super) struct Parts {
    pub(super) store: Store,
    pub(super) live: Live,
    presence: Mutex<Presence>,
    /// Told when somebody begins to type, so that the clock of typing may sleep until then.
    typing_began: Notify,
    limits: Limits,
}

impl Rooms {
    /// The rooms that this store keeps, announcing into this stream.
    pub fn new(store: Store, live: Live, limits: Limits) -> Self {
        let presence = Mutex::new(Presence::default());
        let typing_began = Notify::new();
        Self { parts: Arc::new(Parts { store, live, presence, typing_began, limits }) }
    }

    /// Makes somebody a guest. The token is the only proof of it, and is not told again.
    ///
    /// # Errors
    ///
    /// [`Error::Busy`], or a failure of the store.
    pub async fn new_guest(&self, name: GuestName) -> Result<(Guest, Token), Error> {
        let guest = Guest { id: GuestId::random()?, name };
        let token = Token::random()?;
        self.parts.store.add_guest(guest.clone(), token.hash(), Time::now()).await?;
        Ok((guest, token))
    }

    /// Whose token this is.
    ///
    /// # Errors
    ///
    /// [`Error::Unauthorized`] if nobody's, or a failure of the store.
    pub async fn guest_of_token(&self, token: &Token) -> Result<Guest, Error> {
        self.parts.store.guest_of_token(token.hash()).await?.ok_or(Error::Unauthorized)
    }

    /// The guest as they are called now.
    ///
    /// # Errors
    ///
    /// [`Error::Unauthorized`] if there is none of this id, or a failure of the store.
    pub async fn guest(&self, id: &GuestId) -> Result<Guest, Error> {
        self.parts.store.guest(id.clone()).await?.ok_or(Error::Unauthorized)
    }

    /// Calls somebody otherwise. Their other tabs (all but `tab`) and their rooms hear of it.
    ///
    /// # Errors
    ///
    /// [`Error::Unauthorized`], [`Error::Busy`], or a failure of the store.
    pub async fn rename(
        &self,
        id: &GuestId,
        name: GuestName,
        tab: Option<TabId>,
    ) -> Result<Guest, Error> {
        let guest = self.parts.store.rename_guest(id.clone(), name).await?;
        let place = self.parts.live.place().await;
        let mut presence = self.presence();
        let me = Audience::Guest(id.clone(), tab);
        let mut events = vec![LiveEvent { to: me, news: News::Me(guest.person()) }];
        events.extend(presence.rename(id, &guest.name).into_events());
        place.announce(events);
        Ok(guest)
    }

    /// All rooms, as `reader` sees them.
    ///
    /// # Errors
    ///
    /// A failure of the store.
    pub async fn list(&self, reader: Option<&GuestId>) -> Result<Vec<Room>, Error> {
        let mut rooms = self.parts.store.rooms(reader.cloned()).await?;
        let presence = self.presence();
        for room in &mut rooms {
            room.members = presence.count(&room.id);
        }
        Ok(rooms)
    }

    /// One room, as `reader` sees it.
    ///
    /// # Errors
    ///
    /// [`Error::RoomUnknown`], or a failure of the store.
    pub async fn room(&self, slug: RoomSlug, reader: Option<&GuestId>) -> Result<Room, Error> {
        let mut room = self.parts.store.room(slug, reader.cloned()).await?;
        room.members = self.presence().count(&room.id);
        Ok(room)
    }

    /// Makes a room. Everybody hears of it.
    ///
    /// # Errors
    ///
    /// [`Error::RoomExists`], [`Error::RoomsFull`], [`Error::Busy`], or a failure of the store.
    pub async fn create(&self, by: &GuestId, name: RoomName, topic: Topic) -> Result<Room, Error> {
        let (then, announced) = self.announcer(|room: &Room| {
            vec![LiveEvent { to: Audience::Everyone, news: News::RoomNew(room.clone()) }]
        });
        let slug = RoomSlug::of_name(&name);
        let new = NewRoom { slug, name, topic, creator: by.clone(), now: Time::now() };
        let room = self.parts.store.add_room(new, then).await?;
        announced.wait().await;
        Ok(room)
    }

    /// Remembers that somebody has read up to this message.
    ///
    /// # Errors
    ///
    /// [`Error::RoomUnknown`], [`Error::Busy`], or a failure of the store.
    pub async fn mark_read(&self, reader: &GuestId, room: RoomSlug, id: i64) -> Result<(), Error> {
        self.parts.store.mark_read(reader.clone(), room, id).await
    }

    /// A socket of this person is open from now on.
    pub fn open_tab(&self, tab: TabId, guest: GuestId) {
        self.presence().open(tab, guest);
    }

    /// The socket is gone; it leaves its rooms.
    pub async fn close_tab(&self, tab: &TabId) {
        self.change_presence(|presence| presence.close(tab)).await;
    }

    /// The socket leaves a room.
    pub async fn leave(&self, tab: &TabId, room: &RoomSlug) {
        self.change_presence(|presence| presence.leave(tab, room)).await;
    }

    /// Somebody types in a room, or stops. Others in the room hear of it when it is news; it
    /// ends by itself after [`Limits::typing_timeout`].
    pub async fn typing(&self, guest: &GuestId, room: &RoomSlug, typing: bool) {
        let place = self.parts.live.place().await;
        let until = typing.then(|| Instant::now() + self.parts.limits.typing_timeout);
        let mut presence = self.presence();
        if let Some(change) = presence.typing(room, guest, until.map(Instant::into_std)) {
            place.announce(vec![typing_event(change)]);
        }
        if typing {
            self.parts.typing_began.notify_one();
        }
    }

    /// Ends what nobody renews, for as long as it is polled: one task of the server runs this.
    pub async fn run_typing_clock(&self) {
        loop {
            let place = self.parts.live.place().await;
            let next = {
                let mut presence = self.presence();
                let (ended, next) = presence.end_typing(Instant::now().into_std());
                if !ended.is_empty() {
                    place.announce(ended.into_iter().map(typing_event).collect());
                }
                next
            };
            // Whoever begins later also ends later, so a known end is never too late.
            match next {
                Some(at) => tokio::time::sleep_until(at.into()).await,
                None => self.parts.typing_began.notified().await,
            }
        }
    }

    pub(super) fn presence(&self) -> MutexGuard<'_, Presence> {
        self.parts.presence.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn rooms_per_tab_max(&self) -> usize {
        self.parts.limits.rooms_per_tab_max
    }

    /// Changes presence and announces it in one step, so that two changes are announced in the
    /// order in which they happened.
    pub(super) async fn change_presence(&self, change: impl FnOnce(&mut Presence) -> Changes) {
        let place = self.parts.live.place().await;
        let mut presence = self.presence();
        let events = change(&mut presence).into_events();
        if !events.is_empty() {
            place.announce(events);
        }
    }

    /// What the store does right after a commit, and a way to wait until it was done.
    pub(super) fn announcer<T: 'static>(
        &self,
        events: impl FnOnce(&T) -> Vec<LiveEvent> + Send + 'static,
    ) -> (impl FnOnce(&T) + Send + 'static, Announced) {
        let live = self.parts.live.clone();
        let (done, announced) = oneshot::channel();
        let then = move |value: &T| {
            live.announce_blocking(Announcement { events: events(value), done: Some(done) });
        };
        (then, Announced { announced })
    }
}

/// Waits until an announcement was handed to the sockets.
pub(super) struct Announced {
    announced: oneshot::Receiver<()>,
}

impl Announced {
    pub(super) async fn wait(self) {
        // An error means that nobody listens (any more): then there is nothing to wait for.
        drop(self.announced.await);
    }
}

impl Changes {
    fn into_events(self) -> Vec<LiveEvent> {
        let presence = self.presence.into_iter().map(|change| LiveEvent {
            to: Audience::Room(change.room.clone()),
            news: News::Presence(change),
        });
        self.typing.into_iter().map(typing_event).chain(presence).collect()
    }
}

fn typing_event(change: TypingChange) -> LiveEvent {
    let to = Audience::RoomExcept(change.room.clone(), change.member.id.clone());
    LiveEvent { to, news: News::Typing(change) }
}
