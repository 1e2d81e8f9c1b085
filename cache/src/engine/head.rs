//! Reading the head of a record where the index says that one is; of a small record all, in the
//! same read.

use weir_hal::{Error, File};

use super::{format::PAGE, hot::SMALL_PAGES, record::Header, state::Candidate};

/// Where a record should be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) offset: u64,
    pages: u32,
    generation: u64,
}

/// The beginning of a record.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) header: Header,
    /// The body of a small record, unchecked.
    pub(super) body: Option<Vec<u8>>,
}

/// What a read found.
#[derive(Debug)]
pub(super) enum Finding {
    Head(Box<Head>),
    /// Damage, a record that was killed, or another one.
    Nothing,
    /// Nothing yet: the device has to be waited for.
    Wait,
}

impl Place {
    /// Of the record of a candidate, which begins at `offset` of the store.
    pub(super) const fn of(candidate: &Candidate, offset: u64) -> Self {
        Self {
            offset,
            pages: candidate.item.pages,
            generation: candidate.generation,
        }
    }

    /// Reads the head. Blocks.
    pub(super) fn read(&self, file: &dyn File) -> Result<Finding, Error> {
        self.read_by(|buffer| {
            let filled = file.read_at(buffer, self.offset)?;
            buffer.truncate(filled);
            Ok(true)
        })
    }

    /// Reads the head if it is in memory.
    pub(super) fn read_resident(&self, file: &dyn File) -> Result<Finding, Error> {
        self.read_by(|buffer| file.read_resident_at(buffer, self.offset))
    }

    /// Reads the head by `fill`, which returns false where it would have to wait.
    fn read_by(
        &self,
        mut fill: impl FnMut(&mut Vec<u8>) -> Result<bool, Error>,
    ) -> Result<Finding, Error> {
        let is_small = self.pages <= SMALL_PAGES;
        let pages = if is_small { self.pages as usize } else { 1 };
        let mut bytes = vec![0; pages * PAGE];
        if !fill(&mut bytes)? {
            return Ok(Finding::Wait);
        }
        let Some(head_bytes) = Header::bytes_told(&bytes) else {
            return Ok(Finding::Nothing);
        };
        if head_bytes > bytes.len() {
            bytes.resize(head_bytes, 0);
            if !fill(&mut bytes)? {
                return Ok(Finding::Wait);
            }
        }
        let header = Header::decode(&bytes).filter(|header| self.is_of(header));
        Ok(header.map_or(Finding::Nothing, |header| {
            let body = is_small.then(|| body_of(&header, bytes)).flatten();
            Finding::Head(Box::new(Head { header, body }))
        }))
    }

    fn is_of(&self, header: &Header) -> bool {
        !header.is_dead
            && header.generation == self.generation
            && header.pages() == Some(self.pages)
    }
}

/// The body behind its header.
fn body_of(header: &Header, mut record: Vec<u8>) -> Option<Vec<u8>> {
    let start = header.bytes();
    let end = start.checked_add(usize::try_from(header.body_bytes).ok()?)?;
    if end > record.len() {
        return None;
    }
    record.truncate(end);
    Some(record.split_off(start))
}
