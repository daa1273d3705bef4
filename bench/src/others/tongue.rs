//! The protocols: from the bytes of WebSocket frames to messages, and back.

use anyhow::{Context, Result, bail, ensure};

/// A protocol over WebSocket.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Tongue {
    /// NATS: lines, and payloads of a length that is told. Frames are a byte stream, their borders mean nothing.
    Nats,
    /// nchan: a text frame is a message.
    Nchan,
}

/// What a subscriber hears.
#[derive(PartialEq, Eq, Debug)]
pub(crate) enum Heard<'t> {
    Message(&'t [u8]),
    /// Its subscription stands.
    Subscribed,
    /// This has to be answered.
    Asked(&'static [u8]),
    Nothing,
}

impl Tongue {
    /// Where subscribers connect to.
    pub(crate) fn subscribe_path(self) -> &'static str {
        if self == Self::Nchan { "/sub" } else { "/" }
    }

    /// Where the publisher connects to, if it cannot be one of the subscribers.
    pub(crate) fn publish_path(self) -> Option<&'static str> {
        (self == Self::Nchan).then_some("/pub")
    }

    /// Is a subscription there as soon as the WebSocket is?
    pub(crate) fn subscribes_by_path(self) -> bool {
        self == Self::Nchan
    }

    /// The first byte of frames to the server.
    fn opcode(self) -> u8 {
        if self == Self::Nchan { 0x81 } else { 0x82 }
    }

    /// Appends the frame that publishes `text`.
    pub(crate) fn push_publish(self, text: &[u8], output: &mut Vec<u8>) {
        match self {
            Self::Nchan => self.push_frame(text, output),
            Self::Nats => {
                let head = format!("PUB everybody {}\r\n", text.len());
                self.push_frame(&[head.as_bytes(), text, b"\r\n"].concat(), output);
            }
        }
    }

    /// A masked frame with mask key 0; of less than 64 KiB, as all are here.
    pub(crate) fn push_frame(self, payload: &[u8], output: &mut Vec<u8>) {
        output.push(self.opcode());
        match u8::try_from(payload.len()) {
            Ok(length) if length < 126 => output.push(0x80 | length),
            _ => {
                output.push(0xfe);
                let length = u16::try_from(payload.len()).unwrap_or(u16::MAX);
                output.extend_from_slice(&length.to_be_bytes());
            }
        }
        output.extend_from_slice(&[0; 4]);
        output.extend_from_slice(payload);
    }

    /// Takes what is whole from the front of `stream`: for NATS a line with its payload.
    ///
    /// # Errors
    /// The server said what it must not say.
    pub(crate) fn next_nats<'s>(stream: &mut &'s [u8]) -> Result<Option<Heard<'s>>> {
        let Some(end) = stream.windows(2).position(|it| it == b"\r\n") else { return Ok(None) };
        let (line, rest) = stream.split_at_checked(end + 2).context("a line")?;
        let heard = match line {
            [b'I', b'N', b'F', b'O', b' ', ..] => Heard::Asked(HELLO),
            b"PONG\r\n" => Heard::Subscribed,
            b"PING\r\n" => Heard::Asked(b"PONG\r\n"),
            b"+OK\r\n" => Heard::Nothing,
            _ => {
                let line = std::str::from_utf8(line)?;
                let length = line.strip_prefix("MSG everybody 1 ").map(str::trim_end);
                let Some(length) = length.and_then(|it| it.parse::<usize>().ok()) else {
                    bail!("nats-server said {line:?}");
                };
                let Some((payload, rest)) = rest.split_at_checked(length + 2) else {
                    return Ok(None);
                };
                ensure!(payload.ends_with(b"\r\n"), "a payload without end");
                *stream = rest;
                return Ok(payload.get(..length).map(Heard::Message));
            }
        };
        *stream = rest;
        Ok(Some(heard))
    }
}

/// The answer to `INFO`: its `PONG` comes when the subscription stands.
const HELLO: &[u8] =
    b"CONNECT {\"verbose\":false,\"pedantic\":false}\r\nSUB everybody 1\r\nPING\r\n";

/// The next frame of a server: the first byte of its header, and its payload. `None` if it is not whole yet.
///
/// # Errors
/// It is masked or longer than anything that has been published.
pub(super) fn next_frame<'i>(input: &mut &'i [u8]) -> Result<Option<(u8, &'i [u8])>> {
    let (first, header, length) = match **input {
        [first, 126, high, low, ..] => (first, 4, usize::from(u16::from_be_bytes([high, low]))),
        [_, second, ..] if 127 <= second => bail!("a frame that is masked or too long"),
        [first, length, ..] if length < 126 => (first, 2, usize::from(length)),
        _ => return Ok(None),
    };
    let Some((frame, rest)) = input.split_at_checked(header + length) else { return Ok(None) };
    *input = rest;
    Ok(frame.get(header..).map(|payload| (first, payload)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_payloads_of_nats_are_found_at_any_split() {
        let bytes = b"PING\r\nMSG everybody 1 4\r\na\r\nb\r\nPONG\r\n";
        for cut in 0..=bytes.len() {
            let (mut heard, mut input) = (Vec::new(), &bytes[..cut]);
            while let Some(it) = Tongue::next_nats(&mut input).unwrap() {
                heard.push(format!("{it:?}"));
            }
            let rest = [input, &bytes[cut..]].concat();
            let mut input = &rest[..];
            while let Some(it) = Tongue::next_nats(&mut input).unwrap() {
                heard.push(format!("{it:?}"));
            }
            let expected =
                [Heard::Asked(b"PONG\r\n"), Heard::Message(b"a\r\nb"), Heard::Subscribed];
            assert_eq!(heard, expected.map(|it| format!("{it:?}")));
        }
    }

    #[test]
    fn an_error_of_nats_ends_the_run() {
        assert!(Tongue::next_nats(&mut &b"-ERR 'Slow Consumer'\r\n"[..]).is_err());
    }
}
