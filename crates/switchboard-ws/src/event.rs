//! What a connection tells its owner.
//!
//! Events borrow from the input where a whole frame stood in it, and own their bytes where a
//! message came in pieces.

use std::borrow::Cow;

use crate::CloseCode;

/// Something that the peer did.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event<'i> {
    /// A whole text message.
    Text(Cow<'i, str>),
    /// A whole binary message.
    Binary(Cow<'i, [u8]>),
    /// The peer asked whether we live. The pong is in `output` already, unless we have sent a
    /// close frame, after which nothing more is sent.
    Ping(Cow<'i, [u8]>),
    /// The peer answered a ping, or sent a pong unasked.
    Pong(Cow<'i, [u8]>),
    /// The peer closed. Our close frame is in `output` or was sent before; whatever else the peer
    /// sends is ignored.
    Closed {
        /// Why, if the peer said so.
        code: Option<CloseCode>,
        /// Why, in the peer's words; at most 123 bytes, often empty.
        reason: Cow<'i, str>,
    },
}

impl Event<'_> {
    /// The same event with bytes of its own, independent of the input.
    #[must_use]
    pub fn into_owned(self) -> Event<'static> {
        match self {
            Self::Text(text) => Event::Text(Cow::Owned(text.into_owned())),
            Self::Binary(bytes) => Event::Binary(Cow::Owned(bytes.into_owned())),
            Self::Ping(payload) => Event::Ping(Cow::Owned(payload.into_owned())),
            Self::Pong(payload) => Event::Pong(Cow::Owned(payload.into_owned())),
            Self::Closed { code, reason } => {
                Event::Closed { code, reason: Cow::Owned(reason.into_owned()) }
            }
        }
    }
}
