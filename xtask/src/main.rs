//! `cargo xtask`: everything a developer or CI runs that plain Cargo has no command for.

fn main() {}
