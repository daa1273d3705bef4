//! The WebSocket client against servers that mean no good: an error with a name, in time.

use std::time::{Duration, Instant};

use switchboard::ws::{self, CloseCode, ConnectError, Deflate, Options};
use switchboard_ws::handshake::BadResponse;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::client::within;
use crate::ws_client::{Scripted, read_head, switching};

/// What comes of an answer to a client that offers the subprotocol `chat`.
async fn outcome<A: AsRef<[u8]> + Send>(
    answer: impl FnOnce(&str) -> A + Send + 'static,
) -> ConnectError {
    let server = Scripted::start(answer).await;
    let connecting = ws::connect(server.url()).protocols(["chat"]).timeout(TIMEOUT);
    within(connecting.into_future()).await.unwrap_err()
}

const TIMEOUT: Duration = Duration::from_secs(5);
/// For those that are meant to run into it.
const SHORT: Duration = Duration::from_millis(200);

#[track_caller]
fn assert_bad(error: &ConnectError, expected: BadResponse) {
    assert!(matches!(error, ConnectError::BadAnswer(it) if *it == expected), "{error:?}");
}

#[tokio::test]
async fn answers_to_another_handshake_are_refused() {
    use BadResponse::{NotWebsocket, UnofferedProtocol, WrongAccept};
    for (from, to, expected) in [
        ("Sec-WebSocket-Accept: ", "Sec-WebSocket-Accept: x", WrongAccept),
        ("Sec-WebSocket-Accept: ", "X: ", WrongAccept),
        ("Upgrade: websocket", "Upgrade: h2c", NotWebsocket),
        ("Upgrade: websocket\r\n", "", NotWebsocket),
        ("Connection: Upgrade", "Connection: close", NotWebsocket),
        ("HTTP/1.1 101", "HTTP/1.0 101", NotWebsocket),
        ("Upgrade: w", "Sec-WebSocket-Protocol: other\r\nUpgrade: w", UnofferedProtocol),
        ("Upgrade: w", "Sec-WebSocket-Protocol: CHAT\r\nUpgrade: w", UnofferedProtocol),
        ("Upgrade: w", "Sec-WebSocket-Protocol: chat, chat\r\nUpgrade: w", UnofferedProtocol),
        ("Upgrade: w", "Sec-WebSocket-Protocol:\r\nUpgrade: w", UnofferedProtocol),
    ] {
        let error = outcome(move |head| switching(head, "").replace(from, to)).await;
        assert_bad(&error, expected);
    }
}

#[tokio::test]
async fn an_accept_value_that_comes_twice_is_refused() {
    let error = outcome(|head| {
        let answer = switching(head, "");
        let start = answer.find("Sec-WebSocket-Accept").unwrap();
        answer[..start].to_owned() + &answer[start..].replace("\r\n\r\n", "\r\n") + &answer[start..]
    })
    .await;
    assert_bad(&error, BadResponse::WrongAccept);
}

#[tokio::test]
async fn an_extension_that_nobody_asked_for_is_refused() {
    for extension in
        ["permessage-deflate", "x-mystery", "permessage-deflate; server_max_window_bits=99"]
    {
        let error = outcome(move |head| {
            switching(head, &format!("Sec-WebSocket-Extensions: {extension}\r\n"))
        })
        .await;
        assert_bad(&error, BadResponse::UnofferedExtension);
    }
}

#[tokio::test]
async fn what_is_no_http_is_told_as_such() {
    for answer in [
        &b"SSH-2.0-OpenSSH_9.6\r\n"[..],
        b"\x15\x03\x03\x00\x02\x02\x28",
        b"HTTP/2 101\r\n\r\n",
        b"HTTP/1.1 1x1 Nonsense\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nno colon\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: web\r\n socket\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        &[0; 100],
    ] {
        let error = outcome(move |_| answer).await;
        assert!(matches!(error, ConnectError::NotHttp(_)), "{answer:?}: {error:?}");
    }
}

#[tokio::test]
async fn a_head_that_never_ends_is_given_up() {
    let long = format!("HTTP/1.1 101 Switching Protocols\r\nX: {}", "y".repeat(1_000_000));
    let many = "HTTP/1.1 101 Switching Protocols\r\n".to_owned() + &"X: y\r\n".repeat(1_000_000);
    let hundred_and_one = format!("{}\r\n", &many[..34 + 6 * 101]);
    for answer in [long, many, hundred_and_one] {
        let start = Instant::now();
        let error = outcome(move |_| answer).await;
        assert!(matches!(error, ConnectError::NotHttp(_)), "{error:?}");
        assert!(start.elapsed() < TIMEOUT, "it was the timeout that ended it");
    }
}

#[tokio::test]
async fn a_head_of_20_kib_is_too_long_and_one_of_10_kib_is_not() {
    let answer = |head: &str, len| switching(head, &format!("X: {}\r\n", "y".repeat(len)));
    let error = outcome(move |head| answer(head, 20 * 1024)).await;
    assert!(matches!(error, ConnectError::NotHttp(_)), "{error:?}");
    let server = Scripted::start(move |head| answer(head, 10 * 1024)).await;
    within(ws::connect(server.url()).into_future()).await.unwrap();
}

#[tokio::test]
async fn early_hints_without_end_are_given_up_in_time() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let mut stream = listener.accept().await.unwrap().0;
        read_head(&mut stream).await;
        while stream.write_all(b"HTTP/1.1 103 Early Hints\r\n\r\n").await.is_ok() {}
    });
    let error = within(ws::connect(url).timeout(SHORT).into_future()).await.unwrap_err();
    assert!(matches!(error, ConnectError::Timeout), "{error:?}");
}

#[tokio::test]
async fn silence_is_given_up_in_time() {
    for answer in ["", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: web"] {
        let server = Scripted::start(move |_| answer).await;
        let start = Instant::now();
        let connecting = ws::connect(server.url()).timeout(SHORT);
        let error = within(connecting.into_future()).await.unwrap_err();
        assert!(matches!(error, ConnectError::Timeout), "{error:?}");
        assert!(SHORT <= start.elapsed());
        // The connection is not kept either: this waits for its end.
        server.head().await;
    }
}

#[tokio::test]
async fn a_server_that_hangs_up_is_told_as_such() {
    for answer in ["", "HTTP/1.1 101 Swi"] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("ws://{}/", listener.local_addr().unwrap());
        tokio::spawn(async move {
            let mut stream = listener.accept().await.unwrap().0;
            read_head(&mut stream).await;
            stream.write_all(answer.as_bytes()).await.unwrap();
        });
        let error = within(ws::connect(url).into_future()).await.unwrap_err();
        assert!(matches!(error, ConnectError::Lost(_)), "{error:?}");
    }
}

#[tokio::test]
async fn a_server_that_hangs_up_before_it_has_heard_anything_is_told_as_such() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move { drop(listener.accept().await.unwrap()) });
    let error = within(ws::connect(url).into_future()).await.unwrap_err();
    assert!(matches!(error, ConnectError::Lost(_)), "{error:?}");
}

#[tokio::test]
async fn of_a_long_refusal_the_first_64_kib_are_kept() {
    let error = outcome(|_| {
        let body = "sorry, ".repeat(100_000);
        format!("HTTP/1.1 503 Busy\r\nContent-Length: {}\r\n\r\n{body}", body.len())
    })
    .await;
    let ConnectError::Refused(response) = error else { panic!("{error:?}") };
    assert_eq!(response.body().len(), 64 * 1024);
    assert!(response.body().starts_with(b"sorry, sorry"));
}

#[tokio::test]
async fn a_refusal_whose_body_never_comes_is_told_all_the_same() {
    let server =
        Scripted::start(|_| "HTTP/1.1 403 Forbidden\r\nContent-Length: 10\r\n\r\nsorr").await;
    let error = within(ws::connect(server.url()).timeout(SHORT).into_future()).await.unwrap_err();
    let ConnectError::Refused(response) = error else { panic!("{error:?}") };
    assert_eq!(response.status(), 403);
    assert_eq!(response.body().as_ref(), b"sorr");
}

#[tokio::test]
async fn garbage_behind_a_good_answer_ends_the_connection_with_an_error() {
    let server = Scripted::start(|head| {
        let mut answer = switching(head, "").into_bytes();
        answer.extend(b"\x81\x02ok");
        answer.extend(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        answer
    })
    .await;
    let mut socket = within(ws::connect(server.url()).into_future()).await.unwrap();
    assert_eq!(within(socket.recv()).await.unwrap(), Some("ok".into()));
    assert!(within(socket.recv()).await.is_err());
}

#[tokio::test]
async fn a_server_that_masks_its_frames_is_refused() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    let served = tokio::spawn(async move {
        let mut stream = listener.accept().await.unwrap().0;
        let head = read_head(&mut stream).await;
        stream.write_all(switching(&head, "").as_bytes()).await.unwrap();
        stream.write_all(b"\x81\x81\0\0\0\0a").await.unwrap();
        let mut goodbye = [0; 2];
        stream.read_exact(&mut goodbye).await.unwrap();
        goodbye
    });
    let mut socket = within(ws::connect(url).into_future()).await.unwrap();
    assert!(within(socket.recv()).await.is_err());
    drop(socket);
    // A masked close frame with two bytes of payload: the client keeps the rules itself.
    assert_eq!(within(served).await.unwrap(), *b"\x88\x82");
}

#[tokio::test]
async fn compression_with_parameters_that_are_not_allowed_is_refused() {
    for extension in [
        "permessage-deflate; server_max_window_bits=7",
        "permessage-deflate; server_max_window_bits=16",
        "permessage-deflate; server_max_window_bits=99999999999999999999",
        "permessage-deflate; client_max_window_bits",
        "permessage-deflate; mystery",
        "permessage-deflate, permessage-deflate",
        "x-mystery",
        ";",
    ] {
        let server = Scripted::start(move |head| {
            switching(head, &format!("Sec-WebSocket-Extensions: {extension}\r\n"))
        })
        .await;
        let connecting =
            ws::connect(server.url()).options(Options::new().deflate(Deflate::default()));
        let error = within(connecting.into_future()).await.unwrap_err();
        assert!(matches!(error, ConnectError::BadExtension(_)), "{extension}: {error:?}");
        let head = server.head().await;
        let offer = crate::ws_client::header(&head, "sec-websocket-extensions").unwrap();
        assert!(offer.starts_with("permessage-deflate; "), "{offer}");
    }
}

#[tokio::test]
async fn compressed_messages_that_are_evil_end_the_connection_with_an_error() {
    // Stored blocks of 65,535 zeros: 1.3 MB where 1,000,000 bytes are allowed.
    let mut block = vec![0, 0xff, 0xff, 0, 0];
    block.resize(5 + 65_535, 0);
    let blocks = block.repeat(20);
    let mut bomb = vec![0xc2, 127];
    bomb.extend((blocks.len() as u64).to_be_bytes());
    bomb.extend(blocks);
    for (frame, code) in [
        (bomb, CloseCode::TOO_BIG),
        (b"\xc1\x03\xff\xff\xff".to_vec(), CloseCode::INVALID_DATA),
        (b"\xc9\x00".to_vec(), CloseCode::PROTOCOL),
    ] {
        let server = Scripted::start(move |head| {
            let mut answer =
                switching(head, "Sec-WebSocket-Extensions: permessage-deflate\r\n").into_bytes();
            answer.extend(frame);
            answer
        })
        .await;
        let connecting =
            ws::connect(server.url()).options(Options::new().deflate(Deflate::default()));
        let mut socket = within(connecting.into_future()).await.unwrap();
        let error = within(socket.recv()).await.unwrap_err();
        let ws::Error::Protocol(error) = error else { panic!("{error:?}") };
        assert_eq!(error.close_code(), code);
    }
}

#[tokio::test]
async fn a_compressed_message_that_was_not_agreed_on_is_refused() {
    let server = Scripted::start(|head| {
        let mut answer = switching(head, "").into_bytes();
        answer.extend(b"\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00");
        answer
    })
    .await;
    let connecting = ws::connect(server.url()).options(Options::new().deflate(Deflate::default()));
    let mut socket = within(connecting.into_future()).await.unwrap();
    let error = within(socket.recv()).await.unwrap_err();
    assert!(matches!(error, ws::Error::Protocol(ws::PeerError::ReservedBit)), "{error:?}");
}
