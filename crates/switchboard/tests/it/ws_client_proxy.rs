//! The WebSocket client through an HTTP proxy.

use std::net::SocketAddr;
use std::time::Duration;

use switchboard::ws::{self, ConnectError};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::client::within;
use crate::ws_client::{Scripted, header, read_head, switching};

/// A proxy for one connection, which leads to `server` whatever is asked for.
struct Proxy {
    address: SocketAddr,
    head: JoinHandle<String>,
}

async fn proxy_to(server: SocketAddr) -> Proxy {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let head = tokio::spawn(async move {
        let mut client = listener.accept().await.unwrap().0;
        let head = read_head(&mut client).await;
        let mut server = TcpStream::connect(server).await.unwrap();
        client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await.unwrap();
        copy_bidirectional(&mut client, &mut server).await.ok();
        head
    });
    Proxy { address, head }
}

#[tokio::test]
async fn a_tunnel_is_asked_for_and_used() {
    let server = Scripted::start(|head| {
        let mut answer = switching(head, "").into_bytes();
        answer.extend(b"\x81\x05hello");
        answer
    })
    .await;
    let proxy = proxy_to(server.address).await;
    // Names are the proxy's business: this one has no address anywhere else.
    let connecting = ws::connect("ws://user:secret@only.the.proxy.knows.invalid/chat")
        .proxy(format!("http://Aladdin:open%20sesame@{}", proxy.address));
    let mut socket = within(connecting.into_future()).await.unwrap();
    assert_eq!(within(socket.recv()).await.unwrap(), Some("hello".into()));
    drop(socket);

    let asked = within(proxy.head).await.unwrap();
    assert!(asked.starts_with("CONNECT only.the.proxy.knows.invalid:80 HTTP/1.1\r\n"), "{asked}");
    assert_eq!(header(&asked, "host"), Some("only.the.proxy.knows.invalid:80"));
    let credentials = "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==";
    assert_eq!(header(&asked, "proxy-authorization"), Some(credentials));
    assert_eq!(header(&asked, "authorization"), None);
    let head = server.head().await;
    assert!(head.starts_with("GET /chat HTTP/1.1\r\n"), "{head}");
    assert_eq!(header(&head, "host"), Some("only.the.proxy.knows.invalid"));
    assert_eq!(header(&head, "authorization"), Some("Basic dXNlcjpzZWNyZXQ="));
    assert_eq!(header(&head, "proxy-authorization"), None);
}

#[tokio::test]
async fn a_proxy_that_opens_no_tunnel_is_told_as_such() {
    for (answer, expected) in [
        ("HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n", Some(407)),
        ("HTTP/1.1 502 Bad Gateway\r\nContent-Length: 5\r\n\r\nsorry", Some(502)),
        (
            "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1/\r\nContent-Length: 0\r\n\r\n",
            Some(302),
        ),
        ("SOCKS, what else?\r\n\r\n", None),
        // The other end never speaks first, so these bytes are the proxy's own.
        ("HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 101 Switching Protocols\r\n\r\n", None),
    ] {
        let proxy = Scripted::start(move |_| answer).await;
        let connecting =
            ws::connect("ws://127.0.0.1:1/").proxy(format!("http://{}", proxy.address));
        let error = within(connecting.into_future()).await.unwrap_err();
        let ConnectError::Proxy { status } = error else { panic!("{answer}: {error:?}") };
        assert_eq!(status.map(|it| it.as_u16()), expected, "{answer}");
    }
}

#[tokio::test]
async fn a_proxy_that_hangs_up_or_says_nothing_is_given_up_in_time() {
    let silent = Scripted::start(|_| "").await;
    let connecting = ws::connect("ws://127.0.0.1:1/")
        .proxy(format!("http://{}", silent.address))
        .timeout(Duration::from_millis(200));
    let error = within(connecting.into_future()).await.unwrap_err();
    assert!(matches!(error, ConnectError::Timeout), "{error:?}");

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let mut stream = listener.accept().await.unwrap().0;
        read_head(&mut stream).await;
    });
    let error = within(ws::connect("ws://127.0.0.1:1/").proxy(url).into_future()).await;
    assert!(matches!(error, Err(ConnectError::Lost(_))), "{error:?}");
}

#[tokio::test]
async fn a_proxy_that_is_not_there_is_not_passed_by() {
    let server = Scripted::start(|head| switching(head, "")).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let error = within(ws::connect(server.url()).proxy(url).into_future()).await.unwrap_err();
    assert!(matches!(error, ConnectError::Unreachable(_)), "{error:?}");
}

#[tokio::test]
async fn through_a_proxy_the_certificate_is_checked_for_the_host_and_the_proxy_learns_nothing() {
    // TLS begins right behind the tunnel: the proxy, or who stands behind it, must not answer it.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let heard = tokio::spawn(async move {
        let mut stream = listener.accept().await.unwrap().0;
        let mut heard = vec![0; 16];
        stream.read_exact(&mut heard).await.unwrap();
        stream.write_all(b"HTTP/1.1 101 Switching Protocols\r\n\r\n").await.unwrap();
        stream.read_to_end(&mut heard).await.ok();
        heard
    });
    let proxy = proxy_to(address).await;
    let connecting = ws::connect("wss://example.org/secret-path")
        .header("authorization", "Bearer secret-token")
        .proxy(format!("http://{}", proxy.address));
    let error = within(connecting.into_future()).await.unwrap_err();
    assert!(matches!(error, ConnectError::Tls(_)), "{error:?}");
    let asked = within(proxy.head).await.unwrap();
    assert!(asked.starts_with("CONNECT example.org:443 HTTP/1.1\r\n"), "{asked}");
    let heard = within(heard).await.unwrap();
    assert_eq!(heard[0], 22);
    for text in [&heard[..], asked.as_bytes()] {
        assert!(!text.windows(6).any(|it| it == b"secret"));
    }
}

#[tokio::test]
async fn urls_that_are_no_proxies_are_refused() {
    for url in ["https://127.0.0.1:1", "socks5://127.0.0.1:1", "", "http://a b"] {
        let error = within(ws::connect("ws://127.0.0.1:1/").proxy(url).into_future()).await;
        assert!(matches!(error, Err(ConnectError::BadProxy(_))), "{url}: {error:?}");
    }
}
