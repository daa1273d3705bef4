//! JSON, exhaustively where it is small: we accept exactly what serde_json accepts.

use serde::de::IgnoredAny;
use switchboard_sio::{Body, Decoder, Input, Limits, PeerError, Role};

/// Compares the scanner with serde_json on the text of an array that may be broken.
#[track_caller]
pub(crate) fn check_json(text: &str) {
    assert!(text.starts_with('['), "anything else is no payload");
    let is_json = serde_json::from_str::<IgnoredAny>(text).is_ok();
    let packet = format!("31{text}");
    match Decoder::new(Role::Server).receive(Input::Text(&packet), &Limits::default()) {
        Ok(Some(packet)) => {
            assert!(is_json, "only we accept {text:?}");
            let Body::Ack { payload, .. } = packet.body else { panic!("no ack") };
            assert_eq!(payload.json(), text.trim_end());
        }
        // serde_json has no limit for values that are skipped.
        Err(PeerError::TooDeep) => assert!(text.len() > 128),
        Err(error) => {
            assert_eq!(error, PeerError::BadJson);
            assert!(!is_json, "only serde_json accepts {text:?}");
        }
        Ok(None) => panic!("no attachments were announced"),
    }
}

#[test]
fn every_short_row_of_tokens() {
    let tokens = ["[", "]", "{", "}", ",", ":", "\"a\"", "0", "null", " "];
    for length in 0..=5 {
        for number in 0..tokens.len().pow(length) {
            let places = (0..length).map(|it| number / tokens.len().pow(it) % tokens.len());
            let text: String = places.map(|it| tokens[it]).collect();
            check_json(&format!("[{text}"));
            check_json(&format!("[{{\"a\"{text}]"));
        }
    }
}

#[test]
fn every_short_number() {
    let characters = ["-", "+", "0", "1", ".", "e", "E"];
    for length in 0..=6 {
        for number in 0..characters.len().pow(length) {
            let places = (0..length).map(|it| number / characters.len().pow(it) % characters.len());
            let text: String = places.map(|it| characters[it]).collect();
            check_json(&format!("[{text}]"));
        }
    }
}

#[test]
fn every_character_at_every_place() {
    for character in ('\0'..='\u{ff}').chain(['\u{2028}', '\u{d7ff}', '\u{feff}', '🦀']) {
        for (before, after) in [
            ("[", "]"),
            ("[0", "]"),
            ("[0", "0]"),
            ("[0", ""),
            ("[0]", ""),
            ("[\"", "\"]"),
            ("[\"\\", "\"]"),
            ("[\"\\u00", "0\"]"),
            ("[\"\\u000", "\"]"),
            ("[{", "\"a\":0}]"),
            ("[{\"a\"", ":0}]"),
            ("[{\"a\"", "0}]"),
            ("[{\"a\":0", "}]"),
            ("[tru", "]"),
            ("[", "ull]"),
        ] {
            check_json(&format!("{before}{character}{after}"));
        }
        // Where the scanner goes from whole blocks to single bytes.
        for length in 0..40 {
            check_json(&format!("[\"{}{character}{}\"]", "x".repeat(length), "y".repeat(20)));
        }
    }
}

#[test]
fn every_cut_of_a_document() {
    let text = r#"[{"a":[1,-2.5e+3,"\u00e4\\",true],"b":{"c":null}}, false ]"#;
    for end in 1..=text.len() {
        check_json(&text[..end]);
    }
}
