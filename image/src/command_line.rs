//! What the signed command line of the kernel tells of the root.
//!
//! Source: the image build writes `weir.version=V weir.root=HASH weir.salt=SALT weir.blocks=N`;
//! the table is that of Documentation/admin-guide/device-mapper/verity.rst.
//!
//! Refuses: a command line without all of them. Nothing is guessed of a root.

use std::path::Path;

/// Bytes of a block of data and of hashes.
pub const BLOCK_BYTES: u64 = 4096;

const SECTOR_BYTES: u64 = 512;

/// A root and what proves it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Root {
    /// Version of the image.
    pub version: String,
    hash: String,
    salt: String,
    /// Blocks of data, behind which those of hashes follow.
    pub blocks: u64,
}

/// What the kernel does where a block is not what was signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnDamage {
    /// Reading fails.
    Fail,
    /// The box starts over.
    Panic,
}

impl Root {
    /// Reads `/proc/cmdline`.
    pub fn read(command_line: &str) -> Option<Self> {
        let value = |key: &str| {
            let mut words = command_line.split_whitespace();
            words.find_map(|word| word.strip_prefix(key)?.strip_prefix('='))
        };
        let hex = |text: &str| text.bytes().all(|byte| byte.is_ascii_hexdigit());
        Some(Self {
            version: value("weir.version")?.to_owned(),
            hash: value("weir.root")
                .filter(|it| it.len() == 64 && hex(it))?
                .to_owned(),
            salt: value("weir.salt").filter(|it| hex(it))?.to_owned(),
            blocks: value("weir.blocks")?.parse().ok()?,
        })
    }

    /// Sectors that its data fills.
    pub fn sectors(&self) -> u64 {
        self.blocks.saturating_mul(BLOCK_BYTES / SECTOR_BYTES)
    }

    /// The table that has the kernel check it on `device`.
    pub fn table(&self, device: &Path, on_damage: OnDamage) -> String {
        let Self {
            hash, salt, blocks, ..
        } = self;
        let device = device.display();
        let options = match on_damage {
            OnDamage::Fail => "",
            OnDamage::Panic => " 2 panic_on_corruption panic_on_error",
        };
        format!(
            "1 {device} {device} {BLOCK_BYTES} {BLOCK_BYTES} {blocks} {blocks} sha256 {hash} \
             {salt}{options}"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line() -> String {
        let hash = "ab".repeat(32);
        format!("quiet weir.version=1.0 weir.root={hash} weir.salt=00ff weir.blocks=12 x=y\n")
    }

    #[test]
    fn the_table_names_the_device_twice_and_its_hashes_behind_its_data() {
        let root = Root::read(&line()).unwrap();
        let table = root.table(Path::new("/dev/vda2"), OnDamage::Panic);
        let hash = "ab".repeat(32);
        let wanted = format!(
            "1 /dev/vda2 /dev/vda2 4096 4096 12 12 sha256 {hash} 00ff 2 panic_on_corruption \
             panic_on_error"
        );
        assert_eq!(table, wanted);
        assert_eq!(root.sectors(), 96);
    }

    #[test]
    fn a_line_that_lacks_one_or_is_no_hash_is_refused() {
        for part in ["weir.version", "weir.root", "weir.salt", "weir.blocks"] {
            assert_eq!(Root::read(&line().replace(part, "other")), None, "{part}");
        }
        assert_eq!(Root::read(&line().replace("abab", "ab g")), None);
    }
}
