//! The rules of a connection, one transcript each.

use switchboard_ws::Role;

use crate::peer::CLIENT;
use crate::transcript::{check, check_raw};

/// The "Hello" of RFC 6455, section 5.7.
#[test]
fn text_arrives_in_both_roles() {
    check_raw(Role::Server, "< 81 85 37fa213d 7f9f4d5158\n= Text Hello");
    check_raw(CLIENT, "< 81 05 48656c6c6f\n= Text Hello");
}

#[test]
fn messages_of_a_client_are_masked() {
    check_raw(CLIENT, "! Hello\n> 81 85 37fa213d 7f9f4d5158");
    check_raw(Role::Server, "! Hello\n> 81 05 48656c6c6f");
}

#[test]
fn half_a_frame_waits() {
    check_raw(Role::Server, "< 81 85 37fa\n< 213d 7f9f4d\n@ 4\n< 5158\n= Text Hello");
}

#[test]
fn several_frames_of_one_input_come_one_by_one() {
    check("< 81 01 61 82 02 0001 81 00\n= Text a\n= Binary 0001\n= Text");
}

#[test]
fn fragments_make_one_message() {
    check("< 01 01 61 00 00 80 02 6263\n= Text abc");
    check("< 02 01 61\n< 00 01 62\n< 80 00\n= Binary 6162");
}

#[test]
fn a_text_frame_between_messages_of_two_kinds_keeps_its_kind() {
    check("< 02 01 ff 80 01 fe 01 01 61 80 00\n= Binary fffe\n= Text a");
}

#[test]
fn control_frames_stand_between_fragments() {
    check("< 01 01 61 89 01 70 80 01 62\n> 8a 01 70\n= Ping 70\n= Text ab");
}

#[test]
fn ping_is_answered_with_its_payload() {
    check("< 89 01 61 89 00\n> 8a 01 61\n= Ping 61\n> 8a 00\n= Ping");
}

#[test]
fn pong_needs_no_answer() {
    check("< 8a 02 6162\n= Pong 6162\n? hi\n> 89 02 6869");
}

#[test]
fn a_close_is_answered_with_its_code() {
    check("< 88 07 03e8 68656c6c6f\n> 88 02 03e8\n= Closed 1000 hello");
    check("< 88 02 0fa1\n> 88 02 0fa1\n= Closed 4001");
    check("< 88 00\n> 88 00\n= Closed");
}

#[test]
fn our_close_is_not_answered_again() {
    check("# 1001 bye\n> 88 05 03e9 627965\n< 88 02 03e9\n= Closed 1001");
    check("# none\n> 88 00\n< 88 00\n= Closed");
}

#[test]
fn a_second_close_sends_nothing() {
    check("# 1001\n> 88 02 03e9\n# 1000");
    check("< 88 00\n> 88 00\n= Closed\n# 1000");
}

#[test]
fn nothing_is_sent_after_a_close_frame() {
    check("# 1000\n> 88 02 03e8\n! late\n? late\n< 89 01 61\n= Ping 61");
}

#[test]
fn messages_still_arrive_until_the_peer_has_closed_too() {
    check("# 1000\n> 88 02 03e8\n< 81 01 61\n= Text a\n< 88 00\n= Closed");
}

#[test]
fn an_error_after_our_close_sends_no_second_close() {
    check("# 1000\n> 88 02 03e8\n< 83 00\nx UnknownOpcode");
}

#[test]
fn messages_before_a_bad_frame_are_delivered_first() {
    check(
        "< 81 01 61 82 01 62 83 00 81 01 63\n= Text a\n= Binary 62\n> 88 02 03ea\nx UnknownOpcode",
    );
}

#[test]
fn a_long_reason_is_cut_between_characters() {
    let reason = format!("{}\u{20ac}", "a".repeat(121));
    let payload = format!("03e8{}", "61".repeat(121));
    check(&format!("# 1000 {reason}\n> 88 7b {payload}"));
    let reason = format!("{}\u{20ac}", "a".repeat(120));
    let payload = format!("03e8{}e282ac", "61".repeat(120));
    check(&format!("# 1000 {reason}\n> 88 7d {payload}"));
}

#[test]
fn a_long_ping_is_cut() {
    check(&format!("? {}\n> 89 7d {}", "a".repeat(200), "61".repeat(125)));
}

#[test]
fn invalid_utf8_is_refused_before_its_frame_ends() {
    // Each claims ten bytes, and the last byte that comes shows the fault.
    for bad in ["61 ff", "c0", "e0 9f", "ed a0", "f0 8f", "f4 90", "f5", "e2 82 61", "80"] {
        check(&format!("< 81 0a {bad}\n> 88 02 03ef\nx InvalidUtf8"));
    }
}

#[test]
fn a_character_split_by_a_frame_is_whole_again() {
    check("< 01 02 e282 00 00 80 01 ac\n= Text \u{20ac}");
    check("< 01 01 f0 00 01 9f 00 01 98 80 01 80\n= Text \u{1f600}");
}

#[test]
fn an_unfinished_character_ends_no_message() {
    check("< 81 02 e282\n> 88 02 03ef\nx InvalidUtf8");
    check("< 01 02 e282 80 00\n> 88 02 03ef\nx InvalidUtf8");
}

#[test]
fn binary_messages_may_hold_anything() {
    check("< 82 02 ffc0\n= Binary ffc0");
}
