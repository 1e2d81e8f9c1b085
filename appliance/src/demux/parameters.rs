//! Keeps the parameters of each elementary stream of the selected program.
//!
//! A video stream's are read when its parameter sets differ from those read last. An audio
//! stream's are believed at once when nothing was known, and a change when it shows twice, so that
//! one damaged frame header is not taken for a new coding.
//!
//! Refuses: video streams beside the primary one.

use crate::demux::codec::{Reading, audio_codec_name, video_parameters};
use crate::demux::crc::crc_32;
use crate::demux::pes::{PesHead, head};
use crate::demux::{Packet, Pid, Program, StreamKind, StreamParameters};

/// What is known of the streams of one program.
#[derive(Debug, Default)]
pub(super) struct ParameterTable {
    /// As many as the program has streams, in their order.
    rows: Vec<Row>,
}

#[derive(Debug)]
struct Row {
    pid: Pid,
    kind: StreamKind,
    known: Option<StreamParameters>,
    /// CRC of the parameter sets read last.
    parameter_sets_crc: Option<u32>,
    /// The audio frame header read last, when it was not believed.
    doubtful: Option<u32>,
    /// True once a frame began right behind a PES header: any other reading is chance.
    is_aligned: bool,
}

impl ParameterTable {
    /// Takes up the streams of `program`; what is known of streams that stay is kept.
    pub(super) fn follow(&mut self, program: &Program) {
        let mut before = std::mem::take(&mut self.rows);
        self.rows.extend(program.streams.iter().map(|stream| {
            let same = |row: &Row| (row.pid, row.kind) == (stream.pid, stream.kind);
            match before.iter().position(same) {
                Some(at) => before.swap_remove(at),
                None => Row {
                    pid: stream.pid,
                    kind: stream.kind,
                    known: None,
                    parameter_sets_crc: None,
                    doubtful: None,
                    is_aligned: false,
                },
            }
        }));
    }

    /// The parameters of stream `pid`, once known.
    pub(super) fn of(&self, pid: Pid) -> Option<&StreamParameters> {
        self.rows.iter().find(|row| row.pid == pid)?.known.as_ref()
    }

    /// Takes the parameter sets of a video stream; returns its parameters when they are new.
    pub(super) fn note_video(
        &mut self,
        pid: Pid,
        parameter_sets: &[u8],
    ) -> Option<&StreamParameters> {
        let row = self.rows.iter_mut().find(|row| row.pid == pid)?;
        let StreamKind::Video(codec) = row.kind else {
            return None;
        };
        let crc = Some(crc_32(parameter_sets));
        if row.parameter_sets_crc == crc {
            return None;
        }
        row.parameter_sets_crc = crc;
        let parameters = video_parameters(codec, parameter_sets)?;
        row.replace(parameters)
    }

    /// Takes a packet that starts a PES packet; returns the parameters of its stream when it is
    /// an audio stream and they are new.
    pub(super) fn note_audio(&mut self, packet: Packet<'_>) -> Option<&StreamParameters> {
        let pid = packet.pid();
        let row = self.rows.iter_mut().find(|row| row.pid == pid)?;
        let StreamKind::Audio(codec) = row.kind else {
            return None;
        };
        let payload = packet.payload().filter(|_| !packet.scrambled())?;
        let PesHead::Complete(header) = head(payload) else {
            return None;
        };
        let reading = audio_codec_name(codec, payload.get(header.payload_offset..)?)?;
        if !row.believes(reading) {
            return None;
        }
        row.replace(StreamParameters {
            codec: reading.codec.to_owned(),
            ..StreamParameters::default()
        })
    }
}

impl Row {
    /// Tells whether an audio reading is news to be believed; remembers it when in doubt.
    fn believes(&mut self, reading: Reading) -> bool {
        let known = self.known.as_ref().map(|known| known.codec.as_str());
        let is_first_certain = reading.is_certain && !self.is_aligned;
        self.is_aligned |= reading.is_certain;
        if self.is_aligned && !reading.is_certain {
            return false;
        }
        let is_confirmed = self.doubtful == Some(reading.fixed_header);
        self.doubtful = Some(reading.fixed_header);
        known != Some(reading.codec) && (is_confirmed || is_first_certain)
    }

    fn replace(&mut self, parameters: StreamParameters) -> Option<&StreamParameters> {
        if self.known.as_ref() == Some(&parameters) {
            return None;
        }
        self.known = Some(parameters);
        self.known.as_ref()
    }
}
