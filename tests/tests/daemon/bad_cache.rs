//! What stands at `cache.path` and cannot be used is named, and left as it is, unless formatting
//! is asked for.

use std::{
    fs::{self, File},
    io::Read,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
    time::Duration,
};

use tempfile::TempDir;
use weir_cache::{Config, Store};
use weir_hal::linux;
use weir_tests::process::{Ended, Process, peer, weir, weir_binary};

const SOON: Duration = Duration::from_secs(10);
const PAGE: usize = 4096;
/// Where a super block tells its version and its state.
const VERSION: usize = 8;
const STATE: usize = 56;

/// Opens, or makes, a cache of 4 MiB.
fn open(path: &Path) -> Store {
    let board = linux::board();
    let config = Config {
        path: path.to_owned(),
        bytes_max: 4 << 20,
        memory_bytes_max: 1 << 20,
        ..Config::default()
    };
    Store::open(board.disk, Arc::clone(&board.clock), &config).expect("a cache")
}

/// A configuration whose cache of 4 MiB is at `cache`.
fn config(folder: &TempDir, cache: &Path) -> PathBuf {
    let text = format!(
        "[http]\nlisten = [\"127.0.0.1:0\"]\n[management]\nlisten = \"127.0.0.1:0\"\n[cache]\n\
         path = \"{}\"\nsize = \"4MiB\"\n[[origin]]\nname = \"o\"\nurls = [\"http://o\"]\n",
        cache.display()
    );
    let file = folder.path().join("weir.toml");
    fs::write(&file, text).expect("the temporary folder can be written");
    file
}

fn plain(path: &Path) -> &str {
    path.to_str().expect("a plain path")
}

/// The one sentence with which `weir run` has refused.
fn sentence(ended: &Ended, code: i32) -> String {
    assert_eq!(ended.status.code(), Some(code), "{}", ended.output);
    let mut told = ended
        .output
        .lines()
        .filter(|line| line.starts_with("weir: "));
    let sentence = told.next().expect("it says why").to_owned();
    assert_eq!(told.next(), None, "{}", ended.output);
    sentence
}

fn folder() -> TempDir {
    TempDir::new().expect("a temporary folder")
}

/// A cache that was closed in order, as one file.
fn whole() -> Vec<u8> {
    let folder = folder();
    let path = folder.path().join("cache");
    drop(open(&path));
    fs::read(path.join("store")).expect("there is a cache")
}

/// The same with one byte of both super blocks changed, and their sums made right again.
fn altered(offset: usize, byte: u8) -> Vec<u8> {
    let mut bytes = whole();
    for block in bytes.chunks_mut(PAGE).take(2) {
        block[offset] = byte;
        let (told, sum) = block.split_at_mut(PAGE - 4);
        sum.copy_from_slice(&crc32c(told).to_le_bytes());
    }
    bytes
}

/// RFC 3720 §12.1, bit by bit.
fn crc32c(bytes: &[u8]) -> u32 {
    let step = |sum: u32| (sum >> 1) ^ (0x82f6_3b78 * (sum & 1));
    let byte = |sum: u32, byte: &u8| (0..8).fold(sum ^ u32::from(*byte), |sum, _| step(sum));
    !bytes.iter().fold(u32::MAX, byte)
}

#[test]
fn each_unusable_cache_is_named_and_left_alone_until_it_is_formatted() {
    let cut = whole()[..1_000_000].to_vec();
    let cases = [
        (b"precious".to_vec(), "holds something that is no cache"),
        (vec![7; 100_000], "holds something that is no cache"),
        (
            altered(VERSION, 200),
            "is of version 200, which is newer than this weir",
        ),
        (
            altered(VERSION, 1),
            "is of version 1, which this weir does not read",
        ),
        (altered(STATE, 2), "was not formatted to its end"),
        (altered(STATE, 9), "is damaged at its very beginning"),
        (cut, "is 1000000 bytes long where"),
    ];
    for (bytes, why) in cases {
        let folder = folder();
        let cache = folder.path().join("cache.bin");
        fs::write(&cache, &bytes).expect("the temporary folder can be written");
        let config = config(&folder, &cache);
        let ended = weir(["run", "--config", plain(&config)], SOON);
        let told = sentence(&ended, 74);
        assert!(told.contains(plain(&cache)) && told.contains(why), "{told}");
        assert!(told.contains("--format"), "{told}");
        assert!(
            fs::read(&cache).expect("it is there") == bytes,
            "{why}: it was changed"
        );
        let process = Process::weir(["run", "--format", "--config", plain(&config)]);
        process.line_with("running", SOON);
        process.signal("TERM");
        let ended = process.ended(SOON);
        assert_eq!(ended.status.code(), Some(0), "{}", ended.output);
        let ended = weir(["cache", "verify", "--path", plain(&cache)], SOON);
        assert_eq!(ended.status.code(), Some(0), "{}", ended.output);
    }
}

#[test]
fn a_cache_in_use_is_not_shared_and_not_formatted_either() {
    let folder = folder();
    let cache = folder.path().join("cache");
    let store = open(&cache);
    let config = config(&folder, &cache);
    let before = fs::read(cache.join("store")).expect("there is a cache");
    for format in [&[][..], &["--format"]] {
        let arguments = [&["run", "--config", plain(&config)], format].concat();
        let told = sentence(&weir(arguments, SOON), 74);
        let expected = format!(
            "cache path {} is in use by another process",
            cache.display()
        );
        assert!(told.contains(&expected), "{told}");
        assert!(fs::read(cache.join("store")).expect("it is there") == before);
    }
    drop(store);
}

#[test]
fn what_can_hold_no_cache_is_a_mistake_of_the_configuration() {
    let folder = folder();
    let config = config(&folder, Path::new("/dev/null"));
    let told = sentence(&weir(["run", "--config", plain(&config)], SOON), 78);
    assert!(
        told.starts_with("weir: cache.path must be a directory, a file or"),
        "{told}"
    );
    assert!(told.contains("/dev/null"), "{told}");
}

/// Runs `weir run` in a mount namespace of its own, after `setup`, in which `$0` is the path of
/// the cache. Needs no privilege. Returns what it said, and what `report` prints after it.
fn run_where(setup: &str, report: &str, folder: &TempDir, cache: &Path) -> (String, String) {
    let config = config(folder, cache);
    let said = folder.path().join("said");
    let script = format!(
        "{setup}\n{} run --config {} > {} 2>&1\necho $?\n{report}",
        weir_binary().display(),
        config.display(),
        said.display()
    );
    let unshare = ["--user", "--map-root-user", "--mount", "sh", "-ec"];
    let mut command = Command::new("unshare");
    let command = command
        .args(unshare)
        .arg(script.replace("\necho $?", " || echo $?"));
    let printed = peer(command.arg(cache));
    let mut text = String::new();
    let read = File::open(&said).and_then(|mut said| said.read_to_string(&mut text));
    read.expect("weir has said something");
    let told = text.lines().find(|line| line.starts_with("weir: "));
    (told.expect("it says why").to_owned(), printed)
}

#[test]
fn a_file_system_without_room_is_named_and_its_room_is_given_back() {
    let folder = folder();
    let disk = folder.path().join("disk");
    fs::create_dir(&disk).expect("the temporary folder can be written");
    let setup = format!("mount -t tmpfs -o size=2m none {}", disk.display());
    let report = format!("df --output=avail -B1 {} | tail -n 1", disk.display());
    let (told, printed) = run_where(&setup, &report, &folder, &disk.join("cache"));
    assert!(
        told.contains("there is no room for") && told.contains("lower cache.size"),
        "{told}"
    );
    assert!(told.contains(plain(&disk)), "{told}");
    let printed: Vec<&str> = printed.split_whitespace().collect();
    let [code, free] = printed[..] else {
        panic!("{printed:?}")
    };
    let free: u64 = free.parse().expect("a number of bytes");
    assert!(code == "74" && free > 1_900_000, "{printed:?}");
}

#[test]
fn a_file_system_that_is_read_only_is_named_and_its_cache_can_still_be_looked_at() {
    let folder = folder();
    let disk = folder.path().join("disk");
    fs::create_dir(&disk).expect("the temporary folder can be written");
    let cache = disk.join("cache");
    drop(open(&cache));
    let disk = disk.display();
    let setup = format!("mount --bind {disk} {disk}\nmount -o remount,bind,ro {disk}");
    let look = format!("{} cache verify --path \"$0\"", weir_binary().display());
    let (told, printed) = run_where(&setup, &look, &folder, &cache);
    assert!(told.contains("is not writable by weir"), "{told}");
    assert!(told.contains("change its owner or cache.path"), "{told}");
    assert_eq!(printed, "74\nall is well: 0 objects, 0 B, are whole\n");
}
