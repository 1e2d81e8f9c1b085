//! A bundle as bytes: a tar archive of the parts and a manifest, compressed by zstd; pure.
//!
//! Source: POSIX.1-1988 (ustar), RFC 8878 (zstd), FIPS 180-4 (SHA-256).
//! Refuses: to be longer than it may be. What has to go is told in the manifest.

use std::io;

use ring::digest::{SHA256, digest};
use serde::Serialize;
use tar::{Builder, EntryType, Header};

use super::{
    contents::{Contents, Part},
    hex,
};

/// Bytes of a bundle: what a bad line carries in minutes, and a mail takes.
pub(super) const BUNDLE_BYTES_MAX: usize = 5_000_000;

/// Bytes that an archive may grow by a further part: its head, its line in the manifest, and what
/// zstd adds to what cannot be compressed.
pub(super) const PART_OVERHEAD_BYTES: usize = 64 << 10;

/// The folder that it unpacks to.
const FOLDER: &str = "weir-bundle";

/// Well compressed, in under a second.
const LEVEL: i32 = 9;

/// Who made a bundle, and when.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stamp<'a> {
    /// The version of weir that made it.
    pub(super) version: &'a str,
    /// When, as RFC 3339 has it.
    pub(super) time: &'a str,
    /// The same in seconds since 1970.
    pub(super) seconds: u64,
}

#[derive(Debug, Serialize)]
struct Manifest<'a> {
    made_by: String,
    time: &'a str,
    files: Vec<FileRow<'a>>,
    missing: Vec<MissingRow<'a>>,
}

#[derive(Debug, Serialize)]
struct FileRow<'a> {
    name: &'a str,
    bytes: usize,
    sha256: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    cut: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<&'a str>,
}

#[derive(Debug, Serialize)]
struct MissingRow<'a> {
    name: &'a str,
    why: &'a str,
}

/// Writes all of it, cutting what is longest until it is short enough.
///
/// # Errors
/// When a part has a name that no archive takes.
pub(super) fn bundle(contents: &mut Contents, stamp: Stamp<'_>) -> io::Result<Vec<u8>> {
    loop {
        let bytes = compressed(contents, stamp)?;
        if bytes.len() <= BUNDLE_BYTES_MAX || !contents.halve_longest() {
            return Ok(bytes);
        }
    }
}

/// Writes all of it, however long it is.
pub(super) fn compressed(contents: &Contents, stamp: Stamp<'_>) -> io::Result<Vec<u8>> {
    let mut archive = Builder::new(Vec::new());
    append(
        &mut archive,
        "manifest.json",
        &manifest(contents, stamp),
        stamp,
    )?;
    for part in &contents.parts {
        append(&mut archive, &part.name, &part.bytes, stamp)?;
    }
    zstd::bulk::compress(&archive.into_inner()?, LEVEL)
}

fn manifest(contents: &Contents, stamp: Stamp<'_>) -> Vec<u8> {
    let manifest = Manifest {
        made_by: format!("weir {}", stamp.version),
        time: stamp.time,
        files: contents.parts.iter().map(file_row).collect(),
        missing: contents
            .missing
            .iter()
            .map(|missing| MissingRow {
                name: &missing.name,
                why: &missing.why,
            })
            .collect(),
    };
    let mut json = serde_json::to_vec_pretty(&manifest).expect("every key here is text");
    json.push(b'\n');
    json
}

fn file_row(part: &Part) -> FileRow<'_> {
    let sum = digest(&SHA256, &part.bytes);
    FileRow {
        name: &part.name,
        bytes: part.bytes.len(),
        sha256: hex(sum.as_ref()),
        cut: part.cut.as_deref(),
        from: part.from.as_deref(),
    }
}

fn append(
    archive: &mut Builder<Vec<u8>>,
    name: &str,
    bytes: &[u8],
    stamp: Stamp<'_>,
) -> io::Result<()> {
    let mut header = Header::new_ustar();
    header.set_entry_type(EntryType::Regular);
    header.set_mode(0o644);
    header.set_mtime(stamp.seconds);
    header.set_size(bytes.len() as u64);
    archive.append_data(&mut header, format!("{FOLDER}/{name}"), bytes)
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use serde_json::Value;
    use weir_hal::sim::Generator;

    use super::*;
    use crate::command::bundle::secrets::Secrets;

    const STAMP: Stamp<'_> = Stamp {
        version: "0.1.0",
        time: "2026-01-31T20:15:00Z",
        seconds: 1_769_890_500,
    };

    fn noise(bytes: usize) -> Vec<u8> {
        let mut chance = Generator::new(1);
        (0..bytes / 8)
            .flat_map(|_| chance.draw().to_le_bytes())
            .collect()
    }

    fn unpacked(bundle: &[u8]) -> Vec<(String, Vec<u8>)> {
        let archive = zstd::bulk::decompress(bundle, 64 << 20).expect("zstd");
        let mut archive = tar::Archive::new(archive.as_slice());
        let entries = archive.entries().expect("an archive");
        let unpacked = entries.map(|entry| {
            let mut entry = entry.expect("a file");
            let name = entry.path().expect("a name").display().to_string();
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).expect("in memory");
            (name, bytes)
        });
        unpacked.collect()
    }

    #[test]
    fn the_manifest_has_the_sum_of_each_file_and_what_is_missing() {
        let mut contents = Contents::new(Secrets::default());
        contents.text("log.json", Ok("abc".to_owned()));
        contents.text("kernel.txt", Err("who runs this may not know".to_owned()));
        let files = unpacked(&bundle(&mut contents, STAMP).expect("short names"));
        let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["weir-bundle/manifest.json", "weir-bundle/log.json"]);
        let manifest: Value = serde_json::from_slice(&files[0].1).expect("JSON");
        assert_eq!(
            manifest,
            serde_json::json!({
                "made_by": "weir 0.1.0",
                "time": "2026-01-31T20:15:00Z",
                "files": [{
                    "name": "log.json", "bytes": 3,
                    "sha256": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
                }],
                "missing": [{ "name": "kernel.txt", "why": "who runs this may not know" }],
            })
        );
    }

    #[test]
    fn what_is_too_much_is_cut_and_said_to_be() {
        let mut contents = Contents::new(Secrets::default());
        for (name, bytes) in [("large", 20_000_000), ("small", 1_000)] {
            contents.binary(Part {
                name: name.to_owned(),
                bytes: noise(bytes),
                cut: None,
                from: None,
            });
        }
        let bundle = bundle(&mut contents, STAMP).expect("short names");
        assert!(bundle.len() <= BUNDLE_BYTES_MAX, "{} bytes", bundle.len());
        let files = unpacked(&bundle);
        assert_eq!(files[2].1.len(), 1_000, "what is small stays");
        let manifest: Value = serde_json::from_slice(&files[0].1).expect("JSON");
        let cut = manifest["files"][0]["cut"].as_str().expect("it says so");
        assert!(
            cut.starts_with("the first ") && cut.ends_with(" bytes"),
            "{cut}"
        );
    }
}
