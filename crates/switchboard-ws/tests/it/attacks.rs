//! The attack rows of the WebSocket layer that a floor can answer, each under its row's id.

use std::time::{Duration, Instant};

use switchboard_ws::{CloseCode, Connection, Event, Limits, Message, PeerError, Role};

use crate::peer::{CLIENT, frame, masked, play, play_on};
use crate::transcript::{check, check_raw};

#[test]
fn w4_lengths_with_the_highest_bit_or_not_in_the_shortest_form_are_1002() {
    for length in ["7f ffffffffffffffff", "7f 8000000000000000", "7f 000000000000ffff"] {
        check(&format!("< 82 {length}\n> 88 02 03ea\nx BadLength"));
    }
    for length in ["7e 0000", "7e 007d", "7f 0000000000000000", "7f 000000000000007d"] {
        check(&format!("< 81 {length}\n> 88 02 03ea\nx BadLength"));
    }
}

#[test]
fn w4_huge_claims_are_1009_before_their_payload_arrives() {
    for length in ["7fffffffffffffff", "0000010000000000", "00000000000f4241"] {
        check(&format!("< 82 7f {length}\n> 88 02 03f1\nx MessageTooBig"));
    }
}

#[test]
fn w5_one_byte_above_the_limit_is_1009_and_the_limit_is_not() {
    for role in [Role::Server, CLIENT] {
        let all = vec![b'a'; 1_000_001];
        let outcome = play(role, [&frame(role, 0x81, &all[..1_000_000])[..]]);
        assert!(matches!(&outcome.events[..], [Event::Text(text)] if text.len() == 1_000_000));
        let outcome = play(role, [&frame(role, 0x81, &all)[..]]);
        assert_eq!((outcome.error, outcome.events), (Some(PeerError::MessageTooBig), vec![]));
    }
}

#[test]
fn w5_a_small_limit_holds_for_short_frames_and_their_sum() {
    let limits = Limits { message_bytes_max: 10, ..Limits::default() };
    let bytes = [&frame(Role::Server, 0x02, b"12345")[..], &frame(Role::Server, 0x80, b"67890")];
    let mut connection = Connection::new(Role::Server, limits);
    let outcome = play_on(&mut connection, Instant::now(), bytes);
    assert_eq!(outcome.events, [Event::Binary(b"1234567890".as_slice().into())]);

    for frames in [vec![(0x82, 11)], vec![(0x02, 5), (0x80, 6)], vec![(0x02, 10), (0x00, 1)]] {
        let mut connection = Connection::new(Role::Server, limits);
        for (first, len) in frames {
            let bytes = frame(Role::Server, first, &vec![b'a'; len]);
            let outcome = play_on(&mut connection, Instant::now(), [&bytes[..]]);
            assert_eq!(connection.is_closed(), outcome.error == Some(PeerError::MessageTooBig));
        }
        assert!(connection.is_closed());
    }
}

#[test]
fn w6_empty_fragments_are_1008_above_1024() {
    for (continuations, error) in [(1023, None), (1024, Some(PeerError::TooManyFragments))] {
        let mut frames = vec![0x01, 0x00];
        frames.extend([0x00, 0x00].repeat(continuations));
        let outcome = play(Role::Server, [&masked(&frames)[..]]);
        assert_eq!(outcome.error, error);
        let close: &[u8] = if error.is_some() { b"\x88\x02\x03\xf0" } else { b"" };
        assert_eq!(outcome.output, close);
    }
}

#[test]
fn w6_a_megabyte_byte_by_byte_is_one_message() {
    let bytes = frame(Role::Server, 0x82, &vec![7; 1_000_000]);
    let outcome = play(Role::Server, bytes.chunks(1));
    assert_eq!(outcome.events, [Event::Binary(vec![7; 1_000_000].into())]);
}

#[test]
fn w7_endless_continuations_are_1009_at_the_limit() {
    let mut bytes = frame(Role::Server, 0x02, &[0; 10_000]);
    for _ in 0..200 {
        bytes.extend(frame(Role::Server, 0x00, &[0; 10_000]));
    }
    let outcome = play(Role::Server, bytes.chunks(65_536));
    assert_eq!(outcome.error, Some(PeerError::MessageTooBig));
    assert_eq!(outcome.output, b"\x88\x02\x03\xf1");
}

#[test]
fn w11_a_flood_of_pings_is_1008_and_its_output_bounded() {
    let ping = frame(Role::Server, 0x89, &[0; 125]);
    let outcome = play(Role::Server, [&ping.repeat(100_000)[..]]);
    assert_eq!(outcome.error, Some(PeerError::TooManyControlFrames));
    assert_eq!(outcome.events.len(), 100);
    assert_eq!(outcome.output.len(), 100 * 127 + 4);
}

#[test]
fn w11_pings_at_an_honest_pace_and_pongs_that_we_asked_for_go_on() {
    let mut connection = Connection::new(Role::Server, Limits::default());
    let mut now = Instant::now();
    let mut output = Vec::new();
    for _ in 0..50 {
        now += Duration::from_secs(1);
        let outcome =
            play_on(&mut connection, now, [&frame(Role::Server, 0x89, b"").repeat(100)[..]]);
        assert_eq!((outcome.events.len(), outcome.error), (100, None));
        for _ in 0..50 {
            connection.ping(b"", &mut output);
            let outcome = play_on(&mut connection, now, [&frame(Role::Server, 0x8A, b"")[..]]);
            assert_eq!(outcome.events, [Event::Pong(b"".as_slice().into())]);
        }
    }
}

#[test]
fn w12_control_frames_carry_exactly_the_bytes_that_were_set() {
    // The rest of the longer payload before must not shine through.
    check(
        "
        < 89 05 0102030405
        > 8a 05 0102030405
        = Ping 0102030405
        < 89 01 09
        > 8a 01 09
        = Ping 09
        # 1000 a
        > 88 03 03e8 61",
    );
    check("< 88 04 03e9 6162\n> 88 02 03e9\n= Closed 1001 ab");
}

#[test]
fn w17_frames_with_the_wrong_masking_are_1002() {
    check_raw(Role::Server, "< 81 00\n> 88 02 03ea\nx WrongMasking");
    check_raw(Role::Server, "< 89 00\n> 88 02 03ea\nx WrongMasking");
    let close = "88 82 37fa213d 3410";
    check_raw(CLIENT, &format!("< 81 80 00000000\n> {close}\nx WrongMasking"));
}

#[test]
fn w17_broken_rules_are_1002() {
    for (bytes, error) in [
        ("91 00", "ReservedBit"),
        ("a1 00", "ReservedBit"),
        ("c1 00", "ReservedBit"),
        ("c9 00", "ReservedBit"),
        ("41 00 c0 00", "ReservedBit"),
        ("83 00", "UnknownOpcode"),
        ("8b 00", "UnknownOpcode"),
        ("09 00", "BadControlFrame"),
        ("08 00", "BadControlFrame"),
        ("89 7e 007e", "BadControlFrame"),
        ("88 7e 007e", "BadControlFrame"),
        ("88 01 03", "BadClose"),
        ("80 00", "UnexpectedContinuation"),
        ("00 01 61", "UnexpectedContinuation"),
        ("01 01 61 81 01 62", "UnfinishedMessage"),
        ("02 01 61 01 01 62", "UnfinishedMessage"),
    ] {
        check(&format!("< {bytes}\n> 88 02 03ea\nx {error}"));
    }
}

#[test]
fn w17_rsv1_on_a_continuation_is_1002() {
    check("< 01 01 61 c0 01 62\n> 88 02 03ea\nx ReservedBit");
}

#[test]
fn w17_invalid_utf8_is_1007_in_messages_fragments_and_reasons() {
    check("< 81 01 ff\n> 88 02 03ef\nx InvalidUtf8");
    check("< 01 01 61 80 01 ff\n> 88 02 03ef\nx InvalidUtf8");
    check("< 01 01 e2 80 01 28\n> 88 02 03ef\nx InvalidUtf8");
    check("< 88 03 03e8 ff\n> 88 02 03ef\nx InvalidUtf8");
    check("< 88 04 03e8 e282\n> 88 02 03ef\nx InvalidUtf8");
}

#[test]
fn w18_data_after_a_close_is_ignored() {
    check("< 88 00 81 01 61 89 00 83 00\n> 88 00\n= Closed\n< 81 01 61\n< ff 00");
    check("< 83 00\n> 88 02 03ea\nx UnknownOpcode\n< 81 01 61");
}

#[test]
fn w18_a_close_that_is_never_answered_times_out_after_five_seconds() {
    check("@ 3600\n# 1000\n> 88 02 03e8\n@ 4\n< 81 01 61\n= Text a\n@ 1\nx CloseTimeout");
}

#[test]
fn w18_the_next_tick_is_the_close_deadline() {
    let mut connection = Connection::new(Role::Server, Limits::default());
    let (now, mut output) = (Instant::now(), Vec::new());
    assert_eq!(connection.tick(now, &mut output), Ok(None));
    connection.close(None, "", now, &mut output);
    assert!(connection.is_closing() && !connection.is_closed());
    let deadline = now + Duration::from_secs(5);
    assert_eq!(connection.tick(now, &mut output), Ok(Some(deadline)));
    assert_eq!(connection.deadline(), Some(deadline));
    // A second close must not put the deadline off.
    connection.close(None, "", now + Duration::from_secs(4), &mut output);
    assert!(connection.tick(deadline, &mut output).is_err());
}

#[test]
fn w11_only_the_latest_pong_waits_while_nothing_can_be_written() {
    let mut connection = Connection::new(Role::Server, Limits::default());
    let mut now = Instant::now();
    connection.hold_pongs();
    let mut pings = 0;
    for round in 0..100_u8 {
        now += Duration::from_secs(1);
        let ping = frame(Role::Server, 0x89, &[round; 125]).repeat(100);
        let outcome = play_on(&mut connection, now, ping.chunks(1000));
        assert!(outcome.output.is_empty());
        pings += outcome.events.len();
    }
    assert_eq!(pings, 10_000);
    let mut output = Vec::new();
    connection.release_pong(&mut output);
    assert_eq!(output, frame(CLIENT, 0x8A, &[99; 125]));
    // Nothing is left, and from now on pongs are written at once.
    connection.release_pong(&mut output);
    assert_eq!(output.len(), 127);
    let outcome = play_on(&mut connection, now + Duration::from_secs(1), [&masked(b"\x89\0")[..]]);
    assert_eq!(outcome.output, b"\x8a\0");
}

#[test]
fn w11_no_pong_follows_a_close_frame() {
    let mut connection = Connection::new(Role::Server, Limits::default());
    let (now, mut output) = (Instant::now(), Vec::new());
    connection.hold_pongs();
    play_on(&mut connection, now, [&masked(b"\x89\0")[..]]);
    connection.close(None, "", now, &mut output);
    connection.release_pong(&mut output);
    assert_eq!(output, b"\x88\0");
}

/// What `tick` says in the second `at` when a message of 100 kB arrives at `pace` bytes a second.
fn ticks(pace: usize, seconds: u64) -> Option<u64> {
    let mut connection = Connection::new(Role::Server, Limits::default());
    let start = Instant::now();
    let bytes = frame(Role::Server, 0x82, &[7; 100_000]);
    let (mut output, mut pieces) = (Vec::new(), bytes.chunks(pace));
    for at in 0..seconds {
        let now = start + Duration::from_secs(at);
        assert!(connection.tick(now, &mut output).is_ok());
        if connection.is_closed() {
            assert_eq!(output, b"\x88\x12\x03\xf0message too slow");
            assert!(connection.tick(now + Duration::from_secs(5), &mut output).is_err());
            return Some(at);
        }
        play_on(&mut connection, now, pieces.next());
    }
    None
}

#[test]
fn w6_a_message_slower_than_a_kilobyte_a_second_is_1008_after_five_seconds() {
    // A header is no progress, the rest earns a millisecond for each byte.
    assert_eq!(ticks(1, 20), Some(5));
    assert_eq!(ticks(500, 20), Some(10));
    assert_eq!(ticks(900, 99), Some(50));
    assert_eq!(ticks(1001, 99), None);
}

#[test]
fn w6_a_lead_buys_thirty_seconds() {
    let mut connection = Connection::new(Role::Server, Limits::default());
    let (now, mut output) = (Instant::now(), Vec::new());
    let bytes = frame(Role::Server, 0x82, &[7; 900_000]);
    play_on(&mut connection, now, [&bytes[..800_000]]);
    let deadline = now + Duration::from_secs(30);
    assert_eq!(connection.tick(now, &mut output), Ok(Some(deadline)));
    assert!(connection.tick(deadline, &mut output).is_ok() && connection.is_closed());
}

#[test]
fn w6_the_deadline_exists_only_while_a_message_is_incomplete() {
    let mut connection = Connection::new(Role::Server, Limits::default());
    let (now, mut output) = (Instant::now(), Vec::new());
    let due = Ok(Some(now + Duration::from_secs(5)));
    let whole = frame(Role::Server, 0x82, &[7; 100]);
    for (bytes, expected) in [
        // A header, a control frame, a fragment: all must go on. Pings are no progress.
        (&whole[..1], due),
        (&whole[1..], Ok(None)),
        (&masked(b"\x89\x02ab")[..7], due),
        (&masked(b"\x89\x02ab")[7..], Ok(None)),
        (&masked(b"\x02\x00"), due),
        (&masked(b"\x89\x02ab"), due),
        (&masked(b"\x80\x00"), Ok(None)),
    ] {
        play_on(&mut connection, now, [bytes]);
        assert_eq!(connection.tick(now, &mut output), expected, "{bytes:?}");
    }
}

#[test]
fn w6_who_did_not_read_gives_the_message_new_time() {
    let mut connection = Connection::new(Role::Server, Limits::default());
    let (now, mut output) = (Instant::now(), Vec::new());
    let bytes = frame(Role::Server, 0x82, &[7; 1000]);
    play_on(&mut connection, now, [&bytes[..100]]);
    // The owner was paused, so it neither read nor called `tick`.
    let later = now + Duration::from_secs(3600);
    play_on(&mut connection, later, [&bytes[100..200]]);
    let due = connection.tick(later, &mut output).unwrap().unwrap();
    assert!(later + Duration::from_secs(5) <= due);
}

#[test]
fn close_codes_that_stand_for_no_frame_cannot_be_sent() {
    for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, u16::MAX] {
        assert_eq!(CloseCode::new(code), None, "{code}");
    }
    for code in [1012, 1013, 1014, 3000, 4999] {
        let mut output = Vec::new();
        let mut connection = Connection::new(Role::Server, Limits::default());
        connection.close(CloseCode::new(code), "", Instant::now(), &mut output);
        assert_eq!(output, [&[0x88, 2][..], &code.to_be_bytes()].concat());
    }
    // Without a code there is no payload, rather than 1005 in it; errors have codes of their own.
    check("# none\n> 88 00");
}

/// What W19 measures from outside: the state of an idle connection stays small.
#[test]
fn w19_an_idle_connection_is_small() {
    assert!(size_of::<Connection>() <= 176, "{}", size_of::<Connection>());
    let mut output = Vec::new();
    Connection::new(Role::Server, Limits::default()).send(Message::Text(""), &mut output);
    assert_eq!(output, [0x81, 0]);
}
