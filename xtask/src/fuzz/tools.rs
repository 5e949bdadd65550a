//! The compiler for the fuzz targets, and cargo-fuzz.
//!
//! The nightly compiler if it is installed. Otherwise the stable one, told by `RUSTC_BOOTSTRAP` that it may take the
//! flags for which cargo-fuzz wants the other. cargo-fuzz is installed if it is missing.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// Which compiler builds the targets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Compiler {
    Nightly,
    Stable,
}

impl Compiler {
    /// Begins a call of cargo-fuzz, in the folder of the targets.
    pub(super) fn cargo_fuzz(self, root: &Path) -> Command {
        let mut cargo = Command::new("cargo");
        cargo.current_dir(root.join("testing/fuzz"));
        match self {
            Self::Nightly => cargo.arg("+nightly"),
            Self::Stable => cargo.env("RUSTC_BOOTSTRAP", "1"),
        };
        cargo.arg("fuzz");
        cargo
    }
}

/// Finds the compiler, and cargo-fuzz, which is installed if it is missing.
///
/// # Errors
/// Fails when cargo-fuzz is missing and cannot be installed.
pub(super) fn prepare(root: &Path) -> Result<Compiler> {
    // Only the cargo of rustup knows `+nightly`.
    let compiler = if is_there(Command::new("cargo").args(["+nightly", "--version"])) {
        Compiler::Nightly
    } else {
        println!("no nightly compiler: the stable one, with RUSTC_BOOTSTRAP=1");
        Compiler::Stable
    };
    if !is_there(compiler.cargo_fuzz(root).arg("--version")) {
        println!("cargo-fuzz is missing: cargo install cargo-fuzz");
        let status = Command::new("cargo")
            .args(["install", "--locked", "cargo-fuzz"])
            .status()
            .context("starting cargo install")?;
        if !status.success() {
            bail!("cargo-fuzz could not be installed: {status}");
        }
    }
    Ok(compiler)
}

fn is_there(command: &mut Command) -> bool {
    let silent = command.stdout(Stdio::null()).stderr(Stdio::null());
    silent.status().is_ok_and(|status| status.success())
}
