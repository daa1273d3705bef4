//! The reader of transcripts. Frames are written as a server sends them; where a client sends
//! them, the reader masks them.

use std::fmt::Write;
use std::time::{Duration, Instant};

use switchboard_ws::deflate::{Agreement, Config};
use switchboard_ws::{CloseCode, Connection, Event, Limits, Message, Role};

use crate::deflate::agreement;
use crate::peer::{CLIENT, is_server, masked};

/// Plays the transcript in both roles, as written and once with every byte arriving on its own.
///
/// The second run is free for whoever writes a test, and finds the parser that forgot to wait.
#[track_caller]
pub(crate) fn check(transcript: &str) {
    check_both(transcript, None);
}

/// The same with permessage-deflate, agreed by default.
#[track_caller]
pub(crate) fn check_deflate(transcript: &str) {
    check_deflate_with(&agreement("permessage-deflate", &Config::default()), transcript);
}

/// The same with what was agreed.
#[track_caller]
pub(crate) fn check_deflate_with(agreement: &Agreement, transcript: &str) {
    check_both(transcript, Some(agreement));
}

#[track_caller]
fn check_both(transcript: &str, agreement: Option<&Agreement>) {
    for role in [Role::Server, CLIENT] {
        let masked = |bytes: &[u8]| masked(bytes);
        let as_is = |bytes: &[u8]| bytes.to_vec();
        let (incoming, outgoing): (Masking<'_>, Masking<'_>) =
            if is_server(role) { (&masked, &as_is) } else { (&as_is, &masked) };
        play(transcript, (role, agreement), incoming, outgoing);
    }
}

/// Plays a transcript in one role with the bytes exactly as they are written.
#[track_caller]
pub(crate) fn check_raw(role: Role, transcript: &str) {
    play(transcript, (role, None), &<[u8]>::to_vec, &<[u8]>::to_vec);
}

type Masking<'f> = &'f dyn Fn(&[u8]) -> Vec<u8>;

#[track_caller]
fn play(
    transcript: &str,
    (role, agreement): (Role, Option<&Agreement>),
    incoming: Masking<'_>,
    outgoing: Masking<'_>,
) {
    for piece_len in [usize::MAX, 1] {
        let mut actual = String::new();
        let mut expected = String::new();
        let mut peer = Peer::new(role, agreement);
        for line in transcript.lines().map(str::trim).filter(|it| !it.is_empty()) {
            let (kind, rest) = line.split_at(1);
            let rest = rest.trim();
            match kind {
                "<" => incoming(&unhex(rest))
                    .chunks(piece_len)
                    .for_each(|it| peer.receive(it, &mut actual)),
                "@" => peer.wait(rest.parse().unwrap(), &mut actual),
                "!" | "?" | "#" => peer.say(kind, rest, &mut actual),
                ">" => writeln!(expected, "> {}", hex(&outgoing(&unhex(rest)))).unwrap(),
                "=" | "x" => writeln!(expected, "{kind} {rest}").unwrap(),
                _ => panic!("what is {line:?}?"),
            }
        }
        assert_eq!(
            expected, actual,
            "as {role:?} in pieces of {piece_len}, in the transcript:\n{transcript}\n"
        );
    }
}

struct Peer {
    connection: Connection,
    now: Instant,
}

impl Peer {
    fn new(role: Role, agreement: Option<&Agreement>) -> Self {
        let limits = Limits::default();
        let connection = match agreement {
            Some(agreement) => Connection::with_deflate(role, limits, agreement),
            None => Connection::new(role, limits),
        };
        Self { connection, now: Instant::now() }
    }

    fn receive(&mut self, bytes: &[u8], actual: &mut String) {
        let mut bytes = bytes.to_vec();
        let mut input = &mut bytes[..];
        loop {
            let mut output = Vec::new();
            let event = self.connection.receive(&mut input, self.now, &mut output);
            write_output(&output, actual);
            match event {
                Ok(Some(event)) => writeln!(actual, "= {}", shown(event)).unwrap(),
                Ok(None) => return,
                Err(error) => writeln!(actual, "x {error:?}").unwrap(),
            }
        }
    }

    fn say(&mut self, kind: &str, text: &str, actual: &mut String) {
        let mut output = Vec::new();
        match kind {
            "!" => self.connection.send(Message::Text(text), &mut output),
            "?" => self.connection.ping(text.as_bytes(), &mut output),
            _ => {
                let (code, reason) = text.split_once(' ').unwrap_or((text, ""));
                let code = code.parse().ok().and_then(CloseCode::new);
                self.connection.close(code, reason, self.now, &mut output);
            }
        }
        write_output(&output, actual);
    }

    fn wait(&mut self, seconds: u64, actual: &mut String) {
        self.now += Duration::from_secs(seconds);
        let mut output = Vec::new();
        let next = self.connection.tick(self.now, &mut output);
        write_output(&output, actual);
        if let Err(error) = next {
            writeln!(actual, "x {error:?}").unwrap();
        }
    }
}

fn shown(event: Event<'_>) -> String {
    match event {
        Event::Text(text) => format!("Text {text}"),
        Event::Binary(bytes) => format!("Binary {}", hex(&bytes)),
        Event::Ping(payload) => format!("Ping {}", hex(&payload)),
        Event::Pong(payload) => format!("Pong {}", hex(&payload)),
        Event::Closed { code: None, reason } => format!("Closed {reason}"),
        Event::Closed { code: Some(code), reason } => format!("Closed {code} {reason}"),
        other => format!("{other:?}"),
    }
    .trim_end()
    .to_owned()
}

fn write_output(output: &[u8], actual: &mut String) {
    if !output.is_empty() {
        writeln!(actual, "> {}", hex(output)).unwrap();
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut out, byte| {
        write!(out, "{byte:02x}").unwrap();
        out
    })
}

fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u32> = text.chars().filter_map(|it| it.to_digit(16)).collect();
    digits.chunks(2).map(|it| (it[0] * 16 + it[1]) as u8).collect()
}
