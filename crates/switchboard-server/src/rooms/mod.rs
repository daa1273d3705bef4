//! Discussion rooms: what people can do in them, whatever door they came by.
//!
//! | file | what it is |
//! |---|---|
//! | `values` | names, texts, ids: parsed once, at the door |
//! | `model` | people, rooms and messages, as clients see them |
//! | `error` | what can go wrong, and the one mapping to an answer |
//! | `live` | what is announced to whom, in order |
//! | `presence` | who is in which room, who is typing |
//! | `throttle` | how often somebody may do something |
//! | `service` | everything above put to work: people and rooms |
//! | `messages` | the same for messages |

mod error;
mod live;
mod messages;
mod model;
mod presence;
mod service;
mod throttle;
mod values;

pub use error::{Error, Problem};
pub use live::{Announcement, Audience, Live, LiveEvent, LiveFeed, News, Place, live};
pub use messages::{Entered, Expected, Sent};
pub use model::{
    Activity, Guest, LastMessage, Message, Person, PresenceChange, Room, TypingChange,
};
pub use presence::{Changes, Presence, TabId};
pub use service::Rooms;
pub use throttle::{Bucket, Throttle};
pub use values::{
    ClientId, GuestId, GuestName, Invalid, MessageText, RoomName, RoomSlug, Time, Token, TokenHash,
    Topic,
};
