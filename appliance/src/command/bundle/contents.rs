//! What goes into a bundle, and what is told of what does not.

use super::secrets::Secrets;

/// Bytes of one text; what is longer is cut at its end.
const TEXT_BYTES_MAX: usize = 8 << 20;

/// One file of a bundle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Part {
    /// Its name.
    pub(super) name: String,
    /// All of it.
    pub(super) bytes: Vec<u8>,
    /// What is missing in it, if anything is.
    pub(super) cut: Option<String>,
    /// Where it was found, if that is not where the configuration has it.
    pub(super) from: Option<String>,
}

impl Part {
    /// Leaves its first `bytes` bytes, and says so.
    pub(super) fn cut_to(&mut self, bytes: usize) {
        if self.bytes.len() > bytes {
            let before = self.bytes.len();
            self.bytes.truncate(bytes);
            self.cut = Some(format!("the first {bytes} of {before} bytes"));
        }
    }
}

/// Something that could not be had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Missing {
    /// The name it would have had.
    pub(super) name: String,
    /// One sentence.
    pub(super) why: String,
}

/// All of a bundle but its manifest.
#[derive(Debug)]
pub(super) struct Contents {
    pub(super) parts: Vec<Part>,
    pub(super) missing: Vec<Missing>,
    secrets: Secrets,
}

impl Contents {
    /// Nothing yet; of what comes, `secrets` are struck out.
    pub(super) const fn new(secrets: Secrets) -> Self {
        Self {
            parts: Vec::new(),
            missing: Vec::new(),
            secrets,
        }
    }

    /// Adds a text without secrets, or why there is none.
    pub(super) fn text(&mut self, name: &str, text: Result<String, String>) {
        match text {
            Ok(text) => {
                let mut part = Part {
                    name: name.to_owned(),
                    bytes: self.secrets.strike(text).into_bytes(),
                    cut: None,
                    from: None,
                };
                part.cut_to(TEXT_BYTES_MAX);
                self.parts.push(part);
            }
            Err(why) => self.missing(name, why),
        }
    }

    /// Says why something is missing.
    pub(super) fn missing(&mut self, name: &str, why: String) {
        self.missing.push(Missing {
            name: name.to_owned(),
            why: self.secrets.strike(why),
        });
    }

    /// Adds what is no text, and holds nothing but numbers and names of channels.
    pub(super) fn binary(&mut self, part: Part) {
        let from = part.from.map(|from| self.secrets.strike(from));
        self.parts.push(Part { from, ..part });
    }

    /// Cuts the longest part in two halves, of which the first stays. Returns false if there is
    /// nothing left to cut.
    pub(super) fn halve_longest(&mut self) -> bool {
        let longest = self.parts.iter_mut().max_by_key(|part| part.bytes.len());
        let Some(part) = longest.filter(|part| !part.bytes.is_empty()) else {
            return false;
        };
        part.cut_to(part.bytes.len() / 2);
        true
    }
}
