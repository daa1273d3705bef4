//! A client over long-polling on one HTTP/1.1 connection: the handshake, then one poll that stays pending.
//!
//! The POSTs go over the same connection before the next poll, as nothing else can while a poll is pending.
//!
//! Specs: RFC 9112; Engine.IO protocol 4; Socket.IO protocol 5.

use anyhow::{Context, Result, bail, ensure};

use super::heads::Scene;
use super::herd::{Taken, Talk};

/// What the next answer belongs to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// The first GET.
    Opening,
    /// The POST of `40`.
    Connecting,
    /// The GET that brings the answer to it.
    Joining,
    /// A GET that waits for whatever comes.
    Waiting,
    /// The POST that answers a heartbeat.
    Answering,
}

pub(crate) struct Polling {
    number: usize,
    stage: Stage,
    is_joined: bool,
    sid: Box<str>,
}

impl Talk for Polling {
    fn begin(number: usize, scene: &Scene, output: &mut Vec<u8>) -> Self {
        scene.poll(number, "", None, output);
        Self { number, stage: Stage::Opening, is_joined: false, sid: "".into() }
    }

    fn take<'i>(
        &mut self,
        input: &mut &'i [u8],
        scene: &Scene,
        output: &mut Vec<u8>,
    ) -> Result<Taken<'i>> {
        let Some(body) = next_answer(input)? else { return Ok(Taken::Nothing) };
        match self.stage {
            Stage::Opening => {
                self.sid = session_id(body)?.into();
                self.stage = Stage::Connecting;
                scene.poll(self.number, &self.sid, Some("40"), output);
                return Ok(Taken::Handled);
            }
            Stage::Connecting | Stage::Answering => {
                ensure!(body == "ok", "a POST was answered {body:?}");
                self.stage = if self.is_joined { Stage::Waiting } else { Stage::Joining };
            }
            Stage::Joining | Stage::Waiting => self.heed(body, output, scene)?,
        }
        if matches!(self.stage, Stage::Joining | Stage::Waiting) {
            scene.poll(self.number, &self.sid, None, output);
        }
        Ok(Taken::Handled)
    }

    fn is_ready(&self) -> bool {
        self.is_joined
    }
}

impl Polling {
    fn heed(&mut self, body: &str, output: &mut Vec<u8>, scene: &Scene) -> Result<()> {
        for packet in body.split('\x1e') {
            if packet == "2" {
                scene.poll(self.number, &self.sid, Some("3"), output);
                self.stage = Stage::Answering;
            } else if !self.is_joined && packet.starts_with("40{\"sid\":\"") {
                self.is_joined = true;
            } else {
                bail!("an idle client got {packet:?}");
            }
        }
        if self.is_joined && self.stage == Stage::Joining {
            self.stage = Stage::Waiting;
        }
        Ok(())
    }
}

/// The session's id in Engine.IO's open packet.
pub(crate) fn session_id(body: &str) -> Result<&str> {
    let id = body.strip_prefix("0{\"sid\":\"").and_then(|rest| rest.split('"').next());
    id.with_context(|| format!("no open packet: {body:?}"))
}

/// The body of the next answer, once it is whole.
///
/// # Errors
/// It is no 200, or does not tell its length.
fn next_answer<'i>(input: &mut &'i [u8]) -> Result<Option<&'i str>> {
    let Some(end) = input.windows(4).position(|bytes| bytes == b"\r\n\r\n") else {
        return Ok(None);
    };
    let (head, rest) = input.split_at_checked(end + 4).context("a head without end")?;
    let head = std::str::from_utf8(head)?;
    ensure!(head.starts_with("HTTP/1.1 200 "), "refused: {head}");
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>())
    });
    let length = length.with_context(|| format!("an answer without length: {head}"))??;
    let Some((body, rest)) = rest.split_at_checked(length) else { return Ok(None) };
    *input = rest;
    Ok(Some(std::str::from_utf8(body)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answer_ends_where_its_length_says() {
        let bytes = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nokHTTP/1.1";
        let mut input = &bytes[..];
        assert_eq!(next_answer(&mut input).unwrap(), Some("ok"));
        assert_eq!(input, b"HTTP/1.1");
        assert_eq!(next_answer(&mut &bytes[..bytes.len() - 9]).unwrap(), None);
        assert!(next_answer(&mut &b"HTTP/1.1 400 Bad\r\nContent-Length: 0\r\n\r\n"[..]).is_err());
        assert!(next_answer(&mut &b"HTTP/1.1 200 OK\r\n\r\n"[..]).is_err());
    }

    #[test]
    fn session_id_is_what_the_open_packet_begins_with() {
        assert_eq!(session_id("0{\"sid\":\"abc\",\"upgrades\":[]}").unwrap(), "abc");
        assert!(session_id("40{\"sid\":\"abc\"}").is_err());
    }
}
