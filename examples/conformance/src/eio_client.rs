//! Mode `eio-client`: what the tests of the official Engine.IO client look for.

use std::collections::BTreeMap;

use http::header::SET_COOKIE;
use http::{HeaderMap, HeaderValue};
use switchboard::engine::{Message, Server, Socket};
use switchboard::{Handshake, Refuse, RequestInfo};

use crate::options::Options;

/// Says hi, and echoes all but three messages.
pub(crate) fn server(options: &Options) -> Server {
    let builder = options
        .builder()
        .max_payload(100)
        .keep_requests(true)
        .allow_request(async |request: RequestInfo| match request.query("deny") {
            Some(_) => Err(Refuse::default()),
            None => Ok(()),
        })
        .on_initial_headers(|headers, _request| set_cookies(headers));
    builder.build_engine(async |mut socket: Socket| {
        socket.send("hi");
        while let Some(message) = socket.recv().await {
            let answer = match message.as_text() {
                Some("give binary") => Message::from(vec![0, 1, 2, 3, 4]),
                Some("give utf8") => Message::from("пойду спать всем спокойной ночи"),
                Some("sendHeaders") => Message::from(headers(socket.request())),
                _ => message,
            };
            socket.send(answer);
        }
    })
}

fn headers(request: &Handshake) -> String {
    let headers: BTreeMap<&str, &str> = request.headers().collect();
    serde_json::to_string(&headers).unwrap_or_default()
}

fn set_cookies(headers: &mut HeaderMap) {
    for cookie in COOKIES {
        headers.append(SET_COOKIE, HeaderValue::from_static(cookie));
    }
}

const COOKIES: [&str; 4] = [
    "1=1; Max-Age=86400",
    "2=2; Path=/; HttpOnly; Secure; SameSite=Strict",
    "3=3; Max-Age=0",
    "4=4; Expires=now",
];
