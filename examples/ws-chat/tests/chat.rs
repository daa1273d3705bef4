//! The chat as its guests see it.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may fail loudly"
)]

use std::process::Stdio;
use std::time::Duration;

use switchboard::ws::{self, WebSocket};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

/// The program on a free port, which is stopped when it is dropped.
async fn start() -> (Child, String) {
    let mut program = Command::new(env!("CARGO_BIN_EXE_ws-chat"));
    let mut program = program.arg("0").stdout(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
    let mut lines = BufReader::new(program.stdout.take().unwrap()).lines();
    let line = within(lines.next_line()).await.unwrap().unwrap();
    (program, line.strip_prefix("listening on ").unwrap().to_owned())
}

async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), future).await.expect("it did not happen in time")
}

async fn visit(address: &str) -> WebSocket {
    within(ws::connect(format!("ws://{address}/chat")).into_future()).await.unwrap()
}

async fn heard(socket: &mut WebSocket) -> String {
    within(socket.recv()).await.unwrap().unwrap().as_text().unwrap().to_owned()
}

#[tokio::test]
async fn everybody_hears_what_is_said_and_who_leaves() {
    let (_program, address) = start().await;
    let mut ada = visit(&address).await;
    assert_eq!(heard(&mut ada).await, "somebody came, we are 1");
    let mut bob = visit(&address).await;
    assert_eq!(heard(&mut ada).await, "somebody came, we are 2");
    assert_eq!(heard(&mut bob).await, "somebody came, we are 2");
    ada.send("hello").unwrap();
    assert_eq!(heard(&mut ada).await, "hello");
    assert_eq!(heard(&mut bob).await, "hello");
    drop(bob);
    assert_eq!(heard(&mut ada).await, "somebody left, we are 1");
}

#[tokio::test]
async fn who_answers_no_ping_is_removed() {
    let (_program, address) = start().await;
    let mut dead = TcpStream::connect(&address).await.unwrap();
    let request = format!(
        "GET /chat HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    dead.write_all(request.as_bytes()).await.unwrap();
    assert_ne!(within(dead.read(&mut [0; 1024])).await.unwrap(), 0);
    let mut ada = visit(&address).await;
    assert_eq!(heard(&mut ada).await, "somebody came, we are 2");
    assert_eq!(heard(&mut ada).await, "somebody vanished, we are 1");
}

#[tokio::test]
async fn the_page_is_served_on_the_same_port() {
    let (_program, address) = start().await;
    let mut stream = TcpStream::connect(&address).await.unwrap();
    let request = format!("GET / HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut page = String::new();
    within(stream.read_to_string(&mut page)).await.unwrap();
    assert!(page.starts_with("HTTP/1.1 200 ") && page.contains("new WebSocket("), "{page}");
}
