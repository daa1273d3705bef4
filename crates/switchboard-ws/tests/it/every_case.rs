//! Cases that are few enough to try them all: lengths, opcodes, close codes, cuts.

use std::borrow::Cow;

use switchboard_ws::{CloseCode, Event, FrameHeader, Message, Opcode, PeerError, Role, encode};

use crate::peer::{CLIENT, frame, is_server, play};

#[test]
fn every_length_survives_in_both_roles_and_kinds() {
    for len in (0..=130).chain([65_535, 65_536]) {
        let bytes: Vec<u8> = (0..len).map(|at| b'a' + (at % 23) as u8).collect();
        let text = std::str::from_utf8(&bytes).unwrap();
        for role in [Role::Server, CLIENT] {
            for (first, event) in
                [(0x81, Event::Text(text.into())), (0x82, Event::Binary(bytes.as_slice().into()))]
            {
                let frame = frame(role, first, &bytes);
                assert_eq!(play(role, [&frame[..]]).events, std::slice::from_ref(&event), "{len}");
                assert_eq!(play(role, frame.chunks(1)).events, [event], "{len}");
            }
        }
    }
}

#[test]
fn every_length_is_encoded_as_written_by_hand() {
    for len in (0..=130).chain([65_535, 65_536]) {
        let bytes = vec![b'a'; len];
        let text = std::str::from_utf8(&bytes).unwrap();
        for (first, message) in [(0x81, Message::Text(text)), (0x82, Message::Binary(&bytes))] {
            let mut output = Vec::new();
            encode(message, &mut output);
            assert_eq!(output, frame(CLIENT, first, &bytes));

            let mut output = Vec::new();
            let limits = switchboard_ws::Limits::default();
            switchboard_ws::Connection::new(CLIENT, limits).send(message, &mut output);
            assert_eq!(output, frame(Role::Server, first, &bytes));
        }
    }
}

#[test]
fn every_header_is_read_back_as_it_was_written() {
    let lengths = [0, 1, 125, 126, 127, 65_535, 65_536, (1 << 63) - 1];
    let opcodes = [Opcode::Continuation, Opcode::Text, Opcode::Binary];
    for (payload_len, opcode) in lengths.into_iter().flat_map(|len| opcodes.map(|it| (len, it))) {
        for (fin, rsv1, mask) in [(true, false, None), (false, true, Some([1, 2, 3, 4]))] {
            let header = FrameHeader { fin, rsv1, opcode, mask, payload_len };
            let mut bytes = Vec::new();
            header.encode(&mut bytes);
            assert_eq!(FrameHeader::decode(&bytes), Ok(Some((header, bytes.len()))));
            for end in 0..bytes.len() {
                assert_eq!(FrameHeader::decode(&bytes[..end]), Ok(None));
            }
        }
    }
}

#[test]
fn every_first_byte_of_an_empty_frame_has_its_answer() {
    for (role, first) in
        [Role::Server, CLIENT].into_iter().flat_map(|it| (0..=255).map(move |b| (it, b)))
    {
        let outcome = play(role, [&frame(role, first, b"")[..]]);
        let expected = match first {
            0x81 => Ok(Some(Event::Text("".into()))),
            0x82 => Ok(Some(Event::Binary(b"".as_slice().into()))),
            0x88 => Ok(Some(Event::Closed { code: None, reason: "".into() })),
            0x89 => Ok(Some(Event::Ping(b"".as_slice().into()))),
            0x8A => Ok(Some(Event::Pong(b"".as_slice().into()))),
            0x01 | 0x02 => Ok(None),
            _ if first & 0x30 != 0 => Err(PeerError::ReservedBit),
            _ if matches!(first & 0x0F, 3..=7 | 11..) => Err(PeerError::UnknownOpcode),
            _ if matches!(first, 0x08..=0x0A | 0x48..=0x4A) => Err(PeerError::BadControlFrame),
            _ if first & 0x40 != 0 => Err(PeerError::ReservedBit),
            _ => Err(PeerError::UnexpectedContinuation),
        };
        let mut events = outcome.events;
        let actual = outcome.error.map_or_else(|| Ok(events.pop()), Err);
        assert_eq!(actual, expected, "first byte {first:#x} as {role:?}");
    }
}

#[test]
fn every_close_code_is_accepted_or_refused() {
    for code in 0..=5000_u16 {
        let is_valid = matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999);
        assert_eq!(CloseCode::new(code).map(CloseCode::value), is_valid.then_some(code));
        for role in [Role::Server, CLIENT] {
            let outcome = play(role, [&frame(role, 0x88, &code.to_be_bytes())[..]]);
            let answer = if is_valid { code } else { 1002 };
            let back = if is_server(role) { CLIENT } else { Role::Server };
            assert_eq!(outcome.output, frame(back, 0x88, &answer.to_be_bytes()));
            assert_eq!(outcome.error, (!is_valid).then_some(PeerError::BadClose), "{code}");
        }
    }
}

/// A message long enough for the vector code, cut in two at every byte, characters included.
#[test]
fn text_survives_fragments_cut_at_every_byte() {
    let text = "a\u{e9}\u{20ac}\u{1f600}".repeat(30);
    let bytes = text.as_bytes();
    for cut in 0..=bytes.len() {
        for middle in [0, 1, 2, 3] {
            let (head, rest) = bytes.split_at(cut);
            let (body, tail) = rest.split_at(middle.min(rest.len()));
            let mut frames = frame(Role::Server, 0x01, head);
            frames.extend(frame(Role::Server, 0x00, body));
            frames.extend(frame(Role::Server, 0x80, tail));
            let events = play(Role::Server, [&frames[..]]).events;
            assert_eq!(events, [Event::Text(text.as_str().into())], "cut at {cut}");
        }
    }
}

/// Every way to break a byte of that message is refused as the standard library refuses it.
#[test]
fn broken_text_is_refused_wherever_it_is_cut() {
    let text = "abcdefg\u{e9}\u{20ac}\u{1f600}z".repeat(5);
    for (at, bad) in
        (0..text.len()).flat_map(|at| [0x00, 0x80, 0xC0, 0xED, 0xF5, 0xFF].map(|bad| (at, bad)))
    {
        let mut bytes = text.clone().into_bytes();
        bytes[at] = bad;
        let is_text = std::str::from_utf8(&bytes).is_ok();
        for cut in [at.saturating_sub(1), at, at + 1] {
            let mut frames = frame(Role::Server, 0x01, &bytes[..cut]);
            frames.extend(frame(Role::Server, 0x80, &bytes[cut..]));
            let error = play(Role::Server, [&frames[..]]).error;
            assert_eq!(error.is_none(), is_text, "{bad:#x} at {at}, cut at {cut}");
        }
    }
}

/// No copy, no allocation: what the library relies on for messages that arrive whole.
#[test]
fn a_payload_that_is_whole_in_the_input_is_borrowed_wherever_its_header_is_cut() {
    for cut in 0..8 {
        let limits = switchboard_ws::Limits::default();
        let mut connection = switchboard_ws::Connection::new(Role::Server, limits);
        let (now, mut output) = (std::time::Instant::now(), Vec::new());
        let mut bytes = frame(Role::Server, 0x81, &[b'a'; 200]);
        let (mut header, mut input) = bytes.split_at_mut(cut);
        assert_eq!(connection.receive(&mut header, now, &mut output), Ok(None));
        let event = connection.receive(&mut input, now, &mut output);
        assert!(matches!(event, Ok(Some(Event::Text(Cow::Borrowed(text)))) if text.len() == 200));
        assert_eq!(output.capacity(), 0);
    }
}
