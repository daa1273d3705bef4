//! Any sequence of messages may make a decoder fail, but must never make it panic, and what it
//! decodes must survive being sent again.
//!
//! The input is text that a person can write: the first line is the role (`c` for a client, all
//! else a server), each further line one message. A line that begins with `b` is an attachment.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde::de::IgnoredAny;
use switchboard_sio::{Body, Decoder, Input, Limits, Packet, Payload, RawArgs, Role, encode};

fuzz_target!(|data: &[u8]| {
    let mut lines = data.split(|it| *it == b'\n');
    let role = if lines.next() == Some(b"c") { Role::Client } else { Role::Server };
    let mut decoder = Decoder::new(role);
    for line in lines {
        let input = match (line.strip_prefix(b"b"), std::str::from_utf8(line)) {
            (Some(bytes), _) => Input::Binary(bytes),
            (None, Ok(text)) => Input::Text(text),
            (None, Err(_)) => return,
        };
        match decoder.receive(input, &Limits::default()) {
            Ok(Some(packet)) => {
                assert!(!decoder.is_waiting());
                check(&packet, role);
            }
            Ok(None) => assert!(decoder.is_waiting()),
            Err(_) => return assert!(!decoder.is_waiting()),
        }
    }
});

fn check(packet: &Packet<'_>, role: Role) {
    let mut output = Vec::new();
    let namespace = &packet.namespace;
    let (payload, attachments) = match &packet.body {
        Body::Event { id, payload } => {
            let (name, args) = (payload.event_name(), RawArgs::from(payload));
            (payload, encode::event(namespace, *id, &name, args, &mut output))
        }
        Body::Ack { id, payload } => {
            (payload, encode::ack(namespace, *id, RawArgs::from(payload), &mut output))
        }
        Body::Connect { payload } => return check_json(payload.as_deref().unwrap_or("{}")),
        Body::ConnectError { payload } => return check_json(payload),
        Body::Disconnect => return,
    };
    check_json(payload.json());
    let _ = payload.args::<Vec<serde_json::Value>>();

    let attachments = attachments.expect("what was decoded can be sent");
    let text = std::str::from_utf8(&output).expect("packets are text");
    let mut decoder = Decoder::new(role);
    let mut again = decoder.receive(Input::Text(text), &Limits::default());
    for attachment in &attachments {
        assert_eq!(again, Ok(None));
        again = decoder.receive(Input::Binary(attachment), &Limits::default());
    }
    let again = again.expect("what was sent is valid").expect("and complete");
    assert_eq!(again.namespace, packet.namespace);
    match (&again.body, &packet.body) {
        (Body::Event { id: a, payload: x }, Body::Event { id: b, payload: y }) => {
            assert_eq!(a, b);
            assert_eq!(parts(x), parts(y));
        }
        (Body::Ack { id: a, payload: x }, Body::Ack { id: b, payload: y }) => {
            assert_eq!(a, b);
            assert_eq!(parts(x), parts(y));
        }
        other => panic!("it became another packet: {other:?}"),
    }
}

fn parts<'p>(payload: &'p Payload<'_>) -> (String, &'p str, &'p [bytes::Bytes]) {
    (payload.event_name().into_owned(), payload.args_json(), payload.attachments())
}

/// Our scanner may accept nothing that serde_json refuses.
fn check_json(text: &str) {
    serde_json::from_str::<IgnoredAny>(text).expect("accepted JSON is JSON");
}
