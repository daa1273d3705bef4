//! Polling bodies.

use std::fmt::Write;

use switchboard_eio::payload::{self, Record};
use switchboard_eio::{Data, Kind, Packet, PeerError};

use crate::transcript::hex;

/// Reads a body in which `|` stands for the separator: whole, and as it grows byte by byte, when
/// whatever came before a separator must read the same as in the end.
#[track_caller]
fn check(body: &str, expected: &str) {
    let body = body.replace('|', "\u{1e}");
    let expected: Vec<&str> = expected.lines().map(str::trim).filter(|it| !it.is_empty()).collect();
    assert_eq!(read(&body), expected, "in {body:?}");
    let (mut reader, mut separators) = (Vec::new(), 0);
    for byte in body.bytes() {
        if byte == payload::SEPARATOR {
            separators += 1;
            let known = &expected[..separators.min(expected.len())];
            assert_eq!(read(str::from_utf8(&reader).unwrap()), known, "in a part of {body:?}");
        }
        reader.push(byte);
        str::from_utf8(&reader).map_or_else(|_| Vec::new(), read);
    }
}

fn read(body: &str) -> Vec<String> {
    let mut lines = Vec::new();
    for record in payload::decode(body, 20_000) {
        let mut line = String::new();
        match &record {
            Ok(record) => match record.packet() {
                Packet { kind, data: Data::Text(text) } => write!(line, "{kind:?} {text}"),
                Packet { data: Data::Binary(bytes), .. } => write!(line, "Binary {}", hex(bytes)),
            },
            Err(error) => write!(line, "x {error:?}"),
        }
        .unwrap();
        lines.push(line.trim_end().to_owned());
    }
    lines
}

#[test]
fn text_and_binary_share_a_body() {
    check("4hello|2|4€|bAQIDBA==", "Message hello\nPing\nMessage €\nBinary 01020304");
}

#[test]
fn one_packet_needs_no_separator() {
    check("4hello", "Message hello");
}

#[test]
fn a_separator_never_begins_ends_or_doubles() {
    check("", "x EmptyPacket");
    check("|4a", "x EmptyPacket");
    check("4a|", "Message a\nx EmptyPacket");
    check("4a||4b", "Message a\nx EmptyPacket");
}

#[test]
fn nothing_is_read_after_an_error() {
    check("4a|9|4b", "Message a\nx UnknownKind");
}

/// As in the official parser, which some clients rely on.
#[test]
fn base64_may_lack_its_padding_and_may_have_line_breaks() {
    for body in ["bAQIDBA==", "bAQIDBA", "bAQIDBA=", "bAQID\r\nBA==\r\n", "bAQ\nIDBA"] {
        check(body, "Binary 01020304");
    }
    check("b", "Binary");
    check("b+/+/", "Binary fbffbf");
}

/// Stricter than the official parser, which skips what it does not know.
#[test]
fn base64_of_another_alphabet_or_length_is_refused() {
    for body in ["b-_-_", "bAQID*BA==", "b AQID", "bA", "b=", "b====", "bAR==", "bAQ==AQ==", "bé"]
    {
        check(body, "x InvalidBase64");
    }
}

#[test]
fn a_websocket_text_message_may_be_base64() {
    assert_eq!(Record::decode("bAQ=="), Ok(Record::Binary(vec![1].into())));
    assert_eq!(Packet::decode(Data::Text("bAQ==")), Err(PeerError::UnknownKind));
}

#[test]
fn text_is_borrowed_from_the_body() {
    let body = String::from("4hello\u{1e}4you");
    let inside = body.as_bytes().as_ptr_range();
    for record in payload::decode(&body, 2) {
        let Ok(Record::Text(Packet { data: Data::Text(text), .. })) = record else {
            panic!("{record:?} is no text")
        };
        assert!(inside.contains(&text.as_ptr()));
    }
}

/// E4
#[test]
fn e4_a_body_has_at_most_so_many_packets() {
    for (count, packets_max) in [(1, 0), (1, 1), (2, 1), (20_000, 20_000), (20_001, 20_000)] {
        let body = vec!["4"; count].join("\u{1e}");
        let records: Vec<_> = payload::decode(&body, packets_max).collect();
        let read = records.iter().filter(|it| it.is_ok()).count();
        assert_eq!(read, count.min(packets_max));
        let error = records.last().cloned().and_then(Result::err);
        let expected = (packets_max < count).then_some(PeerError::TooManyPackets);
        assert_eq!(error, expected, "{count} of {packets_max}");
        assert!(records.len() <= packets_max + 1);
    }
}

/// E4
#[test]
fn e4_a_body_of_separators_ends_at_the_first() {
    let body = "\u{1e}".repeat(1_000_000);
    let records: Vec<_> = payload::decode(&body, 20_000).collect();
    assert_eq!(records, [Err(PeerError::EmptyPacket)]);
}

#[test]
fn base64_of_every_short_length_comes_back_and_has_the_length_that_was_said() {
    for len in 0..=130_u8 {
        let bytes: Vec<u8> = (0..len).map(|it| it.wrapping_mul(151)).collect();
        let packet = Packet { kind: Kind::Message, data: Data::Binary(&bytes) };
        let mut body = Vec::new();
        payload::encode(&packet, &mut body);
        assert_eq!(body.len(), payload::encoded_len(&packet));
        let body = String::from_utf8(body).unwrap();
        let records: Vec<_> = payload::decode(&body, 1).collect();
        assert_eq!(records, [Ok(Record::Binary(bytes.into()))]);
    }
}
