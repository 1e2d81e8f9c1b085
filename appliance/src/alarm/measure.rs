//! What the engine is given to judge.

use std::sync::Arc;

use weir_hal::{Monotonic, Wall};

use crate::alarm::{Kind, Reading, Resource};

/// A moment by both clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Moment {
    /// For holds and windows.
    pub monotonic: Monotonic,
    /// For people.
    pub wall: Wall,
}

/// One reading of one resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Measure {
    /// The kind of alarm that it decides on.
    pub kind: Kind,
    /// What was measured.
    pub resource: Resource,
    /// What was read.
    pub reading: Reading,
    /// What it comes through, whose alarms explain it too.
    pub through: Option<Resource>,
    /// What else a person would want to know, if it is bad.
    pub detail: Option<Arc<str>>,
}

impl Measure {
    /// A reading without more words.
    pub const fn new(kind: Kind, resource: Resource, reading: Reading) -> Self {
        Self {
            kind,
            resource,
            reading,
            through: None,
            detail: None,
        }
    }

    /// The same of something that comes through another.
    #[must_use]
    pub fn through(self, through: Option<Resource>) -> Self {
        Self { through, ..self }
    }

    /// The same with a word to people.
    #[must_use]
    pub fn because(self, detail: Option<Arc<str>>) -> Self {
        Self { detail, ..self }
    }
}
