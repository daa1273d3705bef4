//! Any value of `Sec-WebSocket-Extensions`, read by a server as offers and by a client as an
//! answer, must be harmless, and what both make of it must fit together.
//!
//! The first two bytes of the data configure us, the rest are values, one a line.
#![no_main]

use libfuzzer_sys::fuzz_target;
use switchboard_ws::deflate::{Config, accept, negotiate, offer};

fuzz_target!(|data: &[u8]| {
    let [first, second, values @ ..] = data else { return };
    let config = config(*first, *second);
    let values = || values.split(|it| *it == b'\n');

    if let Some(agreement) = negotiate(&config, values()) {
        assert!(
            (8..=config.server_max_window_bits.max(8))
                .contains(&agreement.server_max_window_bits())
        );
        assert!((8..=15).contains(&agreement.client_max_window_bits()));
        // What we answer is good grammar, and good for a client that offered everything.
        let everything = Config { server_no_context_takeover: false, ..self::config(0, 0xFF) };
        let response = agreement.response();
        let theirs =
            accept(&everything, [response.as_bytes()]).expect("our own answer").expect("one");
        assert_eq!(theirs.server_max_window_bits(), agreement.server_max_window_bits());
        assert_eq!(theirs.client_max_window_bits(), agreement.client_max_window_bits());
        assert_eq!(theirs.server_no_context_takeover(), agreement.server_no_context_takeover());
    }
    if let Ok(Some(agreement)) = accept(&config, values()) {
        assert!((8..=15).contains(&agreement.server_max_window_bits()));
        assert!(agreement.client_max_window_bits() <= config.client_max_window_bits.max(8));
        assert!(agreement.client_no_context_takeover() || !config.client_no_context_takeover);
    }
    // Whatever stands in front of it, an offer of ours is either understood or not reached.
    let offer = offer(&config);
    let agreement = negotiate(&config, [offer.as_bytes()]).expect("our own offer");
    assert!(accept(&config, [agreement.response().as_bytes()]).is_ok());
});

fn config(first: u8, second: u8) -> Config {
    Config {
        server_no_context_takeover: first & 1 != 0,
        client_no_context_takeover: first & 2 != 0,
        server_max_window_bits: second & 0xF,
        client_max_window_bits: second >> 4,
        ..Config::default()
    }
}
