//! The lock files: where others' code comes from, and no version with a known hole.

use std::fs;

use crate::{Result, workspace};

/// Checks the lock file of every workspace.
///
/// # Errors
///
/// A lock file is missing or cannot be read.
pub(crate) fn check(problems: &mut Vec<String>) -> Result {
    for manifest in workspace::manifests() {
        let path = manifest.with_extension("lock");
        let name = path.strip_prefix(workspace::root()).unwrap_or(&path).display().to_string();
        let text = fs::read_to_string(&path).map_err(|error| format!("{name}: {error}"))?;
        let packages = packages(&text);
        if packages.is_empty() {
            return Err(format!("{name}: no packages in it").into());
        }
        for package in packages {
            check_package(&name, &package, problems);
        }
    }
    check_npm(problems)
}

#[derive(Default)]
struct Locked<'a> {
    name: &'a str,
    version: &'a str,
    /// None for our own.
    source: Option<&'a str>,
}

fn check_package(lock: &str, package: &Locked<'_>, problems: &mut Vec<String>) {
    let Locked { name, version, source } = package;
    if source.is_some_and(|it| it != CRATES_IO) {
        let source = source.unwrap_or_default();
        problems.push(format!("{lock}: {name} comes from {source}, not from crates.io"));
    }
    if let Some((_, floor, why)) = FLOORS.iter().find(|(it, ..)| it == name)
        && numbers(version) < numbers(floor)
    {
        problems.push(format!("{lock}: {name} {version} is below {floor} ({why})"));
    }
    if let Some((_, why)) = BANNED.iter().find(|(it, _)| it == name) {
        problems.push(format!("{lock}: {name} must not be used ({why})"));
    }
}

/// Without its lock file an npm folder would get other code on each machine.
fn check_npm(problems: &mut Vec<String>) -> Result {
    for folder in ["bench", "e2e", "web"].map(|it| workspace::root().join(it)) {
        let is_npm = folder.join("package.json").is_file();
        if is_npm && !folder.join("package-lock.json").is_file() {
            let name = folder.file_name().unwrap_or_default().display();
            problems.push(format!("{name}/package-lock.json is missing"));
        }
    }
    Ok(())
}

fn packages(lock: &str) -> Vec<Locked<'_>> {
    let blocks = lock.split("[[package]]").skip(1);
    let package = |block| {
        let mut package = Locked::default();
        for line in str::lines(block) {
            let Some((key, value)) = line.split_once(" = ") else { continue };
            let value = value.trim_matches('"');
            match key {
                "name" => package.name = value,
                "version" => package.version = value,
                "source" => package.source = Some(value),
                _ => (),
            }
        }
        package
    };
    blocks.map(package).collect()
}

/// `1.2.3-rc.1+x` as 1, 2, 3: a pre-release of a floor counts as that floor.
fn numbers(version: &str) -> Vec<u64> {
    let plain = version.split(['-', '+']).next().unwrap_or_default();
    plain.split('.').filter_map(|it| it.parse().ok()).collect()
}

const CRATES_IO: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// The first version without a known hole, and which one that was.
const FLOORS: &[(&str, &str, &str)] = &[
    ("bytes", "1.11.1", "RUSTSEC-2026-0007"),
    ("crossbeam-channel", "0.5.15", "RUSTSEC-2025-0024"),
    ("h2", "0.4.18", "RUSTSEC-2026-0258 and later"),
    ("jsonwebtoken", "10.3.0", "CVE-2026-25537"),
    ("lru", "0.18.2", "RUSTSEC-2026-0253"),
    ("quinn-proto", "0.11.15", "RUSTSEC-2026-0185"),
    ("rustls", "0.23.18", "RUSTSEC-2024-0399"),
    ("rustls-webpki", "0.103.13", "RUSTSEC-2026-0104"),
    ("slab", "0.4.11", "RUSTSEC-2025-0047"),
    ("sqlx", "0.8.1", "RUSTSEC-2024-0363"),
    ("time", "0.3.47", "RUSTSEC-2026-0009"),
    ("tokio", "1.44.2", "RUSTSEC-2025-0023"),
    ("tracing-subscriber", "0.3.20", "RUSTSEC-2025-0055"),
    ("zlib-rs", "0.4.0", "RUSTSEC-2024-0401"),
];

const BANNED: &[(&str, &str)] = &[("rsa", "RUSTSEC-2023-0071, no fixed version")];

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(lock: &str, expected: &[&str]) {
        let mut problems = Vec::new();
        packages(lock).iter().for_each(|it| check_package("Cargo.lock", it, &mut problems));
        assert_eq!(problems, expected);
    }

    #[test]
    fn our_own_and_new_enough_packages_pass() {
        check(
            "version = 4\n\n[[package]]\nname = \"switchboard\"\nversion = \"0.1.0\"\n\n[[package]]\n\
             name = \"bytes\"\nversion = \"1.12.1\"\nsource = \"registry+https://github.com/rust-lang/crates.io-index\"\n",
            &[],
        );
    }

    #[test]
    fn old_versions_are_compared_as_numbers() {
        let lock = "[[package]]\nname = \"slab\"\nversion = \"0.4.9\"\n";
        check(lock, &["Cargo.lock: slab 0.4.9 is below 0.4.11 (RUSTSEC-2025-0047)"]);
    }

    #[test]
    fn other_sources_are_found() {
        let lock = "[[package]]\nname = \"a\"\nversion = \"1.0.0\"\nsource = \"git+https://example.org/a\"\n";
        let problem = "Cargo.lock: a comes from git+https://example.org/a, not from crates.io";
        check(lock, &[problem]);
    }
}
