//! Which paths open to signed URLs only.

use std::{
    borrow::Cow,
    net::IpAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

use weir_hal::{Disk, Wall};

use super::keys::{Denied, KeyFileError, Keys};
use crate::{
    config::{self, Config},
    secret,
    serve::percent,
};

/// Bytes of a file of keys: 16 keys with a page of comments.
const FILE_BYTES_MAX: u64 = 16 << 10;

/// Why the keys of a path cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum GateError {
    /// The file is not there, or may not be read.
    #[error("cannot read the keys in {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: weir_hal::Error,
    },
    /// It is no file of keys.
    #[error("cannot use the keys in {}", path.display())]
    Keys {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: KeyFileError,
    },
    /// It is far longer than keys are.
    #[error("{} is no file of keys: it has more than {FILE_BYTES_MAX} bytes", path.display())]
    TooLong {
        /// The file.
        path: PathBuf,
    },
}

/// Lets requests through to what is open, or opened by their token.
#[derive(Debug, Default)]
pub struct Gate {
    /// Longest path first. A path without keys is open, though it lies below one that has keys.
    doors: Vec<Door>,
}

#[derive(Debug)]
struct Door {
    path: String,
    /// What an origin may read in it that is less exact than we are.
    folders: Vec<String>,
    keys: Option<Arc<Keys>>,
}

impl Gate {
    /// Reads the keys that `config` names. Blocks.
    ///
    /// # Errors
    /// [`GateError`] for the first file that cannot be used.
    pub fn open(config: &Config, disk: &dyn Disk) -> Result<Self, GateError> {
        let mut doors = Vec::new();
        for (path, file) in guarded(config) {
            let keys = file.map(|file| Keys::read(disk, file)).transpose()?;
            doors.push(Door::new(path, keys.map(Arc::new)));
        }
        Ok(Self::new(doors))
    }

    /// Reads the keys that another configuration names. Where a file cannot be used, the keys that
    /// its path had before go on; a path that had none opens to nobody. Blocks.
    ///
    /// Returns also what is wrong with the files.
    pub fn reopen(&self, config: &Config, disk: &dyn Disk) -> (Self, Vec<GateError>) {
        let mut errors = Vec::new();
        let doors = guarded(config).map(|(path, file)| {
            let keys = file.map(|file| match Keys::read(disk, file) {
                Ok(keys) => Arc::new(keys),
                Err(error) => {
                    errors.push(error);
                    self.keys_of(&path).unwrap_or_default()
                }
            });
            Door::new(path, keys)
        });
        let gate = Self::new(doors.collect());
        (gate, errors)
    }

    fn keys_of(&self, path: &str) -> Option<Arc<Keys>> {
        let mut doors = self.doors.iter();
        doors.find(|door| door.path == path)?.keys.clone()
    }

    fn new(mut doors: Vec<Door>) -> Self {
        if doors.iter().all(|door| door.keys.is_none()) {
            doors.clear();
        }
        doors.sort_by_key(|door| std::cmp::Reverse(door.path.len()));
        Self { doors }
    }

    /// Whether a request for `path`, which came with `token`, may go on.
    ///
    /// # Errors
    /// [`Denied`], which may be shown to the client.
    pub fn check(
        &self,
        path: &str,
        token: Option<&str>,
        client: IpAddr,
        now: Wall,
    ) -> Result<(), Denied> {
        if self.doors.is_empty() {
            return Ok(());
        }
        let plain = simplest(path).ok_or(Denied::Ambiguous)?;
        let mut doors = self.doors.iter();
        let door = doors.find(|door| config::covers(&door.path, &plain));
        let Some(keys) = door.and_then(|door| door.keys.as_ref()) else {
            return self.check_folders(path, door);
        };
        let token = token.ok_or(Denied::Unsigned)?;
        keys.verify(token, &plain, client, now)
    }

    /// Whether `path`, which leads to an open `door` or to none, may be taken for one that has keys
    /// by an origin that both lead to.
    fn check_folders(&self, path: &str, door: Option<&Door>) -> Result<(), Denied> {
        let folders = folders(path);
        let depth = door.map_or(0, Door::depth);
        let is_taken = |other: &Door| other.depth() > depth && other.may_cover(&folders);
        let mut guarded = self.doors.iter().filter(|door| door.keys.is_some());
        if guarded.any(is_taken) {
            return Err(Denied::Ambiguous);
        }
        Ok(())
    }
}

impl Door {
    fn new(path: String, keys: Option<Arc<Keys>>) -> Self {
        let folders = folders(&path);
        Self {
            path,
            folders,
            keys,
        }
    }

    /// Folders of its path.
    fn depth(&self) -> usize {
        self.folders.len() - usize::from(self.path.ends_with('/'))
    }

    /// As [`config::covers`], for an origin that is less exact.
    fn may_cover(&self, folders: &[String]) -> bool {
        let own = self.folders.get(..self.depth()).unwrap_or_default();
        folders.starts_with(own) && (folders.len() > own.len() || !self.path.ends_with('/'))
    }
}

/// The paths of a configuration, and the files of their keys.
fn guarded(config: &Config) -> impl Iterator<Item = (String, Option<&Path>)> {
    let channels = config.channels.iter().map(|channel| {
        let path = format!("/live/{}/", channel.id);
        (path, channel.sign_keys.as_deref())
    });
    let routes = config.routes.iter();
    channels.chain(routes.map(|route| (route.path.clone(), route.sign_keys.as_deref())))
}

impl Keys {
    /// Reads the file of keys at `path`. Blocks.
    ///
    /// # Errors
    /// [`GateError`], which names the file and shows nothing of it.
    pub fn read(disk: &dyn Disk, path: &Path) -> Result<Self, GateError> {
        let text =
            secret::contents(disk, path, FILE_BYTES_MAX).map_err(|source| GateError::Read {
                path: path.to_owned(),
                source,
            })?;
        let path = path.to_owned();
        let Some(text) = text else {
            return Err(GateError::TooLong { path });
        };
        let text = String::from_utf8_lossy(&text);
        Self::parse(&text).map_err(|source| GateError::Keys { path, source })
    }
}

/// A path as routes and cache keys have it: unreserved letters plain (RFC 3986 §6.2.2.2). `None` if
/// it has folders that stand for others, whoever decodes it.
fn simplest(path: &str) -> Option<Cow<'_, str>> {
    let plain = decode(path, is_unreserved)?;
    let separated = decode(path, |byte| is_unreserved(byte) || b"/\\".contains(&byte))?;
    let mut segments = separated.split(['/', '\\']);
    // Some read no further than the parameters of a segment.
    let is_dots = |segment: &str| matches!(segment.split(';').next(), Some("." | ".."));
    let is_simple = !segments.any(is_dots);
    is_simple.then_some(plain)
}

/// The folders of a path and what stands behind them, as an origin may read them that decodes
/// everything, takes `\` for a slash and many slashes for one, cuts parameters off, and knows no
/// case.
fn folders(path: &str) -> Vec<String> {
    let decoded = decode(path, |_| true).unwrap_or(Cow::Borrowed(path));
    let path = decoded.strip_prefix(['/', '\\']).unwrap_or(&decoded);
    let mut folders: Vec<String> = Vec::new();
    for segment in path.split(['/', '\\']) {
        if folders.last().is_some_and(String::is_empty) {
            folders.pop();
        }
        let name = segment.split(';').next().unwrap_or_default();
        folders.push(name.to_lowercase());
    }
    folders
}

/// Decodes those escapes whose byte `is_plain`; `None` if one is broken.
fn decode(path: &str, is_plain: fn(u8) -> bool) -> Option<Cow<'_, str>> {
    if !path.contains('%') {
        return Some(Cow::Borrowed(path));
    }
    let mut pieces = path.split('%');
    let mut decoded = pieces.next()?.to_owned();
    for piece in pieces {
        let (byte, rest) = percent::escape(piece)?;
        if is_plain(byte) {
            decoded.push(byte.into());
            decoded.push_str(rest);
        } else {
            decoded.push('%');
            decoded.push_str(piece);
        }
    }
    Some(Cow::Owned(decoded))
}

/// RFC 3986 §2.3.
fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use proptest::prelude::*;
    use weir_hal::{Access, sim};

    use super::*;
    use crate::serve::signed_url::{Grant, Scope};

    const FILE: &str = "k1 00112233445566778899aabbccddeeff";
    const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
    const END: Wall = Wall::from_nanos(u64::MAX);

    fn gate() -> Gate {
        let keys = Arc::new(Keys::parse(FILE).expect("a key"));
        let door = |path: &str, keys| Door::new(path.to_owned(), keys);
        Gate::new(vec![
            door("/", None),
            door("/vod/", Some(Arc::clone(&keys))),
            door("/vod/free/", None),
            door("/live/A/", Some(keys)),
        ])
    }

    fn check(path: &str, signed: Option<&str>) -> Result<(), Denied> {
        let keys = Keys::parse(FILE).expect("a key");
        let token = signed.map(|path| {
            let grant = Grant {
                path,
                scope: Scope::File,
                end: END,
                client: None,
            };
            keys.sign(None, &grant).expect("a token").to_string()
        });
        gate().check(path, token.as_deref(), HERE, Wall::from_nanos(0))
    }

    #[test]
    fn what_has_keys_opens_with_a_token_only() {
        assert_eq!(check("/vod/a", None), Err(Denied::Unsigned));
        assert_eq!(check("/vod/a", Some("/vod/b")), Err(Denied::Mismatch));
        assert_eq!(check("/vod/a", Some("/vod/a")), Ok(()));
        assert_eq!(check("/live/A/master.m3u8", None), Err(Denied::Unsigned));
        for path in [
            "/vod/free/a",
            "/vodka",
            "/epg",
            "/live/B/master.m3u8",
            "/livez",
        ] {
            assert_eq!(check(path, None), Ok(()), "{path}");
        }
    }

    #[test]
    fn no_other_spelling_of_a_path_opens_it() {
        for path in ["/%76od/a", "/v%6Fd/a", "/%76%6f%64/%61"] {
            assert_eq!(check(path, None), Err(Denied::Unsigned), "{path}");
            assert_eq!(check(path, Some("/vod/a")), Ok(()), "{path}");
        }
        for path in [
            "/vod/free/../a",
            "/vod/free/%2e%2E/a",
            "/vod/free/..%2Fa",
            "/vod/free/..%5ca",
            "/vod/free/..\\a",
            "/./vod/a",
            "/vod/free/%",
            "/vod/free/%+1",
            "/vod/free/%zz",
            "/vod/free/..;/a",
            "//vod/a",
            "/%2Fvod/a",
            "/vod%2Fa",
            "/vod%5ca",
            "/vod\\a",
            "/VOD/a",
            "/%56od/",
            "/vod;b=c/a",
            "/live/a/master.m3u8",
            "/live//A/master.m3u8",
        ] {
            assert_eq!(check(path, None), Err(Denied::Ambiguous), "{path}");
        }
        for path in [
            "/vod",
            "/vodka/a",
            "//epg",
            "/VOD;b",
            "/a//vod/a",
            "/live/AB/a",
        ] {
            assert_eq!(check(path, None), Ok(()), "{path}");
        }
    }

    #[test]
    fn without_keys_everything_is_open() {
        let gate = Gate::default();
        let now = Wall::from_nanos(0);
        assert_eq!(gate.check("/a/../%", None, HERE, now), Ok(()));
    }

    #[test]
    fn a_file_that_is_no_file_of_keys_is_named() {
        let disk = sim::Disk::new(1);
        let file = |name: &str, text: &[u8]| {
            let file = disk.open(Path::new(name), Access::Create).expect("room");
            file.write_at(text, 0).expect("room");
        };
        file("/good", FILE.as_bytes());
        file("/bad", b"secret");
        file("/long", &vec![b'#'; 20_000]);
        let error = |path: &str| Keys::read(&disk, Path::new(path)).unwrap_err().to_string();
        assert!(Keys::read(&disk, Path::new("/good")).is_ok());
        assert_eq!(error("/none"), "cannot read the keys in /none");
        assert_eq!(error("/bad"), "cannot use the keys in /bad");
        assert!(error("/long").starts_with("/long is no file of keys"));
    }

    #[test]
    fn keys_that_cannot_be_read_again_go_on_and_new_paths_stay_shut() {
        let disk = sim::Disk::new(1);
        let file = disk.open(Path::new("/k"), Access::Create).expect("room");
        file.write_at(FILE.as_bytes(), 0).expect("room");
        let config = |path: &str| {
            let text = format!(
                "origin = [{{ name = 'o', urls = ['http://o'] }}]\n\
                 [[route]]\npath = '{path}'\norigin = ['o']\nsign_keys = '/k'\n"
            );
            Config::parse(&text).expect("no mistakes").config
        };
        let gate = Gate::open(&config("/a/"), &disk).expect("a file of keys");
        disk.remove(Path::new("/k")).expect("it is there");
        assert!(Gate::open(&config("/a/"), &disk).is_err());
        let grant = Grant {
            path: "/",
            scope: Scope::Folders(0),
            end: END,
            client: None,
        };
        let keys = Keys::parse(FILE).expect("a key");
        let token = keys.sign(None, &grant).expect("a token").to_string();
        for (path, verdict) in [("/a/", Ok(())), ("/b/", Err(Denied::UnknownKey))] {
            let (gate, errors) = gate.reopen(&config(path), &disk);
            assert_eq!(errors.len(), 1, "{path}");
            let now = Wall::from_nanos(0);
            assert_eq!(gate.check(path, Some(&token), HERE, now), verdict, "{path}");
        }
    }

    proptest! {
        #[test]
        fn never_lets_a_spelling_of_what_has_keys_through(
            spelling in "(/|%2f|\\\\|\\.|%2e|v|%76|V|o|d|;|f|r|e|%6f|%64|a){1,24}",
        ) {
            let path = format!("/{spelling}");
            let decoded = decode(&path, |_| true).expect("no broken escape");
            let is_plain = decoded.split(['/', '\\']).all(|part| part != "." && part != "..");
            let read = decoded.replace('\\', "/").replace("//", "/").to_lowercase();
            if read.starts_with("/vod/") && !(is_plain && decoded.starts_with("/vod/free/"))
            {
                prop_assert!(check(&path, None).is_err(), "{}", path);
            }
        }
    }
}
