//! One test or more for each row of the threat list that concerns packets; its id is in the name.

use switchboard_sio::{Decoder, Input, Limits, PeerError, Role};

use crate::transcript::{check, check_client, check_limits};

#[test]
fn s1_event_name_must_be_a_string_or_a_number() {
    check("< 2[{\"toString\":\"foo\"}]\nx BadEventName 1002");
    check("< 2[true]\nx BadEventName 1002");
    check("< 2[null]\nx BadEventName 1002");
    check("< 2[[\"a\"]]\nx BadEventName 1002");
    check("< 2[]\nx BadEventName 1002");
    check("< 2{}\nx BadPayload 1002");
    check("< 2\"a\"\nx BadPayload 1002");
    check("< 2\nx BadPayload 1002");
    check("< 2/x,7\nx BadPayload 1002");
    check("< 51-[{\"_placeholder\":true,\"num\":0}]\nx BadEventName 1002");
    check("< 2[1,2]\n= Event / [] \"1\" 2");
    check("< 2[-1.5e3]\n= Event / [] \"-1.5e3\"");
}

#[test]
fn s1_broken_json_closes_with_1007() {
    for broken in
        ["[", "[\"a\"", "[\"a\",", "[\"a\",]", "[\"a\"]]", "[\"a\" 1]", "[\"a\",01]", "[a]"]
    {
        let error =
            if broken == "[" || broken == "[a]" { "BadEventName 1002" } else { "BadJson 1007" };
        check(&format!("< 2{broken}\nx {error}"));
    }
    check("< 31[}\nx BadJson 1007");
    check("< 0{\"a\"}\nx BadJson 1007");
}

#[test]
fn s2_error_is_an_ordinary_event() {
    check("< 2[\"error\",\"x\"]\n= Event / [] \"error\" \"x\"");
    check("< 2[\"__proto__\",1]\n= Event / [] \"__proto__\" 1");
}

#[test]
fn s3_reserved_names_are_refused() {
    for name in
        ["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"]
    {
        check(&format!("< 2[\"{name}\"]\nx ReservedEventName 1002"));
        check(&format!("< 2/x,1[\"{name}\",1]\nx ReservedEventName 1002"));
        check_client(&format!("< 2[\"{name}\"]\nx ReservedEventName 1002"));
        check(&format!(
            "< 51-[\"{name}\",{{\"_placeholder\":true,\"num\":0}}]\nx ReservedEventName 1002"
        ));
    }
    // Written so that a comparison of the raw text would miss it.
    check("< 2[\"\\u0063onnect\"]\nx ReservedEventName 1002");
    check("< 2[\"Connect\"]\n= Event / [] \"Connect\"");
}

#[test]
fn s4_placeholder_must_name_an_attachment() {
    for num in ["99", "-1", "\"splice\"", "1.5", "1", "0.0", "-0", "0e0", "null", "[0]", "{}"] {
        check(&format!(
            "< 51-[\"a\",{{\"_placeholder\":true,\"num\":{num}}}]\nx BadPlaceholder 1002"
        ));
    }
    check("< 51-[\"a\",{\"_placeholder\":true}]\nx BadPlaceholder 1002");
    check("< 61-1[{\"_placeholder\":true,\"num\":1}]\nx BadPlaceholder 1002");
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

/// Where parsers disagree on what an object says, it says nothing.
#[test]
fn s4b_ambiguous_placeholders_are_refused() {
    for object in [
        "{\"_placeholder\":true,\"num\":5,\"num\":0}",
        "{\"_placeholder\":true,\"num\":0,\"num\":0}",
        "{\"_placeholder\":true,\"_placeholder\":false,\"num\":0}",
        "{\"_placeholder\":false,\"_placeholder\":true,\"num\":0}",
        "{\"_placeholder\":true,\"num\":0,\"more\":1}",
        "{\"_placeholder\":true,\"num\":0,\"more\":{\"_placeholder\":true,\"num\":0}}",
    ] {
        check(&format!("< 51-[\"a\",{object}]\nx BadPlaceholder 1002"));
    }
}

#[test]
fn s4b_placeholder_without_attachments_is_plain_data() {
    let object = "{\"_placeholder\":true,\"num\":99}";
    check(&format!("< 0{object}\n= Connect / {object}"));
    check(&format!("< 2[\"a\",{object},{object}]\n= Event / [] \"a\" {object},{object}"));
    check(&format!("< 31[{object}]\n= Ack / [1] {object}"));
}

#[test]
fn s5_announced_attachments_are_limited() {
    for count in ["11", "451", "1000000000", "99999999999999999999999999"] {
        check(&format!("< 5{count}-[\"a\"]\nx TooManyAttachments 1008"));
        check(&format!("< 6{count}-1[]\nx TooManyAttachments 1008"));
    }
    for count in ["", "-", "-1-", "1.5-", "1", "a-", "5", "1a-", "+1-", "1e0-", " 1-", "0x1-"] {
        check(&format!("< 5{count}\nx BadAttachmentCount 1002"));
        check(&format!("< 5{count}[\"a\"]\nx BadAttachmentCount 1002").replace("5-[", "5--["));
    }
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
fn s6_zero_attachments_are_refused_and_leave_nothing() {
    check("< 50-[\"e\"]\nx BadAttachmentCount 1002\n< 2[\"e\"]\n= Event / [] \"e\"");
    check("< 60-1[]\nx BadAttachmentCount 1002");
    check("< 500-[\"e\"]\nx BadAttachmentCount 1002");
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
fn s8_text_and_attachments_do_not_interleave() {
    let header = "51-[\"a\",{\"_placeholder\":true,\"num\":0}]";
    for text in ["2[\"a\"]", "1", "0", header, ""] {
        check(&format!(
            "< {header}\n< {text}\nx UnexpectedText 1002\n<b 01\nx UnexpectedBinary 1002"
        ));
    }
    check("<b 01\nx UnexpectedBinary 1002");
    check("< 2[\"a\"]\n= Event / [] \"a\"\n<b\nx UnexpectedBinary 1002");
}

#[test]
fn s9_ids_stop_where_javascript_stops_counting() {
    check("< 29007199254740991[\"a\"]\n= Event / [9007199254740991] \"a\"");
    check("< 29007199254740992[\"a\"]\nx BadId 1002");
    check("< 218446744073709551617[\"a\"]\nx BadId 1002");
    check(&format!("< 2{}[\"echo\",1]\nx BadId 1002", "9".repeat(400)));
    check(&format!("< 3{}[]\nx BadId 1002", "9".repeat(400)));
    check(&format!("< 2{}1[\"echo\"]\n= Event / [1] \"echo\"", "0".repeat(400)));
    check("< 2-1[\"a\"]\nx BadPayload 1002");
    check("< 21.5[\"a\"]\nx BadPayload 1002");
    check("< 3-1[]\nx BadPayload 1002".replace("BadPayload", "BadId").as_str());
}

#[test]
fn s11_acks_need_an_id_and_an_array() {
    check("< 312345[]\n= Ack / [12345]");
    check("< 31{}\nx BadPayload 1002");
    check("< 31\"a\"\nx BadPayload 1002");
    check("< 31null\nx BadPayload 1002");
    // The official parser takes this one, and so its server stays open.
    check("< 31\n= Ack / [1]");
    check("< 3[]\nx BadId 1002");
    check("< 3/x,[]\nx BadId 1002");
    check("< 61-[{\"_placeholder\":true,\"num\":0}]\nx BadId 1002");
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
fn s15_odd_but_valid_json_is_forwarded_unchanged() {
    for args in [
        "{\"a\":1,\"a\":2}",
        "1e999,-1e-999,0.1000000000000000055511151231257827",
        "123456789012345678901234567890",
        "\"\\ud800\",\"\\udc00\\ud800\",\"\\uD83E\\uDD80\"",
        "\"\\u0000\"",
        "\"\u{7f}\u{2028}\u{2029}\u{feff}\"",
        "{\"__proto__\":{\"constructor\":1}}",
    ] {
        check(&format!("< 2[\"a\",{args}]\n= Event / [] \"a\" {args}"));
        check(&format!("< 31[{args}]\n= Ack / [1] {args}"));
    }
    check("< 2[\"\\ud800\"]\n= Event / [] \"\u{fffd}\"");
    check("< 2[\"\\ud83e\\udd80\\ud800\\u0041\\n\"]\n= Event / [] \"🦀\u{fffd}A\\n\"");
}

#[test]
fn s15_what_is_no_json_is_refused() {
    for args in [
        "\"\u{0}\"",
        "\"\t\"",
        "NaN",
        "Infinity",
        "'a'",
        "\"\\x41\"",
        "\"\\ud8\"",
        "+1",
        ".5",
        "1.",
        "\u{a0}1",
    ] {
        check(&format!("< 2[\"a\",{args}]\nx BadJson 1007"));
    }
}

#[test]
fn s16_connect_payload_is_an_object_or_absent() {
    for payload in ["null", "[]", "\"x\"", "true", "false"] {
        check(&format!("< 0{payload}\nx BadPayload 1002"));
        check(&format!("< 0/x,{payload}\nx BadPayload 1002"));
        check_client(&format!("< 0{payload}\nx BadPayload 1002"));
    }
    for payload in ["null", "{}", "\"x\"", "true"] {
        check(&format!("< 2{payload}\nx BadPayload 1002"));
    }
}

#[test]
fn unknown_packets_are_refused() {
    for text in ["", "7", "8", "9[\"a\"]", "a", "-1", " 2[\"a\"]", "é", "[\"a\"]"] {
        let line = format!("< {text}");
        check(&format!("{}\nx UnknownPacket 1002", line.trim_end()).replace("<\n", "< \n"));
    }
}

#[test]
fn connect_error_comes_from_servers_only() {
    check("< 4{\"message\":\"no\"}\nx UnexpectedPacket 1002");
    check("< 4\nx UnexpectedPacket 1002");
}
