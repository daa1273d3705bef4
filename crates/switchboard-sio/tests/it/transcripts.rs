//! The transcripts in `tests/transcripts`: each section is a test.
//!
//! `e2e/raw/transcripts.test.mjs` replays the same files over real connections, against our server
//! and against the official one.

use crate::transcript::check;

macro_rules! sections {
    ($module:ident, $file:literal, $($name:ident)+) => {
        mod $module {
            const TEXT: &str = include_str!(concat!("../transcripts/", $file));

            #[test]
            fn every_section_is_a_test() {
                let names: Vec<&str> = TEXT.lines().filter_map(|it| it.strip_prefix("## ")).collect();
                assert_eq!(names, [$(stringify!($name)),+]);
            }

            $(
                #[test]
                fn $name() {
                    super::play(TEXT, stringify!($name));
                }
            )+
        }
    };
}

sections! {
    packets, "packets.txt",
    client_connects_with_and_without_auth
    query_is_part_of_the_namespace
    event_with_everything
    ack_with_everything
    arguments_stay_as_they_were_written
    whitespace_before_the_payload_is_refused
    binary_event_waits_for_its_attachments
    binary_ack_waits_for_its_attachments
    ten_attachments_are_allowed
    escaped_placeholder_keys_count
    objects_like_placeholders_are_data
    either_end_disconnects
}

sections! {
    threats, "threats.txt",
    s1_event_name_must_be_a_string_or_a_number
    s2_error_is_an_ordinary_event
    s4_placeholder_must_name_an_attachment
    s4b_ambiguous_placeholders_are_refused
    s4b_placeholder_without_attachments_is_plain_data
    s5_announced_attachments_are_limited
    s6_zero_attachments_are_refused_and_leave_nothing
    s8_text_and_attachments_do_not_interleave
    s9_ids_stop_where_javascript_stops_counting
    s11_acks_need_an_id_and_an_array
    unknown_packets_are_refused
    connect_error_comes_from_servers_only
    s3_reserved_names_are_refused
}

sections! {
    json, "json.txt",
    s1_broken_json_closes_with_1007
    s15_odd_but_valid_json_is_forwarded_unchanged
    s15_what_is_no_json_is_refused
    s16_connect_payload_is_an_object_or_absent
}

/// Plays each paragraph of a section.
fn play(text: &str, name: &str) {
    let (_, rest) = text.split_once(&format!("## {name}\n")).expect("a section of that name");
    let section = rest.split("\n## ").next().unwrap_or_default();
    let lines: Vec<&str> = section.lines().filter(|it| !it.starts_with("# ")).collect();
    let paragraphs = lines.split(|it| it.is_empty()).filter(|it| !it.is_empty());
    let count = paragraphs.map(|it| check(&it.join("\n"))).count();
    assert!(0 < count, "a section without a transcript");
}
