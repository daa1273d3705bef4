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
    heartbeat, "heartbeat.txt",
    messages_of_one_body_arrive_in_order
    a_binary_websocket_message_needs_no_type
    an_answered_ping_is_followed_by_the_next
    a_silent_client_is_dropped_after_the_ping_timeout
    an_owner_that_wakes_late_still_gives_the_client_its_whole_time
    the_first_other_packet_extends_the_wait_for_a_pong_once
    every_ping_may_be_extended_again
    messages_alone_do_not_delay_the_ping
    a_pong_without_a_ping_counts_as_life
    e11_a_client_does_not_ping
    e11_unknown_empty_and_open_packets_end_the_session
    e11_upgrade_and_noop_packets_mean_nothing_on_the_current_lane
    a_close_packet_ends_the_waiting_poll_and_the_session
    our_close_is_told_to_a_polling_client_and_only_once
    a_reader_that_paused_does_not_take_the_silence_for_the_peers
    after_a_pause_a_silent_client_is_dropped_as_ever
    a_pause_between_heartbeats_changes_nothing
}

sections! {
    upgrade, "upgrade.txt",
    a_probe_is_answered_and_ends_the_poll_at_once_and_every_100_ms
    polling_goes_on_until_the_upgrade_is_done
    an_owner_that_wakes_late_sends_one_noop
    a_candidate_that_stays_silent_is_dropped_after_the_upgrade_timeout
    a_candidate_that_only_probes_is_dropped_ten_seconds_after_it_came
    a_second_candidate_is_refused_while_the_first_goes_on
    a_session_on_websocket_is_not_upgraded_again
    a_lost_candidate_leaves_the_session_on_polling_and_free_to_try_again
    a_candidate_that_says_anything_else_is_dropped_alone
    after_its_probe_a_candidate_may_only_upgrade
    a_packet_of_a_candidate_that_was_dropped_already_changes_nothing
    the_heartbeat_goes_on_through_an_upgrade
    a_ping_that_is_under_way_gets_its_whole_time_on_the_new_transport
    a_candidate_does_not_keep_a_silent_session_alive
    a_client_that_closes_ends_its_upgrade_too
}

sections! {
    v3, "v3.txt",
    the_client_pings
    a_client_that_does_not_ping_is_dropped
    e11_a_pong_from_a_client_is_refused
    silence_of_our_own_doing_does_not_count
    an_upgrade_works_as_in_revision_4_and_the_client_goes_on_pinging
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
