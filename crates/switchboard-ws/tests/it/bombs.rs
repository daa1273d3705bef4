//! Row W8, compressed messages that unpack to more than the limit, and W10.

use std::time::Instant;

use switchboard_ws::deflate::{Compressor, Config};
use switchboard_ws::{Connection, Event, FrameHeader, Limits, Message, PeerError, Role};

use crate::compression::noise;
use crate::deflate::agreement;
use crate::peer::{CLIENT, frame, masked, play_deflate, play_on};

/// A compressed message in frames of at most `frame_len` bytes.
fn compressed(message: &[u8], frame_len: usize) -> Vec<u8> {
    let config = Config { threshold: 0, ..Config::default() };
    let agreement = agreement("permessage-deflate", &config);
    let mut whole = Vec::new();
    Compressor::new(&agreement, &Role::Server).write_frame(
        Message::Binary(message),
        None,
        &mut whole,
    );
    let (header, used) = FrameHeader::decode(&whole).unwrap().unwrap();
    assert!(header.rsv1);
    let mut first = 0x42;
    let mut frames = Vec::new();
    for payload in whole[used..].chunks(frame_len) {
        frames.extend(frame(Role::Server, first, payload));
        first = 0x00;
    }
    frames.extend(frame(Role::Server, 0x80, b""));
    frames
}

fn inflating(message_bytes_max: usize) -> Connection {
    let limits = Limits { message_bytes_max, ..Limits::default() };
    let agreement = agreement("permessage-deflate", &Config::default());
    Connection::with_deflate(Role::Server, limits, &agreement)
}

#[test]
fn w8_bombs_are_1009_in_one_frame_in_fragments_and_in_any_pieces() {
    let bomb = vec![0; 5_000_000];
    for frame_len in [usize::MAX, 1000] {
        let bytes = compressed(&bomb, frame_len);
        assert!(bytes.len() < 50_000);
        for piece_len in [usize::MAX, 65_536, 100] {
            let mut connection = inflating(1_000_000);
            let outcome = play_on(&mut connection, Instant::now(), bytes.chunks(piece_len));
            assert_eq!(outcome.error, Some(PeerError::MessageTooBig));
            assert_eq!((outcome.output, outcome.events), (b"\x88\x02\x03\xf1".to_vec(), vec![]));
        }
    }
}

#[test]
fn w8_the_limit_itself_passes_and_one_byte_more_does_not() {
    // Also where the output of a step is filled exactly, and where the last byte comes with it.
    for limit in [1, 2, 100, 65_535, 65_536, 65_537, 131_072, 200_000] {
        for len in [limit - 1, limit, limit + 1] {
            for message in [vec![b'a'; len], noise(len)] {
                let bytes = compressed_always(&message);
                let mut connection = inflating(limit);
                let outcome = play_on(&mut connection, Instant::now(), [&bytes[..]]);
                let mut slow = inflating(limit);
                assert_eq!(play_on(&mut slow, Instant::now(), bytes.chunks(97)), outcome);
                if len <= limit {
                    assert!(outcome.events == [Event::Binary(message.into())], "{len} of {limit}");
                } else {
                    assert_eq!(outcome.error, Some(PeerError::MessageTooBig), "{len} of {limit}");
                }
            }
        }
    }
}

/// The same, even if that makes it larger.
fn compressed_always(message: &[u8]) -> Vec<u8> {
    let config = Config {
        server_no_context_takeover: false,
        threshold: 0,
        memory_level: 9,
        ..Config::default()
    };
    let agreement = agreement("permessage-deflate", &config);
    let mut whole = Vec::new();
    Compressor::new(&agreement, &Role::Server).write_frame(
        Message::Binary(message),
        None,
        &mut whole,
    );
    assert_eq!(whole[0], 0xC2);
    masked(&whole)
}

#[test]
fn w8_a_bomb_spread_over_messages_that_share_a_window_stops_at_the_limit_of_each() {
    let config = Config {
        server_no_context_takeover: false,
        client_no_context_takeover: false,
        threshold: 0,
        ..Config::default()
    };
    let agreement = agreement("permessage-deflate", &config);
    let mut sender = Connection::with_deflate(CLIENT, Limits::default(), &agreement);
    let mut bytes = Vec::new();
    for len in [999_999, 1_000_000, 1_000_001] {
        sender.send(Message::Binary(&vec![0; len]), &mut bytes);
    }
    let outcome = play_deflate(Role::Server, &agreement, [&bytes[..]]);
    assert_eq!((outcome.events.len(), outcome.error), (2, Some(PeerError::MessageTooBig)));
}

#[test]
fn w8_the_limit_holds_for_compressed_bytes_that_inflate_to_nothing() {
    // Empty stored blocks.
    let blocks = [0x00, 0x00, 0x00, 0xFF, 0xFF].repeat(10_000);
    for piece_len in [usize::MAX, 1000] {
        let mut connection = inflating(1000);
        let bytes = frame(Role::Server, 0xC2, &blocks);
        let outcome = play_on(&mut connection, Instant::now(), bytes.chunks(piece_len));
        assert_eq!(outcome.error, Some(PeerError::MessageTooBig));
        let mut connection = inflating(1000);
        let first = frame(Role::Server, 0x42, &blocks[..1000]);
        let second = frame(Role::Server, 0x80, &blocks[..1000]);
        let bytes = [first, second].concat();
        let outcome = play_on(&mut connection, Instant::now(), bytes.chunks(piece_len));
        assert_eq!(outcome.error, Some(PeerError::MessageTooBig));
    }
}

#[test]
fn w8_the_limit_is_that_of_one_message_however_many_came_before() {
    let message = noise(900);
    for bytes in [compressed_always(&message), compressed(&[message, vec![0; 90]].concat(), 100)] {
        let mut connection = inflating(1000);
        let outcome = play_on(&mut connection, Instant::now(), vec![&bytes[..]; 20]);
        assert_eq!((outcome.events.len(), outcome.error), (20, None));
    }
}

#[test]
fn w8_the_error_is_permanent() {
    let bytes = compressed(&[0; 2000], usize::MAX);
    let mut connection = inflating(1000);
    let outcome =
        play_on(&mut connection, Instant::now(), [&bytes[..], &bytes, b"\x81\x80\0\0\0\0"]);
    assert_eq!((outcome.error, outcome.events), (Some(PeerError::MessageTooBig), vec![]));
    assert_eq!(outcome.output, b"\x88\x02\x03\xf1");
}

#[test]
fn w8_too_many_deflate_streams_in_one_message_are_1007() {
    for (streams, error) in [(256, None), (257, Some(PeerError::BadCompression))] {
        let payload = [0x03, 0x00].repeat(streams);
        let bytes = frame(Role::Server, 0xC2, &payload);
        for piece_len in [usize::MAX, 1] {
            let outcome = play_on(&mut inflating(1000), Instant::now(), bytes.chunks(piece_len));
            assert_eq!(outcome.error, error, "{streams}");
        }
    }
}

#[test]
fn w10_deep_compressed_data_need_little_stack() {
    let bytes = compressed(&noise(3_000).repeat(50), 500);
    let small = std::thread::Builder::new().stack_size(128 * 1024);
    let thread = small.spawn(move || {
        let mut connection = inflating(1_000_000);
        play_on(&mut connection, Instant::now(), bytes.chunks(777)).events.len()
    });
    assert_eq!(thread.unwrap().join().unwrap(), 1);
}
