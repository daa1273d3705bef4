//! The reader of session transcripts. Tests of sessions never call the crate themselves; this does.
//!
//! | line | meaning |
//! |---|---|
//! | `: websocket` | the session begins on WebSocket (else on polling); only as the first line |
//! | `: v3`, `: v3 websocket` | the same in revision 3 of the protocol |
//! | `< 4hello` | from the client on the current lane: a whole body on polling, `\|` stands for the separator |
//! | `<# 01ff` | a binary message on WebSocket |
//! | `c< 2probe`, `c<# 01ff` | the same on the candidate lane |
//! | `> 2`, `c> 3probe` | we send |
//! | `= Message hello` | an event |
//! | `x PingTimeout`, `cx NotAnUpgrade` | the end of the session, or of the candidate only |
//! | `@ 25`, `@ 100ms` | time passes, and the owner wakes at every deadline on the way |
//! | `@late 50` | time passes, and the owner wakes once, at the end |
//! | `@paused 60` | as `@`, while the owner does not read |
//! | `u`, `lost`, `close` | `start_upgrade` (`cx Done` when refused), `candidate_lost`, `close` |

use std::fmt::Write;
use std::time::{Duration, Instant};

use switchboard_eio::{
    Config, Data, Event, Expired, Lane, Packet, PeerError, Protocol, Send, Session, Transport,
    payload, v3,
};

/// Plays the transcript twice: with bodies as written, and with every record as a body of its own.
#[track_caller]
pub(crate) fn check(transcript: &str) {
    for is_split in [false, true] {
        play(transcript, is_split);
    }
}

#[track_caller]
fn play(transcript: &str, is_split: bool) {
    let mut lines = transcript.lines().map(str::trim).filter(|it| !it.is_empty()).peekable();
    let first = lines.next_if(|it| it.starts_with(": ")).unwrap_or_default();
    let is_websocket = first.ends_with("websocket");
    let transport = if is_websocket { Transport::WebSocket } else { Transport::Polling };
    let protocol = if first.starts_with(": v3") { Protocol::V3 } else { Protocol::V4 };
    let mut owner = Owner::new(protocol, transport);
    let mut expected = String::new();
    for line in lines {
        let (kind, rest) = line.split_once(' ').unwrap_or((line, ""));
        let rest = rest.replace('|', "\u{1e}");
        match kind {
            "<" if is_split && owner.session.transport() == Transport::Polling => {
                rest.split('\u{1e}').for_each(|it| owner.read_text(Lane::Current, it));
            }
            "<" => owner.read_text(Lane::Current, &rest),
            "c<" => owner.read_text(Lane::Candidate, &rest),
            "<#" => owner.read_binary(Lane::Current, &rest),
            "c<#" => owner.read_binary(Lane::Candidate, &rest),
            "u" => owner.start_upgrade(),
            "lost" => owner.session.candidate_lost(),
            "close" => owner.close(),
            "@" | "@paused" => owner.wait(duration(&rest), kind == "@paused"),
            "@late" => {
                owner.now += duration(&rest);
                owner.tick();
            }
            _ => writeln!(expected, "{line}").unwrap(),
        }
    }
    assert_eq!(expected, owner.seen, "split: {is_split}, in the transcript:\n{transcript}\n");
}

struct Owner {
    protocol: Protocol,
    session: Session,
    config: Config,
    now: Instant,
    next: Instant,
    is_over: bool,
    seen: String,
}

impl Owner {
    fn new(protocol: Protocol, transport: Transport) -> Self {
        let (config, now) = (Config::default(), Instant::now());
        let mut session = Session::with_protocol(protocol, transport, &config, now);
        let next = session.tick(&config, now, &mut Vec::new()).unwrap();
        Self { protocol, session, config, now, next, is_over: false, seen: String::new() }
    }

    fn read_text(&mut self, lane: Lane, text: &str) {
        let is_body = lane == Lane::Current && self.session.transport() == Transport::Polling;
        if is_body && self.protocol == Protocol::V3 {
            let packets = text.split('\u{1e}');
            let body = packets.fold(String::new(), |body, it| {
                format!("{body}{}:{it}", it.encode_utf16().count())
            });
            for record in v3::decode(&body, 20_000) {
                match record {
                    Ok(record) => self.receive(lane, record.packet()),
                    Err(error) => self.fail(lane, &error),
                }
            }
        } else if is_body {
            for record in payload::decode(text, 20_000) {
                match record {
                    Ok(record) => self.receive(lane, record.packet()),
                    Err(error) => self.fail(lane, &error),
                }
            }
        } else {
            match Packet::decode(Data::Text(text)) {
                Ok(packet) => self.receive(lane, packet),
                Err(error) => self.fail(lane, &error),
            }
        }
    }

    fn read_binary(&mut self, lane: Lane, hex: &str) {
        let bytes = unhex(hex);
        let data = Data::Binary(&bytes);
        match self.protocol {
            Protocol::V4 => self.receive(lane, Packet::decode(data).unwrap()),
            Protocol::V3 => match v3::decode_message(data) {
                Ok(record) => self.receive(lane, record.packet()),
                Err(error) => self.fail(lane, &error),
            },
        }
    }

    fn receive(&mut self, lane: Lane, packet: Packet<'_>) {
        if self.is_over {
            return;
        }
        let mut output = Vec::new();
        let event = self.session.receive(lane, packet, &self.config, self.now, &mut output);
        self.note(&output);
        match event {
            Ok(None) => (),
            Ok(Some(Event::Message(Data::Text(text)))) => self.line(&format!("= Message {text}")),
            Ok(Some(Event::Message(Data::Binary(bytes)))) => {
                self.line(&format!("= Binary {}", hex(bytes)));
            }
            Ok(Some(Event::Ping(Data::Text(text)))) => self.line(&format!("= Ping {text}")),
            Ok(Some(event)) => self.line(&format!("= {event:?}")),
            Err(error) => self.fail(lane, &error),
        }
        self.tick();
    }

    fn fail(&mut self, lane: Lane, error: &PeerError) {
        if self.is_over {
            return;
        }
        match lane {
            Lane::Current => self.line(&format!("x {error:?}")),
            Lane::Candidate => self.line(&format!("cx {error:?}")),
        }
        self.is_over |= lane == Lane::Current;
    }

    fn start_upgrade(&mut self) {
        if let Err(refused) = self.session.start_upgrade(&self.config, self.now) {
            self.line(&format!("cx {refused:?}"));
        }
        self.tick();
    }

    fn close(&mut self) {
        let mut output = Vec::new();
        self.session.close(&mut output);
        self.note(&output);
    }

    fn wait(&mut self, duration: Duration, is_paused: bool) {
        let end = self.now + duration;
        while self.next <= end && !self.is_over {
            self.now = self.next;
            if is_paused {
                self.session.resume_reading(&self.config, self.now);
            }
            self.tick();
        }
        self.now = end;
        if is_paused {
            self.session.resume_reading(&self.config, self.now);
            self.tick();
        }
    }

    /// Ticks as an owner does, whenever anything happened, and so shows that early ticks do nothing.
    fn tick(&mut self) {
        while !self.is_over {
            let mut output = Vec::new();
            let next = self.session.tick(&self.config, self.now, &mut output);
            self.note(&output);
            match next {
                Ok(next) => {
                    assert!(self.now < next, "a deadline that is due was not handled");
                    self.next = next;
                    return;
                }
                Err(Expired::UpgradeTimeout) => self.line("cx UpgradeTimeout"),
                Err(Expired::PingTimeout) => {
                    // After a close by either side there is nothing to report.
                    let closed = self.seen.ends_with("= Close\n") || self.seen.ends_with("> 1\n");
                    if !closed {
                        self.line("x PingTimeout");
                    }
                    self.is_over = true;
                }
            }
        }
    }

    fn note(&mut self, output: &[Send]) {
        for Send { lane, packet } in output {
            let mut bytes = Vec::new();
            packet.packet().encode_text(&mut bytes);
            let text = String::from_utf8(bytes).unwrap();
            match lane {
                Lane::Current => self.line(&format!("> {text}")),
                Lane::Candidate => self.line(&format!("c> {text}")),
            }
        }
    }

    fn line(&mut self, line: &str) {
        writeln!(self.seen, "{}", line.trim_end()).unwrap();
    }
}

fn duration(text: &str) -> Duration {
    match text.strip_suffix("ms") {
        Some(number) => Duration::from_millis(number.parse().unwrap()),
        None => Duration::from_secs(text.parse().unwrap()),
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut out, byte| {
        write!(out, "{byte:02x}").unwrap();
        out
    })
}

pub(crate) fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u32> = text.chars().filter_map(|it| it.to_digit(16)).collect();
    digits.chunks(2).map(|it| (it[0] * 16 + it[1]) as u8).collect()
}
