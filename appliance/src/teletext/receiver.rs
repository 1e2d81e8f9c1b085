//! From transport packets to what is to be seen of a page.

use crate::{
    demux::{Packet, Pid, Pts},
    teletext::{
        Counters, Region, collector::Collector, data_field::teletext_packets, decoder::Decoder,
    },
};

pub use crate::teletext::decoder::Shown;

/// Receives one page out of the stream of one PID.
///
/// # Limits
/// A PES packet of 64 KiB, and 3 KiB of the page.
#[derive(Debug)]
pub struct Receiver {
    pid: Pid,
    collector: Collector,
    decoder: Decoder,
    units_malformed: u64,
}

impl Receiver {
    /// Receives page `number`, in hexadecimal digits from 0x100 to 0x8FF, out of the stream on
    /// `pid`, which is at `home` somewhere.
    pub fn new(pid: Pid, number: u16, home: Region) -> Self {
        Self {
            pid,
            collector: Collector::default(),
            decoder: Decoder::new(number, home),
            units_malformed: 0,
        }
    }

    /// What was damaged so far.
    pub fn counters(&self) -> Counters {
        let units_malformed = self.units_malformed + self.collector.malformed();
        self.decoder.counters().plus(&Counters {
            units_malformed,
            ..Counters::default()
        })
    }

    /// Takes the next packet; those of other PIDs say nothing. `time` tells when that is shown
    /// which came with a PTS; what it knows no time of is passed over.
    pub fn push(
        &mut self,
        packet: Packet<'_>,
        mut time: impl FnMut(Option<Pts>) -> Option<Pts>,
        mut each: impl FnMut(Shown),
    ) {
        if packet.pid() != self.pid {
            return;
        }
        let Self {
            collector,
            decoder,
            units_malformed,
            ..
        } = self;
        collector.push(packet, |pts, field| {
            if let Some(at) = time(pts) {
                *units_malformed +=
                    teletext_packets(field, |packet| decoder.push(packet, at, &mut each));
            }
        });
    }

    /// Time has come to `now`: a page of which nothing more comes is whole.
    pub fn settle(&mut self, now: Pts, each: impl FnMut(Shown)) {
        self.decoder.settle(now, each);
    }

    /// What came of the page so far is shown now.
    pub fn show(&mut self, each: impl FnMut(Shown)) {
        self.decoder.show(each);
    }
}
