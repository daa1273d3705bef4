//! Handshakes: what a server refuses of a client, and a client of a server.

use std::time::{Duration, Instant};

use switchboard_ws::handshake::{
    BadResponse, Refusal, accept_value, check, check_connect, check_response, key,
};

/// The headers of the request in RFC 6455, section 1.2, with `change` in place of one, behind them
/// or, with an empty value, gone.
fn request(change: (&'static str, &'static str)) -> Vec<(&'static str, &'static [u8])> {
    let headers = [
        ("Host", "server.example.com"),
        ("Upgrade", "websocket"),
        ("Connection", "Upgrade"),
        ("Sec-WebSocket-Key", KEY),
        ("Sec-WebSocket-Version", "13"),
    ];
    changed(&headers, change)
}

fn response(change: (&'static str, &'static str)) -> Vec<(&'static str, &'static [u8])> {
    let headers = [
        ("Upgrade", "websocket"),
        ("Connection", "Upgrade"),
        ("Sec-WebSocket-Accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
    ];
    changed(&headers, change)
}

fn changed(
    headers: &[(&'static str, &'static str)],
    (name, value): (&'static str, &'static str),
) -> Vec<(&'static str, &'static [u8])> {
    let kept = headers.iter().filter(|it| it.0 != name).copied();
    let change = Some((name, value)).filter(|it| !it.1.is_empty());
    kept.chain(change).map(|(name, value)| (name, value.as_bytes())).collect()
}

#[test]
fn the_request_of_the_specification_is_accepted() {
    let request = check("GET", request(("Sec-WebSocket-Protocol", "chat, superchat"))).unwrap();
    assert_eq!(request.key, KEY);
    assert_eq!(request.protocols, ["chat", "superchat"]);
    assert_eq!(request.accept(), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

#[test]
fn token_lists_are_read_in_any_case_and_over_several_headers() {
    for change in [
        ("Connection", "keep-alive, UPGRADE"),
        ("Connection", "keep-alive ,, upgrade ,"),
        ("Upgrade", "h2c, WebSocket"),
        ("connection", "close"),
        ("upgrade", "h2c"),
        ("SEC-WEBSOCKET-EXTENSIONS", "constructor; __proto__=1"),
    ] {
        assert!(check("GET", request(change)).is_ok(), "{change:?}");
    }
}

#[test]
fn a_request_that_breaks_a_rule_is_refused() {
    for (change, refusal) in [
        (("Connection", ""), Refusal::NoConnectionUpgrade),
        (("Connection", "keep-alive"), Refusal::NoConnectionUpgrade),
        (("Connection", "not-upgrade"), Refusal::NoConnectionUpgrade),
        (("Upgrade", ""), Refusal::NoUpgradeWebsocket),
        (("Upgrade", "websocket2"), Refusal::NoUpgradeWebsocket),
        (("Sec-WebSocket-Version", ""), Refusal::OtherVersion),
        (("Sec-WebSocket-Version", "8"), Refusal::OtherVersion),
        (("Sec-WebSocket-Version", "013"), Refusal::OtherVersion),
        (("Sec-WebSocket-Version", "13, 8"), Refusal::OtherVersion),
        (("sec-websocket-version", "13"), Refusal::OtherVersion),
        (("Sec-WebSocket-Key", ""), Refusal::BadKey),
        (("Sec-WebSocket-Key", "SGVsbG8="), Refusal::BadKey),
        (("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ"), Refusal::BadKey),
        (("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZSE="), Refusal::BadKey),
        (("Sec-WebSocket-Key", "dGhlIHNhbXBs SBub25jZQ=="), Refusal::BadKey),
        (("sec-websocket-key", KEY), Refusal::BadKey),
        (("Sec-WebSocket-Protocol", "chat, chat"), Refusal::BadProtocols),
        (("Sec-WebSocket-Protocol", "a b"), Refusal::BadProtocols),
        (("Sec-WebSocket-Protocol", " , "), Refusal::BadProtocols),
        (("Sec-WebSocket-Protocol", "caf\u{e9}"), Refusal::BadProtocols),
    ] {
        assert_eq!(check("GET", request(change)), Err(refusal), "{change:?}");
    }
}

#[test]
fn only_get_opens_a_websocket() {
    for method in ["POST", "HEAD", "CONNECT", "get", ""] {
        assert_eq!(check(method, request(("", ""))), Err(Refusal::NotGet));
    }
}

#[test]
fn refusals_have_their_status_and_header() {
    assert_eq!((Refusal::BadKey.status(), Refusal::BadKey.header()), (400, None));
    assert_eq!((Refusal::NotGet.status(), Refusal::NotGet.header()), (405, Some(("allow", "GET"))));
    assert_eq!(Refusal::OtherVersion.status(), 426);
}

#[test]
fn w1_long_runs_of_spaces_are_refused_in_linear_time() {
    for spaces in [1_000, 14_000, 1_000_000] {
        let value = format!("b{}x", " ".repeat(spaces));
        let mut headers = request(("", ""));
        headers.push(("sec-websocket-protocol", value.as_bytes()));
        headers.push(("connection", value.as_bytes()));
        headers.push(("upgrade", value.as_bytes()));
        let start = Instant::now();
        assert_eq!(check("GET", headers), Err(Refusal::BadProtocols));
        assert!(start.elapsed() < Duration::from_secs(5));
    }
}

#[test]
fn w1_more_than_a_hundred_protocols_are_refused() {
    for (count, is_fine) in [(100, true), (101, false), (100_000, false)] {
        let value = (0..count).map(|it| format!("p{it}")).collect::<Vec<_>>().join(",");
        let mut headers = request(("", ""));
        headers.push(("sec-websocket-protocol", value.as_bytes()));
        assert_eq!(check("GET", headers).is_ok(), is_fine, "{count}");
    }
}

#[test]
fn the_answer_of_the_specification_is_accepted() {
    assert_eq!(key(*b"the sample nonce"), KEY);
    assert_eq!(check_response(101, KEY, &[], response(("", ""))), Ok(None));
    let headers = response(("Sec-WebSocket-Protocol", "chat"));
    assert_eq!(check_response(101, KEY, &["soap", "chat"], headers), Ok(Some("chat")));
}

#[test]
fn an_answer_that_breaks_a_rule_is_refused() {
    for (change, error) in [
        (("Upgrade", ""), BadResponse::NotWebsocket),
        (("Upgrade", "h2c"), BadResponse::NotWebsocket),
        (("Connection", "close"), BadResponse::NotWebsocket),
        (("Sec-WebSocket-Accept", ""), BadResponse::WrongAccept),
        (("Sec-WebSocket-Accept", "S3PPLMBITXAQ9KYGZZHZRBK+XOO="), BadResponse::WrongAccept),
        (("sec-websocket-accept", "x"), BadResponse::WrongAccept),
        (("Sec-WebSocket-Protocol", "mqtt"), BadResponse::UnofferedProtocol),
        (("Sec-WebSocket-Protocol", "chat, soap"), BadResponse::UnofferedProtocol),
        (("Sec-WebSocket-Extensions", "permessage-deflate"), BadResponse::UnofferedExtension),
    ] {
        let answer = check_response(101, KEY, &["chat", "soap"], response(change));
        assert_eq!(answer, Err(error), "{change:?}");
    }
    assert_eq!(check_response(200, KEY, &[], response(("", ""))), Err(BadResponse::NotSwitching));
}

#[test]
fn an_extended_connect_needs_its_protocol_and_its_version() {
    let version: (&str, &[u8]) = ("sec-websocket-version", b"13");
    let offer: (&str, &[u8]) = ("sec-websocket-protocol", b"chat, soap");
    let request = check_connect("CONNECT", Some("websocket"), [version, offer]).unwrap();
    assert_eq!(request.protocols, ["chat", "soap"]);
    assert_eq!(check_connect("CONNECT", Some("WebSocket"), [version]).unwrap().protocols.len(), 0);
    for (method, protocol, refusal) in [
        ("GET", Some("websocket"), Refusal::NotConnect),
        ("CONNECT", None, Refusal::OtherProtocol),
        ("CONNECT", Some("connect-udp"), Refusal::OtherProtocol),
    ] {
        assert_eq!(check_connect(method, protocol, [version]), Err(refusal));
    }
    for (headers, refusal) in [
        (vec![], Refusal::OtherVersion),
        (vec![("sec-websocket-version", &b"12"[..])], Refusal::OtherVersion),
        (vec![version, version], Refusal::OtherVersion),
        (vec![version, ("sec-websocket-protocol", b"a b")], Refusal::BadProtocols),
        (vec![version, offer, offer], Refusal::BadProtocols),
    ] {
        assert_eq!(check_connect("CONNECT", Some("websocket"), headers), Err(refusal));
    }
    assert_eq!(Refusal::OtherProtocol.status(), 501);
    assert_eq!(Refusal::NotConnect.header(), Some(("allow", "CONNECT")));
}

#[test]
fn w14_a_hundred_thousand_headers_hide_none_of_ours() {
    let mut headers = vec![("x-filler", &b"1"[..]); 100_000];
    headers.extend(request(("", "")));
    assert!(check("GET", headers.clone()).is_ok());
    headers.push(("sec-websocket-key", KEY.as_bytes()));
    assert_eq!(check("GET", headers), Err(Refusal::BadKey));
}

#[test]
fn keys_are_sixteen_bytes_in_plain_base64() {
    for bad in [
        "dGhlIHNhbXBsZSBub25jZQ==dGhlIHNhbXBsZSBub25jZQ==",
        "dGhlIHNhbXBsZSBub25jZQ==, dGhlIHNhbXBsZSBub25jZQ==",
        "dGhlIHNhbXBsZSBub25jZ===",
        "dGhlIHNhbXBsZSBub25j_-==",
        "========================",
        "caf\u{e9}caf\u{e9}caf\u{e9}caf\u{e9}aa==",
    ] {
        let headers = request(("Sec-WebSocket-Key", bad));
        assert_eq!(check("GET", headers), Err(Refusal::BadKey), "{bad:?}");
    }
}

#[test]
fn both_halves_agree() {
    for seed in 0..=255 {
        let key = key([seed; 16]);
        let mut headers = request(("Sec-WebSocket-Key", ""));
        headers.push(("sec-websocket-key", key.as_bytes()));
        assert_eq!(check("GET", headers).unwrap().accept(), accept_value(&key));
    }
}

const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
