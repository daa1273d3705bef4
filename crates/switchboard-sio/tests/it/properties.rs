//! Properties: for any value and any damage, not only for those that somebody thought of.

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use serde_json::Value;
use switchboard_sio::{Binary, Body, Decoder, Input, Limits, Role, encode};

use crate::grammar::check_json;
use crate::transcript::{decode, own, travel};
use crate::tree::Tree;

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn event_comes_back_as_it_was_sent(
        namespace in namespace(), id in id(), name in ".{0,20}", args in (tree(), tree())
    ) {
        let mut output = Vec::new();
        let count = args.0.count_binary() + args.1.count_binary();
        let result = encode::event(&namespace, id, &name, (&args.0, &args.1), &mut output);
        if 10 < count {
            prop_assert!(result.is_err() && output.is_empty());
            return Ok(());
        }
        let attachments = result.unwrap();
        prop_assert_eq!(attachments.len(), count);
        let packet = decode(std::str::from_utf8(&output).unwrap(), &attachments, Role::Server);
        let packet = packet.unwrap();
        prop_assert_eq!(&packet.namespace, &namespace);
        prop_assert_eq!(&own(packet.clone()), &packet);
        prop_assert_eq!(&travel(&packet, Role::Server), &packet);
        let Body::Event { id: received, payload } = packet.body else { panic!("no event") };
        prop_assert_eq!(received, id);
        prop_assert_eq!(payload.event_name(), name);
        prop_assert_eq!(payload.args::<(Tree, Tree)>().unwrap(), args);
    }

    #[test]
    fn ack_comes_back_as_it_was_sent(
        namespace in namespace(), id in 0..=(1u64 << 53) - 1, arg in tree()
    ) {
        prop_assume!(arg.count_binary() <= 10);
        let mut output = Vec::new();
        let attachments = encode::ack(&namespace, id, &arg, &mut output).unwrap();
        let packet = decode(std::str::from_utf8(&output).unwrap(), &attachments, Role::Client);
        let packet = packet.unwrap();
        prop_assert_eq!(packet.namespace, namespace);
        let Body::Ack { id: received, payload } = packet.body else { panic!("no ack") };
        prop_assert_eq!(received, id);
        prop_assert_eq!(payload.arg::<Tree>().unwrap(), arg.clone());
        prop_assert_eq!(payload.args::<Vec<Tree>>().unwrap(), vec![arg]);
    }

    #[test]
    fn json_is_accepted_exactly_when_serde_json_accepts_it(text in damaged_json()) {
        check_json(&format!("[{text}]"));
    }

    #[test]
    fn event_names_read_as_serde_json_reads_them(name in ".{0,20}", escaped in any::<bool>()) {
        let written = if escaped {
            name.encode_utf16().map(|it| format!("\\u{it:04X}")).collect()
        } else {
            let quoted = serde_json::to_string(&name).unwrap();
            quoted[1..quoted.len() - 1].to_owned()
        };
        let packet = decode(&format!("2[\"{written}\"]"), &[], Role::Server).unwrap();
        let Body::Event { payload, .. } = packet.body else { panic!("no event") };
        prop_assert_eq!(payload.event_name(), name);
    }

    #[test]
    fn damaged_packets_never_panic_and_errors_leave_nothing(
        messages in vec(message(), 1..8), is_server in any::<bool>()
    ) {
        let role = if is_server { Role::Server } else { Role::Client };
        let mut decoder = Decoder::new(role);
        for message in &messages {
            let input = match message {
                Ok(text) => Input::Text(text),
                Err(bytes) => Input::Binary(bytes),
            };
            let was_waiting = decoder.is_waiting();
            match decoder.receive(input, &Limits::default()) {
                Ok(Some(packet)) => {
                    prop_assert!(!decoder.is_waiting());
                    prop_assert_eq!(was_waiting, matches!(input, Input::Binary(_)));
                    let owned = own(packet);
                    if let Body::Event { payload, .. } | Body::Ack { payload, .. } = &owned.body {
                        let _ = payload.args::<Tree>();
                        let _ = payload.arg::<Tree>();
                        let again = own(travel(&owned, role));
                        prop_assert_eq!(&own(travel(&again, role)), &again);
                    }
                }
                Ok(None) => prop_assert!(decoder.is_waiting()),
                Err(_) => {
                    prop_assert!(!decoder.is_waiting());
                    let next = decoder.receive(Input::Text("2[\"a\"]"), &Limits::default());
                    prop_assert!(matches!(next, Ok(Some(_))));
                }
            }
        }
    }
}

/// Anything that begins with `/` and has no comma.
fn namespace() -> impl Strategy<Value = String> {
    prop_oneof![Just("/".to_owned()), "/[^,]{0,40}", "/[a-z0-9?=&_-]{1,30}"]
}

fn id() -> impl Strategy<Value = Option<u64>> {
    prop_oneof![Just(None), Just(Some(0)), (0..=(1u64 << 53) - 1).prop_map(Some)]
}

/// JSON with bytes at any place. Maps have no key that a placeholder has.
pub(crate) fn tree() -> impl Strategy<Value = Tree> {
    let leaf = prop_oneof![
        3 => plain().prop_map(Tree::Plain),
        1 => vec(any::<u8>(), 0..20).prop_map(|it| Tree::Binary(Binary::from(it))),
    ];
    leaf.prop_recursive(4, 24, 5, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..5).prop_map(Tree::List),
            btree_map("[^n_].{0,5}", inner, 0..5).prop_map(Tree::Map),
        ]
    })
}

fn plain() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<i16>().prop_map(|it| Value::from(f64::from(it) / 16.0)),
        ".{0,40}".prop_map(Value::from),
    ]
}

/// JSON with up to three places overwritten, cut out or doubled.
fn damaged_json() -> impl Strategy<Value = String> {
    let json = prop_oneof![tree_text(), vec(piece(), 0..12).prop_map(|it| it.concat()),];
    (json, vec((any::<prop::sample::Index>(), 0..3u8, piece()), 0..4)).prop_map(
        |(json, damages)| {
            damages.into_iter().fold(json, |json, (at, kind, piece)| damage(&json, at, kind, piece))
        },
    )
}

fn damage(json: &str, at: prop::sample::Index, kind: u8, piece: &str) -> String {
    let mut characters: Vec<char> = json.chars().collect();
    let at = at.index(characters.len() + 1);
    match (kind, at < characters.len()) {
        (0, true) => drop(characters.remove(at)),
        (1, true) => drop(characters.splice(at..=at, piece.chars())),
        _ => drop(characters.splice(at..at, piece.chars())),
    }
    characters.into_iter().collect()
}

fn tree_text() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![plain().prop_map(|it| it.to_string()), number(), string()];
    leaf.prop_recursive(5, 32, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(|it| format!("[{}]", it.join(" , "))),
            vec((string(), inner), 0..4).prop_map(|it| {
                let entries: Vec<_> = it.into_iter().map(|(k, v)| format!("{k}: {v}")).collect();
                format!("{{{}}}", entries.join(","))
            }),
        ]
    })
}

fn number() -> impl Strategy<Value = String> {
    "-?(0|[1-9][0-9]{0,25})(\\.[0-9]{1,9})?([eE][+-]?[0-9]{1,4})?"
}

fn string() -> impl Strategy<Value = String> {
    "\"([ -!#-\\[\\]-~]|é|🦀|\\\\[\"\\\\/bfnrt]|\\\\u[0-9a-fA-F]{4}|\\\\ud[89ab][0-9a-f]{2}){0,30}\""
}

fn piece() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "[", "]", "{", "}", ",", ":", "\"", "\\", "\\u", "\\ud800", "0", "1", "-", "+", ".", "e",
        "E9", "true", "false", "null", "nul", " ", "\n", "\t", "\r", "\u{0}", "\u{1f}", "\u{a0}",
        "a", "é", "\"a\"", "\"a\":", "[]", "{}", "\u{7f}", "/", "\\\"", "00", "1.5e-3",
    ])
}

/// Text or bytes: a packet that is nearly right, often with attachments that may be there or not.
fn message() -> impl Strategy<Value = Result<String, Vec<u8>>> {
    let head = "[0-6](1?[0-9]-)?(/[a-z]{0,3},)?[0-9]{0,3}";
    let body = prop_oneof![
        Just(String::new()),
        Just(r#"["a",{"_placeholder":true,"num":0}]"#.to_owned()),
        Just(r#"[{"_placeholder":true,"num":1},{"_placeholder":true,"num":0}]"#.to_owned()),
        damaged_json().prop_map(|it| format!("[\"name\",{it}]")),
        damaged_json(),
    ];
    prop_oneof![
        3 => (head, body).prop_map(|(head, body)| Ok(head + &body)),
        1 => Just(Ok(r#"51-["a",{"_placeholder":true,"num":0}]"#.to_owned())),
        1 => ".{0,30}".prop_map(Ok),
        3 => vec(any::<u8>(), 0..10).prop_map(Err),
    ]
}
