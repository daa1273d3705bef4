//! The echo as a client hears it that begins with polling and changes to a WebSocket.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may fail loudly"
)]

use std::process::Stdio;
use std::time::Duration;

use switchboard::ws;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::TcpStream;
use tokio::process::{Child, ChildStdout, Command};

/// The program on a free port, which is stopped when it is dropped.
async fn start() -> (Child, Lines<BufReader<ChildStdout>>, String) {
    let mut program = Command::new(env!("CARGO_BIN_EXE_engine-echo"));
    let mut program = program.arg("0").stdout(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
    let mut lines = BufReader::new(program.stdout.take().unwrap()).lines();
    let line = within(lines.next_line()).await.unwrap().unwrap();
    (program, lines, line.strip_prefix("listening on ").unwrap().to_owned())
}

async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), future).await.expect("it did not happen in time")
}

/// The body of the answer.
async fn request(address: &str, method: &str, query: &str, body: &str) -> String {
    let mut stream = within(TcpStream::connect(address)).await.unwrap();
    let request = format!(
        "{method} /engine.io/?EIO=4&transport={query} HTTP/1.1\r\nHost: {address}\r\n\
         Connection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    within(stream.read_to_string(&mut answer)).await.unwrap();
    answer.split_once("\r\n\r\n").unwrap().1.to_owned()
}

#[tokio::test]
async fn messages_come_back_before_and_after_the_upgrade() {
    let (_program, mut lines, address) = start().await;
    let open = request(&address, "GET", "polling", "").await;
    let sid = open.split('"').nth(3).unwrap();
    let with_sid = format!("polling&sid={sid}");
    assert_eq!(request(&address, "POST", &with_sid, "4one").await, "ok");
    assert_eq!(request(&address, "GET", &with_sid, "").await, "4one");

    let url = format!("ws://{address}/engine.io/?EIO=4&transport=websocket&sid={sid}");
    let mut socket = within(ws::connect(url).into_future()).await.unwrap();
    socket.send("2probe").unwrap();
    assert_eq!(within(socket.recv()).await.unwrap(), Some("3probe".into()));
    socket.send("5").unwrap();
    socket.send("4two").unwrap();
    assert_eq!(within(socket.recv()).await.unwrap(), Some("4two".into()));
    drop(socket);
    let told = ["a client came by polling", "it goes on by websocket", "it left: transport close"];
    for expected in told {
        assert_eq!(within(lines.next_line()).await.unwrap().as_deref(), Some(expected));
    }
}
