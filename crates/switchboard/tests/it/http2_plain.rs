//! Plain WebSockets as streams of an HTTP/2 connection.

use http::{Method, StatusCode};
use switchboard::ws::{self, Options, WebSocket};
use tokio::net::TcpStream;
use tokio::sync::oneshot;

use crate::client::within;
use crate::http2_client::Http2;
use crate::plain;

async fn open(server: &ws::Server) -> (Http2, oneshot::Sender<()>) {
    let (address, guard) = plain::serve(server).await;
    let stream = within(TcpStream::connect(address)).await.unwrap();
    (Http2::over(stream, format!("http://{address}"), 65_535).await, guard)
}

#[tokio::test]
async fn messages_go_both_ways_on_many_streams() {
    let server = ws::Server::new(plain::echo);
    let (http2, guard) = open(&server).await;
    let mut sockets = Vec::new();
    for _ in 0..50 {
        sockets.push(http2.plain().await);
    }
    let large = "x".repeat(300_000);
    for (number, socket) in sockets.iter_mut().enumerate() {
        for text in [&*format!("number {number}"), &large] {
            let frame = socket.frame(text);
            for piece in frame.chunks(10_000) {
                socket.send_data(piece.to_vec()).await;
            }
            assert_eq!(socket.text().await, text);
        }
    }
    drop(guard);
    for socket in &mut sockets {
        assert_eq!(within(socket.next_text()).await, None);
    }
    within(http2.connection).await.unwrap().unwrap();
}

#[tokio::test]
async fn protocol_and_compression_are_agreed_on() {
    let options = Options::new().protocols(["chat.v2", "chat.v1"]).deflate(ws::Deflate::default());
    let server = ws::Server::with_options(options, plain::echo);
    let (http2, _guard) = open(&server).await;
    let request = http2.request(Method::CONNECT, "/");
    let request = request
        .extension(h2::ext::Protocol::from_static("websocket"))
        .header("sec-websocket-version", "13")
        .header("sec-websocket-protocol", "chat.v1, other")
        .header("sec-websocket-extensions", "permessage-deflate");
    let (response, _stream) = http2.connect(request).await;
    assert_eq!(response.status(), StatusCode::OK);
    let header = |name: &str| response.headers().get(name).map(|it| it.to_str().unwrap());
    assert_eq!(header("sec-websocket-protocol"), Some("chat.v1"));
    assert!(header("sec-websocket-extensions").unwrap().starts_with("permessage-deflate"));
}

/// Row Q7, for whoever sends without waiting.
#[tokio::test]
async fn a_stream_that_takes_nothing_is_reset_and_others_go_on() {
    let server = ws::Server::new(async |mut socket: WebSocket| -> Result<(), ws::Error> {
        while let Some(message) = socket.recv().await? {
            if message.as_text() == Some("flood") {
                for _ in 0..15 {
                    socket.send("x".repeat(100_000))?;
                }
            }
            socket.send(message)?;
        }
        Ok(())
    });
    let (http2, _guard) = open(&server).await;
    let (mut stalled, mut other) = (http2.plain().await, http2.plain().await);
    stalled.send("flood").await;
    let reset = async { assert_eq!(stalled.reset().await, h2::Reason::CANCEL) };
    let beside = async {
        for number in 0.. {
            other.send("beside it").await;
            assert_eq!(other.text().await, "beside it");
            assert!(number < 1_000_000);
        }
    };
    tokio::select! {
        () = reset => {}
        () = beside => {}
    }
    other.send("after it").await;
    while other.text().await != "after it" {}
}
