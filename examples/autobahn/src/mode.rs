//! What the command line asks for.

use switchboard::ws::{Deflate, Options};

/// Which end to be, and how.
pub(crate) struct Mode {
    pub(crate) role: Role,
    /// Cases that the client runs at a time.
    pub(crate) parallel: usize,
    is_takeover: bool,
}

pub(crate) enum Role {
    Server { port: u16 },
    Client { address: String },
}

impl Mode {
    /// `server [--port N]` or `client HOST:PORT [--parallel N]`, either with `--takeover`.
    pub(crate) fn parse(mut args: impl Iterator<Item = String>) -> Result<Self, String> {
        let role = match args.next().as_deref() {
            Some("server") => Role::Server { port: 0 },
            Some("client") => Role::Client { address: args.next().ok_or(USAGE)? },
            _ => return Err(USAGE.into()),
        };
        let mut mode = Self { role, parallel: 1, is_takeover: false };
        while let Some(arg) = args.next() {
            let mut number = || args.next().and_then(|it| it.parse::<u16>().ok()).ok_or(USAGE);
            match (arg.as_str(), &mut mode.role) {
                ("--takeover", _) => mode.is_takeover = true,
                ("--port", Role::Server { port }) => *port = number()?,
                ("--parallel", Role::Client { .. }) => mode.parallel = number()?.into(),
                _ => return Err(USAGE.into()),
            }
        }
        Ok(mode)
    }

    /// The defaults, with compression, and with room for the cases 9: messages of 16 MiB, and 4 MiB
    /// in frames of 64 bytes.
    ///
    /// With takeover every message is compressed, however small, with what came before in mind.
    pub(crate) fn options(&self) -> Options {
        let deflate = if self.is_takeover {
            Deflate {
                server_no_context_takeover: false,
                client_no_context_takeover: false,
                threshold: 0,
                ..Deflate::default()
            }
        } else {
            Deflate::default()
        };
        Options::new().message_bytes_max(16 << 20).fragments_max(1 << 16).deflate(Some(deflate))
    }
}

const USAGE: &str =
    "usage: autobahn server [--port N] | client HOST:PORT [--parallel N], and [--takeover]";
