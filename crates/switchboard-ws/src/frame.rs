//! A frame on its way in: how much of its payload is missing, and taking what has come.
//!
//! Spec: RFC 6455, section 5.3 (masking).

use std::mem;

use crate::{Opcode, mask};

/// A frame whose payload is arriving.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Frame {
    pub(crate) fin: bool,
    pub(crate) opcode: Opcode,
    /// The masking key, turned to the first byte that is missing.
    pub(crate) mask: Option<[u8; 4]>,
    /// Bytes of payload that are missing.
    pub(crate) remaining: usize,
}

impl Frame {
    /// Takes what `input` holds of the payload, unmasked, and says what is left of the frame.
    pub(crate) fn take_payload<'i>(mut self, input: &mut &'i mut [u8]) -> (&'i mut [u8], Self) {
        let piece = take_front(input, self.remaining.min(input.len()));
        self.remaining -= piece.len();
        if let Some(key) = &mut self.mask {
            mask::apply(*key, piece);
            *key = mask::turned(*key, piece.len());
        }
        (piece, self)
    }
}

/// Takes `len` bytes, which are there, from the front of `input`.
pub(crate) fn take_front<'i>(input: &mut &'i mut [u8], len: usize) -> &'i mut [u8] {
    let (front, rest) = mem::take(input).split_at_mut_checked(len).unwrap_or_default();
    *input = rest;
    front
}
