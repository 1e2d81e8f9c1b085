//! What is found by looking at a store, as a tool may tell it.

use std::path::PathBuf;

use bytes::Bytes;
use weir_hal::{FileKind, Wall};

use super::Recorded;
use crate::{Class, Key, engine::stored::Record};

/// Whether somebody uses a store, or how it was left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// A process has it open.
    InUse,
    /// It was closed in order.
    Closed,
    /// The process that used it was ended, or the power failed.
    Interrupted,
}

impl Condition {
    /// A stable word for machines.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InUse => "in_use",
            Self::Closed => "closed",
            Self::Interrupted => "interrupted",
        }
    }
}

/// What can be told of a store without reading its records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// The file or device.
    pub path: PathBuf,
    /// Which of the two.
    pub kind: FileKind,
    /// Version of the layout.
    pub version: u32,
    /// Whether it is in use, or how it was left.
    pub condition: Condition,
    /// Bytes of the file or device.
    pub file_bytes: u64,
    /// Bytes of each region.
    pub region_bytes: u64,
    /// Regions of the store: all that follow.
    pub regions: u64,
    /// Regions without records.
    pub regions_free: u64,
    /// Regions that records are added to.
    pub regions_open: u64,
    /// Regions that are full.
    pub regions_sealed: u64,
    /// Regions given up because the device failed in them.
    pub regions_bad: u64,
    /// What there is of each class, in the order of [`Class::ALL`].
    pub classes: [(Class, Total); Class::ALL.len()],
}

impl Summary {
    /// What there is of all classes.
    pub fn total(&self) -> Total {
        let totals = self.classes.iter().map(|(_, total)| *total);
        totals.fold(Total::default(), |sum, total| Total {
            objects: sum.objects + total.objects,
            bytes: sum.bytes + total.bytes,
        })
    }
}

/// Some objects together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Total {
    /// How many.
    pub objects: u64,
    /// Bytes of their records, in pages of 4 KiB.
    pub bytes: u64,
}

/// An object that the next start would find.
#[derive(Debug)]
pub struct Held {
    pub(super) record: Record,
    pub(super) recorded: Recorded,
    /// The parts that precede the record.
    pub(super) parts: Vec<Recorded>,
}

impl Held {
    /// The name.
    pub const fn key(&self) -> &Key {
        &self.record.header.key
    }

    /// How long it was thought to be wanted.
    pub const fn class(&self) -> Class {
        self.record.header.class
    }

    /// Bytes of the object.
    pub fn bytes(&self) -> u64 {
        let parts = self.record.header.chain.part_bytes.iter();
        let parts: u64 = parts.map(|bytes| u64::from(*bytes)).sum();
        parts + self.record.header.body_bytes
    }

    /// When it was written, to the second.
    pub const fn written_at(&self) -> Wall {
        Wall::from_nanos(self.record.header.written_at.saturating_mul(1_000_000_000))
    }

    /// What its writer left for its own use.
    pub const fn metadata(&self) -> &Bytes {
        &self.record.header.metadata
    }

    /// Bytes it takes in the store.
    pub fn record_bytes(&self) -> u64 {
        let parts: u64 = self.parts.iter().map(Recorded::bytes).sum();
        parts + self.recorded.bytes()
    }

    /// The region it lies in; of a long object its end.
    pub const fn region(&self) -> u32 {
        self.recorded.region
    }

    /// Its first page there.
    pub const fn page(&self) -> u32 {
        self.recorded.entry.page
    }
}

/// A record that should tell an object and does not.
#[derive(Debug)]
pub struct Lost {
    /// The region it lies in.
    pub region: u32,
    /// Its first page there.
    pub page: u32,
    /// Bytes it takes in the store.
    pub record_bytes: u64,
    /// Why it cannot be had.
    pub flaw: Flaw,
}

/// Why bytes of a store cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum Flaw {
    /// It was written over, or was still being written, while it was looked at. No damage.
    #[error("changed while it was read")]
    Moved,
    /// The header is not what was written.
    #[error("damaged header")]
    Header,
    /// A part of a long object is not there.
    #[error("missing part")]
    Part,
    /// A piece of the body is not what was written.
    #[error("damaged body, in the 256 KiB from byte {offset} of the object on")]
    Body {
        /// Where in the object the piece begins.
        offset: u64,
    },
    /// The device cannot read.
    #[error("unreadable at offset {offset} of the store")]
    Unreadable {
        /// Where in the file or device.
        offset: u64,
        /// Why not.
        #[source]
        source: weir_hal::Error,
    },
}

impl Flaw {
    /// A stable word for machines.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Moved => "moved",
            Self::Header => "damaged_header",
            Self::Part => "missing_part",
            Self::Body { .. } => "damaged_body",
            Self::Unreadable { .. } => "unreadable",
        }
    }

    /// Whether the object would be dropped for it.
    pub const fn is_damage(&self) -> bool {
        !matches!(self, Self::Moved)
    }
}
