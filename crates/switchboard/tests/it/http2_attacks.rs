//! HTTP/2 used against us: the connection that does it ends, or its stream; everybody else goes on.

use std::time::Duration;

use switchboard::Server;

use crate::client::{Client, Running, start, within};
use crate::http2_client::*;

/// Somebody else is served as if nothing had happened.
async fn assert_healthy(server: &Running) {
    let healthy = async {
        Client::connect(server).await;
        Http2::open(server).await.join().await;
    };
    tokio::time::timeout(Duration::from_secs(5), healthy).await.unwrap();
}

async fn server() -> Running {
    start(&Server::builder().build()).await
}

/// Q1, also for extended CONNECT.
#[tokio::test]
async fn streams_opened_and_reset_in_a_row_end_the_connection() {
    let server = server().await;
    let websocket = [(":protocol", "websocket"), ("sec-websocket-version", "13")];
    for head in [request("GET", &[]), request("CONNECT", &websocket)] {
        let mut raw = Raw::open(&server).await;
        let mut flood = Vec::new();
        for number in 0..10_000 {
            let stream = number * 2 + 1;
            flood.extend(frame(HEADERS, END_HEADERS, stream, &head));
            flood.extend(frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes()));
        }
        raw.write(&flood).await;
        // Or the connection was cut while the rest of the flood was still to be read.
        let refusal = raw.refusal(0).await;
        assert!(refusal.is_none_or(|it| it == ENHANCE_YOUR_CALM), "{refusal:?}");
        assert_healthy(&server).await;
    }
}

/// Q2: every stream is ended by us, for a fault of the client's.
#[tokio::test]
async fn streams_that_make_us_reset_them_end_the_connection() {
    let server = server().await;
    let body_after_its_end = |stream| {
        let head = request("POST", &[]);
        let head = frame(HEADERS, END_HEADERS | END_STREAM, stream, &head);
        [head, frame(DATA, 0, stream, b"more")].concat()
    };
    let window_beyond_its_limit = |stream| {
        let head = frame(HEADERS, END_HEADERS, stream, &request("POST", &[]));
        [head, frame(WINDOW_UPDATE, 0, stream, &[0x7f, 0xff, 0xff, 0xff])].concat()
    };
    // h2 takes no second chance where a body goes on after its end.
    let attacks = [
        (0..200).flat_map(|it| body_after_its_end(it * 2 + 1)).collect::<Vec<u8>>(),
        (0..200).flat_map(|it| window_beyond_its_limit(it * 2 + 1)).collect(),
    ];
    for (flood, code) in attacks.into_iter().zip([PROTOCOL_ERROR, ENHANCE_YOUR_CALM]) {
        let mut raw = Raw::open(&server).await;
        raw.write(&flood).await;
        assert_eq!(raw.refusal(0).await, Some(code));
        assert_healthy(&server).await;
    }
}

/// Q2: a window that opens by nothing ends the connection at once.
#[tokio::test]
async fn a_window_update_of_zero_ends_the_connection() {
    let server = server().await;
    let mut raw = Raw::open(&server).await;
    raw.write(&frame(HEADERS, END_HEADERS, 1, &request("POST", &[]))).await;
    raw.write(&frame(WINDOW_UPDATE, 0, 1, &[0; 4])).await;
    assert_eq!(raw.refusal(0).await, Some(PROTOCOL_ERROR));
    assert_healthy(&server).await;
}

/// Q3.
#[tokio::test]
async fn headers_without_an_end_end_the_connection() {
    let server = server().await;
    let mut raw = Raw::open(&server).await;
    raw.write(&frame(HEADERS, END_STREAM, 1, &request("GET", &[]))).await;
    for _ in 0..10_000 {
        raw.write(&frame(CONTINUATION, 0, 1, &block(&[("x", "y")]))).await;
    }
    let refusal = raw.refusal(0).await;
    assert!(refusal.is_none_or(|it| it == ENHANCE_YOUR_CALM), "{refusal:?}");
    assert_healthy(&server).await;
}

/// Q4: the client takes no header of an answer.
#[tokio::test]
async fn a_client_that_takes_no_headers_harms_itself_alone() {
    let server = server().await;
    let mut raw = Raw::open(&server).await;
    raw.write(&frame(SETTINGS, 0, 0, &[0, 6, 0, 0, 0, 1])).await;
    raw.write(&frame(HEADERS, END_HEADERS | END_STREAM, 1, &request("GET", &[]))).await;
    while raw.frame().await.expect("an answer").stream != 1 {}
    assert_healthy(&server).await;
}

/// Q5 (a).
#[tokio::test]
async fn a_hundred_and_one_empty_data_frames_end_the_connection() {
    let server = server().await;
    let mut raw = Raw::open(&server).await;
    raw.write(&frame(HEADERS, END_HEADERS, 1, &request("POST", &[]))).await;
    for _ in 0..101 {
        raw.write(&frame(DATA, 0, 1, &[])).await;
    }
    assert_eq!(raw.refusal(0).await, Some(ENHANCE_YOUR_CALM));
    assert_healthy(&server).await;
}

/// Q6: many headers, and a few that are repeated by reference.
#[tokio::test]
async fn header_lists_beyond_16_kib_are_refused() {
    let server = server().await;
    let value = "v".repeat(120);
    let plain = block(&vec![("x-header", &*value); 110]);
    // Remembered once, then referred to: index 62 is the newest entry.
    let mut bomb = vec![0x40, 1, b'x', 120];
    bomb.extend(value.as_bytes());
    bomb.resize(bomb.len() + 10_000, 0x80 | 62);
    for headers in [plain, bomb] {
        let mut raw = Raw::open(&server).await;
        let mut block = request("GET", &[]);
        block.extend(headers);
        let flags = if block.len() < 16_384 { END_HEADERS | END_STREAM } else { END_STREAM };
        let (first, rest) = block.split_at(block.len().min(16_384));
        raw.write(&frame(HEADERS, flags, 1, first)).await;
        if !rest.is_empty() {
            raw.write(&frame(CONTINUATION, END_HEADERS, 1, rest)).await;
        }
        let answer = loop {
            match raw.frame().await {
                Some(frame) if frame.stream == 1 || frame.kind == GOAWAY => break Some(frame),
                Some(_) => {}
                None => break None,
            }
        };
        let is_refused =
            answer.as_ref().is_none_or(|it| it.kind != HEADERS || it.payload == STATUS_431);
        assert!(is_refused, "{answer:?}");
        assert_healthy(&server).await;
    }
}

/// A header block: the name is entry 8, and the value is Huffman-coded.
const STATUS_431: &[u8] = &[0x48, 0x83, 0x69, 0x90, 0xff];

#[tokio::test]
async fn a_header_table_of_four_gigabytes_ends_the_connection() {
    let server = server().await;
    let mut raw = Raw::open(&server).await;
    let mut block = vec![0x3f, 0xe0, 0xff, 0xff, 0xff, 0x0f];
    block.extend(request("GET", &[]));
    raw.write(&frame(HEADERS, END_HEADERS | END_STREAM, 1, &block)).await;
    // 9 is COMPRESSION_ERROR.
    let refusal = raw.refusal(1).await;
    assert!(matches!(refusal, Some(9 | PROTOCOL_ERROR)), "{refusal:?}");
    assert_healthy(&server).await;
}

/// Q8: what HTTP/2 has no place for.
#[tokio::test]
async fn malformed_requests_are_reset() {
    let server = server().await;
    let cases: [(&str, &[(&str, &str)]); 9] = [
        ("GET", &[("connection", "close")]),
        ("GET", &[("upgrade", "websocket")]),
        ("GET", &[("transfer-encoding", "chunked")]),
        ("GET", &[("te", "gzip")]),
        ("GET", &[("X-Upper", "a")]),
        ("GET", &[("x-line", "a\r\nb: c")]),
        ("GET", &[(":protocol", "websocket")]),
        ("GET", &[("x-after", "a"), (":path", "/")]),
        ("GET", &[(":unknown", "a")]),
    ];
    for (method, headers) in cases {
        let mut raw = Raw::open(&server).await;
        raw.write(&frame(HEADERS, END_HEADERS | END_STREAM, 1, &request(method, headers))).await;
        assert_eq!(raw.refusal(1).await, Some(PROTOCOL_ERROR), "{headers:?}");
    }
    assert_healthy(&server).await;
}

#[tokio::test]
async fn a_body_of_another_length_than_announced_is_refused() {
    let server = server().await;
    let mut raw = Raw::open(&server).await;
    let head = request("POST", &[("content-length", "3")]);
    raw.write(&frame(HEADERS, END_HEADERS, 1, &head)).await;
    raw.write(&frame(DATA, END_STREAM, 1, b"too long")).await;
    assert_eq!(raw.refusal(1).await, Some(PROTOCOL_ERROR));
    assert_healthy(&server).await;
}

/// The connection of a client that opens as many WebSockets as it may and resets none.
#[tokio::test]
async fn a_thousand_websockets_share_a_connection() {
    let server = server().await;
    let http2 = Http2::open(&server).await;
    let mut sockets = Vec::new();
    for _ in 0..1000 {
        sockets.push(http2.websocket("").await);
    }
    for socket in &mut sockets {
        assert!(within(socket.next_text()).await.unwrap().starts_with("0{"));
    }
    assert_healthy(&server).await;
}
