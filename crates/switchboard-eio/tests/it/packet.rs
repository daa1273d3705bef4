//! Single packets.

use switchboard_eio::{Data, Kind, Packet, PeerError};

const KINDS: [Kind; 7] =
    [Kind::Open, Kind::Close, Kind::Ping, Kind::Pong, Kind::Message, Kind::Upgrade, Kind::Noop];

#[test]
fn every_kind_has_its_digit() {
    for (digit, kind) in ('0'..='6').zip(KINDS) {
        let text = format!("{digit}é");
        let packet = Packet { kind, data: Data::Text("é") };
        assert_eq!(Packet::decode(Data::Text(&text)), Ok(packet));
        let mut output = Vec::new();
        packet.encode_text(&mut output);
        assert_eq!(output, text.as_bytes());
    }
}

#[test]
fn every_other_first_character_is_unknown() {
    for first in (0..=0x2ff).filter_map(char::from_u32).filter(|it| !('0'..='6').contains(it)) {
        let text = format!("{first}x");
        assert_eq!(Packet::decode(Data::Text(&text)), Err(PeerError::UnknownKind), "{text:?}");
    }
}

#[test]
fn a_packet_has_at_least_its_digit() {
    assert_eq!(Packet::decode(Data::Text("")), Err(PeerError::EmptyPacket));
}

#[test]
fn binary_data_is_a_message_even_when_empty() {
    let data = Data::Binary(b"");
    assert_eq!(Packet::decode(data), Ok(Packet { kind: Kind::Message, data }));
}

#[test]
fn our_limits_close_with_1008_and_broken_rules_with_1002() {
    assert_eq!(PeerError::TooManyPackets.close_code(), 1008);
    assert_eq!(PeerError::HeartbeatDirection.close_code(), 1002);
}
