//! What we build: the web app, the server, the examples, the program that counts instructions.

use std::path::PathBuf;

use crate::stamp::Stamp;
use crate::{Result, install, process, workspace};

/// Builds `web/dist`, unless it was built from the same files before.
pub(crate) fn web_app() -> Result {
    let folder = workspace::existing("web")?;
    let stamp =
        Stamp::of("web", std::slice::from_ref(&folder), &["node_modules", "dist", "coverage"])?;
    // The binary embeds the client's files too.
    let parts = ["dist/index.html", "node_modules/socket.io-client/dist/socket.io.js"];
    if stamp.is_fresh() && parts.iter().all(|it| folder.join(it).is_file()) {
        return Ok(());
    }
    install::npm_packages("web")?;
    process::run(&mut install::npm("web", &["run", "build"]))?;
    workspace::existing("web/dist/index.html")?;
    stamp.keep()
}

/// Builds the release binary with the web app inside. Gives its path.
pub(crate) fn server() -> Result<PathBuf> {
    web_app()?;
    install::c_compiler()?;
    process::run(workspace::cargo().args([
        "build",
        "--release",
        "--package",
        "switchboard-server",
    ]))?;
    Ok(workspace::target_dir().join("release/switchboard"))
}

/// Builds the example servers. Gives the folder of their binaries.
pub(crate) fn examples() -> Result<PathBuf> {
    let manifest = workspace::existing("examples/Cargo.toml")?;
    let mut build = workspace::cargo();
    build.args(["build", "--workspace", "--all-targets", "--manifest-path"]).arg(manifest);
    process::run(&mut build)?;
    Ok(workspace::target_dir().join("debug"))
}

/// Builds what counts instructions, and has it find valgrind. Gives its path.
pub(crate) fn counts() -> Result<PathBuf> {
    install::c_compiler()?;
    install::valgrind()?;
    let manifest = workspace::existing("bench/Cargo.toml")?;
    let mut build = workspace::cargo();
    build.args(["build", "--release", "--package", "bench-counts", "--manifest-path"]);
    process::run(build.arg(manifest))?;
    Ok(workspace::target_dir().join("release/bench-counts"))
}
