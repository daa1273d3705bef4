//! A server on a free port, and clients that speak raw bytes to it.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use switchboard::Server;
use switchboard_ws as ws;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// A server that runs until it is told to stop.
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    served: JoinHandle<std::io::Result<()>>,
}

pub(crate) async fn start(io: &Server) -> Running {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel();
    let shutdown = async { stopped.await.unwrap_or_default() };
    let served = tokio::spawn(switchboard::serve(listener, io.clone(), shutdown));
    Running::new(address, stop, served)
}

impl Running {
    pub(crate) fn new(
        address: SocketAddr,
        stop: oneshot::Sender<()>,
        served: JoinHandle<std::io::Result<()>>,
    ) -> Self {
        Self { address, stop: Some(stop), served }
    }

    /// Asks the server to stop, and waits until it has.
    pub(crate) async fn stop(mut self) {
        self.stop.take().unwrap().send(()).unwrap();
        within(self.served).await.unwrap().unwrap();
    }
}

/// Ends loudly what should have happened by now.
pub(crate) async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), future).await.expect("it did not happen in time")
}

/// Waits for a condition that another task brings about.
pub(crate) async fn until(mut condition: impl FnMut() -> bool) {
    within(async {
        while !condition() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

/// A WebSocket that carries Engine.IO.
pub(crate) struct Client {
    stream: TcpStream,
    ws: ws::Connection,
    input: Vec<u8>,
    /// How many bytes have come after the handshake.
    pub(crate) received: usize,
    /// The Engine.IO session id.
    pub(crate) sid: String,
    messages: std::collections::VecDeque<Message>,
}

#[derive(Debug, PartialEq)]
pub(crate) enum Message {
    Text(String),
    Binary(Vec<u8>),
    Closed(Option<u16>),
}

impl Client {
    /// Opens a session on a WebSocket.
    pub(crate) async fn open(server: &Running) -> Self {
        let mut client = Self::upgrade(server, "").await;
        let open = client.text().await;
        assert!(open.starts_with("0{"), "{open}");
        client.sid = field(&open, "sid");
        client
    }

    /// Opens a WebSocket, with more of a query, and does not wait for a packet.
    pub(crate) async fn upgrade(server: &Running, query: &str) -> Self {
        Self::upgrade_with(server, query, None, None).await
    }

    /// A client whose kernel buffers little, so that not reading is felt soon.
    pub(crate) async fn open_narrow(server: &Running) -> Self {
        let mut client = Self::upgrade_with(server, "", Some(8 * 1024), None).await;
        client.text().await;
        client
    }

    /// A client that offers permessage-deflate, with more of a query.
    pub(crate) async fn upgrade_deflating(
        server: &Running,
        query: &str,
        deflate: ws::deflate::Config,
    ) -> Self {
        Self::upgrade_with(server, query, None, Some(deflate)).await
    }

    async fn upgrade_with(
        server: &Running,
        query: &str,
        buffer: Option<u32>,
        deflate: Option<ws::deflate::Config>,
    ) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        if let Some(bytes) = buffer {
            socket.set_recv_buffer_size(bytes).unwrap();
        }
        let mut stream = within(socket.connect(server.address)).await.unwrap();
        let offer = deflate.as_ref().map(ws::deflate::offer);
        let offer = offer.map(|it| format!("Sec-WebSocket-Extensions: {it}\r\n"));
        let offer = offer.unwrap_or_default();
        let request = format!(
            "GET /socket.io/?EIO=4&transport=websocket{query} HTTP/1.1\r\nHost: {}\r\n\
             Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
             {offer}Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
            server.address
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut input = Vec::new();
        let head = loop {
            if let Some(at) = input.windows(4).position(|it| it == b"\r\n\r\n") {
                break at + 4;
            }
            assert_ne!(within(stream.read_buf(&mut input)).await.unwrap(), 0);
        };
        assert!(input.starts_with(b"HTTP/1.1 101 "), "{}", String::from_utf8_lossy(&input));
        let answer: Vec<u8> = input.drain(..head).collect();
        let answer = String::from_utf8(answer).unwrap().to_ascii_lowercase();
        let agreed =
            answer.split("\r\n").find_map(|it| it.strip_prefix("sec-websocket-extensions: "));
        let agreed = deflate
            .and_then(|config| ws::deflate::accept(&config, agreed.map(str::as_bytes)).unwrap());
        let role = ws::Role::Client { mask_key: || [1, 2, 3, 4] };
        let limits = ws::Limits { message_bytes_max: 32_000_000, ..ws::Limits::default() };
        Self {
            stream,
            ws: match agreed {
                Some(agreement) => ws::Connection::with_deflate(role, limits, &agreement),
                None => ws::Connection::new(role, limits),
            },
            received: 0,
            input,
            sid: String::new(),
            messages: Default::default(),
        }
    }

    /// Opens a session and joins the default namespace. Gives the socket's id too.
    pub(crate) async fn connect(server: &Running) -> (Self, String) {
        let mut client = Self::open(server).await;
        let id = client.join("40").await;
        (client, id)
    }

    /// Sends a CONNECT packet and gives the socket's id.
    pub(crate) async fn join(&mut self, packet: &str) -> String {
        self.send(packet).await;
        let connected = self.text().await;
        assert!(connected.starts_with("40"), "{connected}");
        field(&connected, "sid")
    }

    pub(crate) async fn send(&mut self, text: &str) {
        self.send_all([text]).await;
    }

    /// Sends several packets in one write.
    pub(crate) async fn send_all(&mut self, texts: impl IntoIterator<Item = impl AsRef<str>>) {
        let mut output = Vec::new();
        for text in texts {
            self.ws.send(ws::Message::Text(text.as_ref()), &mut output);
        }
        within(self.stream.write_all(&output)).await.unwrap();
    }

    pub(crate) async fn send_binary(&mut self, bytes: &[u8]) {
        let mut output = Vec::new();
        self.ws.send(ws::Message::Binary(bytes), &mut output);
        within(self.stream.write_all(&output)).await.unwrap();
    }

    /// The next message that is no heartbeat.
    pub(crate) async fn receive(&mut self) -> Message {
        loop {
            if let Some(message) = self.messages.pop_front() {
                if message == Message::Text("2".to_owned()) {
                    self.send("3").await;
                    continue;
                }
                return message;
            }
            self.parse().await;
            if self.messages.is_empty() {
                self.input.clear();
                match within(self.stream.read_buf(&mut self.input)).await {
                    Ok(0) | Err(_) => return Message::Closed(None),
                    Ok(len) => {
                        self.received += len;
                        self.parse().await;
                    }
                }
            }
        }
    }

    pub(crate) async fn text(&mut self) -> String {
        match self.receive().await {
            Message::Text(text) => text,
            other => panic!("expected text, got {other:?}"),
        }
    }

    /// The close code of the server, after whatever else it still sent.
    pub(crate) async fn close_code(&mut self) -> Option<u16> {
        loop {
            if let Message::Closed(code) = self.receive().await {
                return code;
            }
        }
    }

    async fn parse(&mut self) {
        let mut bytes = std::mem::take(&mut self.input);
        let mut input = bytes.as_mut_slice();
        let mut replies = Vec::new();
        while let Ok(Some(event)) = self.ws.receive(&mut input, Instant::now(), &mut replies) {
            self.messages.push_back(match event {
                ws::Event::Text(text) => Message::Text(text.into_owned()),
                ws::Event::Binary(bytes) => Message::Binary(bytes.into_owned()),
                ws::Event::Closed { code, .. } => Message::Closed(code.map(ws::CloseCode::value)),
                _ => continue,
            });
        }
        if !replies.is_empty() {
            // Refused when the server has gone meanwhile, which the next read will tell.
            within(self.stream.write_all(&replies)).await.ok();
        }
    }
}

/// The value of a string field of a JSON object that follows a packet's header.
pub(crate) fn field(packet: &str, name: &str) -> String {
    let json = &packet[packet.find('{').unwrap()..];
    let value: serde_json::Value = serde_json::from_str(json).unwrap();
    value[name].as_str().unwrap().to_owned()
}

/// One HTTP request on a connection of its own; the status and the body.
pub(crate) async fn request(
    server: &Running,
    method: &str,
    query: &str,
    body: &str,
) -> (u16, String) {
    let mut stream = within(TcpStream::connect(server.address)).await.unwrap();
    let request = format!(
        "{method} /socket.io/?{query} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\
         Content-Type: text/plain;charset=UTF-8\r\nContent-Length: {}\r\n\r\n{body}",
        server.address,
        body.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    within(stream.read_to_string(&mut answer)).await.unwrap();
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    let body = answer.split_once("\r\n\r\n").unwrap().1.to_owned();
    (status, body)
}
