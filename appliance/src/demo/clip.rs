//! The clip that the demo sends: four seconds in three renditions, from `clip/make`.
//!
//! 100 pictures of 25 a second last as long as 125 AAC frames of 1024 samples at 32 kHz, so it
//! loops without a gap or an overlap. All three have the same time stamps and a closed group of
//! pictures each second.

use std::net::Ipv4Addr;

use crate::send::Content;

/// One rendition of the clip.
#[derive(Debug)]
pub(super) struct Clip {
    pub(super) name: &'static str,
    pub(super) group: Ipv4Addr,
    bytes: &'static [u8],
}

/// The renditions, best first. Their groups are of the block for use within an organisation
/// (RFC 2365 §6.1, 239.255.0.0/16), and never leave this machine.
pub(super) const CLIPS: [Clip; 3] = [
    Clip {
        name: "360p",
        group: Ipv4Addr::new(239, 255, 77, 1),
        bytes: include_bytes!("clip/360p.ts"),
    },
    Clip {
        name: "240p",
        group: Ipv4Addr::new(239, 255, 77, 2),
        bytes: include_bytes!("clip/240p.ts"),
    },
    Clip {
        name: "144p",
        group: Ipv4Addr::new(239, 255, 77, 3),
        bytes: include_bytes!("clip/144p.ts"),
    },
];

impl Clip {
    /// The transport stream, to be sent.
    pub(super) fn content(&self) -> Content {
        Content::built_in(self.name, self.bytes)
    }
}
