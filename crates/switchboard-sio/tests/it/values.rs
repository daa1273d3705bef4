//! Arguments as values: what a handler asks for, and what it gets.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use bytes::Bytes;
use serde::ser::SerializeSeq;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use switchboard_sio::{Binary, encode};

use crate::transcript::decode_event;

const PLACEHOLDER: &str = r#"{"_placeholder":true,"num":0}"#;

#[test]
fn first_argument_and_null_without_one() {
    assert_eq!(decode_event(r#"2["a",1,2]"#, &[]).arg::<u8>().unwrap(), 1);
    assert_eq!(decode_event(r#"2["a"]"#, &[]).arg::<Option<u8>>().unwrap(), None);
    decode_event(r#"2["a"]"#, &[]).arg::<()>().unwrap();
    let error = decode_event(r#"2["a"]"#, &[]).arg::<u8>().unwrap_err();
    assert!(error.to_string().starts_with("could not read the arguments: invalid type: null"));
    assert_eq!(decode_event(r#"31["x"]"#, &[]).arg::<String>().unwrap(), "x");
    assert_eq!(decode_event("31[]", &[]).arg::<Value>().unwrap(), Value::Null);
}

#[test]
fn all_arguments_as_one_sequence() {
    let payload = decode_event(r#"2["a", 1 ,"b",[{"c":2}]]"#, &[]);
    assert_eq!(payload.args::<Value>().unwrap(), json!([1, "b", [{"c": 2}]]));
    assert_eq!(payload.args::<Vec<Value>>().unwrap().len(), 3);
    let (number, text, rest): (u8, String, Value) = payload.args().unwrap();
    assert_eq!((number, &*text, rest), (1, "b", json!([{"c": 2}])));
    let raw: Vec<Box<RawValue>> = payload.args().unwrap();
    assert_eq!(raw[2].get(), r#"[{"c":2}]"#);
    assert_eq!(payload.args::<Option<(u8,)>>().unwrap(), Some((1,)));
}

/// Recovery appends an offset to every event, so strict arity would break handlers.
#[test]
fn tuples_take_what_they_need() {
    let payload = decode_event(r#"2["a",1]"#, &[]);
    payload.args::<()>().unwrap();
    assert_eq!(payload.args::<(u8, Option<u8>)>().unwrap(), (1, None));
    assert!(payload.args::<(u8, u8)>().is_err());
    assert_eq!(decode_event(r#"2["a",1,"offset"]"#, &[]).args::<(u8,)>().unwrap(), (1,));
    assert_eq!(decode_event(r#"2["a"]"#, &[]).args::<Vec<u8>>().unwrap(), [0; 0]);

    #[derive(Debug, PartialEq, Deserialize)]
    struct Two(u8, Option<u8>);
    assert_eq!(payload.args::<Two>().unwrap(), Two(1, None));
    #[derive(Debug, PartialEq, Deserialize)]
    struct All(Vec<u8>);
    assert_eq!(payload.args::<All>().unwrap(), All(vec![1]));
}

/// serde_json alone would stop one level earlier, because of the array around the arguments.
#[test]
fn deepest_accepted_payload_can_be_read() {
    let nested = format!("{}{}", "[".repeat(127), "]".repeat(127));
    let payload = decode_event(&format!("2[\"a\",{nested}]"), &[]);
    assert_eq!(payload.arg::<Value>().unwrap().to_string(), nested);
    assert_eq!(payload.args::<(Value,)>().unwrap().0.to_string(), nested);
}

#[test]
fn lone_surrogates_are_text_but_no_value() {
    let payload = decode_event(r#"2["a","\ud800",1e999]"#, &[]);
    assert_eq!(payload.args_json(), r#""\ud800",1e999"#);
    assert!(payload.arg::<String>().is_err());
    assert!(payload.args::<Value>().is_err());
}

#[test]
fn binary_values_come_back() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct File {
        name: String,
        parts: Vec<Binary>,
        #[serde(flatten)]
        more: BTreeMap<String, Binary>,
    }
    let file = File {
        name: "a.txt".to_owned(),
        parts: vec![Binary::from(vec![1]), Binary::default()],
        more: BTreeMap::from([("icon".to_owned(), Binary::from(vec![2, 3]))]),
    };
    let mut output = Vec::new();
    let attachments = encode::event("/", None, "file", (7, &file), &mut output).unwrap();
    let payload = decode_event(std::str::from_utf8(&output).unwrap(), &attachments);
    assert_eq!(payload.args::<(u8, File)>().unwrap(), (7, file));
    assert_eq!(payload.attachments(), attachments);
}

#[test]
fn binary_is_an_error_outside_of_an_event() {
    let error = serde_json::to_string(&Binary::from(vec![1])).unwrap_err();
    assert_eq!(error.to_string(), "binary value outside of an event");
    assert!(serde_json::from_str::<Binary>(PLACEHOLDER).is_err());
    assert!(serde_json::to_value(vec![Binary::default()]).is_err());
}

#[test]
fn placeholder_without_attachment_is_no_binary_value() {
    let payload = decode_event(&format!("2[\"a\",{PLACEHOLDER}]"), &[]);
    assert!(payload.arg::<Binary>().is_err());
    assert_eq!(payload.arg::<Value>().unwrap(), json!({"_placeholder": true, "num": 0}));
    let attached = decode_event(
        &format!("51-[\"a\",{PLACEHOLDER},{{\"_placeholder\":false,\"num\":0}}]"),
        &[Bytes::from_static(b"x")],
    );
    assert!(attached.args::<(Binary, Binary)>().is_err());
    assert_eq!(attached.arg::<Binary>().unwrap(), Binary::from(vec![b'x']));
}

/// Encodes and decodes whole events while it is itself serialised.
struct Nesting;

impl Serialize for Nesting {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut output = Vec::new();
        let inner = (Binary::from(vec![7]), Binary::from(vec![8]));
        assert_eq!(encode::event("/", None, "in", inner, &mut output).unwrap().len(), 2);
        let mut list = serializer.serialize_seq(None)?;
        list.serialize_element(&Binary::from(vec![9]))?;
        list.end()
    }
}

impl<'de> Deserialize<'de> for Nesting {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let plain = decode_event(&format!("2[\"a\",{PLACEHOLDER}]"), &[]);
        assert!(plain.arg::<Binary>().is_err(), "the outer attachments are not the inner ones");
        let [binary] = <[Binary; 1]>::deserialize(deserializer)?;
        assert_eq!(binary, Binary::from(vec![9]));
        Ok(Self)
    }
}

#[test]
fn nested_encoding_keeps_its_own_attachments() {
    let mut output = Vec::new();
    let args = (Binary::from(vec![1]), Nesting);
    let attachments = encode::event("/", None, "out", args, &mut output).unwrap();
    assert_eq!(attachments, [&[1][..], &[9]]);
    let payload = decode_event(std::str::from_utf8(&output).unwrap(), &attachments);
    let (first, _, after) = payload.args::<(Binary, Nesting, Option<Binary>)>().unwrap();
    assert_eq!((first, after), (Binary::from(vec![1]), None));
}

struct Panicking;

impl Serialize for Panicking {
    fn serialize<S: Serializer>(&self, _serializer: S) -> Result<S::Ok, S::Error> {
        panic!("in serialize")
    }
}

impl<'de> Deserialize<'de> for Panicking {
    fn deserialize<D: Deserializer<'de>>(_deserializer: D) -> Result<Self, D::Error> {
        panic!("in deserialize")
    }
}

#[test]
fn panic_in_a_value_leaves_no_attachments_behind() {
    let args = (Binary::from(vec![1]), Panicking);
    assert!(catch_unwind(AssertUnwindSafe(|| encode::ack("/", 1, args, &mut Vec::new()))).is_err());
    assert!(serde_json::to_string(&Binary::default()).is_err());

    let payload = decode_event(&format!("51-[\"a\",{PLACEHOLDER}]"), &[Bytes::from_static(b"x")]);
    assert!(catch_unwind(AssertUnwindSafe(|| payload.arg::<Panicking>())).is_err());
    assert!(serde_json::from_str::<Binary>(PLACEHOLDER).is_err());
}

#[test]
fn owned_payload_outlives_its_message() {
    let payload = {
        let text = r#"2["\u0061",[1]]"#.to_owned();
        decode_event(&text, &[])
    };
    assert_eq!((&*payload.event_name(), payload.args_json()), ("a", "[1]"));
    assert_eq!(payload.json(), r#"["\u0061",[1]]"#);
}
