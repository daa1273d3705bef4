//! What connections own and what messages cost, in bytes of the heap: counted, not believed.

#![allow(
    unsafe_code,
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "an allocator that counts needs unsafe, and a test may start the clock and fail loudly"
)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::time::Instant;

use switchboard_ws::deflate::{Agreement, Config, negotiate};
use switchboard_ws::{Connection, Event, Limits, Message, PeerError, Role, encode};

const CLIENT: Role = Role::Client { mask_key: || [1, 2, 3, 4] };

#[test]
fn w9_an_idle_compressed_connection_owns_less_than_two_kilobytes_more_than_a_plain_one() {
    let agreement = agreed(true);
    let mut connection = Connection::with_deflate(Role::Server, Limits::default(), &agreement);
    let mut input = message(&agreement, &"tick ".repeat(1000));
    let mut output = Vec::with_capacity(10_000);
    // The thread's states are there once somebody has needed them.
    exchange(&mut connection, &mut input.clone(), &mut output);
    drop(connection);

    let plain = owned(|| Box::new(Connection::new(Role::Server, Limits::default())));
    let idle = owned(|| {
        let limits = Limits::default();
        let mut connection = Box::new(Connection::with_deflate(Role::Server, limits, &agreement));
        exchange(&mut connection, &mut input, &mut output);
        connection
    });
    assert_eq!(plain, size_of::<Connection>());
    assert!(idle - plain <= 48, "{} more", idle - plain);
}

#[test]
fn w19_a_connection_keeps_nothing_of_messages_and_control_frames_that_came_in_pieces() {
    for agreement in [None, Some(agreed(true))] {
        let limits = Limits::default();
        let mut connection = agreement.map_or_else(
            || Connection::new(Role::Server, limits),
            |it| Connection::with_deflate(Role::Server, limits, &it),
        );
        let mut sender = agreement.map_or_else(
            || Connection::new(CLIENT, limits),
            |it| Connection::with_deflate(CLIENT, limits, &it),
        );
        let mut bytes = Vec::new();
        sender.send(Message::Text(&"tick ".repeat(1000)), &mut bytes);
        sender.ping(b"are you there", &mut bytes);
        let mut output = Vec::with_capacity(1000);
        let mut play = || {
            for byte in bytes.clone().chunks_mut(1) {
                let mut input = byte;
                while connection.receive(&mut input, Instant::now(), &mut output).unwrap().is_some()
                {
                }
            }
        };
        // The thread's states are made by the first.
        play();
        assert_eq!(owned(play), 0);
    }
}

#[test]
fn plain_echo_of_whole_messages_allocates_nothing() {
    let mut connection = Connection::new(Role::Server, Limits::default());
    let mut frame = Vec::new();
    Connection::new(CLIENT, Limits::default())
        .send(Message::Text("twenty bytes of text"), &mut frame);
    let mut frames = frame.repeat(16);
    let mut output = Vec::with_capacity(1000);
    let ((), spent) = counted(|| {
        let mut input = &mut frames[..];
        let now = Instant::now();
        while let Some(event) = connection.receive(&mut input, now, &mut output).unwrap() {
            if let Event::Text(text) = event {
                connection.send(Message::Text(&text), &mut output);
            }
        }
    });
    assert_eq!((spent.allocations, output.len()), (0, 16 * 22));
}

#[test]
fn a_compressed_message_costs_one_allocation_to_receive_and_none_to_send() {
    let agreement = agreed(true);
    let mut connection = Connection::with_deflate(Role::Server, Limits::default(), &agreement);
    let text = "tick ".repeat(1000);
    let mut output = Vec::with_capacity(10_000);
    let mut input = message(&agreement, &text);
    exchange(&mut connection, &mut input.clone(), &mut output);

    let ((), spent) = counted(|| connection.send(Message::Text(&text), &mut output));
    assert_eq!(spent.allocations, 0);
    let (event, spent) = counted(|| {
        connection.receive(&mut &mut input[..], Instant::now(), &mut output).unwrap().unwrap()
    });
    assert_eq!((event, spent.allocations), (Event::Text(text.as_str().into()), 1));
    assert_eq!(spent.allocated, text.len());
}

#[test]
fn w4_a_huge_claim_allocates_nothing() {
    let limits = Limits { message_bytes_max: usize::MAX, ..Limits::default() };
    for len in [(1_u64 << 63) - 1, 1 << 40] {
        for first in [0x82, 0xC2] {
            let mut bytes = vec![first, 0xFF];
            bytes.extend(len.to_be_bytes());
            bytes.extend([0; 4]);
            bytes.extend([0; 100]);
            let mut connection = Connection::with_deflate(Role::Server, limits, &agreed(true));
            let mut output = Vec::new();
            let (event, spent) =
                counted(|| connection.receive(&mut &mut bytes[..], Instant::now(), &mut output));
            // A hundred zeros are stored blocks that contradict themselves.
            let is_compressed = first == 0xC2;
            assert_eq!(
                event,
                if is_compressed { Err(PeerError::BadCompression) } else { Ok(None) }
            );
            assert!(spent.peak < 200_000, "{}", spent.peak);
        }
    }
}

#[test]
fn w6_a_megabyte_byte_by_byte_is_written_once_and_moved_once_at_most() {
    const LEN: usize = 1_000_000;
    for (mut bytes, agreement) in
        [(vec![b'a'; LEN], None), (vec![0xFF; LEN], None), (vec![b'a'; LEN], Some(agreed(true)))]
    {
        let is_text = bytes[0] == b'a';
        let mut frame = vec![if is_text { 0x81 } else { 0x82 }, 0x7F];
        if agreement.is_some() {
            let mut packed = Vec::new();
            let text = String::from_utf8(bytes).unwrap();
            let mut sender =
                Connection::with_deflate(Role::Server, Limits::default(), &agreed(true));
            sender.send(Message::Text(&text), &mut packed);
            frame = packed;
        } else {
            frame.extend((LEN as u64).to_be_bytes());
            frame.append(&mut bytes);
        }
        let limits = Limits::default();
        let mut connection = match &agreement {
            Some(agreement) => Connection::with_deflate(CLIENT, limits, agreement),
            None => Connection::new(CLIENT, limits),
        };
        let (now, mut output) = (Instant::now(), Vec::new());
        let (len, spent) = counted(|| {
            let mut len = 0;
            for piece in frame.chunks_mut(1) {
                match connection.receive(&mut &mut *piece, now, &mut output).unwrap() {
                    Some(Event::Text(text)) => len = text.len(),
                    Some(Event::Binary(bytes)) => len = bytes.len(),
                    _ => (),
                }
            }
            len
        });
        assert_eq!(len, LEN);
        // Every byte is written once, when it comes; this is all that growing has moved.
        assert!(spent.moved <= LEN + 200_000, "{}", spent.moved);
    }
}

#[test]
fn w8_a_bomb_costs_no_more_memory_than_the_limit_and_a_step() {
    let agreement = agreed(true);
    let mut bomb = Vec::new();
    let config = Limits { message_bytes_max: usize::MAX, ..Limits::default() };
    Connection::with_deflate(CLIENT, config, &agreement)
        .send(Message::Binary(&vec![0; 50_000_000]), &mut bomb);
    assert!(bomb.len() < 500_000);
    let mut connection = Connection::with_deflate(Role::Server, Limits::default(), &agreement);
    let mut output = Vec::new();
    let (event, spent) =
        counted(|| connection.receive(&mut &mut bomb[..], Instant::now(), &mut output));
    assert_eq!(event, Err(PeerError::MessageTooBig));
    assert!(spent.peak < 2_300_000, "{}", spent.peak);
    assert!(connection.is_closed());
}

#[test]
fn a_connection_that_keeps_its_contexts_owns_as_much_as_the_documentation_says() {
    let agreement = agreed(false);
    let text = "tick ".repeat(20_000);
    let mut input = message(&agreement, &text);
    let mut output = Vec::with_capacity(10_000);
    exchange(
        &mut Connection::with_deflate(Role::Server, Limits::default(), &agreement),
        &mut input.clone(),
        &mut output,
    );
    let mut connection = Connection::with_deflate(Role::Server, Limits::default(), &agreement);
    let sends = owned(|| connection.send(Message::Text(&text), &mut output));
    let receives = owned(|| exchange(&mut connection, &mut input, &mut output));
    assert!((200_000..400_000).contains(&sends), "{sends}");
    assert!((40_000..120_000).contains(&receives), "{receives}");
}

/// So that the numbers above mean something.
#[test]
fn the_counter_counts() {
    let ((), spent) = counted(|| {
        let mut bytes: Vec<u8> = Vec::with_capacity(10);
        bytes.extend([0; 11]);
        drop(bytes);
        encode(Message::Binary(&[0; 100]), &mut Vec::new());
    });
    assert_eq!((spent.allocations, spent.kept), (3, 0));
    assert!((100..200).contains(&spent.peak) && spent.moved == 10, "{spent:?}");
}

fn agreed(no_context_takeover: bool) -> Agreement {
    let config = Config {
        server_no_context_takeover: no_context_takeover,
        client_no_context_takeover: no_context_takeover,
        ..Config::default()
    };
    negotiate(&config, [&b"permessage-deflate"[..]]).unwrap()
}

/// A client's compressed message.
fn message(agreement: &Agreement, text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let limits = Limits::default();
    Connection::with_deflate(CLIENT, limits, agreement).send(Message::Text(text), &mut bytes);
    assert_eq!(bytes[0], 0xC1);
    bytes
}

/// Receives one message and sends it back.
fn exchange(connection: &mut Connection, mut input: &mut [u8], output: &mut Vec<u8>) {
    output.clear();
    let event = connection.receive(&mut input, Instant::now(), output).unwrap();
    let Some(Event::Text(text)) = event else { return };
    connection.send(Message::Text(&text), output);
}

/// What `work` has allocated and what it made still owns.
fn owned<T>(work: impl FnOnce() -> T) -> usize {
    let (made, spent) = counted(work);
    drop(made);
    usize::try_from(spent.kept).unwrap_or(0)
}

#[derive(Clone, Copy, Debug, Default)]
struct Spent {
    allocations: usize,
    /// Bytes that were asked for, all in all.
    allocated: usize,
    /// Bytes that stood in blocks when these had to grow.
    moved: usize,
    /// Bytes that were not given back.
    kept: isize,
    /// Most of them at one time.
    peak: isize,
}

fn counted<T>(work: impl FnOnce() -> T) -> (T, Spent) {
    let before = SPENT.replace(Spent::default());
    let made = work();
    (made, SPENT.replace(before))
}

fn note(allocated: usize, freed: usize, moved: usize) {
    let mut spent = SPENT.get();
    spent.allocations += usize::from(0 < allocated);
    spent.allocated += allocated;
    spent.moved += moved;
    spent.kept += allocated as isize - freed as isize;
    spent.peak = spent.peak.max(spent.kept);
    SPENT.set(spent);
}

thread_local! {
    static SPENT: Cell<Spent> = const { Cell::new(Spent { allocations: 0, allocated: 0, moved: 0, kept: 0, peak: 0 }) };
}

struct Counting;

// SAFETY: every call goes to `System` unchanged; the counters are plain thread-local numbers.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(layout.size(), 0, 0);
        // SAFETY: the caller keeps to the contract of `alloc`, which is the same one.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        note(0, layout.size(), 0);
        // SAFETY: as above; `block` came from `System`.
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        note(new_size, layout.size(), layout.size());
        // SAFETY: as above.
        unsafe { System.realloc(block, layout, new_size) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;
