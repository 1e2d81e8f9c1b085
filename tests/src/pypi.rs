//! Programs of others that come by `PyPI`.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{package::Package, process::peer};

/// A package for Python, with all that it needs.
#[derive(Debug, Clone, Copy)]
pub struct Wheel {
    /// Its sum is the SHA-256 of the wheel; where there is a wheel for each kind of machine, those
    /// of all, with blanks between them.
    pub package: Package,
    /// What it needs, each with its sums.
    pub needs: &'static [Package],
}

/// Reads splice information (SCTE 35).
pub const THREEFIVE: Wheel = Wheel {
    package: Package {
        name: "threefive",
        version: "3.1.5",
        sum: "4635101e43b2402d48dc09ca41d9c547fa9536776e5c11bde74b0080c6ca9790",
    },
    needs: &[],
};

/// Reads playlists.
pub const M3U8: Wheel = Wheel {
    package: Package {
        name: "m3u8",
        version: "6.0.0",
        sum: "566d0748739c552dad10f8c87150078de6a0ec25071fa48e6968e96fc6dcba5d",
    },
    needs: &[],
};

/// Reads and writes captures.
pub const DPKT: Wheel = Wheel {
    package: Package {
        name: "dpkt",
        version: "1.9.8",
        sum: "4da4d111d7bf67575b571f5c678c71bddd2d8a01a3d57d489faf0a92c748fbfd",
    },
    needs: &[],
};

/// A manager of networks: asks by SNMP.
pub const PYSNMP: Wheel = Wheel {
    package: Package {
        name: "pysnmp",
        version: "7.1.30",
        sum: "1f648b7e38fc400e63b493a45d06581d837d07cddd901e6dc9c45be03e9ed685",
    },
    needs: &[
        Package {
            name: "pyasn1",
            version: "0.6.5",
            sum: "4017b0fce125096b8573b39c989fdb1a4b19cf761e683398184550fea0e66587",
        },
        Package {
            name: "cryptography",
            version: "50.0.1",
            sum: "51afcfceb15597cf2635068e4ac9a56b2abde622edde17f37d85fd7b5306497a \
                e2ca8fd1b6b4b82a1c4cb02841d0837e3c12336c2e24b520ab8ab3b969733d8f",
        },
        // For Python 3.11 and 3.13, x86-64 and aarch64.
        Package {
            name: "cffi",
            version: "2.1.1",
            sum: "34e261f78cb6ceaaa36f42f2613f4380d94d9c759a9c73c769ee6e0247364632 \
                3311ed60d36f83378794e1009ac6258bafbf81f7888b4caa7b35a521e3f95813 \
                a931079504ecc49efed7744c476a5c343a92fabf66dec2db95edb1b2fdc770e2 \
                f16c709686a78c727bbbf059f92b0bf41c6fc60deec706d2dc19f529175a6125",
        },
        Package {
            name: "pycparser",
            version: "3.12",
            sum: "a076f3f489b39b43ed13563a1dafe42447445bec2e294154ec5c57fcdda4c85e",
        },
    ],
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
        peer(self.python().args(["-c", script, argument]))
    }

    /// Python with the package at hand.
    ///
    /// # Panics
    /// When the package cannot be fetched or is another one than is expected.
    pub fn python(&self) -> Command {
        let mut command = Command::new("python3");
        command.env("PYTHONPATH", self.fetched());
        command
    }

    fn fetched(&self) -> PathBuf {
        self.package.kept("pypi", |own| self.fetch(own))
    }

    fn fetch(&self, own: &Path) {
        let line = |Package { name, version, sum }: &Package| {
            let sums = sum.split_whitespace();
            let sums = sums.fold(String::new(), |sums, sum| sums + " --hash=sha256:" + sum);
            format!("{name}=={version}{sums}\n")
        };
        let all = [self.package];
        let lines: String = all.iter().chain(self.needs).map(line).collect();
        install(own, &lines);
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
