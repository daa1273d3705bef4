//! What the compiler says about handlers that do not fit: our own lines must be in it.
//!
//! The snippets in `tests/ui` are given to `rustc` with the library that this test was linked with,
//! which takes a blink each. Only our lines are compared, because the rest differs between
//! compilers. `fits.rs` must compile.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

#[test]
fn handlers_that_do_not_fit_are_explained() {
    let library = library();
    let mut seen = 0;
    for snippet in snippets() {
        let source = std::fs::read_to_string(&snippet).unwrap();
        let expected: Vec<_> = source.lines().filter_map(|it| it.strip_prefix("//~ ")).collect();
        let said = compile(&snippet, &library).expect_err("it must not compile");
        assert!(!expected.is_empty(), "{} expects nothing", snippet.display());
        for line in expected {
            assert!(said.contains(line), "{}: no {line:?} in\n{said}", snippet.display());
        }
        seen += 1;
    }
    assert!(10 <= seen, "{seen} snippets");
}

/// All snippets but the one that must compile.
fn snippets() -> impl Iterator<Item = PathBuf> {
    let files = std::fs::read_dir(folder()).unwrap().map(|it| it.unwrap().path());
    files.filter(|it| it.extension().is_some_and(|it| it == "rs") && !it.ends_with("fits.rs"))
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/ui")
}

/// The library as this compiler has built it: the newest with which `fits.rs` compiles, because
/// builds with other options and by other compilers lie beside it.
fn library() -> PathBuf {
    let is_library = |path: &PathBuf| {
        let name = path.file_name().and_then(|it| it.to_str()).unwrap_or_default();
        name.starts_with("libswitchboard-") && name.ends_with(".rlib")
    };
    let files = std::fs::read_dir(built()).unwrap().map(|it| it.unwrap().path());
    let mut libraries: Vec<_> = files.filter(is_library).collect();
    libraries.sort_by_key(|it| {
        let modified = it.metadata().and_then(|it| it.modified());
        std::cmp::Reverse(modified.unwrap_or(SystemTime::UNIX_EPOCH))
    });
    let mut said = String::from("there is no library");
    for library in libraries {
        match compile(&folder().join("fits.rs"), &library) {
            Ok(()) => return library,
            Err(reason) => said = reason,
        }
    }
    panic!("no library fits: {said}");
}

/// Where the test itself and all that it is linked with lie.
fn built() -> PathBuf {
    std::env::current_exe().unwrap().parent().unwrap().to_owned()
}

/// Checks one file; what the compiler says if it is not content.
fn compile(source: &Path, library: &Path) -> Result<(), String> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc)
        .args(["--edition=2024", "--crate-type=lib", "--emit=metadata", "--color=never"])
        // Never to the null device: a compiler that root runs replaces it by a file.
        .arg("--out-dir")
        .arg(env!("CARGO_TARGET_TMPDIR"))
        .arg("-L")
        .arg(format!("dependency={}", built().display()))
        .arg("--extern")
        .arg(format!("switchboard={}", library.display()))
        .arg(source)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.success() { Ok(()) } else { Err(said) }
}
