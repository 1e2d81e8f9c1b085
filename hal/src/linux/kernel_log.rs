//! What the kernel has said, from `/dev/kmsg`.
//!
//! Source: Documentation/ABI/testing/dev-kmsg: each read gives one record,
//! `priority,number,microseconds,flags;text`, and lines behind it that begin with a space are
//! about its device. A record that was overwritten meanwhile reads as EPIPE.
//!
//! Refuses: to wait for more. The device is read until it has nothing.

use std::{
    collections::VecDeque,
    fs::{File, OpenOptions},
    io::{self, Read},
    os::unix::fs::OpenOptionsExt as _,
};

use nix::libc::{EPIPE, O_NONBLOCK};

use crate::Error;

const DEVICE: &str = "/dev/kmsg";

/// Bytes of one record: the kernel makes none longer.
const RECORD_BYTES_MAX: usize = 8_192;

/// Records that are read: more than the largest buffer of a kernel holds.
const RECORDS_MAX: usize = 1 << 20;

/// The newest lines that have at most `bytes_max` bytes together.
pub(super) fn messages(bytes_max: usize) -> Result<String, Error> {
    read_all(bytes_max).map_err(|source| Error::Sensor {
        what: "kernel messages from /dev/kmsg",
        source,
    })
}

fn read_all(bytes_max: usize) -> io::Result<String> {
    let mut options = OpenOptions::new();
    options.read(true).custom_flags(O_NONBLOCK);
    #[expect(
        clippy::disallowed_methods,
        reason = "hal::linux is where the ban on files ends"
    )]
    let mut device = options.open(DEVICE)?;
    let mut newest = Newest::new(bytes_max);
    let mut record = vec![0; RECORD_BYTES_MAX];
    for _ in 0..RECORDS_MAX {
        let Some(bytes) = read_record(&mut device, &mut record)? else {
            break;
        };
        let record = record.get(..bytes).unwrap_or_default();
        if let Some(line) = line_of(&String::from_utf8_lossy(record)) {
            newest.push(line);
        }
    }
    Ok(newest.into_text())
}

/// Reads one record; `None` if there is none left.
fn read_record(device: &mut File, record: &mut [u8]) -> io::Result<Option<usize>> {
    loop {
        match device.read(record) {
            Ok(0) => return Ok(None),
            Ok(bytes) => return Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
            // Overwritten, or interrupted: the next call reads what is there now.
            Err(error) if error.raw_os_error() == Some(EPIPE) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// The first line of a record as people read it.
fn line_of(record: &str) -> Option<String> {
    let (head, text) = record.split_once(';')?;
    let text = text.lines().next()?;
    let mut fields = head.split(',');
    let priority: u32 = fields.next()?.parse().ok()?;
    let micros: u64 = fields.nth(1)?.parse().ok()?;
    let (level, seconds) = (priority % 8, micros / 1_000_000);
    let micros = micros % 1_000_000;
    Some(format!("<{level}>[{seconds:>5}.{micros:06}] {text}\n"))
}

/// The last lines of many.
#[derive(Debug)]
struct Newest {
    lines: VecDeque<String>,
    bytes: usize,
    bytes_max: usize,
}

impl Newest {
    const fn new(bytes_max: usize) -> Self {
        Self {
            lines: VecDeque::new(),
            bytes: 0,
            bytes_max,
        }
    }

    fn push(&mut self, line: String) {
        self.bytes += line.len();
        self.lines.push_back(line);
        while self.bytes > self.bytes_max {
            let oldest = self.lines.pop_front();
            self.bytes -= oldest.map_or(self.bytes, |line| line.len());
        }
    }

    fn into_text(self) -> String {
        self.lines.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_a_line_with_its_level_and_time() {
        let record = "30,339,5140900,-;eth0: link is down\n SUBSYSTEM=net\n DEVICE=n2\n";
        let line = "<6>[    5.140900] eth0: link is down\n".to_owned();
        assert_eq!(line_of(record), Some(line));
        for foreign in ["", "no head", "x,1,2,-;text", "6,1;text", "6,1,2,-;"] {
            assert_eq!(line_of(foreign), None, "{foreign:?}");
        }
    }

    #[test]
    fn the_oldest_lines_go() {
        let mut newest = Newest::new(7);
        for line in ["one\n", "two\n", "six\n", "10\n"] {
            newest.push(line.to_owned());
        }
        assert_eq!(newest.into_text(), "six\n10\n");
    }
}
