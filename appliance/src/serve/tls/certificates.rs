//! The certificates of a directory: read from it, and chosen from by the name a client asks for.
//!
//! Source: RFC 6066 §3 (`server_name`); RFC 6125 §6.4.3 (a wildcard is one label, the leftmost).
//! A client that names nobody here is shown the first pair: it may know better than we who we are.

use std::{
    collections::BTreeMap,
    hash::{BuildHasher, Hash, Hasher},
    path::{Path, PathBuf},
    sync::Arc,
};

use tokio_rustls::rustls::{SignatureScheme, sign::CertifiedKey};
use weir_hal::{Access, Disk};

use super::pair::{Pair, PairError, Sources};

/// Pairs one directory may hold. A host name is looked up in a tree; all are read every time the
/// directory is looked at.
const PAIRS_MAX: usize = 64;

/// Bytes one file may have: ten times a long chain.
const FILE_BYTES_MAX: usize = 64 << 10;

/// Why there is no certificate to show.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// The directory cannot be listed.
    #[error("{} is not to be had: make that directory of certificates, or name another one",
        directory.display())]
    Directory {
        /// Where it should be.
        directory: PathBuf,
        /// Why not.
        #[source]
        source: weir_hal::Error,
    },
    /// The directory holds no pair.
    #[error("there is no NAME.crt with its NAME.key in {}: put both there, in PEM", .0.display())]
    None(PathBuf),
    /// There are too many files.
    #[error("there are more than {PAIRS_MAX} pairs in {}: leave only those in use", .0.display())]
    TooMany(PathBuf),
    /// The system gives no random numbers, or the like.
    #[error("the cryptography of TLS does not start: see that the system has random numbers")]
    Cryptography(#[source] tokio_rustls::rustls::Error),
    /// None of the pairs is usable.
    #[error("no certificate in {} is usable", directory.display())]
    Unusable {
        /// Where they are.
        directory: PathBuf,
        /// What is wrong with the first.
        #[source]
        source: PairError,
    },
    /// The certificate that this box makes itself cannot be kept.
    #[error("the certificate of this box cannot be kept in {}: see that weir may write there",
        directory.display())]
    Keep {
        /// Where it should be.
        directory: PathBuf,
        /// Why not.
        #[source]
        source: weir_hal::Error,
    },
    /// It cannot be made.
    #[error("this box cannot make a certificate: see that the system has random numbers")]
    Make(#[source] rcgen::Error),
}

/// What a directory holds, as it was read. It is compared by content: a link that points elsewhere
/// is a change, whatever the times of the files say.
pub(super) struct Files {
    directory: PathBuf,
    pairs: BTreeMap<String, Halves>,
}

/// The two files of one name.
#[derive(Default)]
struct Halves {
    certificate: Option<Content>,
    key: Option<Content>,
}

type Content = Result<Vec<u8>, PairError>;

impl Files {
    /// Reads every `.crt` and `.key` in `directory`. Blocks as long as the disk takes.
    pub(super) fn read(disk: &dyn Disk, directory: &Path) -> Result<Self, CertificateError> {
        let entries = disk.list(directory);
        let entries = entries.map_err(|source| CertificateError::Directory {
            directory: directory.to_owned(),
            source,
        })?;
        let mut pairs = BTreeMap::<String, Halves>::new();
        for path in entries.iter().map(|entry| entry.path.as_path()) {
            let parts = path.file_stem().zip(path.extension());
            let Some((name, kind)) = parts.and_then(|(n, k)| Some((n.to_str()?, k.to_str()?)))
            else {
                continue;
            };
            if kind != "crt" && kind != "key" {
                continue;
            }
            if pairs.len() == PAIRS_MAX && !pairs.contains_key(name) {
                return Err(CertificateError::TooMany(directory.to_owned()));
            }
            let halves = pairs.entry(name.to_owned()).or_default();
            let content = Some(content(disk, path));
            if kind == "crt" {
                halves.certificate = content;
            } else {
                halves.key = content;
            }
        }
        let directory = directory.to_owned();
        Ok(Self { directory, pairs })
    }

    /// A number that another content has another one of.
    pub(super) fn digest(&self, hasher: &impl BuildHasher) -> u64 {
        let mut hasher = hasher.build_hasher();
        for (name, halves) in &self.pairs {
            name.hash(&mut hasher);
            for half in [&halves.certificate, &halves.key] {
                let content = half.as_ref().map(|content| content.as_ref().ok());
                content.hash(&mut hasher);
            }
        }
        hasher.finish()
    }

    fn path(&self, name: &str, kind: &str) -> PathBuf {
        self.directory.join(format!("{name}.{kind}"))
    }

    /// The pair called `name`, whose files are `halves`.
    fn pair(&self, name: &str, halves: &Halves) -> Result<Pair, PairError> {
        let path = |kind| self.path(name, kind);
        let alone = |present, absent| PairError::Alone {
            present: path(present),
            absent: path(absent),
        };
        let certificate = halves
            .certificate
            .as_ref()
            .ok_or_else(|| alone("key", "crt"))?;
        let key = halves.key.as_ref().ok_or_else(|| alone("crt", "key"))?;
        Pair::of(Sources {
            name,
            certificate: (path("crt"), certificate.as_ref().map_err(PairError::clone)?),
            key: (path("key"), key.as_ref().map_err(PairError::clone)?),
        })
    }
}

fn content(disk: &dyn Disk, path: &Path) -> Content {
    let mut bytes = vec![0; FILE_BYTES_MAX + 1];
    let read = disk.open(path, Access::Read);
    let count = read.and_then(|file| file.read_at(&mut bytes, 0));
    let count = count.map_err(|error| PairError::Read(Arc::new(error)))?;
    if count > FILE_BYTES_MAX {
        return Err(PairError::TooLong {
            file: path.to_owned(),
            bytes_max: FILE_BYTES_MAX,
        });
    }
    bytes.truncate(count);
    Ok(bytes)
}

/// What clients are shown.
#[derive(Debug, Default)]
pub struct Certificates {
    /// In the order of their names.
    pairs: Vec<Arc<Pair>>,
    /// Numbers of the pairs that stand for a host.
    hosts: BTreeMap<String, Vec<usize>>,
}

/// What came of a directory.
#[derive(Debug)]
pub struct Reading {
    /// Where it is.
    pub directory: PathBuf,
    /// The usable pairs.
    pub certificates: Certificates,
    /// What is wrong with the others.
    pub broken: Vec<PairError>,
}

impl Reading {
    /// Itself, if there is a certificate to show.
    ///
    /// # Errors
    /// [`CertificateError`] that tells why there is none.
    pub fn usable(self) -> Result<Self, CertificateError> {
        if !self.certificates.pairs.is_empty() {
            return Ok(self);
        }
        let directory = self.directory;
        Err(match self.broken.into_iter().next() {
            Some(source) => CertificateError::Unusable { directory, source },
            None => CertificateError::None(directory),
        })
    }
}

impl Certificates {
    /// Reads the directory at `path`. Blocks as long as the disk takes.
    ///
    /// # Errors
    /// [`CertificateError`] when the directory cannot be listed, or holds too much.
    ///
    /// # Limits
    /// 64 pairs, of 64 KiB a file.
    pub fn read(disk: &dyn Disk, path: &Path) -> Result<Reading, CertificateError> {
        Ok(Self::of(&Files::read(disk, path)?, &Self::default()))
    }

    /// Takes `files`; a pair that is broken in them is what it was in `former`, if it was there.
    pub(super) fn of(files: &Files, former: &Self) -> Reading {
        let (mut pairs, mut broken) = (Vec::new(), Vec::new());
        for (name, halves) in &files.pairs {
            match files.pair(name, halves) {
                Ok(pair) => pairs.push(Arc::new(pair)),
                Err(error) => {
                    pairs.extend(former.pairs.iter().find(|pair| pair.name == *name).cloned());
                    broken.push(error);
                }
            }
        }
        Reading {
            directory: files.directory.clone(),
            certificates: Self::new(pairs),
            broken,
        }
    }

    fn new(pairs: Vec<Arc<Pair>>) -> Self {
        let mut hosts = BTreeMap::<String, Vec<usize>>::new();
        for (number, pair) in pairs.iter().enumerate() {
            for host in &pair.hosts {
                hosts.entry(host.clone()).or_default().push(number);
            }
        }
        Self { pairs, hosts }
    }

    /// The pairs, in the order of their names.
    pub fn pairs(&self) -> &[Arc<Pair>] {
        &self.pairs
    }

    /// The certificate for a client that asks for `host` and can check signatures by `schemes`.
    pub(super) fn choose(
        &self,
        host: Option<&str>,
        schemes: &[SignatureScheme],
    ) -> Option<Arc<CertifiedKey>> {
        let named = host.and_then(|host| self.named(&host.to_ascii_lowercase()));
        let mut candidates: Vec<&Arc<Pair>> = match named {
            Some(numbers) => numbers
                .iter()
                .filter_map(|one| self.pairs.get(*one))
                .collect(),
            None => self.pairs.iter().collect(),
        };
        let usable = |pair: &&Arc<Pair>| pair.key.key.choose_scheme(schemes).is_some();
        let chosen = candidates.iter().position(usable).unwrap_or(0);
        (!candidates.is_empty()).then(|| Arc::clone(&candidates.swap_remove(chosen).key))
    }

    fn named(&self, host: &str) -> Option<&Vec<usize>> {
        let wildcard = || {
            let (_label, rest) = host.split_once('.')?;
            self.hosts.get(&format!("*.{rest}"))
        };
        self.hosts.get(host).or_else(wildcard)
    }
}
