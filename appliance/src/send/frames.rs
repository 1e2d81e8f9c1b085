//! The datagrams of a capture, off the disk.

use std::{collections::BTreeMap, net::SocketAddr};

use super::{Content, Error};
use crate::capture::{PassedOver, RECORD_BYTES_MAX, Records, Step, Udp};

/// Destinations that are told apart; what goes to further ones is passed over.
const DESTINATIONS_MAX: usize = 64;

/// Frames that were not sent, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Unsent {
    /// Parts of datagrams.
    pub fragments: u64,
    /// Datagrams that were not captured whole.
    pub cut_short: u64,
    /// Frames of other protocols.
    pub others: u64,
}

/// The datagrams of a capture, front to back.
///
/// # Limits
/// Holds two records of the longest kind, half a MiB.
#[derive(Debug)]
pub(super) struct Frames {
    content: Content,
    records: Records,
    buffer: Box<[u8]>,
    /// What of the buffer is not read yet.
    unread: std::ops::Range<usize>,
    /// Where in the file the buffer ends.
    offset: u64,
    unsent: Unsent,
}

impl Frames {
    pub(super) fn new(content: Content) -> Self {
        Self {
            content,
            records: Records::new(),
            buffer: vec![0; 2 * RECORD_BYTES_MAX].into_boxed_slice(),
            unread: 0..0,
            offset: 0,
            unsent: Unsent::default(),
        }
    }

    /// Begins anew.
    pub(super) fn rewind(&mut self) {
        (self.records, self.unread, self.offset) = (Records::new(), 0..0, 0);
    }

    /// Bytes of the file that were read.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// Frames that held no datagram.
    pub(super) fn unsent(&self) -> Unsent {
        self.unsent
    }

    /// Calls `each` with the next datagram and the time at which it was captured, in nanoseconds
    /// since 1970. False when there is none left.
    pub(super) fn next(&mut self, mut each: impl FnMut(u64, &Udp<'_>)) -> Result<bool, Error> {
        loop {
            let rest = &self.buffer[self.unread.clone()];
            let step = self.records.step(rest).map_err(|source| Error::Capture {
                name: self.content.name().to_owned(),
                source,
            })?;
            let needed = match step {
                Step::Frame { frame, used } => {
                    let passed_over = match frame.udp() {
                        Ok(udp) => {
                            each(frame.at_ns, &udp);
                            None
                        }
                        Err(why) => Some(why),
                    };
                    self.pass(used);
                    match passed_over {
                        None => return Ok(true),
                        Some(PassedOver::Fragment) => self.unsent.fragments += 1,
                        Some(PassedOver::CutShort) => self.unsent.cut_short += 1,
                        Some(PassedOver::Other) => self.unsent.others += 1,
                    }
                    continue;
                }
                Step::Other { used } => {
                    self.pass(used);
                    continue;
                }
                Step::Short { needed } => needed,
            };
            if !self.fill(needed)? {
                return Ok(false);
            }
        }
    }

    /// Goes on behind so many bytes, which may not have been read.
    fn pass(&mut self, bytes: u64) {
        match usize::try_from(bytes) {
            Ok(bytes) if bytes <= self.unread.len() => self.unread.start += bytes,
            _ => {
                let beyond = bytes - self.unread.len() as u64;
                self.offset = self.offset.saturating_add(beyond);
                self.unread = 0..0;
            }
        }
    }

    /// Reads until `needed` bytes are there. False if the file has no more of them.
    fn fill(&mut self, needed: usize) -> Result<bool, Error> {
        self.buffer.copy_within(self.unread.clone(), 0);
        self.unread = 0..self.unread.len();
        while self.unread.len() < needed {
            let room = &mut self.buffer[self.unread.end..];
            let count = self.content.read_at(room, self.offset)?;
            if count == 0 {
                return Ok(false);
            }
            self.unread.end += count;
            self.offset += count as u64;
        }
        Ok(true)
    }
}

/// Which destination of a capture is sent: `wanted`, the only one, or the only group.
pub(super) fn choose(content: &Content, wanted: Option<SocketAddr>) -> Result<SocketAddr, Error> {
    let mut found = BTreeMap::new();
    let mut frames = Frames::new(content.clone());
    while frames.next(|_, udp| {
        if found.len() < DESTINATIONS_MAX || found.contains_key(&udp.destination) {
            *found.entry(udp.destination).or_insert(0_u64) += 1;
        }
    })? {}
    let name = content.name().to_owned();
    if let Some(wanted) = wanted.filter(|wanted| found.contains_key(wanted)) {
        return Ok(wanted);
    }
    let groups: Vec<_> = found.keys().filter(|it| it.ip().is_multicast()).collect();
    let all: Vec<_> = found.keys().collect();
    match (wanted, &groups[..], &all[..]) {
        (None, [only], _) | (None, _, [only]) => Ok(**only),
        (_, _, []) => Err(Error::NoDatagram { name }),
        _ => {
            let told = |(to, count): (&SocketAddr, &u64)| format!("{to} ({count} datagrams)");
            let found: Vec<_> = found.iter().map(told).collect();
            let found = found.join(", ");
            Err(Error::Destination { name, found })
        }
    }
}
