//! Packets as msgpack: what the official package sends, byte for byte, and what we send.
//!
//! The bytes were captured from socket.io-msgpack-parser 3.0.2 with notepack.io 2.2.0 on Node 20.

use serde::Deserialize;
use serde_json::value::RawValue;
use switchboard_sio::{Binary, Body, EncodeError, Limits, PeerError, RawArgs, Role, msgpack};

use crate::transcript::{describe, hex, unhex};

/// What the message says, as transcripts write it, or the error and its close code.
pub(crate) fn read_as(role: Role, message: &[u8]) -> String {
    match msgpack::decode(message, role, &Limits::default()) {
        Ok(packet) => describe(&packet),
        Err(error) => format!("x {error:?} {}", error.close_code()),
    }
}

#[track_caller]
pub(crate) fn check(message: &str, expected: &str) {
    assert_eq!(read_as(Role::Server, &unhex(message)), expected, "for {message}");
}

/// An event `e` with one argument, as the official client frames it.
#[track_caller]
fn check_value(value: &str, expected: &str) {
    let head = "84a47479706502a46461746192a165";
    let tail = "a76f7074696f6e7381a8636f6d7072657373c3a36e7370a12f";
    check(&format!("{head}{value}{tail}"), &format!("Event / [] \"e\" {expected}"));
}

const ONE: &str = "{\"_placeholder\":true,\"num\":0}";

#[test]
fn official_clients_are_understood() {
    check(
        "83a47479706500a46461746181a5746f6b656ea174a36e7370a52f63686174",
        "Connect /chat {\"token\":\"t\"}",
    );
    check("83a47479706500a464617461d40000a36e7370a12f", "Connect /");
    check("82a47479706501a36e7370a52f63686174", "Disconnect /chat");
    check(
        "85a47479706502a46461746194a16501c702000102c0a76f7074696f6e7381a8636f6d7072657373c3a2696400a36e7370a12f",
        &format!("Event / [0] \"e\" 1,{ONE},null | 0102"),
    );
    check(
        "84a47479706503a2696407a46461746192a26f6bc40109a36e7370a12f",
        &format!("Ack / [7] \"ok\",{ONE} | 09"),
    );
}

#[test]
fn official_servers_are_understood() {
    let read = |message: &str| read_as(Role::Client, &unhex(message));
    assert_eq!(
        read("83a47479706500a46461746182a3736964a178a3706964d40000a36e7370a12f"),
        "Connect / {\"sid\":\"x\"}"
    );
    assert_eq!(
        read(
            "83a47479706504a36e7370a82f756e6b6e6f776ea46461746181a76d657373616765b1496e76616c6964206e616d657370616365"
        ),
        "ConnectError /unknown {\"message\":\"Invalid namespace\"}"
    );
    assert_eq!(
        read("83a47479706504a46461746182a76d657373616765a46e6f7065a46461746181a16301a36e7370a12f"),
        "ConnectError / {\"message\":\"nope\",\"data\":{\"c\":1}}"
    );
    assert_eq!(
        read("83a47479706502a46461746194a373727601c4020102d40000a36e7370a12f"),
        format!("Event / [] \"srv\" 1,{ONE},null | 0102")
    );
}

/// python-socketio writes no `options`, and nil where the official client writes nothing.
#[test]
fn python_clients_are_understood() {
    check("83a47479706500a46461746180a36e7370a12f", "Connect / {}");
    check("83a47479706501a464617461c0a36e7370a12f", "Disconnect /");
    check("83a47479706502a46461746191a165a36e7370a12f", "Event / [] \"e\"");
}

#[test]
fn bytes_of_every_kind_are_attachments() {
    for bytes in ["c4020102", "c5 0002 0102", "c6 00000002 0102", "c702000102", "d5000102"] {
        check_value(bytes, &format!("{ONE} | 0102"));
    }
    check_value("c8 0002 00 0102", &format!("{ONE} | 0102"));
    check_value("c9 00000002 00 0102", &format!("{ONE} | 0102"));
    check_value("d60001020304", &format!("{ONE} | 01020304"));
    check_value(&format!("d800{}", "0a".repeat(16)), &format!("{ONE} | {}", "0a".repeat(16)));
    check_value("c70000", &format!("{ONE} |"));
    // As long as what stands for undefined and for a date.
    check_value("c7010000", &format!("{ONE} | 00"));
    check_value("c708000000000000000000", &format!("{ONE} | 0000000000000000"));
    check_value(
        "82a16191c40178a162c702000102",
        "{\"a\":[{\"_placeholder\":true,\"num\":0}],\"b\":{\"_placeholder\":true,\"num\":1}} | 78 0102",
    );
}

#[test]
fn undefined_is_null_or_nothing() {
    check_value("d40000", "null");
    check_value("d400ff", "null");
    check_value("82a161d40000a16201", "{\"b\":1}");
    check_value("83a16100a162d40000a16301", "{\"a\":0,\"c\":1}");
    check_value("81a161d40000", "{}");
    check_value("93d4000001d40000", "[null,1,null]");
}

#[test]
fn dates_read_as_javascript_writes_them() {
    for (milliseconds, text) in [
        (0_i64, "1970-01-01T00:00:00.000Z"),
        (-1, "1969-12-31T23:59:59.999Z"),
        (1_580_472_000_123, "2020-01-31T12:00:00.123Z"),
        (951_782_400_000, "2000-02-29T00:00:00.000Z"),
        (8_640_000_000_000_000, "+275760-09-13T00:00:00.000Z"),
        (-8_640_000_000_000_000, "-271821-04-20T00:00:00.000Z"),
        (-62_167_219_200_001, "-000001-12-31T23:59:59.999Z"),
        (253_402_300_800_000, "+010000-01-01T00:00:00.000Z"),
    ] {
        check_value(&format!("d700{milliseconds:016x}"), &format!("\"{text}\""));
    }
    for milliseconds in [8_640_000_000_000_001_i64, -8_640_000_000_000_001, i64::MIN, i64::MAX] {
        check_value(&format!("d700{milliseconds:016x}"), "null");
    }
}

#[test]
fn numbers_read_as_json_stringify_writes_them() {
    check_value(
        "9a007fcc80ccffcd0100cdffffce00010000ceffffffffcf0000000100000000cf001fffffffffffff",
        "[0,127,128,255,256,65535,65536,4294967295,4294967296,9007199254740991]",
    );
    check_value(
        "9affe0d0dfd080d1ff7fd18000d2ffff7fffd280000000d3ffffffff7fffffffd3ffe0000000000001",
        "[-1,-32,-33,-128,-129,-32768,-32769,-2147483648,-2147483649,-9007199254740991]",
    );
    check_value(
        "97cb3ff8000000000000cbbfb999999999999acb7ff8000000000000cb7ff0000000000000cbfff0000000000000cf35c9adc5dea00000cb0000000000000001",
        "[1.5,-0.1,null,null,null,3875820019684212736,5e-324]",
    );
    check_value("cfffffffffffffffff", "18446744073709551615");
    check_value("d38000000000000000", "-9223372036854775808");
    check_value("93cb4000000000000000cac0200000cb8000000000000000", "[2,-2.5,0]");
    check_value("cb7fefffffffffffff", "1.7976931348623157e+308");
}

#[test]
fn text_reads_as_text() {
    check_value("ab68c3a96c6c6f20f09fa680", "\"héllo 🦀\"");
    check_value("a300225c", "\"\\u0000\\\"\\\\\"");
    check_value("d90161", "\"a\"");
    check_value("da000161", "\"a\"");
    check_value("db0000000161", "\"a\"");
    check_value("81a12261", "{\"\\\"\":97}");
}

#[test]
fn other_extensions_are_type_and_bytes() {
    check_value("d6ff5968 2f00", &format!("[-1,{ONE}] | 59682f00"));
    check_value("c7020501 02", &format!("[5,{ONE}] | 0102"));
}

#[test]
fn integer_keys_are_their_digits() {
    check_value("8301c2ffc3cd0100c0", "{\"1\":false,\"-1\":true,\"256\":null}");
}

#[test]
fn handlers_read_msgpack_as_they_read_json() {
    #[derive(Debug, Deserialize, PartialEq)]
    struct File {
        name: String,
        parts: Vec<Binary>,
    }
    let mut message = Vec::new();
    let args = serde_json::json!({"name": "a.txt"});
    msgpack::event("/", Some(3), "put", &args, &mut message).unwrap();
    // The same with bytes in it, as the official client would send it.
    let message = unhex(
        "84a47479706502a46461746192a370757482a46e616d65a5612e747874a5706172747392c70100 07c4020809a2696403a36e7370a12f",
    );
    let packet = msgpack::decode(&message, Role::Server, &Limits::default()).unwrap();
    let Body::Event { id: Some(3), payload } = packet.body else { panic!("no event") };
    assert_eq!(payload.event_name(), "put");
    let parts = vec![Binary::from(vec![7]), Binary::from(vec![8, 9])];
    assert_eq!(payload.arg::<File>().unwrap(), File { name: "a.txt".to_owned(), parts });
    // And a relay sends on what it got.
    let mut output = Vec::new();
    msgpack::event("/", None, "put", RawArgs::from(&payload), &mut output).unwrap();
    assert_eq!(
        hex(&output),
        "83a47479706502a46461746192a370757482a46e616d65a5612e747874a5706172747392c40107c4020809a36e7370a12f"
    );
}

#[test]
fn what_we_send_is_what_the_official_server_sends() {
    let mut output = Vec::new();
    msgpack::connect("/", "x", None, &mut output);
    assert_eq!(hex(&output), "83a47479706500a46461746181a3736964a178a36e7370a12f");
    output.clear();
    msgpack::connect("/", "x", Some("y"), &mut output);
    assert_eq!(hex(&output), "83a47479706500a46461746182a3736964a178a3706964a179a36e7370a12f");
    output.clear();
    let data = RawValue::from_string("{\"c\":1}".to_owned()).unwrap();
    msgpack::connect_error("/", "nope", Some(&data), &mut output);
    assert_eq!(
        hex(&output),
        "83a47479706504a46461746182a76d657373616765a46e6f7065a46461746181a16301a36e7370a12f"
    );
    output.clear();
    msgpack::disconnect("/chat", &mut output);
    assert_eq!(hex(&output), "82a47479706501a36e7370a52f63686174");
    output.clear();
    msgpack::connect_request("/chat", None, &mut output).unwrap();
    assert_eq!(hex(&output), "82a47479706500a36e7370a52f63686174");
    output.clear();
    let args = ("ok", Binary::from(vec![9]));
    msgpack::ack("/", 1, args, &mut output).unwrap();
    assert_eq!(hex(&output), "84a47479706503a46461746192a26f6bc40109a36e7370a12fa2696401");
    output.clear();
    msgpack::event("/", None, "srv", (1, Binary::from(vec![1, 2]), ()), &mut output).unwrap();
    assert_eq!(hex(&output), "83a47479706502a46461746194a373727601c4020102c0a36e7370a12f");
}

#[test]
fn raw_numbers_keep_their_value() {
    let sent = |json: &str| {
        let mut output = Vec::new();
        let args = RawArgs { json, attachments: &[] };
        msgpack::ack("/", 0, args, &mut output).unwrap();
        let packet = msgpack::decode(&output, Role::Client, &Limits::default()).unwrap();
        let Body::Ack { payload, .. } = packet.body else { panic!("no ack") };
        payload.args_json().to_owned()
    };
    assert_eq!(
        sent("18446744073709551615,-9223372036854775808"),
        "18446744073709551615,-9223372036854775808"
    );
    assert_eq!(sent(" 1 , [ 2 ] "), "1,[2]");
    assert_eq!(sent("1.0,-0,1e2,1e999,-1e999"), "1,0,100,null,null");
    assert_eq!(sent("123456789012345678901234567890"), "1.2345678901234568e+29");
    assert_eq!(sent("\"\\ud800\""), "\"\u{fffd}\"");
}

#[test]
fn mistakes_of_the_application_leave_nothing() {
    fn fails(args: RawArgs<'_>) -> EncodeError {
        let mut output = b"before".to_vec();
        let error = msgpack::event("/", None, "e", args, &mut output).unwrap_err();
        assert_eq!(output, b"before");
        error
    }
    let raw = |json| RawArgs { json, attachments: &[] };
    for json in ["1],[2", "]", "[", "1,,2", "{\"a\"}", "1]"] {
        assert!(matches!(fails(raw(json)), EncodeError::Json(_)), "for {json}");
    }
    let deep = format!("{}{}", "[".repeat(128), "]".repeat(128));
    assert!(matches!(fails(raw(&deep)), EncodeError::TooDeep));
    let bytes = [bytes::Bytes::from_static(&[1])];
    for json in
        ["1", "{\"_placeholder\":true,\"num\":1}", "{\"_placeholder\":true,\"num\":0,\"a\":1}"]
    {
        let error = fails(RawArgs { json, attachments: &bytes });
        assert!(matches!(error, EncodeError::PlaceholderMismatch), "for {json}");
    }
    let twice = format!("{ONE},{ONE}");
    let error = fails(RawArgs { json: &twice, attachments: &bytes });
    assert!(matches!(error, EncodeError::PlaceholderMismatch));
    let many = vec![Binary::default(); msgpack::BINARY_MAX + 1];
    let mut output = Vec::new();
    let error = msgpack::event("/", None, "e", &many, &mut output).unwrap_err();
    assert!(matches!(error, EncodeError::TooManyAttachments) && output.is_empty());
    msgpack::event("/", None, "e", &many[1..], &mut output).unwrap();
    assert!(msgpack::decode(&output, Role::Server, &Limits::default()).is_ok());
    let error = msgpack::event("/", None, "connect", (), &mut output).unwrap_err();
    assert!(matches!(error, EncodeError::ReservedEventName));
    let error = msgpack::ack("/", 1 << 53, (), &mut output).unwrap_err();
    assert!(matches!(error, EncodeError::IdTooLarge));
}

#[test]
fn connect_error_leaves_out_data_that_is_too_deep() {
    let deep = format!("{}{}", "[".repeat(129), "]".repeat(129));
    let deep = RawValue::from_string(deep).unwrap();
    let mut output = Vec::new();
    msgpack::connect_error("/", "no", Some(&deep), &mut output);
    assert_eq!(read_as(Role::Client, &output), "ConnectError / {\"message\":\"no\"}");
    let object = RawValue::from_string(format!("{{\"a\":{}}}", deep.get())).unwrap();
    let error = msgpack::connect_request("/", Some(&object), &mut output).unwrap_err();
    assert!(matches!(error, EncodeError::TooDeep));
}

#[test]
fn an_argument_can_be_added_to_what_was_written() {
    for count in [0, 1, 14, 15, 65_534, 65_535] {
        let mut args = vec!["a"; count];
        let (mut event, mut longer) = (Vec::new(), Vec::new());
        let raw = |args: &[&str]| args.iter().map(|it| format!("\"{it}\"")).collect::<Vec<_>>();
        let json = raw(&args).join(",");
        let raw_args = RawArgs { json: &json, attachments: &[] };
        msgpack::event("/chat", Some(7), "e", raw_args, &mut event).unwrap();
        args.push("offset");
        let json = raw(&args).join(",");
        let raw_args = RawArgs { json: &json, attachments: &[] };
        msgpack::event("/chat", Some(7), "e", raw_args, &mut longer).unwrap();
        assert_eq!(msgpack::with_argument(&event, "offset"), Some(longer), "for {count}");
    }
    let mut other = Vec::new();
    msgpack::disconnect("/", &mut other);
    assert_eq!(msgpack::with_argument(&other, "offset"), None);
    assert_eq!(msgpack::with_argument(b"", "offset"), None);
}

#[test]
fn older_clients_get_the_error_itself() {
    let mut output = Vec::new();
    msgpack::connect_error_v3("/", "no", None, &mut output);
    assert_eq!(hex(&output), "83a47479706504a464617461a26e6fa36e7370a12f");
    output.clear();
    let deep = format!("{}{}", "[".repeat(129), "]".repeat(129));
    let deep = RawValue::from_string(deep).unwrap();
    msgpack::connect_error_v3("/", "no", Some(&deep), &mut output);
    assert_eq!(hex(&output), "83a47479706504a464617461a26e6fa36e7370a12f");
    output.clear();
    let data = RawValue::from_string("{\"c\":1}".to_owned()).unwrap();
    msgpack::connect_error_v3("/", "no", Some(&data), &mut output);
    assert_eq!(hex(&output), "83a47479706504a46461746181a16301a36e7370a12f");
    output.clear();
    msgpack::connect_v3("/a", &mut output);
    assert_eq!(hex(&output), "82a47479706500a36e7370a22f61");
}

#[test]
fn an_object_that_looks_like_a_placeholder_is_data_without_bytes() {
    let looks = "82ac5f706c616365686f6c646572c3a36e756d00";
    check_value(looks, ONE);
    let message = format!("83a47479706502a46461746192a165{looks}a36e7370a12f");
    let packet = msgpack::decode(&unhex(&message), Role::Server, &Limits::default()).unwrap();
    let Body::Event { payload, .. } = packet.body else { panic!("no event") };
    payload.arg::<Binary>().unwrap_err();
    // It leaves as the map that it is.
    let mut output = Vec::new();
    msgpack::event("/", None, "e", RawArgs::from(&payload), &mut output).unwrap();
    assert_eq!(hex(&output), message);
    // Beside bytes nobody could tell them apart.
    let error = PeerError::BadPlaceholder;
    let message = format!("83a47479706502a46461746193a165{looks}c40107a36e7370a12f");
    check(&message, &format!("x {error:?} 1002"));
}
