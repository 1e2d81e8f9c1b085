//! Reads the bodies of PAT and PMT sections.
//!
//! Source: ISO/IEC 13818-1 §2.4.4.3 (PAT), §2.4.4.9 (PMT), §2.6 (descriptors), table 2-34
//! (`stream_type`); EN 300 468 §6.2 (DVB descriptors), Annex D (AC-3); ATSC A/53-3 §6.9 (0x81,
//! 0x87); SCTE 35 §8.1 (0x86).
//!
//! A `stream_type` above 0x7F belongs to whoever registered it: HDMV gives 0x82 to 0x86 another
//! meaning than SCTE and ATSC do.

use heapless::Vec;

use crate::demux::psi::{CRC_BYTES, Section};
use crate::demux::teletext_descriptor::TeletextPage;
use crate::demux::{
    AudioCodec, Counters, ElementaryStream, PMT_SECTION_BYTES_MAX, Pid, Program, StreamKind,
    VideoCodec, crc_32,
};

/// `table_id` of a PAT section.
pub(super) const PAT_TABLE_ID: u8 = 0x00;

/// `table_id` of a PMT section.
pub(super) const PMT_TABLE_ID: u8 = 0x02;

/// The programs of one PAT section: `program_number` and `program_map_PID`. The network PID, which
/// goes by `program_number` 0, is left out.
pub(super) fn programs(section: Section<'_>) -> impl Iterator<Item = (u16, Pid)> {
    let (rows, _) = section.body().as_chunks::<4>();
    rows.iter()
        .map(|&[a, b, c, d]| {
            let number = u16::from_be_bytes([a, b]);
            (number, Pid::from_bits(u16::from_be_bytes([c, d])))
        })
        .filter(|&(number, _)| number != 0)
}

/// Reads a PMT section that came on `pmt_pid`; `None` when it is too short to be one.
pub(super) fn program(
    section: Section<'_>,
    pmt_pid: Pid,
    transport_stream_id: u16,
    counters: &mut Counters,
) -> Option<Program> {
    let [a, b, c, d, rest @ ..] = section.body() else {
        return None;
    };
    let pcr_pid = Pid::from_bits(u16::from_be_bytes([*a, *b]));
    let (program_info, rest) = rest.split_at_checked(length_12([*c, *d]))?;
    let registration = Descriptors(program_info).registration();
    Some(Program {
        number: section.table_id_extension(),
        transport_stream_id,
        pmt_pid,
        pcr_pid: (pcr_pid != Pid::NULL).then_some(pcr_pid),
        version: section.version(),
        streams: streams(rest, registration, counters),
        pmt_section: Vec::from_slice(section.bytes()).ok()?,
    })
}

/// Bytes of a PMT section from `table_id` to `program_info_length`.
const PMT_HEADER_BYTES: usize = 12;

/// Bytes of a row of a PMT from `stream_type` to `ES_info_length`.
const ROW_HEADER_BYTES: usize = 5;

/// The row of one elementary stream in a PMT.
#[derive(Debug, Clone, Copy)]
struct PmtRow<'a> {
    stream_type: u8,
    pid: Pid,
    descriptors: Descriptors<'a>,
    /// All of it.
    bytes: &'a [u8],
}

/// The rows of a PMT, up to one that is not whole.
#[derive(Debug, Clone)]
struct PmtRows<'a>(&'a [u8]);

impl<'a> Iterator for PmtRows<'a> {
    type Item = PmtRow<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        let [stream_type, a, b, c, d, rest @ ..] = self.0 else {
            return None;
        };
        let (es_info, _) = rest.split_at_checked(length_12([*c, *d]))?;
        let (bytes, behind) = self.0.split_at_checked(ROW_HEADER_BYTES + es_info.len())?;
        self.0 = behind;
        Some(PmtRow {
            stream_type: *stream_type,
            pid: Pid::from_bits(u16::from_be_bytes([*a, *b])),
            descriptors: Descriptors(es_info),
            bytes,
        })
    }
}

/// Splits a whole PMT section in front of its rows and in front of its `CRC_32`.
fn split_pmt(section: &[u8]) -> Option<(&[u8], PmtRows<'_>)> {
    let end = section.len().checked_sub(CRC_BYTES)?;
    let section = section.get(..end)?;
    let length = section.get(PMT_HEADER_BYTES - 2..PMT_HEADER_BYTES)?;
    let program_info = length_12(*length.first_chunk()?);
    let (header, rows) = section.split_at_checked(PMT_HEADER_BYTES + program_info)?;
    Some((header, PmtRows(rows)))
}

/// The PMT section `section` with the rows alone that `keeps` wants, by their PIDs; as it is when
/// it is none.
pub(super) fn shortened(
    section: &[u8],
    keeps: impl Fn(Pid) -> bool,
) -> Vec<u8, PMT_SECTION_BYTES_MAX> {
    let write = || {
        let (header, rows) = split_pmt(section)?;
        let mut written: Vec<u8, PMT_SECTION_BYTES_MAX> = Vec::from_slice(header).ok()?;
        for row in rows.filter(|row| keeps(row.pid)) {
            written.extend_from_slice(row.bytes).ok()?;
        }
        let [high, low] = u16::try_from(written.len() + CRC_BYTES - 3)
            .ok()?
            .to_be_bytes();
        let flags = written.get(1)? & 0xF0;
        *written.get_mut(1)? = flags | high;
        *written.get_mut(2)? = low;
        let crc = crc_32(&written);
        written.extend_from_slice(&crc.to_be_bytes()).ok()?;
        Some(written)
    };
    write().unwrap_or_else(|| Vec::from_slice(section).unwrap_or_default())
}

/// The teletext pages that a PMT section announces.
pub(super) fn teletext_pages(section: &[u8]) -> impl Iterator<Item = TeletextPage> {
    let rows = split_pmt(section).map_or(PmtRows(&[]), |(_, rows)| rows);
    rows.flat_map(|row| {
        let descriptors = row.descriptors.iter();
        let of_teletext = descriptors
            .filter(|(tag, _)| matches!(*tag, Descriptors::TELETEXT | Descriptors::VBI_TELETEXT));
        of_teletext.flat_map(move |(_, content)| {
            let (pages, _) = content.as_chunks();
            pages
                .iter()
                .map(move |page| TeletextPage::read(row.pid, *page))
        })
    })
}

/// Reads the elementary streams of a PMT. A PID named twice counts once.
fn streams<const MAX: usize>(
    rows: &[u8],
    program_registration: Option<[u8; 4]>,
    counters: &mut Counters,
) -> Vec<ElementaryStream, MAX> {
    let mut streams: Vec<ElementaryStream, MAX> = Vec::new();
    let mut rows = PmtRows(rows);
    for row in rows.by_ref() {
        let PmtRow {
            stream_type,
            pid,
            descriptors,
            ..
        } = row;
        if streams.iter().any(|stream| stream.pid == pid) {
            continue;
        }
        let stream = ElementaryStream {
            pid,
            stream_type,
            kind: kind(stream_type, descriptors, program_registration),
            language: descriptors.language(),
        };
        if streams.push(stream).is_err() {
            counters.streams_dropped += 1;
        }
    }
    // A row that is cut off; fewer bytes than its header were passed over before, too.
    counters.sections_malformed += u64::from(rows.0.len() >= ROW_HEADER_BYTES);
    streams
}

/// The twelve bits of `program_info_length` and `ES_info_length`.
fn length_12([high, low]: [u8; 2]) -> usize {
    usize::from(u16::from_be_bytes([high & 0x0F, low]))
}

fn kind(
    stream_type: u8,
    descriptors: Descriptors<'_>,
    program_registration: Option<[u8; 4]>,
) -> StreamKind {
    let of_hdmv = program_registration == Some(*b"HDMV");
    match stream_type {
        0x01 | 0x02 => StreamKind::Video(VideoCodec::Mpeg2),
        0x1B => StreamKind::Video(VideoCodec::H264),
        0x24 => StreamKind::Video(VideoCodec::Hevc),
        0x03 | 0x04 => StreamKind::Audio(AudioCodec::Mpeg),
        0x0F => StreamKind::Audio(AudioCodec::AacAdts),
        0x11 => StreamKind::Audio(AudioCodec::AacLatm),
        0x15 => StreamKind::Metadata,
        0x82 | 0x85 | 0x86 if of_hdmv => StreamKind::Audio(AudioCodec::Dts),
        0x84 if of_hdmv => StreamKind::Audio(AudioCodec::Eac3),
        0x81 => StreamKind::Audio(AudioCodec::Ac3),
        0x87 => StreamKind::Audio(AudioCodec::Eac3),
        0x8A => StreamKind::Audio(AudioCodec::Dts),
        0x86 => StreamKind::Scte35,
        _ => descriptors.kind().unwrap_or(StreamKind::Other),
    }
}

/// A descriptor loop.
#[derive(Debug, Clone, Copy)]
struct Descriptors<'a>(&'a [u8]);

impl<'a> Descriptors<'a> {
    const REGISTRATION: u8 = 0x05;
    const ISO_639_LANGUAGE: u8 = 0x0A;
    const VBI_TELETEXT: u8 = 0x46;
    const TELETEXT: u8 = 0x56;
    const SUBTITLING: u8 = 0x59;
    const AC_3: u8 = 0x6A;
    const ENHANCED_AC_3: u8 = 0x7A;
    const DTS: u8 = 0x7B;
    const AAC: u8 = 0x7C;
    const EXTENSION: u8 = 0x7F;
    const EXTENSION_DTS_HD: u8 = 0x0E;

    /// `descriptor_tag` and content of each descriptor that is whole.
    fn iter(self) -> impl Iterator<Item = (u8, &'a [u8])> {
        let mut rest = self.0;
        std::iter::from_fn(move || {
            let [tag, length, behind @ ..] = rest else {
                return None;
            };
            let (content, behind) = behind.split_at_checked(usize::from(*length))?;
            rest = behind;
            Some((*tag, content))
        })
    }

    fn registration(self) -> Option<[u8; 4]> {
        self.iter().find_map(|(tag, content)| {
            content
                .first_chunk()
                .copied()
                .filter(|_| tag == Self::REGISTRATION)
        })
    }

    /// What a stream of private `stream_type` is.
    fn kind(self) -> Option<StreamKind> {
        self.iter().find_map(|(tag, content)| match tag {
            Self::AC_3 => Some(StreamKind::Audio(AudioCodec::Ac3)),
            Self::ENHANCED_AC_3 => Some(StreamKind::Audio(AudioCodec::Eac3)),
            Self::DTS => Some(StreamKind::Audio(AudioCodec::Dts)),
            Self::AAC => Some(StreamKind::Audio(AudioCodec::AacLatm)),
            Self::EXTENSION if content.first() == Some(&Self::EXTENSION_DTS_HD) => {
                Some(StreamKind::Audio(AudioCodec::Dts))
            }
            Self::TELETEXT | Self::VBI_TELETEXT => Some(StreamKind::Teletext),
            Self::SUBTITLING => Some(StreamKind::DvbSubtitle),
            Self::REGISTRATION => registered(content),
            _ => None,
        })
    }

    /// `ISO_639_language_code` of the first descriptor that has one in front.
    fn language(self) -> Option<[u8; 3]> {
        const WITH_LANGUAGE: [u8; 4] = [
            Descriptors::ISO_639_LANGUAGE,
            Descriptors::TELETEXT,
            Descriptors::VBI_TELETEXT,
            Descriptors::SUBTITLING,
        ];
        self.iter()
            .filter(|(tag, _)| WITH_LANGUAGE.contains(tag))
            .find_map(|(_, content)| content.first_chunk().copied())
    }
}

/// What a `format_identifier` stands for.
fn registered(content: &[u8]) -> Option<StreamKind> {
    Some(match content.first_chunk::<4>()? {
        b"AC-3" => StreamKind::Audio(AudioCodec::Ac3),
        b"EAC3" => StreamKind::Audio(AudioCodec::Eac3),
        b"DTS1" | b"DTS2" | b"DTS3" => StreamKind::Audio(AudioCodec::Dts),
        b"HEVC" => StreamKind::Video(VideoCodec::Hevc),
        b"CUEI" => StreamKind::Scte35,
        b"ID3 " | b"KLVA" => StreamKind::Metadata,
        _ => return None,
    })
}
