//! Looks into a segment, as it comes, by our own `demux`.
//!
//! Source: RFC 8216 §3 (formats), ISO/IEC 13818-1. Pure. Keeps nothing of a segment but its first
//! bytes, and of WebVTT the times of its cues.
//!
//! Refuses: to look into fragmented MP4, packed audio, and what is still encrypted; it says which
//! it was.

use std::collections::BTreeMap;

use crate::{
    demux::{
        AccessUnit, AdaptationField, Counters, Demux, Event, Packet, PacketSync, PesPayload, Pid,
        Pts, Selection, StreamKind,
    },
    validate::web_vtt::{self, BYTE_ORDER_MARK, WebVtt},
};

/// Bytes that are kept from the beginning: what tells one format from another.
const HEAD_BYTES_MAX: usize = 16;

/// PIDs whose counters are followed from segment to segment.
const PIDS_MAX: usize = 64;

/// Sound whose time stamps step further than this is missing in between, or is not what it was.
const SOUND_STEP_90K_MAX: i64 = 2 * Pts::HZ.cast_signed();

/// Packets in which the tables are looked for.
const FIRST_PACKETS: usize = 2;

/// What a segment is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// An MPEG-2 transport stream.
    TransportStream,
    /// Fragmented MP4.
    FragmentedMp4,
    /// WebVTT.
    WebVtt,
    /// An elementary stream of audio.
    PackedAudio,
    /// It is encrypted.
    Encrypted,
    /// None of these.
    #[default]
    Unknown,
}

/// What was found in a segment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SegmentFacts {
    /// What it is.
    pub format: Format,
    /// Its bytes.
    pub bytes: u64,
    /// Programs of its PAT; 0 without one.
    pub programs: usize,
    /// Whether it has a PAT and the PMT of the program.
    pub has_tables: bool,
    /// Whether they are its first packets.
    pub begins_with_tables: bool,
    /// Whether the program has a PCR, unless its PMT says that there is none.
    pub has_pcr: bool,
    /// Whether its first picture can be decoded by itself; `None` without video.
    pub begins_with_key_frame: Option<bool>,
    /// Continuity counters that break within.
    pub counter_breaks: u64,
    /// `elementary_PID` and `stream_type` of video and audio.
    pub tracks: Vec<(u16, u8)>,
    /// Codec and size of the picture.
    pub coding: Option<String>,
    /// What it says, if it is WebVTT.
    pub web_vtt: Option<WebVtt>,
    /// Why it could not be opened, if it should have been.
    pub lock: Option<Lock>,
    counters: BTreeMap<u16, Counting>,
    pts: Option<Presentation>,
    sound_90k: Option<i64>,
}

/// Why a segment of AES-128 could not be opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lock {
    /// Its key is not to be had; one clause says why.
    NoKey(String),
    /// Its key is for others: the answer to who asks for it has this status.
    KeyRefused(u16),
    /// It does not end as what was encrypted with that key does.
    WrongKey,
}

/// `continuity_counter` of one PID: the first and the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Counting {
    first: u8,
    last: u8,
    /// The first packet has `discontinuity_indicator`.
    is_announced: bool,
}

/// When the pictures of a segment are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Presentation {
    first: Pts,
    earliest_90k: i64,
    latest_90k: i64,
    units: i64,
}

/// For how long one audio stream goes on without a hole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Sound {
    latest: Pts,
    last_90k: i64,
    duration_90k: i64,
}

impl Sound {
    /// Begins at `pts`.
    const fn new(pts: Pts) -> Self {
        Self {
            latest: pts,
            last_90k: 0,
            duration_90k: 0,
        }
    }

    /// Goes on at `pts`; a step to and fro, of a damaged time stamp, adds nothing.
    fn go_on(&mut self, pts: Pts) {
        let step_90k = pts.ticks_since(self.latest);
        self.latest = pts;
        if (1..=SOUND_STEP_90K_MAX).contains(&step_90k) {
            self.duration_90k += step_90k;
            self.last_90k = step_90k;
        }
    }
}

impl SegmentFacts {
    /// What is known of a segment that cannot be looked into.
    pub fn encrypted(bytes: u64) -> Self {
        Self {
            format: Format::Encrypted,
            bytes,
            ..Self::default()
        }
    }

    /// The same, because of `lock`.
    pub fn locked(bytes: u64, lock: Lock) -> Self {
        Self {
            lock: Some(lock),
            ..Self::encrypted(bytes)
        }
    }

    /// How long its pictures, or its sound, are shown.
    pub fn duration_us(&self) -> Option<u64> {
        let pts = self.pts.filter(|pts| pts.units > 1)?;
        let span_90k = pts.latest_90k - pts.earliest_90k;
        let whole_90k = span_90k.checked_mul(pts.units)? / (pts.units - 1);
        u64::try_from(micros(whole_90k)).ok()
    }

    /// How long the longest of its audio streams is heard, holes left out; `None` without sound.
    pub fn sound_us(&self) -> Option<u64> {
        u64::try_from(micros(self.sound_90k?)).ok()
    }

    /// How long one of its pictures, or units of sound, is shown.
    pub fn picture_us(&self) -> u64 {
        let units = self.pts.map_or(0, |pts| pts.units);
        let duration_us = self.duration_us().unwrap_or(0);
        duration_us / u64::try_from(units).unwrap_or(0).max(1)
    }

    /// How far its first picture is behind that of `before`, across a wrap.
    pub fn begins_after_us(&self, before: &Self) -> Option<i64> {
        Some(micros(self.first_pts()?.ticks_since(before.first_pts()?)))
    }

    /// When its earliest picture is shown.
    pub fn first_pts(&self) -> Option<Pts> {
        let pts = self.pts?;
        let earliest = pts.first.ticks().cast_signed() + pts.earliest_90k;
        let modulus = Pts::MODULUS.cast_signed();
        let ticks = earliest.rem_euclid(modulus);
        Some(Pts::from_ticks(ticks.cast_unsigned()))
    }

    /// PIDs whose `continuity_counter` does not go on from `before`.
    pub fn counters_broken(&self, before: &Self) -> Vec<Pid> {
        let broken = self.counters.iter().filter(|(pid, counting)| {
            let last = before.counters.get(pid).map(|before| before.last);
            let goes_on = |last: u8| counting.first == (last + 1) & 0x0F || counting.first == last;
            !counting.is_announced && !last.is_none_or(goes_on)
        });
        broken.map(|(pid, _)| Pid::from_bits(*pid)).collect()
    }

    /// The tracks, for people.
    pub fn tracks_text(&self) -> String {
        let tracks = self.tracks.iter();
        let texts =
            tracks.map(|(pid, stream_type)| format!("0x{pid:04X} of type 0x{stream_type:02X}"));
        texts.collect::<Vec<_>>().join(", ")
    }
}

/// Looks into one segment.
#[derive(Debug)]
pub struct Inspector {
    head: Vec<u8>,
    bytes: u64,
    stream: Option<Box<Stream>>,
    text: Option<Box<web_vtt::Reader>>,
}

impl Default for Inspector {
    fn default() -> Self {
        Self::new()
    }
}

impl Inspector {
    /// Has seen nothing.
    pub const fn new() -> Self {
        Self {
            head: Vec::new(),
            bytes: 0,
            stream: None,
            text: None,
        }
    }

    /// Takes the next bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        match bytes.first().filter(|_| self.bytes == 0) {
            Some(0x47) => self.stream = Some(Box::new(Stream::new())),
            Some(b'W' | 0xEF) => self.text = Some(Box::default()),
            Some(_) | None => {}
        }
        self.bytes += bytes.len() as u64;
        let room = HEAD_BYTES_MAX - self.head.len();
        self.head.extend(bytes.iter().take(room));
        if let Some(stream) = &mut self.stream {
            stream.push(bytes);
        }
        if let Some(text) = &mut self.text {
            text.push(bytes);
        }
    }

    /// Tells what was found.
    pub fn finish(self) -> SegmentFacts {
        let Self {
            head,
            bytes,
            stream,
            text,
        } = self;
        let mut facts = match stream {
            Some(stream) => stream.finish(),
            None => SegmentFacts {
                format: format(&head),
                ..SegmentFacts::default()
            },
        };
        if facts.format == Format::WebVtt {
            facts.web_vtt = text.map(|text| text.finish());
        }
        facts.bytes = bytes;
        facts
    }
}

/// What begins with these bytes, and is no transport stream.
fn format(head: &[u8]) -> Format {
    let bare = head.strip_prefix(BYTE_ORDER_MARK).unwrap_or(head);
    let is_box = |kind: &[u8; 4]| head.get(4..8) == Some(kind);
    let boxes = [
        b"ftyp", b"styp", b"moof", b"sidx", b"emsg", b"prft", b"moov",
    ];
    if bare.starts_with(b"WEBVTT") {
        Format::WebVtt
    } else if boxes.into_iter().any(is_box) {
        Format::FragmentedMp4
    } else if head.starts_with(b"ID3")
        || head.starts_with(b"\x0B\x77")
        || matches!(head, [0xFF, second, ..] if second & 0xE0 == 0xE0)
    {
        Format::PackedAudio
    } else {
        Format::Unknown
    }
}

/// A transport stream on its way through.
#[derive(Debug)]
struct Stream {
    sync: PacketSync,
    sync_counters: Counters,
    demux: Demux,
    seen: Seen,
}

#[derive(Debug, Default)]
struct Seen {
    first_pids: Vec<u16>,
    pcr_pids: Vec<u16>,
    counters: BTreeMap<u16, Counting>,
    first_is_key: Option<bool>,
    pts: Option<Presentation>,
    /// Whatever comes in PES packets, of which the PMT tells what it is.
    sounds: BTreeMap<u16, Sound>,
}

impl Stream {
    fn new() -> Self {
        Self {
            sync: PacketSync::new(),
            sync_counters: Counters::default(),
            demux: Demux::new(Selection::First),
            seen: Seen::default(),
        }
    }

    fn push(&mut self, bytes: &[u8]) {
        let (demux, seen) = (&mut self.demux, &mut self.seen);
        self.sync.push(bytes, &mut self.sync_counters, |packet| {
            seen.packet(packet);
            demux.push(packet, |event| seen.event(event));
        });
    }

    fn finish(mut self) -> SegmentFacts {
        let (demux, seen) = (&mut self.demux, &mut self.seen);
        self.sync.finish(&mut self.sync_counters, |packet| {
            seen.packet(packet);
            demux.push(packet, |event| seen.event(event));
        });
        self.demux.finish(|event| self.seen.event(event));
        let Self { demux, seen, .. } = self;
        let program = demux.program();
        let kind = |kind| matches!(kind, StreamKind::Video(_) | StreamKind::Audio(_));
        let streams = program.into_iter().flat_map(|program| &program.streams);
        let tracks = streams.clone().filter(|stream| kind(stream.kind));
        let sounds = streams.filter(|stream| matches!(stream.kind, StreamKind::Audio(_)));
        let sounds = sounds.filter_map(|stream| seen.sounds.get(&stream.pid.value()));
        let sound_90k = sounds
            .map(|sound| sound.duration_90k + sound.last_90k)
            .max();
        let primary = program.and_then(|program| program.primary());
        let is_video = primary.is_some_and(|it| matches!(it.kind, StreamKind::Video(_)));
        let parameters = primary.and_then(|primary| demux.parameters(primary.pid));
        let pmt_pid = program.map(|program| program.pmt_pid.value());
        let pcr_pid = program.and_then(|program| program.pcr_pid);
        SegmentFacts {
            format: Format::TransportStream,
            programs: demux.programs().count(),
            has_tables: program.is_some(),
            begins_with_tables: pmt_pid.is_some_and(|pid| seen.first_pids == [0, pid]),
            has_pcr: pcr_pid.is_none_or(|pid| seen.pcr_pids.contains(&pid.value())),
            begins_with_key_frame: seen.first_is_key.filter(|_| is_video),
            counter_breaks: demux.counters().continuity_count_error,
            tracks: tracks
                .map(|track| (track.pid.value(), track.stream_type))
                .collect(),
            coding: parameters.filter(|_| is_video).map(|parameters| {
                let (width, height) = parameters.resolution.unwrap_or_default();
                format!("{} {width}x{height}", parameters.codec)
            }),
            counters: seen.counters,
            pts: seen.pts,
            sound_90k,
            ..SegmentFacts::default()
        }
    }
}

impl Seen {
    fn packet(&mut self, packet: Packet<'_>) {
        let pid = packet.pid().value();
        if self.first_pids.len() < FIRST_PACKETS {
            self.first_pids.push(pid);
        }
        let field = packet.adaptation_field();
        if field.is_some_and(|field| field.pcr().is_some())
            && self.pcr_pids.len() < PIDS_MAX
            && !self.pcr_pids.contains(&pid)
        {
            self.pcr_pids.push(pid);
        }
        if !packet.has_payload() || packet.transport_error() || packet.pid() == Pid::NULL {
            return;
        }
        let counter = packet.continuity_counter();
        if let Some(counting) = self.counters.get_mut(&pid) {
            counting.last = counter;
        } else if self.counters.len() < PIDS_MAX {
            let counting = Counting {
                first: counter,
                last: counter,
                is_announced: field.is_some_and(AdaptationField::discontinuity),
            };
            self.counters.insert(pid, counting);
        }
        self.sound(packet);
    }

    /// Takes note of the time stamp of `packet`, in case that it is of sound.
    fn sound(&mut self, packet: Packet<'_>) {
        let pid = packet.pid().value();
        let payload = packet.payload().filter(|_| packet.payload_unit_start());
        let Some(pts) = payload.and_then(PesPayload::read).and_then(|pes| pes.pts) else {
            return;
        };
        if let Some(sound) = self.sounds.get_mut(&pid) {
            sound.go_on(pts);
        } else if self.sounds.len() < PIDS_MAX {
            self.sounds.insert(pid, Sound::new(pts));
        }
    }

    fn event(&mut self, event: Event<'_>) {
        match event {
            Event::AccessUnit(unit) => self.unit(unit),
            Event::Program(_) | Event::Packet(_) | Event::Parameters(..) | Event::Splice(_) => {}
        }
    }

    fn unit(&mut self, unit: AccessUnit) {
        self.first_is_key.get_or_insert(unit.random_access);
        let Some(pts) = unit.pts else { return };
        let shown = self.pts.get_or_insert(Presentation {
            first: pts,
            earliest_90k: 0,
            latest_90k: 0,
            units: 0,
        });
        let since_90k = pts.ticks_since(shown.first);
        shown.earliest_90k = shown.earliest_90k.min(since_90k);
        shown.latest_90k = shown.latest_90k.max(since_90k);
        shown.units += 1;
    }
}

fn micros(ticks_90k: i64) -> i64 {
    ticks_90k.saturating_mul(100) / 9
}
