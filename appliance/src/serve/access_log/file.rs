//! A file of lines that is put aside when it is long.
//!
//! `access.log` becomes `access.log.1`, that `access.log.2`, and so on; the last one goes. So the
//! log never takes more than [`Rotation::bytes_max`] times [`Rotation::files`], and a chunk of
//! lines. If somebody else puts the file aside, a new one is begun.

use std::{
    io::{self, ErrorKind, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

use weir_hal::{Access, Disk, Error, File};

/// How a file is rotated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rotation {
    /// The file that lines are added to.
    pub(super) path: PathBuf,
    /// Bytes from which it is put aside.
    pub(super) bytes_max: u64,
    /// Files there are at most, this one among them.
    pub(super) files: u32,
}

/// The file, once there are lines for it.
#[derive(Debug)]
pub(super) struct LogFile {
    disk: Arc<dyn Disk>,
    rotation: Rotation,
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    file: Arc<dyn File>,
    bytes: u64,
}

impl LogFile {
    pub(super) fn new(disk: Arc<dyn Disk>, rotation: Rotation) -> Self {
        Self {
            disk,
            rotation,
            open: None,
        }
    }

    /// Adds a chunk of lines, which stay together.
    fn add(&mut self, lines: &[u8]) -> Result<(), Error> {
        let is_there = self.disk.kind(&self.rotation.path).is_ok();
        let mut open = match self.open.take().filter(|_| is_there) {
            Some(open) => open,
            None => self.begin()?,
        };
        if open.bytes > 0 && open.bytes + lines.len() as u64 > self.rotation.bytes_max {
            drop(open);
            self.put_aside()?;
            open = self.begin()?;
        }
        open.file.write_at(lines, open.bytes)?;
        open.bytes += lines.len() as u64;
        self.open = Some(open);
        Ok(())
    }

    /// Opens the file, or makes it.
    fn begin(&self) -> Result<Open, Error> {
        let path = &self.rotation.path;
        let file = match self.disk.open(path, Access::ReadWrite) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                if let Some(directory) = path.parent() {
                    self.disk.create_directory(directory)?;
                }
                self.disk.open(path, Access::Create)?
            }
            opened => opened?,
        };
        let bytes = file.bytes()?;
        Ok(Open { file, bytes })
    }

    /// Gives every file the name of the next one.
    fn put_aside(&self) -> Result<(), Error> {
        let aside = |number| numbered(&self.rotation.path, number);
        let last = self.rotation.files.saturating_sub(1);
        if last == 0 {
            return self.disk.remove(&self.rotation.path);
        }
        for number in (1..last).rev() {
            let renamed = self.disk.rename(&aside(number), &aside(number + 1));
            renamed.or_else(unless_missing)?;
        }
        self.disk.rename(&self.rotation.path, &aside(1))
    }
}

impl Write for LogFile {
    fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
        self.add(lines).map_err(io::Error::other)?;
        Ok(lines.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn unless_missing(error: Error) -> Result<(), Error> {
    if error.kind() == ErrorKind::NotFound {
        Ok(())
    } else {
        Err(error)
    }
}

fn numbered(path: &Path, number: u32) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{number}"));
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use weir_hal::sim;

    use super::*;

    fn content(disk: &sim::Disk, path: &str) -> Option<String> {
        let file = disk.open(Path::new(path), Access::Read).ok()?;
        let mut bytes = vec![0; usize::try_from(file.bytes().ok()?).ok()?];
        file.read_at(&mut bytes, 0).ok()?;
        String::from_utf8(bytes).ok()
    }

    fn log(disk: &sim::Disk, files: u32) -> LogFile {
        let rotation = Rotation {
            path: "/log/a".into(),
            bytes_max: 4,
            files,
        };
        LogFile::new(Arc::new(disk.clone()), rotation)
    }

    #[test]
    fn a_long_file_is_put_aside_and_the_last_one_goes() {
        let disk = sim::Disk::new(1);
        let mut log = log(&disk, 3);
        for line in ["1\n", "2\n", "3\n", "4\n", "55555\n", "6\n", "7\n"] {
            log.write_all(line.as_bytes()).expect("room");
        }
        let files = ["/log/a", "/log/a.1", "/log/a.2", "/log/a.3"];
        let contents = files.map(|path| content(&disk, path));
        let expected = [Some("6\n7\n"), Some("55555\n"), Some("3\n4\n"), None];
        assert_eq!(contents, expected.map(|text| text.map(str::to_owned)));
    }

    #[test]
    fn one_file_begins_anew() {
        let disk = sim::Disk::new(1);
        let mut log = log(&disk, 1);
        for line in ["1\n", "2\n", "3\n"] {
            log.write_all(line.as_bytes()).expect("room");
        }
        assert_eq!(content(&disk, "/log/a").as_deref(), Some("3\n"));
        assert_eq!(content(&disk, "/log/a.1"), None);
    }

    #[test]
    fn goes_on_where_it_left_off_and_begins_anew_when_the_file_has_gone() {
        let disk = sim::Disk::new(1);
        log(&disk, 3).write_all(b"1\n").expect("room");
        let mut log = log(&disk, 3);
        log.write_all(b"2\n").expect("room");
        assert_eq!(content(&disk, "/log/a").as_deref(), Some("1\n2\n"));
        disk.rename(Path::new("/log/a"), Path::new("/log/b"))
            .expect("it is there");
        log.write_all(b"3\n").expect("room");
        assert_eq!(content(&disk, "/log/a").as_deref(), Some("3\n"));
        assert_eq!(content(&disk, "/log/b").as_deref(), Some("1\n2\n"));
    }

    #[test]
    fn a_refused_write_is_tried_again_with_the_next_lines() {
        let disk = sim::Disk::new(1);
        let mut log = log(&disk, 3);
        disk.set_bytes_free(0);
        assert!(log.write_all(b"1\n").is_err());
        disk.set_bytes_free(1 << 20);
        log.write_all(b"2\n").expect("room");
        assert_eq!(content(&disk, "/log/a").as_deref(), Some("2\n"));
    }
}
