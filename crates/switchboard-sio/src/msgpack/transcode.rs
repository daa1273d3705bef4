//! Values in: from msgpack to JSON text and the bytes that its placeholders stand for.
//!
//! One walk, one stack with an entry for each open array and map, at most [`DEPTH_MAX`] of them.
//! Bytes count as a level, because their placeholder is an object.

use std::io::Write;

use bytes::Bytes;

use super::reader::{Reader, Token};
use super::{BINARY_MAX, date};
use crate::PeerError;
use crate::json::{DEPTH_MAX, write_string};
use crate::placeholder;

/// A value as JSON text.
#[derive(Debug, Default)]
pub(super) struct Transcoded {
    pub(super) json: String,
    /// Where the first item of an outermost array ends; zero if there is none.
    pub(super) first_end: usize,
    pub(super) attachments: Vec<Bytes>,
}

/// Reads one value. `None` is JavaScript's `undefined`.
pub(super) fn value(
    reader: &mut Reader<'_>,
    depth_max: usize,
) -> Result<Option<Transcoded>, PeerError> {
    let mut walk = Walk {
        output: Vec::new(),
        first_end: 0,
        attachments: Vec::new(),
        open: Vec::new(),
        depth_max: depth_max.min(DEPTH_MAX),
    };
    let token = reader.token()?;
    if token == Token::Undefined {
        return Ok(None);
    }
    walk.token(token)?;
    while walk.next_item(reader)? {
        let token = reader.token()?;
        walk.token(token)?;
    }
    let Walk { output, first_end, attachments, .. } = walk;
    // It is UTF-8: strings were checked, all else is ASCII.
    let json = String::from_utf8(output).map_err(|_wrong| PeerError::BadMsgPack)?;
    Ok(Some(Transcoded { json, first_end, attachments }))
}

struct Walk {
    output: Vec<u8>,
    first_end: usize,
    attachments: Vec<Bytes>,
    open: Vec<Level>,
    depth_max: usize,
}

/// An array or map whose end has not come.
struct Level {
    is_map: bool,
    /// Items or entries that were not begun.
    left: usize,
    /// Where the text of the last one begins, its comma included.
    entry_at: usize,
}

impl Walk {
    /// Closes what is complete and begins the next item or entry: a comma, a key. `false` at the
    /// end of the whole value.
    fn next_item(&mut self, reader: &mut Reader<'_>) -> Result<bool, PeerError> {
        loop {
            if self.open.len() == 1 && self.first_end == 0 && 1 < self.output.len() {
                self.first_end = self.output.len();
            }
            let Some(level) = self.open.last_mut() else { return Ok(false) };
            if level.left == 0 {
                self.output.push(if level.is_map { b'}' } else { b']' });
                self.open.pop();
                continue;
            }
            level.left -= 1;
            level.entry_at = self.output.len();
            if !matches!(self.output.last(), Some(b'[' | b'{')) {
                self.output.push(b',');
            }
            if level.is_map {
                let key = reader.token()?;
                self.key(key)?;
            }
            return Ok(true);
        }
    }

    fn key(&mut self, token: Token<'_>) -> Result<(), PeerError> {
        match token {
            Token::Str(text) => write_string(text, &mut self.output),
            // What a JavaScript object makes of them.
            Token::Unsigned(number) => self.write(format_args!("\"{number}\"")),
            Token::Signed(number) => self.write(format_args!("\"{number}\"")),
            _ => return Err(PeerError::BadMsgPack),
        }
        self.output.push(b':');
        Ok(())
    }

    fn token(&mut self, token: Token<'_>) -> Result<(), PeerError> {
        match token {
            Token::Array(left) => return self.enter(false, left),
            Token::Map(left) => return self.enter(true, left),
            Token::Bin(bytes) => return self.binary(bytes),
            Token::Undefined => self.undefined(),
            Token::Date(milliseconds) => date::write(milliseconds, &mut self.output),
            Token::Ext(0, bytes) => return self.binary(bytes),
            Token::Ext(kind, bytes) => return self.extension(kind, bytes),
            Token::Nil => self.output.extend_from_slice(b"null"),
            Token::Bool(is_true) => self.write(format_args!("{is_true}")),
            Token::Unsigned(number) => self.write(format_args!("{number}")),
            Token::Signed(number) => self.write(format_args!("{number}")),
            Token::Float(number) => self.float(number)?,
            Token::Str(text) => write_string(text, &mut self.output),
        }
        Ok(())
    }

    fn enter(&mut self, is_map: bool, left: usize) -> Result<(), PeerError> {
        self.room_for(1)?;
        self.output.push(if is_map { b'{' } else { b'[' });
        self.open.push(Level { is_map, left, entry_at: self.output.len() });
        Ok(())
    }

    fn room_for(&self, levels: usize) -> Result<(), PeerError> {
        if self.depth_max < self.open.len() + levels { Err(PeerError::TooDeep) } else { Ok(()) }
    }

    fn undefined(&mut self) {
        match self.open.last() {
            Some(level) if level.is_map => self.output.truncate(level.entry_at),
            _ => self.output.extend_from_slice(b"null"),
        }
    }

    fn binary(&mut self, bytes: &[u8]) -> Result<(), PeerError> {
        self.room_for(1)?;
        if self.attachments.len() == BINARY_MAX {
            return Err(PeerError::TooManyAttachments);
        }
        placeholder::write(self.attachments.len(), &mut self.output);
        self.attachments.push(Bytes::copy_from_slice(bytes));
        Ok(())
    }

    fn extension(&mut self, kind: i8, bytes: &[u8]) -> Result<(), PeerError> {
        self.room_for(2)?;
        self.write(format_args!("[{kind},"));
        self.binary(bytes)?;
        self.output.push(b']');
        Ok(())
    }

    /// As `JSON.stringify` does: no fraction where there is none, `null` for what JSON cannot say.
    fn float(&mut self, number: f64) -> Result<(), PeerError> {
        if number.fract() == 0.0 && number.abs() < INTEGER_MAX {
            self.write(format_args!("{}", number as i64));
            return Ok(());
        }
        serde_json::to_writer(&mut self.output, &number).map_err(|_error| PeerError::BadMsgPack)
    }

    fn write(&mut self, text: std::fmt::Arguments<'_>) {
        // Writing to a vector does not fail.
        let _ = self.output.write_fmt(text);
    }
}

/// Below this every float is the integer that it looks like.
const INTEGER_MAX: f64 = 9_007_199_254_740_992.0;
