//! What the server tells clients by itself: announcements become broadcasts.

use serde::Serialize;
use switchboard::Server;
use switchboard::ws::Prepared;

use super::listeners::Listeners;
use crate::rooms::{Audience, GuestId, LiveEvent, LiveFeed, News, RoomSlug};

/// Hands every announcement to its sockets, one after the other, until nobody announces any more.
pub async fn deliver_all(mut feed: LiveFeed, io: Server, listeners: Listeners) {
    while let Some(announcement) = feed.next().await {
        for event in &announcement.events {
            deliver(&io, &listeners, event);
        }
        if let Some(done) = announcement.done {
            // Whoever waited may have gone.
            let _ = done.send(());
        }
    }
}

/// The channel of everybody who entered this room. Over Socket.IO it is a room of the library; the
/// prefix keeps it apart from the ids of sockets, which are channels too.
pub(super) fn room_channel(room: &RoomSlug) -> String {
    format!("room:{room}")
}

/// The channel of one person's sockets.
pub(super) fn person_channel(guest: &GuestId) -> String {
    format!("guest:{guest}")
}

fn deliver(io: &Server, listeners: &Listeners, LiveEvent { to, news }: &LiveEvent) {
    let name = news.event_name();
    let (to, except) = match to {
        Audience::Everyone => (None, None),
        Audience::Room(room) => (Some(room_channel(room)), None),
        Audience::RoomExcept(room, guest) => {
            (Some(room_channel(room)), Some(person_channel(guest)))
        }
        Audience::Guest(guest, tab) => {
            let tab = tab.as_ref().map(|it| it.as_str().to_owned());
            (Some(person_channel(guest)), tab)
        }
    };
    let mut broadcast = io.of("/").broadcast();
    if let Some(to) = &to {
        broadcast = broadcast.to(to);
    }
    if let Some(except) = &except {
        broadcast = broadcast.except(except);
    }
    if let Err(error) = broadcast.emit(name, news) {
        tracing::error!(%error, name, "an announcement could not be encoded");
    }
    let senders = listeners.senders(to.as_deref(), except.as_deref());
    if senders.is_empty() {
        return;
    }
    match serde_json::to_string(&Push { event: name, data: news }) {
        Ok(text) => {
            let message = Prepared::new(text);
            for sender in senders {
                // Whoever has left needs no news.
                sender.send_prepared(&message).ok();
            }
        }
        Err(error) => tracing::error!(%error, name, "an announcement could not be encoded"),
    }
}

/// An announcement as a plain WebSocket hears it.
#[derive(Serialize)]
struct Push<'a> {
    event: &'a str,
    data: &'a News,
}
