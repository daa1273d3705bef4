//! Clients of HTTP/2: a well-behaved one, WebSockets on it, and one that writes frames by hand.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::time::Instant;

use bytes::Bytes;
use h2::client::SendRequest;
use h2::{RecvStream, SendStream};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use switchboard_ws as ws;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::client::{Running, field, within};

/// One HTTP/2 connection, whose streams are the test's.
pub(crate) struct Http2 {
    sender: SendRequest<Bytes>,
    origin: String,
    /// Ends when the connection does.
    pub(crate) connection: tokio::task::JoinHandle<Result<(), h2::Error>>,
}

impl Http2 {
    /// Connects in clear text, with prior knowledge.
    pub(crate) async fn open(server: &Running) -> Self {
        let stream = within(TcpStream::connect(server.address)).await.unwrap();
        Self::over(stream, format!("http://{}", server.address), 64 * 1024 - 1).await
    }

    /// Begins on a stream; the server may send `window` bytes on each of its streams at first.
    pub(crate) async fn over<T>(stream: T, origin: String, window: u32) -> Self
    where
        T: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let mut builder = h2::client::Builder::new();
        builder.initial_window_size(window).initial_connection_window_size(16 * 1024 * 1024);
        let (sender, connection) = within(builder.handshake::<_, Bytes>(stream)).await.unwrap();
        let connection = tokio::spawn(connection);
        let http2 = Self { sender, origin, connection };
        // Its settings come with the first answer at the latest.
        let refused = http2.ask(http2.request(Method::GET, "/none"), "").await.0;
        assert!(matches!(refused, 404 | 426), "{refused}");
        assert!(http2.sender.is_extended_connect_protocol_enabled());
        http2
    }

    pub(crate) fn request(&self, method: Method, target: &str) -> http::request::Builder {
        Request::builder().method(method).uri(format!("{}{target}", self.origin))
    }

    /// One request: status, headers, body.
    pub(crate) async fn ask(
        &self,
        request: http::request::Builder,
        body: &str,
    ) -> (u16, HeaderMap, String) {
        let (response, mut stream) = self.send(request.body(()).unwrap(), body.is_empty()).await;
        if !body.is_empty() {
            stream.send_data(Bytes::copy_from_slice(body.as_bytes()), true).unwrap();
        }
        let (head, mut body) = within(response).await.unwrap().into_parts();
        let mut text = Vec::new();
        while let Some(data) = within(body.data()).await {
            let data = data.unwrap();
            body.flow_control().release_capacity(data.len()).unwrap();
            text.extend_from_slice(&data);
        }
        (head.status.as_u16(), head.headers, String::from_utf8(text).unwrap())
    }

    async fn send(
        &self,
        request: Request<()>,
        ends: bool,
    ) -> (h2::client::ResponseFuture, SendStream<Bytes>) {
        let mut sender = within(self.sender.clone().ready()).await.unwrap();
        sender.send_request(request, ends).unwrap()
    }

    /// The head of a WebSocket handshake on the server's path.
    pub(crate) fn handshake(&self, query: &str) -> http::request::Builder {
        let target = format!("/socket.io/?EIO=4&transport=websocket{query}");
        self.request(Method::CONNECT, &target)
            .extension(h2::ext::Protocol::from_static("websocket"))
            .header("sec-websocket-version", "13")
    }

    /// Asks for a WebSocket, whatever the answer.
    pub(crate) async fn connect(
        &self,
        request: http::request::Builder,
    ) -> (Response<RecvStream>, SendStream<Bytes>) {
        let (response, stream) = self.send(request.body(()).unwrap(), false).await;
        (within(response).await.unwrap(), stream)
    }

    /// Opens a session on a WebSocket and joins the default namespace.
    pub(crate) async fn join(&self) -> WebSocket {
        let mut socket = self.websocket("").await;
        let open = socket.text().await;
        assert!(open.starts_with("0{"), "{open}");
        socket.send("40").await;
        let connected = socket.text().await;
        socket.id = field(&connected, "sid");
        socket
    }

    /// Opens a plain WebSocket.
    pub(crate) async fn plain(&self) -> WebSocket {
        let request = self.request(Method::CONNECT, "/anything");
        let request = request.extension(h2::ext::Protocol::from_static("websocket"));
        let (response, stream) = self.connect(request.header("sec-websocket-version", "13")).await;
        assert_eq!(response.status(), StatusCode::OK);
        WebSocket::new(response.into_body(), stream)
    }

    /// Opens a WebSocket and does not wait for a packet.
    pub(crate) async fn websocket(&self, query: &str) -> WebSocket {
        let (response, stream) = self.connect(self.handshake(query)).await;
        assert_eq!(response.status(), StatusCode::OK);
        WebSocket::new(response.into_body(), stream)
    }
}

/// A WebSocket on a stream of an HTTP/2 connection.
pub(crate) struct WebSocket {
    /// The socket's id.
    pub(crate) id: String,
    pub(crate) stream: SendStream<Bytes>,
    body: RecvStream,
    ws: ws::Connection,
    messages: VecDeque<String>,
}

impl WebSocket {
    pub(crate) fn new(body: RecvStream, stream: SendStream<Bytes>) -> Self {
        let role = ws::Role::Client { mask_key: || [1, 2, 3, 4] };
        let ws = ws::Connection::new(role, ws::Limits::default());
        Self { id: String::new(), stream, body, ws, messages: VecDeque::new() }
    }

    pub(crate) async fn send(&mut self, text: &str) {
        let frame = self.frame(text);
        self.send_data(frame).await;
    }

    /// The bytes of a text message.
    pub(crate) fn frame(&mut self, text: &str) -> Vec<u8> {
        let mut frame = Vec::new();
        self.ws.send(ws::Message::Text(text), &mut frame);
        frame
    }

    /// Sends one DATA frame.
    pub(crate) async fn send_data(&mut self, data: Vec<u8>) {
        self.stream.reserve_capacity(data.len());
        while self.stream.capacity() < data.len() {
            within(poll_fn(|cx| self.stream.poll_capacity(cx))).await.unwrap().unwrap();
        }
        self.stream.send_data(data.into(), false).unwrap();
    }

    /// The next text message that is no heartbeat.
    pub(crate) async fn text(&mut self) -> String {
        within(self.next_text()).await.expect("the stream is open")
    }

    /// `None` at the end of the stream.
    pub(crate) async fn next_text(&mut self) -> Option<String> {
        loop {
            if let Some(text) = self.messages.pop_front() {
                if text == "2" {
                    self.send("3").await;
                    continue;
                }
                return Some(text);
            }
            let mut data = self.body.data().await?.ok()?.to_vec();
            self.body.flow_control().release_capacity(data.len()).unwrap();
            let (mut input, mut replies) = (data.as_mut_slice(), Vec::new());
            while let Ok(Some(event)) = self.ws.receive(&mut input, Instant::now(), &mut replies) {
                if let ws::Event::Text(text) = event {
                    self.messages.push_back(text.into_owned());
                }
            }
            if !replies.is_empty() {
                self.stream.send_data(replies.into(), false).ok();
            }
        }
    }

    /// Sends an event to itself by way of the server, and waits for it.
    pub(crate) async fn echo(&mut self, text: &str) {
        self.send(&format!(r#"42["echo","{text}"]"#)).await;
        assert_eq!(self.text().await, format!(r#"42["echo","{text}"]"#));
    }

    /// The reason with which the server resets the stream.
    pub(crate) async fn reset(&mut self) -> h2::Reason {
        within(poll_fn(|cx| self.stream.poll_reset(cx))).await.unwrap()
    }
}

/// A client that writes HTTP/2 frames by hand, in clear text.
pub(crate) struct Raw {
    stream: TcpStream,
    input: Vec<u8>,
}

/// A frame as it stands on the wire.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) kind: u8,
    pub(crate) stream: u32,
    pub(crate) payload: Vec<u8>,
}

impl Raw {
    pub(crate) async fn open(server: &Running) -> Self {
        let stream = within(TcpStream::connect(server.address)).await.unwrap();
        let mut raw = Self { stream, input: Vec::new() };
        raw.write(PREFACE).await;
        raw.write(&frame(SETTINGS, 0, 0, &[])).await;
        raw
    }

    /// Fails silently once the server has gone: the answer tells.
    pub(crate) async fn write(&mut self, bytes: &[u8]) {
        within(self.stream.write_all(bytes)).await.ok();
    }

    /// The next frame; `None` when the server has closed the connection.
    pub(crate) async fn frame(&mut self) -> Option<Frame> {
        loop {
            if let Some((head, rest)) = self.input.split_at_checked(9) {
                let len = usize::from(head[0]) << 16 | usize::from(head[1]) << 8;
                let len = len | usize::from(head[2]);
                if let Some(payload) = rest.get(..len) {
                    let stream = u32::from_be_bytes(head[5..].try_into().unwrap());
                    let frame = Frame { kind: head[3], stream, payload: payload.to_vec() };
                    self.input.drain(..9 + len);
                    return Some(frame);
                }
            }
            match within(self.stream.read_buf(&mut self.input)).await {
                Ok(0) | Err(_) => return None,
                Ok(_) => {}
            }
        }
    }

    /// The error code of the GOAWAY or, for `stream`, RST_STREAM that comes first.
    pub(crate) async fn refusal(&mut self, stream: u32) -> Option<u32> {
        while let Some(frame) = self.frame().await {
            let code = match frame.kind {
                GOAWAY => &frame.payload[4..8],
                RST_STREAM if frame.stream == stream => &frame.payload[..4],
                _ => continue,
            };
            return Some(u32::from_be_bytes(code.try_into().unwrap()));
        }
        None
    }
}

/// A frame's bytes.
pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut frame = u32::try_from(payload.len()).unwrap().to_be_bytes()[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// A header block of literals that nobody has to remember. Names and values below 127 bytes.
pub(crate) fn block(headers: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in headers {
        block.push(0);
        for text in [name, value] {
            block.push(u8::try_from(text.len()).unwrap());
            block.extend(text.as_bytes());
        }
    }
    block
}

/// The header block of a request for the server's path.
pub(crate) fn request(method: &str, more: &[(&str, &str)]) -> Vec<u8> {
    let path = "/socket.io/?EIO=4&transport=polling";
    let mut headers = vec![
        (":method", method),
        (":scheme", "http"),
        (":path", path),
        (":authority", "chat.example"),
    ];
    headers.extend(more);
    block(&headers)
}

pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const WINDOW_UPDATE: u8 = 8;
pub(crate) const CONTINUATION: u8 = 9;
pub(crate) const END_STREAM: u8 = 1;
pub(crate) const END_HEADERS: u8 = 4;
pub(crate) const PROTOCOL_ERROR: u32 = 1;
pub(crate) const ENHANCE_YOUR_CALM: u32 = 0xb;
