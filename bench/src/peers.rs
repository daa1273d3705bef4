//! The servers that are measured: how each is built, started and ended.
//!
//! Every run of every row gets a fresh process, pinned to the server's core. It ends with its handle, and the kernel
//! ends it (`setpriv --pdeathsig`) should the generator die without a chance to tidy up.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use crate::cpu::SERVER_CORE;

/// One kind of server.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Peer {
    /// Ours: the library `switchboard` with default settings.
    Switchboard,
    /// npm `socket.io` on Node.
    SocketIo,
    /// crates.io `socketioxide` on axum.
    Socketioxide,
    /// Bare epoll, the same bytes without a protocol.
    Bare,
}

impl Peer {
    /// In the order of the report; ours first, the floor last.
    pub(crate) const ALL: [Self; 4] =
        [Self::Switchboard, Self::SocketIo, Self::Socketioxide, Self::Bare];

    /// Its name on the command line and in the report.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Switchboard => "switchboard",
            Self::SocketIo => "socket.io",
            Self::Socketioxide => "socketioxide",
            Self::Bare => "bare",
        }
    }

    /// Its version, as the lock files have it.
    pub(crate) fn version(self) -> Result<String> {
        match self {
            Self::Switchboard | Self::Bare => Ok("this commit".into()),
            Self::SocketIo => {
                let node = output(Command::new("node").arg("--version"))?;
                let locked = |name: &str| npm_version(&node_folder(), name);
                Ok(format!(
                    "{} with ws {}, Node {}",
                    locked("socket.io")?,
                    locked("ws")?,
                    node.trim_start_matches('v')
                ))
            }
            Self::Socketioxide => {
                let lock = std::fs::read_to_string(bench_folder().join("Cargo.lock"))?;
                let locked = |name: &str| {
                    let entry = lock.split("\n[[package]]\n").find_map(|package| {
                        package.strip_prefix(&format!("name = \"{name}\"\nversion = \""))
                    });
                    let version = entry.and_then(|entry| entry.split('"').next());
                    version.with_context(|| format!("{name} is not locked"))
                };
                Ok(format!(
                    "{} with axum {}, tokio {}",
                    locked("socketioxide")?,
                    locked("axum")?,
                    locked("tokio")?
                ))
            }
        }
    }

    /// Builds or installs what it needs; quick when nothing has changed.
    pub(crate) fn build(self) -> Result<()> {
        match self {
            Self::Switchboard => cargo_build("bench-switchboard"),
            Self::Socketioxide => cargo_build("bench-socketioxide"),
            Self::Bare => cargo_build("bench-bare"),
            Self::SocketIo => npm_install(),
        }
    }

    fn program(self) -> Command {
        let release = |name: &str| Command::new(target_folder().join("release").join(name));
        match self {
            Self::Switchboard => release("bench-switchboard"),
            Self::Socketioxide => release("bench-socketioxide"),
            Self::Bare => release("bench-bare"),
            Self::SocketIo => {
                let mut command = Command::new("node");
                command.arg(node_folder().join("server.js"));
                command
            }
        }
    }
}

/// A running server.
pub(crate) struct Server {
    child: Child,
    address: SocketAddr,
}

impl Server {
    /// Starts a fresh process of `peer` and waits until it listens.
    pub(crate) fn start(peer: Peer) -> Result<Self> {
        let program = peer.program();
        let child = Command::new("taskset")
            .args(["--cpu-list", &SERVER_CORE.to_string(), "setpriv", "--pdeathsig", "KILL"])
            .arg(program.get_program())
            .args(program.get_args())
            .env("NODE_ENV", "production")
            .env_remove("RUST_LOG")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .process_group(0)
            .spawn()
            .with_context(|| format!("cannot start {}", peer.name()))?;
        // From here on the handle ends the process, whatever happens.
        let mut server = Self { child, address: SocketAddr::from(([127, 0, 0, 1], 0)) };
        let mut line = String::new();
        if let Some(stdout) = server.child.stdout.take() {
            BufReader::new(stdout).read_line(&mut line)?;
        }
        let address = line.trim().parse();
        server.address =
            address.with_context(|| format!("{} told no address but {line:?}", peer.name()))?;
        Ok(server)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id().cast_signed())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = killpg(self.pid(), Signal::SIGKILL);
        let _ = self.child.wait();
    }
}

/// The folder `bench/` of the repository.
pub(crate) fn bench_folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The repository's root.
pub(crate) fn root_folder() -> PathBuf {
    bench_folder().parent().map_or_else(PathBuf::new, Path::to_path_buf)
}

/// What a command prints, without the white space around it.
///
/// # Errors
/// It cannot be started or fails.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("cannot run {command:?}"))?;
    ensure!(
        output.status.success(),
        "{command:?} failed: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn node_folder() -> PathBuf {
    bench_folder().join("peers/node")
}

/// Where Cargo puts the servers: the folder that this program was built into.
fn target_folder() -> PathBuf {
    let program = std::env::current_exe().unwrap_or_default();
    program
        .parent()
        .and_then(Path::parent)
        .map_or_else(|| root_folder().join("target"), Path::to_path_buf)
}

fn cargo_build(package: &str) -> Result<()> {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(["build", "--quiet", "--release", "--package", package, "--manifest-path"]);
    command.arg(bench_folder().join("Cargo.toml")).arg("--target-dir").arg(target_folder());
    run(command.current_dir(root_folder()))
}

/// `npm ci`, unless what is installed is what the lock file says.
fn npm_install() -> Result<()> {
    let folder = node_folder();
    let changed =
        |file: &str| std::fs::metadata(folder.join(file)).and_then(|file| file.modified());
    if let (Ok(installed), Ok(locked)) =
        (changed("node_modules/.package-lock.json"), changed("package-lock.json"))
        && installed >= locked
    {
        return Ok(());
    }
    run(Command::new("npm")
        .args(["ci", "--no-audit", "--no-fund", "--loglevel=error"])
        .current_dir(folder))
}

fn run(command: &mut Command) -> Result<()> {
    // What they have to say goes to stderr: stdout is for the results.
    let status = command.stdout(std::io::stderr()).status();
    let status = status.with_context(|| format!("cannot run {command:?}"))?;
    if !status.success() {
        bail!("{command:?} failed");
    }
    Ok(())
}

fn npm_version(folder: &Path, package: &str) -> Result<String> {
    let manifest = folder.join("node_modules").join(package).join("package.json");
    let manifest =
        std::fs::read_to_string(&manifest).with_context(|| format!("cannot read {manifest:?}"))?;
    let version = manifest.lines().find_map(|line| line.trim().strip_prefix("\"version\": \""));
    let version = version.and_then(|version| version.split('"').next());
    Ok(version.context("a package without version")?.to_owned())
}
