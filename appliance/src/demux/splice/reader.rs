//! Collects splice information from the PIDs of one program and tells each message once.
//!
//! A message is sent again and again before its time, and some senders never stop. What repeats
//! the last one of its event, whatever the multiplexer made of `pts_adjustment` on the way, is
//! counted and not told.

use heapless::Vec;

use crate::demux::{
    Counters, Event, PRIVATE_SECTION_BYTES_MAX, Packet, Pid, Program, Section, SectionAssembler,
    StreamKind, crc_32,
    splice::{Splice, SpliceCommand, SpliceFault, SpliceInfo, SpliceTime},
};

/// PIDs with splice information that are read of one program: one is usual, and some carry one
/// for each of their advertisers. Further ones are counted.
const PIDS_MAX: usize = 4;

/// Events whose last message is remembered: more than are ever under way together.
const EVENTS_MAX: usize = 16;

/// From `table_id` to `cw_index`: what stands before the content.
const ENVELOPE_BYTES: usize = 10;

/// The splice information of one program.
#[derive(Debug, Default)]
pub(in crate::demux) struct SpliceReader {
    streams: Vec<Stream, PIDS_MAX>,
    heard: Vec<Heard, EVENTS_MAX>,
}

#[derive(Debug)]
struct Stream {
    pid: Pid,
    assembler: Box<SectionAssembler<PRIVATE_SECTION_BYTES_MAX>>,
}

/// The last message of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Heard {
    /// PID and number of the event, and what kind of break it is about.
    event: (Pid, u32, u8),
    /// When, by the clock of the stream.
    time: Option<SpliceTime>,
    /// CRC of all behind the envelope.
    content_crc: u32,
}

impl SpliceReader {
    /// Takes up the streams of `program`; a section under way on a PID that stays is kept.
    pub(in crate::demux) fn follow(&mut self, program: &Program, counters: &mut Counters) {
        let is_splice = |pid| {
            let mut streams = program.streams.iter();
            streams.any(|stream| stream.pid == pid && stream.kind == StreamKind::Scte35)
        };
        self.streams.retain(|stream| is_splice(stream.pid));
        for stream in &program.streams {
            let is_new = self.streams.iter().all(|known| known.pid != stream.pid);
            if !is_new || stream.kind != StreamKind::Scte35 {
                continue;
            }
            let row = Stream {
                pid: stream.pid,
                assembler: Box::default(),
            };
            counters.splice_pids_dropped += u64::from(self.streams.push(row).is_err());
        }
    }

    /// Takes a packet of the program, and tells of the messages it completes.
    pub(in crate::demux) fn push(
        &mut self,
        packet: Packet<'_>,
        counters: &mut Counters,
        each: &mut impl FnMut(Event<'_>),
    ) {
        let Self { streams, heard } = self;
        let pid = packet.pid();
        let Some(stream) = streams.iter_mut().find(|stream| stream.pid == pid) else {
            return;
        };
        let mut of_sections = Counters::default();
        stream.assembler.push(packet, &mut of_sections, |section| {
            if let Some(info) = read(section, counters)
                && is_news(heard, pid, &info, counters)
            {
                each(Event::Splice(Splice { pid, info }));
            }
        });
        counters.splice_malformed += of_sections.sections_malformed;
    }
}

fn read<'a>(section: Section<'a>, counters: &mut Counters) -> Option<SpliceInfo<'a>> {
    counters.splice_sections += 1;
    if !section.crc_ok() {
        counters.splice_crc_errors += 1;
        return None;
    }
    match SpliceInfo::parse(section.bytes()) {
        Ok(info) => return Some(info),
        Err(SpliceFault::Malformed) => counters.splice_malformed += 1,
        Err(SpliceFault::Unsupported) => counters.splice_unsupported += 1,
        Err(SpliceFault::Encrypted) => counters.splice_encrypted += 1,
    }
    None
}

/// Remembers `info` and tells whether it says anything that was not said before.
fn is_news(
    heard: &mut Vec<Heard, EVENTS_MAX>,
    pid: Pid,
    info: &SpliceInfo<'_>,
    counters: &mut Counters,
) -> bool {
    let end = info.bytes().len().saturating_sub(4);
    let content = info.bytes().get(ENVELOPE_BYTES..end).unwrap_or_default();
    let ((number, kind), time) = match info.command {
        SpliceCommand::Insert(insert) => {
            let time = insert.detail.map(|detail| detail.time);
            ((insert.event_id, 0), time)
        }
        SpliceCommand::TimeSignal(time) => {
            let first = info.segmentations().next();
            let event = first.map_or((0, 0), |first| (first.event_id, first.break_kind()));
            (event, Some(time))
        }
        // They say nothing of the stream.
        SpliceCommand::Null
        | SpliceCommand::Schedule
        | SpliceCommand::BandwidthReservation
        | SpliceCommand::Private
        | SpliceCommand::Reserved(_) => return false,
    };
    let message = Heard {
        event: (pid, number, kind),
        time,
        content_crc: crc_32(content),
    };
    if let Some(known) = heard.iter_mut().find(|it| it.event == message.event) {
        let is_repetition = *known == message;
        *known = message;
        counters.splice_repetitions += u64::from(is_repetition);
        return !is_repetition;
    }
    if heard.is_full() {
        heard.remove(0);
    }
    heard.push(message).expect("the oldest has made room");
    true
}
