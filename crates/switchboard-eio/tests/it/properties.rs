//! What holds for any packets, any bytes and any order of events.

use std::time::{Duration, Instant};

use proptest::collection::vec;
use proptest::prelude::*;
use switchboard_eio::{
    Config, Data, Event, Expired, Kind, Lane, Packet, Session, Transport, payload,
};

#[derive(Clone, Debug, PartialEq)]
enum Owned {
    Text(Kind, String),
    Binary(Vec<u8>),
}

impl Owned {
    fn packet(&self) -> Packet<'_> {
        match self {
            Self::Text(kind, text) => Packet { kind: *kind, data: Data::Text(text) },
            Self::Binary(bytes) => Packet { kind: Kind::Message, data: Data::Binary(bytes) },
        }
    }
}

fn any_kind() -> impl Strategy<Value = Kind> {
    (b'0'..=b'6').prop_map(|digit| Kind::from_digit(digit).unwrap())
}

/// Packets as a body can carry them: without the separator in text.
fn any_packet() -> impl Strategy<Value = Owned> {
    prop_oneof![
        (any_kind(), "[^\u{1e}]{0,20}").prop_map(|(kind, text)| Owned::Text(kind, text)),
        vec(any::<u8>(), 0..40).prop_map(Owned::Binary),
    ]
}

fn any_packet_of_a_session() -> impl Strategy<Value = Owned> {
    let text = |kind, text: &str| Just(Owned::Text(kind, text.to_owned()));
    prop_oneof![
        6 => text(Kind::Message, "hello"),
        3 => text(Kind::Pong, ""),
        3 => text(Kind::Ping, "probe"),
        3 => text(Kind::Upgrade, ""),
        2 => any_packet(),
    ]
}

#[derive(Clone, Debug)]
enum Step {
    Receive(Lane, Owned),
    Wait(u64),
    Tick,
    StartUpgrade,
    CandidateLost,
    Resume,
    Close,
}

fn any_step() -> impl Strategy<Value = Step> {
    let lane = prop_oneof![Just(Lane::Current), Just(Lane::Candidate)];
    prop_oneof![
        6 => (lane, any_packet_of_a_session()).prop_map(|(lane, packet)| Step::Receive(lane, packet)),
        4 => (0_u64..30_000).prop_map(Step::Wait),
        4 => Just(Step::Tick),
        3 => Just(Step::StartUpgrade),
        1 => Just(Step::CandidateLost),
        1 => Just(Step::Resume),
        1 => Just(Step::Close),
    ]
}

fn encode(packets: &[Owned]) -> String {
    let mut body = Vec::new();
    packets.iter().for_each(|it| payload::encode(&it.packet(), &mut body));
    String::from_utf8(body).unwrap()
}

/// What an application sees when these bodies arrive, up to the first error.
fn events<'b>(bodies: impl Iterator<Item = &'b str>) -> Vec<String> {
    let (config, now) = (Config::default(), Instant::now());
    let mut session = Session::new(Transport::Polling, &config, now);
    let (mut output, mut seen) = (Vec::new(), Vec::new());
    for body in bodies {
        for record in payload::decode(body, usize::MAX) {
            let event = record.and_then(|it| {
                let event =
                    session.receive(Lane::Current, it.packet(), &config, now, &mut output)?;
                Ok(event.map(|it| format!("{it:?}")))
            });
            let is_end = event.is_err();
            seen.push(format!("{event:?} {output:?}"));
            if is_end {
                return seen;
            }
        }
    }
    seen
}

proptest! {
    #[test]
    fn a_packet_comes_back_as_it_was(kind in any_kind(), text in any::<String>()) {
        let packet = Packet { kind, data: Data::Text(&text) };
        let mut output = Vec::new();
        packet.encode_text(&mut output);
        prop_assert_eq!(output.len(), payload::encoded_len(&packet));
        let output = String::from_utf8(output).unwrap();
        prop_assert_eq!(Packet::decode(Data::Text(&output)), Ok(packet));
    }

    #[test]
    fn a_body_comes_back_as_it_was(packets in vec(any_packet(), 1..20)) {
        let body = encode(&packets);
        let records = payload::decode(&body, packets.len()).collect::<Result<Vec<_>, _>>().unwrap();
        prop_assert_eq!(records.len(), packets.len());
        for (record, packet) in records.iter().zip(&packets) {
            prop_assert_eq!(record.packet(), packet.packet());
        }
        let lens: usize = packets.iter().map(|it| payload::encoded_len(&it.packet())).sum();
        prop_assert_eq!(body.len(), lens + packets.len() - 1);
    }

    #[test]
    fn a_body_split_between_records_gives_the_same_events(
        packets in vec(any_packet_of_a_session(), 1..20),
        cuts in vec(any::<bool>(), 20),
    ) {
        let whole = encode(&packets);
        let mut pieces = vec![Vec::new()];
        for (packet, cut) in packets.iter().zip(cuts) {
            if cut && pieces.last().is_some_and(|it| !it.is_empty()) {
                pieces.push(Vec::new());
            }
            pieces.last_mut().unwrap().push(packet.clone());
        }
        let bodies: Vec<String> = pieces.iter().map(|it| encode(it)).collect();
        let split = events(bodies.iter().map(String::as_str));
        prop_assert_eq!(split, events([whole.as_str()].into_iter()));
    }

    #[test]
    fn any_text_is_read_to_its_end_or_first_error(body in any::<String>(), packets_max in 0_usize..5) {
        let records: Vec<_> = payload::decode(&body, packets_max).collect();
        prop_assert!(records.len() <= packets_max + 1);
        let errors = records.iter().filter(|it| it.is_err()).count();
        prop_assert!(errors <= 1 && (errors == 0 || records.last().unwrap().is_err()));
    }

    #[test]
    fn a_session_keeps_its_rules_in_any_order_of_events(
        is_websocket in any::<bool>(),
        steps in vec(any_step(), 0..60),
    ) {
        let (config, mut now) = (Config::default(), Instant::now());
        let transport = if is_websocket { Transport::WebSocket } else { Transport::Polling };
        let mut session = Session::new(transport, &config, now);
        let (mut output, mut is_over) = (Vec::new(), false);
        for step in steps {
            let before = session.transport();
            let sent = output.len();
            match step {
                Step::Receive(lane, packet) => {
                    let result = session.receive(lane, packet.packet(), &config, now, &mut output);
                    prop_assert!(!is_over || result == Ok(None));
                    is_over |= result == Ok(Some(Event::Close));
                    is_over |= lane == Lane::Current && result.is_err();
                    let upgraded = result == Ok(Some(Event::Upgraded));
                    prop_assert_eq!(upgraded, before != session.transport());
                }
                Step::Wait(millis) => now += Duration::from_millis(millis),
                Step::Tick => match session.tick(&config, now, &mut output) {
                    Ok(next) => {
                        prop_assert!(!is_over && now < next);
                        // Again at the same time: nothing more, and the same deadline.
                        let sent = output.len();
                        prop_assert_eq!(session.tick(&config, now, &mut output), Ok(next));
                        prop_assert_eq!(output.len(), sent);
                    }
                    Err(Expired::PingTimeout) => is_over = true,
                    Err(Expired::UpgradeTimeout) => {
                        prop_assert_eq!(session.transport(), Transport::Polling);
                        prop_assert!(now < session.tick(&config, now, &mut output).unwrap());
                    }
                },
                Step::StartUpgrade => {
                    let allowed = session.start_upgrade(&config, now).is_ok();
                    prop_assert!(!allowed || (!is_over && before == Transport::Polling));
                }
                Step::CandidateLost => session.candidate_lost(),
                Step::Resume => session.resume_reading(&config, now),
                Step::Close => {
                    session.close(&mut output);
                    is_over = true;
                }
            }
            prop_assert!(output.len() <= sent + 2, "more than two packets for one step");
        }
    }
}
