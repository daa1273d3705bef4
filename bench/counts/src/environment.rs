//! What changes instruction counts besides our code: the compiler, the C library, the processor's features, valgrind.

use std::process::Command;

use anyhow::{Context, Result, ensure};

/// Where counts were made.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Environment {
    /// `rustc --version`.
    pub(crate) rustc: String,
    /// `valgrind --version`, the C library, the processor's widest vectors.
    pub(crate) machine: String,
}

impl Environment {
    /// Of this machine.
    pub(crate) fn here() -> Result<Self> {
        let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
        let rustc = said(Command::new(rustc).arg("--version"))?;
        // Who packaged it makes no difference.
        let rustc = rustc.split_inclusive(')').next().unwrap_or_default().to_owned();
        let valgrind = said(Command::new("valgrind").arg("--version"))?;
        let libc = said(Command::new("getconf").arg("GNU_LIBC_VERSION"))?;
        let info = std::fs::read_to_string("/proc/cpuinfo")?;
        // Valgrind knows no AVX-512, so it makes no difference.
        let vectors =
            if info.split_whitespace().any(|it| it == "avx2") { "AVX2" } else { "no AVX2" };
        let machine = format!("{} {valgrind}, {libc}, {vectors}", std::env::consts::ARCH);
        Ok(Self { rustc, machine })
    }
}

fn said(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("cannot run {command:?}"))?;
    ensure!(output.status.success(), "{command:?} failed");
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
