//! Properties: what is encoded decodes to itself, and no cut of the input changes anything.

use std::time::Instant;

use proptest::collection::vec;
use proptest::prelude::*;
use switchboard_ws::{Connection, Event, Limits, Message, Role};

use crate::peer::{CLIENT, Outcome, frame, play, play_on};

proptest! {
    #[test]
    fn messages_decode_to_themselves(
        texts in vec(".{0,300}", 0..5),
        blobs in vec(vec(any::<u8>(), 0..300), 0..5),
        from_client: bool,
    ) {
        let (from, to) = if from_client { (CLIENT, Role::Server) } else { (Role::Server, CLIENT) };
        let mut sender = Connection::new(from, Limits::default());
        let mut bytes = Vec::new();
        let mut expected = Vec::new();
        for text in &texts {
            sender.send(Message::Text(text), &mut bytes);
            expected.push(Event::Text(text.clone().into()));
        }
        for blob in &blobs {
            sender.send(Message::Binary(blob), &mut bytes);
            expected.push(Event::Binary(blob.clone().into()));
        }
        let outcome = play(to, [&bytes[..]]);
        prop_assert_eq!(outcome, Outcome { events: expected, ..Outcome::default() });
    }

    #[test]
    fn any_split_of_valid_frames_gives_the_same(
        frames in vec(valid_frames(), 0..8),
        cuts in vec(1_usize..40, 1..200),
        is_server: bool,
    ) {
        let role = if is_server { Role::Server } else { CLIENT };
        let parts = frames.iter().flatten();
        let bytes: Vec<u8> = parts.flat_map(|(first, payload)| frame(role, *first, payload)).collect();
        let whole = play(role, [&bytes[..]]);
        prop_assert_eq!(whole.error, None);
        prop_assert_eq!(&whole, &play(role, pieces(&bytes, &cuts)));
        prop_assert_eq!(&whole, &play(role, bytes.chunks(1)));
    }

    #[test]
    fn any_split_of_broken_frames_gives_the_same(
        frames in vec(valid_frames(), 1..8),
        faults in vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cuts in vec(1_usize..40, 1..200),
        is_server: bool,
    ) {
        let role = if is_server { Role::Server } else { CLIENT };
        let parts = frames.iter().flatten();
        let mut bytes: Vec<u8> = parts.flat_map(|(first, payload)| frame(role, *first, payload)).collect();
        for (at, value) in faults {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        let whole = play(role, [&bytes[..]]);
        prop_assert_eq!(&whole, &play(role, pieces(&bytes, &cuts)));
        prop_assert_eq!(&whole, &play(role, bytes.chunks(1)));
    }

    #[test]
    fn any_bytes_after_our_close_are_harmless(bytes in vec(any::<u8>(), 0..200), cut in 1_usize..9) {
        let (now, mut output) = (Instant::now(), Vec::new());
        let mut connection = Connection::new(Role::Server, Limits::default());
        connection.close(None, "", now, &mut output);
        let outcome = play_on(&mut connection, now, bytes.chunks(cut));
        prop_assert!(outcome.output.is_empty());
    }
}

/// Frames, as first byte and payload, that together make one message or one control frame.
fn valid_frames() -> impl Strategy<Value = Vec<(u8, Vec<u8>)>> {
    prop_oneof![
        "\\PC{0,90}".prop_map(|text| vec![(0x81, text.into_bytes())]),
        vec(any::<u8>(), 0..200).prop_map(|bytes| vec![(0x82, bytes)]),
        vec(any::<u8>(), 0..=125).prop_map(|bytes| vec![(0x89, bytes)]),
        vec(any::<u8>(), 0..=125).prop_map(|bytes| vec![(0x8A, bytes)]),
        ("\\PC{0,90}", 1_usize..30).prop_map(|(text, len)| fragments(0x01, text.as_bytes(), len)),
        (vec(any::<u8>(), 0..200), 1_usize..30).prop_map(|(it, len)| fragments(0x02, &it, len)),
    ]
}

/// A message in fragments of `len` bytes, with a ping before the last.
fn fragments(first: u8, payload: &[u8], len: usize) -> Vec<(u8, Vec<u8>)> {
    let mut frames = vec![(first, Vec::new())];
    frames.extend(payload.chunks(len).map(|it| (0x00, it.to_vec())));
    frames.push((0x89, b"between".to_vec()));
    frames.push((0x80, Vec::new()));
    frames
}

/// `bytes` in pieces of these lengths, over and over.
pub(crate) fn pieces<'b>(bytes: &'b [u8], lengths: &[usize]) -> Vec<&'b [u8]> {
    let mut rest = bytes;
    let mut pieces = Vec::new();
    for len in lengths.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let (piece, after) = rest.split_at((*len).min(rest.len()));
        pieces.push(piece);
        rest = after;
    }
    pieces
}
