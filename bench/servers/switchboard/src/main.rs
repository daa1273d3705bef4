//! Ours: the library with its default settings, serving by itself, on one thread.
//!
//! Serves the events of the benchmark on a free port and prints the address as its only line. The first argument changes
//! what is served: `socket.io-deflate`, `-tls`, `-leaving` and `-work` are Socket.IO with something more
//! ([`events`]); `plain`, `deflate` and `tls` are an echo over plain WebSocket instead ([`plain`]).

mod events;
mod plain;

use std::io::{Error, Result};

use tokio::runtime::{Builder, Runtime};

use crate::events::Extra;
use crate::plain::Layer;

#[cfg(feature = "mimalloc")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[cfg(all(feature = "jemalloc", not(feature = "mimalloc")))]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> Result<()> {
    match std::env::args().nth(1).as_deref() {
        None => one_thread()?.block_on(events::serve(Extra::Nothing)),
        Some("socket.io-deflate") => one_thread()?.block_on(events::serve(Extra::Deflate)),
        Some("socket.io-tls") => one_thread()?.block_on(events::serve(Extra::Tls)),
        Some("socket.io-leaving") => one_thread()?.block_on(events::serve(Extra::Leaving)),
        Some("socket.io-work") => several_threads()?.block_on(events::serve(Extra::Work)),
        Some("plain") => one_thread()?.block_on(plain::serve(Layer::Nothing)),
        Some("deflate") => one_thread()?.block_on(plain::serve(Layer::Deflate)),
        Some("tls") => one_thread()?.block_on(plain::serve(Layer::Tls(plain::tls()?))),
        Some(other) => Err(Error::other(format!("cannot serve {other:?}"))),
    }
}

fn one_thread() -> Result<Runtime> {
    Builder::new_current_thread().enable_all().build()
}

/// As many workers as the second argument says.
fn several_threads() -> Result<Runtime> {
    let workers = std::env::args().nth(2).and_then(|count| count.parse().ok());
    let workers = workers.ok_or_else(|| Error::other("how many workers?"))?;
    Builder::new_multi_thread().worker_threads(workers).enable_all().build()
}
