//! Any bytes as compressed data must be harmless, however they are cut, and within the limit. Any
//! message must come back as it was after compressing, with any parameters.
//!
//! The first four bytes of the data are the parameters and the seed of the cuts, the rest is the
//! compressed message, then the message to compress.
#![no_main]

use std::time::Instant;

use libfuzzer_sys::fuzz_target;
use switchboard_ws::deflate::{Agreement, Config, accept, negotiate, offer};
use switchboard_ws::{Connection, Event, Limits, Message, PeerError, Role};

fuzz_target!(|data: &[u8]| {
    let [flags, windows, level, seed, bytes @ ..] = data else { return };
    let config = Config {
        server_no_context_takeover: flags & 1 != 0,
        client_no_context_takeover: flags & 2 != 0,
        server_max_window_bits: windows & 0xF,
        client_max_window_bits: windows >> 4,
        threshold: usize::from(flags >> 4),
        level: level & 0xF,
        memory_level: level >> 4,
    };
    let server = negotiate(&config, [offer(&config).as_bytes()]).expect("our own offer");
    let client = accept(&config, [server.response().as_bytes()]).expect("our own answer");
    let client = client.expect("our own answer");
    inflate_anything(&client, bytes, flags & 4 != 0, *seed);
    come_back((&server, &client), bytes, *seed);
});

/// `bytes` are one compressed message, or two where their middle stands.
fn inflate_anything(agreement: &Agreement, bytes: &[u8], are_two: bool, seed: u8) {
    let (first, second) = bytes.split_at(if are_two { bytes.len() / 2 } else { bytes.len() });
    let mut frames = Vec::new();
    for payload in [first, second] {
        frames.push(if seed & 1 == 0 { 0xC1 } else { 0xC2 });
        frames.push(0x7E);
        let len = u16::try_from(payload.len()).unwrap_or(u16::MAX);
        if len <= 125 {
            frames.pop();
            frames.push(len as u8);
        } else {
            frames.extend(len.to_be_bytes());
        }
        frames.extend(&payload[..usize::from(len)]);
    }
    let whole = play(agreement, [&frames[..]]);
    assert_eq!(whole, play(agreement, frames.chunks(1)), "byte by byte");
    assert_eq!(whole, play(agreement, frames.chunks(2 + usize::from(seed))), "in pieces");
}

fn play<'p>(
    agreement: &Agreement,
    pieces: impl IntoIterator<Item = &'p [u8]>,
) -> (Vec<Event<'static>>, Option<PeerError>) {
    let limits = Limits { message_bytes_max: LIMIT, ..Limits::default() };
    let mut connection = Connection::with_deflate(CLIENT, limits, agreement);
    let (mut events, mut error) = (Vec::new(), None);
    for piece in pieces {
        let mut bytes = piece.to_vec();
        let mut input = &mut bytes[..];
        loop {
            match connection.receive(&mut input, Instant::now(), &mut Vec::new()) {
                Ok(Some(event)) => {
                    match &event {
                        Event::Text(text) => assert!(text.len() <= LIMIT),
                        Event::Binary(bytes) => assert!(bytes.len() <= LIMIT),
                        _ => (),
                    }
                    events.push(event.into_owned());
                }
                Ok(None) => break,
                Err(it) => assert_eq!(error.replace(it), None, "a second error"),
            }
        }
    }
    (events, error)
}

/// Compresses `bytes` twice in each direction and inflates them again.
fn come_back((server, client): (&Agreement, &Agreement), bytes: &[u8], seed: u8) {
    for (from, to, ours, theirs) in
        [(Role::Server, CLIENT, server, client), (CLIENT, Role::Server, client, server)]
    {
        let mut sender = Connection::with_deflate(from, Limits::default(), ours);
        let mut receiver = Connection::with_deflate(to, Limits::default(), theirs);
        let mut sent = Vec::new();
        for _ in 0..2 {
            sender.send(Message::Binary(bytes), &mut sent);
        }
        let mut count = 0;
        for piece in sent.chunks_mut(1 + 3 * usize::from(seed)) {
            let mut input = piece;
            while let Some(event) =
                receiver.receive(&mut input, Instant::now(), &mut Vec::new()).expect("good frames")
            {
                assert_eq!(event, Event::Binary(bytes.into()));
                count += 1;
            }
        }
        assert_eq!(count, 2);
    }
}

const CLIENT: Role = Role::Client { mask_key: || [0x37, 0xfa, 0x21, 0x3d] };
const LIMIT: usize = 3000;
