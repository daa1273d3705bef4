//! What is queued on one connection, in the form that its transport wants.

use std::collections::VecDeque;

use bytes::Bytes;

use crate::batch::Place;
use crate::chunks::{Chunk, Chunks};
use crate::dialect::Dialect;
use crate::prepared::Prepared;

/// What is queued, in the form that the transport wants.
#[derive(Debug)]
pub(super) enum Queue {
    /// Encoded frames.
    WebSocket(Chunks),
    /// Engine.IO packets, encoded when a poll takes them.
    Polling(VecDeque<Packet>),
}

/// An Engine.IO message that waits for a poll.
#[derive(Debug)]
pub(crate) enum Packet {
    /// A text packet, its leading digit included.
    Text(Bytes),
    /// A binary message.
    Binary(Bytes),
}

impl Packet {
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Text(data) => data.len(),
            // Base64 makes four characters of three bytes, after the letter `b`.
            Self::Binary(data) => 1 + data.len().div_ceil(3) * 4,
        }
    }
}

impl Queue {
    /// Queues a packet that others send too. Gives the bytes that it takes.
    pub(super) fn share(
        &mut self,
        prepared: &Prepared,
        place: Option<&Place>,
        dialect: Dialect,
    ) -> usize {
        match self {
            Self::WebSocket(chunks) => {
                let frames = prepared.frames(dialect);
                let is_usual = || std::ptr::eq(frames, prepared.usual_frames());
                if place.is_some_and(|it| is_usual() && chunks.extend(it)) {
                    return frames.len();
                }
                push_shared(chunks, frames.clone())
            }
            Self::Polling(packets) => {
                push_packets(prepared.text().clone(), prepared.attachments(), packets)
            }
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        match self {
            Self::WebSocket(chunks) => chunks.is_empty(),
            Self::Polling(packets) => packets.is_empty(),
        }
    }
}

/// Queues bytes that stay where they are. Gives their number.
pub(super) fn push_shared(chunks: &mut Chunks, bytes: Bytes) -> usize {
    let len = bytes.len();
    chunks.push(Chunk::Shared(bytes));
    len
}

/// Queues the packets of one message. Gives the bytes that they will take.
pub(super) fn push_packets(
    text: Bytes,
    attachments: &[Bytes],
    packets: &mut VecDeque<Packet>,
) -> usize {
    let mut len = 0;
    if !text.is_empty() {
        len = text.len();
        packets.push_back(Packet::Text(text));
    }
    for attachment in attachments {
        let packet = Packet::Binary(attachment.clone());
        len += packet.len();
        packets.push_back(packet);
    }
    len
}
