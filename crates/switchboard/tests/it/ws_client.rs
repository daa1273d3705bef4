//! The WebSocket client in ordinary life: what it asks for, and what it makes of good answers.

use std::net::SocketAddr;

use switchboard::ws::{self, ConnectError};
use switchboard_ws::handshake::accept_value;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::client::within;

/// A server for one connection.
pub(crate) struct Scripted {
    pub(crate) address: SocketAddr,
    head: JoinHandle<String>,
}

impl Scripted {
    /// Answers the head of a request with what `answer` makes of it, and hangs up when the client
    /// says something more, which can only be its goodbye, or ends the connection.
    pub(crate) async fn start<A>(answer: impl FnOnce(&str) -> A + Send + 'static) -> Self
    where
        A: AsRef<[u8]> + Send,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let head = tokio::spawn(async move {
            let mut stream = listener.accept().await.unwrap().0;
            let head = read_head(&mut stream).await;
            // The client may be gone before it has taken everything.
            stream.write_all(answer(&head).as_ref()).await.ok();
            stream.read_u8().await.ok();
            head
        });
        Self { address, head }
    }

    pub(crate) fn url(&self) -> String {
        format!("ws://{}/", self.address)
    }

    /// The head of the request, once the client has gone.
    pub(crate) async fn head(self) -> String {
        within(self.head).await.unwrap()
    }
}

/// Reads to the empty line and not beyond it.
pub(crate) async fn read_head(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(within(stream.read_u8()).await.unwrap());
    }
    String::from_utf8(head).unwrap()
}

/// The value of a header, whose name is given as it stands.
pub(crate) fn header<'h>(head: &'h str, name: &str) -> Option<&'h str> {
    let mut lines = head.lines().filter_map(|it| it.split_once(": "));
    lines.find_map(|(it, value)| (it == name).then_some(value))
}

/// The right answer, with more header lines, each ended by CR and LF.
pub(crate) fn switching(head: &str, more: &str) -> String {
    let accept = accept_value(header(head, "sec-websocket-key").unwrap());
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\n{more}\r\n"
    )
}

#[tokio::test]
async fn the_request_says_what_a_handshake_must_and_no_more() {
    let server = Scripted::start(|head| switching(head, "")).await;
    drop(within(ws::connect(format!("{}path?query=1", server.url())).into_future()).await.unwrap());
    let address = server.address;
    let head = server.head().await;
    let mut lines: Vec<&str> = head.lines().collect();
    let key = header(&head, "sec-websocket-key").unwrap();
    assert_eq!(key.len(), 24);
    assert_eq!(lines.remove(0), "GET /path?query=1 HTTP/1.1");
    assert_eq!(lines.remove(0), format!("host: {address}"));
    let mut expected = vec![
        "connection: Upgrade".to_owned(),
        "upgrade: websocket".to_owned(),
        "sec-websocket-version: 13".to_owned(),
        format!("sec-websocket-key: {key}"),
        String::new(),
    ];
    expected.sort();
    lines.sort_unstable();
    assert_eq!(lines, expected);
}

#[tokio::test]
async fn every_connection_has_a_key_of_its_own() {
    let mut keys = Vec::new();
    for _ in 0..2 {
        let server = Scripted::start(|head| switching(head, "")).await;
        drop(within(ws::connect(server.url()).into_future()).await.unwrap());
        let head = server.head().await;
        keys.push(header(&head, "sec-websocket-key").unwrap().to_owned());
    }
    assert_ne!(keys[0], keys[1]);
}

#[tokio::test]
async fn headers_origin_and_credentials_are_sent() {
    let server = Scripted::start(|head| switching(head, "")).await;
    let url = format!("ws://Aladdin:open%20sesame@{}/", server.address);
    let connecting = ws::connect(url)
        .header("cookie", "a=1")
        .header("x-many", "1")
        .header("X-Many", "2")
        .origin("https://example.org");
    drop(within(connecting.into_future()).await.unwrap());
    let head = server.head().await;
    assert_eq!(header(&head, "cookie"), Some("a=1"));
    assert_eq!(header(&head, "origin"), Some("https://example.org"));
    assert_eq!(header(&head, "authorization"), Some("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="));
    assert!(head.contains("x-many: 1\r\nx-many: 2\r\n"), "{head}");
    assert!(!head.contains('@'), "{head}");
}

#[tokio::test]
async fn headers_of_the_caller_replace_those_of_the_url() {
    let server = Scripted::start(|head| switching(head, "")).await;
    let url = format!("ws://user:password@{}/", server.address);
    let connecting =
        ws::connect(url).header("authorization", "Bearer token").header("host", "example.org");
    drop(within(connecting.into_future()).await.unwrap());
    let head = server.head().await;
    assert_eq!(header(&head, "authorization"), Some("Bearer token"));
    assert_eq!(header(&head, "host"), Some("example.org"));
    assert_eq!(head.matches("authorization").count(), 1);
    assert_eq!(head.matches("host").count(), 1);
}

#[tokio::test]
async fn headers_that_split_or_fake_the_request_are_refused() {
    // Nobody listens there: it must not come to that.
    for (name, value) in [
        ("x-room", "a\r\nx-admin: 1"),
        ("x-room", "a\nb"),
        ("x-room", "a\rb"),
        ("x-room", "a\0b"),
        ("x-room\r\nx-admin: 1", "a"),
        ("x room", "a"),
        ("", "a"),
        ("Connection", "close"),
        ("upgrade", "h2c"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ("sec-websocket-extensions", "permessage-deflate"),
        ("sec-websocket-protocol", "chat"),
        ("content-length", "5"),
        ("transfer-encoding", "chunked"),
    ] {
        let connecting = ws::connect("ws://127.0.0.1:1/").header(name, value);
        let error = within(connecting.into_future()).await.unwrap_err();
        let ConnectError::BadHeader { name: told } = error else { panic!("{name}: {error:?}") };
        assert_eq!(told, name);
    }
    let connecting = ws::connect("ws://127.0.0.1:1/").origin("a\r\nb: c");
    let error = within(connecting.into_future()).await.unwrap_err();
    assert!(matches!(error, ConnectError::BadHeader { .. }), "{error:?}");
}

#[tokio::test]
async fn subprotocols_are_offered_in_order_and_the_choice_is_told() {
    let server =
        Scripted::start(|head| switching(head, "Sec-WebSocket-Protocol: chat.v1\r\n")).await;
    let connecting = ws::connect(server.url()).protocols(["chat.v2", "chat.v1"]);
    let socket = within(connecting.into_future()).await.unwrap();
    assert_eq!(socket.protocol(), Some("chat.v1"));
    drop(socket);
    let head = server.head().await;
    assert_eq!(header(&head, "sec-websocket-protocol"), Some("chat.v2, chat.v1"));
}

#[tokio::test]
async fn subprotocols_that_are_no_tokens_are_refused() {
    for protocols in [&["a b"][..], &[""], &["a,b"], &["a", "a"], &["a\r\nb: c"], &["ä"]] {
        let connecting = ws::connect("ws://127.0.0.1:1/").protocols(protocols.iter().copied());
        let error = within(connecting.into_future()).await.unwrap_err();
        assert!(matches!(error, ConnectError::BadProtocol(_)), "{protocols:?}: {error:?}");
    }
}

#[tokio::test]
async fn messages_right_behind_the_answer_are_delivered() {
    let server = Scripted::start(|head| {
        let mut bytes = switching(head, "").into_bytes();
        bytes.extend(b"\x81\x05hello\x81\x05again");
        bytes
    })
    .await;
    let mut socket = within(ws::connect(server.url()).into_future()).await.unwrap();
    assert_eq!(within(socket.recv()).await.unwrap(), Some("hello".into()));
    assert_eq!(within(socket.recv()).await.unwrap(), Some("again".into()));
}

#[tokio::test]
async fn informational_answers_are_passed_over() {
    let server = Scripted::start(|head| {
        let early = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n";
        early.to_owned() + &switching(head, "")
    })
    .await;
    within(ws::connect(server.url()).into_future()).await.unwrap();
}

#[tokio::test]
async fn a_refusal_is_told_with_its_body_and_redirects_are_not_followed() {
    for (status, more) in
        [(302, "Location: ws://example.org/\r\n"), (401, "WWW-Authenticate: Basic\r\n"), (200, "")]
    {
        let server = Scripted::start(move |_| {
            format!("HTTP/1.1 {status} Whatever\r\n{more}Content-Length: 5\r\n\r\nsorry")
        })
        .await;
        let error = within(ws::connect(server.url()).into_future()).await.unwrap_err();
        let ConnectError::Refused(response) = error else { panic!("{error:?}") };
        assert_eq!(response.status(), status);
        assert_eq!(response.body().as_ref(), b"sorry");
        if status == 302 {
            assert_eq!(response.headers()["location"], "ws://example.org/");
        }
    }
}

#[tokio::test]
async fn names_with_several_addresses_are_tried_in_turn() {
    // `localhost` is ::1 first where there is IPv6; this listens on 127.0.0.1 alone.
    let server = Scripted::start(|head| switching(head, "")).await;
    let url = format!("ws://localhost:{}/", server.address.port());
    drop(within(ws::connect(url).into_future()).await.unwrap());
    let host = format!("localhost:{}", server.address.port());
    assert_eq!(header(&server.head().await, "host"), Some(host.as_str()));
}

#[tokio::test]
async fn ipv6_addresses_are_connected_to() {
    let Ok(listener) = TcpListener::bind("[::1]:0").await else {
        return; // this machine has no IPv6
    };
    let address = listener.local_addr().unwrap();
    let served = tokio::spawn(async move {
        let mut stream = listener.accept().await.unwrap().0;
        let head = read_head(&mut stream).await;
        stream.write_all(switching(&head, "").as_bytes()).await.unwrap();
        head
    });
    drop(within(ws::connect(format!("ws://{address}/")).into_future()).await.unwrap());
    let head = within(served).await.unwrap();
    assert_eq!(header(&head, "host"), Some(address.to_string().as_str()));
}

#[tokio::test]
async fn nobody_there_is_told_at_once() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let error = within(ws::connect(format!("ws://{address}/")).into_future()).await.unwrap_err();
    assert!(matches!(error, ConnectError::Unreachable(_)), "{error:?}");
    let error = within(ws::connect("ws://nobody.invalid/").into_future()).await.unwrap_err();
    assert!(matches!(error, ConnectError::Resolve(_)), "{error:?}");
}

#[tokio::test]
async fn a_connect_that_is_dropped_ends_its_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    let connecting = tokio::spawn(ws::connect(url).into_future());
    let mut stream: TcpStream = within(listener.accept()).await.unwrap().0;
    read_head(&mut stream).await;
    connecting.abort();
    assert_eq!(within(stream.read(&mut [0; 1])).await.unwrap_or(0), 0);
}

#[test]
fn what_is_logged_about_a_connect_holds_no_secret() {
    let connecting = ws::connect("ws://user:secret@127.0.0.1:1/?token=secret")
        .header("authorization", "Bearer secret")
        .proxy("http://user:secret@127.0.0.1:1");
    assert!(!format!("{connecting:?}").contains("secret"));
}
