//! Servers that come from elsewhere than Cargo and npm: programs of the system, and Python in an environment of its own.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::others::Tongue;
use crate::peers::{bench_folder, output, run, target_folder};

/// What has to be on the system for a peer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Installed {
    /// Files that must be there.
    files: &'static [&'static str],
    /// The packages of Debian that bring them, and whose versions are told.
    packages: &'static [&'static str],
    pub(crate) tongue: Tongue,
}

pub(crate) const NATS: Installed = Installed {
    files: &["/usr/bin/nats-server", "/usr/sbin/nats-server"],
    packages: &["nats-server"],
    tongue: Tongue::Nats,
};
pub(crate) const NCHAN: Installed = Installed {
    files: &["/usr/lib/nginx/modules/ngx_nchan_module.so"],
    packages: &["nginx", "libnginx-mod-nchan"],
    tongue: Tongue::Nchan,
};

impl Installed {
    /// What is not there, and how to get it. One of the files is enough.
    pub(crate) fn missing(&self) -> Option<String> {
        if self.files.iter().any(|file| Path::new(file).exists()) {
            return None;
        }
        Some(format!("not installed (apt-get install {})", self.packages.join(" ")))
    }

    /// The versions of the packages.
    pub(crate) fn version(&self) -> Result<String> {
        let mut query = Command::new("dpkg-query");
        let versions =
            output(query.args(["-W", "-f", "${Package} ${Version}, "]).args(self.packages))?;
        Ok(format!("Debian's {}", versions.trim_end_matches([',', ' '])))
    }
}

/// The Python of the environment that [`python_install`] makes.
pub(crate) fn python() -> PathBuf {
    target_folder().join("bench-venv/bin/python")
}

/// Why there is no Python to make one with, if so.
pub(crate) fn python_missing() -> Option<String> {
    let mut probe = Command::new("python3");
    let found = probe.args(["-c", "import ensurepip, venv"]).output();
    let is_there = found.is_ok_and(|found| found.status.success());
    (!is_there).then(|| "no python3 with venv (apt-get install python3 python3-venv)".to_owned())
}

/// Makes the environment with the packages of `folder`'s requirements, unless it was made from the same.
pub(crate) fn python_install(folder: &str) -> Result<()> {
    let list = bench_folder().join(folder).join("requirements.txt");
    let stamp = target_folder().join("bench-venv/requirements.txt");
    let wanted = std::fs::read_to_string(&list).with_context(|| format!("cannot read {list:?}"))?;
    if std::fs::read_to_string(&stamp).is_ok_and(|had| had == wanted) {
        return Ok(());
    }
    let environment = target_folder().join("bench-venv");
    run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(environment))?;
    let mut pip = Command::new(python());
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"]).arg(list);
    run(&mut pip)?;
    Ok(std::fs::write(stamp, wanted)?)
}

/// The version of a package that `folder`'s requirements pin.
pub(crate) fn python_version(folder: &str, package: &str) -> Result<String> {
    let list = std::fs::read_to_string(bench_folder().join(folder).join("requirements.txt"))?;
    let mut pins = list.lines().filter_map(|line| line.split_once("=="));
    let pin = pins.find(|(name, _)| *name == package);
    Ok(pin.with_context(|| format!("{package} is not pinned"))?.1.to_owned())
}

/// A port that nobody listens on. Somebody else could take it before the server does; then the run fails.
pub(crate) fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// Waits until the server can be connected to.
pub(crate) fn wait_until_it_listens(address: SocketAddr) -> Result<()> {
    let deadline = Instant::now() + Duration::from_secs(10);
    while let Err(error) = TcpStream::connect(address) {
        if deadline < Instant::now() {
            bail!("nobody listens on {address}: {error}");
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}
