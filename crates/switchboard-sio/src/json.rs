//! A bounded look at JSON text: is it valid, how deep is it, where does each value end.
//!
//! The decoder walks every payload once with a [`Scanner`] and keeps the text. Nothing is built,
//! nothing is allocated and nothing recurses, so the depth of a hostile payload costs no stack.
//! Whoever wants to see the parts on the way (attachment placeholders do) passes a [`Sink`].
//! Turning text into values is serde's work, in `payload`.
//!
//! Spec: RFC 8259, sections 2 to 7. Escaped lone surrogates are valid there (section 8.2).

use std::borrow::Cow;

/// The most levels that any scan accepts; the kinds of the open brackets fit one `u128`.
pub(crate) const DEPTH_MAX: usize = 128;

/// A position in JSON text that moves over one value at a time.
#[derive(Debug)]
pub(crate) struct Scanner<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
    depth_max: usize,
    /// One bit per open bracket, the innermost lowest: 1 for an object, 0 for an array.
    kinds: u128,
    /// Escapes that were read so far.
    escapes: usize,
}

impl<'a> Scanner<'a> {
    pub(crate) fn new(text: &'a str, depth_max: usize) -> Self {
        Self { text, at: 0, depth: 0, depth_max: depth_max.min(DEPTH_MAX), kinds: 0, escapes: 0 }
    }

    /// How many bytes were read so far.
    pub(crate) fn at(&self) -> usize {
        self.at
    }

    /// How many escapes were read so far, in strings and keys.
    pub(crate) fn escapes(&self) -> usize {
        self.escapes
    }

    /// Moves over whitespace and shows the next byte.
    #[inline]
    pub(crate) fn peek(&mut self) -> Option<u8> {
        loop {
            match self.byte() {
                Some(b' ' | b'\n' | b'\r' | b'\t') => self.at += 1,
                other => return other,
            }
        }
    }

    /// Moves over whitespace and over `byte`, if that is what comes next.
    pub(crate) fn take(&mut self, byte: u8) -> bool {
        let is_next = self.peek() == Some(byte);
        self.at += usize::from(is_next);
        is_next
    }

    /// Moves over the `[` of an array whose items the caller will ask for one by one.
    pub(crate) fn open_array(&mut self) -> Result<(), Fault> {
        if self.take(b'[') { self.enter(ARRAY, &mut ()) } else { Err(Fault::Invalid) }
    }

    /// Moves over exactly one value and returns its text, without whitespace around it.
    pub(crate) fn value<S: Sink>(&mut self, sink: &mut S) -> Result<&'a str, Fault> {
        let floor = self.depth;
        let first = self.peek();
        let start = self.at;
        if first == Some(b'"') {
            // Most arguments are strings, and all names. They need no walk.
            self.string()?;
            let string = self.since(start);
            sink.scalar(string);
            return Ok(string);
        }
        let mut step = Step::Value;
        loop {
            step = match step {
                Step::Value => self.begin_value(sink)?,
                Step::FirstItem if self.take(b']') => self.leave(sink),
                Step::FirstItem => Step::Value,
                Step::FirstKey if self.take(b'}') => self.leave(sink),
                Step::FirstKey | Step::Key => self.key(sink)?,
                Step::Next if self.depth == floor => return Ok(self.since(start)),
                Step::Next => self.next(sink)?,
            };
        }
    }

    /// Checks that nothing but whitespace is left.
    pub(crate) fn end(&mut self) -> Result<(), Fault> {
        if self.peek().is_none() { Ok(()) } else { Err(Fault::Invalid) }
    }

    fn begin_value<S: Sink>(&mut self, sink: &mut S) -> Result<Step, Fault> {
        let first = self.peek();
        let start = self.at;
        match first {
            Some(b'{') => {
                self.at += 1;
                self.enter(OBJECT, sink)?;
                return Ok(Step::FirstKey);
            }
            Some(b'[') => {
                self.at += 1;
                self.enter(ARRAY, sink)?;
                return Ok(Step::FirstItem);
            }
            Some(b'"') => self.string()?,
            Some(b'-' | b'0'..=b'9') => self.number()?,
            Some(b't') => self.word("true")?,
            Some(b'f') => self.word("false")?,
            Some(b'n') => self.word("null")?,
            _ => return Err(Fault::Invalid),
        }
        sink.scalar(self.since(start));
        Ok(Step::Next)
    }

    fn key<S: Sink>(&mut self, sink: &mut S) -> Result<Step, Fault> {
        if self.peek() != Some(b'"') {
            return Err(Fault::Invalid);
        }
        let start = self.at;
        self.string()?;
        sink.key(unquoted(self.since(start)));
        if self.take(b':') { Ok(Step::Value) } else { Err(Fault::Invalid) }
    }

    fn next<S: Sink>(&mut self, sink: &mut S) -> Result<Step, Fault> {
        let is_object = self.kinds & 1 == OBJECT;
        let byte = self.peek();
        self.at += 1;
        match byte {
            Some(b',') if is_object => Ok(Step::Key),
            Some(b',') => Ok(Step::Value),
            Some(b'}') if is_object => Ok(self.leave(sink)),
            Some(b']') if !is_object => Ok(self.leave(sink)),
            _ => Err(Fault::Invalid),
        }
    }

    fn enter<S: Sink>(&mut self, kind: u128, sink: &mut S) -> Result<(), Fault> {
        if self.depth == self.depth_max {
            return Err(Fault::TooDeep);
        }
        self.depth += 1;
        self.kinds = self.kinds << 1 | kind;
        sink.open(kind == OBJECT);
        Ok(())
    }

    fn leave<S: Sink>(&mut self, sink: &mut S) -> Step {
        sink.close(self.kinds & 1 == OBJECT);
        self.kinds >>= 1;
        self.depth -= 1;
        Step::Next
    }

    /// Moves over a string, from its opening to its closing quote.
    fn string(&mut self) -> Result<(), Fault> {
        self.at += 1;
        loop {
            self.skip_plain();
            match self.byte() {
                Some(b'"') => break,
                Some(b'\\') => self.escape()?,
                _ => return Err(Fault::Invalid),
            }
        }
        self.at += 1;
        Ok(())
    }

    /// Moves to the next byte that means something inside a string, or to the end.
    #[inline]
    fn skip_plain(&mut self) {
        let text = self.text.as_bytes();
        let rest = text.get(self.at..).unwrap_or_default();
        self.at += match text.last_chunk() {
            Some(last) => plain_len(rest, *last),
            None => rest.iter().position(|it| is_special(*it)).unwrap_or(rest.len()),
        };
    }

    fn escape(&mut self) -> Result<(), Fault> {
        self.escapes += 1;
        let rest = self.text.as_bytes().get(self.at + 1..).unwrap_or_default();
        self.at += match rest {
            [b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't', ..] => 2,
            [b'u', a, b, c, d, ..] if [a, b, c, d].iter().all(|it| it.is_ascii_hexdigit()) => 6,
            _ => return Err(Fault::Invalid),
        };
        Ok(())
    }

    fn number(&mut self) -> Result<(), Fault> {
        self.at += usize::from(self.byte() == Some(b'-'));
        if self.byte() == Some(b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.byte() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.byte() {
            self.at += 1;
            self.at += usize::from(matches!(self.byte(), Some(b'+' | b'-')));
            self.digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<(), Fault> {
        let start = self.at;
        while self.byte().is_some_and(|it| it.is_ascii_digit()) {
            self.at += 1;
        }
        if start < self.at { Ok(()) } else { Err(Fault::Invalid) }
    }

    fn word(&mut self, word: &str) -> Result<(), Fault> {
        let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
        if !rest.starts_with(word.as_bytes()) {
            return Err(Fault::Invalid);
        }
        self.at += word.len();
        Ok(())
    }

    #[inline]
    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn since(&self, start: usize) -> &'a str {
        self.text.get(start..self.at).unwrap_or_default()
    }
}

/// What a scan tells on its way. `()` listens to nothing and costs nothing.
pub(crate) trait Sink {
    /// An object or array begins.
    fn open(&mut self, is_object: bool);
    /// The innermost open object or array ends.
    fn close(&mut self, is_object: bool);
    /// A key of the innermost object: its text as it was written, without the quotes.
    fn key(&mut self, raw: &str);
    /// A string (with its quotes), number, `true`, `false` or `null`.
    fn scalar(&mut self, raw: &str);
}

impl Sink for () {
    fn open(&mut self, _is_object: bool) {}
    fn close(&mut self, _is_object: bool) {}
    fn key(&mut self, _raw: &str) {}
    fn scalar(&mut self, _raw: &str) {}
}

/// Why a scan stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The text is not JSON.
    Invalid,
    /// More brackets are open than the limit allows.
    TooDeep,
}

/// The text inside the quotes of a string that was scanned.
#[inline]
pub(crate) fn unquoted(string: &str) -> &str {
    string.get(1..string.len().saturating_sub(1)).unwrap_or_default()
}

/// The characters that the inside of a scanned string stands for.
///
/// A lone surrogate has no place in a Rust string, so it becomes U+FFFD.
pub(crate) fn unescape(raw: &str) -> Cow<'_, str> {
    let mut text = String::new();
    let mut rest = raw;
    while let Some((plain, escape)) = rest.split_once('\\') {
        text.push_str(plain);
        let (character, after) = unescape_one(escape);
        text.push(character);
        rest = after;
    }
    if text.is_empty() {
        return Cow::Borrowed(raw);
    }
    text.push_str(rest);
    Cow::Owned(text)
}

/// Reads one escape, given the text behind its backslash.
fn unescape_one(escape: &str) -> (char, &str) {
    let mut characters = escape.chars();
    let character = match characters.next() {
        Some('u') => return unescape_unicode(characters.as_str()),
        Some('b') => '\u{8}',
        Some('f') => '\u{c}',
        Some('n') => '\n',
        Some('r') => '\r',
        Some('t') => '\t',
        other => other.unwrap_or(char::REPLACEMENT_CHARACTER),
    };
    (character, characters.as_str())
}

fn unescape_unicode(digits: &str) -> (char, &str) {
    let (unit, after) = split_unit(digits);
    if let Some(second) = after.strip_prefix("\\u") {
        let (second, after) = split_unit(second);
        // Only a high and a low surrogate together are one character.
        if let (0xd800..=0xdbff, Some(Ok(character))) =
            (unit, char::decode_utf16([unit, second]).next())
        {
            return (character, after);
        }
    }
    (char::from_u32(u32::from(unit)).unwrap_or(char::REPLACEMENT_CHARACTER), after)
}

fn split_unit(digits: &str) -> (u16, &str) {
    let (unit, after) = digits.split_at_checked(4).unwrap_or((digits, ""));
    (u16::from_str_radix(unit, 16).unwrap_or(0), after)
}

/// Appends `text` as a JSON string.
pub(crate) fn write_string(text: &str, output: &mut Vec<u8>) {
    output.push(b'"');
    let mut rest = text.as_bytes();
    loop {
        let plain_len = match text.as_bytes().last_chunk() {
            Some(last) => plain_len(rest, *last),
            None => rest.iter().position(|it| is_special(*it)).unwrap_or(rest.len()),
        };
        let (plain, special) = rest.split_at_checked(plain_len).unwrap_or((rest, &[]));
        output.extend_from_slice(plain);
        let Some((first, after)) = special.split_first() else { break };
        match first {
            b'"' => output.extend_from_slice(b"\\\""),
            b'\\' => output.extend_from_slice(b"\\\\"),
            b'\n' => output.extend_from_slice(b"\\n"),
            b'\r' => output.extend_from_slice(b"\\r"),
            b'\t' => output.extend_from_slice(b"\\t"),
            0x08 => output.extend_from_slice(b"\\b"),
            0x0c => output.extend_from_slice(b"\\f"),
            _ => output.extend_from_slice(format!("\\u{first:04x}").as_bytes()),
        }
        rest = after;
    }
    output.push(b'"');
}

/// What the walk over a value looks for next.
#[derive(Clone, Copy)]
enum Step {
    Value,
    FirstItem,
    FirstKey,
    Key,
    Next,
}

/// How many bytes at the front of `rest` mean nothing in a string. `last` are the last bytes of the
/// text that `rest` is the end of.
///
/// Eight bytes at a time in a register: strings of events are short, too short for vectors to pay.
#[inline]
fn plain_len(rest: &[u8], last: [u8; 8]) -> usize {
    let blocks = if rest.len() < LONG { 0 } else { plain_blocks(rest) };
    let rest = rest.get(blocks..).unwrap_or_default();
    let (words, tail) = rest.as_chunks();
    for (index, word) in words.iter().enumerate() {
        let marks = special_marks(u64::from_le_bytes(*word));
        if marks != 0 {
            return blocks + index * 8 + marks.trailing_zeros() as usize / 8;
        }
    }
    // The zeros that come in from above count as special, so that the search ends with the text.
    let word = u64::from_le_bytes(last).checked_shr(64 - 8 * tail.len() as u32).unwrap_or(0);
    blocks + words.len() * 8 + special_marks(word).trailing_zeros() as usize / 8
}

/// The length of the blocks that hold nothing special. The fold has no branch, so it becomes a few
/// vector instructions, which pay for long strings.
fn plain_blocks(rest: &[u8]) -> usize {
    let (blocks, _) = rest.as_chunks::<16>();
    let is_plain = |block: &&[u8; 16]| !block.iter().fold(false, |any, it| any | is_special(*it));
    blocks.iter().take_while(is_plain).count() * 16
}

/// Marks special bytes by their highest bits. Above the lowest mark there may be false ones,
/// because a subtraction borrows upwards.
#[inline]
fn special_marks(word: u64) -> u64 {
    const ONES: u64 = u64::MAX / 0xff;
    let is_zero = |it: u64| it.wrapping_sub(ONES) & !it;
    let is_control = word.wrapping_sub(ONES * 0x20) & !word;
    let is_quote = is_zero(word ^ (ONES * b'"' as u64));
    let is_backslash = is_zero(word ^ (ONES * b'\\' as u64));
    (is_control | is_quote | is_backslash) & (ONES * 0x80)
}

fn is_special(byte: u8) -> bool {
    (byte == b'"') | (byte == b'\\') | (byte < 0x20)
}

/// Where this much is left, a string may be long.
const LONG: usize = 64;
const ARRAY: u128 = 0;
const OBJECT: u128 = 1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn special_bytes_are_found_wherever_they_stand() {
        let others = [0x20, 0x21, 0x23, 0x5b, 0x5d, 0x7f, 0x80, 0x9f, 0xa2, 0xdc, 0xff];
        for byte in [0, 0x0a, 0x1f, b'"', b'\\'].into_iter().chain(others) {
            for len in (8..30).chain([63, 64, 90]) {
                for at in 0..len {
                    let mut text = vec![b'x'; len];
                    text[at] = byte;
                    // What follows must not matter.
                    text[len - 1 - at] ^= 1;
                    for start in 0..len {
                        let rest = &text[start..];
                        let expected =
                            rest.iter().position(|it| is_special(*it)).unwrap_or(rest.len());
                        let last = *text.last_chunk().unwrap();
                        assert_eq!(plain_len(rest, last), expected, "{text:02x?} from {start}");
                    }
                }
            }
        }
    }
}
