//! Messages on their way in, inflated piece by piece as they arrive.
//!
//! Where the peer takes no context over, the state is the thread's: it is held from a message's
//! first byte to its last. Otherwise it belongs to the connection.
//!
//! Spec: RFC 7692, section 7.2.2.

use super::config::Agreement;
use super::engine::{Inflater, Step, TAIL, compressed_max};
use super::pool;
use crate::assembly::Assembly;
use crate::{PeerError, Role};

/// The inflating half of a connection.
#[derive(Debug)]
pub(crate) struct Inflation {
    no_context_takeover: bool,
    inflater: Option<Box<Inflater>>,
    /// Compressed bytes of the message under way.
    compressed: usize,
}

impl Inflation {
    pub(crate) fn new(agreement: &Agreement, role: &Role) -> Self {
        let no_context_takeover = agreement.theirs(role).no_context_takeover;
        Self { no_context_takeover, inflater: None, compressed: 0 }
    }

    pub(crate) fn begin_message(&mut self) {
        self.compressed = 0;
        if let Some(inflater) = &mut self.inflater {
            inflater.begin_message();
        }
    }

    /// How many more compressed bytes the message may have if it may have `most` when inflated:
    /// what does not compress grows a little.
    pub(crate) fn room(&self, most: usize) -> usize {
        compressed_max(most).saturating_sub(self.compressed)
    }

    /// Inflates an unmasked piece of the message, perhaps its last, into `assembly`, up to `most`
    /// bytes in all.
    pub(crate) fn push(
        &mut self,
        piece: &[u8],
        is_last: bool,
        assembly: &mut Assembly,
        most: usize,
    ) -> Result<(), PeerError> {
        self.compressed = self.compressed.saturating_add(piece.len());
        let inflater = self.inflater.get_or_insert_with(pool::take_inflater);
        inflate(inflater, piece, is_last, (assembly, most))?;
        if !is_last {
            return Ok(());
        }
        // Whoever ends the message with its stream may have left out the empty block.
        if !inflater.is_at_end() {
            let end = if self.no_context_takeover { &TAIL_AND_LAST_BLOCK[..] } else { &TAIL };
            inflate(inflater, end, true, (assembly, most))?;
            // A message that was cut short is seen by the stream not ending where we end it. A
            // stream whose window is still needed cannot be ended.
            if self.no_context_takeover && !inflater.is_at_end() {
                return Err(PeerError::BadCompression);
            }
        }
        self.release();
        Ok(())
    }

    /// Gives back what is not owned between messages.
    fn release(&mut self) {
        if self.no_context_takeover
            && let Some(inflater) = self.inflater.take()
        {
            pool::give_inflater(inflater);
        }
    }
}

impl Drop for Inflation {
    fn drop(&mut self) {
        self.release();
    }
}

fn inflate(
    inflater: &mut Inflater,
    mut input: &[u8],
    is_last: bool,
    (assembly, most): (&mut Assembly, usize),
) -> Result<(), PeerError> {
    loop {
        let room = most.saturating_sub(assembly.len());
        // One byte more than there is room for shows that the message is too large.
        let len = room.saturating_add(1).min(STEP_BYTES);
        let is_full = pool::with_scratch(STEP_BYTES, |scratch| {
            let output = scratch.get_mut(..len).unwrap_or_default();
            let Step { taken, made, is_sound } = inflater.step(input, output);
            input = input.get(taken..).unwrap_or_default();
            // Faults count in the order of the bytes, however the input is cut.
            let made_here = output.get(..made.min(room)).unwrap_or_default();
            let is_all = is_last && input.is_empty() && made < len;
            let to_come = if is_all { 0 } else { room - made_here.len() };
            assembly.push(made_here, to_come)?;
            if room < made {
                return Err(PeerError::MessageTooBig);
            }
            if is_sound { Ok(made == len) } else { Err(PeerError::BadCompression) }
        })?;
        // A full output may hide more, even when all input is taken.
        if input.is_empty() && !is_full {
            return Ok(());
        }
    }
}

/// Most that one step makes.
const STEP_BYTES: usize = 64 * 1024;
/// What every message is completed with, and an empty block with BFINAL.
const TAIL_AND_LAST_BLOCK: [u8; 6] = [0x00, 0x00, 0xFF, 0xFF, 0x03, 0x00];
