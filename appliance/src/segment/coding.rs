//! Notices when a stream stops being decodable by what was said before: other PIDs, other stream
//! types, another codec or picture size.
//!
//! Source: RFC 8216 §4.3.2.3: such a change needs an EXT-X-DISCONTINUITY. A new version of the
//! PMT that changes none of these needs none.

use heapless::Vec;

use crate::{
    demux::{ElementaryStream, Pid, Program, STREAMS_MAX, StreamKind, StreamParameters},
    hash::fnv1a,
};

/// PID, `stream_type` and kind of an elementary stream.
type Layout = Vec<(Pid, u8, StreamKind), STREAMS_MAX>;

/// The present coding of the program.
#[derive(Debug, Default)]
pub(super) struct Coding {
    program: Option<(u16, Layout)>,
    /// The layout under which the open segment began.
    settled: Layout,
    primary: Option<(Pid, u8, StreamKind)>,
    parameters: Vec<(Pid, StreamParameters), STREAMS_MAX>,
    /// It broke with what was said before, and no segment has begun since.
    is_broken: bool,
}

impl Coding {
    /// Takes note of new tables; true when they break with the ones before.
    pub(super) fn set_program(&mut self, program: &Program) -> bool {
        let row = |stream: &ElementaryStream| (stream.pid, stream.stream_type, stream.kind);
        let present: (u16, Layout) = (program.number, program.streams.iter().map(row).collect());
        if self.program.as_ref() == Some(&present) {
            return false;
        }
        let before = self.program.take();
        // Of streams that stay, the demultiplexer does not tell again what it has told.
        let was_there = |row: &(Pid, u8, StreamKind)| {
            before
                .as_ref()
                .is_some_and(|(_, before)| before.contains(row))
        };
        let stay = program.streams.iter().map(row).filter(was_there);
        let stay: Vec<Pid, STREAMS_MAX> = stay.map(|(pid, ..)| pid).collect();
        self.parameters.retain(|(pid, _)| stay.contains(pid));
        self.primary = program.primary().map(row);
        let is_break = before.is_some();
        self.program = Some(present);
        self.is_broken |= is_break;
        is_break
    }

    /// Takes note of the parameters of one stream; true when they break with the ones before.
    pub(super) fn set_parameters(&mut self, pid: Pid, parameters: &StreamParameters) -> bool {
        if let Some((_, present)) = self.parameters.iter_mut().find(|(other, _)| *other == pid) {
            let is_break = differ(present, parameters);
            present.clone_from(parameters);
            self.is_broken |= is_break;
            return is_break;
        }
        // Streams beyond STREAMS_MAX are not in the program; none can be missed here.
        self.parameters
            .push((pid, parameters.clone()))
            .is_ok_and(|()| false)
    }

    /// True when the next segment needs a discontinuity.
    pub(super) fn is_broken(&self) -> bool {
        self.is_broken
    }

    /// A hash of the tables, and of codec and picture size of the primary stream: the same in each
    /// life of a box whose version knows as much of streams. Of the others, more may become known.
    pub(super) fn hash(&self) -> u64 {
        let parameters = self
            .parameters
            .iter()
            .find(|(pid, _)| self.is_primary(*pid));
        let parameters = parameters.map(|(_, it)| (&it.codec, it.resolution));
        fnv1a(format!("{:?} {parameters:?}", self.program).bytes())
    }

    /// The primary stream of the present tables.
    pub(super) fn primary(&self) -> Option<(Pid, u8, StreamKind)> {
        self.primary
    }

    /// True for the PID of the primary stream.
    pub(super) fn is_primary(&self, pid: Pid) -> bool {
        self.primary.is_some_and(|(primary, ..)| primary == pid)
    }

    /// True for what the present tables name otherwise than those of the open segment, if at all.
    pub(super) fn is_of_next(&self, pid: Pid) -> bool {
        let Some((_, present)) = self.program.as_ref().filter(|_| self.is_broken) else {
            return false;
        };
        let row = present.iter().find(|(other, ..)| *other == pid);
        row.is_some_and(|row| !self.settled.contains(row))
    }

    /// A segment begins: what comes is as it is now.
    pub(super) fn settle(&mut self) {
        self.is_broken = false;
        if let Some((_, present)) = &self.program {
            self.settled.clone_from(present);
        }
    }
}

/// True when codec or picture size were known and are now different.
fn differ(before: &StreamParameters, after: &StreamParameters) -> bool {
    let codec = !before.codec.is_empty() && !after.codec.is_empty() && before.codec != after.codec;
    let resolution = before
        .resolution
        .zip(after.resolution)
        .is_some_and(|(old, new)| old != new);
    codec || resolution
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::segment::fixture::{VIDEO, program};

    fn video(width: u32) -> StreamParameters {
        StreamParameters {
            codec: "avc1.640028".to_owned(),
            resolution: Some((width, 720)),
            ..StreamParameters::default()
        }
    }

    #[test]
    fn what_is_known_of_a_stream_outlives_a_change_of_others() {
        let mut coding = Coding::default();
        coding.set_program(&program(0, 30));
        coding.set_parameters(VIDEO, &video(1_280));
        let mut other = program(1, 30);
        other.streams.pop();
        assert!(coding.set_program(&other));
        // The next life is told of it anew.
        let mut next = Coding::default();
        next.set_program(&other);
        next.set_parameters(VIDEO, &video(1_280));
        assert_eq!(coding.hash(), next.hash());
        assert!(coding.set_parameters(VIDEO, &video(1_920)), "it is a break");
    }
}
