//! What no transcript can say of heartbeats: floods, and timers without an end.

use std::time::{Duration, Instant};

use switchboard_eio::{Config, Data, Event, Kind, Lane, Packet, Session, Transport};

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
