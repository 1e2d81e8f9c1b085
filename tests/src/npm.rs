//! Programs of others that come by npm: fetched once, each by its version and its sum.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;
use tempfile::TempDir;

use crate::process::{built, peer};

/// One file of a package.
#[derive(Debug, Clone, Copy)]
pub struct Package {
    /// Its name.
    pub name: &'static str,
    /// Its version.
    pub version: &'static str,
    /// The sum of all of it, as the registry writes it.
    pub integrity: &'static str,
    /// The path of the file in it.
    pub file: &'static str,
}

/// A player for DASH and HLS.
pub const SHAKA_PLAYER: Package = Package {
    name: "shaka-player",
    version: "5.2.12",
    integrity: "sha512-vEsuVDI3+oLh+yqpjXexQZlg2XMUBI0VrqatDuKWacPaxAud6Uph5uCowUPLhUgN\
        G5XKWCpoM4l1r8qYzWH+zg==",
    file: "dist/shaka-player.compiled.js",
};

/// A player for HLS, with subtitles and all else that the light build leaves out.
pub const HLS_JS: Package = Package {
    name: "hls.js",
    version: "1.7.4",
    integrity: "sha512-3GlxGdPvT2YHvQYOt+yOzT/DEior/qJVNIylHA77kgeoBTdQQqi70GwefNEUmHQeNGyjC8U62+br\
        uqW/Tpm+tg==",
    file: "dist/hls.min.js",
};

/// Reads playlists, and refuses what breaks a rule of the standard.
pub const HLS_PARSER: Package = Package {
    name: "hls-parser",
    version: "0.16.1",
    integrity: "sha512-6B2XobrddgXNl1pXw0dKXq0ovczjzra/pam7ifV0G/RXpt4bEbQcE6ndY+kGGlrNxB3zE42s\
        7xmIypwG+sxh9A==",
    file: "dist/hls-parser.js",
};

/// Reads playlists for the players of video.js.
pub const M3U8_PARSER: Package = Package {
    name: "m3u8-parser",
    version: "7.2.0",
    integrity: "sha512-CRatFqpjVtMiMaKXxNvuI3I++vUumIXVVT/JpCpdU/FynV/ceVw1qpPyyBNindL+JlPMSesx\
        +WX1QJaZEJSaMQ==",
    file: "dist/m3u8-parser.js",
};

impl Package {
    /// The path of the file, fetched if this checkout has not got it.
    pub fn path(&self) -> PathBuf {
        let kept = self.kept();
        if !kept.is_file() {
            self.fetch(&kept);
        }
        kept
    }

    /// The file, fetched if this checkout has not got it.
    ///
    /// # Panics
    /// When it cannot be fetched, or is another one than is expected.
    pub fn read(&self) -> Vec<u8> {
        fs::read(self.path()).expect("it was fetched")
    }

    fn fetch(&self, kept: &Path) {
        let folder = kept.parent().expect("it lies in a folder");
        fs::create_dir_all(folder).expect("the target folder can be written");
        let own = TempDir::new_in(folder).expect("the target folder can be written");
        let Self { name, version, .. } = self;
        let told = peer(
            Command::new("npm")
                .args(["pack", "--json", "--pack-destination"])
                .arg(own.path())
                .arg(format!("{name}@{version}")),
        );
        let told: Value = serde_json::from_str(&told).expect("npm tells in JSON what it fetched");
        assert_eq!(told[0]["integrity"], self.integrity, "{name}@{version}");
        let archive = told[0]["filename"].as_str().expect("it has a name");
        let member = format!("package/{}", self.file);
        peer(
            Command::new("tar")
                .arg("-xzf")
                .arg(own.path().join(archive))
                .arg("-C")
                .arg(own.path())
                .arg(&member),
        );
        // Another test may have been faster, with the same.
        fs::rename(own.path().join(member), kept).expect("one file system");
    }

    /// Where it is kept: beside what is built.
    fn kept(&self) -> PathBuf {
        let name = self.file.rsplit('/').next().unwrap_or(self.file);
        let folder = built().join("npm").join(self.name);
        folder.join(self.version).join(name)
    }
}
