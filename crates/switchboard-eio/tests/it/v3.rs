//! Revision 3: payloads with lengths, binary data with a type, and a client that pings.

use std::fmt::Write;

use proptest::collection::vec;
use proptest::prelude::*;
use switchboard_eio::payload::Record;
use switchboard_eio::{Data, Kind, Packet, PeerError, v3};

use crate::transcript::{hex, unhex};

fn read<'a>(records: impl Iterator<Item = Result<Record<'a>, PeerError>>) -> String {
    let mut lines = Vec::new();
    for record in records {
        let mut line = String::new();
        match record.as_ref().map(Record::packet) {
            Ok(Packet { kind, data: Data::Text(text) }) => write!(line, "{kind:?} {text}"),
            Ok(Packet { data: Data::Binary(bytes), .. }) => write!(line, "Binary {}", hex(bytes)),
            Err(error) => write!(line, "x {error:?}"),
        }
        .unwrap();
        lines.push(line.trim_end().to_owned());
    }
    lines.join(", ")
}

fn text(body: &str) -> String {
    read(v3::decode(body, 20_000))
}

fn bytes(hex: &str) -> String {
    read(v3::decode_bytes(&unhex(hex), 20_000))
}

#[test]
fn text_and_base64_share_a_body_of_text() {
    assert_eq!(text("6:4hello"), "Message hello");
    assert_eq!(text("6:4hello1:26:2probe"), "Message hello, Ping, Ping probe");
    assert_eq!(text("10:b4AQIDBA==2:4a"), "Binary 01020304, Message a");
    assert_eq!(text("003:4:a"), "Message :a");
    assert_eq!(text("0:0:2:4a0:"), "Message a");
}

/// As the official parsers, which count what JavaScript calls the length of a string.
#[test]
fn lengths_of_text_count_utf_16_units() {
    assert_eq!(text("2:4€2:4é3:4🚀2:4b"), "Message €, Message é, Message 🚀, Message b");
    // Half an emoji.
    assert_eq!(text("2:4🚀"), "x InvalidLength");
    let mut body = Vec::new();
    for text in ["€é🚀", ""] {
        v3::encode(&Packet { kind: Kind::Message, data: Data::Text(text) }, &mut body);
    }
    assert_eq!(String::from_utf8(body).unwrap(), "5:4€é🚀1:4");
}

#[test]
fn a_length_is_digits_and_not_beyond_the_end() {
    for body in ["6", "6:4hell", "x:4a", ":4a", "-1:4a", "1e0:4", " 1:4", "2:4a2", "2.0:4a", "4a"] {
        let seen = text(body);
        assert!(
            seen == "x InvalidLength" || seen == "Message a, x InvalidLength",
            "{body}: {seen}"
        );
    }
    assert_eq!(text(""), "x EmptyPacket");
    assert_eq!(text("2:9a"), "x UnknownKind");
    for body in ["2:b3", "1:b", "5:bAQID"] {
        assert_eq!(text(body), "x UnknownKind", "{body}");
    }
    assert_eq!(text("3:b4*"), "x InvalidBase64");
}

/// E4: a length costs nothing, and neither does a body of many.
#[test]
fn e4_a_huge_length_is_refused_at_once() {
    let nines = "9".repeat(100_000);
    for digits in ["99999999", "999999999", "9999999999", "18446744073709551617", &nines] {
        assert_eq!(text(&format!("{digits}:4a")), "x InvalidLength");
        let digits: Vec<u8> = digits.bytes().map(|it| it - b'0').collect();
        let body = [&[0], digits.as_slice(), &[0xff, b'4']].concat();
        let records: Vec<_> = v3::decode_bytes(&body, 20_000).collect();
        assert_eq!(records, [Err(PeerError::InvalidLength)]);
    }
}

/// E4
#[test]
fn e4_a_body_has_at_most_so_many_packets() {
    let body = "1:4".repeat(20_001);
    let records: Vec<_> = v3::decode(&body, 20_000).collect();
    assert_eq!((records.len(), records.last()), (20_001, Some(&Err(PeerError::TooManyPackets))));
    assert_eq!(v3::decode(&body, 20_001).filter(Result::is_ok).count(), 20_001);
    // Those without any character count too.
    let empty = "0:".repeat(500_000);
    let records: Vec<_> = v3::decode(&empty, 20_000).collect();
    assert_eq!(records, [Err(PeerError::TooManyPackets)]);
    let body = [0, 1, 0xff, b'4'].repeat(4);
    let records: Vec<_> = v3::decode_bytes(&body, 3).collect();
    assert_eq!(records.last(), Some(&Err(PeerError::TooManyPackets)));
}

#[test]
fn text_and_bytes_share_a_body_of_bytes() {
    assert_eq!(bytes("00 02 ff 34 61  01 04 ff 04 01 02 03"), "Message a, Binary 010203");
    // The length of text counts bytes here: `4€` has four.
    assert_eq!(bytes("00 04 ff 34 e2 82 ac"), "Message €");
    assert_eq!(bytes("00 01 02 ff 34 61 61 61 61 61 61 61 61 61 61 61"), "Message aaaaaaaaaaa");
    assert_eq!(bytes("01 01 ff 04"), "Binary");
    assert_eq!(bytes(""), "");
}

#[test]
fn a_wrong_body_of_bytes_is_refused() {
    for (body, error) in [
        ("02 01 ff 34", "InvalidLength"),
        ("00", "InvalidLength"),
        ("00 01", "InvalidLength"),
        ("00 ff", "InvalidLength"),
        ("00 0a ff 34", "InvalidLength"),
        ("00 02 ff 34", "InvalidLength"),
        ("00 02 ff 34 ff", "InvalidUtf8"),
        ("00 00 ff", "EmptyPacket"),
        ("01 00 ff", "EmptyPacket"),
        ("01 01 ff 02", "UnknownKind"),
        ("01 01 ff 34", "UnknownKind"),
    ] {
        assert_eq!(bytes(body), format!("x {error}"), "{body}");
    }
}

#[test]
fn a_websocket_message_of_bytes_has_its_type_in_front() {
    let read = |data| read([v3::decode_message(data)].into_iter());
    assert_eq!(read(Data::Binary(&[4, 1, 2])), "Binary 0102");
    assert_eq!(read(Data::Binary(&[])), "x EmptyPacket");
    assert_eq!(read(Data::Binary(&[1, 2])), "x UnknownKind");
    assert_eq!(read(Data::Text("4hello")), "Message hello");
    assert_eq!(read(Data::Text("b4AQI=")), "Binary 0102");
    assert_eq!(read(Data::Text("bAQI=")), "x UnknownKind");
}

#[derive(Clone, Debug)]
enum Owned {
    Text(Kind, String),
    Binary(Vec<u8>),
}

impl Owned {
    fn packet(&self) -> Packet<'_> {
        match self {
            Self::Text(kind, text) => Packet { kind: *kind, data: Data::Text(text) },
            Self::Binary(bytes) => Packet { kind: Kind::Message, data: Data::Binary(bytes) },
        }
    }
}

fn any_packet() -> impl Strategy<Value = Owned> {
    let kind = (b'0'..=b'6').prop_map(|digit| Kind::from_digit(digit).unwrap());
    prop_oneof![
        (kind, any::<String>()).prop_map(|(kind, text)| Owned::Text(kind, text)),
        vec(any::<u8>(), 0..40).prop_map(Owned::Binary),
    ]
}

proptest! {
    #[test]
    fn bodies_come_back_as_they_were(packets in vec(any_packet(), 1..20)) {
        let (mut text, mut bytes) = (Vec::new(), Vec::new());
        for packet in &packets {
            v3::encode(&packet.packet(), &mut text);
            v3::encode_bytes(&packet.packet(), &mut bytes);
        }
        let text = String::from_utf8(text).unwrap();
        let text = v3::decode(&text, packets.len()).collect::<Result<Vec<_>, _>>().unwrap();
        let bytes = v3::decode_bytes(&bytes, packets.len()).collect::<Result<Vec<_>, _>>().unwrap();
        let expected: Vec<_> = packets.iter().map(Owned::packet).collect();
        prop_assert_eq!(text.iter().map(Record::packet).collect::<Vec<_>>(), expected.clone());
        prop_assert_eq!(bytes.iter().map(Record::packet).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_message_comes_back_as_it_was(packet in any_packet()) {
        let mut text = Vec::new();
        v3::encode_message_text(&packet.packet(), &mut text);
        let text = String::from_utf8(text).unwrap();
        let record = v3::decode_message(Data::Text(&text)).unwrap();
        prop_assert_eq!(record.packet(), packet.packet());
    }

    #[test]
    fn any_body_is_read_to_its_end_or_first_error(
        text in "([0-9]{0,2}:?[b0-9a🚀]{0,4}){0,6}",
        bytes in vec(prop_oneof![0_u8..10, Just(0xff), Just(b'4'), any::<u8>()], 0..40),
        packets_max in 0_usize..5,
    ) {
        for records in [
            v3::decode(&text, packets_max).collect::<Vec<_>>(),
            v3::decode_bytes(&bytes, packets_max).collect(),
        ] {
            prop_assert!(records.len() <= packets_max + 1);
            let errors = records.iter().filter(|it| it.is_err()).count();
            prop_assert!(errors <= 1 && (errors == 0 || records.last().unwrap().is_err()));
        }
    }
}
