//! The dependency graph of a workspace, as `cargo metadata` prints it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::Value;

use crate::{Result, process, workspace};

/// All packages that a build of the workspace on this platform may use.
pub(crate) struct Graph {
    packages: BTreeMap<String, Package>,
}

/// One package of the graph.
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) licence: Option<String>,
    /// In this repository, not from elsewhere.
    pub(crate) is_ours: bool,
    dependencies: Vec<Dependency>,
}

struct Dependency {
    id: String,
    is_for_tests_only: bool,
}

impl Graph {
    /// Asks Cargo, with the lock file as it is.
    ///
    /// # Errors
    ///
    /// The lock file does not fit the manifests, or a package cannot be had.
    pub(crate) fn of(manifest: &Path) -> Result<Self> {
        let mut command = workspace::cargo();
        command.args(["metadata", "--format-version=1", "--locked", "--manifest-path"]);
        command.arg(manifest).args(["--filter-platform", "x86_64-unknown-linux-gnu"]);
        Self::parse(&process::read(&mut command)?)
    }

    fn parse(json: &str) -> Result<Self> {
        let metadata: Value = serde_json::from_str(json)?;
        let mut dependencies: BTreeMap<&str, Vec<Dependency>> = list(&metadata, "/resolve/nodes")
            .map(|node| (text(node, "/id"), list(node, "/deps").map(dependency).collect()))
            .collect();
        let packages = list(&metadata, "/packages").filter_map(|it| {
            let id = text(it, "/id");
            let package = Package {
                name: text(it, "/name").to_owned(),
                version: text(it, "/version").to_owned(),
                licence: it.get("license").and_then(Value::as_str).map(str::to_owned),
                is_ours: it.get("source").is_some_and(Value::is_null),
                // Packages for other platforms are listed, but are not in the resolved graph.
                dependencies: dependencies.remove(id)?,
            };
            Some((id.to_owned(), package))
        });
        Ok(Self { packages: packages.collect() })
    }

    /// Every package, ours and others'.
    pub(crate) fn packages(&self) -> impl Iterator<Item = &Package> {
        self.packages.values()
    }

    /// What a package names in its manifest, for tests included.
    pub(crate) fn direct<'a>(&'a self, package: &'a Package) -> impl Iterator<Item = &'a Package> {
        package.dependencies.iter().filter_map(|it| self.packages.get(&it.id))
    }

    /// Everything that a package needs when it is not being tested, however far down.
    pub(crate) fn shipped_with(&self, package: &Package) -> BTreeSet<&str> {
        let mut seen = BTreeSet::new();
        let mut names = BTreeSet::new();
        let mut waiting: Vec<&Package> = vec![package];
        while let Some(package) = waiting.pop() {
            for dependency in package.dependencies.iter().filter(|it| !it.is_for_tests_only) {
                let Some(next) = self.packages.get(&dependency.id) else { continue };
                if seen.insert(dependency.id.as_str()) {
                    names.insert(next.name.as_str());
                    waiting.push(next);
                }
            }
        }
        names
    }
}

fn dependency(node: &Value) -> Dependency {
    let is_for_tests_only = list(node, "/dep_kinds").all(|it| text(it, "/kind") == "dev");
    Dependency { id: text(node, "/pkg").to_owned(), is_for_tests_only }
}

fn list<'a>(value: &'a Value, pointer: &str) -> impl Iterator<Item = &'a Value> {
    value.pointer(pointer).and_then(Value::as_array).into_iter().flatten()
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}
