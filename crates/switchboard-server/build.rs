//! Tells Cargo when the embedded web page, or the client's files beside it, may have changed.
//!
//! Cargo sees changes of files that are embedded already. It does not see the first build of the
//! page, so this watches the places where that will appear.

use std::path::Path;

fn main() {
    for wanted in ["../../web/dist", "../../web/node_modules/socket.io-client/dist"] {
        let watched = [wanted, "../../web", "build.rs"];
        let watched = watched.into_iter().find(|it| Path::new(it).exists()).unwrap_or("build.rs");
        println!("cargo::rerun-if-changed={watched}");
    }
}
