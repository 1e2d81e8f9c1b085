//! What is sent, and which of its datagrams end a segment.
//!
//! Source: ISO/IEC 13818-1 §2.4.3 (packets, PES); ITU-T H.264 §7.4.1 (NAL units). Reads what
//! ffmpeg's multiplexer writes, and nothing else. Shares no code with the product.

use std::{fs, path::Path, process::Command, time::Duration};

use weir_tests::{bench::Outcome, process::peer, stream::PACKET_BYTES};

/// Bytes of a datagram.
const DATAGRAM_BYTES: usize = 7 * PACKET_BYTES;

/// Bits a second of the multiplex, null packets and all.
const MUX_RATE: u64 = 4_000_000;

/// The PIDs that ffmpeg gives to pictures and to sound.
const VIDEO_PID: u16 = 0x100;
const AUDIO_PID: u16 = 0x101;

/// A stream of a constant rate.
#[derive(Debug)]
pub(crate) struct Clip {
    bytes: Vec<u8>,
    /// Its key frames but for the first, in order.
    pub(crate) cuts: Vec<Cut>,
}

/// Where a segment ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cut {
    /// PTS of the first picture of that segment.
    pub(crate) begins_90k: u64,
    /// The datagram with the last byte of it.
    pub(crate) last: usize,
    /// The datagram in which the next key frame shows: the first bytes of its first slice.
    pub(crate) told: usize,
}

impl Clip {
    /// Makes one of `span`, with a key frame a second.
    pub(crate) fn make(directory: &Path, span: Duration) -> Outcome<Self> {
        let file = directory.join("clip.ts");
        let line = format!(
            "-hide_banner -nostdin -loglevel error -f lavfi \
             -i testsrc2=size=640x360:rate=25:duration={seconds} -f lavfi \
             -i sine=frequency=440:sample_rate=48000:duration={seconds} -c:v libx264 \
             -preset ultrafast -bf 2 -g 25 -keyint_min 25 -sc_threshold 0 -b:v 3000k \
             -maxrate 3000k -bufsize 750k -pix_fmt yuv420p -c:a aac -b:a 64k \
             -muxrate {MUX_RATE} -f mpegts",
            seconds = span.as_secs()
        );
        peer(
            Command::new("ffmpeg")
                .args(line.split_whitespace())
                .arg(&file),
        );
        let bytes = fs::read(&file)?;
        let cuts = cuts(&bytes);
        if cuts.len() as u64 + 3 < span.as_secs() {
            return Err(format!("a clip with only {} key frames", cuts.len()).into());
        }
        Ok(Self { bytes, cuts })
    }

    /// Its datagrams, in order.
    pub(crate) fn datagrams(&self) -> impl Iterator<Item = &[u8]> {
        self.bytes.chunks(DATAGRAM_BYTES)
    }

    /// Time between two datagrams.
    pub(crate) fn pace() -> Duration {
        Duration::from_nanos(DATAGRAM_BYTES as u64 * 8 * 1_000_000_000 / MUX_RATE)
    }
}

/// PTS of the first picture in `bytes` of transport packets.
pub(crate) fn first_pts_90k(bytes: &[u8]) -> Option<u64> {
    let mut starts = packets(bytes).filter(|packet| pid(packet) == VIDEO_PID && starts(packet));
    pts_90k(payload(starts.next()?))
}

fn cuts(bytes: &[u8]) -> Vec<Cut> {
    let datagram = |packet: usize| packet * PACKET_BYTES / DATAGRAM_BYTES;
    let (mut cuts, mut begins_90k, mut last) = (Vec::new(), None, 0);
    for (index, packet) in packets(bytes).enumerate() {
        if is_key_frame(packet) {
            let told = slice_shows(bytes, index);
            if let (Some(begins_90k), Some(told)) = (begins_90k, told) {
                let (last, told) = (datagram(last), datagram(told));
                cuts.push(Cut {
                    begins_90k,
                    last,
                    told,
                });
            }
            begins_90k = pts_90k(payload(packet));
        }
        if matches!(pid(packet), VIDEO_PID | AUDIO_PID) {
            last = index;
        }
    }
    cuts
}

/// The packet in which the header of the first slice comes of the picture that begins with the
/// packet `first`.
fn slice_shows(bytes: &[u8], first: usize) -> Option<usize> {
    let mut head = Vec::new();
    for (index, packet) in packets(bytes).enumerate().skip(first) {
        if pid(packet) != VIDEO_PID {
            continue;
        }
        head.extend_from_slice(payload(packet));
        let is_slice = |four: &[u8]| four.starts_with(&[0, 0, 1]) && four[3] & 0x1F == 5;
        if head.windows(4).any(is_slice) {
            return Some(index);
        }
    }
    None
}

fn packets(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes.chunks_exact(PACKET_BYTES)
}

fn pid(packet: &[u8]) -> u16 {
    u16::from(packet[1] & 0x1F) << 8 | u16::from(packet[2])
}

fn starts(packet: &[u8]) -> bool {
    packet[1] & 0x40 != 0
}

/// ffmpeg sets `random_access_indicator` where it is true.
fn is_key_frame(packet: &[u8]) -> bool {
    let has_field = packet[3] & 0x20 != 0 && packet[4] > 0;
    pid(packet) == VIDEO_PID && starts(packet) && has_field && packet[5] & 0x40 != 0
}

fn payload(packet: &[u8]) -> &[u8] {
    let field = if packet[3] & 0x20 == 0 {
        0
    } else {
        1 + usize::from(packet[4])
    };
    packet.get(4 + field..).unwrap_or_default()
}

fn pts_90k(pes: &[u8]) -> Option<u64> {
    let field: &[u8; 5] = pes.get(9..14)?.try_into().ok()?;
    let part = |index: usize, mask: u8, shift: u32| u64::from(field[index] & mask) << shift;
    let pts = part(0, 0x0E, 29) | part(1, 0xFF, 22) | part(2, 0xFE, 14);
    (pes[7] & 0x80 != 0).then_some(pts | part(3, 0xFF, 7) | part(4, 0xFE, 0) >> 1)
}
