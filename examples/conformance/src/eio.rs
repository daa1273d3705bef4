//! Mode `eio`: what the official Engine.IO suite expects.

use switchboard::engine::{Server, Socket};

use crate::options::Options;

/// Echoes every message, text and binary.
pub(crate) fn server(options: &Options) -> Server {
    options.builder().build_engine(async |mut socket: Socket| {
        while let Some(message) = socket.recv().await {
            socket.send(message);
        }
    })
}
