//! `weir analyze`: measures a transport stream in a file.
//!
//! The file is read twice side by side: one reader runs ahead to the next PCR, the other gives
//! the packets up to it their times. Memory does not grow with the file.

use std::{
    collections::VecDeque,
    path::{Path, PathBuf},
    sync::Arc,
};

use clap::Args;
use weir_hal::{Access, Board, Disk, File, FileKind, Multicast};

use super::{CommandError, Terminal, report};
use crate::{
    demux::{Counters, PACKET_BYTES, Packet, PacketSync},
    measure::{Analyzer, PcrClock, PcrPoint, PcrSurvey, Report},
};

pub(super) const ABOUT: &str = "Measure a transport stream in a file: services, PIDs, TR 101 290";
pub(super) const EXAMPLES: &str = "\
Examples:
  weir analyze recording.ts
  weir analyze recording.ts --json | jq .tr_101_290

Damage in the stream is told, and is no failure: exits with 0 when there is a stream to tell of,
74 when the file cannot be read or holds no transport stream.";

/// Bytes of one read.
const BLOCK_BYTES: usize = 1 << 20;

/// How far the search for a reference PID goes: 12 s of a 10 Mb/s stream.
const SURVEY_BYTES: u64 = 16 << 20;

/// Why a file cannot be analyzed. Each is an I/O failure to a shell (exit 74).
#[derive(Debug, thiserror::Error)]
pub enum AnalyzeError {
    /// The file is missing or cannot be read.
    #[error(transparent)]
    Disk(#[from] weir_hal::Error),
    /// The path is a directory or another thing without content at offsets.
    #[error("{} is not a file; name a file that holds a transport stream", path.display())]
    NotAFile {
        /// What was named.
        path: PathBuf,
    },
    /// The file has no byte.
    #[error("{} is empty; name a file that holds a transport stream", path.display())]
    Empty {
        /// What was named.
        path: PathBuf,
    },
    /// No packet was found.
    #[error(
        "{} holds no transport stream: none of its {bytes} bytes begin a run of packets \
         (188 or 204 bytes each, from sync byte 0x47); extract the stream if it is a capture \
         or a container",
        path.display()
    )]
    NoTransportStream {
        /// What was named.
        path: PathBuf,
        /// Its size.
        bytes: u64,
    },
}

/// Arguments of `weir analyze`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The transport stream to measure.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Print JSON instead of tables.
    #[arg(long)]
    pub json: bool,
}

/// Measures the file and prints what was found.
///
/// # Errors
/// [`CommandError::Analyze`] when there is nothing to measure.
pub fn execute<M: Multicast>(
    arguments: &Arguments,
    board: &Board<M>,
    terminal: Terminal,
) -> Result<(), CommandError> {
    let bar = terminal.progress("analyzing", 0);
    let measured = analyze(&*board.disk, &arguments.file, |progress| {
        bar.set_length(progress.bytes_total);
        bar.set_position(progress.bytes_done);
    });
    bar.finish_and_clear();
    report::print(&measured?, arguments.json, terminal)
}

/// How far the work has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Bytes measured.
    pub bytes_done: u64,
    /// Bytes of the file.
    pub bytes_total: u64,
}

/// Measures the transport stream in the file at `path`, telling `progress` after each MiB.
///
/// # Errors
/// [`AnalyzeError`] when there is no such file or no transport stream in it. Damage is no error.
pub fn analyze(
    disk: &dyn Disk,
    path: &Path,
    mut progress: impl FnMut(Progress),
) -> Result<Report, AnalyzeError> {
    let path_of = || path.to_owned();
    if !matches!(disk.kind(path)?, FileKind::Regular | FileKind::BlockDevice) {
        return Err(AnalyzeError::NotAFile { path: path_of() });
    }
    let file = disk.open(path, Access::Read)?;
    let bytes_total = file.bytes()?;
    if bytes_total == 0 {
        return Err(AnalyzeError::Empty { path: path_of() });
    }
    let mut timeline = Timeline::open(&file)?;
    let mut analyzer = match timeline.clock {
        Some(_) => Analyzer::new(),
        None => Analyzer::without_time(),
    };
    let mut blocks = Blocks::new(Arc::clone(&file));
    let mut stream = MeasuredStream::new();
    while let Some(block) = blocks.next()? {
        stream.push(block, &mut timeline, &mut analyzer)?;
        progress(Progress {
            bytes_done: blocks.offset,
            bytes_total,
        });
    }
    stream.finish(&mut timeline, &mut analyzer)?;
    if analyzer.packets() == 0 {
        return Err(AnalyzeError::NoTransportStream {
            path: path_of(),
            bytes: bytes_total,
        });
    }
    Ok(analyzer.report())
}

/// Reads a file block by block.
struct Blocks {
    file: Arc<dyn File>,
    offset: u64,
    buffer: Box<[u8]>,
}

impl Blocks {
    fn new(file: Arc<dyn File>) -> Self {
        Self {
            file,
            offset: 0,
            buffer: vec![0; BLOCK_BYTES].into_boxed_slice(),
        }
    }

    /// The next block; `None` at the end of the file.
    fn next(&mut self) -> Result<Option<&[u8]>, weir_hal::Error> {
        let bytes = self.file.read_at(&mut self.buffer, self.offset)?;
        self.offset += bytes as u64;
        Ok(self.buffer.get(..bytes).filter(|block| !block.is_empty()))
    }
}

/// The reader that measures.
struct MeasuredStream {
    sync: PacketSync,
    counters: Counters,
}

impl MeasuredStream {
    fn new() -> Self {
        Self {
            sync: PacketSync::new(),
            counters: Counters::default(),
        }
    }

    fn push(
        &mut self,
        block: &[u8],
        timeline: &mut Timeline,
        analyzer: &mut Analyzer,
    ) -> Result<(), weir_hal::Error> {
        // Packet by packet, so that a loss of synchronisation is noted where it happens.
        for piece in block.chunks(PACKET_BYTES) {
            let mut outcome = Ok(());
            self.sync.push(piece, &mut self.counters, |packet| {
                if outcome.is_ok() {
                    outcome = timeline.time(packet, analyzer);
                }
            });
            outcome?;
            analyzer.note_sync(&self.counters);
        }
        Ok(())
    }

    fn finish(
        &mut self,
        timeline: &mut Timeline,
        analyzer: &mut Analyzer,
    ) -> Result<(), weir_hal::Error> {
        let mut outcome = Ok(());
        self.sync.finish(&mut self.counters, |packet| {
            if outcome.is_ok() {
                outcome = timeline.time(packet, analyzer);
            }
        });
        outcome?;
        analyzer.note_sync(&self.counters);
        timeline.end(analyzer)
    }
}

/// The reader that runs ahead for PCRs, and the clock they set.
struct Timeline {
    /// `None` for a stream without PCRs: all its packets come at time zero.
    clock: Option<PcrClock>,
    ahead: Blocks,
    sync: PacketSync,
    counters: Counters,
    packets_ahead: u64,
    is_time_base_new: bool,
    /// Points found and not passed yet: at most those of one block.
    points: VecDeque<PcrPoint>,
}

impl Timeline {
    fn open(file: &Arc<dyn File>) -> Result<Self, weir_hal::Error> {
        let mut timeline = Self {
            clock: survey(file)?.clock(),
            ahead: Blocks::new(Arc::clone(file)),
            sync: PacketSync::new(),
            counters: Counters::default(),
            packets_ahead: 0,
            is_time_base_new: false,
            points: VecDeque::new(),
        };
        timeline.pass()?;
        Ok(timeline)
    }

    /// Hands the next packet on, with its time.
    fn time(&mut self, packet: Packet<'_>, analyzer: &mut Analyzer) -> Result<(), weir_hal::Error> {
        let index = analyzer.packets();
        self.settle(index)?;
        let at = self.clock.as_ref().map(|clock| clock.at(index));
        analyzer.push(packet, at.unwrap_or_default());
        Ok(())
    }

    /// Moves time on to the end of the last packet.
    fn end(&mut self, analyzer: &mut Analyzer) -> Result<(), weir_hal::Error> {
        let index = analyzer.packets();
        self.settle(index)?;
        if let Some(clock) = &self.clock {
            analyzer.advance(clock.at(index));
        }
        Ok(())
    }

    fn settle(&mut self, packet: u64) -> Result<(), weir_hal::Error> {
        let is_behind = |clock: &PcrClock| clock.settled_to().is_some_and(|last| last < packet);
        while self.clock.as_ref().is_some_and(is_behind) {
            self.pass()?;
        }
        Ok(())
    }

    fn pass(&mut self) -> Result<(), weir_hal::Error> {
        while self.clock.is_some() && self.points.is_empty() && self.read_ahead()? {}
        if let Some(clock) = &mut self.clock {
            clock.pass_to(self.points.pop_front());
        }
        Ok(())
    }

    /// Collects the points of one more block; returns false at the end of the file.
    fn read_ahead(&mut self) -> Result<bool, weir_hal::Error> {
        let Some(clock) = &self.clock else {
            return Ok(false);
        };
        let reference = clock.reference();
        let (packets, points) = (&mut self.packets_ahead, &mut self.points);
        let is_time_base_new = &mut self.is_time_base_new;
        let each = |packet: Packet<'_>| {
            let index = *packets;
            *packets += 1;
            if packet.pid() != reference || packet.transport_error() {
                return;
            }
            let Some(field) = packet.adaptation_field() else {
                return;
            };
            *is_time_base_new |= field.discontinuity();
            if let Some(pcr) = field.pcr() {
                points.push_back(PcrPoint {
                    packet: index,
                    pcr,
                    starts_time_base: std::mem::take(is_time_base_new),
                });
            }
        };
        let Some(block) = self.ahead.next()? else {
            self.sync.finish(&mut self.counters, each);
            return Ok(false);
        };
        self.sync.push(block, &mut self.counters, each);
        Ok(true)
    }
}

fn survey(file: &Arc<dyn File>) -> Result<PcrSurvey, weir_hal::Error> {
    let mut survey = PcrSurvey::default();
    let mut blocks = Blocks::new(Arc::clone(file));
    let (mut sync, mut counters) = (PacketSync::new(), Counters::default());
    while blocks.offset < SURVEY_BYTES {
        let Some(block) = blocks.next()? else {
            sync.finish(&mut counters, |packet| survey.push(packet));
            break;
        };
        sync.push(block, &mut counters, |packet| survey.push(packet));
    }
    Ok(survey)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use proptest::prelude::*;
    use weir_hal::{Access, Disk, sim::Simulation};

    use super::{AnalyzeError, Progress, analyze};
    use crate::measure::{
        Indicator, Report,
        generator::{Timed, clean},
    };

    fn analyzed(bytes: &[u8]) -> Result<Report, AnalyzeError> {
        let disk = Simulation::new(3).disk;
        let path = Path::new("/stream.ts");
        let file = disk.open(path, Access::Create).expect("room for a file");
        file.write_at(bytes, 0).expect("room for its bytes");
        analyze(&disk, path, |_| {})
    }

    fn bytes_of(stream: &[Timed]) -> Vec<u8> {
        stream.iter().flat_map(|timed| timed.bytes).collect()
    }

    #[test]
    fn a_file_takes_its_time_from_its_pcrs() {
        let report = analyzed(&bytes_of(&clean(10_000))).expect("a stream");
        assert_eq!(report.packets, 5_000);
        assert_eq!(report.duration_s, Some(10.0));
        assert_eq!(report.bitrate_bps, Some(752_000));
        let failed = report
            .tr_101_290
            .iter()
            .filter(|(_, count)| *count > Some(0));
        assert_eq!(failed.count(), 0);
    }

    #[test]
    fn a_file_of_many_blocks_is_read_to_its_end() {
        let minute = bytes_of(&clean(60_000));
        // Each minute begins a time base of its own, as in a file that was put together.
        let whole = minute.repeat(3);
        let disk = Simulation::new(3).disk;
        let path = Path::new("/stream.ts");
        let file = disk.open(path, Access::Create).expect("room for a file");
        file.write_at(&whole, 0).expect("room for its bytes");
        let mut told = Vec::new();
        let report = analyze(&disk, path, |progress| told.push(progress)).expect("a stream");
        let bytes_total = whole.len() as u64;
        let end = Progress {
            bytes_done: bytes_total,
            bytes_total,
        };
        assert_eq!(told.last(), Some(&end));
        assert!(told.len() > 10, "{}", told.len());
        assert_eq!(report.duration_s, Some(180.0));
        let steps = Indicator::PcrDiscontinuityIndicatorError;
        assert_eq!(report.tr_101_290.count(steps), Some(2));
        let late = Indicator::PcrRepetitionError;
        assert_eq!(report.tr_101_290.count(late), Some(0));
    }

    #[test]
    fn packets_of_204_bytes_and_a_start_amid_a_packet_are_read() {
        let stream = clean(3_000);
        let long: Vec<u8> = stream
            .iter()
            .flat_map(|timed| timed.bytes.into_iter().chain([0; 16]))
            .collect();
        let report = analyzed(&long).expect("a stream");
        assert_eq!(report.packets, 1_500);
        let report = analyzed(&bytes_of(&stream)[100..]).expect("a stream");
        assert_eq!(report.packets, 1_499);
    }

    #[test]
    fn a_loss_of_synchronisation_is_counted_where_it_happens() {
        let stream = clean(4_000);
        let (before, after) = stream.split_at(1_000);
        let bytes = [bytes_of(before), vec![0; 1_000], bytes_of(after)].concat();
        let report = analyzed(&bytes).expect("a stream");
        let count = |indicator| report.tr_101_290.count(indicator);
        assert_eq!(count(Indicator::TsSyncLoss), Some(1));
        assert_eq!(count(Indicator::SyncByteError), Some(2));
        assert_eq!(report.packets, 2_000);
    }

    #[test]
    fn what_is_no_stream_is_refused_with_a_sentence_that_names_it() {
        let sentence = |bytes: &[u8]| analyzed(bytes).expect_err("no stream").to_string();
        assert_eq!(
            sentence(&[]),
            "/stream.ts is empty; name a file that holds a transport stream"
        );
        assert!(sentence(&[1; 5_000]).starts_with("/stream.ts holds no transport stream: "));
        let disk = Simulation::new(3).disk;
        disk.create_directory(Path::new("/streams")).expect("room");
        let directory = analyze(&disk, Path::new("/streams"), |_| {});
        assert!(matches!(directory, Err(AnalyzeError::NotAFile { .. })));
        let missing = analyze(&disk, Path::new("/nothing.ts"), |_| {});
        assert!(matches!(missing, Err(AnalyzeError::Disk(_))));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn any_damage_to_a_file_is_survived(
            damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..60),
            cut in any::<prop::sample::Index>(),
        ) {
            let mut bytes = bytes_of(&clean(400));
            for (place, value) in damage {
                let place = place.index(bytes.len());
                bytes[place] = value;
            }
            bytes.truncate(cut.index(bytes.len()));
            if let Ok(report) = analyzed(&bytes) {
                prop_assert!(report.packets <= 200);
            }
        }
    }
}
