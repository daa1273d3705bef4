//! The revisions of the protocol that we speak.

/// A revision of Engine.IO. What differs is who pings, and how binary data and polling payloads look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Protocol {
    /// Revision 3, of Socket.IO clients up to version 2: the client pings. See [`v3`](crate::v3).
    V3,
    /// Revision 4, of Socket.IO clients since version 3: the server pings.
    #[default]
    V4,
}
