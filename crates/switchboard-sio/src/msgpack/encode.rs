//! Packets to send: each one binary message.
//!
//! Like [`crate::encode`], every function appends one packet to the caller's buffer. There are no
//! attachments: bytes stand where they belong.

use bytes::Bytes;
use serde_json::value::RawValue;

use super::decode::{ACK, CONNECT, CONNECT_ERROR, DISCONNECT, EVENT};
use super::reader::{Reader, Token};
use super::write;
use crate::payload::{is_reserved, written};
use crate::{Args, EncodeError, ID_MAX};

/// A server lets a client into the namespace: `{type:0,data:{sid},nsp}`. `pid` is what the client
/// may recover its state with.
pub fn connect(namespace: &str, sid: &str, pid: Option<&str>, output: &mut Vec<u8>) {
    write_kind(CONNECT, 3, output);
    write::string("data", output);
    write::map(1 + u8::from(pid.is_some()), output);
    write::string("sid", output);
    write::string(sid, output);
    if let Some(pid) = pid {
        write::string("pid", output);
        write::string(pid, output);
    }
    write_namespace(namespace, output);
}

/// A client asks to join the namespace: `{type:0,data,nsp}`. `auth` is a JSON object.
///
/// # Errors
///
/// [`EncodeError::TooDeep`], with nothing appended.
pub fn connect_request(
    namespace: &str,
    auth: Option<&RawValue>,
    output: &mut Vec<u8>,
) -> Result<(), EncodeError> {
    whole(output, |output| {
        write_kind(CONNECT, 2 + u8::from(auth.is_some()), output);
        if let Some(auth) = auth {
            write::string("data", output);
            write::value(auth.get(), &[], output)?;
        }
        write_namespace(namespace, output);
        Ok(())
    })
}

/// A server refuses a client: `{type:4,data:{message,data},nsp}`. Data that nests deeper than 128
/// levels is left out.
pub fn connect_error(
    namespace: &str,
    message: &str,
    data: Option<&RawValue>,
    output: &mut Vec<u8>,
) {
    write_kind(CONNECT_ERROR, 3, output);
    write::string("data", output);
    let mut written = Vec::new();
    let data = data.filter(|it| write::value(it.get(), &[], &mut written).is_ok());
    write::map(1 + u8::from(data.is_some()), output);
    write::string("message", output);
    write::string(message, output);
    if data.is_some() {
        write::string("data", output);
        output.append(&mut written);
    }
    write_namespace(namespace, output);
}

/// A server lets a client of an older revision in, which knows its id: `{type:0,nsp}`.
pub fn connect_v3(namespace: &str, output: &mut Vec<u8>) {
    write_kind(CONNECT, 2, output);
    write_namespace(namespace, output);
}

/// A server refuses a client of an older revision: as `connect_error`, but the data itself stands
/// in the place of the object, or the message where there is none, as in
/// [`encode::connect_error_v3`](crate::encode::connect_error_v3).
pub fn connect_error_v3(
    namespace: &str,
    message: &str,
    data: Option<&RawValue>,
    output: &mut Vec<u8>,
) {
    let mut json = Vec::new();
    crate::encode::connect_error_v3("/", message, data, &mut json);
    // Behind the digit of its type.
    let json = json.get(1..).and_then(|it| std::str::from_utf8(it).ok()).unwrap_or("null");
    write_kind(CONNECT_ERROR, 3, output);
    write::string("data", output);
    let written = whole(output, |output| write::value(json, &[], output));
    if written.is_err() {
        write::string(message, output);
    }
    write_namespace(namespace, output);
}

/// Either end leaves the namespace: `{type:1,nsp}`.
pub fn disconnect(namespace: &str, output: &mut Vec<u8>) {
    write_kind(DISCONNECT, 2, output);
    write_namespace(namespace, output);
}

/// An event: `{type:2,data:[name,...],nsp,id}`. With an `id` the peer answers with an ack.
///
/// ```
/// use switchboard_sio::{Binary, msgpack};
///
/// let mut output = Vec::new();
/// msgpack::event("/", None, "file", &Binary::from(vec![7]), &mut output)?;
/// assert_eq!(output, b"\x83\xa4type\x02\xa4data\x92\xa4file\xc4\x01\x07\xa3nsp\xa1/");
/// # Ok::<(), switchboard_sio::EncodeError>(())
/// ```
///
/// # Errors
///
/// An [`EncodeError`], with nothing appended.
pub fn event<A: Args>(
    namespace: &str,
    id: Option<u64>,
    name: &str,
    args: A,
    output: &mut Vec<u8>,
) -> Result<(), EncodeError> {
    if is_reserved(name) {
        return Err(EncodeError::ReservedEventName);
    }
    with_data(EVENT, namespace, id, written(Some(name), args)?, output)
}

/// The answer to an event: `{type:3,data:[...],nsp,id}`.
///
/// # Errors
///
/// An [`EncodeError`], with nothing appended.
pub fn ack<A: Args>(
    namespace: &str,
    id: u64,
    args: A,
    output: &mut Vec<u8>,
) -> Result<(), EncodeError> {
    with_data(ACK, namespace, Some(id), written(None, args)?, output)
}

/// The same event with a text as one more argument, which recovery adds behind those of the
/// application. Only for what [`event`] has written; `None` for anything else.
///
/// ```
/// use switchboard_sio::msgpack;
///
/// let (mut event, mut longer) = (Vec::new(), Vec::new());
/// msgpack::event("/", None, "e", (1, "a"), &mut event)?;
/// msgpack::event("/", None, "e", (1, "a", "offset"), &mut longer)?;
/// assert_eq!(msgpack::with_argument(&event, "offset"), Some(longer));
/// # Ok::<(), switchboard_sio::EncodeError>(())
/// ```
pub fn with_argument(event: &[u8], text: &str) -> Option<Vec<u8>> {
    // The data come second, behind a type of one digit.
    let (start, rest) = event.split_at_checked(EVENT_START.len())?;
    if start.get(1..) != EVENT_START.get(1..) {
        return None;
    }
    let mut reader = Reader::new(rest);
    let Ok(Token::Array(count)) = reader.token() else { return None };
    let items = reader.rest();
    for _ in 0..count {
        reader.skip().ok()?;
    }
    let (items, end) = items.split_at_checked(items.len() - reader.rest().len())?;
    let mut longer = Vec::with_capacity(event.len() + text.len() + 8);
    longer.extend_from_slice(start);
    write::array(count + 1, &mut longer);
    longer.extend_from_slice(items);
    write::string(text, &mut longer);
    longer.extend_from_slice(end);
    Some(longer)
}

/// How an event begins, but for the number of its fields.
const EVENT_START: &[u8] = b"\x83\xa4type\x02\xa4data";

fn with_data(
    kind: u64,
    namespace: &str,
    id: Option<u64>,
    (json, attachments): (String, Vec<Bytes>),
    output: &mut Vec<u8>,
) -> Result<(), EncodeError> {
    if id.is_some_and(|it| ID_MAX < it) {
        return Err(EncodeError::IdTooLarge);
    }
    whole(output, |output| {
        write_kind(kind, 3 + u8::from(id.is_some()), output);
        write::string("data", output);
        write::value(&json, &attachments, output)?;
        write_namespace(namespace, output);
        if let Some(id) = id {
            write::string("id", output);
            write::unsigned(id, output);
        }
        Ok(())
    })
}

/// Takes back what `write` has appended when it fails.
fn whole(
    output: &mut Vec<u8>,
    write: impl FnOnce(&mut Vec<u8>) -> Result<(), EncodeError>,
) -> Result<(), EncodeError> {
    let start = output.len();
    let result = write(output);
    if result.is_err() {
        output.truncate(start);
    }
    result
}

fn write_kind(kind: u64, entries: u8, output: &mut Vec<u8>) {
    write::map(entries, output);
    write::string("type", output);
    write::unsigned(kind, output);
}

fn write_namespace(namespace: &str, output: &mut Vec<u8>) {
    write::string("nsp", output);
    write::string(namespace, output);
}
