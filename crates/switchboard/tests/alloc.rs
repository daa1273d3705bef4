//! What messages cost in allocations: counted over real TCP, on the thread of the server alone.

#![allow(
    unsafe_code,
    clippy::print_stdout,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "an allocator that counts needs unsafe; a test may fail loudly, and tell what it counted"
)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use switchboard::ws::{self, Options, WebSocket};
use switchboard::{Ack, Data, Server, Socket};
use switchboard_ws::{Message, encode, encode_masked};

mod on_thread;

use on_thread::serve_on_thread;

/// One test, because the counter is everybody's.
#[test]
fn messages_allocate_as_little_as_promised() {
    echo_allocates_nothing();
    broadcasts_allocate_nothing_for_each_recipient();
    events_allocate_a_handful();
}

/// However many are in the room: the packet is encoded once, and what waits for a recipient waits in place. A broadcast
/// that allocates once for each of 100 recipients shows as 100.
fn broadcasts_allocate_nothing_for_each_recipient() {
    for in_flight in [1, 16] {
        let (few, many) = (broadcasts(100, in_flight), broadcasts(200, in_flight));
        println!("{in_flight} broadcasts at once: {few} allocations to 100, {many} to 200");
        // Lists that grow double, so twice as many recipients may cost one more in all.
        let more = many.saturating_sub(few);
        assert!(
            more <= LISTS_THAT_GROW,
            "{in_flight} at once: {more} more for 100 more recipients"
        );
        let most = BROADCAST_ALLOCATIONS * in_flight as u64 + TURN_ALLOCATIONS;
        assert!(many <= most, "{in_flight} at once: {many}, not {most}");
    }
}

/// What an incoming event costs besides, with an ack and without.
fn events_allocate_a_handful() {
    for (name, in_flight, most) in [
        ("with ack", 1, EVENT_WITH_ACK_ALLOCATIONS),
        ("with ack", 16, EVENT_WITH_ACK_ALLOCATIONS),
        ("without ack", 16, EVENT_ALLOCATIONS),
    ] {
        let all = events(name == "with ack", in_flight);
        println!("{in_flight} events {name} at once: {all} allocations");
        let most = most * in_flight as u64 + EVENTS_BESIDE;
        assert!(all <= most, "{in_flight} events {name} at once: {all}, not {most}");
    }
}

fn echo_allocates_nothing() {
    let (address, _stop) = serve(Options::new());
    for message in [Message::Text("20 bytes of message."), Message::Binary(&[7; 500])] {
        for in_flight in [1, 16] {
            let mut client = connect(address, "/");
            let counted = allocations(&mut client, message, in_flight, 1000);
            assert_eq!(counted, 0, "{in_flight} in flight of {message:?}");
        }
    }
}

/// Sends `message` so often in flight, so many times, and counts what the server allocates for it
/// once it has warmed up.
fn allocations(client: &mut TcpStream, message: Message<'_>, in_flight: usize, times: u64) -> u64 {
    let (mut there, mut back) = (Vec::new(), Vec::new());
    for _ in 0..in_flight {
        encode_masked(message, [1, 2, 3, 4], &mut there);
        encode(message, &mut back);
    }
    let mut answer = vec![0; back.len()];
    let mut echo = || {
        client.write_all(&there).unwrap();
        client.read_exact(&mut answer).unwrap();
        assert!(answer == back);
    };
    (0..100).for_each(|_| echo());
    let before = COUNTED.load(Ordering::SeqCst);
    (0..times).for_each(|_| echo());
    COUNTED.load(Ordering::SeqCst) - before
}

/// What the server allocates for each broadcast to `listeners`, who get so many of them at once. One client more asks for
/// them; the events with which it does that are in the figure.
fn broadcasts(listeners: usize, in_flight: usize) -> u64 {
    let (address, _stop) = serve_rooms();
    let mut asking = join_room(address);
    let mut listening: Vec<_> = (0..listeners).map(|_| join_room(address)).collect();
    let ask = masked(r#"42["shout","20 bytes of message."]"#).repeat(in_flight);
    let heard = unmasked(r#"42["shouted","20 bytes of message."]"#).repeat(in_flight);
    let mut got = vec![0; heard.len()];
    each(|| {
        asking.write_all(&ask).unwrap();
        for client in &mut listening {
            client.read_exact(&mut got).unwrap();
            assert!(got == heard);
        }
    })
}

/// What the server allocates for each event of a client that sends so many at once.
fn events(has_ack: bool, in_flight: usize) -> u64 {
    let (address, _stop) = serve_rooms();
    let mut client = join_room(address);
    let last = [masked(r#"421["echo","20 bytes of message."]"#)].concat();
    let back = unmasked(r#"431["20 bytes of message."]"#);
    let (there, back) = if has_ack {
        (last.repeat(in_flight), back.repeat(in_flight))
    } else {
        // One ack in a batch tells that all were handled.
        let note = masked(r#"42["note","20 bytes of message."]"#);
        ([note.repeat(in_flight - 1), last].concat(), back)
    };
    let mut got = vec![0; back.len()];
    each(|| {
        client.write_all(&there).unwrap();
        client.read_exact(&mut got).unwrap();
        assert!(got == back);
    })
}

/// Does `turn` until the server has warmed up, and then counts its allocations for one.
fn each(mut turn: impl FnMut()) -> u64 {
    (0..WARM_UP).for_each(|_| turn());
    let before = COUNTED.load(Ordering::SeqCst);
    (0..TURNS).for_each(|_| turn());
    let counted = COUNTED.load(Ordering::SeqCst) - before;
    // What is less than one for each turn is nobody's: a timer, say.
    counted / TURNS
}

fn masked(text: &str) -> Vec<u8> {
    let mut frame = Vec::new();
    encode_masked(Message::Text(text), [1, 2, 3, 4], &mut frame);
    frame
}

fn unmasked(text: &str) -> Vec<u8> {
    let mut frame = Vec::new();
    encode(Message::Text(text), &mut frame);
    frame
}

/// Serves Socket.IO with one room on a thread of its own, whose allocations are counted.
fn serve_rooms() -> (SocketAddr, mpsc::Sender<()>) {
    serve_on_thread(count_from_now, |listener, shutdown| {
        let io = Server::builder().build();
        io.on("connection", async |socket: Socket| socket.join("room").unwrap());
        io.on("shout", async |socket: Socket, Data(text): Data<String>| {
            socket.to("room").emit("shouted", &text).unwrap();
        });
        io.on("echo", async |Data(text): Data<String>, ack: Ack| ack.send(&text).unwrap());
        io.on("note", async |Data(text): Data<String>| drop(text));
        Box::pin(switchboard::serve(listener, io, shutdown))
    })
}

/// A Socket.IO client in the room.
fn join_room(address: SocketAddr) -> TcpStream {
    let mut client = connect(address, "/socket.io/?EIO=4&transport=websocket");
    assert!(read_text(&mut client).starts_with("0{"));
    send_text(&mut client, "40");
    assert!(read_text(&mut client).starts_with("40{"));
    client
}

fn send_text(client: &mut TcpStream, text: &str) {
    let mut frame = Vec::new();
    encode_masked(Message::Text(text), [1, 2, 3, 4], &mut frame);
    client.write_all(&frame).unwrap();
}

/// One short frame of the server.
fn read_text(client: &mut TcpStream) -> String {
    let mut head = [0; 2];
    client.read_exact(&mut head).unwrap();
    let mut len = usize::from(head[1]);
    if len == 126 {
        let mut long = [0; 2];
        client.read_exact(&mut long).unwrap();
        len = usize::from(u16::from_be_bytes(long));
    }
    let mut text = vec![0; len];
    client.read_exact(&mut text).unwrap();
    String::from_utf8(text).unwrap()
}

/// Serves an echo on a thread of its own, whose allocations are counted.
fn serve(options: Options) -> (SocketAddr, mpsc::Sender<()>) {
    serve_on_thread(count_from_now, |listener, shutdown| {
        let echo = ws::Server::with_options(options, async |mut socket: WebSocket| {
            while let Ok(Some(message)) = socket.recv().await {
                socket.send(message).unwrap();
            }
        });
        Box::pin(ws::serve(listener, echo, shutdown))
    })
}

fn connect(address: SocketAddr, path: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    assert!(head.starts_with(b"HTTP/1.1 101 "));
    stream
}

/// Turns before anything is counted: buffers grow to their size.
const WARM_UP: u64 = 50;
const TURNS: u64 = 200;
/// For a broadcast, with the event that asks for it.
const BROADCAST_ALLOCATIONS: u64 = 9;
/// In a turn, whatever the number of recipients.
const LISTS_THAT_GROW: u64 = 3;
const EVENT_WITH_ACK_ALLOCATIONS: u64 = 2;
const EVENT_ALLOCATIONS: u64 = 2;
/// For all events of one read together.
const EVENTS_BESIDE: u64 = 2;
/// For all messages of one read together.
const TURN_ALLOCATIONS: u64 = 10;

static COUNTED: AtomicU64 = AtomicU64::new(0);

thread_local! {
    static IS_COUNTED: Cell<bool> = const { Cell::new(false) };
}

struct Counting;

// SAFETY: everything is left to the system's allocator; counting allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: the caller keeps the contract of `realloc`.
        unsafe { System.realloc(pointer, layout, size) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the contract of `dealloc`.
        unsafe { System.dealloc(pointer, layout) }
    }
}

fn count() {
    if IS_COUNTED.try_with(Cell::get).unwrap_or(false) {
        COUNTED.fetch_add(1, Ordering::SeqCst);
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Counts what this thread allocates from now on.
fn count_from_now() {
    IS_COUNTED.set(true);
}
