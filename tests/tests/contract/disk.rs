//! Claims on [`weir_hal::Disk`] and [`weir_hal::File`].

use std::{
    io::{ErrorKind, IoSlice},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use tempfile::TempDir;
use weir_hal::{Access, DirectoryEntry, Disk, Error, File, FileKind};

use crate::side::Side;

crate::claims! {
    bytes_are_read_where_they_were_written,
    parts_are_written_one_behind_the_other,
    a_read_is_short_only_at_the_end,
    a_write_beyond_the_end_leaves_zeros,
    creating_empties_what_was_there,
    creating_or_keeping_leaves_what_was_there,
    a_file_is_made_longer_with_zeros_and_shorter_for_good,
    what_has_just_been_written_is_resident_or_not_told,
    a_view_shows_the_bytes_of_its_range_and_outlives_its_file,
    no_view_reaches_beyond_the_end,
    what_is_forgotten_is_still_there,
    a_file_that_cannot_be_made_so_long_is_as_long_as_it_was,
    a_missing_path_is_not_found,
    a_list_is_ordered_and_tells_kinds_and_sizes,
    only_directories_are_listed,
    a_directory_is_made_with_its_parents_and_left_alone_if_there,
    no_directory_is_made_below_a_file,
    a_rename_replaces_and_open_handles_keep_their_file,
    a_removed_file_is_read_to_its_end_by_who_has_it_open,
    only_an_empty_directory_is_removed,
    a_lock_is_held_against_other_handles_until_the_last_is_dropped,
    what_can_be_written_can_be_synced,
    usage_is_within_the_total,
    errors_name_act_and_path,
}

/// A directory of its own on one side, named as a temporary one of this machine.
struct Room {
    disk: Arc<dyn Disk>,
    directory: TempDir,
}

impl Room {
    fn on(side: &impl Side) -> Self {
        let disk = Arc::clone(&side.board().disk);
        let directory = TempDir::new().unwrap();
        disk.create_directory(directory.path()).unwrap();
        Self { disk, directory }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn open(&self, name: &str, access: Access) -> Result<Arc<dyn File>, Error> {
        self.disk.open(&self.path(name), access)
    }

    fn write(&self, name: &str, bytes: &[u8]) -> Arc<dyn File> {
        let file = self.open(name, Access::Create).unwrap();
        file.write_at(bytes, 0).unwrap();
        file
    }

    fn content(&self, name: &str) -> Vec<u8> {
        content(&*self.open(name, Access::Read).unwrap())
    }
}

fn content(file: &dyn File) -> Vec<u8> {
    let mut content = vec![0; usize::try_from(file.bytes().unwrap()).unwrap()];
    assert_eq!(file.read_at(&mut content, 0).unwrap(), content.len());
    content
}

fn bytes_are_read_where_they_were_written(side: &impl Side) {
    let room = Room::on(side);
    let file = room.write("a", b"0123456789");
    file.write_at(b"xyz", 4).unwrap();
    let mut middle = [0; 5];
    assert_eq!(file.read_at(&mut middle, 3).unwrap(), 5);
    assert_eq!(&middle, b"3xyz7");
    assert_eq!(room.content("a"), b"0123xyz789");
    let again = room.open("a", Access::ReadWrite).unwrap();
    again.write_at(b"!", 9).unwrap();
    assert_eq!(content(&*file), b"0123xyz78!");
}

fn parts_are_written_one_behind_the_other(side: &impl Side) {
    let room = Room::on(side);
    let file = room.write("a", b"..");
    // More than a kernel takes at once, some of them empty, the first one too.
    let parts: Vec<Vec<u8>> = (0..3_000_usize).map(|part| vec![1; part % 7]).collect();
    let slices: Vec<IoSlice<'_>> = parts.iter().map(|part| IoSlice::new(part)).collect();
    file.write_vectored_at(&slices, 2).unwrap();
    assert!(content(&*file) == [b"..", &*parts.concat()].concat());
    file.write_vectored_at(&[], 1).unwrap();
    // Beginning early changes nothing that can be read, wherever it is.
    file.begin_sync(0, 100);
    file.begin_sync(1 << 40, u64::MAX);
    assert!(content(&*file).len() == 2 + parts.concat().len());
}

fn a_read_is_short_only_at_the_end(side: &impl Side) {
    let room = Room::on(side);
    let body = vec![7; 3_000_001];
    let file = room.write("a", &body);
    let mut buffer = vec![0; 3_000_100];
    assert_eq!(file.read_at(&mut buffer, 0).unwrap(), 3_000_001);
    assert_eq!(buffer[..3_000_001], body);
    assert_eq!(file.read_at(&mut buffer, 2_999_999).unwrap(), 2);
    assert_eq!(file.read_at(&mut buffer, 3_000_001).unwrap(), 0);
    assert_eq!(file.read_at(&mut buffer, 9_000_000).unwrap(), 0);
    assert_eq!(file.read_at(&mut [], 0).unwrap(), 0);
}

fn a_write_beyond_the_end_leaves_zeros(side: &impl Side) {
    let room = Room::on(side);
    let file = room.write("a", b"ab");
    file.write_at(b"z", 5).unwrap();
    assert_eq!(file.bytes().unwrap(), 6);
    assert_eq!(room.content("a"), b"ab\0\0\0z");
}

fn creating_empties_what_was_there(side: &impl Side) {
    let room = Room::on(side);
    let older = room.write("a", b"old");
    let newer = room.open("a", Access::Create).unwrap();
    assert_eq!(older.bytes().unwrap(), 0);
    newer.write_at(b"n", 0).unwrap();
    assert_eq!(room.content("a"), b"n");
}

fn creating_or_keeping_leaves_what_was_there(side: &impl Side) {
    let room = Room::on(side);
    let new = room.open("a", Access::CreateOrKeep).unwrap();
    new.write_at(b"old", 0).unwrap();
    let same = room.open("a", Access::CreateOrKeep).unwrap();
    same.write_at(b"!", 3).unwrap();
    assert_eq!(room.content("a"), b"old!");
}

fn a_file_is_made_longer_with_zeros_and_shorter_for_good(side: &impl Side) {
    let room = Room::on(side);
    let file = room.write("a", b"abc");
    file.resize(10_000).unwrap();
    assert_eq!(file.bytes().unwrap(), 10_000);
    assert_eq!(room.content("a")[..5], *b"abc\0\0");
    file.resize(2).unwrap();
    file.resize(4).unwrap();
    assert_eq!(room.content("a"), b"ab\0\0");
    let listed = room.disk.list(room.directory.path()).unwrap();
    assert_eq!(listed[0].bytes, 4);
}

fn a_view_shows_the_bytes_of_its_range_and_outlives_its_file(side: &impl Side) {
    let room = Room::on(side);
    let file = room.write("a", b"0123456789");
    file.advise_random();
    let (all, middle) = (file.view(0, 10).unwrap(), file.view(3, 4).unwrap());
    assert_eq!(file.view(3, 0).unwrap(), "");
    file.write_at(b"more", 10).unwrap();
    let grown = file.view(8, 6).unwrap();
    drop(file);
    room.disk.remove(&room.path("a")).unwrap();
    assert_eq!(all, "0123456789");
    assert_eq!(middle.slice(1..3), "45");
    assert_eq!(grown, "89more");
}

fn no_view_reaches_beyond_the_end(side: &impl Side) {
    let room = Room::on(side);
    let file = room.write("a", b"0123456789");
    for (offset, bytes) in [(6, 5), (11, 1), (1 << 40, 1), (u64::MAX, 1)] {
        let error = file.view(offset, bytes).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnexpectedEof, "at {offset}");
        assert!(!file.is_resident(offset, bytes).unwrap(), "at {offset}");
    }
}

fn what_has_just_been_written_is_resident_or_not_told(side: &impl Side) {
    let room = Room::on(side);
    let file = room.write("a", b"0123456789");
    let mut middle = [0; 5];
    // Not every file system can tell; but what is told is right.
    if file.read_resident_at(&mut middle, 3).unwrap() {
        assert_eq!(&middle, b"34567");
    }
    assert!(!file.read_resident_at(&mut [0; 5], 6).unwrap());
    assert!(!file.read_resident_at(&mut [0; 5], 1 << 40).unwrap());
}

fn what_is_forgotten_is_still_there(side: &impl Side) {
    let room = Room::on(side);
    let file = room.write("file", &vec![7; 100_000]);
    file.forget(0, 50_000);
    file.sync().unwrap();
    file.forget(4_096, 1 << 40);
    file.forget(u64::MAX, u64::MAX);
    let mut bytes = vec![0; 100_000];
    assert_eq!(file.read_at(&mut bytes, 0).unwrap(), 100_000);
    assert!(bytes.iter().all(|byte| *byte == 7));
}

fn a_file_that_cannot_be_made_so_long_is_as_long_as_it_was(side: &impl Side) {
    let room = Room::on(side);
    let file = room.write("file", b"abc");
    file.resize(1 << 60).unwrap_err();
    assert_eq!(file.bytes().unwrap(), 3);
}

fn a_missing_path_is_not_found(side: &impl Side) {
    let room = Room::on(side);
    let (missing, orphan) = (room.path("missing"), room.path("missing/a"));
    let disk = &room.disk;
    let errors = [
        disk.open(&missing, Access::Read).unwrap_err(),
        disk.open(&missing, Access::ReadWrite).unwrap_err(),
        disk.open(&orphan, Access::Create).unwrap_err(),
        disk.kind(&missing).unwrap_err(),
        disk.list(&missing).unwrap_err(),
        disk.rename(&missing, &room.path("a")).unwrap_err(),
        disk.remove(&missing).unwrap_err(),
        disk.sync_directory(&missing).unwrap_err(),
        disk.usage(&missing).unwrap_err(),
    ];
    for error in errors {
        assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
    }
}

fn a_list_is_ordered_and_tells_kinds_and_sizes(side: &impl Side) {
    let room = Room::on(side);
    for name in ["b", "a", "c"] {
        room.write(name, name.as_bytes());
    }
    let nested = room.path("aa");
    room.disk.create_directory(&nested).unwrap();
    room.disk.open(&nested.join("x"), Access::Create).unwrap();
    let entry = |name, kind, bytes| DirectoryEntry {
        path: room.path(name),
        kind,
        bytes,
    };
    assert_eq!(
        room.disk.list(room.directory.path()).unwrap(),
        [
            entry("a", FileKind::Regular, 1),
            entry("aa", FileKind::Directory, 0),
            entry("b", FileKind::Regular, 1),
            entry("c", FileKind::Regular, 1),
        ]
    );
}

fn only_directories_are_listed(side: &impl Side) {
    let room = Room::on(side);
    room.write("a", b"a");
    let error = room.disk.list(&room.path("a")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotADirectory);
}

fn a_directory_is_made_with_its_parents_and_left_alone_if_there(side: &impl Side) {
    let room = Room::on(side);
    let deep = room.path("x/y/z");
    room.disk.create_directory(&deep).unwrap();
    room.disk.open(&deep.join("a"), Access::Create).unwrap();
    room.disk.create_directory(&deep).unwrap();
    assert_eq!(room.disk.kind(&deep).unwrap(), FileKind::Directory);
    assert_eq!(room.disk.kind(&deep.join("a")).unwrap(), FileKind::Regular);
}

fn no_directory_is_made_below_a_file(side: &impl Side) {
    let room = Room::on(side);
    room.write("a", b"a");
    let error = room.disk.create_directory(&room.path("a/b")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotADirectory);
}

fn a_rename_replaces_and_open_handles_keep_their_file(side: &impl Side) {
    let room = Room::on(side);
    room.write("new", b"new");
    room.write("name", b"older");
    let older = room.open("name", Access::Read).unwrap();
    let newer = room.open("new", Access::Read).unwrap();
    room.disk
        .rename(&room.path("new"), &room.path("name"))
        .unwrap();
    assert_eq!(room.content("name"), b"new");
    assert_eq!(content(&*older), b"older");
    assert_eq!(content(&*newer), b"new");
    let error = room.disk.kind(&room.path("new")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

fn a_removed_file_is_read_to_its_end_by_who_has_it_open(side: &impl Side) {
    let room = Room::on(side);
    let file = room.write("a", b"body");
    room.disk.remove(&room.path("a")).unwrap();
    assert!(room.disk.list(room.directory.path()).unwrap().is_empty());
    assert_eq!(content(&*file), b"body");
}

fn only_an_empty_directory_is_removed(side: &impl Side) {
    let room = Room::on(side);
    let directory = room.path("d");
    room.disk.create_directory(&directory).unwrap();
    room.write("d/a", b"body");
    let refusal = room.disk.remove_directory(&directory).unwrap_err();
    assert_eq!(refusal.kind(), ErrorKind::DirectoryNotEmpty);
    let refusal = room.disk.remove_directory(&room.path("d/a")).unwrap_err();
    assert_eq!(refusal.kind(), ErrorKind::NotADirectory);
    room.disk.remove(&room.path("d/a")).unwrap();
    room.disk.remove_directory(&directory).unwrap();
    assert!(room.disk.list(room.directory.path()).unwrap().is_empty());
    let refusal = room.disk.remove_directory(&directory).unwrap_err();
    assert_eq!(refusal.kind(), ErrorKind::NotFound);
}

fn a_lock_is_held_against_other_handles_until_the_last_is_dropped(side: &impl Side) {
    let room = Room::on(side);
    let holder = room.write("lock", b"");
    holder.lock_exclusive().unwrap();
    holder.lock_exclusive().unwrap();
    let other = room.open("lock", Access::ReadWrite).unwrap();
    let error = other.lock_exclusive().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
    let second = Arc::clone(&holder);
    drop(holder);
    other.lock_exclusive().unwrap_err();
    drop(second);
    other.lock_exclusive().unwrap();
}

fn what_can_be_written_can_be_synced(side: &impl Side) {
    let room = Room::on(side);
    let file = room.write("a", b"body");
    file.sync().unwrap();
    room.disk.sync_directory(room.directory.path()).unwrap();
    assert_eq!(room.content("a"), b"body");
}

fn usage_is_within_the_total(side: &impl Side) {
    let room = Room::on(side);
    let usage = room.disk.usage(room.directory.path()).unwrap();
    assert!(usage.bytes_total > 0);
    assert!(usage.bytes_free <= usage.bytes_total);
}

/// What a file system keeps for root is neither used nor free: a technician asks `df`.
#[test]
fn what_is_secret_is_read_by_its_user_alone_even_where_it_stood_open() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("key");
    let mode = || std::fs::metadata(&path).unwrap().permissions().mode() & 0o777;
    std::fs::write(&path, "old").unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    let disk = weir_hal::linux::board().disk;
    let file = disk.open(&path, Access::CreatePrivate).unwrap();
    assert_eq!((mode(), file.bytes().unwrap()), (0o600, 0));
    std::fs::remove_file(&path).unwrap();
    disk.open(&path, Access::CreatePrivate).unwrap();
    assert_eq!(mode(), 0o600);
}

#[test]
fn the_fill_of_a_file_system_is_what_df_tells() {
    let folder = TempDir::new().expect("a temporary folder");
    let mut df = std::process::Command::new("df");
    let told = df.args(["-B1", "--output=used,avail"]).arg(folder.path());
    let told = told.output().expect("df is there");
    let told = String::from_utf8(told.stdout).expect("text");
    let numbers = told.lines().nth(1).expect("a line").split_whitespace();
    let df_total: u64 = numbers
        .map(|number| number.parse::<u64>().expect("bytes"))
        .sum();
    let usage = weir_hal::linux::board().disk.usage(folder.path());
    let total = usage.expect("it is there").bytes_total;
    assert!(
        total.abs_diff(df_total) < df_total / 100,
        "{total}, df {df_total}"
    );
}

/// As the root of a box is, on a file system that is never written.
#[test]
fn what_is_never_written_needs_no_syncing() {
    let disk = weir_hal::linux::board().disk;
    disk.sync_directory(Path::new("/proc"))
        .expect("nothing of it can be lost");
}

fn errors_name_act_and_path(side: &impl Side) {
    let room = Room::on(side);
    let missing = Path::new("/there/is/nothing/here");
    let error = room.disk.open(missing, Access::Read).unwrap_err();
    assert_eq!(error.to_string(), "cannot open /there/is/nothing/here");
}
