//! Messages on their way out, compressed.
//!
//! Spec: RFC 7692, sections 7.2.1 (compression) and 7.2.3 (examples).

use super::config::{Agreement, BITS_MAX};
use super::engine::{Deflater, Shape, compressed_max};
use super::pool;
use crate::message::write_frame;
use crate::{FrameHeader, Message, Opcode, Role, mask};

/// Compresses whole messages, each into one frame.
///
/// Without context takeover it owns nothing; with it, its window from the first message on.
///
/// ```
/// use switchboard_ws::deflate::{self, Compressor, Config};
/// use switchboard_ws::{Message, Role};
///
/// let config = Config { threshold: 0, ..Config::default() };
/// let agreement = deflate::negotiate(&config, [&b"permessage-deflate"[..]]).unwrap();
/// let mut compressor = Compressor::new(&agreement, &Role::Server);
/// let mut output = Vec::new();
/// compressor.write_frame(Message::Text("HelloHelloHello"), None, &mut output);
/// // FIN, RSV1 and text.
/// assert_eq!(output[0], 0xC1);
/// assert!(output.len() < 15);
/// ```
#[derive(Debug)]
pub struct Compressor {
    shape: Shape,
    threshold: u32,
    no_context_takeover: bool,
    /// The state, if contexts are taken over.
    deflater: Option<Box<Deflater>>,
}

impl Compressor {
    /// A compressor for one connection in this role.
    #[must_use]
    pub fn new(agreement: &Agreement, role: &Role) -> Self {
        Self {
            shape: agreement.shape(role),
            threshold: u32::try_from(agreement.threshold()).unwrap_or(u32::MAX),
            no_context_takeover: agreement.ours(role).no_context_takeover,
            deflater: None,
        }
    }

    /// Appends one whole frame: compressed, unless the message is below the threshold or would not
    /// become smaller. Clients give a masking key.
    ///
    /// With context takeover a message of at least the threshold is always compressed, because the
    /// next may refer to it.
    pub fn write_frame(
        &mut self,
        message: Message<'_>,
        key: Option<[u8; 4]>,
        output: &mut Vec<u8>,
    ) {
        let (opcode, payload) = message.parts();
        let is_compressed = (self.threshold as usize) <= payload.len()
            && if self.no_context_takeover {
                write_smaller(self.shape, (opcode, payload), key, output)
            } else {
                self.write_in_context((opcode, payload), key, output)
            };
        if !is_compressed {
            write_frame(opcode, key, payload, output);
        }
    }

    fn write_in_context(
        &mut self,
        (opcode, payload): (Opcode, &[u8]),
        key: Option<[u8; 4]>,
        output: &mut Vec<u8>,
    ) -> bool {
        if payload.is_empty() {
            // zlib flushes nothing twice. This is an empty block (section 7.2.3.6).
            write_compressed(opcode, key, &[0x00], output);
            return true;
        }
        let shape = self.shape;
        let deflater = self.deflater.get_or_insert_with(|| Box::new(Deflater::new(shape)));
        let is_written = pool::with_scratch(compressed_max(payload.len()), |scratch| {
            let compressed = deflater.compress(payload, scratch);
            compressed.map(|it| write_compressed(opcode, key, it, output)).is_some()
        });
        if !is_written {
            // A fresh state refers to nothing that the peer has not got.
            self.deflater = None;
        }
        is_written
    }
}

/// Appends one compressed frame as a server may send it to many connections, those of which
/// [`Agreement::takes_shared`] says so. Says whether it did: `false` if compressing would not make
/// the message smaller, and nothing was appended.
///
/// `level` is that of [`Config`](super::Config).
///
/// ```
/// use switchboard_ws::{Message, deflate, encode};
///
/// let message = Message::Text("tick tick tick tick");
/// let mut frame = Vec::new();
/// assert!(deflate::encode_shared(message, 1, &mut frame));
/// assert!(!deflate::encode_shared(Message::Text("tick"), 1, &mut frame));
/// ```
pub fn encode_shared(message: Message<'_>, level: u8, output: &mut Vec<u8>) -> bool {
    let shape = Shape { level: level.min(9), window_bits: BITS_MAX, memory_level: 8 };
    write_smaller(shape, message.parts(), None, output)
}

/// Appends a frame that is compressed on its own, if that makes it smaller.
fn write_smaller(
    shape: Shape,
    (opcode, payload): (Opcode, &[u8]),
    key: Option<[u8; 4]>,
    output: &mut Vec<u8>,
) -> bool {
    if payload.len() < 2 || shape.level == 0 {
        return false;
    }
    pool::with_scratch(compressed_max(payload.len()), |scratch| {
        let mut deflater = pool::take_deflater(shape);
        let Some(compressed) = deflater.compress(payload, scratch) else { return false };
        pool::give_deflater(deflater);
        let is_smaller = compressed.len() < payload.len();
        if is_smaller {
            write_compressed(opcode, key, compressed, output);
        }
        is_smaller
    })
}

fn write_compressed(opcode: Opcode, key: Option<[u8; 4]>, payload: &[u8], output: &mut Vec<u8>) {
    output.reserve(FrameHeader::BYTES_MAX + payload.len());
    let payload_len = payload.len() as u64;
    FrameHeader { fin: true, rsv1: true, opcode, mask: key, payload_len }.encode(output);
    let start = output.len();
    output.extend_from_slice(payload);
    if let (Some(key), Some(written)) = (key, output.get_mut(start..)) {
        mask::apply(key, written);
    }
}
