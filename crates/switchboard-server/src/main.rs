//! The `switchboard` binary: the command line of [`switchboard_server`], and its allocator.

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    switchboard_server::cli::run()
}
