//! What a connection that compresses its messages keeps.

use std::sync::Mutex;

use switchboard_ws::Role;
use switchboard_ws::deflate::{Agreement, Compressor};

/// What both sides agreed on, and our half of it.
pub(super) struct Deflating {
    pub(super) agreement: Agreement,
    /// Held until the frame is queued: with context takeover frames must leave in the order in
    /// which they were compressed.
    pub(super) compressor: Mutex<Compressor>,
}

impl Deflating {
    pub(super) fn new(agreement: Agreement, role: &Role) -> Self {
        Self { compressor: Mutex::new(Compressor::new(&agreement, role)), agreement }
    }
}
