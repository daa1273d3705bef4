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

use crate::cpu::{GENERATOR_CORE, SERVER_CORE};
use crate::others::Tongue;
use crate::system::{self, Installed};

/// What a server is asked to serve, by the first argument of its program.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Door {
    /// Socket.IO over WebSocket.
    SocketIo,
    /// The same with permessage-deflate: no context takeover, level 1, from 1 KiB on.
    SocketIoDeflated,
    /// Socket.IO with a handler for those who leave, that counts them, and an event that tells how many.
    SocketIoLeaving,
    /// Socket.IO with an event whose handler computes something.
    SocketIoWork,
    /// An echo over plain WebSocket, never compressed.
    Plain,
    /// The same with permessage-deflate: no context takeover, level 1, from 64 B on.
    PlainDeflated,
    /// The plain echo over TLS, with a certificate that the server makes itself.
    Tls,
    /// Socket.IO over TLS, with a certificate that the server makes itself.
    SocketIoTls,
}

impl Door {
    fn argument(self) -> Option<&'static str> {
        match self {
            Self::SocketIo => None,
            Self::SocketIoDeflated => Some("socket.io-deflate"),
            Self::SocketIoLeaving => Some("socket.io-leaving"),
            Self::SocketIoWork => Some("socket.io-work"),
            Self::Plain => Some("plain"),
            Self::PlainDeflated => Some("deflate"),
            Self::Tls => Some("tls"),
            Self::SocketIoTls => Some("socket.io-tls"),
        }
    }
}

/// One kind of server.
#[derive(PartialEq, Eq, Debug)]
pub(crate) struct Peer {
    /// Its name on the command line and in the report.
    pub(crate) name: &'static str,
    program: Program,
    /// The packages whose versions the report tells, as the lock file has them; none for what this commit contains.
    packages: &'static [&'static str],
    /// More arguments, for servers that are there in two variants.
    arguments: &'static [&'static str],
    /// Does it know permessage-deflate?
    pub(crate) can_deflate: bool,
    /// Does it know permessage-deflate under Socket.IO?
    pub(crate) can_deflate_events: bool,
}

/// How a server is built and started.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Program {
    /// A package of this workspace.
    Cargo(&'static str),
    /// `server.js` in this folder of `bench/`.
    Node(&'static str),
    /// `server.py` in this folder of `bench/`, with the packages of its `requirements.txt`.
    Python(&'static str),
    /// `start.sh` in this folder of `bench/`, which starts a program of the system on the port that it is given.
    System(&'static str, Installed),
}

/// Ours: the library `switchboard`.
pub(crate) static SWITCHBOARD: Peer =
    Peer { can_deflate_events: true, ..Peer::deflating("switchboard", "bench-switchboard", &[]) };
/// Ours on a runtime with several threads, of which so many are workers.
pub(crate) static ONE_WORKER: Peer =
    Peer { arguments: &["1"], ..Peer::cargo("one-worker", "bench-switchboard", &[]) };
pub(crate) static TWO_WORKERS: Peer =
    Peer { arguments: &["2"], ..Peer::cargo("two-workers", "bench-switchboard", &[]) };
/// Ours, built with the feature `io-uring`: only in the rows that name it.
pub(crate) static SWITCHBOARD_IO_URING: Peer =
    Peer::deflating("switchboard-io-uring", "bench-switchboard-io-uring", &[]);
/// npm `socket.io` on Node.
pub(crate) static SOCKET_IO_NODE: Peer = Peer {
    name: "socket.io",
    program: Program::Node("peers/node"),
    packages: &["socket.io", "ws"],
    arguments: &[],
    can_deflate: false,
    can_deflate_events: true,
};
pub(crate) static SOCKETIOXIDE: Peer =
    Peer::cargo("socketioxide", "bench-socketioxide", &["socketioxide", "axum", "tokio"]);
static TOKIO_TUNGSTENITE: Peer =
    Peer::cargo("tokio-tungstenite", "bench-tokio-tungstenite", &["tokio-tungstenite", "tokio"]);
static TOKIO_TUNGSTENITE_BATCHED: Peer = TOKIO_TUNGSTENITE.batched("tokio-tungstenite-batched");
static FASTWEBSOCKETS: Peer =
    Peer::cargo("fastwebsockets", "bench-fastwebsockets", &["fastwebsockets", "hyper"]);
static TOKIO_WEBSOCKETS: Peer =
    Peer::cargo("tokio-websockets", "bench-tokio-websockets", &["tokio-websockets"]);
static TOKIO_WEBSOCKETS_BATCHED: Peer = TOKIO_WEBSOCKETS.batched("tokio-websockets-batched");
static SOCKUDO_WS: Peer = Peer::deflating("sockudo-ws", "bench-sockudo-ws", &["sockudo-ws"]);
static SOCKUDO_WS_BATCHED: Peer = SOCKUDO_WS.batched("sockudo-ws-batched");
static YAWC: Peer = Peer::deflating("yawc", "bench-yawc", &["yawc"]);
static YAWC_BATCHED: Peer = YAWC.batched("yawc-batched");
/// npm `ws` on Node.
static WS: Peer = Peer {
    name: "ws",
    program: Program::Node("peers/ws"),
    packages: &["ws", "bufferutil"],
    arguments: &[],
    can_deflate: true,
    can_deflate_events: false,
};
/// Bare epoll, the same bytes without a protocol.
pub(crate) static BARE: Peer =
    Peer { can_deflate_events: true, ..Peer::deflating("bare", "bench-bare", &[]) };
/// hyper with our settings and no-ops behind it.
pub(crate) static BARE_HYPER: Peer = Peer::cargo("bare-hyper", "bench-bare-hyper", &["hyper"]);

/// PyPI `python-socketio` on uvicorn: only in the rows that name it.
pub(crate) static PYTHON_SOCKETIO: Peer = Peer {
    program: Program::Python("peers/python-socketio"),
    packages: &["python-socketio", "uvicorn", "uvloop"],
    ..Peer::cargo("python-socketio", "", &[])
};
static NATS: Peer = Peer {
    program: Program::System("peers/nats", system::NATS),
    ..Peer::cargo("nats-server", "", &["nats-server"])
};
static NCHAN: Peer = Peer {
    program: Program::System("peers/nchan", system::NCHAN),
    ..Peer::cargo("nchan", "", &["nginx"])
};

/// Those that broadcast in a protocol of their own, ours first.
pub(crate) static OTHERS: [&Peer; 3] = [&SWITCHBOARD, &NATS, &NCHAN];
/// Those of [`SOCKET_IO`], and one more.
pub(crate) static SOCKET_IO_ALL: [&Peer; 5] =
    [&SWITCHBOARD, &SOCKET_IO_NODE, &SOCKETIOXIDE, &PYTHON_SOCKETIO, &BARE];
/// Those that speak Socket.IO, in the order of the report; ours first, the floor last.
pub(crate) static SOCKET_IO: [&Peer; 4] = [&SWITCHBOARD, &SOCKET_IO_NODE, &SOCKETIOXIDE, &BARE];
/// Those that speak plain WebSocket.
pub(crate) static PLAIN: [&Peer; 12] = [
    &SWITCHBOARD,
    &TOKIO_TUNGSTENITE,
    &TOKIO_TUNGSTENITE_BATCHED,
    &FASTWEBSOCKETS,
    &TOKIO_WEBSOCKETS,
    &TOKIO_WEBSOCKETS_BATCHED,
    &SOCKUDO_WS,
    &SOCKUDO_WS_BATCHED,
    &YAWC,
    &YAWC_BATCHED,
    &WS,
    &BARE,
];

impl Peer {
    const fn cargo(
        name: &'static str,
        package: &'static str,
        packages: &'static [&'static str],
    ) -> Self {
        let program = Program::Cargo(package);
        let (can_deflate, can_deflate_events) = (false, false);
        Self { name, program, packages, arguments: &[], can_deflate, can_deflate_events }
    }

    /// One that knows permessage-deflate.
    const fn deflating(
        name: &'static str,
        package: &'static str,
        packages: &'static [&'static str],
    ) -> Self {
        Self { can_deflate: true, ..Self::cargo(name, package, packages) }
    }

    /// The same server in the variant that writes once for all messages that are there.
    const fn batched(&self, name: &'static str) -> Self {
        Self { name, arguments: &["batched"], ..*self }
    }

    /// The one of that name.
    pub(crate) fn named(name: &str) -> Option<&'static Self> {
        SOCKET_IO
            .into_iter()
            .chain(PLAIN)
            .chain([&BARE_HYPER, &ONE_WORKER, &TWO_WORKERS, &PYTHON_SOCKETIO])
            .chain([&SWITCHBOARD_IO_URING])
            .chain(OTHERS)
            .find(|peer| peer.name == name)
    }

    /// Is it a second variant of the server before it?
    pub(crate) fn is_variant(&self) -> bool {
        !self.arguments.is_empty()
    }

    /// Its version, as the lock files have it.
    pub(crate) fn version(&self) -> Result<String> {
        let Some((first, others)) = self.packages.split_first() else {
            return Ok("this commit".into());
        };
        let lock = std::fs::read_to_string(bench_folder().join("Cargo.lock"))?;
        let version = |package: &str| match self.program {
            Program::Cargo(_) => cargo_version(&lock, package),
            Program::Node(folder) => npm_version(&bench_folder().join(folder), package),
            Program::Python(folder) => system::python_version(folder, package),
            Program::System(_, installed) => installed.version(),
        };
        let mut text = version(first)?;
        for (number, package) in others.iter().enumerate() {
            let joint = if number == 0 { " with" } else { "," };
            text += &format!("{joint} {package} {}", version(package)?);
        }
        if let Program::Node(_) = self.program {
            let node = output(Command::new("node").arg("--version"))?;
            text += &format!(", Node {}", node.trim_start_matches('v'));
        }
        Ok(text)
    }

    /// Builds or installs what it needs; quick when nothing has changed.
    pub(crate) fn build(&self) -> Result<()> {
        match self.program {
            Program::Cargo(package) => cargo_build(package),
            Program::Node(folder) => npm_install(&bench_folder().join(folder)),
            Program::Python(folder) => system::python_install(folder),
            // By `xtask`, if at all: see `missing`.
            Program::System(..) => Ok(()),
        }
    }

    /// Why it cannot take part on this machine, if so.
    pub(crate) fn missing(&self) -> Option<String> {
        match self.program {
            Program::System(_, installed) => installed.missing(),
            Program::Python(_) => system::python_missing(),
            Program::Cargo(_) | Program::Node(_) => None,
        }
    }

    /// The protocol of its own, if it does not speak Socket.IO.
    pub(crate) fn tongue(&self) -> Option<Tongue> {
        match self.program {
            Program::System(_, installed) => Some(installed.tongue),
            _ => None,
        }
    }

    /// Where it may run, as `taskset` understands it.
    fn cores(&self) -> String {
        if self == &TWO_WORKERS {
            format!("{SERVER_CORE},{GENERATOR_CORE}")
        } else {
            SERVER_CORE.to_string()
        }
    }

    fn command(&self) -> Result<Command> {
        Ok(match self.program {
            Program::Cargo(package) => Command::new(target_folder().join("release").join(package)),
            Program::Node(folder) => {
                let mut command = Command::new("node");
                command.arg(bench_folder().join(folder).join("server.js"));
                command
            }
            Program::Python(folder) => {
                let mut command = Command::new(system::python());
                command.arg(bench_folder().join(folder).join("server.py"));
                command
            }
            Program::System(folder, _) => {
                let mut command = Command::new("sh");
                command.arg(bench_folder().join(folder).join("start.sh"));
                command.arg(system::free_port()?.to_string()).arg(system::folder_of(self.name)?);
                command
            }
        })
    }
}

/// A running server.
pub(crate) struct Server {
    peer: &'static Peer,
    child: Child,
    address: SocketAddr,
}

impl Server {
    /// Starts a fresh process of `peer` and waits until it listens.
    pub(crate) fn start(peer: &'static Peer, door: Door) -> Result<Self> {
        let program = peer.command()?;
        let child = Command::new("taskset")
            .args(["--cpu-list", &peer.cores(), "setpriv", "--pdeathsig", "KILL"])
            .arg(program.get_program())
            .args(program.get_args())
            .args(door.argument())
            .args(peer.arguments)
            .env("NODE_ENV", "production")
            .env_remove("RUST_LOG")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .process_group(0)
            .spawn()
            .with_context(|| format!("cannot start {}", peer.name))?;
        // From here on the handle ends the process, whatever happens.
        let mut server = Self { peer, child, address: SocketAddr::from(([127, 0, 0, 1], 0)) };
        let mut line = String::new();
        if let Some(stdout) = server.child.stdout.take() {
            BufReader::new(stdout).read_line(&mut line)?;
        }
        let address = line.trim().parse();
        server.address =
            address.with_context(|| format!("{} told no address but {line:?}", peer.name))?;
        if let Program::System(..) = peer.program {
            system::wait_until_it_listens(server.address)?;
        }
        Ok(server)
    }

    pub(crate) fn peer(&self) -> &'static Peer {
        self.peer
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

/// Where Cargo puts the servers: the folder that this program was built into.
pub(crate) fn target_folder() -> PathBuf {
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
fn npm_install(folder: &Path) -> Result<()> {
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

pub(crate) fn run(command: &mut Command) -> Result<()> {
    // What they have to say goes to stderr: stdout is for the results.
    let status = command.stdout(std::io::stderr()).status();
    let status = status.with_context(|| format!("cannot run {command:?}"))?;
    if !status.success() {
        bail!("{command:?} failed");
    }
    Ok(())
}

fn cargo_version(lock: &str, package: &str) -> Result<String> {
    let start = format!("name = \"{package}\"\nversion = \"");
    let entry = lock.split("\n[[package]]\n").find_map(|entry| entry.strip_prefix(&start));
    let version = entry.and_then(|entry| entry.split('"').next());
    Ok(version.with_context(|| format!("{package} is not locked"))?.to_owned())
}

fn npm_version(folder: &Path, package: &str) -> Result<String> {
    let manifest = folder.join("node_modules").join(package).join("package.json");
    let manifest =
        std::fs::read_to_string(&manifest).with_context(|| format!("cannot read {manifest:?}"))?;
    let version = manifest.lines().find_map(|line| line.trim().strip_prefix("\"version\": \""));
    let version = version.and_then(|version| version.split('"').next());
    Ok(version.context("a package without version")?.to_owned())
}
