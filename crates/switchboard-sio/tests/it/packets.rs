//! What packets look like that come from a server, and limits. What clients send is in
//! `tests/transcripts/packets.txt`.

use switchboard_sio::Limits;

use crate::transcript::{check_client, check_limits};

#[test]
fn server_answers_a_connect() {
    check_client("< 0{\"sid\":\"x\"}\n= Connect / {\"sid\":\"x\"}");
    check_client(
        "< 0/chat,{\"sid\":\"x\",\"pid\":\"y\"}\n= Connect /chat {\"sid\":\"x\",\"pid\":\"y\"}",
    );
    check_client("< 4{\"message\":\"no\"}\n= ConnectError / {\"message\":\"no\"}");
    check_client(
        "< 4/x,{\"message\":\"no\",\"data\":[1]}\n= ConnectError /x {\"message\":\"no\",\"data\":[1]}",
    );
    check_client("< 4\"from an old server\"\n= ConnectError / \"from an old server\"");
}

#[test]
fn connect_error_needs_a_message() {
    check_client("< 4\nx BadPayload 1002");
    check_client("< 4[]\nx BadPayload 1002");
    check_client("< 4null\nx BadPayload 1002");
    check_client("< 4\"a\"b\nx BadJson 1007");
}

#[test]
fn the_server_disconnects() {
    check_client("< 1/chat\n= Disconnect /chat");
}

#[test]
fn limits_are_the_callers() {
    let limits =
        Limits { attachments_max: 0, depth_max: 2, namespace_bytes_max: 3, ..Limits::default() };
    check_limits(&limits, "< 51-[\"a\"]\nx TooManyAttachments 1008");
    check_limits(&limits, "< 2[\"a\",[]]\n= Event / [] \"a\" []");
    check_limits(&limits, "< 2[\"a\",[{}]]\nx TooDeep 1008");
    check_limits(&limits, "< 0/ab\n= Connect /ab");
    check_limits(&limits, "< 0/abc\nx NamespaceTooLong 1008");
}
