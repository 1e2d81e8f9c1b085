//! Reads the head of each access unit of the primary stream until it tells whether decoding can
//! begin there.
//!
//! Source: ISO/IEC 13818-1 §2.4.3.5 (`random_access_indicator`), §2.4.3.6 (PES packet).
//!
//! `random_access_indicator` alone is not believed: streams exist that set it on every picture. It
//! decides where the bytes do not tell: where parameter sets are there but the first slice lies
//! beyond the head.
//!
//! Refuses: to look for an access unit that begins within a PES packet.

use heapless::Vec;

use crate::demux::codec::{Examination, examine};
use crate::demux::encoder_boundary_point::begins_segment;
use crate::demux::pes::{PesHead, PesHeader, head, may_begin};
use crate::demux::{AdaptationField, Packet, StreamKind};

/// Bytes of an access unit that are looked at, PES header included: room for parameter sets and
/// for the longest supplemental information that encoders put before the first slice.
const HEAD_BYTES_MAX: usize = 4_096;

/// The head of the access unit at hand.
#[derive(Debug)]
pub(super) struct UnitHead {
    kind: StreamKind,
    state: State,
    bytes: Vec<u8, HEAD_BYTES_MAX>,
    random_access_indicator: bool,
    segment_boundary: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// No unit has begun, or the present one is understood.
    Closed,
    /// Bytes are being collected.
    Open,
}

/// What the head tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Finding<'a> {
    /// The time stamps; `None` when the unit has no sound header.
    pub header: Option<PesHeader>,
    /// Whether decoding can begin here.
    pub random_access: bool,
    /// False when the head ended before it told.
    pub is_decided: bool,
    /// Parameter sets of a video stream, as `codec::video_parameters` reads them.
    pub parameter_sets: Option<&'a [u8]>,
}

impl UnitHead {
    /// Waits for the first unit of a stream of `kind`.
    pub(super) const fn new(kind: StreamKind) -> Self {
        Self {
            kind,
            state: State::Closed,
            bytes: Vec::new(),
            random_access_indicator: false,
            segment_boundary: false,
        }
    }

    /// What the stream is.
    pub(super) const fn kind(&self) -> StreamKind {
        self.kind
    }

    /// True when the encoder marked the unit as the beginning of a segment.
    pub(super) const fn is_segment_boundary(&self) -> bool {
        self.segment_boundary
    }

    /// Tells whether a unit begins with `packet`, which has `payload_unit_start_indicator`.
    pub(super) fn can_begin_with(packet: Packet<'_>) -> bool {
        packet
            .payload()
            .is_some_and(|payload| packet.scrambled() || may_begin(payload))
    }

    /// True when `payload` is the one the unit began with and nothing has come since.
    pub(super) fn began_with(&self, payload: &[u8]) -> bool {
        self.bytes.as_slice() == payload
    }

    /// Begins a unit with `packet`.
    pub(super) fn begin(&mut self, packet: Packet<'_>) {
        self.state = State::Open;
        let field = packet.adaptation_field();
        self.random_access_indicator = field.is_some_and(AdaptationField::random_access);
        self.segment_boundary = field.is_some_and(begins_segment);
        self.bytes.clear();
        self.append(packet);
    }

    /// Takes the next packet of the unit, as far as the head reaches.
    pub(super) fn extend(&mut self, packet: Packet<'_>) {
        if self.state == State::Open {
            self.append(packet);
        }
    }

    /// What the head tells, once it is enough; `None` as well when no unit is at hand.
    pub(super) fn finding(&self) -> Option<Finding<'_>> {
        match self.state {
            State::Closed => None,
            State::Open if self.bytes.is_full() => self.last_finding(),
            State::Open => Some(self.read()).filter(|finding| finding.is_decided),
        }
    }

    /// What the head tells when no more of it will come.
    pub(super) fn last_finding(&self) -> Option<Finding<'_>> {
        match self.state {
            State::Closed => None,
            State::Open => Some(self.read()),
        }
    }

    /// Ends the unit: it is understood, or given up.
    pub(super) fn close(&mut self) {
        self.state = State::Closed;
    }

    fn append(&mut self, packet: Packet<'_>) {
        let payload = packet.payload().unwrap_or_default();
        let room = HEAD_BYTES_MAX - self.bytes.len();
        self.bytes
            .extend_from_slice(payload.get(..room).unwrap_or(payload))
            .expect("no more is taken than there is room for");
    }

    fn read(&self) -> Finding<'_> {
        let header = match head(&self.bytes) {
            PesHead::Complete(header) => header,
            unread @ (PesHead::Incomplete | PesHead::Invalid) => {
                return Finding {
                    header: None,
                    random_access: false,
                    is_decided: unread == PesHead::Invalid,
                    parameter_sets: None,
                };
            }
        };
        let examination = self.examine(self.bytes.get(header.payload_offset..).unwrap_or_default());
        let on_trust = self.random_access_indicator && examination.has_parameter_sets;
        Finding {
            header: Some(header),
            random_access: examination.random_access.unwrap_or(on_trust),
            is_decided: examination.random_access.is_some(),
            parameter_sets: examination.parameter_sets,
        }
    }

    fn examine<'a>(&self, stream: &'a [u8]) -> Examination<'a> {
        match self.kind {
            StreamKind::Video(codec) => examine(codec, stream),
            // Every audio frame stands alone.
            StreamKind::Audio(_)
            | StreamKind::Teletext
            | StreamKind::DvbSubtitle
            | StreamKind::Scte35
            | StreamKind::Metadata
            | StreamKind::Other => Examination {
                random_access: Some(true),
                ..Examination::default()
            },
        }
    }
}
