//! `cargo xtask run`: build everything, then become the server.

use std::os::unix::process::CommandExt;
use std::process::Command;

use crate::{Result, process, products, workspace};

/// Serves with the binary's defaults: <http://127.0.0.1:3000>, data in `./data`.
///
/// The server takes our place, so it gets the terminal's signals and its exit code is ours.
///
/// # Errors
///
/// Something could not be installed, built or started.
pub(crate) fn run(args: &[&str]) -> Result {
    let binary = products::server()?;
    let mut server = Command::new(binary);
    server.arg("serve").args(args).current_dir(workspace::root());
    println!("$ {}", process::echo(&server));
    Err(format!("could not start the server: {}", server.exec()).into())
}
