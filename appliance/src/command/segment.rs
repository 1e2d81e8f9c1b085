//! `weir segment`: makes of a file what the appliance makes of a stream.
//!
//! The very code of the data path: `PacketSync` → `Demux` → `Segmenter` → files. `DIR/media.m3u8`
//! appears last and whole, so that a playlist never names a segment that is not there.
//!
//! Refuses: to mend the file. What is damaged in it is damaged in its segments.

use std::{
    ops::RangeInclusive,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use clap::Args;
use weir_hal::{Access, Board, Disk, File, Multicast, Wall};

use super::{CommandError, Terminal};
use crate::{
    config::{Cues, parse_cues, parse_duration},
    demux::{Counters as DemuxCounters, Demux, Packet, PacketSync, Selection},
    segment::{Counters, Markers, MediaPlaylist, Output, Phase, Rules, Segmenter},
};

pub(super) const ABOUT: &str = "Cut a file into HLS segments by the very code that cuts live";
pub(super) const EXAMPLES: &str = "\
Examples:
  weir segment recording.ts --out hls
  weir segment multiplex.ts --out hls --target 4s --program 101

Writes DIR/media.m3u8 and DIR/segment-N.ts. Exits with 64 when there is no such program, 74 when
the file holds no transport stream or the directory cannot be written.";

/// Target durations that are taken.
const TARGETS: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_mins(1);

/// Counters that tell how much there was, and not that something is wrong.
const PLAIN: [&str; 9] = [
    "access_units",
    "bytes",
    "cues",
    "null_packets",
    "packets",
    "random_access_points",
    "segments",
    "splice_cuts",
    "splice_sections",
];

/// Bytes read at once.
const READ_BYTES: usize = 1024 * 1024;

/// Bytes at the head of the file in which tables are looked for before its first picture is
/// passed on: 5 s of a 6 Mb/s stream, and fifty times the interval PAT and PMT should keep.
const HEAD_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// Bytes after which a segment is cut off a random access point: 85 s of a 25 Mb/s stream.
const SEGMENT_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// Media after which a segment is cut off a random access point, if that is more than twice the
/// target. A file has no viewer who waits for it, so its key frames may lie far apart.
const SEGMENT_DURATION_MAX: Duration = Duration::from_mins(1);

/// Time of reception: none. Where the playlist of a file shows dates, they count from 1970.
const NOW: Wall = Wall::from_nanos(0);

/// Arguments of `weir segment`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The transport stream to segment.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// The directory for playlist and segments; made if it is missing.
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Cut at the first random access point at or after this much media, 1s to 60s.
    #[arg(long, value_name = "TIME", default_value = "6s", value_parser = target)]
    pub target: Duration,
    /// The program to take [default: the first with pictures or sound].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub program: Option<u16>,
    /// How the playlist tells of breaks: daterange, cue, both or off.
    #[arg(long, value_name = "HOW", default_value = "daterange", value_parser = parse_cues)]
    pub cues: Cues,
}

/// Segments the file and tells what was made of it.
///
/// # Errors
/// [`CommandError::Segment`] when nothing could be made of it.
pub fn execute<M: Multicast>(
    arguments: &Arguments,
    board: &Board<M>,
    terminal: Terminal,
) -> Result<(), CommandError> {
    let request = Request {
        file: arguments.file.clone(),
        directory: arguments.out.clone(),
        target: arguments.target,
        program: arguments.program,
        markers: arguments.cues.into(),
    };
    let bar = terminal.progress("segmenting", 0);
    let made = run(&*board.disk, &request, |done, total| {
        bar.set_length(total);
        bar.set_position(done);
    });
    bar.finish_and_clear();
    terminal.print(&told(&made?))
}

fn target(text: &str) -> Result<Duration, String> {
    let target = parse_duration(text)?;
    if TARGETS.contains(&target) {
        return Ok(target);
    }
    Err(format!(
        "must be from {:?} to {:?}",
        TARGETS.start(),
        TARGETS.end()
    ))
}

fn told(made: &Summary) -> String {
    let media = Duration::from_micros(made.duration_90k.saturating_mul(100) / 9);
    let mut lines = vec![format!(
        "{}: program {}, segments: {}, {:.3} s, target duration {} s",
        made.playlist.display(),
        made.program,
        made.segment.segments,
        media.as_secs_f64(),
        made.target_duration_s
    )];
    let counted = made.segment.values().chain(made.demux.values());
    let noted = counted.filter(|(row, count)| *count > 0 && !PLAIN.contains(&row.name));
    lines.extend(noted.map(|(row, count)| format!("  {count:>8}  {}", row.help)));
    lines.join("\n")
}

/// What to segment, how, and where to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The transport stream.
    pub file: PathBuf,
    /// The directory for playlist and segments; it is made if it is missing.
    pub directory: PathBuf,
    /// Cut at the first random access point at or after this much media.
    pub target: Duration,
    /// `program_number`; the first program with pictures (or sound) when absent.
    pub program: Option<u16>,
    /// How the playlist tells of breaks.
    pub markers: Markers,
}

/// What was made.
#[derive(Debug, Clone)]
pub struct Summary {
    /// The Media Playlist.
    pub playlist: PathBuf,
    /// `program_number` of the program that was segmented.
    pub program: u16,
    /// EXT-X-TARGETDURATION of the playlist, in seconds.
    pub target_duration_s: u32,
    /// Media in all segments, in ticks of 90 kHz.
    pub duration_90k: u64,
    /// What the segmenter counted.
    pub segment: Counters,
    /// What the demultiplexer counted.
    pub demux: DemuxCounters,
}

/// Why a file was not segmented.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file or the directory cannot be used.
    #[error(transparent)]
    Hal(#[from] weir_hal::Error),
    /// The file is something else.
    #[error("{} holds no transport packets: give an MPEG transport stream (.ts)", file.display())]
    NotTransportStream {
        /// The file.
        file: PathBuf,
    },
    /// The file cannot be understood without its tables.
    #[error(
        "{} has no PAT and PMT that can be read: record it anew, with its tables",
        file.display()
    )]
    NoTables {
        /// The file.
        file: PathBuf,
    },
    /// The PAT does not list the program.
    #[error(
        "program {wanted} is not in {}, which has {available:?}: give one of these",
        file.display()
    )]
    NoProgram {
        /// The file.
        file: PathBuf,
        /// The program asked for.
        wanted: u16,
        /// The programs there are.
        available: Vec<u16>,
    },
    /// Decoding can begin nowhere.
    #[error(
        "{} has no random access point in the clear with a time stamp, so no segment can begin: \
         record it longer, or choose another program with --program",
        file.display()
    )]
    NoRandomAccess {
        /// The file.
        file: PathBuf,
    },
}

/// Segments a file. Blocks; `progress` is called with the bytes read and the bytes in all.
///
/// # Errors
/// [`Error`]; segments written before it stay where they are, without a playlist.
pub fn run(
    disk: &dyn Disk,
    request: &Request,
    mut progress: impl FnMut(u64, u64),
) -> Result<Summary, Error> {
    let input = disk.open(&request.file, Access::Read)?;
    let bytes_total = input.bytes()?;
    disk.create_directory(&request.directory)?;
    let mut work = Work {
        demux: Demux::new(request.program.map_or(Selection::First, Selection::Program)),
        segmenter: Segmenter::new(rules(request.target), 0),
        output: OutputFiles::new(disk, request),
    };
    learn_tables(&*input, &mut work.demux)?;
    let mut sync = PacketSync::new();
    let mut counters = DemuxCounters::default();
    let mut chunks = Chunks::new(&*input);
    while let Some(bytes) = chunks.next()? {
        sync.push(bytes, &mut counters, |packet| work.push(packet));
        work.output.check()?;
        progress(chunks.offset, bytes_total);
    }
    sync.finish(&mut counters, |packet| work.push(packet));
    work.finish(&counters, request)
}

fn rules(target: Duration) -> Rules {
    Rules {
        target,
        slack: Duration::ZERO,
        duration_max: SEGMENT_DURATION_MAX.max(target * 2),
        bytes_max: SEGMENT_BYTES_MAX,
        phase: Phase::First,
    }
}

/// Shows `demux` the tables at the head of the file, so that pictures before them are not lost.
fn learn_tables(input: &dyn File, demux: &mut Demux) -> Result<(), Error> {
    let mut sync = PacketSync::new();
    let mut counters = DemuxCounters::default();
    let mut chunks = Chunks::new(input);
    let mut is_complete = false;
    while !is_complete && chunks.offset < HEAD_BYTES_MAX {
        let Some(bytes) = chunks.next()? else { break };
        sync.push(bytes, &mut counters, |packet| {
            is_complete = is_complete || demux.learn(packet);
        });
    }
    Ok(())
}

/// A file, read from its beginning to its end.
struct Chunks<'a> {
    file: &'a dyn File,
    buffer: Vec<u8>,
    offset: u64,
}

impl<'a> Chunks<'a> {
    fn new(file: &'a dyn File) -> Self {
        Self {
            file,
            buffer: vec![0; READ_BYTES],
            offset: 0,
        }
    }

    /// The next bytes; `None` at the end.
    fn next(&mut self) -> Result<Option<&[u8]>, Error> {
        let bytes = self.file.read_at(&mut self.buffer, self.offset)?;
        self.offset += bytes as u64;
        Ok(self.buffer.get(..bytes).filter(|bytes| !bytes.is_empty()))
    }
}

/// The data path of one file.
struct Work<'a> {
    demux: Demux,
    segmenter: Segmenter,
    output: OutputFiles<'a>,
}

impl Work<'_> {
    fn push(&mut self, packet: Packet<'_>) {
        let Self {
            demux,
            segmenter,
            output,
        } = self;
        demux.push(packet, |event| {
            segmenter.push(event, NOW, |made| output.take(made));
        });
    }

    /// Ends the last segment and writes the playlist.
    fn finish(mut self, sync: &DemuxCounters, request: &Request) -> Result<Summary, Error> {
        let Self {
            demux,
            segmenter,
            output,
        } = &mut self;
        demux.finish(|event| segmenter.push(event, NOW, |made| output.take(made)));
        segmenter.finish(|made| output.take(made));
        output.check()?;
        let program = demux.program().filter(|_| !output.playlist.is_empty());
        let Some(program) = program.map(|program| program.number) else {
            return Err(self.reason(request));
        };
        Ok(Summary {
            playlist: output.write_playlist()?,
            program,
            target_duration_s: output.playlist.target_duration_s().unwrap_or(0),
            duration_90k: output.playlist.duration_90k(),
            segment: *segmenter.counters(),
            demux: demux.counters().plus(sync),
        })
    }

    /// Why there is no segment.
    fn reason(&self, request: &Request) -> Error {
        let file = request.file.clone();
        let available: Vec<u16> = self.demux.programs().map(|(number, _)| number).collect();
        match request.program {
            _ if self.demux.counters().packets == 0 => Error::NotTransportStream { file },
            _ if available.is_empty() => Error::NoTables { file },
            Some(wanted) if !available.contains(&wanted) => Error::NoProgram {
                file,
                wanted,
                available,
            },
            _ => Error::NoRandomAccess { file },
        }
    }
}

/// Playlist and segments in a directory.
struct OutputFiles<'a> {
    disk: &'a dyn Disk,
    directory: &'a Path,
    playlist: MediaPlaylist,
    /// The open segment and the bytes written to it.
    open: Option<(Arc<dyn File>, u64)>,
    failure: Option<weir_hal::Error>,
}

impl<'a> OutputFiles<'a> {
    fn new(disk: &'a dyn Disk, request: &'a Request) -> Self {
        let mut playlist = MediaPlaylist::vod();
        playlist.set_markers(request.markers);
        Self {
            disk,
            directory: &request.directory,
            playlist,
            open: None,
            failure: None,
        }
    }

    /// Carries out `output`; after a failure, nothing more.
    fn take(&mut self, output: Output) {
        if self.failure.is_none() {
            self.failure = self.write(output).err();
        }
    }

    /// Tells the first failure.
    fn check(&mut self) -> Result<(), Error> {
        self.failure
            .take()
            .map_or(Ok(()), |failure| Err(failure.into()))
    }

    fn write(&mut self, output: Output) -> Result<(), weir_hal::Error> {
        match (output, &mut self.open) {
            (Output::Begin { sequence }, open) => {
                let path = self.directory.join(format!("segment-{sequence}.ts"));
                *open = Some((self.disk.open(&path, Access::Create)?, 0));
            }
            (Output::Bytes(bytes), Some((file, offset))) => {
                file.write_at(&bytes, *offset)?;
                *offset += bytes.len() as u64;
            }
            (Output::Bytes(_), None) => unreachable!("bytes come after the beginning"),
            (Output::End(segment), open) => {
                *open = None;
                self.playlist.push(segment);
            }
            (Output::Gap(_), _) => unreachable!("a file has no clock by which a segment is late"),
            (Output::Cue(cue), _) => {
                self.playlist.take_cue(&cue);
            }
        }
        Ok(())
    }

    /// Writes the playlist beside its place and moves it there; returns its path.
    fn write_playlist(&self) -> Result<PathBuf, Error> {
        let path = self.directory.join("media.m3u8");
        let part = self.directory.join("media.m3u8.part");
        let text = self.playlist.render("");
        self.disk
            .open(&part, Access::Create)?
            .write_at(text.as_bytes(), 0)?;
        self.disk.rename(&part, &path)?;
        Ok(path)
    }
}

#[cfg(test)]
mod tests {
    use weir_hal::sim;

    use super::*;

    fn disk_with(bytes: &[u8]) -> sim::Disk {
        let disk = sim::Disk::new(1);
        disk.create_directory(Path::new("/media"))
            .expect("a fresh disk");
        let file = disk
            .open(Path::new("/media/in.ts"), Access::Create)
            .expect("a fresh disk");
        file.write_at(bytes, 0).expect("there is room");
        disk
    }

    fn request(program: Option<u16>) -> Request {
        Request {
            file: PathBuf::from("/media/in.ts"),
            directory: PathBuf::from("/out"),
            target: Duration::from_secs(6),
            program,
            markers: Markers::default(),
        }
    }

    fn text(disk: &sim::Disk, program: Option<u16>) -> String {
        match run(disk, &request(program), |_, _| {}) {
            Ok(_) => "no error".to_owned(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn a_file_that_is_no_transport_stream_is_named() {
        assert_eq!(
            text(&disk_with(b"RIFF"), None),
            "/media/in.ts holds no transport packets: give an MPEG transport stream (.ts)"
        );
    }

    #[test]
    fn a_stream_without_tables_is_named() {
        let packet = [&[0x47, 0x01, 0x00, 0x10][..], &[0xFF; 184]].concat();
        assert_eq!(
            text(&disk_with(&packet.repeat(10)), None),
            "/media/in.ts has no PAT and PMT that can be read: record it anew, with its tables"
        );
    }

    #[test]
    fn a_missing_file_is_named() {
        let disk = sim::Disk::new(1);
        assert_eq!(text(&disk, None), "cannot open /media/in.ts");
    }
}
