//! Any headers, judged as a request, as an extended CONNECT and as an answer, must be harmless,
//! and what is let through must be what it claims.
//!
//! Each line of the data is a header, name and value with a colon between them.
#![no_main]

use libfuzzer_sys::fuzz_target;
use switchboard_ws::handshake::{accept_value, check, check_connect, check_response, key};

fuzz_target!(|data: &[u8]| {
    let lines = || {
        data.split(|it| *it == b'\n').filter_map(|line| {
            let colon = line.iter().position(|it| *it == b':')?;
            Some((std::str::from_utf8(&line[..colon]).ok()?, &line[colon + 1..]))
        })
    };
    if let Ok(request) = check("GET", lines()) {
        assert_eq!(request.key.len(), 24);
        assert_eq!(request.accept(), accept_value(request.key));
        are_offered(&request.protocols);
        // Whoever is let in over HTTP/1.1 has said enough for HTTP/2.
        let connect = check_connect("CONNECT", Some("websocket"), lines());
        assert_eq!(connect.map(|it| it.protocols), Ok(request.protocols));
    }
    if let Ok(request) = check_connect("CONNECT", Some("websocket"), lines()) {
        are_offered(&request.protocols);
    }
    let key = key(*b"the sample nonce");
    if let Ok(Some(protocol)) = check_response(101, &key, &["chat", "soap"], lines()) {
        assert!(["chat", "soap"].contains(&protocol));
    }
});

fn are_offered(protocols: &[&str]) {
    assert!(protocols.len() <= 100);
    for (at, protocol) in protocols.iter().enumerate() {
        assert!(!protocol.is_empty() && !protocol.contains([' ', ',', '"']));
        assert!(!protocols[..at].contains(protocol));
    }
}
