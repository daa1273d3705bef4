//! TLS: both protocols over it, configurations, and handshakes that go nowhere.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use switchboard::tls::rustls;
use switchboard::{Data, Serve, Server, Socket, ws};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::client::{Running, within};
use crate::http2_client::Http2;

/// A certificate for `localhost` and its key, in files.
struct Certificate {
    folder: PathBuf,
    der: rustls::pki_types::CertificateDer<'static>,
}

impl Certificate {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir();
        let folder = folder.join(format!("switchboard-tls-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        std::fs::write(folder.join("cert.pem"), made.cert.pem()).unwrap();
        std::fs::write(folder.join("key.pem"), made.signing_key.serialize_pem()).unwrap();
        Self { folder, der: made.cert.der().clone() }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn config(&self) -> Arc<rustls::ServerConfig> {
        switchboard::tls::config(self.file("cert.pem"), self.file("key.pem")).unwrap()
    }

    /// Connects and offers `protocols` by ALPN.
    async fn connect(&self, server: &Running, protocols: &[&str]) -> TlsStream<TcpStream> {
        let stream = within(TcpStream::connect(server.address)).await.unwrap();
        let name = "localhost".try_into().unwrap();
        within(self.connector(protocols).connect(name, stream)).await.unwrap()
    }

    fn connector(&self, protocols: &[&str]) -> TlsConnector {
        TlsConnector::from(self.client_config(protocols))
    }

    fn client_config(&self, protocols: &[&str]) -> Arc<rustls::ClientConfig> {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(self.der.clone()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = protocols.iter().map(|it| it.as_bytes().to_vec()).collect();
        Arc::new(config)
    }
}

impl Drop for Certificate {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.folder).ok();
    }
}

fn echoing() -> Server {
    let io = Server::builder().build();
    io.of("/").on("echo", async |socket: Socket, Data(text): Data<String>| {
        socket.emit("echo", &text).unwrap();
    });
    io
}

async fn start(config: Arc<rustls::ServerConfig>) -> Running {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel();
    let shutdown = async { stopped.await.unwrap_or_default() };
    let served = tokio::spawn(Serve::new(echoing()).tls(config).run(listener, shutdown));
    Running::new(address, stop, served)
}

async fn http2(certificate: &Certificate, server: &Running) -> Http2 {
    let stream = certificate.connect(server, &["h2", "http/1.1"]).await;
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    Http2::over(stream, "https://localhost".to_owned(), 65_535).await
}

#[tokio::test]
async fn http_2_is_agreed_on_and_carries_websockets() {
    let certificate = Certificate::new("http2");
    let server = start(certificate.config()).await;
    let http2 = http2(&certificate, &server).await;
    let mut sockets = [http2.join().await, http2.join().await];
    for socket in &mut sockets {
        socket.echo("over TLS").await;
    }
    server.stop().await;
    for socket in &mut sockets {
        assert_eq!(within(socket.next_text()).await, None);
    }
}

#[tokio::test]
async fn http_1_is_served_to_those_who_ask_for_it_or_for_nothing() {
    let certificate = Certificate::new("http1");
    let server = start(certificate.config()).await;
    for protocols in [&["http/1.1"][..], &[]] {
        let mut stream = certificate.connect(&server, protocols).await;
        let expected = protocols.first().map(|it| it.as_bytes());
        assert_eq!(stream.get_ref().1.alpn_protocol(), expected);
        let request = "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: localhost\r\n\
             Origin: https://localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
        within(stream.write_all(request.as_bytes())).await.unwrap();
        let mut answer = Vec::new();
        while !answer.windows(8).any(|it| it == br#"0{"sid":"#) {
            assert_ne!(within(stream.read_buf(&mut answer)).await.unwrap(), 0);
        }
        assert!(answer.starts_with(b"HTTP/1.1 101 "), "{}", String::from_utf8_lossy(&answer));
    }
}

#[tokio::test]
async fn plain_websockets_go_over_both() {
    let certificate = Certificate::new("plain");
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel();
    let shutdown = async { stopped.await.unwrap_or_default() };
    let serve = Serve::websockets(ws::Server::new(crate::plain::echo)).tls(certificate.config());
    let server = Running::new(address, stop, tokio::spawn(serve.run(listener, shutdown)));

    let url = format!("wss://localhost:{}/", address.port());
    let connect = ws::connect(&url).tls_config(certificate.client_config(&[]));
    let mut client = within(connect.into_future()).await.unwrap();
    let large = "x".repeat(300_000);
    for text in ["small", &large] {
        client.send(text).unwrap();
        let echo = within(client.recv()).await.unwrap().unwrap();
        assert_eq!(echo.as_text(), Some(text));
    }
    let mut stream = http2(&certificate, &server).await.plain().await;
    stream.send("as a stream").await;
    assert_eq!(stream.text().await, "as a stream");

    server.stop().await;
    assert!(within(client.recv()).await.unwrap().is_none());
    assert_eq!(within(stream.next_text()).await, None);
}

#[tokio::test]
async fn a_configuration_of_ones_own_keeps_its_protocols() {
    let certificate = Certificate::new("own");
    let mut config = Arc::unwrap_or_clone(certificate.config());
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    let server = start(Arc::new(config.clone())).await;
    let stream = certificate.connect(&server, &["h2", "http/1.1"]).await;
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
    config.alpn_protocols.clear();
    let server = start(Arc::new(config)).await;
    http2(&certificate, &server).await.join().await.echo("by default").await;
}

/// Row Q10.
#[tokio::test]
async fn bad_handshakes_cost_nobody_else() {
    let certificate = Certificate::new("bad");
    let server = start(certificate.config()).await;
    let mut silent = Vec::new();
    for _ in 0..100 {
        silent.push(TcpStream::connect(server.address).await.unwrap());
    }
    let close_notify = [21, 3, 3, 0, 2, 1, 0].to_vec();
    let mut large_hello = vec![22, 3, 1, 0x40, 0, 1, 0, 0xff, 0xff];
    large_hello.resize(64 * 1024, 0);
    let plain = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n".to_vec();
    for beginning in [close_notify, large_hello, plain, vec![22, 3, 1, 0, 0], vec![0xff; 70_000]] {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(&beginning).await.ok();
        stream.shutdown().await.ok();
        let mut rest = Vec::new();
        within(stream.read_to_end(&mut rest)).await.ok();
        assert!(!rest.starts_with(b"HTTP"), "answered in clear text");
    }
    http2(&certificate, &server).await.join().await.echo("as ever").await;
    drop(silent);
}

#[tokio::test]
async fn a_handshake_may_come_byte_by_byte() {
    let certificate = Certificate::new("bytes");
    let server = start(certificate.config()).await;
    let stream = TcpStream::connect(server.address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let (near, far) = tokio::io::duplex(1);
    tokio::spawn(async move {
        let (mut from, mut to) = tokio::io::split(far);
        let (mut read, mut write) = stream.into_split();
        let forth = async {
            let mut byte = [0];
            while let Ok(1) = from.read(&mut byte).await {
                write.write_all(&byte).await.unwrap();
            }
        };
        tokio::join!(forth, async { tokio::io::copy(&mut read, &mut to).await.ok() });
    });
    let name = "localhost".try_into().unwrap();
    let stream = within(certificate.connector(&["h2"]).connect(name, near)).await.unwrap();
    Http2::over(stream, "https://localhost".to_owned(), 65_535).await;
}

/// The clock of this test leaps ahead whenever everybody waits.
#[tokio::test(start_paused = true)]
async fn a_handshake_that_does_not_end_is_ended() {
    let certificate = Certificate::new("slow");
    let server = start(certificate.config()).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let began = tokio::time::Instant::now();
    stream.write_all(&[22, 3, 1, 2, 0, 1, 0]).await.unwrap();
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).await.ok();
    let took = began.elapsed();
    assert!(Duration::from_secs(9) < took && took < Duration::from_secs(11), "{took:?}");
}

#[test]
fn errors_name_the_file() {
    let (one, other) = (Certificate::new("one"), Certificate::new("other"));
    let config = |certificates: PathBuf, key: PathBuf| {
        let error = switchboard::tls::config(&certificates, &key).unwrap_err();
        assert!(error.to_string().starts_with(&*error.path().to_string_lossy()), "{error}");
        (error.path().to_owned(), error.to_string())
    };
    let (certificates, key) = (one.file("cert.pem"), one.file("key.pem"));
    let (empty, garbled) = (one.file("empty.pem"), one.file("garbled.pem"));
    std::fs::write(&empty, "").unwrap();
    let text = std::fs::read_to_string(&certificates).unwrap();
    std::fs::write(&garbled, text.replace('M', "?")).unwrap();
    let cases = [
        (one.file("none.pem"), key.clone(), one.file("none.pem"), "cannot be read"),
        (certificates.clone(), one.file("none.pem"), one.file("none.pem"), "cannot be read"),
        (empty.clone(), key.clone(), empty.clone(), "no certificate"),
        (key.clone(), key.clone(), key.clone(), "no certificate"),
        (certificates.clone(), empty.clone(), empty, "no private key"),
        (certificates.clone(), certificates.clone(), certificates.clone(), "no private key"),
        (garbled.clone(), key, garbled, "no PEM file"),
        (certificates, other.file("key.pem"), other.file("key.pem"), "not the key"),
    ];
    for (certificates, key, culprit, problem) in cases {
        let (path, text) = config(certificates, key);
        assert_eq!(path, culprit, "{text}");
        assert!(text.contains(problem), "{text}");
    }
}
