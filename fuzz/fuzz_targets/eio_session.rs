//! Any order of packets, ticks and upgrades may end a session, but breaks none of its rules.
//!
//! Two bytes make one step: what happens, and with which packet or how much time.
#![no_main]

use std::time::{Duration, Instant};

use libfuzzer_sys::fuzz_target;
use switchboard_eio::{Config, Data, Expired, Lane, Packet, Protocol, Session, Transport};

fuzz_target!(|bytes: &[u8]| {
    let (config, mut now) = (Config::default(), Instant::now());
    let transport = match bytes.first() {
        Some(first) if first & 0x80 != 0 => Transport::WebSocket,
        _ => Transport::Polling,
    };
    let protocol = match bytes.first() {
        Some(first) if first & 0x40 != 0 => Protocol::V3,
        _ => Protocol::V4,
    };
    let mut session = Session::with_protocol(protocol, transport, &config, now);
    let mut output = Vec::new();
    for step in bytes.chunks_exact(2) {
        output.clear();
        let was = session.transport();
        match step[0] & 0x07 {
            lane @ (0 | 1) => {
                let lane = if lane == 0 { Lane::Current } else { Lane::Candidate };
                let text = TEXTS[usize::from(step[1]) % TEXTS.len()];
                let Ok(packet) = Packet::decode(Data::Text(text)) else { continue };
                let _ = session.receive(lane, packet, &config, now, &mut output);
            }
            2 => now += Duration::from_millis(u64::from(step[1]) * 10),
            3 => now += Duration::from_millis(u64::from(step[1]) * 1_000),
            4 => drop(session.start_upgrade(&config, now)),
            5 => session.candidate_lost(),
            6 => session.resume_reading(&config, now),
            _ if step[1] == 0xff => session.close(&mut output),
            _ => match session.tick(&config, now, &mut output) {
                Ok(next) => assert!(now < next),
                Err(Expired::UpgradeTimeout) => {
                    assert_eq!(session.transport(), Transport::Polling);
                    assert!(now < session.tick(&config, now, &mut output).expect("it goes on"));
                }
                Err(Expired::PingTimeout) => {
                    let again = session.tick(&config, now, &mut output);
                    assert_eq!(again, Err(Expired::PingTimeout));
                }
            },
        }
        assert!(output.len() <= 2);
        assert!(was == Transport::Polling || session.transport() == Transport::WebSocket);
    }
});

const TEXTS: [&str; 12] =
    ["4hello", "3", "2probe", "5", "2", "1", "6", "0{}", "4", "3probe", "9", ""];
