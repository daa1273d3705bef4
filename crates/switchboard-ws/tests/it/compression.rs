//! Compression in both directions: every combination of parameters, any message, any cut.

use std::time::Instant;

use proptest::collection::vec;
use proptest::prelude::*;
use switchboard_ws::deflate::{
    Agreement, Compressor, Config, accept, encode_shared, negotiate, offer,
};
use switchboard_ws::{Connection, Event, FrameHeader, Limits, Message, Role};

use crate::oracle::{Inflated, inflate};
use crate::peer::{CLIENT, Outcome, is_server, play_deflate, play_on};
use crate::splits::pieces;

/// What a server and a client of the same configuration agree on.
fn agreed(config: &Config) -> (Agreement, Agreement) {
    let server = negotiate(config, [offer(config).as_bytes()]).unwrap();
    let client = accept(config, [server.response().as_bytes()]).unwrap().unwrap();
    (server, client)
}

/// Header and unmasked payload of each frame in `bytes`.
fn frames(mut bytes: &[u8]) -> Vec<(FrameHeader, Vec<u8>)> {
    let mut frames = Vec::new();
    while !bytes.is_empty() {
        let (header, used) = FrameHeader::decode(bytes).unwrap().unwrap();
        let (payload, rest) = bytes[used..].split_at(header.payload_len as usize);
        let key = header.mask.unwrap_or_default();
        let payload = payload.iter().enumerate().map(|(at, byte)| byte ^ key[at % 4]).collect();
        frames.push((header, payload));
        bytes = rest;
    }
    frames
}

/// Text like what applications send, `bytes` long.
fn json(bytes: usize, seed: usize) -> String {
    let line = |it: usize| {
        let word = (it + seed).wrapping_mul(2_654_435_761);
        format!(r#"{{"id":{it},"price":{},"side":"buy","symbol":"S{}"}},"#, word % 9973, word % 31)
    };
    let mut text: String = (0..).map(line).take(1 + bytes / 40).collect();
    text.truncate(bytes);
    text
}

/// Bytes that do not compress.
pub(crate) fn noise(len: usize) -> Vec<u8> {
    let mut state = 0x2545_F491_4F6C_DD1D_u64;
    let next = |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    (0..len).map(next).collect()
}

fn all_configs() -> impl Iterator<Item = Config> {
    let windows = (8..=15).flat_map(|bits| [false, true].map(|takeover| (bits, takeover)));
    windows.flat_map(|(bits, no_takeover)| {
        [0, 1, 3, 6, 9].into_iter().map(move |level| Config {
            server_no_context_takeover: no_takeover,
            client_no_context_takeover: no_takeover,
            server_max_window_bits: bits,
            client_max_window_bits: bits,
            threshold: 0,
            level,
            memory_level: 1 + (bits + level) % 9,
        })
    })
}

#[test]
fn no_match_reaches_further_back_than_the_window_that_was_agreed() {
    let mut furthest = [0; 16];
    for config in all_configs() {
        let window = 1 << config.server_max_window_bits;
        let mut compressor = Compressor::new(&agreed(&config).0, &Role::Server);
        let mut history = Vec::new();
        for seed in 0..2 {
            // Repeats itself at distances from small to beyond the window.
            let mut message = json(1000 + window / 2, seed).into_bytes();
            message.extend(noise(window / 4));
            message.extend(json(1000 + window / 2, seed).into_bytes());
            let mut output = Vec::new();
            compressor.write_frame(Message::Binary(&message), None, &mut output);
            let (header, payload) = frames(&output).remove(0);
            if !header.rsv1 {
                assert_eq!(config.level, 0);
                continue;
            }
            let Inflated { bytes, distance_max } = inflate(&history, &payload);
            assert!(bytes == message, "{config:?}");
            assert!(distance_max <= window, "{distance_max} with {config:?}");
            let bits = usize::from(config.server_max_window_bits);
            furthest[bits] = distance_max.max(furthest[bits]);
            if !config.server_no_context_takeover {
                history.extend(message);
            }
        }
    }
    // The window is also made use of: a test of nothing would pass with none.
    for bits in 8..=15 {
        assert!(1 << (bits - 2) < furthest[bits], "{bits}: {furthest:?}");
    }
}

#[test]
fn every_combination_of_parameters_carries_every_kind_of_message() {
    let texts = [json(0, 0), json(1, 0), json(2000, 1), json(2000, 2), "a".repeat(70_000)];
    let blobs = [noise(3000), vec![0; 5], noise(20_000), json(40_000, 3).into_bytes()];
    for config in all_configs() {
        let (server, client) = agreed(&config);
        for (from, to, ours, theirs) in
            [(Role::Server, CLIENT, &server, &client), (CLIENT, Role::Server, &client, &server)]
        {
            let mut sender = Connection::with_deflate(from, Limits::default(), ours);
            let mut bytes = Vec::new();
            texts.iter().for_each(|it| sender.send(Message::Text(it), &mut bytes));
            blobs.iter().for_each(|it| sender.send(Message::Binary(it), &mut bytes));
            let outcome = play_deflate(to, theirs, [&bytes[..]]);
            let texts = texts.iter().map(|it| Event::Text(it.clone().into()));
            let blobs = blobs.iter().map(|it| Event::Binary(it.clone().into()));
            assert_eq!(outcome.error, None, "{config:?}");
            assert!(outcome.events == texts.chain(blobs).collect::<Vec<_>>(), "{config:?}");
        }
    }
}

#[test]
fn small_messages_and_those_that_would_grow_are_sent_as_they_are() {
    let (agreement, _) = agreed(&Config { threshold: 1000, ..Config::default() });
    let mut compressor = Compressor::new(&agreement, &Role::Server);
    for (payload, is_compressed) in [
        (json(999, 0).into_bytes(), false),
        (json(1000, 0).into_bytes(), true),
        (noise(1000), false),
        (noise(100_000), false),
        (vec![], false),
    ] {
        let mut output = Vec::new();
        compressor.write_frame(Message::Binary(&payload), None, &mut output);
        let (header, written) = frames(&output).remove(0);
        assert_eq!(header.rsv1, is_compressed);
        assert_eq!(written == payload, !is_compressed);
        assert!(written.len() < payload.len() || !is_compressed);
    }
}

#[test]
fn one_byte_decides_whether_compressing_is_worth_it() {
    // Whatever the length, what is sent compressed is smaller, and nothing is lost at the edge.
    let (agreement, client) = agreed(&Config { threshold: 0, ..Config::default() });
    for len in 0..300 {
        for payload in [noise(len), [noise(len), vec![b'a'; 6]].concat(), vec![b'a'; len]] {
            let mut output = Vec::new();
            Compressor::new(&agreement, &Role::Server).write_frame(
                Message::Binary(&payload),
                None,
                &mut output,
            );
            let (header, written) = frames(&output).remove(0);
            assert!(!header.rsv1 || written.len() < payload.len());
            let events = play_deflate(CLIENT, &client, [&output[..]]).events;
            assert_eq!(events, [Event::Binary(payload.into())]);
        }
    }
}

#[test]
fn a_shared_frame_is_the_one_that_each_connection_would_have_sent() {
    let config = Config { threshold: 0, ..Config::default() };
    let (agreement, client) = agreed(&config);
    let text = json(5000, 0);
    let (mut shared, mut own) = (Vec::new(), Vec::new());
    assert!(encode_shared(Message::Text(&text), config.level, &mut shared));
    Compressor::new(&agreement, &Role::Server).write_frame(Message::Text(&text), None, &mut own);
    assert!(shared == own);
    // Between messages of the connection's own.
    let bytes = [own.clone(), shared, own].concat();
    let events = play_deflate(CLIENT, &client, [&bytes[..]]).events;
    assert_eq!(events, vec![Event::Text(text.into()); 3]);

    let mut output = vec![7];
    assert!(!encode_shared(Message::Binary(&noise(500)), 1, &mut output));
    assert!(!encode_shared(Message::Text(""), 1, &mut output));
    assert!(!encode_shared(Message::Text(&json(500, 0)), 0, &mut output));
    assert_eq!(output, [7]);
}

#[test]
fn a_connection_without_takeover_refers_to_nothing_of_another() {
    // The states of this thread have just seen the secret.
    let secret = json(4000, 9);
    let (agreement, _) = agreed(&Config::default());
    let mut bytes = Vec::new();
    let mut sender = Connection::with_deflate(CLIENT, Limits::default(), &agreement);
    sender.send(Message::Text(&secret), &mut bytes);
    let outcome = play_deflate(Role::Server, &agreement, [&bytes[..]]);
    assert_eq!(outcome.events, [Event::Text(secret.clone().into())]);
    // A match of three bytes that stood 1, 5, 1000 bytes before the beginning: fixed codes, made
    // by hand, least significant bit first.
    for (distance_code, extra_bits, extra) in [(0, 0, 0), (4, 1, 0), (19, 8, 231)] {
        let mut bits: Vec<u32> = vec![0, 1, 0];
        bits.extend([0, 0, 0, 0, 0, 0, 1]);
        bits.extend((0..5).rev().map(|it| distance_code >> it & 1));
        bits.extend((0..extra_bits).map(|it| extra >> it & 1));
        bits.extend([0; 7]);
        let bytes: Vec<u8> = bits
            .chunks(8)
            .map(|it| it.iter().enumerate().map(|(at, bit)| (bit << at) as u8).sum())
            .collect();
        let frame = crate::peer::frame(Role::Server, 0xC2, &[bytes, vec![0]].concat());
        let outcome = play_deflate(Role::Server, &agreement, [&frame[..]]);
        assert_eq!(outcome.error, Some(switchboard_ws::PeerError::BadCompression));
    }
}

fn configs() -> impl Strategy<Value = Config> {
    let takeovers = any::<(bool, bool)>();
    (takeovers, 8..=15_u8, 8..=15_u8, 0..200_usize, 0..=9_u8, 1..=9_u8).prop_map(
        |(takeovers, server, client, threshold, level, memory_level)| Config {
            server_no_context_takeover: takeovers.0,
            client_no_context_takeover: takeovers.1,
            server_max_window_bits: server,
            client_max_window_bits: client,
            threshold,
            level,
            memory_level,
        },
    )
}

fn messages() -> impl Strategy<Value = Vec<String>> {
    let message = prop_oneof![
        "\\PC{0,300}",
        (0..3000_usize, 0..5_usize).prop_map(|(len, seed)| json(len, seed)),
        ("[a-c]{0,9}", 0..400_usize).prop_map(|(text, times)| text.repeat(times)),
    ];
    vec(message, 0..6)
}

/// Compressing is slow in a debug build.
fn a_quarter_of_the_cases() -> ProptestConfig {
    let usual = ProptestConfig::default();
    ProptestConfig { cases: usual.cases / 4, ..usual }
}

proptest! {
    #![proptest_config(a_quarter_of_the_cases())]

    #[test]
    fn compressed_messages_come_back_however_they_are_cut(
        config in configs(),
        messages in messages(),
        cuts in vec(1_usize..90, 1..50),
        from_client: bool,
    ) {
        let (server, client) = agreed(&config);
        let (from, to) = if from_client { (CLIENT, Role::Server) } else { (Role::Server, CLIENT) };
        let (ours, theirs) = if from_client { (client, server) } else { (server, client) };
        let mut sender = Connection::with_deflate(from, Limits::default(), &ours);
        let mut bytes = Vec::new();
        messages.iter().for_each(|it| sender.send(Message::Text(it), &mut bytes));
        let events = messages.iter().map(|it| Event::Text(it.clone().into())).collect();
        let expected = Outcome { events, ..Outcome::default() };
        prop_assert_eq!(&play_deflate(to, &theirs, [&bytes[..]]), &expected);
        prop_assert_eq!(&play_deflate(to, &theirs, bytes.chunks(1)), &expected);
        prop_assert_eq!(&play_deflate(to, &theirs, pieces(&bytes, &cuts)), &expected);
    }

    #[test]
    fn broken_compressed_frames_end_the_same_however_they_are_cut(
        config in configs(),
        messages in messages(),
        faults in vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cuts in vec(1_usize..90, 1..50),
        is_to_server: bool,
    ) {
        let (server, client) = agreed(&config);
        let (from, to) = if is_to_server { (CLIENT, Role::Server) } else { (Role::Server, CLIENT) };
        let (ours, theirs) = if is_server(to) { (client, server) } else { (server, client) };
        let limits = Limits { message_bytes_max: 2000, ..Limits::default() };
        let mut sender = Connection::with_deflate(from, limits, &ours);
        let mut bytes = vec![];
        sender.ping(b"", &mut bytes);
        messages.iter().for_each(|it| sender.send(Message::Text(it), &mut bytes));
        for (at, value) in faults {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        let play = |cut: Vec<&[u8]>| {
            play_on(&mut Connection::with_deflate(to, limits, &theirs), Instant::now(), cut)
        };
        let whole = play(vec![&bytes[..]]);
        prop_assert_eq!(&whole, &play(bytes.chunks(1).collect()));
        prop_assert_eq!(&whole, &play(pieces(&bytes, &cuts)));
    }
}
