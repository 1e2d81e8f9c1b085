//! Programs of others that come by `PyPI`: fetched once, each by its version and its sum.

use std::{fs, path::PathBuf, process::Command};

use tempfile::TempDir;

use crate::process::{built, peer};

/// A package of Python alone, which needs no other.
#[derive(Debug, Clone, Copy)]
pub struct Package {
    /// Its name.
    pub name: &'static str,
    /// Its version.
    pub version: &'static str,
    /// SHA-256 of the wheel, as the registry writes it.
    pub sha256: &'static str,
}

/// Reads splice information (SCTE 35).
pub const THREEFIVE: Package = Package {
    name: "threefive",
    version: "3.1.5",
    sha256: "4635101e43b2402d48dc09ca41d9c547fa9536776e5c11bde74b0080c6ca9790",
};

impl Package {
    /// Runs `script` with the package at hand and `argument`, and returns what it printed.
    ///
    /// # Panics
    /// When the package cannot be fetched or is another one than is expected, or the script fails.
    pub fn run(&self, script: &str, argument: &str) -> String {
        peer(
            Command::new("python3")
                .env("PYTHONPATH", self.fetched())
                .args(["-c", script, argument]),
        )
    }

    /// The folder it is kept in, beside what is built; fetched if this checkout has not got it.
    fn fetched(&self) -> PathBuf {
        let Self {
            name,
            version,
            sha256,
        } = self;
        let folder = built().join("pypi");
        let kept = folder.join(format!("{name}-{version}"));
        if kept.is_dir() {
            return kept;
        }
        fs::create_dir_all(&folder).expect("the target folder can be written");
        let own = TempDir::new_in(&folder).expect("the target folder can be written");
        let wanted = own.path().join("wanted.txt");
        let line = format!("{name}=={version} --hash=sha256:{sha256}\n");
        fs::write(&wanted, line).expect("the target folder can be written");
        let target = own.path().join("package");
        peer(
            Command::new("python3")
                .args(["-m", "pip", "install", "--quiet", "--no-deps"])
                .args(["--disable-pip-version-check", "--only-binary", ":all:"])
                .args(["--require-hashes", "--requirement"])
                .arg(&wanted)
                .arg("--target")
                .arg(&target),
        );
        // Another test may have been faster, with the same.
        if fs::rename(&target, &kept).is_err() {
            assert!(kept.is_dir(), "{} cannot be kept", kept.display());
        }
        kept
    }
}
