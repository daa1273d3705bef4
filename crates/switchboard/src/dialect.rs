//! How a client wants its messages: the revision of Engine.IO that it speaks, and what it can read.
//!
//! Decided by the request that opens the session; whether bytes are read, once more by that of the
//! WebSocket which takes over. Everything above deals in text and binary
//! messages; here they become frames and bodies, and the other way round.

use std::borrow::Cow;

use bytes::Bytes;
use switchboard_eio as eio;
use switchboard_eio::payload::Record;
use switchboard_eio::{PeerError, Protocol, payload, v3};
use switchboard_ws::{FrameHeader, Opcode};

use crate::deflation::Deflation;
use crate::http::query;
use crate::outbox::Packet;
use crate::{Id, Transport};

/// What the client of one session understands. The default is what nearly all do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Dialect {
    pub(crate) protocol: Protocol,
    /// It reads no bytes (`b64=1` in the query): binary data travels as base64.
    pub(crate) is_base64: bool,
    /// Its polls are scripts (`j=0` in the query).
    pub(crate) is_jsonp: bool,
    /// Its WebSocket takes compressed messages.
    pub(crate) deflate: Option<Deflation>,
}

/// The body of an answer to a poll.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PollBody {
    /// `text/plain`.
    Text(Vec<u8>),
    /// `application/octet-stream`: only in revision 3.
    Binary(Vec<u8>),
}

impl Dialect {
    /// What the query of a request says.
    pub(crate) fn from_query(query: &str, transport: Transport) -> Self {
        // As in the official server, whose clients did not always tell the revision.
        let is_v4 = query::value(query, "EIO").as_deref() == Some("4");
        let protocol = if is_v4 { Protocol::V4 } else { Protocol::V3 };
        let is_jsonp = transport == Transport::Polling && query::value(query, "j").is_some();
        let is_base64 = query::value(query, "b64").is_some_and(|it| !it.is_empty()) || is_jsonp;
        Self { protocol, is_base64, is_jsonp, deflate: None }
    }

    pub(crate) fn is_v3(self) -> bool {
        self.protocol == Protocol::V3
    }

    /// The id of a socket as the client shows it; see
    /// [`Socket::displayed_id`](crate::Socket::displayed_id).
    pub(crate) fn displayed_id<'a>(self, namespace: &str, id: &'a Id) -> Cow<'a, str> {
        if self.is_v3() && namespace != "/" {
            Cow::Owned(format!("{namespace}#{id}"))
        } else {
            Cow::Borrowed(id.as_str())
        }
    }

    /// Which kind of frames the client wants for this packet, below [`Self::FRAMES`]. 0 is the
    /// usual one.
    pub(crate) fn frames_of(self, text: &[u8], attachments: &[Bytes]) -> usize {
        let binary = match (self.protocol, self.is_base64) {
            _ if attachments.is_empty() => 0,
            (Protocol::V4, false) => 0,
            (Protocol::V4, true) => 1,
            (Protocol::V3, false) => 2,
            (Protocol::V3, true) => 3,
        };
        let is_large = |it: Deflation| {
            it.wants(text.len()) || attachments.iter().any(|data| it.wants(data.len()))
        };
        if self.deflate.is_some_and(is_large) { binary + Self::FRAMES / 2 } else { binary }
    }

    /// How many kinds of frames there are.
    pub(crate) const FRAMES: usize = 8;

    /// Appends the frames of one packet: its text, if it has one, then its attachments.
    pub(crate) fn encode_frames(self, text: &[u8], attachments: &[Bytes], output: &mut Vec<u8>) {
        let attached: usize = attachments.iter().map(|it| it.len() + FRAME_HEADER_MAX).sum();
        output.reserve(text.len() + FRAME_HEADER_MAX + attached);
        if !text.is_empty() {
            self.encode_text_frame(text, output);
        }
        for attachment in attachments {
            self.encode_binary_frame(attachment, output);
        }
    }

    /// Appends the frame of a binary message. The length of the data decides whether it is
    /// compressed, also where it travels as base64: else [`frames_of`](Self::frames_of) would not
    /// know, and frames that are shared would reach clients that have agreed on nothing.
    pub(crate) fn encode_binary_frame(self, data: &[u8], output: &mut Vec<u8>) {
        let text_dialect = Self { deflate: self.deflate.filter(|it| it.wants(data.len())), ..self };
        match (self.protocol, self.is_base64) {
            (Protocol::V4, false) => {
                let message = switchboard_ws::Message::Binary(data);
                if !self.deflate.is_some_and(|it| it.encode(message, output)) {
                    switchboard_ws::encode(message, output);
                }
            }
            (Protocol::V4, true) => {
                let mut text = Vec::new();
                message(data).encode_text(&mut text);
                text_dialect.encode_text_frame(&text, output);
            }
            (Protocol::V3, false) if self.deflate.is_some_and(|it| it.wants(data.len())) => {
                let data = [&[v3::MESSAGE], data].concat();
                let message = switchboard_ws::Message::Binary(&data);
                if !self.deflate.is_some_and(|it| it.encode(message, output)) {
                    switchboard_ws::encode(message, output);
                }
            }
            (Protocol::V3, false) => {
                encode_header(Opcode::Binary, 1 + data.len(), output);
                output.push(v3::MESSAGE);
                output.extend_from_slice(data);
            }
            (Protocol::V3, true) => {
                let mut text = Vec::new();
                v3::encode_message_text(&message(data), &mut text);
                text_dialect.encode_text_frame(&text, output);
            }
        }
    }

    /// Appends one text frame. `text` is UTF-8, because we have encoded it ourselves.
    fn encode_text_frame(self, text: &[u8], output: &mut Vec<u8>) {
        if let Some(deflate) = self.deflate.filter(|it| it.wants(text.len()))
            && let Ok(text) = std::str::from_utf8(text)
            && deflate.encode(switchboard_ws::Message::Text(text), output)
        {
            return;
        }
        encode_text_frame(text, output);
    }

    /// Reads one WebSocket message. A text may be base64, whatever the client said at first.
    pub(crate) fn decode_message(self, data: eio::Data<'_>) -> Result<Record<'_>, PeerError> {
        match (self.protocol, data) {
            (Protocol::V4, eio::Data::Text(text)) => Record::decode(text),
            (Protocol::V4, eio::Data::Binary(bytes)) => Ok(Record::Binary(Cow::Borrowed(bytes))),
            (Protocol::V3, data) => v3::decode_message(data),
        }
    }

    /// Makes the body of one poll's answer.
    pub(crate) fn body(self, packets: &[Packet]) -> PollBody {
        let mut body = Vec::with_capacity(packets.iter().map(|it| it.len() + 1).sum());
        if !self.is_v3() {
            packets.iter().for_each(|it| encode_record(it, &mut body));
            return PollBody::Text(body);
        }
        let has_binary = packets.iter().any(|it| matches!(it, Packet::Binary(_)));
        let is_binary = has_binary && !self.is_base64;
        let encode = if is_binary { v3::encode_bytes } else { v3::encode };
        for packet in packets {
            match packet {
                Packet::Text(text) => encode_text(text, encode, &mut body),
                Packet::Binary(data) => encode(&message(data), &mut body),
            }
        }
        if is_binary { PollBody::Binary(body) } else { PollBody::Text(body) }
    }

    /// The body that has one text packet, such as `6`.
    pub(crate) fn single(self, text: &[u8]) -> PollBody {
        if !self.is_v3() {
            return PollBody::Text(text.to_vec());
        }
        let mut body = Vec::new();
        encode_text(text, v3::encode, &mut body);
        PollBody::Text(body)
    }
}

impl PollBody {
    pub(crate) fn is_empty(&self) -> bool {
        match self {
            Self::Text(body) | Self::Binary(body) => body.is_empty(),
        }
    }
}

/// Appends one text frame. `text` is UTF-8, because we have encoded it ourselves.
pub(crate) fn encode_text_frame(text: &[u8], output: &mut Vec<u8>) {
    encode_header(Opcode::Text, text.len(), output);
    output.extend_from_slice(text);
}

fn encode_header(opcode: Opcode, len: usize, output: &mut Vec<u8>) {
    let payload_len = len as u64;
    FrameHeader { fin: true, rsv1: false, opcode, mask: None, payload_len }.encode(output);
}

/// Appends one packet to a body of revision 4.
fn encode_record(packet: &Packet, body: &mut Vec<u8>) {
    match packet {
        // Text packets carry their digit already.
        Packet::Text(text) => {
            if !body.is_empty() {
                body.push(payload::SEPARATOR);
            }
            body.extend_from_slice(text);
        }
        Packet::Binary(data) => payload::encode(&message(data), body),
    }
}

/// Appends a text packet, which has its digit already.
fn encode_text(text: &[u8], encode: impl Fn(&eio::Packet<'_>, &mut Vec<u8>), body: &mut Vec<u8>) {
    let packet = std::str::from_utf8(text).map(|it| eio::Packet::decode(eio::Data::Text(it)));
    debug_assert!(matches!(packet, Ok(Ok(_))), "we have encoded it ourselves");
    if let Ok(Ok(packet)) = packet {
        encode(&packet, body);
    }
}

/// Binary data is always a message.
fn message(data: &[u8]) -> eio::Packet<'_> {
    eio::Packet { kind: eio::Kind::Message, data: eio::Data::Binary(data) }
}

const FRAME_HEADER_MAX: usize = 10;

#[cfg(test)]
mod tests {
    use super::*;

    const V3: Dialect =
        Dialect { protocol: Protocol::V3, is_base64: false, is_jsonp: false, deflate: None };

    fn packets() -> [Packet; 2] {
        [Packet::Text(Bytes::from("4€")), Packet::Binary(Bytes::from_static(&[1, 2]))]
    }

    #[test]
    fn bodies_differ_by_revision_and_by_what_the_client_reads() {
        let text = |it: PollBody| match it {
            PollBody::Text(body) => String::from_utf8(body).unwrap(),
            PollBody::Binary(_) => panic!("bytes for a client that reads none"),
        };
        let v4_base64 = Dialect { is_base64: true, ..Dialect::default() };
        for v4 in [Dialect::default(), v4_base64] {
            assert_eq!(text(v4.body(&packets())), "4€\u{1e}bAQI=");
            assert_eq!(text(v4.single(b"6")), "6");
        }
        let base64 = Dialect { is_base64: true, ..V3 };
        assert_eq!(text(base64.body(&packets())), "2:4€6:b4AQI=");
        assert_eq!(text(base64.single(b"6")), "1:6");
        assert_eq!(text(V3.body(&packets()[..1])), "2:4€");
        let bytes = [&[0, 4, 255], "4€".as_bytes(), &[1, 3, 255, 4, 1, 2]].concat();
        assert_eq!(V3.body(&packets()), PollBody::Binary(bytes));
    }

    #[test]
    fn binary_frames_differ_by_revision_and_by_what_the_client_reads() {
        let mut seen = Vec::new();
        for protocol in [Protocol::V4, Protocol::V3] {
            for is_base64 in [false, true] {
                let mut frames = Vec::new();
                let dialect = Dialect { protocol, is_base64, ..Dialect::default() };
                dialect.encode_frames(b"4a", &[Bytes::from_static(&[1, 2])], &mut frames);
                let (text, binary) = frames.split_at(4);
                assert_eq!(text, b"\x81\x024a");
                seen.push(binary.to_vec());
            }
        }
        let expected: [&[u8]; 4] =
            [b"\x82\x02\x01\x02", b"\x81\x05bAQI=", b"\x82\x03\x04\x01\x02", b"\x81\x06b4AQI="];
        assert_eq!(seen, expected);
    }
}
