//! Messages, as handlers see them, and messages that are encoded once for many connections.

use std::sync::OnceLock;

use bytes::Bytes;
use switchboard_ws::deflate::{self, Agreement};

use super::Text;

/// A whole message, fragments put together.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums, reason = "RFC 6455 knows these two")]
pub enum Message {
    /// UTF-8 text.
    Text(Text),
    /// Bytes.
    Binary(Bytes),
}

impl Message {
    /// The text, if it is one.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Binary(_) => None,
        }
    }

    /// The payload, whatever it is.
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Text(text) => text.as_ref(),
            Self::Binary(bytes) => bytes,
        }
    }

    /// Length of the payload in bytes.
    pub fn len(&self) -> usize {
        self.as_bytes().len()
    }

    /// Whether the payload is empty.
    pub fn is_empty(&self) -> bool {
        self.as_bytes().is_empty()
    }

    pub(super) fn borrowed(&self) -> switchboard_ws::Message<'_> {
        match self {
            Self::Text(text) => switchboard_ws::Message::Text(text),
            Self::Binary(bytes) => switchboard_ws::Message::Binary(bytes),
        }
    }
}

impl From<Text> for Message {
    fn from(text: Text) -> Self {
        Self::Text(text)
    }
}

impl From<String> for Message {
    fn from(text: String) -> Self {
        Self::Text(text.into())
    }
}

impl From<&str> for Message {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

impl From<Bytes> for Message {
    fn from(bytes: Bytes) -> Self {
        Self::Binary(bytes)
    }
}

impl From<Vec<u8>> for Message {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Binary(bytes.into())
    }
}

/// A message that many connections get: encoded at most once, and compressed at most once, when
/// the first connection asks. All of them share the bytes.
///
/// ```
/// use switchboard::ws::{Prepared, Sender};
///
/// fn announce(everybody: &[Sender]) {
///     let news = Prepared::new("the news");
///     for sender in everybody {
///         sender.send_prepared(&news).ok(); // whoever has left needs no news
///     }
/// }
/// ```
#[derive(Debug)]
pub struct Prepared {
    message: Message,
    plain: OnceLock<Bytes>,
    /// None when compressing does not pay.
    compressed: OnceLock<Option<Bytes>>,
}

impl Prepared {
    /// Prepares `message`. Nothing is encoded yet.
    pub fn new(message: impl Into<Message>) -> Self {
        Self { message: message.into(), plain: OnceLock::new(), compressed: OnceLock::new() }
    }

    /// The message.
    pub fn message(&self) -> &Message {
        &self.message
    }

    /// The frame of a server.
    pub(super) fn plain(&self) -> &Bytes {
        self.plain.get_or_init(|| {
            let mut frame = Vec::new();
            switchboard_ws::encode(self.message.borrowed(), &mut frame);
            frame.into()
        })
    }

    /// The frame for a client of this agreement. `None` when it needs one of its own, because it
    /// refers to earlier messages or its window is small.
    pub(super) fn compressed_for(&self, agreement: &Agreement) -> Option<&Bytes> {
        if self.message.len() < agreement.threshold() {
            return Some(self.plain());
        }
        if !agreement.takes_shared() {
            return None;
        }
        let compressed = self.compressed.get_or_init(|| {
            let mut frame = Vec::new();
            let is_smaller =
                deflate::encode_shared(self.message.borrowed(), agreement.level(), &mut frame);
            is_smaller.then(|| frame.into())
        });
        Some(compressed.as_ref().unwrap_or_else(|| self.plain()))
    }
}
