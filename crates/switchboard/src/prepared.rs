//! Prepared packets: a broadcast is encoded once, and everybody shares the bytes.
//!
//! Server frames are unmasked, so the whole WebSocket frame, header included, is the same for
//! every recipient. It is made when the first WebSocket asks for it; polling clients share the
//! packet's text. Attachments look different to clients of Engine.IO 3 and to those that read no
//! bytes: their frames are made apart, once as well.

use std::sync::OnceLock;

use bytes::Bytes;

use crate::dialect::Dialect;
use crate::encoding::Encoded;
use crate::flags::Flags;

/// One Socket.IO packet, ready for every transport.
#[derive(Debug)]
pub(crate) struct Prepared {
    text: Bytes,
    attachments: Vec<Bytes>,
    frames: OnceLock<Bytes>,
    /// For clients of other dialects; see [`Dialect::frames_of`].
    rare: OnceLock<Box<[OnceLock<Bytes>; Dialect::FRAMES]>>,
    flags: Flags,
}

impl Prepared {
    pub(crate) fn new(packet: Encoded, flags: Flags) -> Self {
        let Encoded { text, attachments } = packet;
        let (frames, rare) = (OnceLock::new(), OnceLock::new());
        Self { text: text.into(), attachments, frames, rare, flags }
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

    /// How many bytes the packet has, without any framing.
    pub(crate) fn len(&self) -> usize {
        self.text.len() + self.attachments.iter().map(Bytes::len).sum::<usize>()
    }

    /// The frames that nearly all WebSockets get.
    pub(crate) fn usual_frames(&self) -> &Bytes {
        self.frames.get_or_init(|| {
            let mut frames = Vec::new();
            Dialect::default().encode_frames(&self.text, &self.attachments, &mut frames);
            frames.into()
        })
    }

    /// All of the packet as WebSocket frames.
    pub(crate) fn frames(&self, dialect: Dialect) -> &Bytes {
        let frames = match dialect.frames_of(&self.text, &self.attachments) {
            0 => return self.usual_frames(),
            at => self.rare.get_or_init(Box::default).get(at).unwrap_or(&self.frames),
        };
        frames.get_or_init(|| {
            let mut frames = Vec::new();
            dialect.encode_frames(&self.text, &self.attachments, &mut frames);
            frames.into()
        })
    }
}
