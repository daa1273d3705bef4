//! One plain WebSocket client: the handshake, then prepared frames and the check of their answers.

use std::io::ErrorKind;
use std::os::fd::BorrowedFd;

use anyhow::{Context, Result, bail, ensure};

use super::answers::Answers;
use super::messages::{Cursor, Messages, close_frame};
use super::transport::Transport;
use crate::client::check_upgrade;

const OFFER: &[u8] = b"permessage-deflate";

/// How far a client is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// The upgrade request is sent.
    Upgrading,
    Ready,
    /// The close frame is sent.
    Closing,
    /// The server's close frame came.
    Closed,
}

/// What one turn of reading brought.
#[derive(Default)]
pub(super) struct Arrived {
    pub(super) messages: usize,
    pub(super) bytes: usize,
}

pub(super) struct Client<T> {
    transport: T,
    pub(super) stage: Stage,
    /// A response head that has come in part.
    head: Vec<u8>,
    /// Does the request offer compression, so that the response has to agree?
    offers_deflate: bool,
    next: Cursor,
    /// Messages that are still to be sent, counting one that is sent in part.
    owed: usize,
    answers: Option<Answers>,
    /// The socket took less than there was.
    pub(super) is_blocked: bool,
}

impl<T: Transport> Client<T> {
    /// Sends the upgrade request, if the transport needs one.
    pub(super) fn new(mut transport: T, request: &[u8]) -> Result<Self> {
        let stage = if T::UPGRADES { Stage::Upgrading } else { Stage::Ready };
        if T::UPGRADES {
            transport.write_all(request)?;
        }
        Ok(Self {
            transport,
            stage,
            head: Vec::new(),
            offers_deflate: request.windows(OFFER.len()).any(|bytes| bytes == OFFER),
            next: Cursor::default(),
            owed: 0,
            answers: None,
            is_blocked: false,
        })
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.transport.as_fd()
    }

    /// Begins anew with these messages.
    pub(super) fn prepare(&mut self, messages: &Messages) {
        self.next = Cursor::default();
        self.answers = Some(Answers::new(messages));
    }

    /// Sends so many more messages, as far as the socket takes them.
    pub(super) fn send(&mut self, count: usize, messages: &Messages) -> Result<()> {
        self.owed += count;
        self.is_blocked = false;
        while self.owed > 0 {
            let bytes = messages.requests.ahead(self.next, self.owed);
            match self.transport.write(bytes) {
                Ok(count) => self.owed -= messages.requests.advance(&mut self.next, count),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.is_blocked = true;
                    return Ok(());
                }
                Err(error) => return Err(error).context("a connection broke"),
            }
        }
        // What a transport keeps inside has to leave as well.
        if T::HOLDS_BYTES {
            match self.transport.flush() {
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.is_blocked = true,
                other => other.context("a connection broke")?,
            }
        }
        Ok(())
    }

    /// Asks for the end.
    pub(super) fn close(&mut self) -> Result<()> {
        self.stage = Stage::Closing;
        self.transport.write_all(&close_frame()).context("the server does not read")
    }

    /// Reads once, or until nothing is left where bytes can wait inside.
    pub(super) fn receive(
        &mut self,
        scratch: &mut [u8],
        messages: Option<&Messages>,
    ) -> Result<Arrived> {
        let mut all = Arrived::default();
        loop {
            let skippable = match (&self.answers, messages) {
                (Some(answers), Some(messages)) => answers.skippable(messages),
                _ => 0,
            };
            let result = if skippable > 0 {
                self.transport.skip(skippable, scratch)
            } else {
                self.transport.read(scratch)
            };
            let count = match result {
                Ok(0) => bail!("the server closed a connection"),
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(all),
                Err(error) => return Err(error).context("a connection broke"),
            };
            all.bytes += count;
            all.messages += match (&mut self.answers, messages) {
                (Some(answers), Some(messages)) if skippable > 0 => answers.skip(count, messages),
                (Some(answers), Some(messages)) => {
                    answers.take(scratch.get(..count).unwrap_or_default(), messages)?
                }
                _ => {
                    self.take_other(scratch.get(..count).unwrap_or_default())?;
                    0
                }
            };
            if !T::HOLDS_BYTES {
                return Ok(all);
            }
        }
    }

    /// Takes what comes before and after the echoes.
    fn take_other(&mut self, arrived: &[u8]) -> Result<()> {
        match self.stage {
            Stage::Upgrading => {
                self.head.extend_from_slice(arrived);
                if let Some(end) = self.head.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                    check_upgrade(&self.head)?;
                    let agrees = self.head.windows(OFFER.len()).any(|bytes| bytes == OFFER);
                    ensure!(agrees == self.offers_deflate, "compression agreed on: {agrees}");
                    ensure!(self.head.len() == end + 4, "a frame that nobody asked for");
                    self.head = Vec::new();
                    self.stage = Stage::Ready;
                }
            }
            // An idle client may be pinged; no measurement lasts so long that it has to answer.
            Stage::Ready => ensure!(arrived.starts_with(b"\x89"), "unexpected {arrived:02x?}"),
            Stage::Closing => {
                ensure!(arrived.starts_with(b"\x88"), "unexpected {arrived:02x?} at the end");
                self.stage = Stage::Closed;
            }
            Stage::Closed => {}
        }
        Ok(())
    }
}
