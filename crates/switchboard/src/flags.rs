//! How one packet wants to be sent.

/// What `volatile` and `compress` of an emit say. Part of every packet on its way to an outbox.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Flags {
    /// Dropped unless the transport can take it at that instant.
    pub(crate) is_volatile: bool,
    /// Compressed where its transport compresses at all.
    pub(crate) compress: bool,
}

impl Default for Flags {
    fn default() -> Self {
        Self { is_volatile: false, compress: true }
    }
}
