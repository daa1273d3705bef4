//! The reader of transcripts, and the two ways of playing one.
//!
//! ```text
//! < 51-/x,7["a",{"_placeholder":true,"num":0}]
//! <b 0102
//! = Event /x [7] "a" {"_placeholder":true,"num":0} | 0102
//! ! event /x [] "a" 1,{"$":"0102"}           bytes are written {"$":"hex"}
//! > 51-/x,["a",1,{"_placeholder":true,"num":0}]
//! >b 0102
//! x BadJson 1007
//! ```

use std::fmt::Write;

use bytes::Bytes;
use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};
use switchboard_sio::{
    Body, Decoder, EncodeError, Input, Limits, Packet, Payload, PeerError, RawArgs, Role, encode,
};

use crate::tree::Tree;

/// Plays what a client sends to a server.
#[track_caller]
pub(crate) fn check(transcript: &str) {
    play(transcript, Role::Server, &Limits::default());
}

/// Plays what a server sends to a client.
#[track_caller]
pub(crate) fn check_client(transcript: &str) {
    play(transcript, Role::Client, &Limits::default());
}

#[track_caller]
pub(crate) fn check_limits(limits: &Limits, transcript: &str) {
    play(transcript, Role::Server, limits);
}

#[track_caller]
fn play(transcript: &str, role: Role, limits: &Limits) {
    let mut expected = String::new();
    let mut actual = String::new();
    let mut decoder = Decoder::new(role);
    for line in transcript.lines().map(str::trim).filter(|it| !it.is_empty()) {
        let (kind, rest) = line.split_once(' ').unwrap_or((line, ""));
        match kind {
            "<" => receive(&mut decoder, role, Input::Text(rest), limits, &mut actual),
            "<b" => receive(&mut decoder, role, Input::Binary(&unhex(rest)), limits, &mut actual),
            "!" => say(rest, &mut actual),
            _ => writeln!(expected, "{line}").unwrap(),
        }
    }
    // Not `assert_eq!`: some of the transcripts are megabytes long.
    if expected != actual {
        let (expected, actual, transcript) = (cut(&expected), cut(&actual), cut(transcript));
        panic!("expected\n{expected}\nbut saw\n{actual}\nin\n{transcript}");
    }
    assert!(!decoder.is_waiting(), "attachments are missing at the end of\n{}", cut(transcript));
}

fn receive(
    decoder: &mut Decoder,
    role: Role,
    input: Input<'_>,
    limits: &Limits,
    actual: &mut String,
) {
    match decoder.receive(input, limits) {
        Ok(Some(packet)) => {
            assert!(!decoder.is_waiting());
            let seen = describe(&packet);
            assert_eq!(seen, describe(&travel(&packet, role)), "after encoding it again");
            writeln!(actual, "= {seen}").unwrap();
        }
        Ok(None) => assert!(decoder.is_waiting()),
        Err(error) => {
            assert!(!decoder.is_waiting(), "an error must leave nothing behind");
            writeln!(actual, "x {error:?} {}", error.close_code()).unwrap();
        }
    }
}

/// Encodes a packet and decodes it at the other end, so that every transcript tests both.
pub(crate) fn travel(packet: &Packet<'_>, role: Role) -> Packet<'static> {
    let mut output = Vec::new();
    let namespace = &*packet.namespace;
    let attachments = match &packet.body {
        Body::Connect { payload } => {
            let payload = payload.as_deref().map(raw);
            encode::connect_request(namespace, payload.as_deref(), &mut output);
            Vec::new()
        }
        Body::ConnectError { payload } => {
            let fields: Value = serde_json::from_str(payload).unwrap();
            let Some(message) = fields["message"].as_str() else { return own(packet.clone()) };
            let data = fields.get("data").map(|it| to_raw_value(it).unwrap());
            encode::connect_error(namespace, message, data.as_deref(), &mut output);
            Vec::new()
        }
        Body::Disconnect => {
            encode::disconnect(namespace, &mut output);
            Vec::new()
        }
        Body::Event { id, payload } => {
            let args = RawArgs::from(payload);
            encode::event(namespace, *id, &payload.event_name(), args, &mut output).unwrap()
        }
        Body::Ack { id, payload } => {
            encode::ack(namespace, *id, RawArgs::from(payload), &mut output).unwrap()
        }
    };
    decode(std::str::from_utf8(&output).unwrap(), &attachments, role).expect("our own packet")
}

/// Decodes one packet that has all its attachments.
pub(crate) fn decode(
    text: &str,
    attachments: &[Bytes],
    role: Role,
) -> Result<Packet<'static>, PeerError> {
    let mut decoder = Decoder::new(role);
    let mut packet = decoder.receive(Input::Text(text), &Limits::default())?.map(own);
    for attachment in attachments {
        assert_eq!(packet, None, "it was complete too early");
        packet = decoder.receive(Input::Binary(attachment), &Limits::default())?.map(own);
    }
    Ok(packet.expect("all attachments are there"))
}

/// The payload of a client's event that has all its attachments.
pub(crate) fn decode_event(text: &str, attachments: &[Bytes]) -> Payload<'static> {
    match decode(text, attachments, Role::Server).unwrap().body {
        Body::Event { payload, .. } | Body::Ack { payload, .. } => payload,
        body => panic!("no payload in {body:?}"),
    }
}

pub(crate) fn own(packet: Packet<'_>) -> Packet<'static> {
    let body = match packet.body {
        Body::Connect { payload } => {
            Body::Connect { payload: payload.map(|it| it.into_owned().into()) }
        }
        Body::ConnectError { payload } => {
            Body::ConnectError { payload: payload.into_owned().into() }
        }
        Body::Disconnect => Body::Disconnect,
        Body::Event { id, payload } => Body::Event { id, payload: payload.into_owned() },
        Body::Ack { id, payload } => Body::Ack { id, payload: payload.into_owned() },
    };
    Packet { namespace: packet.namespace.into_owned().into(), body }
}

pub(crate) fn describe(packet: &Packet<'_>) -> String {
    let namespace = &packet.namespace;
    let line = match &packet.body {
        Body::Connect { payload } => {
            format!("Connect {namespace} {}", payload.as_deref().unwrap_or_default())
        }
        Body::ConnectError { payload } => format!("ConnectError {namespace} {payload}"),
        Body::Disconnect => format!("Disconnect {namespace}"),
        Body::Event { id, payload } => {
            let id = id.map_or_else(String::new, |it| it.to_string());
            format!("Event {namespace} [{id}] {:?} {}", payload.event_name(), arguments(payload))
        }
        Body::Ack { id, payload } => {
            assert_eq!(payload.event_name(), "");
            format!("Ack {namespace} [{id}] {}", arguments(payload))
        }
    };
    line.trim_end().to_owned()
}

fn arguments(payload: &Payload<'_>) -> String {
    let mut text = payload.args_json().to_owned();
    if !payload.attachments().is_empty() {
        text.push_str(" |");
    }
    for attachment in payload.attachments() {
        write!(text, " {}", hex(attachment)).unwrap();
    }
    text
}

/// `event NAMESPACE [ID] "NAME" ARGS`, `ack NAMESPACE [ID] ARGS`, and the packets without an id.
fn say(line: &str, actual: &mut String) {
    let mut output = Vec::new();
    let (verb, rest) = line.split_once(' ').unwrap();
    let (namespace, rest) = rest.split_once(' ').unwrap_or((rest, ""));
    let mut result = Ok(Vec::new());
    match verb {
        "connect" => encode::connect(namespace, rest, None, &mut output),
        "request" => {
            let auth = Some(rest).filter(|it| !it.is_empty()).map(raw);
            encode::connect_request(namespace, auth.as_deref(), &mut output);
        }
        "error" => {
            let (message, data) = rest.split_once(" | ").unwrap_or((rest, ""));
            let data = Some(data).filter(|it| !it.is_empty()).map(raw);
            encode::connect_error(namespace, message, data.as_deref(), &mut output);
        }
        "disconnect" => encode::disconnect(namespace, &mut output),
        _ => result = say_with_id(verb, namespace, rest, &mut output),
    }
    match result {
        Ok(attachments) => {
            writeln!(actual, "> {}", std::str::from_utf8(&output).unwrap()).unwrap();
            for attachment in attachments {
                writeln!(actual, "{}", format!(">b {}", hex(&attachment)).trim_end()).unwrap();
            }
        }
        Err(error) => {
            assert_eq!(output, b"", "a failed encode must leave nothing behind");
            writeln!(actual, "> {error:?}").unwrap();
        }
    }
}

fn say_with_id(
    verb: &str,
    namespace: &str,
    rest: &str,
    output: &mut Vec<u8>,
) -> Result<Vec<Bytes>, EncodeError> {
    let (id, rest) = rest.strip_prefix('[').unwrap().split_once(']').unwrap();
    let id: Option<u64> = if id.is_empty() { None } else { Some(id.parse().unwrap()) };
    if verb == "ack" {
        let mut args = trees(rest);
        return match args.len() {
            0 => encode::ack(namespace, id.unwrap(), (), output),
            1 => encode::ack(namespace, id.unwrap(), &args.remove(0), output),
            _ => encode::ack(namespace, id.unwrap(), (&args[0], &args[1]), output),
        };
    }
    let mut words = serde_json::Deserializer::from_str(rest).into_iter::<String>();
    let name = words.next().unwrap().unwrap();
    let mut args = trees(&rest[words.byte_offset()..]);
    match args.len() {
        0 => encode::event(namespace, id, &name, (), output),
        1 => encode::event(namespace, id, &name, &args.remove(0), output),
        _ => encode::event(namespace, id, &name, (&args[0], &args[1]), output),
    }
}

fn trees(args: &str) -> Vec<Tree> {
    let values: Vec<Value> = serde_json::from_str(&format!("[{args}]")).unwrap();
    values.into_iter().map(Tree::from_value).collect()
}

fn raw(json: &str) -> Box<RawValue> {
    RawValue::from_string(json.to_owned()).unwrap()
}

/// Each line up to a length that a person would read, and how long it is.
fn cut(text: &str) -> String {
    text.lines().map(|it| format!("{:.2000} ({} bytes)\n", it.trim(), it.trim().len())).collect()
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut out, byte| {
        write!(out, "{byte:02x}").unwrap();
        out
    })
}

pub(crate) fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u32> = text.chars().filter_map(|it| it.to_digit(16)).collect();
    digits.chunks(2).map(|it| (it[0] * 16 + it[1]) as u8).collect()
}
