//! What must not be in a bundle, and the last look for it.
//!
//! Nothing that a bundle is made of is meant to hold a secret. But a log line may quote a URL, and
//! a status the source that it was told; so every text is searched for the secrets of this
//! configuration before it goes in.
//!
//! Refuses: to look for what is shorter than eight bytes, which would strike out common words.

use std::path::Path;

use weir_hal::{Disk, FileKind};

use super::hex;
use crate::{
    config::{HIDDEN, Shown},
    secret::contents,
    serve::percent::escape,
};

/// Bytes of the shortest secret that is looked for.
const SECRET_BYTES_MIN: usize = 8;

/// Bytes of a file of secrets.
const FILE_BYTES_MAX: u64 = 64 << 10;

/// Files of one directory that are read.
const FILES_MAX: usize = 1_024;

/// Secrets that are looked for.
const SECRETS_MAX: usize = 16_384;

/// The secrets of a configuration, the longest first.
#[derive(Debug, Default)]
pub(super) struct Secrets(Vec<String>);

impl Secrets {
    /// What `shown` has left out, and what stands in its files of secrets. One that cannot be read
    /// by who asks holds nothing that can have come here through them. Blocks.
    pub(super) fn of(shown: &Shown, disk: &dyn Disk) -> Self {
        let mut secrets = shown.hidden.clone();
        for path in &shown.secret_files {
            read_into(&mut secrets, disk, Path::new(path));
        }
        Self::new(secrets)
    }

    fn new(secrets: Vec<String>) -> Self {
        let forms = secrets.into_iter().flat_map(forms_of);
        let mut forms: Vec<String> = forms.filter(|it| it.len() >= SECRET_BYTES_MIN).collect();
        // What is part of another must not be struck out of it first.
        forms.sort_unstable_by(|one, other| {
            let longer = other.len().cmp(&one.len());
            longer.then_with(|| one.cmp(other))
        });
        forms.dedup();
        forms.truncate(SECRETS_MAX);
        Self(forms)
    }

    /// `text` without any of them.
    pub(super) fn strike(&self, text: String) -> String {
        self.0.iter().fold(text, |text, secret| {
            if text.contains(secret.as_str()) {
                text.replace(secret.as_str(), HIDDEN)
            } else {
                text
            }
        })
    }
}

/// A secret as it may be written: as it is, in JSON, in a URL that was decoded.
fn forms_of(secret: String) -> Vec<String> {
    let json = serde_json::to_string(&secret).unwrap_or_default();
    let bare = json.strip_prefix('"').and_then(|it| it.strip_suffix('"'));
    let bare = bare.unwrap_or_default().to_owned();
    vec![decoded(&secret), bare, secret]
}

/// Without the escapes of URLs; what is none stays, and what is no text is replaced.
fn decoded(text: &str) -> String {
    let mut pieces = text.split('%');
    let mut bytes = pieces.next().unwrap_or_default().as_bytes().to_vec();
    for piece in pieces {
        let (byte, rest) = escape(piece).unwrap_or((b'%', piece));
        bytes.push(byte);
        bytes.extend_from_slice(rest.as_bytes());
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Adds what stands in a file, or in the files of a directory: its lines, for a pass-phrase may be
/// of short words, its words, and all of it in hexadecimal, as keys are often written.
fn read_into(secrets: &mut Vec<String>, disk: &dyn Disk, path: &Path) {
    let is_directory = disk
        .kind(path)
        .is_ok_and(|kind| kind == FileKind::Directory);
    let entries = if is_directory {
        disk.list(path).unwrap_or_default()
    } else {
        Vec::new()
    };
    let within = entries
        .iter()
        .filter(|entry| entry.kind == FileKind::Regular);
    // The chain of a certificate is public, and its words are in every log of TLS.
    let within = within.map(|entry| entry.path.as_path());
    let within = within.filter(|path| path.extension().is_none_or(|it| it != "crt"));
    let alone = (!is_directory).then_some(path);
    for path in within.take(FILES_MAX).chain(alone) {
        let Ok(Some(bytes)) = contents(disk, path, FILE_BYTES_MAX) else {
            continue;
        };
        secrets.push(hex(&bytes));
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let lines = text.lines().map(str::trim);
        let parts = lines.chain(text.split_whitespace());
        secrets.extend(parts.map(ToOwned::to_owned));
    }
}

#[cfg(test)]
mod tests {
    use weir_hal::{Access, sim::Simulation};

    use super::*;

    #[test]
    fn secrets_are_struck_out_however_they_are_written() {
        let secrets = [
            "swordfish",
            "swordfish-long",
            "pass\"word1",
            "s%65cret-token",
            "short",
        ];
        let secrets = Secrets::new(secrets.map(ToOwned::to_owned).to_vec());
        for (text, struck) in [
            ("a swordfish-long b", "a (hidden) b"),
            ("a swordfish b", "a (hidden) b"),
            (r#"{"a": "pass\"word1"}"#, r#"{"a": "(hidden)"}"#),
            ("secret-token and s%65cret-token", "(hidden) and (hidden)"),
            ("too short to be looked for", "too short to be looked for"),
        ] {
            assert_eq!(secrets.strike(text.to_owned()), struck);
        }
    }

    #[test]
    fn the_files_of_a_directory_are_read_and_certificates_are_public() {
        let disk = Simulation::new(1).board().disk;
        disk.create_directory(Path::new("/tls")).expect("room");
        for (name, text) in [
            ("/tls/a.key", "-----BEGIN\nMIIEkeykey=\n"),
            ("/tls/a.crt", "MIIEpublic=\n"),
        ] {
            let file = disk.open(Path::new(name), Access::Create).expect("room");
            file.write_at(text.as_bytes(), 0).expect("room");
        }
        let shown = Shown {
            secret_files: vec!["/tls".to_owned(), "/nowhere".to_owned()],
            ..Shown::default()
        };
        let secrets = Secrets::of(&shown, &*disk);
        let told = secrets.strike("MIIEkeykey= MIIEpublic=".to_owned());
        assert_eq!(told, "(hidden) MIIEpublic=");
    }

    #[test]
    fn a_pass_phrase_in_a_file_is_struck_out_though_its_words_are_short() {
        let disk = Simulation::new(1).board().disk;
        let file = disk.open(Path::new("/phrases"), Access::Create);
        let text = b"correct horse\n battery \"staple\"\r\n";
        file.expect("room").write_at(text, 0).expect("room");
        let shown = Shown {
            secret_files: vec!["/phrases".to_owned()],
            ..Shown::default()
        };
        let secrets = Secrets::of(&shown, &*disk);
        for (text, struck) in [
            ("by correct horse, not a horse", "by (hidden), not a horse"),
            (r#"["battery \"staple\""]"#, r#"["(hidden)"]"#),
        ] {
            assert_eq!(secrets.strike(text.to_owned()), struck);
        }
    }
}
