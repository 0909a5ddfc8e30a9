// SPDX-License-Identifier: GPL-2.0

//! Says where cargo keeps graviola's sources, to the `include!` in src/lib.rs. What goes into a kernel is
//! not built by cargo: module/build/build.sh does the same there.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

fn main() {
    for file in ["build.rs", "graviola.in", "../../Cargo.lock"] {
        println!("cargo:rerun-if-changed={file}");
    }
    let text = include_str!("graviola.in").replace("@GRAVIOLA@", &graviola());
    let out = PathBuf::from(variable("OUT_DIR")).join("graviola.rs");
    if let Err(error) = fs::write(&out, text) {
        panic!("{}: {error}", out.display());
    }
}

fn variable(name: &str) -> String {
    env::var(name).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The folder of the package in the version of Cargo.lock, fetched if it is not there yet.
fn graviola() -> String {
    let manifest = Path::new(&variable("CARGO_MANIFEST_DIR")).join("Cargo.toml");
    let mut cargo = Command::new(variable("CARGO"));
    cargo.args(["metadata", "--locked", "--format-version", "1"]);
    cargo.arg("--manifest-path").arg(manifest);
    let text = match cargo.output() {
        Ok(output) if output.status.success() => output.stdout,
        Ok(output) => panic!(
            "cargo metadata: {}",
            String::from_utf8_lossy(&output.stderr)
        ),
        Err(error) => panic!("cargo metadata: {error}"),
    };
    let text = String::from_utf8_lossy(&text);
    let mut strings = text.split('"');
    let folder = strings.find_map(|string| {
        let folder = string.strip_suffix("/Cargo.toml")?;
        folder.contains("/graviola-").then_some(folder)
    });
    folder.map_or_else(
        || panic!("cargo does not know where graviola is"),
        str::to_owned,
    )
}
