//! The two machines of zlib-rs, each behind the few calls that this crate makes.
//!
//! Both speak raw deflate, without zlib's header and checksum. zlib cannot compress with a window
//! of 8 bits. It does not need to: asked for 9 bits it refers at most 250 bytes back
//! (2^9 less a lookahead of 262), which a window of 8 bits holds. A test with an inflater that
//! measures distances keeps watch.
//!
//! Spec: RFC 7692, sections 7.2.1 and 7.2.2; RFC 1951.

use std::fmt;

use zlib_rs::{Deflate, DeflateConfig, DeflateFlush, Inflate, InflateFlush, Status};

/// What distinguishes one compressor from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) level: u8,
    pub(super) window_bits: u8,
    pub(super) memory_level: u8,
}

/// A compressor and its window.
pub(super) struct Deflater {
    deflate: Deflate,
    pub(super) shape: Shape,
    is_fresh: bool,
}

impl Deflater {
    pub(super) fn new(shape: Shape) -> Self {
        let config = DeflateConfig {
            level: i32::from(shape.level),
            window_bits: -i32::from(shape.window_bits.max(9)),
            mem_level: i32::from(shape.memory_level),
            ..DeflateConfig::default()
        };
        Self { deflate: Deflate::new_with_config(config), shape, is_fresh: true }
    }

    /// Forgets all messages before.
    pub(super) fn reset(&mut self) {
        if !self.is_fresh {
            self.deflate.reset();
            self.is_fresh = true;
        }
    }

    /// Compresses a message, without the four bytes that every message would end with. `None`: it
    /// did not work, and the state is good for nothing.
    ///
    /// Gives `output`, which has room for [`compressed_max`], what came out. The room matters: a
    /// zlib-rs whose output was ever full panics later, even after a reset (its `Pending` keeps
    /// the offset of what it could not write; seen in 0.6.8).
    pub(super) fn compress<'o>(
        &mut self,
        message: &[u8],
        output: &'o mut [u8],
    ) -> Option<&'o [u8]> {
        self.is_fresh = false;
        let (in_before, out_before) = (self.deflate.total_in(), self.deflate.total_out());
        self.deflate.compress(message, output, DeflateFlush::SyncFlush).ok()?;
        let taken = self.deflate.total_in() - in_before;
        let len = usize::try_from(self.deflate.total_out() - out_before).ok()?;
        // Only an output that was not filled proves that nothing is held back.
        if taken != message.len() as u64 || output.len() <= len {
            return None;
        }
        output.get(..len)?.strip_suffix(&TAIL)
    }
}

/// More than a message of `len` bytes can become: nine bits for each byte is the worst that fixed
/// codes do, and other blocks are stored if that is smaller.
pub(super) fn compressed_max(len: usize) -> usize {
    len.saturating_add(len / 8).saturating_add(64)
}

impl fmt::Debug for Deflater {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.shape.fmt(f)
    }
}

/// A decompressor, its window, and what it takes to go on after a stream's end.
///
/// A message may consist of several deflate streams: a block with BFINAL ends one
/// (RFC 7692, section 7.2.3.4). The window outlives it, so the last of what came out is kept here.
pub(super) struct Inflater {
    inflate: Inflate,
    history: Vec<u8>,
    /// Streams of the message under way that have ended.
    streams: u32,
    /// A stream has ended, and nothing came since.
    is_at_end: bool,
}

/// One step of inflating.
#[derive(Debug)]
pub(super) struct Step {
    /// Bytes of input that were taken.
    pub(super) taken: usize,
    /// Bytes of output that were made, valid whatever `is_sound` says.
    pub(super) made: usize,
    /// The data were good so far.
    pub(super) is_sound: bool,
}

impl Inflater {
    pub(super) fn new() -> Self {
        // The largest window takes whatever a smaller one made.
        let inflate = Inflate::new(false, 15);
        Self { inflate, history: Vec::new(), streams: 0, is_at_end: false }
    }

    /// Forgets all messages before.
    pub(super) fn reset(&mut self) {
        self.inflate.reset(false);
        self.history.clear();
        self.begin_message();
    }

    pub(super) fn begin_message(&mut self) {
        (self.streams, self.is_at_end) = (0, false);
    }

    /// Whether the last byte that came ended a deflate stream.
    pub(super) fn is_at_end(&self) -> bool {
        self.is_at_end
    }

    /// Inflates as much of `input` as fits into `output`.
    pub(super) fn step(&mut self, input: &[u8], output: &mut [u8]) -> Step {
        let (in_before, out_before) = (self.inflate.total_in(), self.inflate.total_out());
        let status = self.inflate.decompress(input, output, InflateFlush::SyncFlush);
        let taken = (self.inflate.total_in() - in_before) as usize;
        let made = (self.inflate.total_out() - out_before) as usize;
        self.remember(output.get(..made).unwrap_or_default());
        self.is_at_end &= taken == 0;
        let mut is_sound = status.is_ok();
        if status == Ok(Status::StreamEnd) {
            self.streams += 1;
            is_sound = self.streams <= STREAMS_MAX && self.begin_stream();
            self.is_at_end = true;
        } else if taken == 0 && made == 0 && !input.is_empty() && !output.is_empty() {
            is_sound = false;
        }
        Step { taken, made, is_sound }
    }

    /// Goes on with a new stream and the window of the old.
    fn begin_stream(&mut self) -> bool {
        self.inflate.reset(false);
        let start = self.history.len().saturating_sub(WINDOW_BYTES);
        let window = self.history.get(start..).unwrap_or_default();
        window.is_empty() || self.inflate.set_dictionary(window).is_ok()
    }

    fn remember(&mut self, made: &[u8]) {
        let made = made.get(made.len().saturating_sub(WINDOW_BYTES)..).unwrap_or_default();
        if 2 * WINDOW_BYTES < self.history.len() + made.len() {
            // Seldom: once for every 32 KiB at most.
            let start = self.history.len().saturating_sub(WINDOW_BYTES);
            self.history.drain(..start);
        }
        self.history.extend_from_slice(made);
    }
}

impl fmt::Debug for Inflater {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inflater").field("streams", &self.streams).finish_non_exhaustive()
    }
}

/// What a sender takes away from the end of every message, and a receiver adds.
pub(super) const TAIL: [u8; 4] = [0x00, 0x00, 0xFF, 0xFF];
/// The largest window.
const WINDOW_BYTES: usize = 32 * 1024;
/// Deflate streams in one message. Real senders need one; each costs a copy of the window.
const STREAMS_MAX: u32 = 256;
