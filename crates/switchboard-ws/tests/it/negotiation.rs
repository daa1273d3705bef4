//! Agreeing on permessage-deflate: what a server makes of offers, and a client of answers.

use std::time::{Duration, Instant};

use switchboard_ws::deflate::{BadExtension, Config, accept, negotiate, offer};

use crate::deflate::agreement;

/// A configuration that asks for nothing.
const OPEN: Config = Config {
    server_no_context_takeover: false,
    client_no_context_takeover: false,
    server_max_window_bits: 15,
    client_max_window_bits: 15,
    threshold: 0,
    level: 1,
    memory_level: 8,
};

fn answer(config: &Config, offers: &str) -> Option<String> {
    negotiate(config, [offers.as_bytes()]).map(|it| it.response())
}

#[test]
fn every_offer_has_its_answer() {
    for (offer, response) in [
        ("", ""),
        ("; server_no_context_takeover", "; server_no_context_takeover"),
        ("; client_no_context_takeover", "; client_no_context_takeover"),
        ("; server_max_window_bits=10", "; server_max_window_bits=10"),
        ("; server_max_window_bits=15", "; server_max_window_bits=15"),
        ("; server_max_window_bits=8", "; server_max_window_bits=8"),
        ("; client_max_window_bits", ""),
        ("; client_max_window_bits=9", "; client_max_window_bits=9"),
        (
            ";client_max_window_bits=11 ;\tserver_max_window_bits = 12; server_no_context_takeover",
            "; server_no_context_takeover; server_max_window_bits=12; client_max_window_bits=11",
        ),
    ] {
        let offer = format!("permessage-deflate{offer}");
        assert_eq!(answer(&OPEN, &offer), Some(format!("permessage-deflate{response}")), "{offer}");
    }
}

#[test]
fn the_configuration_is_in_the_answer_as_far_as_it_may_be() {
    let config = Config { server_max_window_bits: 10, client_max_window_bits: 9, ..OPEN };
    for (offer, response) in [
        // "MUST NOT" name the client's window unless the client knows the parameter.
        ("", "; server_max_window_bits=10"),
        ("; client_max_window_bits", "; server_max_window_bits=10; client_max_window_bits=9"),
        ("; client_max_window_bits=8", "; server_max_window_bits=10; client_max_window_bits=8"),
        ("; server_max_window_bits=9", "; server_max_window_bits=9"),
        ("; server_max_window_bits=11", "; server_max_window_bits=10"),
    ] {
        let offer = format!("permessage-deflate{offer}");
        let response = format!("permessage-deflate{response}");
        assert_eq!(answer(&config, &offer), Some(response), "{offer}");
    }
    assert_eq!(agreement("permessage-deflate", &config).client_max_window_bits(), 15);
    let default = Config::default();
    let response =
        "permessage-deflate; server_no_context_takeover; client_no_context_takeover".to_owned();
    assert_eq!(answer(&default, "permessage-deflate"), Some(response));
}

#[test]
fn w2_an_offer_with_a_bad_parameter_is_declined_and_the_next_one_taken() {
    for bad in [
        "client_max_window_bits=99",
        "client_max_window_bits=16",
        "client_max_window_bits=-8",
        "server_max_window_bits",
        "server_max_window_bits=7",
        "server_max_window_bits=08",
        "server_max_window_bits=010",
        "server_max_window_bits=+9",
        "server_max_window_bits=1e1",
        "server_max_window_bits=4294967304",
        "server_max_window_bits=\"10\"",
        "client_max_window_bits=\"\"",
        "server_no_context_takeover=true",
        "client_no_context_takeover=\"\"",
        "server_no_context_takeover; server_no_context_takeover",
        "client_no_context_takeover; client_no_context_takeover",
        "server_max_window_bits=10; server_max_window_bits=10",
        "client_max_window_bits; client_max_window_bits=10",
        "Server_No_Context_Takeover",
        "constructor",
        "__proto__=1",
        "mystery=\"a, b; c\\\"\"",
    ] {
        let offer = format!("permessage-deflate; {bad}");
        assert_eq!(answer(&OPEN, &offer), None, "{bad}");
        let offers = format!("{offer}, permessage-deflate; server_max_window_bits=9");
        let response = "permessage-deflate; server_max_window_bits=9";
        assert_eq!(answer(&OPEN, &offers).as_deref(), Some(response), "{bad}");
    }
}

#[test]
fn w2_other_extensions_are_passed_over() {
    for other in [
        "constructor",
        "__proto__",
        "toString; valueOf=1",
        "x-webkit-deflate-frame",
        "permessage-bzip2; level=\"9, permessage-deflate\"",
        "PERMESSAGE-DEFLATE",
    ] {
        assert_eq!(answer(&OPEN, other), None, "{other}");
        let offers = format!(" ,, {other} ,permessage-deflate,");
        assert_eq!(answer(&OPEN, &offers).as_deref(), Some("permessage-deflate"), "{other}");
    }
    let values = [&b"constructor"[..], b"", b"permessage-deflate; server_max_window_bits=9"];
    assert_eq!(negotiate(&OPEN, values).map(|it| it.server_max_window_bits()), Some(9));
}

#[test]
fn w2_a_value_that_is_no_list_declines_everything() {
    for bad in [
        ";",
        "=",
        "permessage-deflate;",
        "permessage-deflate; ;",
        "permessage-deflate; server_max_window_bits=",
        "permessage-deflate; =10",
        "permessage-deflate server_max_window_bits",
        "permessage-deflate; x=\"open",
        "permessage-deflate; x=\"open\\",
        "permessage-deflate; x=\"a\"b",
        "permessage-deflate, caf\u{e9}",
        "permessage-deflate\0",
        "\"permessage-deflate\"",
    ] {
        assert_eq!(answer(&OPEN, bad), None, "{bad:?}");
        assert_eq!(accept(&OPEN, [bad.as_bytes()]), Err(BadExtension), "{bad:?}");
    }
    assert_eq!(negotiate(&OPEN, [&b"permessage-deflate"[..], b";"]), None);
}

#[test]
fn w2_only_sixteen_offers_are_read() {
    for (others, is_agreed) in [(15, true), (16, false), (1000, false)] {
        let offers = "permessage-deflate; server_max_window_bits=99, ".repeat(others);
        let offers = format!("{offers}permessage-deflate");
        assert_eq!(answer(&OPEN, &offers).is_some(), is_agreed, "{others}");
        // What is not read breaks nothing.
        let first = format!("permessage-deflate, {offers}, ;;;");
        assert_eq!(answer(&OPEN, &first).is_some(), 15 <= others, "{others}");
    }
}

#[test]
fn w1_long_values_are_judged_in_linear_time() {
    for long in [
        format!("b{}x", " ".repeat(1_000_000)),
        format!("permessage-deflate{}", "; server_max_window_bits=99".repeat(50_000)),
        format!("permessage-deflate; x=\"{}", "\\a".repeat(500_000)),
        format!("permessage-deflate; x{}", "x".repeat(1_000_000)),
        ",".repeat(1_000_000),
    ] {
        let start = Instant::now();
        assert_eq!(answer(&OPEN, &long), None);
        assert!(!matches!(accept(&OPEN, [long.as_bytes()]), Ok(Some(_))));
        assert!(start.elapsed() < Duration::from_secs(5));
    }
}

#[test]
fn a_client_offers_what_it_is_configured_to() {
    assert_eq!(offer(&OPEN), "permessage-deflate; client_max_window_bits");
    let config =
        Config { server_max_window_bits: 9, client_max_window_bits: 10, ..Config::default() };
    assert_eq!(
        offer(&config),
        "permessage-deflate; server_no_context_takeover; client_no_context_takeover; \
         server_max_window_bits=9; client_max_window_bits=10"
    );
    // Out of range is the nearest in range.
    let config = Config { server_max_window_bits: 0, client_max_window_bits: 200, ..OPEN };
    let expected = "permessage-deflate; server_max_window_bits=8; client_max_window_bits";
    assert_eq!(offer(&config), expected);
}

#[test]
fn w3_an_answer_that_does_not_fit_the_offer_is_an_error() {
    for bad in [
        "permessage-deflate; server_max_window_bits=7",
        "permessage-deflate; server_max_window_bits=16",
        "permessage-deflate; server_max_window_bits=1000",
        "permessage-deflate; server_max_window_bits",
        "permessage-deflate; client_max_window_bits",
        "permessage-deflate; client_max_window_bits=09",
        "permessage-deflate; server_no_context_takeover; server_no_context_takeover",
        "permessage-deflate; mystery",
        "permessage-deflate, permessage-deflate",
        "permessage-deflate, mystery",
        "mystery",
        "x-webkit-deflate-frame",
    ] {
        assert_eq!(accept(&OPEN, [bad.as_bytes()]), Err(BadExtension), "{bad}");
    }
    let twice = [&b"permessage-deflate"[..]; 2];
    assert_eq!(accept(&OPEN, twice), Err(BadExtension));
    let limited = Config { server_max_window_bits: 10, client_max_window_bits: 10, ..OPEN };
    for (side, bits) in
        ["server", "client"].into_iter().flat_map(|it| (8..=15).map(move |b| (it, b)))
    {
        let answer = format!("permessage-deflate; {side}_max_window_bits={bits}");
        assert_eq!(accept(&limited, [answer.as_bytes()]).is_ok(), bits <= 10, "{answer}");
    }
}

#[test]
fn a_client_does_as_the_answer_says() {
    let answer = "permessage-deflate; client_no_context_takeover; client_max_window_bits=11; \
                  server_max_window_bits=12";
    let agreed = accept(&OPEN, [answer.as_bytes()]).unwrap().unwrap();
    assert!(agreed.client_no_context_takeover() && !agreed.server_no_context_takeover());
    assert_eq!((agreed.client_max_window_bits(), agreed.server_max_window_bits()), (11, 12));
    assert_eq!(accept(&OPEN, []), Ok(None));
    assert_eq!(accept(&OPEN, [&b" , "[..]]), Ok(None));
}

#[test]
fn both_halves_agree_whatever_they_are_configured_to() {
    for bits in 0..64_u8 {
        let config = |takeovers: u8, window: u8| Config {
            server_no_context_takeover: takeovers & 1 != 0,
            client_no_context_takeover: takeovers & 2 != 0,
            server_max_window_bits: 8 + window % 8,
            client_max_window_bits: 15 - window % 8,
            ..OPEN
        };
        let (client, server) = (config(bits & 3, bits), config(bits >> 2, bits >> 3));
        let theirs = negotiate(&server, [offer(&client).as_bytes()]).unwrap();
        let ours = accept(&client, [theirs.response().as_bytes()]).unwrap().unwrap();
        assert_eq!(theirs.server_max_window_bits(), ours.server_max_window_bits());
        assert_eq!(theirs.client_max_window_bits(), ours.client_max_window_bits());
        assert_eq!(theirs.server_no_context_takeover(), ours.server_no_context_takeover());
        assert_eq!(theirs.client_no_context_takeover(), ours.client_no_context_takeover());
        assert!(ours.server_max_window_bits() <= client.server_max_window_bits);
    }
}

#[test]
fn shared_frames_suit_the_largest_window_without_a_past() {
    let default = Config::default();
    assert!(agreement("permessage-deflate", &default).takes_shared());
    assert!(!agreement("permessage-deflate; server_max_window_bits=14", &default).takes_shared());
    assert!(!agreement("permessage-deflate", &OPEN).takes_shared());
}
