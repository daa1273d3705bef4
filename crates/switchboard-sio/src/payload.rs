//! The payload of an event or ack: raw JSON that is parsed when somebody asks for values.
//!
//! A server that only relays never asks: it forwards [`Payload::args_json`] and the attachments as
//! they came (see [`RawArgs`](crate::RawArgs)), so that duplicate keys, large numbers and lone
//! surrogates reach the other side unchanged.
//!
//! Spec: Socket.IO protocol 5, "Encoding"; threats S1, S3, S15.

use std::borrow::Cow;

use bytes::Bytes;
use serde::de::{self, DeserializeOwned, DeserializeSeed, Deserializer, SeqAccess, Visitor};

use crate::json::{self, Fault, Scanner};
use crate::placeholder::Placeholders;
use crate::value::Value;
use crate::{Args, ArgsError, EncodeError, PeerError, binary};

/// Name, arguments and attachments of an event, or arguments and attachments of an ack.
#[derive(Clone, Debug)]
pub struct Payload<'a> {
    /// The whole array, from bracket to bracket.
    json: Cow<'a, str>,
    /// The event name where it had escapes; else it is read out of `json`.
    unescaped_name: Option<Box<str>>,
    /// Where the name stands in `json`, without quotes. Empty for acks.
    name_at: usize,
    name_end: usize,
    /// Where the first argument begins; the closing bracket if there is none.
    args_at: usize,
    /// Where it ends; zero where nobody has looked.
    first_end: usize,
    /// Whether an argument has escapes.
    is_escaped: bool,
    attachments: Vec<Bytes>,
}

impl<'a> Payload<'a> {
    /// The JSON array as it was sent, placeholders included.
    #[inline]
    pub fn json(&self) -> &str {
        &self.json
    }

    /// The name of the event, numbers as their text; empty for an ack.
    ///
    /// A lone surrogate, which JavaScript allows in a name, reads as U+FFFD.
    #[inline]
    pub fn event_name(&self) -> Cow<'_, str> {
        let plain = || self.json.get(self.name_at..self.name_end).unwrap_or_default();
        Cow::Borrowed(self.unescaped_name.as_deref().unwrap_or_else(plain))
    }

    /// The binary values, in the order of their placeholders' numbers.
    #[inline]
    pub fn attachments(&self) -> &[Bytes] {
        &self.attachments
    }

    /// The arguments as they were sent, without the name and the brackets: `"a",{"b":1}`.
    /// Empty when there are none.
    #[inline]
    pub fn args_json(&self) -> &str {
        let end = self.json.len().saturating_sub(1);
        self.json.get(self.args_at..end).unwrap_or_default().trim_end()
    }

    /// All arguments as one sequence.
    ///
    /// A tuple takes as many as it has fields: what is missing reads as `null` and further
    /// arguments are ignored, as in a JavaScript function. A `Vec` takes exactly what is there.
    ///
    /// # Errors
    ///
    /// [`ArgsError`] when an argument is not what `T` asks for. A string with a lone surrogate and
    /// a number beyond the range of its type are such cases too: only the raw text carries them.
    pub fn args<T: DeserializeOwned>(&self) -> Result<T, ArgsError> {
        let args = Items { scanner: Scanner::new(self.args_json(), json::DEPTH_MAX) };
        binary::provide(&self.attachments, || T::deserialize(args)).map_err(ArgsError)
    }

    /// The first argument; when there is none, what `null` reads as.
    ///
    /// # Errors
    ///
    /// As for [`args`](Self::args).
    pub fn arg<T: DeserializeOwned>(&self) -> Result<T, ArgsError> {
        let known = self.json.get(self.args_at..self.first_end).filter(|it| !it.is_empty());
        let first = match known {
            Some(text) => Ok(Value { text, is_escaped: self.is_escaped }),
            None => {
                let mut args = Items { scanner: Scanner::new(self.args_json(), json::DEPTH_MAX) };
                args.next_value().map(|it| it.unwrap_or(Value::NULL))
            }
        };
        binary::provide(&self.attachments, || first?.read()).map_err(ArgsError)
    }

    /// The same payload, independent of the message that it was decoded from.
    pub fn into_owned(self) -> Payload<'static> {
        Payload { json: Cow::Owned(self.json.into_owned()), ..self }
    }

    /// A payload of an event that came in another format: `json` is the array of name and
    /// arguments, with a placeholder for each of `attachments`. For parsers of your own.
    ///
    /// ```
    /// use switchboard_sio::Payload;
    ///
    /// let payload = Payload::from_event_json(r#"["say","hi"]"#, Vec::new())?;
    /// assert_eq!((&*payload.event_name(), payload.args_json()), ("say", r#""hi""#));
    /// # Ok::<(), switchboard_sio::PeerError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// What [`Decoder::receive`](crate::Decoder::receive) would say: the same rules of names, JSON,
    /// depth (128) and placeholders. Only the number of attachments is up to you.
    pub fn from_event_json(json: &'a str, attachments: Vec<Bytes>) -> Result<Self, PeerError> {
        Self::event(json, PLAIN)?.with_attachments(attachments)
    }

    /// A payload of an ack that came in another format: `json` is the array of arguments. See
    /// [`from_event_json`](Self::from_event_json).
    ///
    /// # Errors
    ///
    /// As for an event.
    pub fn from_ack_json(json: &'a str, attachments: Vec<Bytes>) -> Result<Self, PeerError> {
        Self::ack(json, PLAIN)?.with_attachments(attachments)
    }

    /// Bytes of the JSON and of the attachments together.
    pub fn bytes_len(&self) -> usize {
        self.json().len() + self.attachments().iter().map(Bytes::len).sum::<usize>()
    }

    /// A payload to be sent by a parser of your own.
    ///
    /// # Errors
    ///
    /// An [`EncodeError`] as from [`encode::event`](crate::encode::event). Here, arguments that are
    /// no JSON are found too, and the number of attachments is up to you.
    pub fn of_event<A: Args>(name: &str, args: A) -> Result<Payload<'static>, EncodeError> {
        let (json, attachments) = written(Some(name), args)?;
        let payload = Payload::from_event_json(&json, attachments).map_err(EncodeError::of_own)?;
        Ok(payload.into_owned())
    }

    /// A payload of an ack to be sent by a parser of your own; see [`of_event`](Self::of_event).
    ///
    /// # Errors
    ///
    /// As for an event.
    pub fn of_ack<A: Args>(args: A) -> Result<Payload<'static>, EncodeError> {
        let (json, attachments) = written(None, args)?;
        let payload = Payload::from_ack_json(&json, attachments).map_err(EncodeError::of_own)?;
        Ok(payload.into_owned())
    }

    /// Reads the array of an event, whose first item is the name.
    pub(crate) fn event(text: &'a str, check: Check<'_>) -> Result<Self, PeerError> {
        let mut scanner = Scanner::new(text, check.depth_max);
        open_array(&mut scanner)?;
        let Some(first @ (b'"' | b'-' | b'0'..=b'9')) = scanner.peek() else {
            return Err(PeerError::BadEventName);
        };
        let name_at = scanner.at() + usize::from(first == b'"');
        let name = scanner.value(&mut ())?;
        let (name, unescaped_name) = check_name(name, scanner.escapes() != 0)?;
        let name_end = name_at + name.len();
        let has_args = scanner.take(b',');
        let args = Arguments { name_at, name_end, unescaped_name, has_args };
        args.finish(scanner, text, check)
    }

    /// Reads the array of an ack. No text at all is an ack without arguments, as in the official
    /// parser.
    pub(crate) fn ack(text: &'a str, check: Check<'_>) -> Result<Self, PeerError> {
        let text = if text.is_empty() { "[]" } else { text };
        let mut scanner = Scanner::new(text, check.depth_max);
        open_array(&mut scanner)?;
        let has_args = scanner.peek() != Some(b']');
        let args = Arguments { name_at: 0, name_end: 0, unescaped_name: None, has_args };
        args.finish(scanner, text, check)
    }

    /// The array of an event that we have written ourselves, without whitespace: it is not scanned
    /// again. `first_end` is where its first item ends, zero if there is none.
    pub(crate) fn event_written(json: String, first_end: usize) -> Result<Self, PeerError> {
        let Some(first @ (b'"' | b'-' | b'0'..=b'9')) = json.as_bytes().get(1) else {
            return Err(PeerError::BadEventName);
        };
        let name_at = 1 + usize::from(*first == b'"');
        let name = json.get(1..first_end).unwrap_or_default();
        let (name, unescaped_name) = check_name(name, true)?;
        let name_end = name_at + name.len();
        let has_args = json.as_bytes().get(first_end) == Some(&b',');
        let args_at = first_end + usize::from(has_args);
        Ok(Self { unescaped_name, name_at, name_end, ..Self::unread(json, args_at) })
    }

    /// The array of an ack that we have written ourselves.
    pub(crate) fn ack_written(json: String) -> Self {
        Self::unread(json, 1)
    }

    fn unread(json: String, args_at: usize) -> Self {
        Self {
            json: Cow::Owned(json),
            unescaped_name: None,
            name_at: 0,
            name_end: 0,
            args_at,
            first_end: 0,
            is_escaped: true,
            attachments: Vec::new(),
        }
    }

    /// Checks that the placeholders stand for `attachments`, and keeps them.
    ///
    /// An object that a peer made to look like a placeholder fails here, where there are
    /// attachments that it could be taken for; without any it is plain data.
    pub(crate) fn with_attachments(mut self, attachments: Vec<Bytes>) -> Result<Self, PeerError> {
        if !attachments.is_empty() && !Placeholders::match_args(self.args_json(), attachments.len())
        {
            return Err(PeerError::BadPlaceholder);
        }
        self.attachments = attachments;
        Ok(self)
    }

    pub(crate) fn attach(&mut self, bytes: Bytes) {
        self.attachments.push(bytes);
    }
}

impl PartialEq for Payload<'_> {
    fn eq(&self, other: &Self) -> bool {
        // The rest follows from the text, as far as somebody has looked.
        (&self.json, self.name_at, self.name_end, self.args_at)
            == (&other.json, other.name_at, other.name_end, other.args_at)
            && self.attachments == other.attachments
    }
}

/// What a payload must keep to.
pub(crate) struct Check<'p> {
    pub(crate) depth_max: usize,
    /// Present in binary packets.
    pub(crate) placeholders: Option<&'p mut Placeholders>,
}

/// The array of name and arguments, and the attachments.
pub(crate) fn written<A: Args>(
    name: Option<&str>,
    args: A,
) -> Result<(String, Vec<Bytes>), EncodeError> {
    let mut array = b"[".to_vec();
    if let Some(name) = name {
        json::write_string(name, &mut array);
        array.push(b',');
    }
    let args_at = array.len();
    let attachments = args.write(&mut array)?;
    if array.len() == args_at && name.is_some() {
        array.pop();
    }
    array.push(b']');
    let json = String::from_utf8(array).map_err(|_wrong| EncodeError::not_json())?;
    Ok((json, attachments))
}

/// No attachments, and the deepest nesting that any scan allows.
const PLAIN: Check<'static> = Check { depth_max: json::DEPTH_MAX, placeholders: None };

/// The inside of an event's name as it stands in JSON, and what it says if that differs.
fn check_name(written: &str, may_escape: bool) -> Result<(&str, Option<Box<str>>), PeerError> {
    let is_string = written.starts_with('"');
    let name = if is_string { json::unquoted(written) } else { written };
    let unescaped = if may_escape { json::unescape(name) } else { Cow::Borrowed(name) };
    if is_string && is_reserved(&unescaped) {
        return Err(PeerError::ReservedEventName);
    }
    let unescaped_name = match unescaped {
        Cow::Borrowed(_) => None,
        Cow::Owned(name) => Some(name.into_boxed_str()),
    };
    Ok((name, unescaped_name))
}

/// Event names that Socket.IO keeps for itself, the same six as in the official parser.
pub(crate) fn is_reserved(name: &str) -> bool {
    matches!(
        name,
        "connect"
            | "connect_error"
            | "disconnect"
            | "disconnecting"
            | "newListener"
            | "removeListener"
    )
}

impl From<Fault> for PeerError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Invalid => Self::BadJson,
            Fault::TooDeep => Self::TooDeep,
        }
    }
}

fn open_array(scanner: &mut Scanner<'_>) -> Result<(), PeerError> {
    // The grammar has no whitespace in front of the payload.
    if scanner.peek() != Some(b'[') || scanner.at() != 0 {
        return Err(PeerError::BadPayload);
    }
    Ok(scanner.open_array()?)
}

/// An array that is read up to its arguments.
struct Arguments {
    name_at: usize,
    name_end: usize,
    unescaped_name: Option<Box<str>>,
    has_args: bool,
}

impl Arguments {
    /// Reads the arguments and the end of the array.
    #[inline]
    fn finish<'a>(
        self,
        mut scanner: Scanner<'a>,
        text: &'a str,
        check: Check<'_>,
    ) -> Result<Payload<'a>, PeerError> {
        scanner.peek();
        let (args_at, escapes) = (scanner.at(), scanner.escapes());
        let first_end = match check.placeholders {
            _ if !self.has_args => 0,
            Some(placeholders) => skip_items(&mut scanner, placeholders)?,
            None => skip_items(&mut scanner, &mut ())?,
        };
        if !scanner.take(b']') {
            return Err(PeerError::BadJson);
        }
        let json = text.get(..scanner.at()).unwrap_or_default();
        scanner.end()?;
        Ok(Payload {
            json: Cow::Borrowed(json),
            unescaped_name: self.unescaped_name,
            name_at: self.name_at,
            name_end: self.name_end,
            args_at,
            first_end,
            is_escaped: scanner.escapes() != escapes,
            attachments: Vec::new(),
        })
    }
}

/// Moves over the arguments. Says where the first one ends.
#[inline]
fn skip_items<S: json::Sink>(scanner: &mut Scanner<'_>, sink: &mut S) -> Result<usize, Fault> {
    scanner.value(sink)?;
    let first_end = scanner.at();
    while scanner.take(b',') {
        scanner.value(sink)?;
    }
    Ok(first_end)
}

/// The arguments as serde sees them: a sequence, each item parsed on its own.
///
/// Each on its own, because serde_json stops at 127 levels: the array around the arguments would
/// take one of them away, and payloads that the decoder accepts could not be read.
struct Items<'a> {
    scanner: Scanner<'a>,
}

impl<'a> Items<'a> {
    fn next_value(&mut self) -> Result<Option<Value<'a>>, serde_json::Error> {
        if self.scanner.peek().is_none() {
            return Ok(None);
        }
        let escapes = self.scanner.escapes();
        let value = self.scanner.value(&mut ());
        let text = value.map_err(|_| de::Error::custom("the arguments are not JSON"))?;
        self.scanner.take(b',');
        Ok(Some(Value { text, is_escaped: self.scanner.escapes() != escapes }))
    }
}

impl<'de> SeqAccess<'de> for Items<'de> {
    type Error = serde_json::Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Self::Error> {
        let Some(value) = self.next_value()? else { return Ok(None) };
        seed.deserialize(value).map(Some)
    }
}

impl<'de> Deserializer<'de> for Items<'de> {
    type Error = serde_json::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        visitor.visit_seq(self)
    }

    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        visitor.visit_seq(Padded { args: self, missing: len })
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        self.deserialize_tuple(len, visitor)
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        visitor.visit_unit()
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        visitor.visit_newtype_struct(self)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf
        unit_struct seq map struct enum identifier ignored_any
    }
}

/// The arguments for a tuple: as many as it wants, `null` for those that were not sent.
struct Padded<'a> {
    args: Items<'a>,
    missing: usize,
}

impl<'de> SeqAccess<'de> for Padded<'de> {
    type Error = serde_json::Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Self::Error> {
        if self.missing == 0 {
            return Ok(None);
        }
        self.missing -= 1;
        seed.deserialize(self.args.next_value()?.unwrap_or(Value::NULL)).map(Some)
    }
}
