//! One group of a capture on its way to one destination, with the capture's own timing: bursts,
//! gaps and losses come as they came then.
//!
//! Refuses: to change a byte. Looped, time stamps and sequence numbers jump, as those of an encoder
//! that starts again.

use std::{net::SocketAddr, time::Duration};

use weir_hal::MulticastSender;

use super::{
    Content, Error,
    frames::{Frames, Unsent, choose},
};

/// The pause before the next pass, at least: a capture of one datagram must not be a flood.
const PASS_PAUSE_MIN: Duration = Duration::from_millis(1);

/// One group of a capture and its destination.
#[derive(Debug)]
pub(super) struct Replay<S> {
    sender: S,
    frames: Frames,
    group: SocketAddr,
    is_looping: bool,
    /// When the first of it was captured, in nanoseconds since 1970.
    first_ns: Option<u64>,
    /// When this pass began, and when the present datagram is due, since the first was.
    begun: Duration,
    due: Duration,
    datagram: Vec<u8>,
    has_datagram: bool,
    datagrams_of_pass: u32,
    passes: u64,
}

impl<S: MulticastSender> Replay<S> {
    /// Finds the group, and its first datagram.
    pub(super) fn new(
        content: Content,
        sender: S,
        (group, is_looping): (Option<SocketAddr>, bool),
    ) -> Result<Self, Error> {
        let mut replay = Self {
            sender,
            group: choose(&content, group)?,
            frames: Frames::new(content),
            is_looping,
            first_ns: None,
            begun: Duration::ZERO,
            due: Duration::ZERO,
            datagram: Vec::new(),
            has_datagram: false,
            datagrams_of_pass: 0,
            passes: 0,
        };
        replay.advance()?;
        Ok(replay)
    }

    /// When the present datagram is due, since the first was; `None` when all has been sent.
    pub(super) fn due(&self) -> Option<Duration> {
        self.has_datagram.then_some(self.due)
    }

    pub(super) fn datagram_bytes(&self) -> usize {
        self.datagram.len()
    }

    /// Times the capture was read to its end.
    pub(super) fn passes(&self) -> u64 {
        self.passes
    }

    /// Bytes of the file read in this pass.
    pub(super) fn offset(&self) -> u64 {
        self.frames.offset()
    }

    pub(super) fn unsent(&self) -> Unsent {
        self.frames.unsent()
    }

    pub(super) fn send(&mut self) -> Result<(), weir_hal::Error> {
        self.sender.send(&self.datagram)
    }

    /// Finds the next datagram, or none when all has been sent.
    pub(super) fn advance(&mut self) -> Result<(), Error> {
        self.has_datagram = self.find()?;
        // `choose` has seen one, unless the file has changed since.
        if !self.has_datagram && self.datagrams_of_pass > 0 {
            self.passes += 1;
            if self.is_looping {
                self.begin_again();
                self.has_datagram = self.find()?;
            }
        }
        Ok(())
    }

    fn find(&mut self) -> Result<bool, Error> {
        let Self {
            frames,
            group,
            datagram,
            first_ns,
            begun,
            due,
            ..
        } = self;
        let mut is_found = false;
        while !is_found {
            let is_more = frames.next(|at_ns, udp| {
                if udp.destination != *group {
                    return;
                }
                is_found = true;
                datagram.clear();
                datagram.extend_from_slice(udp.payload);
                let since = at_ns.saturating_sub(*first_ns.get_or_insert(at_ns));
                // What was captured out of order goes out as soon as what stands before it.
                *due = (*begun + Duration::from_nanos(since)).max(*due);
            })?;
            if !is_more {
                return Ok(false);
            }
        }
        self.datagrams_of_pass = self.datagrams_of_pass.saturating_add(1);
        Ok(true)
    }

    /// The next pass begins a usual distance behind the last datagram.
    fn begin_again(&mut self) {
        let distances = self.datagrams_of_pass.saturating_sub(1).max(1);
        let usual = self.due.saturating_sub(self.begun) / distances;
        self.begun = self.due + usual.max(PASS_PAUSE_MIN);
        self.datagrams_of_pass = 0;
        self.frames.rewind();
    }
}
