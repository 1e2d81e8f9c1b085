//! Programs of others that come by `PyPI`.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{package::Package, process::peer};

/// A package of Python alone, which needs no other.
#[derive(Debug, Clone, Copy)]
pub struct Wheel {
    /// Its sum is the SHA-256 of the wheel.
    pub package: Package,
}

/// Reads splice information (SCTE 35).
pub const THREEFIVE: Wheel = Wheel {
    package: Package {
        name: "threefive",
        version: "3.1.5",
        sum: "4635101e43b2402d48dc09ca41d9c547fa9536776e5c11bde74b0080c6ca9790",
    },
};

impl Wheel {
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

    fn fetched(&self) -> PathBuf {
        self.package.kept("pypi", |own| self.fetch(own))
    }

    fn fetch(&self, own: &Path) {
        let Package { name, version, sum } = self.package;
        let wanted = own.join("wanted.txt");
        let line = format!("{name}=={version} --hash=sha256:{sum}\n");
        fs::write(&wanted, line).expect("the target folder can be written");
        peer(
            Command::new("python3")
                .args(["-m", "pip", "install", "--quiet", "--no-deps"])
                .args(["--disable-pip-version-check", "--only-binary", ":all:"])
                .args(["--require-hashes", "--requirement"])
                .arg(&wanted)
                .arg("--target")
                .arg(own.join("package")),
        );
    }
}
