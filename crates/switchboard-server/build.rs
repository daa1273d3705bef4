//! Tells Cargo when the embedded web page may have changed.
//!
//! Cargo sees changes of files that are embedded already. It does not see the first build of the
//! page, so this watches the place where that will appear.

use std::path::Path;

fn main() {
    let watched = ["../../web/dist", "../../web", "build.rs"];
    let watched = watched.into_iter().find(|it| Path::new(it).exists()).unwrap_or("build.rs");
    println!("cargo::rerun-if-changed={watched}");
}
