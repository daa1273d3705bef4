//! permessage-deflate: the examples of RFC 7692 and its rules, one transcript each.

use switchboard_ws::deflate::{Agreement, Compressor, Config, negotiate};
use switchboard_ws::{Message, Role};

use crate::peer::CLIENT;
use crate::transcript::{check_deflate, check_deflate_with};

pub(crate) fn agreement(offer: &str, config: &Config) -> Agreement {
    negotiate(config, [offer.as_bytes()]).expect(offer)
}

fn takeover() -> Agreement {
    let config = Config {
        server_no_context_takeover: false,
        client_no_context_takeover: false,
        threshold: 0,
        ..Config::default()
    };
    agreement("permessage-deflate", &config)
}

#[test]
fn a_message_in_one_compressed_block_arrives() {
    // Section 7.2.3.1.
    check_deflate("< c1 07 f248cdc9c90700\n= Text Hello");
}

#[test]
fn a_compressed_message_in_two_fragments_arrives() {
    // Section 7.2.3.1.
    check_deflate("< 41 03 f248cd 80 04 c9c90700\n= Text Hello");
}

#[test]
fn a_second_message_refers_to_the_first_where_the_window_is_kept() {
    // Section 7.2.3.2.
    check_deflate_with(
        &takeover(),
        "< c1 07 f248cdc9c90700\n= Text Hello\n< c1 05 f200110000\n= Text Hello",
    );
}

#[test]
fn a_reference_to_the_message_before_is_1007_where_no_window_is_kept() {
    check_deflate(
        "< c1 07 f248cdc9c90700\n= Text Hello\n< c1 05 f200110000\n> 88 02 03ef\nx BadCompression",
    );
}

#[test]
fn a_block_without_compression_arrives() {
    // Section 7.2.3.3.
    check_deflate("< c1 0b 000500faff48656c6c6f00\n= Text Hello");
}

#[test]
fn a_block_with_bfinal_arrives() {
    // Section 7.2.3.4.
    check_deflate("< c1 08 f348cdc9c9070000\n= Text Hello");
    check_deflate_with(&takeover(), "< c1 08 f348cdc9c9070000\n= Text Hello");
}

#[test]
fn two_blocks_in_one_message_arrive() {
    // Section 7.2.3.5.
    check_deflate("< c1 0d f2480500 0000ffff cac9c90700\n= Text Hello");
}

#[test]
fn an_empty_message_is_one_byte() {
    // Section 7.2.3.6.
    check_deflate("< c1 01 00\n= Text\n< c2 01 00\n= Binary");
    let mut output = Vec::new();
    let mut compressor = Compressor::new(&takeover(), &Role::Server);
    compressor.write_frame(Message::Text(""), None, &mut output);
    compressor.write_frame(Message::Text(""), None, &mut output);
    assert_eq!(output, [0xC1, 0x01, 0x00, 0xC1, 0x01, 0x00]);
}

#[test]
fn several_streams_in_one_message_are_one_message_and_share_the_window() {
    // BFINAL twice, and a third stream that refers to the first.
    for agreement in [takeover(), agreement("permessage-deflate", &Config::default())] {
        check_deflate_with(
            &agreement,
            "< c1 13 f348cdc9c90700 f348cdc9c90700 f200110000\n= Text HelloHelloHello",
        );
    }
}

#[test]
fn a_window_that_is_kept_outlives_a_stream_that_ended() {
    check_deflate_with(
        &takeover(),
        "< c1 08 f348cdc9c9070000\n= Text Hello\n< c1 05 f200110000\n= Text Hello",
    );
}

#[test]
fn a_stream_that_ends_with_its_message_needs_no_empty_block() {
    check_deflate("< c1 07 f348cdc9c90700\n= Text Hello");
    check_deflate_with(
        &takeover(),
        "< c1 07 f348cdc9c90700\n= Text Hello\n< c1 05 f200110000\n= Text Hello",
    );
}

#[test]
fn messages_that_are_not_compressed_still_arrive() {
    check_deflate("< 81 01 61 c1 07 f248cdc9c90700 82 01 62\n= Text a\n= Text Hello\n= Binary 62");
    check_deflate("< 01 01 61 80 01 62\n= Text ab");
}

#[test]
fn control_frames_and_empty_fragments_stand_between_compressed_fragments() {
    check_deflate(
        "< 41 00 89 01 70 00 03 f248cd 00 00 8a 00 00 04 c9c90700 80 00
         > 8a 01 70
         = Ping 70
         = Pong
         = Text Hello",
    );
}

#[test]
fn rsv1_on_a_continuation_or_a_control_frame_is_1002_even_if_agreed() {
    for bytes in ["41 03 f248cd c0 04 c9c90700", "c9 00", "ca 00", "c8 00", "c0 00"] {
        check_deflate(&format!("< {bytes}\n> 88 02 03ea\nx ReservedBit"));
    }
}

#[test]
fn data_that_are_no_deflate_stream_are_1007() {
    // A block of the reserved type; lengths that contradict each other; a distance before the
    // beginning; all of them seen before the frame ends.
    for bad in ["06 00", "00 0500 0000 48", "02 80 00 00 00 00"] {
        check_deflate(&format!("< c1 7d {bad}\n> 88 02 03ef\nx BadCompression"));
    }
}

#[test]
fn a_compressed_message_that_is_cut_short_is_1007() {
    for cut in ["f248", "f248cd", "f248cdc9c9", "00 0500 faff 48 65"] {
        let len = cut.replace(' ', "").len() / 2;
        check_deflate(&format!("< c2 {len:02x} {cut}\n> 88 02 03ef\nx BadCompression"));
    }
}

#[test]
fn a_stored_block_that_never_ends_is_1007_where_its_message_does() {
    // 255 bytes are claimed, two come; what completes every message is taken for four more.
    check_deflate("< c2 07 00 ff00 00ff 4865\n> 88 02 03ef\nx BadCompression");
}

#[test]
fn invalid_utf8_is_refused_as_soon_as_it_is_inflated() {
    // A stored block that claims five bytes; the second of them shows the fault.
    check_deflate("< c1 7d 00 0500 faff 61 ff\n> 88 02 03ef\nx InvalidUtf8");
    check_deflate("< c1 08 00 0200 fdff e282 00\n> 88 02 03ef\nx InvalidUtf8");
    check_deflate("< 41 08 00 0200 fdff e282 00 80 06 0100 feff ac 00\n= Text \u{20ac}");
}

#[test]
fn clients_mask_what_they_compress() {
    let mut output = Vec::new();
    let config = Config { threshold: 0, ..Config::default() };
    let agreement = agreement("permessage-deflate", &config);
    let text = "Hello Hello Hello";
    let key = Some([0x37, 0xfa, 0x21, 0x3d]);
    Compressor::new(&agreement, &CLIENT).write_frame(Message::Text(text), key, &mut output);
    assert_eq!(output[..2], [0xC1, 0x80 | (output.len() as u8 - 6)]);
    let events = crate::peer::play_deflate(Role::Server, &agreement, [&output[..]]).events;
    assert_eq!(events, [switchboard_ws::Event::Text(text.into())]);
}
