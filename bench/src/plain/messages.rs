//! The messages of an echo: texts, the frames that carry them, and the answers that are expected.
//!
//! A few messages go round in a cycle, each with its number in the text, so that a lost, doubled, changed or misplaced
//! one shows. Frames are masked and compressed once, when the row begins.
//!
//! Specs: RFC 6455, section 5.2; RFC 7692, section 7.2.1.

use std::fmt::Write;

use anyhow::{Context, Result};
use flate2::{Compress, Compression, FlushCompress};

/// Every client frame has this key: masking is done beforehand, and unmasking costs the same whatever the key is.
const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
const TEXT: u8 = 0x81;
const COMPRESSED_TEXT: u8 = 0xc1;
/// What a sync flush ends with, and what a compressed message leaves out.
pub(super) const FLUSH_END: [u8; 4] = [0x00, 0x00, 0xff, 0xff];

/// What is sent.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Kind {
    /// Bytes of each text.
    pub(crate) payload_bytes: usize,
    /// Are the frames compressed, and may the answers be?
    pub(crate) is_deflated: bool,
}

/// How a server answers.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answering {
    /// With the text in a frame of its own making.
    Echo,
    /// With the payload as it was on the wire: the bare floor.
    AsReceived,
}

/// Frames one behind the other, which begin again at the end.
pub(crate) struct Cycle {
    pub(super) bytes: Vec<u8>,
    /// Where each frame ends.
    pub(super) ends: Vec<usize>,
}

/// A place in a [`Cycle`].
#[derive(Clone, Copy, Default)]
pub(super) struct Cursor {
    pub(super) offset: usize,
    /// The frame that `offset` lies in.
    pub(super) frame: usize,
}

/// All messages of one case.
pub(crate) struct Messages {
    pub(super) kind: Kind,
    pub(super) texts: Vec<Vec<u8>>,
    pub(super) requests: Cycle,
    /// The very bytes of the answers, where a server has no choice.
    pub(super) answers: Option<Cycle>,
}

impl Messages {
    /// Prepares everything for a kind of message and a way to answer.
    pub(crate) fn new(kind: Kind, answering: Answering) -> Result<Self> {
        // Few of the large ones: the generator is to read them from its cache.
        let count = match kind.payload_bytes {
            0..4_096 => 16,
            4_096..262_144 => 4,
            _ => 2,
        };
        let texts: Vec<Vec<u8>> =
            (0..count).map(|number| text(number, kind.payload_bytes)).collect();
        let mut requests = Cycle { bytes: Vec::new(), ends: Vec::new() };
        let mut answers = Cycle { bytes: Vec::new(), ends: Vec::new() };
        for text in &texts {
            let first = if kind.is_deflated { COMPRESSED_TEXT } else { TEXT };
            let payload = if kind.is_deflated { deflate(text)? } else { text.clone() };
            let masked: Vec<u8> =
                payload.iter().zip(KEY.iter().cycle()).map(|(byte, key)| byte ^ key).collect();
            requests.push(&[&header(first, 0x80, masked.len())[..], &KEY, &masked]);
            let echoed = if answering == Answering::AsReceived { &masked } else { &payload };
            answers.push(&[&header(first, 0, echoed.len())[..], echoed]);
        }
        let is_given = !kind.is_deflated || answering == Answering::AsReceived;
        Ok(Self { kind, texts, requests, answers: is_given.then_some(answers) })
    }
}

impl Cycle {
    fn push(&mut self, parts: &[&[u8]]) {
        parts.iter().for_each(|part| self.bytes.extend_from_slice(part));
        self.ends.push(self.bytes.len());
    }

    /// The bytes from `cursor` through the next `frames` frames, or to the end of the cycle.
    pub(super) fn ahead(&self, cursor: Cursor, frames: usize) -> &[u8] {
        let last = (cursor.frame + frames).min(self.ends.len());
        let end = last.checked_sub(1).and_then(|last| self.ends.get(last)).copied();
        self.bytes.get(cursor.offset..end.unwrap_or(0)).unwrap_or_default()
    }

    /// Moves `cursor` by `count` bytes, at most to the end of the cycle; returns how many frames ended.
    pub(super) fn advance(&self, cursor: &mut Cursor, count: usize) -> usize {
        cursor.offset += count;
        let before = cursor.frame;
        while self.ends.get(cursor.frame).is_some_and(|end| *end <= cursor.offset) {
            cursor.frame += 1;
        }
        let ended = cursor.frame - before;
        if cursor.frame == self.ends.len() {
            *cursor = Cursor::default();
        }
        ended
    }
}

/// The frame that asks for the end, masked, with code 1000.
pub(super) fn close_frame() -> Vec<u8> {
    let code: Vec<u8> =
        1000_u16.to_be_bytes().iter().zip(KEY).map(|(byte, key)| byte ^ key).collect();
    [&header(0x88, 0x80, code.len())[..], &KEY, &code].concat()
}

fn header(first: u8, mask_bit: u8, length: usize) -> Vec<u8> {
    let mut header = vec![first];
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(short), _) if short < 126 => header.push(mask_bit | short),
        (_, Ok(medium)) => {
            header.push(mask_bit | 126);
            header.extend_from_slice(&medium.to_be_bytes());
        }
        _ => {
            header.push(mask_bit | 127);
            header.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    header
}

/// Records as a program would send them, cut off at `length`; the first 20 bytes alone are one, too.
fn text(number: usize, length: usize) -> Vec<u8> {
    let mut text = format!("{{\"id\":{number:04},\"v\":{:04}}}", number * 37 % 10_000);
    let mut random = 0x2545_f491_u32.wrapping_add(u32::try_from(number).unwrap_or(0));
    while text.len() < length {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let (room, price, user) = (random >> 28, random >> 12 & 0xffff, random >> 4 & 0xfff);
        let _ = write!(
            text,
            ",{{\"room\":\"lobby-{room}\",\"user\":\"user{user:04}\",\"price\":{price},\
             \"text\":\"the quick brown fox\",\"seen\":{}}}",
            random & 1 == 1
        );
    }
    text.truncate(length);
    text.into_bytes()
}

/// The payload of a compressed message of its own (no context takeover).
fn deflate(text: &[u8]) -> Result<Vec<u8>> {
    let mut compress = Compress::new(Compression::default(), false);
    let mut output = Vec::with_capacity(text.len() + 64);
    compress.compress_vec(text, &mut output, FlushCompress::Sync)?;
    output.truncate(output.strip_suffix(&FLUSH_END).context("no sync flush")?.len());
    Ok(output)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_masked_and_answers_are_not() {
        let kind = Kind { payload_bytes: 20, is_deflated: false };
        let messages = Messages::new(kind, Answering::Echo).unwrap();
        let (requests, answers) = (&messages.requests, messages.answers.as_ref().unwrap());
        assert_eq!(&requests.bytes[..6], b"\x81\x94\x37\xfa\x21\x3d");
        assert_eq!(requests.bytes[6], b'{' ^ 0x37);
        assert_eq!(&answers.bytes[..22], b"\x81\x14{\"id\":0000,\"v\":0000}");
        assert_eq!(&answers.bytes[22..44], b"\x81\x14{\"id\":0001,\"v\":0037}");
        assert_eq!((requests.ends[15], answers.ends[15]), (16 * 26, 16 * 22));
    }

    #[test]
    fn cursor_counts_the_frames_that_end_and_goes_round() {
        let cycle = Cycle { bytes: vec![0; 9], ends: vec![2, 5, 9] };
        let mut cursor = Cursor::default();
        assert_eq!(cycle.ahead(cursor, 2).len(), 5);
        assert_eq!(cycle.advance(&mut cursor, 1), 0);
        assert_eq!(cycle.advance(&mut cursor, 5), 2);
        assert_eq!(cycle.ahead(cursor, 2).len(), 3);
        assert_eq!(cycle.advance(&mut cursor, 3), 1);
        assert_eq!((cursor.offset, cursor.frame), (0, 0));
    }

    #[test]
    fn texts_have_their_length_and_differ() {
        for length in [20, 512, 16_384, 1_048_576] {
            assert_eq!(text(3, length).len(), length);
            assert_ne!(text(3, length), text(4, length));
        }
        assert!(deflate(&text(0, 16_384)).unwrap().len() < 5_000);
    }
}
