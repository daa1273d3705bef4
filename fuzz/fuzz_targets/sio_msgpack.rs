//! Any bytes as a packet of msgpack are harmless; what is read from them is what the JSON decoder
//! would have read from the same text, is not much longer than the bytes, and survives being sent
//! again, as msgpack and as JSON.
//!
//! The first byte of the data is the role, the rest one message.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde::de::IgnoredAny;
use switchboard_sio::{
    ATTACHMENTS_MAX, Body, Limits, Packet, Payload, RawArgs, Role, encode, msgpack,
};

fuzz_target!(|data: &[u8]| {
    let Some((first, message)) = data.split_first() else { return };
    let role = if *first == b'c' { Role::Client } else { Role::Server };
    let Ok(packet) = msgpack::decode(message, role, &Limits::default()) else { return };
    assert!(packet.namespace.starts_with('/'));
    let mut output = Vec::new();
    let namespace = &packet.namespace;
    let payload = match &packet.body {
        Body::Event { id, payload } => {
            let again = Payload::from_event_json(payload.json(), payload.attachments().to_vec());
            assert_eq!(again.as_ref(), Ok(payload));
            let (name, args) = (payload.event_name(), RawArgs::from(payload));
            msgpack::event(namespace, *id, &name, args, &mut output).expect("it can be sent");
            let mut text = Vec::new();
            let sent = encode::event(namespace, *id, &name, args, &mut text);
            assert_eq!(sent.is_ok(), payload.attachments().len() <= ATTACHMENTS_MAX);
            payload
        }
        Body::Ack { id, payload } => {
            let again = Payload::from_ack_json(payload.json(), payload.attachments().to_vec());
            assert_eq!(again.as_ref(), Ok(payload));
            msgpack::ack(namespace, *id, RawArgs::from(payload), &mut output)
                .expect("it can be sent");
            payload
        }
        Body::Connect { payload: Some(json) } | Body::ConnectError { payload: json } => {
            serde_json::from_str::<IgnoredAny>(json).expect("what we wrote is JSON");
            return;
        }
        Body::Connect { payload: None } | Body::Disconnect => return,
    };
    let placeholders = 31 * payload.attachments().len();
    assert!(payload.json().len() <= 6 * message.len() + placeholders);
    let again = msgpack::decode(&output, role, &Limits::default()).expect("what was sent is valid");
    check(&again, &packet, payload);
});

fn check(again: &Packet<'_>, packet: &Packet<'_>, payload: &Payload<'_>) {
    assert_eq!(again.namespace, packet.namespace);
    let (Body::Event { payload: received, .. } | Body::Ack { payload: received, .. }) = &again.body
    else {
        panic!("it became another packet: {again:?}");
    };
    assert_eq!(received.event_name(), payload.event_name());
    assert_eq!(received.args_json(), payload.args_json());
    assert_eq!(received.attachments(), payload.attachments());
}
