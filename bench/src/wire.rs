//! The bytes that the generator sends and expects: frames prepared once, and the checks of what comes back.
//!
//! Client frames carry the mask key 0, so that masking costs the generator nothing; servers unmask as always.
//! Every message carries a number, so that a lost, doubled, misplaced or changed one is noticed.
//!
//! Spec: RFC 6455, section 5.2.

use anyhow::{Context, Result, bail, ensure};
use flate2::{Decompress, FlushDecompress};

/// First number of an echo; numbers have four digits.
pub(crate) const ECHO_FIRST: u16 = 1000;
/// Last number of an echo, before they begin again.
pub(crate) const ECHO_LAST: u16 = 9999;

/// What texts are filled with.
const LETTERS: &[u8; 16] = b"switchboard-echo";
/// Digits of a published message's number, with which its text begins.
const NUMBER_BYTES: usize = 8;
/// The most published messages that are remembered in their compressed form.
const REMEMBERED: usize = 16;
/// Rooms have numbers of six digits, from this one on.
pub(crate) const ROOM_FIRST: u32 = 100_000;

/// One masked text frame with mask key 0.
pub(crate) fn push_frame(text: &[u8], output: &mut Vec<u8>) {
    output.push(0x81);
    match u8::try_from(text.len()) {
        Ok(length) if length < 126 => output.push(0x80 | length),
        _ => {
            output.push(0xfe);
            // The generator sends nothing longer than 64 KiB.
            output.extend_from_slice(&u16::try_from(text.len()).unwrap_or(u16::MAX).to_be_bytes());
        }
    }
    output.extend_from_slice(&[0; 4]);
    output.extend_from_slice(text);
}

/// The text of a whole frame that [`push_frame`] made.
pub(crate) fn text_of(frame: &[u8]) -> &[u8] {
    let header = if frame.get(1) == Some(&0xfe) { 8 } else { 6 };
    frame.get(header..).unwrap_or_default()
}

/// The text of the next frame, or `None` when `input` does not hold a whole one.
///
/// # Errors
/// Anything but an unfragmented, unmasked text frame, compressed only if that was agreed on: no server has a reason to
/// send it here.
pub(crate) fn next_frame<'i>(input: &mut &'i [u8], is_deflated: bool) -> Result<Option<&'i [u8]>> {
    let is_known = |first: u8| first == 0x81 || (first == 0xc1 && is_deflated);
    let (header, length) = match **input {
        [first, second, ..] if !is_known(first) || second == 127 || second > 127 => {
            bail!("unexpected frame header {first:02x} {second:02x}")
        }
        [_, 126, high, low, ..] => (4, usize::from(u16::from_be_bytes([high, low]))),
        [_, length, ..] if length < 126 => (2, usize::from(length)),
        _ => return Ok(None),
    };
    let Some((frame, rest)) = input.split_at_checked(header + length) else { return Ok(None) };
    *input = rest;
    Ok(frame.get(header..))
}

/// Requests of an event with an ack, and their answers.
pub(crate) struct Echo {
    request: Vec<u8>,
    number_at: usize,
    answer: Vec<u8>,
}

impl Echo {
    /// Of an event that answers with its argument, a text of `bytes` bytes.
    pub(crate) fn new(event: &str, bytes: usize) -> Self {
        let filler: Vec<u8> = LETTERS.iter().copied().cycle().take(bytes.max(4) - 4).collect();
        let body = [&b"[\""[..], event.as_bytes(), b"\",\"", &filler, b"0000\"]"].concat();
        let mut request = Vec::new();
        push_frame(&[&b"420000"[..], &body].concat(), &mut request);
        let number_at = request.len() - body.len() - 4;
        Self { request, number_at, answer: [b"430000[\"", &filler[..], b"0000\"]"].concat() }
    }

    /// Appends the frame `42<number>["echo","switchboard-echo<number>"]`.
    pub(crate) fn push_request(&self, number: u16, output: &mut Vec<u8>) {
        let start = output.len();
        output.extend_from_slice(&self.request);
        let digits = digits::<4>(u32::from(number));
        if let Some(frame) = output.get_mut(start..) {
            put(frame, self.number_at, &digits);
            put(frame, frame.len().saturating_sub(6), &digits);
        }
    }

    /// The number of a right answer.
    ///
    /// # Errors
    /// The answer differs in any byte from what was sent.
    pub(crate) fn check_answer(&mut self, text: &[u8]) -> Result<u16> {
        let number = text.get(2..6).context("an answer that is too short")?;
        let tail = self.answer.len().saturating_sub(6);
        put(&mut self.answer, 2, number);
        put(&mut self.answer, tail, number);
        ensure!(text == self.answer, "wrong answer {:?}", shown(text));
        let number = std::str::from_utf8(number)?;
        number.parse().with_context(|| format!("answer to {number:?}"))
    }
}

/// Messages to a room: the frames that publish them, and what each member has to receive.
pub(crate) struct Publication {
    request: Vec<u8>,
    expected: Vec<u8>,
    room_at: Option<usize>,
    text_at: usize,
    is_deflated: bool,
    /// Compressed payloads that were found to hold the text of that number: all members get the same one.
    known: [(u32, Vec<u8>); REMEMBERED],
}

impl Publication {
    /// To everybody, with `bytes` bytes of text, which the server may compress if that `is_deflated`.
    pub(crate) fn to_everybody(bytes: usize, is_deflated: bool) -> Self {
        let text = if is_deflated { records(bytes) } else { letters(bytes) };
        Self { is_deflated, ..Self::new("[\"publish\",\"", &text) }
    }

    /// To one of the numbered rooms.
    pub(crate) fn to_rooms(bytes: usize) -> Self {
        let mut this = Self::new("[\"tell\",000000,\"", &letters(bytes));
        this.room_at = Some(this.text_at - 8);
        this
    }

    fn new(event: &str, text: &[u8]) -> Self {
        let mut request = Vec::new();
        push_frame(&[b"42", event.as_bytes(), text, b"\"]"].concat(), &mut request);
        let text_at = request.len() - text.len() - 2;
        let expected = [&b"42[\"message\",\""[..], text, b"\"]"].concat();
        let known = std::array::from_fn(|_| (u32::MAX, Vec::new()));
        Self { request, expected, room_at: None, text_at, is_deflated: false, known }
    }

    /// Appends the frame that publishes message `number`.
    pub(crate) fn push(&self, number: u32, output: &mut Vec<u8>) {
        self.push_to(0, number, output);
    }

    /// Appends the frame that publishes message `number` to the room `room`.
    pub(crate) fn push_to(&self, room: u32, number: u32, output: &mut Vec<u8>) {
        let start = output.len();
        output.extend_from_slice(&self.request);
        let Some(frame) = output.get_mut(start..) else { return };
        put(frame, self.text_at, &digits::<NUMBER_BYTES>(number));
        if let Some(room_at) = self.room_at {
            put(frame, room_at, &digits::<6>(room + ROOM_FIRST));
        }
    }

    /// Compares all of what a member received with message `number`.
    ///
    /// # Errors
    /// It is another message, a changed one, or not compressed although it was to be.
    pub(crate) fn check(&mut self, number: u32, received: &[u8]) -> Result<()> {
        put(&mut self.expected, Self::NUMBER_AT, &digits::<NUMBER_BYTES>(number));
        if !self.is_deflated {
            let is_right = received == self.expected;
            ensure!(is_right, "expected message {number}, received {:?}", shown(received));
            return Ok(());
        }
        let place = self.known.get_mut(number as usize % REMEMBERED).context("no such place")?;
        if place.0 == number && place.1 == received {
            return Ok(());
        }
        let text = inflated(received, self.expected.len())
            .with_context(|| format!("message {number} is not compressed"))?;
        ensure!(text == self.expected, "expected message {number}, received {:?}", shown(&text));
        *place = (number, received.to_vec());
        Ok(())
    }

    /// The number that a delivery carries.
    ///
    /// # Errors
    /// It is no such delivery.
    pub(crate) fn number(received: &[u8]) -> Result<u32> {
        let digits = received.get(Self::NUMBER_AT..Self::NUMBER_AT + NUMBER_BYTES);
        let digits = digits.with_context(|| format!("unexpected {:?}", shown(received)))?;
        std::str::from_utf8(digits)?.parse().with_context(|| format!("no number: {digits:?}"))
    }

    const NUMBER_AT: usize = 14;
}

/// The frame that asks to join `count` rooms from `first` on; acknowledged under that number.
pub(crate) fn push_join(first: u32, count: u32, output: &mut Vec<u8>) {
    push_frame(format!("421[\"join\",{},{count}]", first + ROOM_FIRST).as_bytes(), output);
}

/// What answers [`push_join`].
pub(crate) fn joined(first: u32) -> Vec<u8> {
    format!("431[{}]", first + ROOM_FIRST).into_bytes()
}

/// A number and letters.
fn letters(bytes: usize) -> Vec<u8> {
    let letters = LETTERS.iter().copied().cycle().take(bytes.max(NUMBER_BYTES) - NUMBER_BYTES);
    [b'0'; NUMBER_BYTES].into_iter().chain(letters).collect()
}

/// A number and records as JSON has them, with apostrophes, so that nothing has to be escaped.
fn records(bytes: usize) -> Vec<u8> {
    let mut text = vec![b'0'; NUMBER_BYTES];
    let mut random = 0x2545_f491_u32;
    while text.len() < bytes {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let (room, price, user) = (random >> 28, random >> 12 & 0xffff, random >> 4 & 0xfff);
        let record = format!(
            ",{{'room':'lobby-{room}','user':'user{user:04}','price':{price},'text':'the quick brown fox'}}"
        );
        text.extend_from_slice(record.as_bytes());
    }
    text.truncate(bytes);
    text
}

/// The text of a compressed payload that is a message of its own (RFC 7692, section 7.2.2).
fn inflated(payload: &[u8], length: usize) -> Result<Vec<u8>> {
    let input = [payload, &[0x00, 0x00, 0xff, 0xff]].concat();
    // A byte more than expected: a text that is too long must show.
    let mut text = Vec::with_capacity(length + 1);
    Decompress::new(false).decompress_vec(&input, &mut text, FlushDecompress::Sync)?;
    Ok(text)
}

fn shown(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes.get(..60).unwrap_or(bytes)).into_owned()
}

fn put(target: &mut [u8], at: usize, bytes: &[u8]) {
    if let Some(place) = target.get_mut(at..at + bytes.len()) {
        place.copy_from_slice(bytes);
    }
}

fn digits<const N: usize>(mut number: u32) -> [u8; N] {
    let mut digits = [b'0'; N];
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + u8::try_from(number % 10).unwrap_or(0);
        number /= 10;
    }
    digits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn echo_carries_its_number_twice_and_20_bytes_of_text() {
        let mut frame = Vec::new();
        Echo::new("echo", 20).push_request(1234, &mut frame);
        assert_eq!(&frame[..6], b"\x81\xa5\0\0\0\0");
        assert_eq!(&frame[6..], b"421234[\"echo\",\"switchboard-echo1234\"]");
    }

    #[test]
    fn only_the_very_answer_is_right() {
        let mut echo = Echo::new("echo", 20);
        assert_eq!(echo.check_answer(b"431234[\"switchboard-echo1234\"]").unwrap(), 1234);
        assert!(echo.check_answer(b"431234[\"switchboard-echo1235\"]").is_err());
        assert!(echo.check_answer(b"431234[\"switchboard-ech01234\"]").is_err());
        assert!(echo.check_answer(b"43").is_err());
    }

    #[test]
    fn large_echo_has_its_size_and_is_checked_as_strictly() {
        let mut echo = Echo::new("work", 16_384);
        let mut frame = Vec::new();
        echo.push_request(4711, &mut frame);
        let text = [&b"434711"[..], b"[", &frame[8 + 6 + 8..]].concat();
        assert_eq!(text.len(), 6 + 16_384 + 4);
        assert_eq!(echo.check_answer(&text).unwrap(), 4711);
        let mut changed = text;
        changed[9_000] ^= 1;
        assert!(echo.check_answer(&changed).is_err());
    }

    #[test]
    fn published_message_has_its_size_and_its_place_in_the_order() {
        let mut publication = Publication::to_everybody(128, false);
        let mut frame = Vec::new();
        publication.push(7, &mut frame);
        assert_eq!(frame.len(), 8 + 14 + 128 + 2);
        let text = [&b"42[\"message\",\""[..], &frame[8 + 14..]].concat();
        assert_eq!(Publication::number(&text).unwrap(), 7);
        assert!(publication.check(7, &text).is_ok());
        assert!(publication.check(8, &text).is_err());
        assert!(publication.check(7, &text[..100]).is_err());
    }

    #[test]
    fn message_to_a_room_carries_the_room_of_its_own() {
        let mut frame = Vec::new();
        Publication::to_rooms(128).push_to(42, 7, &mut frame);
        assert!(frame[8..].starts_with(b"42[\"tell\",100042,\"00000007switchboard"));
    }

    #[test]
    fn compressed_delivery_has_to_be_compressed_and_right_also_after_the_first() {
        let mut publication = Publication::to_everybody(1_024, true);
        let mut frame = Vec::new();
        publication.push(7, &mut frame);
        let text = [&b"42[\"message\",\""[..], &frame[8 + 14..]].concat();
        let deflated = |text: &[u8]| {
            let mut output = Vec::with_capacity(2_000);
            let mut state = flate2::Compress::new(flate2::Compression::fast(), false);
            state.compress_vec(text, &mut output, flate2::FlushCompress::Sync).unwrap();
            output.truncate(output.len() - 4);
            output
        };
        let right = deflated(&text);
        for _ in 0..2 {
            assert!(publication.check(7, &right).is_ok());
            assert!(publication.check(8, &right).is_err());
            assert!(publication.check(7, &text).is_err());
            assert!(publication.check(7, &deflated(&text[1..])).is_err());
        }
        assert!(next_frame(&mut &b"\xc1\x00"[..], true).unwrap().is_some());
        assert!(next_frame(&mut &b"\xc1\x00"[..], false).is_err());
    }

    #[test]
    fn frames_are_found_at_any_split() {
        let long = [b'a'; 300];
        let mut bytes = b"\x81\x02ab\x81\x00\x81\x7e\x01\x2c".to_vec();
        bytes.extend_from_slice(&long);
        for cut in 0..=bytes.len() {
            let mut input = &bytes[..cut];
            let mut texts = Vec::new();
            while let Some(text) = next_frame(&mut input, false).unwrap() {
                texts.push(text.len());
            }
            let rest = [input, &bytes[cut..]].concat();
            let mut input = &rest[..];
            while let Some(text) = next_frame(&mut input, false).unwrap() {
                texts.push(text.len());
            }
            assert_eq!(texts, [2, 0, 300]);
        }
    }

    #[test]
    fn masked_binary_and_fragmented_frames_are_refused() {
        for bytes in [b"\x81\x80\0\0\0\0", b"\x82\x00\0\0\0\0", b"\x01\x00\0\0\0\0"] {
            assert!(next_frame(&mut &bytes[..], false).is_err());
        }
    }
}
