//! The payload of a control frame, kept while it cannot be handed on.
//!
//! Spec: RFC 6455, section 5.5.

use crate::close::CONTROL_BYTES_MAX;

/// Up to 125 bytes in a place of their own, so that a connection that keeps none stays small.
#[derive(Clone, Debug)]
pub(crate) struct ControlPayload {
    bytes: [u8; CONTROL_BYTES_MAX],
    len: u8,
}

impl ControlPayload {
    pub(crate) fn new(payload: &[u8]) -> Self {
        let mut kept = Self { bytes: [0; CONTROL_BYTES_MAX], len: 0 };
        kept.push(payload);
        kept
    }

    /// Adds as much of `piece` as there is room for; a header has made sure that it is all.
    pub(crate) fn push(&mut self, piece: &[u8]) {
        let places = self.bytes.iter_mut().skip(usize::from(self.len));
        let copied = places.zip(piece).map(|(place, byte)| *place = *byte).count();
        self.len += copied as u8;
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or_default()
    }
}
