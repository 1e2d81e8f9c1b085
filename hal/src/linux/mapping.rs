//! Views of a file through memory mappings.
//!
//! Source: mmap(2), munmap(2), madvise(2) with `MADV_RANDOM`, mincore(2).
//!
//! A file is mapped in windows, and the windows used last are kept. Mapping all of it once would
//! be simpler, but the kernel never takes back the page tables of a mapping: one for each 2 MiB
//! ever looked at, 8 GiB for a device of 4 TB that has been read once. The windows kept here have
//! at most 16 MiB of them.
//!
//! Refuses: to write through a mapping.
#![expect(unsafe_code, reason = "mappings have no safe form")]

use std::{
    collections::VecDeque,
    ffi::c_void,
    fs, io,
    num::NonZeroUsize,
    ptr::NonNull,
    slice,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use nix::{
    libc,
    sys::mman::{MapFlags, MmapAdvise, ProtFlags, madvise, mmap, munmap},
};

/// Where windows begin, and how long they are; the last one ends with the file.
const WINDOW_BYTES: u64 = 256 << 20;
/// Windows kept. Those of views that live on stay mapped besides.
const WINDOWS: usize = 32;
/// A multiple of all page sizes of Linux: where the mapping of an odd range may begin.
const ALIGNMENT: u64 = 64 << 10;
/// Pages asked about in one call: 256 KiB and a page, in pages of 4 KiB.
const PROBE_PAGES: usize = 65;

/// The mappings of one file.
#[derive(Debug, Default)]
pub(super) struct Windows {
    /// The one used last comes first.
    recent: Mutex<VecDeque<Arc<Mapping>>>,
}

impl Windows {
    /// The bytes of a range that ends within `file_bytes` at the latest.
    pub(super) fn view(
        &self,
        file: &fs::File,
        offset: u64,
        bytes: usize,
        file_bytes: impl FnOnce() -> io::Result<u64>,
    ) -> io::Result<Bytes> {
        if bytes == 0 {
            return Ok(Bytes::new());
        }
        let mapping = self.mapping(file, (offset, bytes), file_bytes)?;
        let start = mapping.index(offset);
        Ok(Bytes::from_owner(View {
            mapping,
            start,
            bytes,
        }))
    }

    /// Whether all pages of a range are in memory: 1 µs for 256 KiB that were looked at before,
    /// 5 µs otherwise. `preadv2` of a byte in each page takes 50 µs.
    pub(super) fn is_resident(
        &self,
        file: &fs::File,
        offset: u64,
        bytes: usize,
        file_bytes: impl FnOnce() -> io::Result<u64>,
    ) -> io::Result<bool> {
        if bytes == 0 {
            return Ok(true);
        }
        let mapping = self.mapping(file, (offset, bytes), file_bytes)?;
        mapping.is_resident(mapping.index(offset), bytes)
    }

    /// A mapping that holds a range.
    fn mapping(
        &self,
        file: &fs::File,
        (offset, bytes): (u64, usize),
        file_bytes: impl FnOnce() -> io::Result<u64>,
    ) -> io::Result<Arc<Mapping>> {
        let end = offset.checked_add(bytes as u64).ok_or_else(beyond_end)?;
        let mut recent = self.lock();
        if let Some(place) = recent.iter().position(|it| it.holds(offset, end)) {
            let mapping = recent.remove(place).ok_or_else(beyond_end)?;
            recent.push_front(Arc::clone(&mapping));
            return Ok(mapping);
        }
        let file_bytes = file_bytes()?;
        if end > file_bytes {
            return Err(beyond_end());
        }
        let window = offset - offset % WINDOW_BYTES;
        let window_end = (window + WINDOW_BYTES).min(file_bytes);
        if end > window_end {
            // It lies across two windows: few do, and they get a mapping of their own.
            let start = offset - offset % ALIGNMENT;
            return Mapping::new(file, start, end).map(Arc::new);
        }
        // The file may have grown since the window was mapped.
        recent.retain(|it| it.start != window);
        recent.truncate(WINDOWS - 1);
        let mapping = Arc::new(Mapping::new(file, window, window_end)?);
        recent.push_front(Arc::clone(&mapping));
        Ok(mapping)
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Arc<Mapping>>> {
        self.recent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn beyond_end() -> io::Error {
    io::ErrorKind::UnexpectedEof.into()
}

/// Bytes of a file in the address space of this process, for reading.
#[derive(Debug)]
struct Mapping {
    address: NonNull<c_void>,
    bytes: NonZeroUsize,
    /// Where in the file it begins.
    start: u64,
}

// SAFETY: the address stands for memory that any thread may read, and that stays mapped until the
// one drop of this value. Nothing here writes to it.
unsafe impl Send for Mapping {}
// SAFETY: as above.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Maps `start..end` of a file, which is not empty; `start` is a multiple of [`ALIGNMENT`].
    fn new(file: &fs::File, start: u64, end: u64) -> io::Result<Self> {
        let bytes = usize::try_from(end - start)
            .ok()
            .and_then(NonZeroUsize::new);
        let bytes = bytes.ok_or_else(beyond_end)?;
        let offset = libc::off_t::try_from(start).map_err(io::Error::other)?;
        // SAFETY: the kernel chooses the address, so nothing that is mapped is replaced; and what
        // is mapped is only for reading.
        let address = unsafe {
            mmap(
                None,
                bytes,
                ProtFlags::PROT_READ,
                MapFlags::MAP_SHARED,
                file,
                offset,
            )
        }?;
        let mapping = Self {
            address,
            bytes,
            start,
        };
        // SAFETY: the range is that of the mapping just made, and the advice changes no content.
        // It is advice: if it is not taken, more is read than is asked for.
        let _is_taken = unsafe { madvise(address, bytes.get(), MmapAdvise::MADV_RANDOM) }.is_ok();
        Ok(mapping)
    }

    fn holds(&self, offset: u64, end: u64) -> bool {
        self.start <= offset && end <= self.start + self.bytes.get() as u64
    }

    /// Where in the mapping the byte at `offset` of the file lies, if it holds it.
    fn index(&self, offset: u64) -> usize {
        usize::try_from(offset - self.start).unwrap_or(self.bytes.get())
    }

    fn is_resident(&self, start: usize, bytes: usize) -> io::Result<bool> {
        assert!(start < self.bytes.get() && bytes <= self.bytes.get() - start);
        let page = page_bytes();
        let end = start + bytes;
        let mut pages = [0_u8; PROBE_PAGES];
        let mut at = start - start % page;
        while at < end {
            let asked = (end - at).div_ceil(page).min(PROBE_PAGES);
            // SAFETY: `at` lies in the mapping and on a page of it, since the mapping begins on
            // one. The kernel writes a byte for each page of the `asked` ones, for which `pages`
            // has room; a length that is no multiple of a page is taken up to the next one.
            let outcome = unsafe {
                let address = self.address.as_ptr().cast::<u8>().add(at);
                let asked_bytes = (end - at).min(asked * page);
                libc::mincore(address.cast(), asked_bytes, pages.as_mut_ptr())
            };
            nix::errno::Errno::result(outcome)?;
            if pages[..asked].iter().any(|page| page & 1 == 0) {
                return Ok(false);
            }
            at += asked * page;
        }
        Ok(true)
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: the range was mapped by `new` and is unmapped only here. Views hold this value,
        // so none is left.
        let outcome = unsafe { munmap(self.address, self.bytes.get()) };
        debug_assert!(outcome.is_ok(), "what was mapped can be unmapped");
    }
}

/// A part of a mapping, which it keeps alive.
struct View {
    mapping: Arc<Mapping>,
    start: usize,
    bytes: usize,
}

impl AsRef<[u8]> for View {
    fn as_ref(&self) -> &[u8] {
        let mapping = &self.mapping;
        assert!(self.start < mapping.bytes.get());
        assert!(self.bytes <= mapping.bytes.get() - self.start);
        // SAFETY: the range lies in the mapping, as asserted, which stays where it is as long as
        // `self.mapping` does. Any byte is a `u8`. Three things the type cannot see to:
        // - Nobody writes these bytes meanwhile. `crate::File::view` asks that of the callers in
        //   this process, and the store holds a lease of what it views. Another process could
        //   write to the file, as it could to the memory of this one through /proc: the store
        //   locks its file against others of its kind, and its directory is its own.
        // - Nobody cuts the file off below them: the same holds. Where the file ends, looking at
        //   a page raises SIGBUS, which ends this process; it shows no foreign memory.
        // - The device can read a page that is not in memory. If it cannot, user space that looks
        //   at the page gets SIGBUS; a write(2) or sendfile(2) from it fails with EFAULT or EIO.
        //   That is why the store checks with read_at and hands views to the kernel alone.
        unsafe {
            let first = mapping.address.as_ptr().cast::<u8>().add(self.start);
            slice::from_raw_parts(first, self.bytes)
        }
    }
}

fn page_bytes() -> usize {
    // SAFETY: takes and changes nothing of ours.
    let bytes = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    usize::try_from(bytes).unwrap_or(4096)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::FileExt;

    use super::*;

    fn file(bytes: u64) -> fs::File {
        let file = tempfile::tempfile().unwrap();
        file.set_len(bytes).unwrap();
        file
    }

    fn view(windows: &Windows, file: &fs::File, offset: u64) -> Bytes {
        let file_bytes = || file.metadata().map(|metadata| metadata.len());
        windows.view(file, offset, 5, file_bytes).unwrap()
    }

    #[test]
    fn a_view_may_lie_anywhere_and_across_windows() {
        let (windows, file) = (Windows::default(), file(2 * WINDOW_BYTES + 5));
        for offset in [0, 1_000, WINDOW_BYTES - 3, WINDOW_BYTES, 2 * WINDOW_BYTES] {
            file.write_all_at(b"bytes", offset).unwrap();
            assert_eq!(view(&windows, &file, offset), "bytes", "at {offset}");
        }
        assert_eq!(windows.lock().len(), 3, "one for each window");
    }

    #[test]
    fn a_window_at_the_end_grows_with_its_file() {
        let (windows, file) = (Windows::default(), file(5));
        file.write_all_at(b"12345more.", 0).unwrap();
        let first = view(&windows, &file, 0);
        assert_eq!(view(&windows, &file, 5), "more.");
        assert_eq!((windows.lock().len(), &first[..]), (1, &b"12345"[..]));
    }

    #[test]
    fn few_windows_are_kept_and_views_keep_their_own() {
        let (windows, file) = (Windows::default(), file(100 * WINDOW_BYTES));
        let views: Vec<Bytes> = (0..100)
            .map(|window| {
                let offset = window * WINDOW_BYTES;
                let number = format!("{window:05}");
                file.write_all_at(number.as_bytes(), offset).unwrap();
                view(&windows, &file, offset)
            })
            .collect();
        assert_eq!(windows.lock().len(), WINDOWS);
        for (number, view) in views.iter().enumerate() {
            assert_eq!(*view, format!("{number:05}"));
        }
    }

    #[test]
    fn what_was_written_is_resident_and_a_hole_is_not() {
        let (windows, file) = (Windows::default(), file(1 << 20));
        let written = vec![7; 512 << 10];
        file.write_all_at(&written, 0).unwrap();
        let file_bytes = || file.metadata().map(|metadata| metadata.len());
        let is_resident = |offset, bytes| windows.is_resident(&file, offset, bytes, file_bytes);
        assert!(is_resident(0, 512 << 10).unwrap());
        assert!(is_resident(4_097, 300_001).unwrap());
        assert!(!is_resident((512 << 10) - 1, 2).unwrap());
    }
}
