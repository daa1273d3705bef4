//! Values out: from JSON text and its attachments to msgpack.
//!
//! An array says how long it is before its first item, so the text is walked twice: once to count,
//! and to find out which objects are placeholders, once to write.

use std::borrow::Cow;
use std::slice::Iter;

use bytes::Bytes;
use serde::de::Error;

use super::BINARY_MAX;
use crate::EncodeError;
use crate::json::{DEPTH_MAX, Fault, Scanner, Sink, unescape, unquoted};
use crate::placeholder::Placeholders;

/// Appends one JSON value. `output` holds a part of it after an error.
pub(super) fn value(
    json: &str,
    attachments: &[Bytes],
    output: &mut Vec<u8>,
) -> Result<(), EncodeError> {
    if BINARY_MAX < attachments.len() {
        return Err(EncodeError::TooManyAttachments);
    }
    let mut plan = Plan {
        containers: Vec::new(),
        open: Vec::new(),
        placeholders: Placeholders::new(attachments.len()),
        is_binary: !attachments.is_empty(),
    };
    walk(json, &mut plan)?;
    if plan.is_binary && !plan.placeholders.are_complete() {
        return Err(EncodeError::PlaceholderMismatch);
    }
    let containers = plan.containers.iter();
    let mut writer = Writer { containers, attachments, muted: 0, is_too_long: false, output };
    walk(json, &mut writer)?;
    if writer.is_too_long {
        return Err(EncodeError::Json(Error::custom("a value is longer than 4 GiB")));
    }
    Ok(())
}

fn walk<S: Sink>(json: &str, sink: &mut S) -> Result<(), EncodeError> {
    let mut scanner = Scanner::new(json, DEPTH_MAX);
    scanner.value(sink).and_then(|_value| scanner.end()).map_err(|fault| match fault {
        Fault::Invalid => EncodeError::not_json(),
        Fault::TooDeep => EncodeError::TooDeep,
    })
}

/// An array or object of the text, in the order in which they begin.
#[derive(Clone, Copy, Debug, Default)]
struct Container {
    items: usize,
    /// The attachment that it stands for.
    num: Option<usize>,
}

/// The first walk.
struct Plan {
    containers: Vec<Container>,
    /// The open ones: whether it is an object, and its place in `containers`.
    open: Vec<(bool, usize)>,
    placeholders: Placeholders,
    is_binary: bool,
}

impl Plan {
    /// Counts a value, if it is the item of an array. Those of objects are counted by their keys.
    fn count(&mut self, is_object: bool) {
        let Some((of_object, at)) = self.open.last() else { return };
        if *of_object == is_object
            && let Some(container) = self.containers.get_mut(*at)
        {
            container.items += 1;
        }
    }
}

impl Sink for Plan {
    fn open(&mut self, is_object: bool) {
        self.count(false);
        self.open.push((is_object, self.containers.len()));
        self.containers.push(Container::default());
        if self.is_binary {
            self.placeholders.open(is_object);
        }
    }

    fn close(&mut self, is_object: bool) {
        let at = self.open.pop().map(|(_, at)| at);
        if !self.is_binary {
            return;
        }
        let num = self.placeholders.close_level(is_object);
        if let Some(container) = at.and_then(|it| self.containers.get_mut(it)) {
            container.num = num;
        }
    }

    fn key(&mut self, raw: &str) {
        self.count(true);
        if self.is_binary {
            self.placeholders.key(raw);
        }
    }

    fn scalar(&mut self, raw: &str) {
        self.count(false);
        if self.is_binary {
            self.placeholders.scalar(raw);
        }
    }
}

/// The second walk.
struct Writer<'a> {
    containers: Iter<'a, Container>,
    attachments: &'a [Bytes],
    /// How many levels are open of an object that was written as bytes.
    muted: usize,
    is_too_long: bool,
    output: &'a mut Vec<u8>,
}

impl Sink for Writer<'_> {
    fn open(&mut self, is_object: bool) {
        let container = self.containers.next().copied().unwrap_or_default();
        if 0 < self.muted {
            self.muted += 1;
            return;
        }
        let head = match container.num.and_then(|it| self.attachments.get(it)) {
            Some(bytes) => {
                self.muted = 1;
                self.is_too_long |= !binary(bytes, self.output);
                return;
            }
            None if is_object => &MAP,
            None => &ARRAY,
        };
        self.is_too_long |= !head.write(container.items, self.output);
    }

    fn close(&mut self, _is_object: bool) {
        self.muted = self.muted.saturating_sub(1);
    }

    fn key(&mut self, raw: &str) {
        if self.muted == 0 {
            self.is_too_long |= !string(&unescape(raw), self.output);
        }
    }

    fn scalar(&mut self, raw: &str) {
        if 0 < self.muted {
            return;
        }
        match raw.as_bytes().first() {
            Some(b'"') => {
                let text: Cow<'_, str> = unescape(unquoted(raw));
                self.is_too_long |= !string(&text, self.output);
            }
            Some(b't') => self.output.push(0xc3),
            Some(b'f') => self.output.push(0xc2),
            Some(b'n') => self.output.push(0xc0),
            _ => number(raw, self.output),
        }
    }
}

/// The first bytes of values that have a length.
struct Head {
    /// With how short a length in the first byte, and what that begins with.
    short: Option<(usize, u8)>,
    /// First bytes before a length of 1, 2 and 4 bytes.
    long: [Option<u8>; 3],
}

const STR: Head = Head { short: Some((31, 0xa0)), long: [Some(0xd9), Some(0xda), Some(0xdb)] };
const BIN: Head = Head { short: None, long: [Some(0xc4), Some(0xc5), Some(0xc6)] };
const ARRAY: Head = Head { short: Some((15, 0x90)), long: [None, Some(0xdc), Some(0xdd)] };
const MAP: Head = Head { short: Some((15, 0x80)), long: [None, Some(0xde), Some(0xdf)] };

impl Head {
    /// Appends it. `false` when no head can say so much.
    fn write(&self, len: usize, output: &mut Vec<u8>) -> bool {
        let [byte, short, long] = self.long;
        if let Some((_, first)) = self.short.filter(|(max, _)| len <= *max) {
            output.push(first | len as u8);
        } else if let (Some(first), Ok(len)) = (byte, u8::try_from(len)) {
            output.extend_from_slice(&[first, len]);
        } else if let (Some(first), Ok(len)) = (short, u16::try_from(len)) {
            output.push(first);
            output.extend_from_slice(&len.to_be_bytes());
        } else if let (Some(first), Ok(len)) = (long, u32::try_from(len)) {
            output.push(first);
            output.extend_from_slice(&len.to_be_bytes());
        } else {
            return false;
        }
        true
    }
}

pub(super) fn map(entries: u8, output: &mut Vec<u8>) {
    MAP.write(entries.into(), output);
}

pub(super) fn array(items: usize, output: &mut Vec<u8>) {
    ARRAY.write(items, output);
}

pub(super) fn string(text: &str, output: &mut Vec<u8>) -> bool {
    let fits = STR.write(text.len(), output);
    output.extend_from_slice(text.as_bytes());
    fits
}

fn binary(bytes: &[u8], output: &mut Vec<u8>) -> bool {
    let fits = BIN.write(bytes.len(), output);
    output.extend_from_slice(bytes);
    fits
}

/// An integer in as few bytes as it needs, everything else as a float of 8.
fn number(raw: &str, output: &mut Vec<u8>) {
    if let Ok(number) = raw.parse::<u64>() {
        unsigned(number, output);
    } else if let Ok(number) = raw.parse::<i64>() {
        signed(number, output);
    } else {
        // Beyond its range it is infinite, as in JavaScript.
        let number = raw.parse::<f64>().unwrap_or(f64::NAN);
        output.push(0xcb);
        output.extend_from_slice(&number.to_be_bytes());
    }
}

pub(super) fn unsigned(number: u64, output: &mut Vec<u8>) {
    if number < 0x80 {
        output.push(number as u8);
    } else if let Ok(number) = u8::try_from(number) {
        output.extend_from_slice(&[0xcc, number]);
    } else if let Ok(number) = u16::try_from(number) {
        output.push(0xcd);
        output.extend_from_slice(&number.to_be_bytes());
    } else if let Ok(number) = u32::try_from(number) {
        output.push(0xce);
        output.extend_from_slice(&number.to_be_bytes());
    } else {
        output.push(0xcf);
        output.extend_from_slice(&number.to_be_bytes());
    }
}

fn signed(number: i64, output: &mut Vec<u8>) {
    if let Ok(number) = u64::try_from(number) {
        // Minus zero.
        unsigned(number, output);
    } else if -0x20 <= number {
        output.push(number as u8);
    } else if let Ok(number) = i8::try_from(number) {
        output.extend_from_slice(&[0xd0, number as u8]);
    } else if let Ok(number) = i16::try_from(number) {
        output.push(0xd1);
        output.extend_from_slice(&number.to_be_bytes());
    } else if let Ok(number) = i32::try_from(number) {
        output.push(0xd2);
        output.extend_from_slice(&number.to_be_bytes());
    } else {
        output.push(0xd3);
        output.extend_from_slice(&number.to_be_bytes());
    }
}
