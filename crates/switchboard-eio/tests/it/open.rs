//! The open packet, from both sides.

use std::time::Duration;

use switchboard_eio::{Open, Opened, PeerError};

#[test]
fn the_open_packet_is_as_the_official_server_writes_it() {
    let open = Open {
        sid: "lv_VI97HAXpY6yYWAAAB",
        upgrades: &["websocket"],
        ping_interval: Duration::from_secs(25),
        ping_timeout: Duration::from_secs(20),
        max_payload: 1_000_000,
    };
    let expected = r#"0{"sid":"lv_VI97HAXpY6yYWAAAB","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}"#;
    assert_eq!(encode(&open), expected);
}

#[test]
fn a_client_reads_what_a_server_wrote() {
    let open = Open {
        sid: "a\"\\\n\u{7}é",
        upgrades: &["websocket", "webtransport"],
        ping_interval: Duration::from_millis(300),
        ping_timeout: Duration::from_millis(200),
        max_payload: 7,
    };
    let text = encode(&open);
    let opened = Opened::decode(text.strip_prefix('0').unwrap()).unwrap();
    assert_eq!(opened.sid, open.sid);
    assert_eq!(opened.upgrades, open.upgrades);
    assert_eq!(
        (opened.ping_interval, opened.ping_timeout),
        (open.ping_interval, open.ping_timeout)
    );
    assert_eq!(opened.max_payload, Some(7));
    for end in (1..text.len()).filter(|it| text.is_char_boundary(*it)) {
        assert_eq!(Opened::decode(&text[1..end]), Err(PeerError::InvalidOpen), "cut at {end}");
    }
}

#[test]
fn an_old_server_may_leave_out_the_largest_payload_but_nothing_else() {
    let members = [r#""sid":"a""#, r#""upgrades":[]"#, r#""pingInterval":1"#, r#""pingTimeout":2"#];
    let whole = format!("{{{}}}", members.join(","));
    assert_eq!(Opened::decode(&whole).unwrap().max_payload, None);
    for missing in members {
        let rest: Vec<&str> = members.into_iter().filter(|it| *it != missing).collect();
        let json = format!("{{{}}}", rest.join(","));
        assert_eq!(Opened::decode(&json), Err(PeerError::InvalidOpen), "{json}");
    }
}

#[test]
fn members_of_another_type_are_refused() {
    let json = r#"{"sid":"a","upgrades":[1],"pingInterval":1,"pingTimeout":2}"#;
    assert_eq!(Opened::decode(json), Err(PeerError::InvalidOpen));
    for json in ["null", "[]", "1", "", "\u{1e}"] {
        assert_eq!(Opened::decode(json), Err(PeerError::InvalidOpen), "{json}");
    }
}

fn encode(open: &Open<'_>) -> String {
    let mut output = Vec::new();
    open.encode(&mut output);
    String::from_utf8(output).unwrap()
}
