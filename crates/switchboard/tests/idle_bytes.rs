//! What an idle client costs: the bytes that live on the server's thread, counted over real TCP.
//!
//! `docs/internals/memory.md` lists them one by one. Whoever makes them fewer lowers the limits here.

#![allow(
    unsafe_code,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "an allocator that counts needs unsafe, and a test may fail loudly"
)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use switchboard::ws::{self, WebSocket};
use switchboard::{Ack, Data, Server, Socket};
use switchboard_ws::{Message, encode_masked};

mod on_thread;

use on_thread::serve_on_thread;

/// One test, because the counter is everybody's.
#[test]
fn an_idle_client_costs_little_and_a_burst_leaves_nothing_behind() {
    let (address, _stop) = serve_websockets();
    let _clients = crowd(PLAIN_BYTES, || connect(address, "/"));

    let (address, _stop) = serve_socket_io();
    let mut clients = crowd(SOCKET_IO_BYTES, || join(address));

    let before = LIVE.load(Ordering::SeqCst);
    clients.iter_mut().for_each(exchange_burst);
    expect_at_most(before + POOLS_BYTES, "after a burst");

    let crowd = CLIENTS * SOCKET_IO_BYTES;
    drop(clients);
    expect_at_most(before + POOLS_BYTES - crowd * 9 / 10, "after the crowd has left");
}

/// Connects [`CLIENTS`], each of which may cost so many bytes. A hundred before them are not
/// counted: they make tables and pools.
fn crowd(bytes_each: i64, connect: impl Fn() -> TcpStream) -> Vec<TcpStream> {
    let mut clients: Vec<_> = (0..100).map(|_| connect()).collect();
    let before = LIVE.load(Ordering::SeqCst);
    clients.extend((0..CLIENTS).map(|_| connect()));
    let limit = before + CLIENTS * bytes_each + SHARED_BYTES;
    let whole = expect_at_most(limit, "with a crowd") - before;
    let each = whole / CLIENTS;
    assert!(bytes_each * 9 / 10 < each, "{each} bytes: lower the limit");
    clients
}

/// Waits until no more bytes live: a handshake leaves some for a moment.
fn expect_at_most(limit: i64, when: &str) -> i64 {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let live = LIVE.load(Ordering::SeqCst);
        if live <= limit {
            return live;
        }
        assert!(Instant::now() < deadline, "{live} bytes live {when}, {} too many", live - limit);
        std::thread::yield_now();
    }
}

/// Sends 64 events of 1 KiB and one of 64 KiB at once, and reads their acks.
fn exchange_burst(client: &mut TcpStream) {
    let mut frames = Vec::new();
    for bytes in [1024; 64].into_iter().chain([64 * 1024]) {
        let event = format!(r#"420["echo","{}"]"#, "x".repeat(bytes));
        encode_masked(Message::Text(&event), [1, 2, 3, 4], &mut frames);
    }
    client.write_all(&frames).unwrap();
    for _ in 0..65 {
        assert!(read_text(client).starts_with(r#"430["xxx"#));
    }
}

/// A Socket.IO client.
fn join(address: SocketAddr) -> TcpStream {
    let mut client = connect(address, "/socket.io/?EIO=4&transport=websocket");
    assert!(read_text(&mut client).starts_with("0{"));
    let mut frame = Vec::new();
    encode_masked(Message::Text("40"), [1, 2, 3, 4], &mut frame);
    client.write_all(&frame).unwrap();
    assert!(read_text(&mut client).starts_with("40{"));
    client
}

fn read_text(client: &mut TcpStream) -> String {
    let mut head = [0; 2];
    client.read_exact(&mut head).unwrap();
    let mut long = [0; 8];
    let len = match head[1] {
        126 => &mut long[6..],
        127 => &mut long[..],
        len => {
            long[7] = len;
            &mut []
        }
    };
    client.read_exact(len).unwrap();
    let mut text = vec![0; usize::try_from(u64::from_be_bytes(long)).unwrap()];
    client.read_exact(&mut text).unwrap();
    String::from_utf8(text).unwrap()
}

/// Opens a WebSocket with the headers of a browser.
fn connect(address: SocketAddr, path: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nPragma: no-cache\r\n\
         Cache-Control: no-cache\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64) \
         AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36\r\n\
         Upgrade: websocket\r\nOrigin: http://{address}\r\nSec-WebSocket-Version: 13\r\n\
         Accept-Encoding: gzip, deflate, br, zstd\r\nAccept-Language: en-GB,en;q=0.9,de;q=0.8\r\n\
         Cookie: session=3f1c9a2be8d94d6c9f00b1a7c55e20d4; theme=dark\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n"
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

fn serve_socket_io() -> (SocketAddr, mpsc::Sender<()>) {
    serve_on_thread(count_from_now, |listener, shutdown| {
        let io = Server::builder().build();
        io.on("connection", async |socket: Socket| socket.join("everybody").unwrap());
        io.on("echo", async |Data(text): Data<String>, ack: Ack| {
            ack.send(&text).ok();
        });
        Box::pin(switchboard::serve(listener, io, shutdown))
    })
}

fn serve_websockets() -> (SocketAddr, mpsc::Sender<()>) {
    serve_on_thread(count_from_now, |listener, shutdown| {
        let echo = ws::Server::new(async |mut socket: WebSocket| {
            while let Ok(Some(message)) = socket.recv().await {
                socket.send(message).unwrap();
            }
        });
        Box::pin(ws::serve(listener, echo, shutdown))
    })
}

const CLIENTS: i64 = 1000;
/// What a Socket.IO client may cost that is in one room. The tables' spare room is in it.
const SOCKET_IO_BYTES: i64 = 1600;
/// What a client of a plain WebSocket may cost, the future of an echo included.
const PLAIN_BYTES: i64 = 1110;
/// What all of them together may add to the buffers of the thread: on a busy machine several
/// handshakes meet there.
const SHARED_BYTES: i64 = 64 * 1024;
/// What the buffers of a thread may keep, whatever the number of clients.
const POOLS_BYTES: i64 = 2_500_000;

static LIVE: AtomicI64 = AtomicI64::new(0);

thread_local! {
    static IS_COUNTED: Cell<bool> = const { Cell::new(false) };
}

struct Counting;

// SAFETY: everything is left to the system's allocator; counting allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size(), 1);
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(layout.size(), -1);
        count(size, 1);
        // SAFETY: the caller keeps the contract of `realloc`.
        unsafe { System.realloc(pointer, layout, size) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(layout.size(), -1);
        // SAFETY: the caller keeps the contract of `dealloc`.
        unsafe { System.dealloc(pointer, layout) }
    }
}

fn count(bytes: usize, sign: i64) {
    if IS_COUNTED.try_with(Cell::get).unwrap_or(false) {
        LIVE.fetch_add(sign * i64::try_from(bytes).unwrap_or(0), Ordering::SeqCst);
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Counts what this thread allocates from now on.
fn count_from_now() {
    IS_COUNTED.set(true);
}
