//! One content on its way to one destination: read, restamped, paced, packed into datagrams.

use std::{collections::VecDeque, mem};

use weir_hal::MulticastSender;

use crate::{
    config::Transport,
    demux::{AdaptationField, PACKET_BYTES, Packet},
    send::{
        Content, Error, Options, Pace, Restamp,
        content::{READ_PACKETS_MAX, Reader},
        pace::{Due, Interval},
        rtp::{RTP_HEADER_BYTES, RtpStream},
    },
};

/// Packets of a datagram: what fits into an Ethernet frame beside IP, UDP and RTP headers.
pub(super) const DATAGRAM_PACKETS: usize = 7;

/// Packets due later than this after the first of a datagram, 40 ms in ticks of 27 MHz, wait for
/// the next: below 263 kb/s full datagrams would carry some packets, and their PCRs, too early.
const DATAGRAM_SPAN_MAX: u64 = 1_080_000;

/// Bytes of a full datagram with RTP header.
const DATAGRAM_BYTES_MAX: usize = RTP_HEADER_BYTES + DATAGRAM_PACKETS * PACKET_BYTES;

/// Packets held while the next PCR is sought: 100 ms of a 240 Mb/s stream, 3 MiB. Behind that
/// many the average rate must do.
const LOOK_AHEAD_PACKETS: usize = 16_384;

type Bytes = [u8; PACKET_BYTES];

/// One content and its destination.
///
/// # Limits
/// Holds the packets of one PCR interval, at most 16,384, and those of one read, 64 KiB.
#[derive(Debug)]
pub(super) struct Item<S> {
    sender: S,
    reader: Reader,
    restamp: Restamp,
    queue: Queue,
    rtp: Option<RtpStream>,
    is_looping: bool,
    has_ended: bool,
    packets_of_pass: u64,
    passes: u64,
    datagram: heapless::Vec<u8, DATAGRAM_BYTES_MAX>,
    due: Due,
}

/// Packets between the reader and the datagrams.
#[derive(Debug)]
struct Queue {
    pace: Pace,
    /// Of the present PCR interval, whose end is not known yet.
    open: Vec<Bytes>,
    /// With due times, in order.
    paced: VecDeque<(Due, Bytes)>,
}

impl<S: MulticastSender> Item<S> {
    /// Finds the pace and makes the first datagram.
    pub(super) fn new(content: Content, sender: S, options: Options) -> Result<Self, Error> {
        let pace = content.pace()?;
        let mut item = Self {
            sender,
            reader: Reader::new(content),
            restamp: Restamp::new(),
            queue: Queue {
                pace,
                open: Vec::new(),
                paced: VecDeque::with_capacity(READ_PACKETS_MAX),
            },
            rtp: match options.transport {
                Transport::Udp => None,
                Transport::Rtp => Some(RtpStream::new(options.seed)),
            },
            is_looping: options.is_looping,
            has_ended: false,
            packets_of_pass: 0,
            passes: 0,
            datagram: heapless::Vec::new(),
            due: Due::default(),
        };
        item.advance()?;
        Ok(item)
    }

    /// When the present datagram is due; `None` when all has been sent.
    pub(super) fn due(&self) -> Option<Due> {
        (!self.datagram.is_empty()).then_some(self.due)
    }

    /// Bytes of the present datagram.
    pub(super) fn datagram_bytes(&self) -> usize {
        self.datagram.len()
    }

    /// Times the content was read to its end.
    pub(super) fn passes(&self) -> u64 {
        self.passes
    }

    /// PES headers whose stamps could not be moved.
    pub(super) fn heads_unread(&self) -> u64 {
        self.restamp.heads_unread()
    }

    /// Bytes of the content read in this pass.
    pub(super) fn offset(&self) -> u64 {
        self.reader.offset()
    }

    /// Sends the present datagram.
    pub(super) fn send(&mut self) -> Result<(), weir_hal::Error> {
        self.sender.send(&self.datagram)
    }

    /// Makes the next datagram; an empty one when all has been sent.
    pub(super) fn advance(&mut self) -> Result<(), Error> {
        while self.queue.paced.len() < DATAGRAM_PACKETS && !self.has_ended {
            self.read()?;
        }
        self.datagram.clear();
        let Some((due, _)) = self.queue.paced.front() else {
            return Ok(());
        };
        self.due = *due;
        if let Some(rtp) = &mut self.rtp {
            append(&mut self.datagram, &rtp.next_header(self.due));
        }
        let first = self.queue.paced.iter().take(DATAGRAM_PACKETS);
        let count = first
            .take_while(|(due, _)| due.ticks_since(self.due) <= DATAGRAM_SPAN_MAX)
            .count();
        for (_, packet) in self.queue.paced.drain(..count) {
            append(&mut self.datagram, &packet);
        }
        Ok(())
    }

    /// Brings the packets of one read into the queue.
    fn read(&mut self) -> Result<(), Error> {
        let (restamp, queue) = (&mut self.restamp, &mut self.queue);
        let packets = &mut self.packets_of_pass;
        let is_end = self.reader.read(|packet| {
            *packets += 1;
            restamp.push(*packet.bytes(), |packet| queue.push(packet));
        })?;
        if !is_end {
            return Ok(());
        }
        if mem::take(packets) == 0 {
            return Err(self.reader.content().unpaced());
        }
        restamp.next_pass(|packet| queue.push(packet));
        self.passes += 1;
        self.has_ended = !self.is_looping;
        if self.has_ended {
            queue.end();
            return Ok(());
        }
        self.reader.rewind();
        Ok(())
    }
}

fn append(datagram: &mut heapless::Vec<u8, DATAGRAM_BYTES_MAX>, bytes: &[u8]) {
    let is_room = datagram.extend_from_slice(bytes).is_ok();
    assert!(is_room, "a datagram holds seven packets and a header");
}

impl Queue {
    fn push(&mut self, bytes: &Bytes) {
        let packet = Packet::new(bytes).expect("restamping leaves the sync byte");
        if let Some(pcr) = self.pace.reference_pcr(packet) {
            let is_jump = packet
                .adaptation_field()
                .is_some_and(AdaptationField::discontinuity);
            let interval = self.pace.until_pcr(self.open.len(), pcr, is_jump);
            self.close(interval);
        } else if self.open.len() == LOOK_AHEAD_PACKETS {
            self.end();
        }
        self.open.push(*bytes);
    }

    /// Gives due times to what is open without knowing the next PCR.
    fn end(&mut self) {
        let interval = self.pace.without_pcr(self.open.len());
        self.close(interval);
    }

    fn close(&mut self, interval: Interval) {
        let packets = self.open.drain(..).enumerate();
        let paced = packets.map(|(index, packet)| (interval.due(index), packet));
        self.paced.extend(paced);
    }
}
