//! The rooms put to work: entering one, its messages, and changes of them.

use super::error::Error;
use super::live::{Audience, LiveEvent, News};
use super::model::{Message, Person, Room};
use super::presence::TabId;
use super::service::Rooms;
use super::values::{ClientId, GuestId, MessageText, RoomSlug, Time};
use crate::store::{Change, ChangeOf, NewMessage, Page, PageOf, Posted, Snapshot};

/// In which form a client believes a message to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expected {
    /// It does not say.
    Anything,
    /// One of these revs.
    Revs(Vec<i64>),
}

impl Expected {
    /// Whether a message of this rev is what the client believes.
    pub fn allows(&self, rev: i64) -> bool {
        match self {
            Self::Anything => true,
            Self::Revs(revs) => revs.contains(&rev),
        }
    }
}

/// What a socket gets that entered a room.
#[derive(Clone, Debug)]
pub struct Entered {
    /// The room.
    pub room: Room,
    /// Its newest messages, or (not `reset`) those that changed since the client was here.
    pub messages: Vec<Message>,
    /// Whether there are older messages than these.
    pub has_more: bool,
    /// Whether the client should forget what it had.
    pub reset: bool,
    /// Who is there now, the asker included.
    pub members: Vec<Person>,
    /// Up to where they have read.
    pub read_id: i64,
}

/// What became of a message that somebody sent.
#[derive(Clone, Debug)]
pub struct Sent {
    /// The message as it is kept.
    pub message: Message,
    /// False if the same client had sent it before.
    pub is_new: bool,
}

impl Rooms {
    /// A socket enters a room. It must listen to the room's announcements already, so that
    /// nothing falls between what this returns and what it hears.
    ///
    /// # Errors
    ///
    /// [`Error::RoomUnknown`], [`Error::TooManyRooms`], or a failure of the store.
    pub async fn enter(
        &self,
        tab: &TabId,
        guest: &GuestId,
        slug: RoomSlug,
        since: Option<i64>,
    ) -> Result<Entered, Error> {
        if self.rooms_per_tab_max() <= self.presence().rooms_besides(tab, &slug) {
            return Err(Error::TooManyRooms);
        }
        let name = self.guest(guest).await?.name;
        let snapshot = self.parts.store.snapshot(slug.clone(), guest.clone(), since).await?;
        self.change_presence(|presence| presence.enter(tab, &slug, &name)).await;
        let presence = self.presence();
        let Snapshot { mut room, messages, has_more, reset, read_id } = snapshot;
        room.members = presence.count(&slug);
        let members = presence.members(&slug);
        Ok(Entered { room, messages, has_more, reset, members, read_id })
    }

    /// Somebody says something. The room hears it, and everybody that something was said.
    ///
    /// # Errors
    ///
    /// [`Error::RoomUnknown`], [`Error::ClientIdReused`], [`Error::Busy`], or a failure.
    pub async fn send(
        &self,
        author: &GuestId,
        room: RoomSlug,
        text: MessageText,
        client_id: Option<ClientId>,
    ) -> Result<Sent, Error> {
        let new = NewMessage { room, author: author.clone(), text, client_id, now: Time::now() };
        let (then, announced) = self.announcer(|it| announcement(it, News::MessageNew));
        let posted = self.parts.store.post(new, then).await?;
        announced.wait().await;
        Ok(Sent { message: posted.message, is_new: posted.activity.is_some() })
    }

    /// Somebody changes what they said (or nothing of it). The room hears it.
    ///
    /// # Errors
    ///
    /// [`Error::MessageUnknown`], [`Error::NotAuthor`], [`Error::Changed`],
    /// [`Error::MessageDeleted`], [`Error::RoomUnknown`], [`Error::Busy`], or a failure.
    pub async fn edit(
        &self,
        author: &GuestId,
        (room, id): (RoomSlug, i64),
        text: Option<MessageText>,
        expected: Expected,
    ) -> Result<Message, Error> {
        let of = text.map_or(ChangeOf::Nothing, ChangeOf::Text);
        self.change(author, (room, id), of, expected).await
    }

    /// Somebody takes back what they said. The room hears it.
    ///
    /// # Errors
    ///
    /// As [`Rooms::edit`], but deleting twice is fine.
    pub async fn delete(
        &self,
        author: &GuestId,
        (room, id): (RoomSlug, i64),
        expected: Expected,
    ) -> Result<Message, Error> {
        self.change(author, (room, id), ChangeOf::Deletion, expected).await
    }

    /// One message, deleted or not.
    ///
    /// # Errors
    ///
    /// [`Error::RoomUnknown`], [`Error::MessageUnknown`], or a failure of the store.
    pub async fn message(&self, room: RoomSlug, id: i64) -> Result<Message, Error> {
        self.parts.store.message(room, id).await
    }

    /// A page of a room's messages.
    ///
    /// # Errors
    ///
    /// [`Error::RoomUnknown`], or a failure of the store.
    pub async fn page(&self, room: RoomSlug, of: PageOf, limit: u32) -> Result<Page, Error> {
        self.parts.store.page(room, of, limit).await
    }

    async fn change(
        &self,
        author: &GuestId,
        (room, id): (RoomSlug, i64),
        of: ChangeOf,
        expected: Expected,
    ) -> Result<Message, Error> {
        let change = Change { room, id, author: author.clone(), expected, of, now: Time::now() };
        let (then, announced) = self.announcer(|it| announcement(it, News::MessageChanged));
        let posted = self.parts.store.change(change, then).await?;
        announced.wait().await;
        Ok(posted.message)
    }
}

/// Nothing, if nothing changed.
fn announcement(posted: &Posted, news: fn(Message) -> News) -> Vec<LiveEvent> {
    let Some(activity) = &posted.activity else { return Vec::new() };
    let room = Audience::Room(posted.message.room.clone());
    vec![
        LiveEvent { to: room, news: news(posted.message.clone()) },
        LiveEvent { to: Audience::Everyone, news: News::Activity(activity.clone()) },
    ]
}
