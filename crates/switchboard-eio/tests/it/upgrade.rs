//! The move from polling to WebSocket, and everything that must not end the session meanwhile.

use crate::transcript::check;

#[test]
fn a_probe_is_answered_and_ends_the_poll_at_once_and_every_100_ms() {
    check(
        "
        u
        c< 2probe
        c> 3probe
        > 6
        @ 99ms
        @ 1ms
        > 6
        @ 200ms
        > 6
        > 6
        c< 5
        = Upgraded
        @ 1
        < 4on websocket
        = Message on websocket
        <# 01
        = Binary 01",
    );
}

#[test]
fn polling_goes_on_until_the_upgrade_is_done() {
    check(
        "
        u
        < 4a|4b
        = Message a
        = Message b
        c< 2probe
        c> 3probe
        > 6
        < 4c
        = Message c
        c< 5
        = Upgraded",
    );
}

#[test]
fn an_owner_that_wakes_late_sends_one_noop() {
    check("u\nc< 2probe\nc> 3probe\n> 6\n@late 5\n> 6\n@ 100ms\n> 6");
}

#[test]
fn a_candidate_that_stays_silent_is_dropped_after_the_upgrade_timeout() {
    check("u\n@ 9\n@ 1\ncx UpgradeTimeout\n< 4a\n= Message a\n@ 15\n> 2");
}

#[test]
fn a_candidate_that_only_probes_is_dropped_ten_seconds_after_it_came() {
    check("u\n@ 5\nc< 2probe\nc> 3probe\n> 6\n@late 4900ms\n> 6\n@ 100ms\ncx UpgradeTimeout\n@ 1");
}

#[test]
fn a_second_candidate_is_refused_while_the_first_goes_on() {
    check("u\nu\ncx UnderWay\nc< 2probe\nc> 3probe\n> 6\nu\ncx UnderWay\nc< 5\n= Upgraded");
}

#[test]
fn a_session_on_websocket_is_not_upgraded_again() {
    check("u\nc< 2probe\nc> 3probe\n> 6\nc< 5\n= Upgraded\nu\ncx Done\n< 4a\n= Message a");
    check(": websocket\nu\ncx Done\n< 4a\n= Message a");
}

#[test]
fn a_lost_candidate_leaves_the_session_on_polling_and_free_to_try_again() {
    check(
        "
        u
        c< 2probe
        c> 3probe
        > 6
        lost
        @ 20
        < 4a|4b
        = Message a
        = Message b
        u
        c< 2probe
        c> 3probe
        > 6
        c< 5
        = Upgraded",
    );
}

#[test]
fn a_candidate_that_says_anything_else_is_dropped_alone() {
    for wrong in ["2", "2Probe", "2probes", "5", "4hello", "3probe", "1", "6", "0{}"] {
        check(&format!(
            "u\nc< {wrong}\ncx NotAnUpgrade\n@ 20\n< 4a\n= Message a\nu\nc< 2probe\nc> 3probe\n> 6"
        ));
    }
    check("u\nc<# 3270726f6265\ncx NotAnUpgrade\n< 4a\n= Message a");
}

#[test]
fn after_its_probe_a_candidate_may_only_upgrade() {
    for wrong in ["2probe", "4hello", "3", "6", "1"] {
        check(&format!(
            "u\nc< 2probe\nc> 3probe\n> 6\nc< {wrong}\ncx NotAnUpgrade\n@ 20\n< 4a\n= Message a"
        ));
    }
}

#[test]
fn a_packet_of_a_candidate_that_was_dropped_already_changes_nothing() {
    check("u\n@ 10\ncx UpgradeTimeout\nc< 2probe\ncx NotAnUpgrade\n< 4a\n= Message a");
}

#[test]
fn the_heartbeat_goes_on_through_an_upgrade() {
    check(
        "@ 20\nu\nc< 2probe\nc> 3probe\n> 6\nc< 5\n= Upgraded\n@ 4\n@ 1\n> 2\n@ 20\nx PingTimeout",
    );
}

#[test]
fn a_ping_that_is_under_way_gets_its_whole_time_on_the_new_transport() {
    check("@ 25\n> 2\n@ 15\nu\nc< 2probe\nc> 3probe\n> 6\nc< 5\n= Upgraded\n@ 19\n< 3\n= Pong");
    check("@ 25\n> 2\n@ 15\nu\nc< 2probe\nc> 3probe\n> 6\nc< 5\n= Upgraded\n@ 20\nx PingTimeout");
}

#[test]
fn a_candidate_does_not_keep_a_silent_session_alive() {
    check("@ 25\n> 2\n@ 15\nu\nc< 2probe\nc> 3probe\n> 6\n@late 5\nx PingTimeout");
}

#[test]
fn a_client_that_closes_ends_its_upgrade_too() {
    check("u\nc< 2probe\nc> 3probe\n> 6\n< 1\n> 6\n= Close\nc< 5\n@ 30");
}
