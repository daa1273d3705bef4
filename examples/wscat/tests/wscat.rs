//! The program as a person at a terminal, or a script, uses it.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may fail loudly"
)]

use std::process::{Output, Stdio};
use std::time::Duration;

use switchboard::Handshake;
use switchboard::ws::{self, CloseCode, Deflate, Options, WebSocket};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::process::Command;

/// A server that says how it was asked, echoes, and closes with the code that it is told.
async fn start() -> String {
    let options = Options::new().protocols(["echo"]).deflate(Deflate::default());
    let server = ws::Server::with_options(options, async |socket: WebSocket, asked: Handshake| {
        talk(socket, asked).await
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(ws::serve(listener, server, std::future::pending()));
    format!("ws://{address}/")
}

async fn talk(mut socket: WebSocket, asked: Handshake) -> Result<(), ws::Error> {
    if let Some(name) = asked.header("x-name") {
        socket.send(format!("hello {name}"))?;
    }
    while let Some(message) = socket.recv().await? {
        let text = message.as_text().unwrap_or_default();
        match text.strip_prefix("close ").and_then(|it| CloseCode::new(it.parse().ok()?)) {
            Some(code) => socket.close(code, "as you wish"),
            None if text == "how" => {
                let offered = asked.header("sec-websocket-extensions");
                socket.send(if offered.is_some() { "compressed" } else { "plain" })?;
            }
            None if text == "bytes" => socket.send_binary(b"\x01\xff")?,
            None => socket.send(message)?,
        }
    }
    Ok(())
}

/// Runs the program to its end.
async fn wscat(args: &[&str], input: &str) -> (i32, String, String) {
    let mut program = Command::new(env!("CARGO_BIN_EXE_wscat"));
    program.args(args).env("no_proxy", "*").kill_on_drop(true);
    program.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut program = program.spawn().unwrap();
    let mut stdin = program.stdin.take().unwrap();
    // It may have ended already.
    stdin.write_all(input.as_bytes()).await.ok();
    drop(stdin);
    let ended = tokio::time::timeout(Duration::from_secs(20), program.wait_with_output());
    let Output { status, stdout, stderr } = ended.await.expect("it did not end in time").unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code().unwrap(), text(stdout), text(stderr))
}

#[tokio::test]
async fn lines_are_sent_and_answers_printed() {
    let url = start().await;
    let (code, stdout, stderr) = wscat(&[&url], "one\ntwo ä\nbytes\n").await;
    assert_eq!(stdout, "< one\n< two ä\n< [2 bytes] 01ff\n");
    assert_eq!(stderr, "connected\nclosed: 1000\n");
    assert_eq!(code, 0);
}

#[tokio::test]
async fn one_message_can_be_sent_without_any_input() {
    let url = start().await;
    let args = [&url, "-x", "a", "-x", "b", "-w", "0.5", "-H", "X-Name: Ada", "-s", "echo"];
    let (code, stdout, stderr) = wscat(&args, "").await;
    assert_eq!(stdout, "< hello Ada\n< a\n< b\n");
    assert_eq!(stderr, "connected, speaking echo\nclosed: 1000\n");
    assert_eq!(code, 0);
}

#[tokio::test]
async fn compression_is_offered_when_it_is_asked_for() {
    let url = start().await;
    let long = "long ".repeat(1000);
    for (flag, expected) in [("-z", "compressed"), ("-w1", "plain")] {
        let (code, stdout, _) = wscat(&[&url, flag, "-x", "how", "-x", &long], "").await;
        assert_eq!(stdout, format!("< {expected}\n< {long}\n"));
        assert_eq!(code, 0);
    }
}

#[tokio::test]
async fn the_exit_code_tells_how_it_ended() {
    let url = start().await;
    let (code, _, stderr) = wscat(&[&url, "-x", "close 1001"], "").await;
    assert_eq!((code, &*stderr), (0, "connected\nclosed: 1001 as you wish\n"));
    let (code, _, stderr) = wscat(&[&url, "-x", "close 4000"], "").await;
    assert_eq!((code, &*stderr), (1, "connected\nclosed: 4000 as you wish\n"));
    for bad in [
        &[&*url, "-o", "https://elsewhere.example"][..],
        &[&url, "-H", "a: b\r\nc: d"],
        &[&url, "-H", "no colon"],
        &[&url, "--ca", "/nowhere"],
        &[&url, "--proxy", "http://127.0.0.1:1"],
        &["ws://127.0.0.1:1/"],
        &["nonsense"],
    ] {
        let (code, stdout, stderr) = wscat(bad, "").await;
        assert_eq!((code, &*stdout), (2, ""), "{bad:?}");
        assert!(!stderr.is_empty(), "{bad:?}");
    }
}
