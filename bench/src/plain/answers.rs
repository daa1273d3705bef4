//! Judges what a server sent: the very bytes that were expected, or frames whose content was.

use anyhow::{Context, Result, ensure};
use flate2::{Decompress, FlushDecompress};

use super::messages::{Cursor, Cycle, FLUSH_END, Messages};

/// Of large messages, and of compressed ones after the first round, one in so many is looked into.
const SAMPLE: usize = 16;
/// From this size on messages that are no sample are not even copied out of the kernel.
const SKIP_MIN: usize = 16 * 1024;

/// The answers to one client, in the order of its requests.
pub(super) enum Answers {
    Exact { cursor: Cursor, number: usize },
    Frames(Frames),
}

/// Answers that a server compressed as it liked.
#[derive(Default)]
pub(super) struct Frames {
    header: Vec<u8>,
    /// Payload bytes of the current frame that are still to come.
    missing: usize,
    /// The payload so far, if this one is looked into.
    sample: Option<Vec<u8>>,
    number: usize,
}

impl Answers {
    pub(super) fn new(messages: &Messages) -> Self {
        match messages.answers {
            Some(_) => Self::Exact { cursor: Cursor::default(), number: 0 },
            None => Self::Frames(Frames::default()),
        }
    }

    /// How many of the next bytes nobody has to see.
    pub(super) fn skippable(&self, messages: &Messages) -> usize {
        match (self, &messages.answers) {
            (Self::Exact { cursor, number }, Some(expected))
                if messages.kind.payload_bytes >= SKIP_MIN && number % SAMPLE > 0 =>
            {
                expected.ahead(*cursor, SAMPLE - number % SAMPLE).len()
            }
            _ => 0,
        }
    }

    /// Takes bytes that were skipped; returns how many messages ended with them.
    pub(super) fn skip(&mut self, count: usize, messages: &Messages) -> usize {
        let (Self::Exact { cursor, number }, Some(expected)) = (self, &messages.answers) else {
            return 0;
        };
        let ended = expected.advance(cursor, count);
        *number += ended;
        ended
    }

    /// Takes bytes that were read; returns how many messages ended with them.
    ///
    /// # Errors
    /// They are not what should have come.
    pub(super) fn take(&mut self, mut bytes: &[u8], messages: &Messages) -> Result<usize> {
        match (self, &messages.answers) {
            (Self::Exact { cursor, number }, Some(expected)) => {
                let ended = take_exact(cursor, bytes, expected)
                    .with_context(|| format!("answer {number} or one soon after it"))?;
                *number += ended;
                Ok(ended)
            }
            (Self::Frames(frames), None) => {
                let before = frames.number;
                while !bytes.is_empty() {
                    frames.take(&mut bytes, messages)?;
                }
                Ok(frames.number - before)
            }
            _ => Ok(0),
        }
    }
}

fn take_exact(cursor: &mut Cursor, mut bytes: &[u8], expected: &Cycle) -> Result<usize> {
    let mut ended = 0;
    while !bytes.is_empty() {
        let ahead = expected.ahead(*cursor, expected.ends.len());
        let count = ahead.len().min(bytes.len());
        let (now, rest) = bytes.split_at_checked(count).context("no more bytes")?;
        ensure!(ahead.starts_with(now), "expected {:?}, received {:?}", shown(ahead), shown(now));
        ended += expected.advance(cursor, count);
        bytes = rest;
    }
    Ok(ended)
}

impl Frames {
    fn take(&mut self, bytes: &mut &[u8], messages: &Messages) -> Result<()> {
        if self.missing == 0 && self.sample.is_none() {
            let (byte, rest) = bytes.split_first().context("no bytes")?;
            self.header.push(*byte);
            *bytes = rest;
            let Some(length) = length(&self.header)? else { return Ok(()) };
            self.missing = length;
            let is_sampled =
                self.number < messages.texts.len() || self.number.is_multiple_of(SAMPLE);
            self.sample = is_sampled.then(Vec::new);
        }
        let (now, rest) = bytes.split_at(self.missing.min(bytes.len()));
        *bytes = rest;
        self.missing -= now.len();
        if let Some(sample) = &mut self.sample {
            sample.extend_from_slice(now);
        }
        if self.missing == 0 {
            self.end(messages)?;
        }
        Ok(())
    }

    fn end(&mut self, messages: &Messages) -> Result<()> {
        if let Some(payload) = self.sample.take() {
            let expected = messages.texts.get(self.number % messages.texts.len());
            let expected = expected.context("no messages")?;
            let is_compressed = self.header.first().is_some_and(|first| first & 0x40 > 0);
            let text = if is_compressed { inflate(payload, expected.len())? } else { payload };
            ensure!(text == *expected, "answer {} is {:?}", self.number, shown(&text));
        }
        self.header.clear();
        self.number += 1;
        Ok(())
    }
}

/// The payload's length, once the whole header is there.
fn length(header: &[u8]) -> Result<Option<usize>> {
    match *header {
        [first, ..] if first & 0xbf != 0x81 => {
            anyhow::bail!("unexpected frame that begins with {first:02x}")
        }
        [_, length] if length < 126 => Ok(Some(length.into())),
        [_, 126, high, low] => Ok(Some(u16::from_be_bytes([high, low]).into())),
        [_, 127, 0, 0, 0, 0, a, b, c, d] => Ok(Some(u32::from_be_bytes([a, b, c, d]) as usize)),
        _ if header.len() >= 10 => anyhow::bail!("unexpected header {header:02x?}"),
        _ => Ok(None),
    }
}

fn inflate(mut payload: Vec<u8>, length: usize) -> Result<Vec<u8>> {
    payload.extend_from_slice(&FLUSH_END);
    // A byte more than expected: a text that is too long must show.
    let mut text = Vec::with_capacity(length + 1);
    let mut state = Decompress::new(false);
    state.decompress_vec(&payload, &mut text, FlushDecompress::Sync)?;
    ensure!(
        state.total_in() as usize >= payload.len() - FLUSH_END.len(),
        "the answer goes on after the text"
    );
    Ok(text)
}

fn shown(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes.get(..60).unwrap_or(bytes)).into_owned()
}

#[cfg(test)]
mod tests {
    use super::super::messages::{Answering, Kind};
    use super::*;

    fn messages(payload_bytes: usize, is_deflated: bool) -> Messages {
        Messages::new(Kind { payload_bytes, is_deflated }, Answering::Echo).unwrap()
    }

    #[test]
    fn exact_answers_are_counted_at_any_split_and_a_changed_byte_is_noticed() {
        let messages = messages(20, false);
        let bytes = messages.answers.as_ref().unwrap().bytes.repeat(2);
        for piece in [1, 7, 22, 100, 704] {
            let mut answers = Answers::new(&messages);
            let counts = bytes.chunks(piece).map(|chunk| answers.take(chunk, &messages).unwrap());
            assert_eq!(counts.sum::<usize>(), 32);
        }
        let mut changed = bytes;
        changed[500] ^= 1;
        assert!(Answers::new(&messages).take(&changed, &messages).is_err());
    }

    #[test]
    fn compressed_answers_are_counted_at_any_split_and_a_wrong_text_is_noticed() {
        let messages = messages(512, true);
        // What a server would send that compresses as the generator does, and one that does not compress at all.
        let compressed = Messages::new(messages.kind, Answering::Echo).unwrap();
        let payloads =
            compressed.texts.iter().map(|text| [&b"\x81\x7e\x02\x00"[..], text].concat());
        let bytes: Vec<u8> = payloads.flatten().collect();
        for piece in [1, 3, 516, 10_000] {
            let mut answers = Answers::new(&messages);
            let counts = bytes.chunks(piece).map(|chunk| answers.take(chunk, &messages).unwrap());
            assert_eq!(counts.sum::<usize>(), 16);
        }
        let mut changed = bytes;
        changed[600] ^= 1;
        assert!(Answers::new(&messages).take(&changed, &messages).is_err());
    }

    #[test]
    fn large_answers_are_skipped_but_for_samples() {
        let messages = messages(1 << 20, false);
        let mut answers = Answers::new(&messages);
        assert_eq!(answers.skippable(&messages), 0);
        let frame = messages.answers.as_ref().unwrap().ends[0];
        let first = messages.answers.as_ref().unwrap().bytes[..frame].to_vec();
        assert_eq!(answers.take(&first, &messages).unwrap(), 1);
        assert_eq!(answers.skippable(&messages), frame);
        assert_eq!(answers.skip(frame - 1, &messages), 0);
        assert_eq!(answers.skippable(&messages), 1);
        assert_eq!(answers.skip(1, &messages), 1);
        assert_eq!(answers.skippable(&messages), 2 * frame);
    }
}
