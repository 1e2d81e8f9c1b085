//! What is sent: a file on disk, read in pieces as it is needed, or bytes built into the program.

use std::{fmt::Debug, path::Path, sync::Arc};

use weir_hal::{Access, Disk, File};

use crate::{
    capture::is_capture,
    demux::{Counters, Packet, PacketSync},
    send::{Error, Pace, pace::PaceSearch},
};

/// Bytes read from the disk at a time: 26 ms of a 20 Mb/s stream.
const READ_BYTES: usize = 65_536;

/// Packets one read can yield at most, with those that were held over from the read before.
pub(super) const READ_PACKETS_MAX: usize = READ_BYTES / crate::demux::PACKET_BYTES + 16;

/// A transport stream to be sent.
#[derive(Debug, Clone)]
pub struct Content {
    name: String,
    bytes: Bytes,
}

#[derive(Debug, Clone)]
enum Bytes {
    OnDisk(Arc<dyn File>),
    BuiltIn(&'static [u8]),
}

impl Content {
    /// Opens a file.
    ///
    /// # Errors
    /// [`Error::Read`] when it is missing or may not be read.
    pub fn open(disk: &dyn Disk, path: &Path) -> Result<Self, Error> {
        let name = path.display().to_string();
        match disk.open(path, Access::Read) {
            Ok(file) => Ok(Self {
                name,
                bytes: Bytes::OnDisk(file),
            }),
            Err(source) => Err(Error::Read { name, source }),
        }
    }

    /// Takes bytes that are part of the program; `name` stands for them in messages.
    pub fn built_in(name: &str, bytes: &'static [u8]) -> Self {
        Self {
            name: name.to_owned(),
            bytes: Bytes::BuiltIn(bytes),
        }
    }

    /// The path, or what the bytes are called.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Present size in bytes.
    ///
    /// # Errors
    /// [`Error::Read`] when the device refuses.
    pub fn bytes(&self) -> Result<u64, Error> {
        match &self.bytes {
            Bytes::OnDisk(file) => file.bytes().map_err(|source| self.read_error(source)),
            Bytes::BuiltIn(bytes) => Ok(bytes.len() as u64),
        }
    }

    /// Reads on until the pace is known, at most to the end.
    ///
    /// # Errors
    /// [`Error::Unpaced`] when no PID has two successive PCRs; [`Error::Read`].
    pub(super) fn pace(&self) -> Result<Pace, Error> {
        let mut reader = Reader::new(self.clone());
        let mut search = PaceSearch::default();
        let mut pace = None;
        loop {
            let is_end = reader.read(|packet| {
                if pace.is_none() {
                    pace = search.push(packet);
                }
            })?;
            if let Some(pace) = pace {
                return Ok(pace);
            }
            if is_end {
                return Err(self.unpaced());
            }
        }
    }

    /// The error of a content without a pace.
    pub(super) fn unpaced(&self) -> Error {
        let name = self.name.clone();
        Error::Unpaced { name }
    }

    /// Whether it begins like a capture.
    ///
    /// # Errors
    /// [`Error::Read`] when the device refuses.
    pub fn is_capture(&self) -> Result<bool, Error> {
        let mut head = [0; 4];
        let count = self.read_at(&mut head, 0)?;
        Ok(count == head.len() && is_capture(&head))
    }

    pub(super) fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<usize, Error> {
        match &self.bytes {
            Bytes::OnDisk(file) => file
                .read_at(buffer, offset)
                .map_err(|source| self.read_error(source)),
            Bytes::BuiltIn(bytes) => {
                let start = usize::try_from(offset).unwrap_or(usize::MAX);
                let rest = bytes.get(start..).unwrap_or_default();
                let count = rest.len().min(buffer.len());
                buffer[..count].copy_from_slice(&rest[..count]);
                Ok(count)
            }
        }
    }

    fn read_error(&self, source: weir_hal::Error) -> Error {
        let name = self.name.clone();
        Error::Read { name, source }
    }
}

/// Reads packets in order, as often from the start as is wanted. Bytes that belong to no packet
/// are passed over.
#[derive(Debug)]
pub(super) struct Reader {
    content: Content,
    offset: u64,
    buffer: Box<[u8]>,
    sync: PacketSync,
    counters: Counters,
}

impl Reader {
    pub(super) fn new(content: Content) -> Self {
        Self {
            content,
            offset: 0,
            buffer: vec![0; READ_BYTES].into_boxed_slice(),
            sync: PacketSync::new(),
            counters: Counters::default(),
        }
    }

    /// Calls `each` for the next packets; true when these were the last.
    pub(super) fn read(&mut self, mut each: impl FnMut(Packet<'_>)) -> Result<bool, Error> {
        let count = self.content.read_at(&mut self.buffer, self.offset)?;
        self.offset += count as u64;
        let bytes = &self.buffer[..count];
        self.sync.push(bytes, &mut self.counters, &mut each);
        let is_end = count < READ_BYTES;
        if is_end {
            self.sync.finish(&mut self.counters, &mut each);
        }
        Ok(is_end)
    }

    /// Goes back to the start.
    pub(super) fn rewind(&mut self) {
        self.offset = 0;
        self.sync = PacketSync::new();
    }

    /// Bytes read since the start.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    pub(super) fn content(&self) -> &Content {
        &self.content
    }
}
