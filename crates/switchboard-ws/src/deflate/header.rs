//! The value of `Sec-WebSocket-Extensions`.
//!
//! Every byte is looked at once, whatever the bytes are, and no more than [`EXTENSIONS_MAX`]
//! extensions are read.
//!
//! Spec: RFC 6455, section 9.1; RFC 7692, section 7.1.

use super::config::{BITS, NAME};
use crate::handshake::list;

/// One extension of the list, reduced to what permessage-deflate knows.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Extension {
    /// Whether it is permessage-deflate; the rest is only meaningful if so.
    pub(super) is_deflate: bool,
    pub(super) server_no_context_takeover: bool,
    pub(super) client_no_context_takeover: bool,
    pub(super) server_max_window_bits: Option<u8>,
    /// `Some(None)` if it came without a value.
    pub(super) client_max_window_bits: Option<Option<u8>>,
    /// A parameter is unknown, comes twice, or has a value that it must not have.
    pub(super) is_bad: bool,
}

/// The list is not one.
#[derive(Debug)]
pub(super) struct BadSyntax;

/// The extensions of all `values`, in order; those after the first 16 are not read.
pub(super) fn extensions<'h>(
    values: impl IntoIterator<Item = &'h [u8]>,
) -> Result<Vec<Extension>, BadSyntax> {
    let mut extensions = Vec::new();
    for value in values {
        let mut reader = Reader { rest: value };
        loop {
            reader.skip_space();
            if reader.eat(b',') {
                // Empty elements mean nothing (RFC 9110, section 5.6.1.2).
                continue;
            }
            if reader.rest.is_empty() {
                break;
            }
            if EXTENSIONS_MAX <= extensions.len() {
                return Ok(extensions);
            }
            extensions.push(reader.extension()?);
            reader.skip_space();
            if !reader.rest.is_empty() && !reader.eat(b',') {
                return Err(BadSyntax);
            }
        }
    }
    Ok(extensions)
}

/// What follows a parameter's name.
enum Value<'h> {
    Nothing,
    Token(&'h [u8]),
    /// In quotes. Whatever is in them, no parameter of permessage-deflate is written so.
    Quoted,
}

struct Reader<'h> {
    rest: &'h [u8],
}

impl<'h> Reader<'h> {
    fn extension(&mut self) -> Result<Extension, BadSyntax> {
        let is_deflate = self.token()? == NAME.as_bytes();
        let mut extension = Extension { is_deflate, ..Extension::default() };
        loop {
            self.skip_space();
            if !self.eat(b';') {
                return Ok(extension);
            }
            self.skip_space();
            let name = self.token()?;
            let value = self.value()?;
            extension.note(name, &value);
        }
    }

    fn value(&mut self) -> Result<Value<'h>, BadSyntax> {
        self.skip_space();
        if !self.eat(b'=') {
            return Ok(Value::Nothing);
        }
        self.skip_space();
        if !self.eat(b'"') {
            return self.token().map(Value::Token);
        }
        loop {
            let (byte, rest) = self.rest.split_first().ok_or(BadSyntax)?;
            self.rest = rest;
            match byte {
                b'"' => return Ok(Value::Quoted),
                b'\\' => self.rest = self.rest.split_first().ok_or(BadSyntax)?.1,
                _ => (),
            }
        }
    }

    fn token(&mut self) -> Result<&'h [u8], BadSyntax> {
        let len = self.rest.iter().take_while(|it| list::is_token_byte(**it)).count();
        let (token, rest) = self.rest.split_at_checked(len).unwrap_or_default();
        self.rest = rest;
        if token.is_empty() { Err(BadSyntax) } else { Ok(token) }
    }

    fn skip_space(&mut self) {
        while self.eat(b' ') || self.eat(b'\t') {}
    }

    fn eat(&mut self, byte: u8) -> bool {
        match self.rest.split_first() {
            Some((first, rest)) if *first == byte => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }
}

impl Extension {
    fn note(&mut self, name: &[u8], value: &Value<'_>) {
        let is_new = match (name, value) {
            (b"server_no_context_takeover", Value::Nothing) => {
                !std::mem::replace(&mut self.server_no_context_takeover, true)
            }
            (b"client_no_context_takeover", Value::Nothing) => {
                !std::mem::replace(&mut self.client_no_context_takeover, true)
            }
            (b"server_max_window_bits", Value::Token(digits)) => match bits(digits) {
                Some(bits) => self.server_max_window_bits.replace(bits).is_none(),
                None => false,
            },
            (b"client_max_window_bits", Value::Nothing) => {
                self.client_max_window_bits.replace(None).is_none()
            }
            (b"client_max_window_bits", Value::Token(digits)) => match bits(digits) {
                Some(bits) => self.client_max_window_bits.replace(Some(bits)).is_none(),
                None => false,
            },
            _ => false,
        };
        self.is_bad |= !is_new;
    }
}

/// "A decimal integer value without leading zeroes between 8 to 15 inclusive" (section 7.1.2).
fn bits(digits: &[u8]) -> Option<u8> {
    let text = std::str::from_utf8(digits).ok()?;
    BITS.into_iter().find(|it| text == it.to_string())
}

/// Extensions that are read. Real peers offer one or two.
const EXTENSIONS_MAX: usize = 16;
