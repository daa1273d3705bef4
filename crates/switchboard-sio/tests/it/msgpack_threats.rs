//! The rows of the threat list that concern packets, as msgpack: the id is in the name.

use switchboard_sio::{Limits, PeerError, Role, msgpack};

use crate::msgpack::{check, read_as};
use crate::transcript::{hex, unhex};

/// A server's view of a packet of two or three fields with this data.
#[track_caller]
fn check_data(kind: u8, data: &str, expected: &str) {
    check(&format!("84a474797065{kind:02x}a2696401a464617461{data}a36e7370a12f"), expected);
}

#[test]
fn s1_event_name_must_be_a_string_or_a_number() {
    for name in ["81a16101", "9101", "c3", "c0", "d40000", "c40161", "cb7ff8000000000000"] {
        check_data(2, &format!("91{name}"), "x BadEventName 1002");
    }
    check_data(2, "90", "x BadEventName 1002");
    check_data(2, "9105", "Event / [1] \"5\"");
    check_data(2, "92fb05", "Event / [1] \"-5\" 5");
    check_data(2, "92a2225c05", "Event / [1] \"\\\"\\\\\" 5");
    check_data(2, "91a0", "Event / [1] \"\"");
}

#[test]
fn s1_data_must_be_what_the_packet_has() {
    for data in ["80", "a0", "01", "c0", "d40000", "c40101", "c7020501 02"] {
        for kind in [2, 3] {
            check_data(kind, data, "x BadPayload 1002");
        }
    }
    for kind in [2, 3] {
        check(&format!("83a474797065{kind:02x}a2696401a36e7370a12f"), "x BadPayload 1002");
    }
    check_data(3, "90", "Ack / [1]");
    check_data(1, "80", "x BadPayload 1002");
    check_data(1, "90", "x BadPayload 1002");
    check_data(1, "d40000", "Disconnect /");
}

#[test]
fn s3_reserved_names_are_refused() {
    for name in
        ["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"]
    {
        let data = format!("91{:02x}{}", 0xa0 | name.len(), hex(name.as_bytes()));
        check_data(2, &data, "x ReservedEventName 1002");
        let long = format!("91d9{:02x}{}", name.len(), hex(name.as_bytes()));
        check_data(2, &long, "x ReservedEventName 1002");
    }
}

#[test]
fn s4_placeholders_cannot_be_forged() {
    let placeholder = |num: &str| format!("82ac5f706c616365686f6c646572c3a36e756d{num}");
    for num in ["00", "01", "05", "ff", "a0"] {
        let forged = placeholder(num);
        check_data(2, &format!("93a165c40101{forged}"), "x BadPlaceholder 1002");
        check_data(2, &format!("93a165{forged}c40101"), "x BadPlaceholder 1002");
        check_data(3, &format!("9281a161{forged}c40101"), "x BadPlaceholder 1002");
    }
    // In the name's place it is no name.
    check_data(2, &format!("92{}c40101", placeholder("00")), "x BadEventName 1002");
    check_data(2, "92c40101c40102", "x BadEventName 1002");
}

#[test]
fn s5_binary_values_are_limited() {
    let data = |count: usize| format!("92a165dc{count:04x}{}", "c400".repeat(count));
    check_data(2, &data(msgpack::BINARY_MAX + 1), "x TooManyAttachments 1008");
    let message = format!("83a47479706502a464617461{}a36e7370a12f", data(msgpack::BINARY_MAX));
    assert!(msgpack::decode(&unhex(&message), Role::Server, &Limits::default()).is_ok());
}

#[test]
fn s9_ids_stop_where_javascript_stops_counting() {
    let packet = |id: &str| format!("84a47479706502a46461746191a165a36e7370a12fa26964{id}");
    check(&packet("cf001fffffffffffff"), "Event / [9007199254740991] \"e\"");
    for id in ["cf0020000000000000", "ff", "c0", "a131", "cb3ff0000000000000", "90"] {
        check(&packet(id), "x BadId 1002");
    }
    check(&packet("d40000"), "Event / [] \"e\"");
    check("83a47479706503a46461746190a36e7370a12f", "x BadId 1002");
}

#[test]
fn s12_namespace_names() {
    let packet = |namespace: &str| {
        format!("82a47479706500a36e7370da{:04x}{}", namespace.len(), hex(namespace.as_bytes()))
    };
    let longest = format!("/{}", "x".repeat(254));
    check(&packet(&longest), &format!("Connect {longest}"));
    check(&packet(&format!("{longest}x")), "x NamespaceTooLong 1008");
    check(&packet("/a,b"), "Connect /a,b");
    check(&packet("/__proto__"), "Connect /__proto__");
    for namespace in ["", "chat"] {
        check(&packet(namespace), "x BadNamespace 1002");
    }
    check("81a47479706500", "x BadNamespace 1002");
    check("82a47479706500a36e737001", "x BadNamespace 1002");
}

#[test]
fn s14_the_limit_of_depth_is_exact() {
    for (open, key) in [("91", ""), ("81", "a0")] {
        let nested = |depth: usize| format!("{}00", format!("{open}{key}").repeat(depth));
        let packet = |data: &str| format!("83a474797065 02a464617461 {data} a36e7370a12f");
        let event = |depth| unhex(&packet(&format!("92a165{}", nested(depth))));
        assert!(read_as(Role::Server, &event(127)).starts_with("Event"));
        for depth in [128, 129, 5_000, 1_000_000] {
            assert_eq!(read_as(Role::Server, &event(depth)), "x TooDeep 1008");
            check_data(3, &format!("91{}", nested(depth)), "x TooDeep 1008");
        }
        let auth = |depth| format!("81a161{}", nested(depth));
        assert!(
            read_as(
                Role::Server,
                &unhex(&format!("83a47479706500a464617461{}a36e7370a12f", auth(127)))
            )
            .starts_with("Connect")
        );
        check_data(0, &auth(128), "x TooDeep 1008");
    }
    // Bytes and foreign extensions become objects and arrays.
    let deep = |levels: usize, inner: &str| format!("92a165{}{inner}", "91".repeat(levels));
    check_data(2, &deep(127, "c400"), "x TooDeep 1008");
    check_data(2, &deep(126, "d50500 00"), "x TooDeep 1008");
    let message = format!("83a47479706502a464617461{}a36e7370a12f", deep(126, "c400"));
    assert!(read_as(Role::Server, &unhex(&message)).starts_with("Event"));
}

#[test]
fn s14_what_is_skipped_may_be_deep() {
    let deep = "91".repeat(1_000_000);
    check(&format!("84a178{deep}01a47479706502a46461746191a165a36e7370a12f"), "Event / [] \"e\"");
}

#[test]
fn s15_what_is_no_msgpack_is_refused() {
    for value in [
        "c1",
        "a1ff",
        "a2c328",
        "a3eda080",
        "a4f4908080",
        "a1",
        "d9",
        "d905 61",
        "c405 01",
        "ca00",
        "cb00",
        "cd01",
        "d700",
        "c7",
        "c70500",
        "d4",
        "91",
        "81",
        "81a161",
        "dc",
        "de00",
    ] {
        check(&format!("83a47479706502a36e7370a12fa46461746192a165{value}"), "x BadMsgPack 1007");
    }
    // Keys that JSON has no words for.
    for key in ["c0", "c3", "cb3ff8000000000000", "c40161", "90", "80", "d40000"] {
        check_data(2, &format!("92a16581{key}01"), "x BadMsgPack 1007");
    }
    check("82a47479706500a36e7370a12f00", "x BadMsgPack 1007");
    check("", "x BadMsgPack 1007");
    for message in ["00", "90", "c0", "a0", "c40101", "93020304"] {
        check(message, "x UnknownPacket 1002");
    }
}

#[test]
fn s15_counts_without_content_cost_nothing() {
    for head in
        ["dcffff", "ddffffffff", "deffff", "dfffffffff", "dbffffffff", "c6ffffffff", "c9ffffffff00"]
    {
        check(head, "x BadMsgPack 1007");
        check(&format!("83a47479706502a36e7370a12fa46461746192a165{head}"), "x BadMsgPack 1007");
        check(&format!("84a178{head}"), "x BadMsgPack 1007");
    }
}

#[test]
fn s15_the_text_is_at_most_six_times_the_message() {
    for (value, times) in
        [("00", 50_000), ("c2", 50_000), ("c0", 50_000), ("a101", 50_000), ("ca80000001", 10_000)]
    {
        let data = format!("92a165dc{times:04x}{}", value.repeat(times));
        let message = unhex(&format!("83a47479706502a464617461{data}a36e7370a12f"));
        let text = read_as(Role::Server, &message);
        assert!(text.starts_with("Event") && text.len() <= 6 * message.len(), "for {value}");
    }
}

#[test]
fn s15_duplicate_keys_are_forwarded_inside_and_refused_outside() {
    check_data(2, "92a16582a16101a16102", "Event / [1] \"e\" {\"a\":1,\"a\":2}");
    check("83a47479706501a47479706501a36e7370a12f", "x BadPayload 1002");
    check("83a47479706501a36e7370a12fa36e7370a12f", "x BadPayload 1002");
    check("84a47479706500a464617461d40000a464617461d40000a36e7370a12f", "x BadPayload 1002");
}

#[test]
fn s16_connect_data_is_an_object_or_absent() {
    for data in ["c0", "90", "a178", "c3", "01", "c40101", "81a161c40101"] {
        check_data(0, data, "x BadPayload 1002");
    }
    check_data(0, "80", "Connect / {}");
    // A placeholder without bytes is data like any other.
    check_data(
        0,
        "82ac5f706c616365686f6c646572c3a36e756d00",
        "Connect / {\"_placeholder\":true,\"num\":0}",
    );
}

#[test]
fn unknown_packets_are_refused() {
    for kind in ["05", "06", "ff", "cc80", "a130", "c0", "d40000", "cb3ff0000000000000"] {
        check(&format!("82a474797065{kind}a36e7370a12f"), "x UnknownPacket 1002");
    }
    check("81a36e7370a12f", "x UnknownPacket 1002");
    check_data(4, "80", "x UnexpectedPacket 1002");
    check("8101a36e7370", "x BadPayload 1002");
}

#[test]
fn a_smaller_limit_of_depth_holds() {
    let limits = Limits { depth_max: 2, ..Limits::default() };
    let packet = |data: &str| unhex(&format!("83a47479706502a464617461{data}a36e7370a12f"));
    assert!(msgpack::decode(&packet("92a1659101"), Role::Server, &limits).is_ok());
    let error = msgpack::decode(&packet("92a165919101"), Role::Server, &limits).unwrap_err();
    assert_eq!(error, PeerError::TooDeep);
}
