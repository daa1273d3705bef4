//! Prepared packets: a broadcast is encoded once, and everybody shares the bytes.
//!
//! Server frames are unmasked, so the whole WebSocket frame, header included, is the same for
//! every recipient. It is made when the first WebSocket asks for it; polling clients share the
//! packet's text.

use std::sync::OnceLock;

use bytes::Bytes;
use switchboard_ws::{FrameHeader, Opcode};

use crate::encoding::Encoded;
use crate::flags::Flags;

/// One Socket.IO packet, ready for every transport.
#[derive(Debug)]
pub(crate) struct Prepared {
    text: Bytes,
    attachments: Vec<Bytes>,
    frames: OnceLock<Bytes>,
    flags: Flags,
}

impl Prepared {
    pub(crate) fn new(packet: Encoded, flags: Flags) -> Self {
        let Encoded { text, attachments } = packet;
        Self { text: text.into(), attachments, frames: OnceLock::new(), flags }
    }

    pub(crate) fn flags(&self) -> Flags {
        self.flags
    }

    /// The Engine.IO text packet, with its leading `4`; empty if there is none.
    pub(crate) fn text(&self) -> &Bytes {
        &self.text
    }

    /// The binary packets that follow the text.
    pub(crate) fn attachments(&self) -> &[Bytes] {
        &self.attachments
    }

    /// All of the packet as WebSocket frames.
    pub(crate) fn frames(&self) -> &Bytes {
        self.frames.get_or_init(|| {
            let mut frames = Vec::new();
            encode_frames(&self.text, &self.attachments, &mut frames);
            frames.into()
        })
    }
}

/// Appends the frames of one packet: its text, then its attachments.
pub(crate) fn encode_frames(text: &[u8], attachments: &[Bytes], output: &mut Vec<u8>) {
    let attached: usize = attachments.iter().map(|it| it.len() + FRAME_HEADER_MAX).sum();
    output.reserve(text.len() + FRAME_HEADER_MAX + attached);
    if !text.is_empty() {
        encode_text_frame(text, output);
    }
    for attachment in attachments {
        switchboard_ws::encode(switchboard_ws::Message::Binary(attachment), output);
    }
}

/// Appends one text frame. `text` is UTF-8, because we have encoded it ourselves.
pub(crate) fn encode_text_frame(text: &[u8], output: &mut Vec<u8>) {
    let payload_len = text.len() as u64;
    let opcode = Opcode::Text;
    FrameHeader { fin: true, rsv1: false, opcode, mask: None, payload_len }.encode(output);
    output.extend_from_slice(text);
}

const FRAME_HEADER_MAX: usize = 10;
