//! Any bytes, in any pieces, may end a connection, but must never make it panic, and how they are
//! cut must change neither its events nor its output.
//!
//! The first byte of the data says the role, whether we have closed before, whether
//! permessage-deflate was agreed and with takeover, and whether pongs are held back; the second
//! seeds the cuts, the rest is what the peer sends.
#![no_main]

use std::time::{Duration, Instant};

use libfuzzer_sys::fuzz_target;
use switchboard_ws::deflate::{Config, negotiate};
use switchboard_ws::{Connection, Event, Limits, PeerError, Role};

fuzz_target!(|data: &[u8]| {
    let [flags, seed, bytes @ ..] = data else { return };
    let whole = play(*flags, [bytes]);
    assert_eq!(whole, play(*flags, bytes.chunks(1)), "byte by byte");
    assert_eq!(whole, play(*flags, pieces(bytes, *seed)), "in pieces");
});

type Outcome = (Vec<Event<'static>>, Vec<u8>, Option<PeerError>);

fn play<'p>(flags: u8, pieces: impl IntoIterator<Item = &'p [u8]>) -> Outcome {
    let role = match flags & 1 {
        0 => Role::Server,
        _ => Role::Client { mask_key: || [0x37, 0xfa, 0x21, 0x3d] },
    };
    // Small limits, so that short inputs reach them.
    let limits =
        Limits { message_bytes_max: 1000, fragments_max: 8, close_timeout: Duration::from_secs(5) };
    let mut connection = if flags & 4 != 0 {
        let config = Config {
            server_no_context_takeover: flags & 8 == 0,
            client_no_context_takeover: flags & 8 == 0,
            ..Config::default()
        };
        let agreement = negotiate(&config, [&b"permessage-deflate"[..]]).expect("a good offer");
        Connection::with_deflate(role, limits, &agreement)
    } else {
        Connection::new(role, limits)
    };
    let now = Instant::now();
    let (mut events, mut output, mut error) = (Vec::new(), Vec::new(), None);
    if flags & 2 != 0 {
        connection.close(None, "", now, &mut output);
    }
    if flags & 16 != 0 {
        connection.hold_pongs();
    }
    for piece in pieces {
        let mut bytes = piece.to_vec();
        let mut input = &mut bytes[..];
        loop {
            match connection.receive(&mut input, now, &mut output) {
                Ok(Some(event)) => events.push(event.into_owned()),
                Ok(None) => break,
                Err(it) => assert_eq!(error.replace(it), None, "a second error"),
            }
        }
        assert!(input.is_empty(), "input was left over");
    }
    assert!(error.is_none() || connection.is_closed());
    connection.release_pong(&mut output);
    (events, output, error)
}

/// `bytes` in pieces of 1 to 16 bytes that follow from `seed`.
fn pieces(mut bytes: &[u8], seed: u8) -> Vec<&[u8]> {
    let mut state = u32::from(seed) + 1;
    let mut pieces = Vec::new();
    while !bytes.is_empty() {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let len = (1 + (state >> 28) as usize).min(bytes.len());
        let (piece, rest) = bytes.split_at(len);
        pieces.push(piece);
        bytes = rest;
    }
    pieces
}
