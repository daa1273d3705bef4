//! Messages, heartbeat and close, on either transport.

use std::time::{Duration, Instant};

use switchboard_eio::{Config, Data, Event, Kind, Lane, Packet, Session, Transport};

use crate::transcript::check;

#[test]
fn messages_of_one_body_arrive_in_order() {
    check(
        "
        < 4hello|4|bAf8=|4é
        = Message hello
        = Message
        = Binary 01ff
        = Message é",
    );
}

#[test]
fn a_binary_websocket_message_needs_no_type() {
    check(": websocket\n<# 34ff\n= Binary 34ff");
}

#[test]
fn an_answered_ping_is_followed_by_the_next() {
    for transport in ["", ": websocket\n"] {
        check(&format!("{transport}@ 25\n> 2\n@ 19\n< 3\n= Pong\n@ 24\n@ 1\n> 2"));
    }
}

#[test]
fn a_silent_client_is_dropped_after_the_ping_timeout() {
    for transport in ["", ": websocket\n"] {
        check(&format!("{transport}@ 44\n> 2\n@ 1\nx PingTimeout"));
    }
}

#[test]
fn an_owner_that_wakes_late_still_gives_the_client_its_whole_time() {
    check("@late 100\n> 2\n@ 19\n< 3\n= Pong");
}

#[test]
fn the_first_other_packet_extends_the_wait_for_a_pong_once() {
    check(
        "
        @ 25
        > 2
        @ 15
        < 4a
        = Message a
        @ 15
        < 4b
        = Message b
        @ 4
        @ 1
        x PingTimeout",
    );
}

#[test]
fn every_ping_may_be_extended_again() {
    check(
        "
        @ 25
        > 2
        @ 15
        < 4a
        = Message a
        @ 19
        < 3
        = Pong
        @ 25
        > 2
        @ 15
        < 6
        @ 19
        < 3
        = Pong",
    );
}

#[test]
fn messages_alone_do_not_delay_the_ping() {
    check("@ 24\n< 4a\n= Message a\n@ 1\n> 2");
}

#[test]
fn a_pong_without_a_ping_counts_as_life() {
    check("@ 10\n< 3\n= Pong\n@ 24\n@ 1\n> 2");
}

/// E10
#[test]
fn e10_a_flood_of_pongs_costs_no_timer_and_no_answer() {
    let (config, now) = (Config::default(), Instant::now());
    let mut session = Session::new(Transport::WebSocket, &config, now);
    let mut output = Vec::new();
    let pong = Packet { kind: Kind::Pong, data: Data::Text("") };
    for _ in 0..100_000 {
        let event = session.receive(Lane::Current, pong, &config, now, &mut output);
        assert_eq!(event, Ok(Some(Event::Pong)));
    }
    assert_eq!(session.tick(&config, now, &mut output), Ok(now + config.ping_interval));
    assert_eq!(output, []);
    assert!(size_of::<Session>() <= 64, "{}", size_of::<Session>());
}

/// E11
#[test]
fn e11_a_client_does_not_ping() {
    check("< 2\nx HeartbeatDirection");
    check(": websocket\n< 2\nx HeartbeatDirection");
    check(": websocket\n< 2probe\nx HeartbeatDirection");
}

/// E11
#[test]
fn e11_unknown_empty_and_open_packets_end_the_session() {
    check(": websocket\n< 9\nx UnknownKind");
    check(": websocket\n< \nx EmptyPacket");
    check(": websocket\n< 0{}\nx UnexpectedOpen");
    check("< 4a|9|4b\n= Message a\nx UnknownKind");
    check("< \nx EmptyPacket");
    check("< 4a||4b\n= Message a\nx EmptyPacket");
    check("< 0{}\nx UnexpectedOpen");
}

/// E11
#[test]
fn e11_upgrade_and_noop_packets_mean_nothing_on_the_current_lane() {
    check("< 5|6|4a\n= Message a");
    check(": websocket\n< 5\n< 6\n< 4a\n= Message a");
}

#[test]
fn a_close_packet_ends_the_waiting_poll_and_the_session() {
    check("< 4a|1|4b\n= Message a\n> 6\n= Close\n@ 100");
    check(": websocket\n< 1\n= Close\n< 4a");
}

#[test]
fn our_close_is_told_to_a_polling_client_and_only_once() {
    check("close\nclose\n> 1\n< 4a\nu\ncx Closed");
    check(": websocket\nclose\n< 4a\nx PingTimeout");
}

#[test]
fn a_reader_that_paused_does_not_take_the_silence_for_the_peers() {
    // It waits for a pong when the pause begins: pings go on, for the sake of the client's own timeout.
    check("@ 25\n> 2\n@paused 50\n> 2\n> 2\n@ 19\n< 3\n= Pong\n@ 25\n> 2");
}

#[test]
fn after_a_pause_a_silent_client_is_dropped_as_ever() {
    check("@ 25\n> 2\n@paused 15\n@ 19\n@ 1\nx PingTimeout");
}

#[test]
fn a_pause_between_heartbeats_changes_nothing() {
    check("@paused 10\n@ 14\n@ 1\n> 2");
}

#[test]
fn a_heartbeat_of_forever_is_no_overflow() {
    let config = Config { ping_interval: Duration::MAX, ..Config::default() };
    let now = Instant::now();
    let mut session = Session::new(Transport::Polling, &config, now);
    let mut output = Vec::new();
    let next = session.tick(&config, now, &mut output).unwrap();
    assert!(now + Duration::from_secs(86_400) < next);
    assert_eq!(output, []);
}
