//! One test or more for each row of the threat list that concerns packets; its id is in the name.

use switchboard_sio::{Decoder, Input, Limits, PeerError, Role};

use crate::transcript::{check, check_client, check_limits};

#[test]
fn s3_reserved_names_are_refused_from_servers_too() {
    for name in
        ["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"]
    {
        check_client(&format!("< 2[\"{name}\"]\nx ReservedEventName 1002"));
    }
}

#[test]
fn s4b_attachment_is_named_exactly_once() {
    let zero = "{\"_placeholder\":true,\"num\":0}";
    for times in [2, 20, 5000] {
        let args = vec![zero; times].join(",");
        check(&format!("< 51-[\"a\",{args}]\nx BadPlaceholder 1002"));
        check(&format!("< 61-1[{args}]\nx BadPlaceholder 1002"));
    }
    check("< 51-[\"a\"]\nx BadPlaceholder 1002");
    check(&format!("< 52-[\"a\",{zero}]\nx BadPlaceholder 1002"));
    check(&format!(
        "< 51-[\"a\",{zero},{{\"_placehol\\u0064er\":true,\"num\":0}}]\nx BadPlaceholder 1002"
    ));
}

#[test]
fn s5_owner_sees_that_attachments_are_missing() {
    let mut decoder = Decoder::new(Role::Server);
    let text = "51-[\"a\",{\"_placeholder\":true,\"num\":0}]";
    assert_eq!(decoder.receive(Input::Text(text), &Limits::default()), Ok(None));
    assert!(decoder.is_waiting());
    assert!(decoder.receive(Input::Binary(&[]), &Limits::default()).unwrap().is_some());
    assert!(!decoder.is_waiting());
}

#[test]
fn s7_bytes_of_pending_attachments_are_limited() {
    let text = "52-[\"a\",{\"_placeholder\":true,\"num\":0},{\"_placeholder\":true,\"num\":1}]";
    let event = text.strip_prefix("52-[\"a\",").unwrap().strip_suffix(']').unwrap();
    let limits = Limits { event_bytes_max: text.len() + 4, ..Limits::default() };
    let begin = format!("< {text}\n<b 010203\n");
    check_limits(&limits, &format!("{begin}<b 04\n= Event / [] \"a\" {event} | 010203 04"));
    check_limits(
        &limits,
        &format!("{begin}<b 0405\nx EventTooBig 1009\n<b 06\nx UnexpectedBinary 1002"),
    );
    let limits = Limits { event_bytes_max: text.len() - 1, ..Limits::default() };
    check_limits(&limits, &format!("< {text}\nx EventTooBig 1009"));
    // Nothing is held for a packet without attachments.
    check_limits(&Limits { event_bytes_max: 0, ..limits }, "< 2[\"a\"]\n= Event / [] \"a\"");
}

#[test]
fn s7_nine_megabytes_of_attachments_are_not_kept() {
    let args: Vec<_> =
        (0..10).map(|it| format!("{{\"_placeholder\":true,\"num\":{it}}}")).collect();
    let text = format!("510-[\"a\",{}]", args.join(","));
    let megabyte = vec![0; 1_000_000];
    let mut decoder = Decoder::new(Role::Server);
    let limits = Limits::default();
    assert_eq!(decoder.receive(Input::Text(&text), &limits), Ok(None));
    for _ in 0..3 {
        assert_eq!(decoder.receive(Input::Binary(&megabyte), &limits), Ok(None));
    }
    assert_eq!(decoder.receive(Input::Binary(&megabyte), &limits), Err(PeerError::EventTooBig));
    assert!(!decoder.is_waiting());
}

#[test]
fn s12_namespace_names() {
    check("< 0/__proto__,\n= Connect /__proto__");
    check("< 0/,\n= Connect /");
    let longest = format!("/{}", "x".repeat(254));
    check(&format!("< 0{longest},\n= Connect {longest}"));
    check(&format!("< 0{longest}x,\nx NamespaceTooLong 1008"));
    check(&format!("< 2/{},[\"a\"]\nx NamespaceTooLong 1008", "x".repeat(100_000)));
    check(&format!("< 1/{}\nx NamespaceTooLong 1008", "x".repeat(100_000)));
    // Without its comma the payload is part of the name, as in the official parser.
    check("< 2/x[\"a\"]\nx BadPayload 1002");
}

#[test]
fn s14_deep_payloads_are_refused() {
    let roomy = Limits { event_bytes_max: usize::MAX, ..Limits::default() };
    for (open, close) in [("[", "]"), ("{\"a\":", "}"), ("[{\"\":[", "]}]")] {
        let brackets = open.len() - open.replace(['[', '{'], "").len();
        let nested = |depth: usize| {
            let times = depth / brackets;
            format!("{}0{}", open.repeat(times), close.repeat(times))
        };
        // The array around the arguments is a level of its own.
        let deepest = nested(127 - 127 % brackets);
        check(&format!("< 2[\"bcast\",{deepest}]\n= Event / [] \"bcast\" {deepest}"));
        for depth in [129, 132, 5_000, 1_000_000] {
            let deep = nested(depth);
            check(&format!("< 2[\"bcast\",{deep}]\nx TooDeep 1008"));
            check(&format!("< 31[{deep}]\nx TooDeep 1008"));
            check(&format!("< 0{{\"auth\":{deep}}}\nx TooDeep 1008"));
            check_limits(&roomy, &format!("< 51-[\"a\",{deep}]\nx TooDeep 1008"));
            check_client(&format!("< 4{{\"data\":{deep}}}\nx TooDeep 1008"));
        }
    }
}

#[test]
fn s14_the_limit_is_exact() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    check(&format!("< 2[\"a\",{}]\n= Event / [] \"a\" {}", nested(127), nested(127)));
    check(&format!("< 2[\"a\",{}]\nx TooDeep 1008", nested(128)));
    // Never closed, so the limit must not wait for the end.
    check(&format!("< 2[\"a\",{}\nx TooDeep 1008", "[".repeat(1_000_000)));
    let limits = Limits { depth_max: usize::MAX, ..Limits::default() };
    check_limits(&limits, &format!("< 2[\"a\",{}]\nx TooDeep 1008", nested(128)));
}

#[test]
fn s16_connect_payload_of_a_server_is_an_object_or_absent() {
    for payload in ["null", "[]", "\"x\"", "true", "false"] {
        check_client(&format!("< 0{payload}\nx BadPayload 1002"));
    }
}
