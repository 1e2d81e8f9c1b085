//! What a rendition's line in the Master Playlist says of it, read from the stream itself.
//!
//! Source: RFC 8216 §4.3.4.2 (CODECS, RESOLUTION, FRAME-RATE).

use heapless::Vec;

use crate::{
    demux::{Event, Pid, Program, STREAMS_MAX, StreamKind, StreamParameters},
    segment::{BandwidthMeter, Variant},
};

/// The pictures and sound of one program.
#[derive(Debug, Default)]
pub(super) struct Description {
    streams: Vec<Stream, STREAMS_MAX>,
}

#[derive(Debug)]
struct Stream {
    pid: Pid,
    is_video: bool,
    parameters: Option<StreamParameters>,
}

impl Description {
    /// Takes note of tables and parameters; other events say nothing new.
    pub(super) fn observe(&mut self, event: &Event<'_>) {
        match event {
            Event::Program(program) => self.set_program(program),
            Event::Parameters(pid, parameters) => {
                if let Some(stream) = self.streams.iter_mut().find(|stream| stream.pid == *pid) {
                    stream.parameters = Some((*parameters).clone());
                }
            }
            Event::Packet(_) | Event::AccessUnit(_) | Event::Splice(_) => {}
        }
    }

    fn set_program(&mut self, program: &Program) {
        let before = std::mem::take(&mut self.streams);
        let is_heard_or_seen = |kind| matches!(kind, StreamKind::Video(_) | StreamKind::Audio(_));
        let streams = program
            .streams
            .iter()
            .filter(|stream| is_heard_or_seen(stream.kind));
        self.streams = streams
            .map(|stream| Stream {
                pid: stream.pid,
                is_video: matches!(stream.kind, StreamKind::Video(_)),
                parameters: before
                    .iter()
                    .find(|known| known.pid == stream.pid)
                    .and_then(|known| known.parameters.clone()),
            })
            .collect();
    }

    /// The line for a rendition whose Media Playlist is at `uri`.
    pub(super) fn variant(&self, uri: String, bandwidth: &BandwidthMeter) -> Variant {
        let video = self.streams.iter().find(|stream| stream.is_video);
        let picture = video.and_then(|stream| stream.parameters.as_ref());
        Variant {
            uri,
            codecs: self.codecs().unwrap_or_default(),
            resolution: picture.and_then(|picture| picture.resolution),
            frame_rate_millihertz: picture.and_then(|picture| picture.frame_rate_millihertz),
            bandwidth_bps: bandwidth.peak_bps(),
            bandwidth_average_bps: bandwidth.average_bps(),
        }
    }

    /// All codecs, each once, video first; `None` while one is not known, because half a list
    /// misleads a player more than none.
    fn codecs(&self) -> Option<std::vec::Vec<String>> {
        let mut codecs = std::vec::Vec::new();
        for is_video in [true, false] {
            for stream in self
                .streams
                .iter()
                .filter(|stream| stream.is_video == is_video)
            {
                let codec = &stream.parameters.as_ref()?.codec;
                if !codecs.contains(codec) {
                    codecs.push(codec.clone());
                }
            }
        }
        Some(codecs)
    }
}
