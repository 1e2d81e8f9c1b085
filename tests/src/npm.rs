//! Programs of others that come by npm.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

use crate::{package::Package, process::peer};

/// One file of a package.
#[derive(Debug, Clone, Copy)]
pub struct PackedFile {
    /// Its sum is that of the archive.
    pub package: Package,
    /// The path of the file in it.
    pub file: &'static str,
}

/// A player for DASH and HLS.
pub const SHAKA_PLAYER: PackedFile = PackedFile {
    package: Package {
        name: "shaka-player",
        version: "5.2.12",
        sum: "sha512-vEsuVDI3+oLh+yqpjXexQZlg2XMUBI0VrqatDuKWacPaxAud6Uph5uCowUPLhUgN\
            G5XKWCpoM4l1r8qYzWH+zg==",
    },
    file: "dist/shaka-player.compiled.js",
};

/// A player for HLS, with subtitles and all else that the light build leaves out.
pub const HLS_JS: PackedFile = PackedFile {
    package: Package {
        name: "hls.js",
        version: "1.7.4",
        sum: "sha512-3GlxGdPvT2YHvQYOt+yOzT/DEior/qJVNIylHA77kgeoBTdQQqi70GwefNEUmHQeNGyjC8U62+br\
            uqW/Tpm+tg==",
    },
    file: "dist/hls.min.js",
};

/// Reads playlists, and refuses what breaks a rule of the standard.
pub const HLS_PARSER: PackedFile = PackedFile {
    package: Package {
        name: "hls-parser",
        version: "0.16.1",
        sum: "sha512-6B2XobrddgXNl1pXw0dKXq0ovczjzra/pam7ifV0G/RXpt4bEbQcE6ndY+kGGlrNxB3zE42s\
            7xmIypwG+sxh9A==",
    },
    file: "dist/hls-parser.js",
};

/// Reads playlists for the players of video.js.
pub const M3U8_PARSER: PackedFile = PackedFile {
    package: Package {
        name: "m3u8-parser",
        version: "7.2.0",
        sum: "sha512-CRatFqpjVtMiMaKXxNvuI3I++vUumIXVVT/JpCpdU/FynV/ceVw1qpPyyBNindL+JlPMSesx\
            +WX1QJaZEJSaMQ==",
    },
    file: "dist/m3u8-parser.js",
};

/// A client for SNMP, with the modules of the standard that Debian leaves out.
pub const SNMP_MODULES: PackedFile = PackedFile {
    package: Package {
        name: "net-snmp",
        version: "3.29.2",
        sum: "sha512-ZXQyrPayCUaZxkxXBvExAYjkvZsPDBYUpK8ljIzrA5a/jByYR4REr/hpbld9wJ0tCr8d/pM7pSog\
            DC0B/syiXQ==",
    },
    file: "lib/mibs",
};

/// A package for Node.js, with all that it needs.
#[derive(Debug, Clone, Copy)]
pub struct Module {
    /// Its sum is that of the archive.
    pub package: Package,
    /// What it needs.
    pub needs: &'static [Package],
}

/// A client for SNMP, which receives notifications, too.
pub const NET_SNMP: Module = Module {
    package: SNMP_MODULES.package,
    needs: &[
        Package {
            name: "asn1-ber",
            version: "1.2.2",
            sum: "sha512-CbNem/7hxrjSiOAOOTX4iZxu+0m3jiLqlsERQwwPM1IDR/22M8IPpA1VVndCLw5KtjRYyRO\
                DbvAEIfuTogNDng==",
        },
        Package {
            name: "smart-buffer",
            version: "4.2.0",
            sum: "sha512-94hK0Hh8rPqQl2xXc3HsaBoOXKV20MToPkcXvwbISWLEs+64sBq5kFgn2kJDHb1Pry9yrP0\
                dxrCI9RRci7RXKg==",
        },
    ],
};

/// The player for HLS as a module for Node.js: what it reads playlists with.
pub const HLS_JS_MODULE: Module = Module {
    package: HLS_JS.package,
    needs: &[],
};

/// Drives a browser, and looks at what it shows as one who sees little would.
pub const PLAYWRIGHT: Module = Module {
    package: Package {
        name: "playwright-core",
        version: "1.65.1",
        sum: "sha512-hqPpz7blSMPxWVdoeE1yiBSzXsKiVOd2k+kjCvmUywD2GPO2Dd9HfcWnq9NN0GHbNZDFgZ9JfBFr+X\
            5/BLo0qw==",
    },
    needs: &[Package {
        name: "axe-core",
        version: "4.14.1",
        sum: "sha512-FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5qb2S4r76ASyFNNtuFooJpZe37\
            OgudVGtQ==",
    }],
};

impl Module {
    /// Node.js with the package at hand.
    ///
    /// # Panics
    /// When the package cannot be fetched, or is another one than is expected.
    pub fn node(&self) -> Command {
        let mut command = Command::new("node");
        command.env(
            "NODE_PATH",
            self.package.kept("node", |own| self.fetch(own)),
        );
        command
    }

    fn fetch(&self, own: &Path) {
        for package in [self.package].iter().chain(self.needs) {
            let archive = packed(*package, own);
            let folder = own.join("package").join(package.name);
            fs::create_dir_all(&folder).expect("the target folder can be written");
            let mut unpack = Command::new("tar");
            unpack.args(["--strip-components=1", "-xzf"]).arg(archive);
            peer(unpack.arg("-C").arg(folder));
        }
    }
}

/// The archive of `package`, fetched into `own`.
fn packed(Package { name, version, sum }: Package, own: &Path) -> PathBuf {
    let told = peer(
        Command::new("npm")
            .args(["pack", "--json", "--pack-destination"])
            .arg(own)
            .arg(format!("{name}@{version}")),
    );
    let told: Value = serde_json::from_str(&told).expect("npm tells in JSON what it fetched");
    assert_eq!(told[0]["integrity"], sum, "{name}@{version}");
    own.join(told[0]["filename"].as_str().expect("it has a name"))
}

impl PackedFile {
    /// The path of the file, fetched if this checkout has not got it.
    ///
    /// # Panics
    /// When it cannot be fetched, or is another one than is expected.
    pub fn path(&self) -> PathBuf {
        let folder = self.package.kept("npm", |own| self.fetch(own));
        folder.join(self.file)
    }

    /// The file, fetched if this checkout has not got it.
    ///
    /// # Panics
    /// When it cannot be fetched, or is another one than is expected.
    pub fn read(&self) -> Vec<u8> {
        fs::read(self.path()).expect("it was fetched")
    }

    fn fetch(&self, own: &Path) {
        // An archive of npm holds one folder, `package`.
        peer(
            Command::new("tar")
                .arg("-xzf")
                .arg(packed(self.package, own))
                .arg("-C")
                .arg(own)
                .arg(format!("package/{}", self.file)),
        );
    }
}
