//! Dependencies run downward only, and floors do no I/O.

use crate::tidy::metadata::{Graph, Package};
use crate::{Result, workspace};

/// Checks the product's workspace.
///
/// # Errors
///
/// Cargo cannot tell the dependency graph.
pub(crate) fn check(problems: &mut Vec<String>) -> Result {
    let graph = Graph::of(&workspace::root().join("Cargo.toml"))?;
    for package in graph.packages().filter(|it| it.is_ours) {
        check_layer(&graph, package, problems);
    }
    for floor in graph.packages().filter(|it| FLOORS.contains(&it.name.as_str())) {
        for name in graph.shipped_with(floor).into_iter().filter(|it| NOT_IN_FLOORS.contains(it)) {
            problems.push(format!("{}: depends on {name}, but floors do no I/O", floor.name));
        }
    }
    Ok(())
}

/// Tests obey the layers too: a test that reaches up shows that a rule is in the wrong place.
fn check_layer(graph: &Graph, package: &Package, problems: &mut Vec<String>) {
    let Some((_, below)) = LAYERS.iter().find(|(name, _)| *name == package.name) else {
        problems.push(format!("{}: give it a place in LAYERS", package.name));
        return;
    };
    for used in graph.direct(package).filter(|it| it.is_ours && it.name != package.name) {
        if !below.contains(&used.name.as_str()) {
            problems.push(format!("{}: must not depend on {}", package.name, used.name));
        }
    }
}

/// Every crate of the product's workspace, and those of ours that it may use.
const LAYERS: &[(&str, &[&str])] = &[
    ("switchboard-ws", &[]),
    ("switchboard-eio", &[]),
    ("switchboard-sio", &[]),
    ("switchboard", FLOORS),
    ("switchboard-server", &["switchboard"]),
    ("xtask", &[]),
];

/// Plain functions of bytes and time: they build without a runtime.
const FLOORS: &[&str] = &["switchboard-ws", "switchboard-eio", "switchboard-sio"];

/// What floors never depend on, however indirectly: runtimes, sockets, HTTP, randomness, logs.
const NOT_IN_FLOORS: &[&str] = &[
    "async-std",
    "futures-util",
    "getrandom",
    "h2",
    "hyper",
    "log",
    "mio",
    "rand",
    "smol",
    "socket2",
    "tokio",
    "tracing",
];
