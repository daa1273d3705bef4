//! What the server tells clients by itself: announcements become broadcasts.

use switchboard::Server;

use crate::rooms::{Audience, GuestId, LiveEvent, LiveFeed, RoomSlug};

/// Hands every announcement to its sockets, one after the other, until nobody announces any more.
pub async fn deliver_all(mut feed: LiveFeed, io: Server) {
    while let Some(announcement) = feed.next().await {
        for event in &announcement.events {
            deliver(&io, event);
        }
        if let Some(done) = announcement.done {
            // Whoever waited may have gone.
            let _ = done.send(());
        }
    }
}

/// The library's room of everybody who entered this room of ours. The colon keeps it apart from
/// socket ids, which are rooms too.
pub(super) fn room_channel(room: &RoomSlug) -> String {
    format!("room:{room}")
}

/// The library's room of one person's sockets.
pub(super) fn person_channel(guest: &GuestId) -> String {
    format!("guest:{guest}")
}

fn deliver(io: &Server, LiveEvent { to, news }: &LiveEvent) {
    let name = news.event_name();
    let sent = match to {
        Audience::Everyone => io.emit(name, news),
        Audience::Room(room) => io.to(room_channel(room)).emit(name, news),
        Audience::RoomExcept(room, guest) => {
            io.to(room_channel(room)).except(person_channel(guest)).emit(name, news)
        }
        Audience::Guest(guest, None) => io.to(person_channel(guest)).emit(name, news),
        Audience::Guest(guest, Some(tab)) => {
            io.to(person_channel(guest)).except(tab.as_str()).emit(name, news)
        }
    };
    if let Err(error) = sent {
        tracing::error!(%error, name, "an announcement could not be encoded");
    }
}
