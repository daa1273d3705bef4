//! A connected client: the same type and the same rules as on the server.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::time::Duration;

use switchboard::Handshake;
use switchboard::ws::{self, CloseCode, Closed, Deflate, Event, Message, Options, WebSocket};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use crate::client::within;
use crate::plain::{echo, serve};
use crate::ws_client::{read_head, switching};

async fn connect(address: SocketAddr) -> WebSocket {
    within(ws::connect(format!("ws://{address}/")).into_future()).await.unwrap()
}

#[track_caller]
fn frame(code: CloseCode, reason: &str) -> Option<Closed> {
    Some(Closed::Frame { code: Some(code), reason: reason.to_owned() })
}

#[tokio::test]
async fn messages_of_every_size_come_back_whole_and_in_order() {
    let (address, _guard) = serve(&ws::Server::new(echo)).await;
    let mut socket = connect(address).await;
    let mut sent = Vec::new();
    for len in [0, 1, 125, 126, 8191, 8192, 65_535, 65_536, 1_000_000] {
        sent.push(Message::from("ä".repeat(len / 2)));
        sent.push(Message::from((0..len).map(|it| it as u8).collect::<Vec<u8>>()));
    }
    let sender = socket.sender();
    let to_send = sent.clone();
    let sending = tokio::spawn(async move {
        for message in to_send {
            sender.ready().await.unwrap();
            sender.send(message).unwrap();
        }
    });
    for expected in sent {
        let message = within(socket.recv()).await.unwrap().unwrap();
        assert!(message == expected, "{} bytes, not {}", message.len(), expected.len());
    }
    within(sending).await.unwrap();
}

#[tokio::test]
async fn compressed_messages_come_back_whole_whatever_was_agreed_on() {
    let plain = Deflate { threshold: 0, ..Deflate::default() };
    let takeover =
        Deflate { server_no_context_takeover: false, client_no_context_takeover: false, ..plain };
    let narrow =
        Deflate { server_max_window_bits: 9, client_max_window_bits: 10, level: 9, ..takeover };
    for (ours, theirs) in [
        (plain, plain),
        (takeover, takeover),
        (narrow, takeover),
        (plain, narrow),
        (takeover, plain),
    ] {
        let server = ws::Server::with_options(Options::new().deflate(theirs), echo);
        let (address, _guard) = serve(&server).await;
        let connecting =
            ws::connect(format!("ws://{address}/")).options(Options::new().deflate(ours));
        let mut socket = within(connecting.into_future()).await.unwrap();
        for n in 0..20 {
            let text = format!("message {n} ").repeat(1 + n * n * 10);
            socket.send_text(&text).unwrap();
            assert!(within(socket.recv()).await.unwrap() == Some(text.into()), "{ours:?} {n}");
        }
    }
}

#[tokio::test]
async fn a_thousand_small_messages_keep_their_order() {
    let (address, _guard) = serve(&ws::Server::new(echo)).await;
    let mut socket = connect(address).await;
    for n in 0..1000 {
        socket.send_text(&n.to_string()).unwrap();
    }
    for n in 0..1000 {
        assert_eq!(within(socket.recv()).await.unwrap(), Some(n.to_string().into()));
    }
}

#[tokio::test]
async fn halves_work_in_tasks_of_their_own() {
    let (address, _guard) = serve(&ws::Server::new(echo)).await;
    let (sender, mut receiver) = connect(address).await.split();
    let sending = tokio::spawn(async move {
        sender.send("from another task").unwrap();
        sender.close(CloseCode::NORMAL, "");
    });
    assert_eq!(within(receiver.recv()).await.unwrap(), Some("from another task".into()));
    assert_eq!(within(receiver.recv()).await.unwrap(), None);
    within(sending).await.unwrap();
}

#[tokio::test]
async fn pings_of_both_sides_are_answered() {
    let server = ws::Server::new(async |mut socket: WebSocket| -> Result<(), ws::Error> {
        socket.ping(b"server")?;
        while let Event::Ping(payload) | Event::Pong(payload) = socket.next_event().await? {
            socket.send(payload)?;
        }
        Ok(())
    });
    let (address, _guard) = serve(&server).await;
    let mut socket = connect(address).await;
    socket.ping(b"client").unwrap();
    let (mut events, mut told) = (Vec::new(), HashSet::new());
    while told.len() < 2 {
        match within(socket.next_event()).await.unwrap() {
            Event::Message(message) => _ = told.insert(message.as_bytes().to_vec()),
            other => events.push(other),
        }
    }
    assert_eq!(told, HashSet::from([b"server".to_vec(), b"client".to_vec()]));
    assert!(events.contains(&Event::Ping("server".into())), "{events:?}");
    assert!(events.contains(&Event::Pong("client".into())), "{events:?}");
}

#[tokio::test]
async fn how_the_server_closes_is_told() {
    let server = ws::Server::new(async |mut socket: WebSocket| -> Result<(), ws::Error> {
        let message = socket.recv().await?;
        let code = message.as_ref().and_then(Message::as_text).and_then(|it| it.parse().ok());
        socket.close(code.and_then(CloseCode::new).unwrap(), "because");
        while socket.recv().await?.is_some() {}
        Ok(())
    });
    let (address, _guard) = serve(&server).await;
    for code in [1000, 1011, 1013, 3000, 4999] {
        let mut socket = connect(address).await;
        socket.send_text(&code.to_string()).unwrap();
        assert_eq!(within(socket.recv()).await.unwrap(), None);
        assert_eq!(socket.closed_by_peer(), frame(CloseCode::new(code).unwrap(), "because"));
        assert!(socket.send("late").is_err());
    }
}

#[tokio::test]
async fn the_server_learns_how_the_client_closes() {
    let (ends, mut end) = mpsc::channel(1);
    let server = ws::Server::new(async move |mut socket: WebSocket| {
        while let Ok(Some(_)) = socket.recv().await {}
        ends.send(socket.closed_by_peer()).await.unwrap();
    });
    let (address, _guard) = serve(&server).await;

    let mut socket = connect(address).await;
    socket.close(CloseCode::new(4000).unwrap(), "enough");
    assert_eq!(within(socket.recv()).await.unwrap(), None);
    assert_eq!(within(end.recv()).await.unwrap(), frame(CloseCode::new(4000).unwrap(), "enough"));

    let socket = connect(address).await;
    socket.send("what was sent before the end arrives").unwrap();
    drop(socket);
    assert_eq!(within(end.recv()).await.unwrap(), frame(CloseCode::NORMAL, ""));
}

#[tokio::test]
async fn a_server_that_vanishes_is_told_as_lost() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let mut stream = listener.accept().await.unwrap().0;
        let head = read_head(&mut stream).await;
        stream.write_all(switching(&head, "").as_bytes()).await.unwrap();
    });
    let mut socket = connect(address).await;
    assert_eq!(within(socket.recv()).await.unwrap(), None);
    assert_eq!(socket.closed_by_peer(), Some(Closed::Lost));
}

#[tokio::test]
async fn limits_hold_for_what_the_server_sends() {
    let server = ws::Server::new(async |mut socket: WebSocket| -> Result<(), ws::Error> {
        socket.send_binary(&[0; 1001])?;
        while socket.recv().await?.is_some() {}
        Ok(())
    });
    let (address, _guard) = serve(&server).await;
    let connecting =
        ws::connect(format!("ws://{address}/")).options(Options::new().message_bytes_max(1000));
    let mut socket = within(connecting.into_future()).await.unwrap();
    let error = within(socket.recv()).await.unwrap_err();
    let ws::Error::Protocol(error) = error else { panic!("{error:?}") };
    assert_eq!(error.close_code(), CloseCode::TOO_BIG);
}

#[tokio::test]
async fn a_silent_server_is_noticed_by_the_heartbeat_and_left_alone_without_one() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let mut silent = Vec::new();
        loop {
            let mut stream = listener.accept().await.unwrap().0;
            let head = read_head(&mut stream).await;
            stream.write_all(switching(&head, "").as_bytes()).await.unwrap();
            silent.push(stream);
        }
    });
    let tenth = Duration::from_millis(100);
    let url = format!("ws://{address}/");
    let options = Options::new().heartbeat(Some((tenth, tenth)));
    let mut watched = within(ws::connect(&*url).options(options).into_future()).await.unwrap();
    let options = Options::new().heartbeat(None);
    let mut trusted = within(ws::connect(&*url).options(options).into_future()).await.unwrap();
    let error = within(watched.recv()).await.unwrap_err();
    assert!(matches!(error, ws::Error::Silent), "{error:?}");
    assert!(tokio::time::timeout(tenth, trusted.recv()).await.is_err());
}

#[tokio::test]
async fn every_frame_of_a_client_is_masked_under_a_key_of_its_own() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let served = tokio::spawn(async move {
        let mut stream = listener.accept().await.unwrap().0;
        let head = read_head(&mut stream).await;
        stream.write_all(switching(&head, "").as_bytes()).await.unwrap();
        let mut frames = vec![0; 100 * 9];
        stream.read_exact(&mut frames).await.unwrap();
        frames
    });
    let socket = connect(address).await;
    for _ in 0..100 {
        socket.send("abc").unwrap();
    }
    let frames = within(served).await.unwrap();
    let mut keys = HashSet::new();
    for frame in frames.chunks(9) {
        assert_eq!(frame[..2], [0x81, 0x83]);
        let text: Vec<u8> = (0..3).map(|it| frame[6 + it] ^ frame[2 + it]).collect();
        assert_eq!(text, b"abc");
        keys.insert(&frame[2..6]);
    }
    // Two of a hundred are equal once in a million runs.
    assert!(98 < keys.len(), "{keys:?}");
}

#[tokio::test]
async fn client_and_server_agree_on_a_subprotocol_of_the_options() {
    let options = Options::new().protocols(["v2", "v1"]);
    let server =
        ws::Server::with_options(options.clone(), async |socket: WebSocket, it: Handshake| {
            socket.send(format!("{:?} {:?}", socket.protocol(), it.header("x-user"))).ok();
        });
    let (address, _guard) = serve(&server).await;
    let connecting =
        ws::connect(format!("ws://{address}/")).options(options).header("x-user", "Ada");
    let mut socket = within(connecting.into_future()).await.unwrap();
    assert_eq!(socket.protocol(), Some("v2"));
    let told = within(socket.recv()).await.unwrap();
    assert_eq!(told, Some(r#"Some("v2") Some("Ada")"#.into()));
}

#[tokio::test]
async fn a_server_that_refuses_says_why() {
    let (address, _guard) = serve(&ws::Server::new(echo)).await;
    let connecting = ws::connect(format!("ws://{address}/")).origin("https://elsewhere.example");
    let error = within(connecting.into_future()).await.unwrap_err();
    let ws::ConnectError::Refused(response) = error else { panic!("{error:?}") };
    assert_eq!(response.status(), 403);
    assert!(!response.body().is_empty());
}
