//! What a rendition's line in the Master Playlist says of it, read from the stream itself.
//!
//! Source: RFC 8216 §4.3.4.2: CODECS lists every sample type that is present in the rendition. A
//! stream that the PMT announces and that never sends is not present; one that sends and is not
//! understood is, and then nothing is said, because half a list misleads a player more than none.

use heapless::Vec;

use crate::{
    demux::{Event, Pid, Program, STREAMS_MAX, StreamKind, StreamParameters},
    ladder::{Line, Track, TrackKind, Tracks},
    segment::{Bandwidth, Segment, Variant},
};

/// Media for which a stream that has not sent is waited for: `PID_error` of TR 101 290.
const SILENCE_90K: u64 = 5 * 90_000;

/// Why there is room for a row for each stream.
const AS_MANY: &str = "no more than the program can have";

/// The pictures and sound of one program.
#[derive(Debug, Default)]
pub(super) struct Description {
    /// The first video stream, which is the one that players show, and all audio streams.
    streams: Vec<Stream, STREAMS_MAX>,
    tracks: Tracks,
}

#[derive(Debug)]
struct Stream {
    pid: Pid,
    is_video: bool,
    /// True once a payload unit of it began.
    has_sent: bool,
    /// Media that passed before.
    silent_90k: u64,
    parameters: Option<StreamParameters>,
}

impl Stream {
    fn new(pid: Pid, is_video: bool) -> Self {
        Self {
            pid,
            is_video,
            has_sent: false,
            silent_90k: 0,
            parameters: None,
        }
    }

    /// True when it was announced for long enough and has not sent anything.
    fn is_absent(&self) -> bool {
        !self.has_sent && self.silent_90k >= SILENCE_90K
    }
}

impl Description {
    /// Takes note of tables, parameters and who sends; other events say nothing new.
    pub(super) fn observe(&mut self, event: &Event<'_>) {
        match event {
            Event::Program(program) => self.set_program(program),
            Event::Parameters(pid, parameters) => {
                if let Some(stream) = self.stream(*pid) {
                    stream.has_sent = true;
                    stream.parameters = Some((*parameters).clone());
                }
            }
            Event::Packet(event) if event.packet.payload_unit_start() => {
                if let Some(stream) = self.stream(event.packet.pid()) {
                    stream.has_sent = true;
                }
            }
            Event::Packet(_) | Event::AccessUnit(_) | Event::Splice(_) => {}
        }
    }

    fn stream(&mut self, pid: Pid) -> Option<&mut Stream> {
        self.streams.iter_mut().find(|stream| stream.pid == pid)
    }

    fn set_program(&mut self, program: &Program) {
        let mut before = std::mem::take(&mut self.streams);
        self.tracks.clear();
        for stream in &program.streams {
            let is_video = matches!(stream.kind, StreamKind::Video(_));
            let is_audio = matches!(stream.kind, StreamKind::Audio(_));
            if is_audio || is_video && !self.streams.iter().any(|known| known.is_video) {
                let known = before.iter().position(|known| known.pid == stream.pid);
                let known = known.map(|place| before.swap_remove(place));
                let stream = known.unwrap_or_else(|| Stream::new(stream.pid, is_video));
                self.streams.push(stream).expect(AS_MANY);
            }
            if let Some(kind) = track_kind(stream.kind) {
                let language = stream.language;
                self.tracks.push(Track { kind, language }).expect(AS_MANY);
            }
        }
    }

    /// Takes note that `segment` has ended.
    pub(super) fn end_segment(&mut self, segment: &Segment) {
        for stream in self.streams.iter_mut().filter(|stream| !stream.has_sent) {
            stream.silent_90k = stream.silent_90k.saturating_add(segment.duration_90k);
        }
    }

    /// What a rendition tells of itself whose Media Playlist is at `uri`.
    pub(super) fn line(&self, uri: String, bandwidth: Bandwidth, target_duration_s: u32) -> Line {
        let video = self.streams.iter().find(|stream| stream.is_video);
        let picture = video.and_then(|stream| stream.parameters.as_ref());
        Line {
            variant: Variant {
                uri,
                codecs: self.codecs(&[true, false]).unwrap_or_default(),
                resolution: picture.and_then(|picture| picture.resolution),
                frame_rate_millihertz: picture.and_then(|picture| picture.frame_rate_millihertz),
                bandwidth_bps: bandwidth.peak_bps,
                bandwidth_average_bps: bandwidth.average_bps,
                subtitles: None,
            },
            has_video: video.is_some_and(|video| !video.is_absent()),
            tracks: self.tracks.clone(),
            target_duration_s,
            overlong_group: None,
        }
    }

    /// The line of its sound alone, whose Media Playlist is at `uri`; `None` if there is none.
    pub(super) fn sound(&self, uri: String, bandwidth: Bandwidth) -> Option<Variant> {
        let mut sound = self.streams.iter().filter(|stream| !stream.is_video);
        sound.any(|stream| !stream.is_absent()).then(|| Variant {
            uri,
            codecs: self.codecs(&[false]).unwrap_or_default(),
            bandwidth_bps: bandwidth.peak_bps,
            bandwidth_average_bps: bandwidth.average_bps,
            ..Variant::default()
        })
    }

    /// All codecs that are present, of video streams, others or both, each once; `None` while one
    /// is not known.
    fn codecs(&self, kinds: &[bool]) -> Option<std::vec::Vec<String>> {
        let mut codecs = std::vec::Vec::new();
        for is_video in kinds {
            let streams = self.streams.iter();
            let streams = streams.filter(|stream| stream.is_video == *is_video);
            for stream in streams.filter(|stream| !stream.is_absent()) {
                let codec = &stream.parameters.as_ref()?.codec;
                if !codecs.contains(codec) {
                    codecs.push(codec.clone());
                }
            }
        }
        Some(codecs)
    }
}

fn track_kind(kind: StreamKind) -> Option<TrackKind> {
    match kind {
        StreamKind::Audio(_) => Some(TrackKind::Audio),
        StreamKind::DvbSubtitle => Some(TrackKind::Subtitles),
        StreamKind::Teletext => Some(TrackKind::Teletext),
        StreamKind::Video(_) | StreamKind::Scte35 | StreamKind::Metadata | StreamKind::Other => {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use weir_hal::Wall;

    use super::*;
    use crate::demux::{
        AudioCodec, ElementaryStream, PACKET_BYTES, Packet, ProgramPacket, VideoCodec,
    };

    const VIDEO: Pid = Pid::from_bits(0x100);
    const AUDIO: Pid = Pid::from_bits(0x101);
    const SECOND_AUDIO: Pid = Pid::from_bits(0x102);

    fn program() -> Program {
        let stream = |pid, kind| ElementaryStream {
            pid,
            stream_type: 0,
            kind,
            language: Some(*b"deu"),
        };
        Program {
            number: 1,
            transport_stream_id: 1,
            pmt_pid: Pid::from_bits(0x1000),
            pcr_pid: Some(VIDEO),
            version: 0,
            streams: [
                stream(VIDEO, StreamKind::Video(VideoCodec::H264)),
                stream(AUDIO, StreamKind::Audio(AudioCodec::AacAdts)),
                stream(SECOND_AUDIO, StreamKind::Audio(AudioCodec::Ac3)),
                stream(Pid::from_bits(0x103), StreamKind::Teletext),
                stream(Pid::from_bits(0x104), StreamKind::Video(VideoCodec::H264)),
            ]
            .into_iter()
            .collect(),
            pmt_section: Vec::new(),
        }
    }

    fn know(description: &mut Description, pid: Pid, codec: &str) {
        let codec = codec.to_owned();
        let parameters = StreamParameters {
            codec,
            ..StreamParameters::default()
        };
        description.observe(&Event::Parameters(pid, &parameters));
    }

    fn send(description: &mut Description, pid: Pid) {
        let [high, low] = pid.value().to_be_bytes();
        let mut bytes = [0; PACKET_BYTES];
        bytes[..4].copy_from_slice(&[0x47, 0x40 | high, low, 0x10]);
        let packet = Packet::new(&bytes).expect("it has a sync byte");
        description.observe(&Event::Packet(ProgramPacket {
            packet,
            starts_unit: false,
            goes_on: true,
        }));
    }

    fn end(description: &mut Description, seconds: u64) -> Vec<String, 4> {
        description.end_segment(&Segment {
            sequence: 1,
            duration_90k: seconds * 90_000,
            target_duration_s: 6,
            bytes: 1,
            discontinuity: false,
            independent: true,
            gap: false,
            date_time: Wall::default(),
            begin: None,
        });
        let line = description.line(String::new(), Bandwidth::default(), 6);
        line.variant.codecs.into_iter().collect()
    }

    #[test]
    fn a_stream_that_never_sends_is_waited_for_and_then_left_out_until_it_does() {
        let mut description = Description::default();
        description.observe(&Event::Program(&program()));
        know(&mut description, VIDEO, "avc1.64001F");
        know(&mut description, AUDIO, "mp4a.40.2");
        assert!(end(&mut description, 2).is_empty(), "it may still come");
        assert_eq!(end(&mut description, 6), ["avc1.64001F", "mp4a.40.2"]);
        send(&mut description, SECOND_AUDIO);
        assert!(end(&mut description, 6).is_empty(), "it sends, but what?");
        know(&mut description, SECOND_AUDIO, "ac-3");
        assert_eq!(
            end(&mut description, 6),
            ["avc1.64001F", "mp4a.40.2", "ac-3"]
        );
    }

    #[test]
    fn tracks_are_those_of_the_tables_and_pictures_those_of_the_first_video() {
        let mut description = Description::default();
        description.observe(&Event::Program(&program()));
        let line = description.line(String::new(), Bandwidth::default(), 6);
        let kinds: Vec<TrackKind, 8> = line.tracks.iter().map(|track| track.kind).collect();
        assert_eq!(
            kinds,
            [TrackKind::Audio, TrackKind::Audio, TrackKind::Teletext]
        );
        assert_eq!(line.tracks[2].language, Some(*b"deu"));
        assert!(line.has_video);
        assert_eq!(description.streams.len(), 3);
    }
}
