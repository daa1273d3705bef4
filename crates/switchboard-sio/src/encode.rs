//! Packets to send, as the text that goes behind Engine.IO's type, and their attachments.
//!
//! Every function appends one packet to the caller's buffer, so that a broadcast encodes once.
//! Attachments come back as a list: send each as a binary message of its own, in order, right
//! behind the text. Namespaces are taken as they are: they begin with `/` and have no comma, which
//! is what the decoder and whoever opens a namespace see to.
//!
//! Spec: Socket.IO protocol 5, "Packet encoding".

use bytes::Bytes;
use serde_json::value::RawValue;

use crate::json::write_string;
use crate::payload::is_reserved;
use crate::placeholder::Placeholders;
use crate::{ATTACHMENTS_MAX, Args, EncodeError, ID_MAX};

/// A server lets a client into the namespace: `0/chat,{"sid":"..."}`, with `"pid":"..."` behind it
/// if the client may recover its state by that private id.
pub fn connect(namespace: &str, sid: &str, pid: Option<&str>, output: &mut Vec<u8>) {
    write_start(CONNECT, namespace, output);
    output.extend_from_slice(b"{\"sid\":");
    write_string(sid, output);
    if let Some(pid) = pid {
        output.extend_from_slice(b",\"pid\":");
        write_string(pid, output);
    }
    output.push(b'}');
}

/// A client asks to join the namespace: `0/chat,{"token":"..."}`. `auth` is a JSON object.
pub fn connect_request(namespace: &str, auth: Option<&RawValue>, output: &mut Vec<u8>) {
    write_start(CONNECT, namespace, output);
    output.extend_from_slice(auth.map_or("", RawValue::get).as_bytes());
}

/// A server refuses a client: `4/chat,{"message":"...","data":...}`.
pub fn connect_error(
    namespace: &str,
    message: &str,
    data: Option<&RawValue>,
    output: &mut Vec<u8>,
) {
    write_start(CONNECT_ERROR, namespace, output);
    output.extend_from_slice(b"{\"message\":");
    write_string(message, output);
    if let Some(data) = data {
        output.extend_from_slice(b",\"data\":");
        output.extend_from_slice(data.get().as_bytes());
    }
    output.push(b'}');
}

/// A server refuses a client of an older revision, which takes what comes as the error itself:
/// `4/chat,"message"`, or the data if there is any (as in JavaScript, `null`, `false`, `0` and an
/// empty text are none).
pub fn connect_error_v3(
    namespace: &str,
    message: &str,
    data: Option<&RawValue>,
    output: &mut Vec<u8>,
) {
    write_start(CONNECT_ERROR, namespace, output);
    let is_none = |it: &RawValue| matches!(it.get(), "null" | "false" | "0" | "\"\"");
    match data {
        Some(data) if !is_none(data) => output.extend_from_slice(data.get().as_bytes()),
        _ => write_string(message, output),
    }
}

/// Either end leaves the namespace: `1/chat,`.
pub fn disconnect(namespace: &str, output: &mut Vec<u8>) {
    write_start(DISCONNECT, namespace, output);
}

/// An event: `2/chat,7["name",...]`, or `51-/chat,7["name",...]` with one attachment. With an `id`
/// the peer answers with an ack.
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
) -> Result<Vec<Bytes>, EncodeError> {
    if is_reserved(name) {
        return Err(EncodeError::ReservedEventName);
    }
    whole(output, |output| {
        write_header(EVENT, namespace, id, output)?;
        output.push(b'[');
        write_string(name, output);
        output.push(b',');
        let args_at = output.len();
        let attachments = args.write(output)?;
        if output.len() == args_at {
            output.pop();
        }
        output.push(b']');
        Ok((attachments, args_at))
    })
}

/// The answer to an event: `3/chat,7[...]`, or `61-/chat,7[...]` with one attachment.
///
/// # Errors
///
/// An [`EncodeError`], with nothing appended.
pub fn ack<A: Args>(
    namespace: &str,
    id: u64,
    args: A,
    output: &mut Vec<u8>,
) -> Result<Vec<Bytes>, EncodeError> {
    whole(output, |output| {
        write_header(ACK, namespace, Some(id), output)?;
        output.push(b'[');
        let args_at = output.len();
        let attachments = args.write(output)?;
        output.push(b']');
        Ok((attachments, args_at))
    })
}

/// Lets `write` append a packet as if it had no attachments, and turns it into a binary one if it
/// has: how many there are is only known once the arguments are serialised.
fn whole(
    output: &mut Vec<u8>,
    write: impl FnOnce(&mut Vec<u8>) -> Result<(Vec<Bytes>, usize), EncodeError>,
) -> Result<Vec<Bytes>, EncodeError> {
    let start = output.len();
    let result = write(output).and_then(|(attachments, args_at)| {
        if !attachments.is_empty() {
            check_attachments(output.get(args_at..).unwrap_or_default(), attachments.len())?;
            let count = format!("{}-", attachments.len());
            output.splice(start + 1..start + 1, count.into_bytes());
            if let Some(kind) = output.get_mut(start) {
                *kind += BINARY - EVENT;
            }
        }
        Ok(attachments)
    });
    if result.is_err() {
        output.truncate(start);
    }
    result
}

/// `args` is what stands behind the name, with the closing bracket.
fn check_attachments(args: &[u8], count: usize) -> Result<(), EncodeError> {
    if ATTACHMENTS_MAX < count {
        return Err(EncodeError::TooManyAttachments);
    }
    let args = args.strip_suffix(b"]").and_then(|it| std::str::from_utf8(it).ok());
    if args.is_some_and(|it| Placeholders::match_args(it, count)) {
        Ok(())
    } else {
        Err(EncodeError::PlaceholderMismatch)
    }
}

fn write_header(
    kind: u8,
    namespace: &str,
    id: Option<u64>,
    output: &mut Vec<u8>,
) -> Result<(), EncodeError> {
    write_start(kind, namespace, output);
    match id {
        None => Ok(()),
        Some(id) if ID_MAX < id => Err(EncodeError::IdTooLarge),
        Some(id) => {
            write_id(id, output);
            Ok(())
        }
    }
}

/// Digits without a temporary string: acks are as frequent as events.
fn write_id(mut id: u64, output: &mut Vec<u8>) {
    let mut digits = [0; DIGITS_MAX];
    let mut len = 0;
    for place in digits.iter_mut().rev() {
        *place = b'0' + (id % 10) as u8;
        id /= 10;
        len += 1;
        if id == 0 {
            break;
        }
    }
    output.extend_from_slice(digits.get(DIGITS_MAX - len..).unwrap_or_default());
}

fn write_start(kind: u8, namespace: &str, output: &mut Vec<u8>) {
    output.push(kind);
    if namespace != "/" {
        output.extend_from_slice(namespace.as_bytes());
        output.push(b',');
    }
}

/// Of the largest `u64`.
const DIGITS_MAX: usize = 20;
const CONNECT: u8 = b'0';
const DISCONNECT: u8 = b'1';
const EVENT: u8 = b'2';
const ACK: u8 = b'3';
const CONNECT_ERROR: u8 = b'4';
/// What an event becomes with attachments; an ack as many steps further.
const BINARY: u8 = b'5';
