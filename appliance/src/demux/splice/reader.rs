//! Collects splice information from the PIDs of one program and tells each message that says
//! something of the stream, as often as it is sent.

use heapless::Vec;

use crate::demux::{
    Counters, Event, PRIVATE_SECTION_BYTES_MAX, Packet, Pid, Program, Section, SectionAssembler,
    StreamKind,
    splice::{Splice, SpliceCommand, SpliceFault, SpliceInfo},
};

/// PIDs with splice information that are read of one program: one is usual, and some carry one
/// for each of their advertisers. Further ones are counted.
const PIDS_MAX: usize = 4;

/// The splice information of one program.
#[derive(Debug, Default)]
pub(in crate::demux) struct SpliceReader {
    streams: Vec<Stream, PIDS_MAX>,
}

#[derive(Debug)]
struct Stream {
    pid: Pid,
    assembler: Box<SectionAssembler<PRIVATE_SECTION_BYTES_MAX>>,
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
        let pid = packet.pid();
        let Some(stream) = self.streams.iter_mut().find(|stream| stream.pid == pid) else {
            return;
        };
        let mut of_sections = Counters::default();
        stream.assembler.push(packet, &mut of_sections, |section| {
            if let Some(info) = read(section, counters)
                && says_something(&info.command)
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

/// True for what is about the stream, and no sign of life.
const fn says_something(command: &SpliceCommand) -> bool {
    match command {
        SpliceCommand::Insert(_) | SpliceCommand::TimeSignal(_) => true,
        SpliceCommand::Null
        | SpliceCommand::Schedule
        | SpliceCommand::BandwidthReservation
        | SpliceCommand::Private
        | SpliceCommand::Reserved(_) => false,
    }
}
