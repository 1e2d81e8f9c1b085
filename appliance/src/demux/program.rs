//! One program of a transport stream, as its PMT describes it (§2.4.4.9).

use heapless::Vec;

use crate::demux::{Counters, Pid, Section, TeletextPage, tables};

/// Elementary streams kept of one program; further ones are counted and dropped.
pub const STREAMS_MAX: usize = 48;

/// Bytes of a PMT section with header and `CRC_32` (§2.4.4.9: `section_length` at most 1021).
pub const PMT_SECTION_BYTES_MAX: usize = 1024;

/// One program, as the last complete PMT describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// `program_number`.
    pub number: u16,
    /// `transport_stream_id` of the PAT.
    pub transport_stream_id: u16,
    /// `program_map_PID`.
    pub pmt_pid: Pid,
    /// `PCR_PID`; `None` when the program has no PCR (0x1FFF).
    pub pcr_pid: Option<Pid>,
    /// `version_number` of the PMT.
    pub version: u8,
    /// Elementary streams in the order of the PMT.
    pub streams: Vec<ElementaryStream, STREAMS_MAX>,
    /// The PMT section as received, from `table_id` to `CRC_32`.
    pub pmt_section: Vec<u8, PMT_SECTION_BYTES_MAX>,
}

/// One elementary stream of a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ElementaryStream {
    /// `elementary_PID`.
    pub pid: Pid,
    /// `stream_type` as written.
    pub stream_type: u8,
    /// What it is, from `stream_type` and descriptors.
    pub kind: StreamKind,
    /// ISO 639 language code, as written.
    pub language: Option<[u8; 3]>,
}

/// What an elementary stream is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StreamKind {
    /// A video stream.
    Video(VideoCodec),
    /// An audio stream.
    Audio(AudioCodec),
    /// Teletext (EN 300 472).
    Teletext,
    /// DVB subtitles (EN 300 743).
    DvbSubtitle,
    /// SCTE 35 splice information.
    Scte35,
    /// ID3 or other metadata in PES.
    Metadata,
    /// Anything else.
    Other,
}

/// Coding of a video stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum VideoCodec {
    /// MPEG-1 or MPEG-2 video (`stream_type` 0x01, 0x02).
    Mpeg2,
    /// H.264 (0x1B).
    H264,
    /// HEVC (0x24).
    Hevc,
}

/// Coding of an audio stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AudioCodec {
    /// MPEG-1 or MPEG-2 audio, layers I to III (0x03, 0x04).
    Mpeg,
    /// AAC in ADTS (0x0F).
    AacAdts,
    /// AAC in LATM (0x11).
    AacLatm,
    /// AC-3 (0x81, or 0x06 with its descriptor).
    Ac3,
    /// Enhanced AC-3 (0x87, or 0x06 with its descriptor).
    Eac3,
    /// DTS.
    Dts,
}

/// What the first bytes of an elementary stream tell of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StreamParameters {
    /// The `CODECS` element of RFC 6381, such as `avc1.64001F`.
    pub codec: String,
    /// Width and height of the picture in pixels, cropping applied.
    pub resolution: Option<(u32, u32)>,
    /// Pictures a second in thousandths, as the sequence header or VUI tells.
    pub frame_rate_millihertz: Option<u32>,
}

impl Program {
    /// Reads a PMT section that came on `pmt_pid`; `None` when it is none, or damaged.
    pub fn read(section: Section<'_>, pmt_pid: Pid, transport_stream_id: u16) -> Option<Self> {
        let is_pmt = section.table_id() == tables::PMT_TABLE_ID && section.crc_ok();
        if !is_pmt {
            return None;
        }
        tables::program(
            section,
            pmt_pid,
            transport_stream_id,
            &mut Counters::default(),
        )
    }

    /// The same program with the elementary streams alone that `keeps` wants, in its PMT too.
    #[must_use]
    pub fn with_streams(&self, keeps: impl Fn(&ElementaryStream) -> bool) -> Self {
        let kept = self.streams.iter().filter(|stream| keeps(stream));
        let streams: Vec<ElementaryStream, STREAMS_MAX> = kept.copied().collect();
        let is_kept = |pid| streams.iter().any(|stream| stream.pid == pid);
        Self {
            pmt_section: tables::shortened(&self.pmt_section, is_kept),
            streams,
            ..*self
        }
    }

    /// The teletext pages that it announces, in the order of its PMT.
    pub fn teletext_pages(&self) -> impl Iterator<Item = TeletextPage> {
        tables::teletext_pages(&self.pmt_section)
    }

    /// The stream that times segments: the first video or, without video, the first audio.
    pub fn primary(&self) -> Option<&ElementaryStream> {
        let video = |stream: &&ElementaryStream| matches!(stream.kind, StreamKind::Video(_));
        let audio = |stream: &&ElementaryStream| matches!(stream.kind, StreamKind::Audio(_));
        self.streams
            .iter()
            .find(video)
            .or_else(|| self.streams.iter().find(audio))
    }
}
