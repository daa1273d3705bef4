//! A client over WebSocket, with Socket.IO in it or without: the handshake, then messages; heartbeats are answered.
//!
//! Specs: RFC 6455; Engine.IO protocol 4; Socket.IO protocol 5.

use anyhow::{Context, Result, bail};

use super::heads::Scene;
use super::herd::{Received, Taken, Talk};
use crate::client::check_upgrade;
use crate::wire::push_frame;

const TEXT: u8 = 0x81;
const DEFLATED_TEXT: u8 = 0xc1;
const PING: u8 = 0x89;
/// A masked pong without payload, mask key 0.
const PONG: [u8; 6] = [0x8a, 0x80, 0, 0, 0, 0];

/// How far the handshake is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Upgrading,
    /// Engine.IO's open packet is next.
    Opening,
    /// The answer to `40` is next.
    Joining,
    Ready,
}

pub(crate) struct WebSocket {
    stage: Stage,
}

impl Talk for WebSocket {
    fn begin(number: usize, scene: &Scene, output: &mut Vec<u8>) -> Self {
        output.extend_from_slice(&scene.upgrade(number));
        Self { stage: Stage::Upgrading }
    }

    fn take<'i>(
        &mut self,
        input: &mut &'i [u8],
        scene: &Scene,
        output: &mut Vec<u8>,
    ) -> Result<Taken<'i>> {
        if self.stage == Stage::Upgrading {
            let end = input.windows(4).position(|bytes| bytes == b"\r\n\r\n");
            let Some(end) = end else { return Ok(Taken::Nothing) };
            let (head, rest) = input.split_at_checked(end + 4).context("a head without end")?;
            check_upgrade(head)?;
            *input = rest;
            self.stage = if scene.is_socket_io { Stage::Opening } else { Stage::Ready };
            return Ok(Taken::Handled);
        }
        let Some((first, payload)) = next_frame(input)? else { return Ok(Taken::Nothing) };
        match (self.stage, first) {
            (_, PING) if payload.is_empty() => output.extend_from_slice(&PONG),
            (Stage::Opening, TEXT) if payload.starts_with(b"0{\"sid\":\"") => {
                push_frame(b"40", output);
                self.stage = Stage::Joining;
            }
            (Stage::Joining, TEXT) if payload.starts_with(b"40{\"sid\":\"") => {
                self.stage = Stage::Ready;
            }
            // socketioxide sends its first heartbeat at once, before the namespace is joined.
            (Stage::Joining | Stage::Ready, TEXT) if payload == b"2" && scene.is_socket_io => {
                push_frame(b"3", output);
            }
            (Stage::Ready, TEXT | DEFLATED_TEXT) => {
                let is_deflated = first == DEFLATED_TEXT;
                return Ok(Taken::Message(Received { payload, is_deflated }));
            }
            _ => bail!("unexpected frame {first:02x} {:?}", String::from_utf8_lossy(payload)),
        }
        Ok(Taken::Handled)
    }

    fn is_ready(&self) -> bool {
        self.stage == Stage::Ready
    }
}

/// First byte and payload of the next frame, if it is whole.
///
/// # Errors
/// It is masked.
pub(crate) fn next_frame<'i>(input: &mut &'i [u8]) -> Result<Option<(u8, &'i [u8])>> {
    let (first, header, length) = match **input {
        [first, 126, high, low, ..] => (first, 4, usize::from(u16::from_be_bytes([high, low]))),
        [first, 127, 0, 0, 0, 0, a, b, c, d, ..] => {
            (first, 10, u32::from_be_bytes([a, b, c, d]) as usize)
        }
        [first, length, ..] if length < 126 => (first, 2, usize::from(length)),
        [_, length, ..] if length > 127 => bail!("a masked frame from the server"),
        _ => return Ok(None),
    };
    let Some((frame, rest)) = input.split_at_checked(header + length) else { return Ok(None) };
    *input = rest;
    Ok(frame.get(header..).map(|payload| (first, payload)))
}
