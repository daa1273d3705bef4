//! What each packet looks like on the wire, in both directions.

use switchboard_sio::Limits;

use crate::transcript::{check, check_client, check_limits};

#[test]
fn client_connects_with_and_without_auth() {
    check("< 0\n= Connect /");
    check("< 0/chat,\n= Connect /chat");
    check("< 0/chat\n= Connect /chat");
    check("< 0{\"token\":\"abc\"}\n= Connect / {\"token\":\"abc\"}");
    check("< 0/chat,{}\n= Connect /chat {}");
}

/// Official servers take the query off for protocol 4 clients only; the parser never does.
#[test]
fn query_is_part_of_the_namespace() {
    check("< 0/chat?a=b&c=d,{}\n= Connect /chat?a=b&c=d {}");
    check("< 2/?a=b,[\"x\"]\n= Event /?a=b [] \"x\"");
}

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
fn either_end_disconnects() {
    check("< 1\n= Disconnect /");
    check("< 1/chat,\n= Disconnect /chat");
    check_client("< 1/chat\n= Disconnect /chat");
    check("< 1{}\nx BadPayload 1002");
    check("< 1/chat,[\"a\"]\nx BadPayload 1002");
}

#[test]
fn event_with_everything() {
    check("< 2[\"a\"]\n= Event / [] \"a\"");
    check("< 2[\"a\",1]\n= Event / [] \"a\" 1");
    check("< 20[\"a\",1,null]\n= Event / [0] \"a\" 1,null");
    check("< 2/chat,[\"a\"]\n= Event /chat [] \"a\"");
    check("< 2/chat,456[\"a\",{\"b\":[]}]\n= Event /chat [456] \"a\" {\"b\":[]}");
    check("< 2[\"\"]\n= Event / [] \"\"");
    check("< 2[\"größe\",\"🦀\"]\n= Event / [] \"größe\" \"🦀\"");
}

#[test]
fn ack_with_everything() {
    check("< 30[]\n= Ack / [0]");
    check("< 3456[\"a\",{}]\n= Ack / [456] \"a\",{}");
    check("< 3/chat,1[[]]\n= Ack /chat [1] []");
    check("< 3007[]\n= Ack / [7]");
}

#[test]
fn arguments_stay_as_they_were_written() {
    check("< 2[ \"a\" , 1 , { \"b\" : 2 } ]\n= Event / [] \"a\" 1 , { \"b\" : 2 }");
    check("< 2[ \"a\" ]\n= Event / [] \"a\"");
    check("< 31[ ]\n= Ack / [1]");
    check("< 2[\"a\",\"\\u0041\\/\"]\n= Event / [] \"a\" \"\\u0041\\/\"");
    check("< 2[\"a\",1.50e+3,-0]\n= Event / [] \"a\" 1.50e+3,-0");
}

/// The official parser reads a space as the ack id 0; nobody sends one.
#[test]
fn whitespace_before_the_payload_is_refused() {
    check("< 2 [\"a\"]\nx BadPayload 1002");
    check("< 0 {}\nx BadPayload 1002");
}

#[test]
fn binary_event_waits_for_its_attachments() {
    check(
        r#"
        < 51-["a",{"_placeholder":true,"num":0}]
        <b 0102
        = Event / [] "a" {"_placeholder":true,"num":0} | 0102
        < 52-/x,7["a",{"b":{"num":1,"_placeholder":true}},[{"_placeholder":true,"num":0}],3]
        <b 01
        <b
        = Event /x [7] "a" {"b":{"num":1,"_placeholder":true}},[{"_placeholder":true,"num":0}],3 | 01 "#,
    );
}

#[test]
fn binary_ack_waits_for_its_attachments() {
    check(
        r#"
        < 61-/x,7[{"_placeholder":true,"num":0}]
        <b ff
        = Ack /x [7] {"_placeholder":true,"num":0} | ff"#,
    );
}

#[test]
fn ten_attachments_are_allowed() {
    let args: Vec<String> =
        (0..10).map(|it| format!("{{\"_placeholder\":true,\"num\":{it}}}")).collect();
    let args = args.join(",");
    check(&format!(
        "< 510-[\"a\",{args}]\n{}= Event / [] \"a\" {args} |{}",
        "<b 07\n".repeat(10),
        " 07".repeat(10)
    ));
}

#[test]
fn escaped_placeholder_keys_count() {
    check(
        r#"
        < 51-["a",{"_place\u0068older":true,"\u006eum":0}]
        <b 01
        = Event / [] "a" {"_place\u0068older":true,"\u006eum":0} | 01"#,
    );
}

#[test]
fn objects_like_placeholders_are_data() {
    check(
        r#"
        < 51-["a",{"_placeholder":true,"num":0},{"_placeholder":false,"num":9},{"num":9},{"_placeholder":[true],"num":0}]
        <b 01
        = Event / [] "a" {"_placeholder":true,"num":0},{"_placeholder":false,"num":9},{"num":9},{"_placeholder":[true],"num":0} | 01"#,
    );
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
