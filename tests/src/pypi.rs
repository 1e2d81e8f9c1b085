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

/// A program of Python and all that it needs, each package by its version and its sums.
#[derive(Debug, Clone, Copy)]
pub struct Program {
    /// Its sum is that of none: each package has those of `requirements`.
    package: Package,
    requirements: &'static str,
}

/// Holds a service against its `OpenAPI` description.
pub const SCHEMATHESIS: Program = Program {
    package: Package {
        name: "schemathesis",
        version: "4.32.5",
        sum: "",
    },
    requirements: include_str!("schemathesis.txt"),
};

impl Program {
    /// A command of the program.
    ///
    /// # Panics
    /// When a package cannot be fetched or is another one than is expected.
    pub fn command(&self) -> Command {
        let fetch = |own: &Path| install(own, self.requirements);
        let folder = self.package.kept("pypi", fetch);
        let mut command = Command::new("python3");
        command.env("PYTHONPATH", &folder);
        command.arg(folder.join("bin").join(self.package.name));
        command
    }
}

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
        install(own, &format!("{name}=={version} --hash=sha256:{sum}\n"));
    }
}

/// Puts what `requirements` name into the folder `package` of `own`, and nothing else.
fn install(own: &Path, requirements: &str) {
    let wanted = own.join("wanted.txt");
    fs::write(&wanted, requirements).expect("the target folder can be written");
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
