//! What the application sends, and what it cannot.

use serde::ser::Error;
use serde::{Serialize, Serializer};
use switchboard_sio::{Binary, EncodeError, RawArgs, encode};

use crate::transcript::check;

#[test]
fn packets_without_arguments() {
    check("! connect / abc\n> 0{\"sid\":\"abc\"}");
    check("! connect /chat a\"b\n> 0/chat,{\"sid\":\"a\\\"b\"}");
    check("! request /\n> 0");
    check("! request /chat {\"token\":1}\n> 0/chat,{\"token\":1}");
    check("! error /chat Invalid namespace\n> 4/chat,{\"message\":\"Invalid namespace\"}");
    check("! error / no | {\"status\":401}\n> 4{\"message\":\"no\",\"data\":{\"status\":401}}");
    check("! disconnect /\n> 1");
    check("! disconnect /chat\n> 1/chat,");
}

#[test]
fn events_and_acks() {
    check("! event / [] \"a\"\n> 2[\"a\"]");
    check("! event / [0] \"a\" 1\n> 20[\"a\",1]");
    check(
        "! event /x [9007199254740991] \"a\\n\" [1,2],{}\n> 2/x,9007199254740991[\"a\\n\",[1,2],{}]",
    );
    check("! ack / [10]\n> 310[]");
    check("! ack /x [7] null\n> 3/x,7[null]");
}

#[test]
fn binary_values_become_attachments() {
    check(
        r#"
        ! event /x [7] "a" [{"$":"01"},{"k":{"$":""}}],{"$":"ff"}
        > 53-/x,7["a",[{"_placeholder":true,"num":0},{"k":{"_placeholder":true,"num":1}}],{"_placeholder":true,"num":2}]
        >b 01
        >b
        >b ff
        ! ack / [3] {"$":"0a"}
        > 61-3[{"_placeholder":true,"num":0}]
        >b 0a"#,
    );
}

#[test]
fn reserved_names_are_not_sent() {
    for name in
        ["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"]
    {
        check(&format!("! event / [] \"{name}\" 1\n> ReservedEventName"));
    }
}

#[test]
fn ids_stop_where_javascript_stops_counting() {
    check("! ack / [9007199254740992] 1\n> IdTooLarge");
    check("! event / [9007199254740992] \"a\" 1\n> IdTooLarge");
}

#[test]
fn more_attachments_than_receivers_take_are_not_sent() {
    let ten = vec![Binary::from(vec![1]); 10];
    let mut output = Vec::new();
    assert_eq!(encode::event("/", None, "a", &ten, &mut output).unwrap().len(), 10);
    output.clear();
    let eleven = vec![Binary::from(vec![1]); 11];
    let error = encode::event("/", None, "a", &eleven, &mut output).unwrap_err();
    assert!(matches!(error, EncodeError::TooManyAttachments));
    assert_eq!(output, b"");
}

/// A client that gets such a packet closes its connection, and the object may come from another.
#[test]
fn foreign_placeholders_are_not_sent_beside_attachments() {
    check(
        "! event / [] \"a\" {\"_placeholder\":true,\"num\":0}\n> 2[\"a\",{\"_placeholder\":true,\"num\":0}]",
    );
    check(
        "! event / [] \"a\" {\"_placeholder\":true,\"num\":0},{\"$\":\"01\"}\n> PlaceholderMismatch",
    );
    check("! ack / [1] {\"$\":\"01\"},{\"_placeholder\":true,\"num\":9}\n> PlaceholderMismatch");
}

#[test]
fn raw_arguments_are_forwarded_as_they_are() {
    let attachments = [vec![1].into(), vec![2].into()];
    let json = r#"1e999,{"_placeholder":true,"num":1},"\ud800",{"num":0,"_placeholder":true}"#;
    let mut output = b"4".to_vec();
    let args = RawArgs { json, attachments: &attachments };
    let sent = encode::event("/", None, "a", args, &mut output).unwrap();
    assert_eq!(sent, attachments);
    assert_eq!(output, format!("452-[\"a\",{json}]").into_bytes());

    output.clear();
    let args = RawArgs { json: "1", attachments: &attachments };
    let error = encode::event("/", None, "a", args, &mut output).unwrap_err();
    assert!(matches!(error, EncodeError::PlaceholderMismatch));
    let args = RawArgs { json: "{", attachments: &attachments };
    let error = encode::event("/", None, "a", args, &mut output).unwrap_err();
    assert!(matches!(error, EncodeError::PlaceholderMismatch));
    assert_eq!(output, b"");
}

#[test]
fn tuples_are_several_arguments_and_references_one() {
    let mut output = Vec::new();
    let values = (1, "b".to_owned(), [2]);
    encode::event("/", None, "a", &values, &mut output).unwrap();
    encode::event("/", None, "a", values, &mut output).unwrap();
    encode::event("/", None, "a", "text", &mut output).unwrap();
    encode::event("/", None, "a", (1, 2, 3, 4, 5, 6, 7, (8,)), &mut output).unwrap();
    assert_eq!(
        String::from_utf8(output).unwrap(),
        r#"2["a",[1,"b",[2]]]2["a",1,"b",[2]]2["a","text"]2["a",1,2,3,4,5,6,7,[8]]"#
    );
}

struct Failing;

impl Serialize for Failing {
    fn serialize<S: Serializer>(&self, _serializer: S) -> Result<S::Ok, S::Error> {
        Err(Error::custom("cannot"))
    }
}

#[test]
fn failed_argument_takes_the_whole_packet_back() {
    let mut output = b"kept".to_vec();
    let args = (Binary::from(vec![1]), Failing);
    let error = encode::event("/", None, "a", args, &mut output).unwrap_err();
    assert_eq!(error.to_string(), "could not serialise an argument: cannot");
    assert_eq!(output, b"kept");
    // And its attachment is forgotten.
    let attachments = encode::event("/", None, "a", (Binary::from(vec![2]),), &mut output).unwrap();
    assert_eq!(attachments, [&[2][..]]);
}
