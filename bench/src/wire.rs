//! The bytes that the generator sends and expects: frames prepared once, and the checks of what comes back.
//!
//! Client frames carry the mask key 0, so that masking costs the generator nothing; servers unmask as always.
//! Every message carries a number, so that a lost, doubled, misplaced or changed one is noticed.
//!
//! Spec: RFC 6455, section 5.2.

use anyhow::{Context, Result, bail, ensure};

/// First number of an echo; numbers have four digits.
pub(crate) const ECHO_FIRST: u16 = 1000;
/// Last number of an echo, before they begin again.
pub(crate) const ECHO_LAST: u16 = 9999;

/// Sixteen letters; with the four digits of the number they are the 20 bytes of an echo.
const LETTERS: &[u8; 16] = b"switchboard-echo";
/// What follows the eight digits of a published message: together 200 bytes.
const FILLER: [u8; 192] = [b'x'; 192];

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

/// The text of the next frame, or `None` when `input` does not hold a whole one.
///
/// # Errors
/// Anything but an unfragmented, unmasked text frame: no server has a reason to send it here.
pub(crate) fn next_frame<'i>(input: &mut &'i [u8]) -> Result<Option<&'i [u8]>> {
    let (header, length) = match **input {
        [first, second, ..] if first != 0x81 || second == 127 || second > 127 => {
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

/// Echo requests and their answers.
pub(crate) struct Echo {
    request: Vec<u8>,
    answer: Vec<u8>,
}

impl Echo {
    pub(crate) fn new() -> Self {
        let mut request = Vec::new();
        let text = [b"420000[\"echo\",\"", &LETTERS[..], b"0000\"]"].concat();
        push_frame(&text, &mut request);
        Self { request, answer: [b"430000[\"", &LETTERS[..], b"0000\"]"].concat() }
    }

    /// Appends the frame `42<number>["echo","switchboard-echo<number>"]`.
    pub(crate) fn push_request(&self, number: u16, output: &mut Vec<u8>) {
        let start = output.len();
        output.extend_from_slice(&self.request);
        let digits = digits::<4>(u32::from(number));
        if let Some(frame) = output.get_mut(start..) {
            put(frame, 8, &digits);
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
        ensure!(text == self.answer, "wrong answer {:?}", String::from_utf8_lossy(text));
        let number = std::str::from_utf8(number)?;
        number.parse().with_context(|| format!("answer to {number:?}"))
    }
}

/// The frame that publishes message `number` with 200 bytes of text.
pub(crate) fn push_publish(number: u32, output: &mut Vec<u8>) {
    let text = [&b"42[\"publish\",\""[..], &digits::<8>(number), &FILLER, b"\"]"].concat();
    push_frame(&text, output);
}

/// What each member of the room has to receive for that frame.
pub(crate) struct Delivery {
    expected: Vec<u8>,
}

impl Delivery {
    const NUMBER_AT: usize = 14;

    pub(crate) fn new() -> Self {
        Self { expected: [&b"42[\"message\",\""[..], &[b'0'; 8], &FILLER, b"\"]"].concat() }
    }

    /// Compares all of `text` with message `number`.
    ///
    /// # Errors
    /// It is another message or a changed one.
    pub(crate) fn check(&mut self, number: u32, text: &[u8]) -> Result<()> {
        put(&mut self.expected, Self::NUMBER_AT, &digits::<8>(number));
        ensure!(
            text == self.expected,
            "expected message {number}, received {:?}",
            String::from_utf8_lossy(text.get(..40).unwrap_or(text))
        );
        Ok(())
    }
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
        Echo::new().push_request(1234, &mut frame);
        assert_eq!(&frame[..6], b"\x81\xa5\0\0\0\0");
        assert_eq!(&frame[6..], b"421234[\"echo\",\"switchboard-echo1234\"]");
    }

    #[test]
    fn only_the_very_answer_is_right() {
        let mut echo = Echo::new();
        assert_eq!(echo.check_answer(b"431234[\"switchboard-echo1234\"]").unwrap(), 1234);
        assert!(echo.check_answer(b"431234[\"switchboard-echo1235\"]").is_err());
        assert!(echo.check_answer(b"431234[\"switchboard-ech01234\"]").is_err());
        assert!(echo.check_answer(b"43").is_err());
    }

    #[test]
    fn published_message_has_200_bytes_and_its_place_in_the_order() {
        let mut frame = Vec::new();
        push_publish(7, &mut frame);
        assert_eq!(frame.len(), 8 + 14 + 200 + 2);
        let text = [&b"42[\"message\",\"00000007"[..], &FILLER, b"\"]"].concat();
        let mut delivery = Delivery::new();
        assert!(delivery.check(7, &text).is_ok());
        assert!(delivery.check(8, &text).is_err());
    }

    #[test]
    fn frames_are_found_at_any_split() {
        let long = [b'a'; 300];
        let mut bytes = b"\x81\x02ab\x81\x00\x81\x7e\x01\x2c".to_vec();
        bytes.extend_from_slice(&long);
        for cut in 0..=bytes.len() {
            let mut input = &bytes[..cut];
            let mut texts = Vec::new();
            while let Some(text) = next_frame(&mut input).unwrap() {
                texts.push(text.len());
            }
            let rest = [input, &bytes[cut..]].concat();
            let mut input = &rest[..];
            while let Some(text) = next_frame(&mut input).unwrap() {
                texts.push(text.len());
            }
            assert_eq!(texts, [2, 0, 300]);
        }
    }

    #[test]
    fn masked_binary_and_fragmented_frames_are_refused() {
        for bytes in [b"\x81\x80\0\0\0\0", b"\x82\x00\0\0\0\0", b"\x01\x00\0\0\0\0"] {
            assert!(next_frame(&mut &bytes[..]).is_err());
        }
    }
}
