//! A connection with scripted input, and frames written by hand, without the crate's own encoder.

use std::time::Instant;

use switchboard_ws::deflate::Agreement;
use switchboard_ws::{Connection, Event, Limits, PeerError, Role};

pub(crate) const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
pub(crate) const CLIENT: Role = Role::Client { mask_key: || KEY };

/// All that a connection did.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Outcome {
    pub(crate) events: Vec<Event<'static>>,
    pub(crate) output: Vec<u8>,
    pub(crate) error: Option<PeerError>,
}

/// Plays the pieces, each as one input, to a new connection.
pub(crate) fn play<'p>(role: Role, pieces: impl IntoIterator<Item = &'p [u8]>) -> Outcome {
    let mut connection = Connection::new(role, Limits::default());
    play_on(&mut connection, Instant::now(), pieces)
}

/// The same with permessage-deflate.
pub(crate) fn play_deflate<'p>(
    role: Role,
    agreement: &Agreement,
    pieces: impl IntoIterator<Item = &'p [u8]>,
) -> Outcome {
    let mut connection = Connection::with_deflate(role, Limits::default(), agreement);
    play_on(&mut connection, Instant::now(), pieces)
}

pub(crate) fn play_on<'p>(
    connection: &mut Connection,
    now: Instant,
    pieces: impl IntoIterator<Item = &'p [u8]>,
) -> Outcome {
    let mut outcome = Outcome::default();
    for piece in pieces {
        let mut bytes = piece.to_vec();
        let mut input = &mut bytes[..];
        loop {
            match connection.receive(&mut input, now, &mut outcome.output) {
                Ok(Some(event)) => outcome.events.push(event.into_owned()),
                Ok(None) => break,
                Err(error) => {
                    assert_eq!(outcome.error.replace(error), None, "a second error");
                    assert!(connection.is_closed());
                }
            }
        }
        assert!(input.is_empty(), "input was left over");
    }
    outcome
}

/// A frame, masked if it goes to a server. `first` is the first byte of the header.
pub(crate) fn frame(to: Role, first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    match payload.len() {
        len @ ..=125 => frame.push(len as u8),
        len @ ..=0xFFFF => {
            frame.push(126);
            frame.extend((len as u16).to_be_bytes());
        }
        len => {
            frame.push(127);
            frame.extend((len as u64).to_be_bytes());
        }
    }
    frame.extend(payload);
    if is_server(to) { masked(&frame) } else { frame }
}

/// The same frames, the last of them perhaps cut short, masked one byte after the other.
pub(crate) fn masked(mut frames: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    while let [first, second, ..] = *frames {
        let (header_len, payload_len) = match second & 0x7F {
            126 => (4, u64::from(u16::from_be_bytes(frames[2..4].try_into().unwrap()))),
            127 => (10, u64::from_be_bytes(frames[2..10].try_into().unwrap())),
            len => (2, u64::from(len)),
        };
        out.extend([first, second | 0x80]);
        out.extend(&frames[2..header_len]);
        out.extend(KEY);
        let end = (header_len as u64).saturating_add(payload_len).min(frames.len() as u64);
        let payload = &frames[header_len..end as usize];
        out.extend(payload.iter().enumerate().map(|(at, byte)| byte ^ KEY[at % 4]));
        frames = &frames[end as usize..];
    }
    out
}

pub(crate) fn is_server(role: Role) -> bool {
    matches!(role, Role::Server)
}
