//! What a person or a fleet may know of one rendition, at one moment.

use std::{
    fmt::{self, Display},
    net::SocketAddr,
    sync::Arc,
    time::Duration,
};

use weir_hal::Wall;

/// How old a report may be to be of now: what came since it was made is in the next one.
const FRESH: Duration = Duration::from_secs(2);

/// State and counters of one rendition.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// When this was so.
    pub at: Wall,
    /// What it is doing.
    pub state: State,
    /// The source that is received, as a URL; the first configured when none can be.
    pub source: String,
    /// The interface it is received on; `None` where the routing table chooses.
    pub interface: Option<String>,
    /// The core of the thread that receives it; `None` where that may run on any.
    pub core: Option<u16>,
    /// Who sends it.
    pub sender: Option<SocketAddr>,
    /// When the last datagram came.
    pub last_datagram: Option<Wall>,
    /// When the last segment was listed.
    pub last_segment: Option<Wall>,
    /// When random access points last came.
    pub last_random_access: Option<Wall>,
    /// The Target Duration of its playlist, in seconds; the one aimed at while it has none.
    pub target_duration_s: Option<u32>,
    /// Bits received in the last second.
    pub bitrate_bps: u64,
    /// Each source that is received, in order of preference.
    pub legs: Vec<Leg>,
    /// Times that another source was gone over to.
    pub source_switches: u64,
    /// Counters of `receive`, of the sources while they were in use.
    pub receive: crate::receive::Counters,
    /// Counters of `demux`, of the sources while they were in use.
    pub demux: crate::demux::Counters,
    /// Counters of what its sources were put together by, while they were in use.
    pub merge: crate::receive::merge::Counters,
    /// What was measured of the sources while they were in use.
    pub measure: crate::measure::Counters,
    /// Counters of `segment`.
    pub segment: crate::segment::Counters,
    /// Counters of the way into the store, tracks included.
    pub publish: crate::app::PublishCounters,
    /// Counters of its tracks.
    pub tracks: crate::segment::track::Counters,
}

impl Report {
    /// The moment that ages told at `now` count up to: when this was so, for what has come since is
    /// not in it; `now`, if no report was made for so long that nothing may look fresh.
    pub fn seen(&self, now: Wall) -> Wall {
        if now.since(self.at) <= FRESH {
            self.at
        } else {
            now
        }
    }
}

/// One source of a rendition.
#[derive(Debug, Clone, Default)]
pub struct Leg {
    /// Its URL, as it is configured.
    pub url: String,
    /// True for the one, or those, that segments are made of.
    pub is_active: bool,
    /// How well it is received.
    pub condition: Condition,
    /// Why its group could not be joined: one sentence, with the remedy.
    pub failure: Option<String>,
    /// Who sends it.
    pub sender: Option<SocketAddr>,
    /// What the head of its last datagram says of its way.
    pub header: weir_hal::NetworkHeader,
    /// When its last datagram came.
    pub last_datagram: Option<Wall>,
    /// Bits received in the last second.
    pub bitrate_bps: u64,
    /// Counters of `receive`.
    pub receive: crate::receive::Counters,
    /// The average of the bitrate.
    pub bitrate_average: crate::measure::BitrateAverage,
    /// How evenly its datagrams come.
    pub arrivals: crate::receive::Arrivals,
    /// Counters of `demux`, of the stream that it carries alone or with others.
    pub demux: crate::demux::Counters,
    /// What is measured of that stream, if anything is.
    pub figures: Option<Arc<crate::measure::Figures>>,
}

/// How well a source is received; the better, the greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Condition {
    /// It is not joined, silent, no transport stream, scrambled, or without the program.
    #[default]
    Unusable,
    /// Media come, with many errors.
    Damaged,
    /// Media come.
    Good,
}

impl Condition {
    /// A stable word for machines.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unusable => "unusable",
            Self::Damaged => "damaged",
            Self::Good => "good",
        }
    }
}

/// What a rendition is doing; anything but [`State::OnAir`] is a reason to act.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum State {
    /// Joined; nothing has come yet, or too little to tell what it is.
    #[default]
    Waiting,
    /// The group could not be joined; tried again by itself.
    NotJoined {
        /// One sentence, with the remedy.
        reason: String,
    },
    /// Datagrams came once, but none for three seconds or more.
    Silent,
    /// Datagrams come, and enough of them, but no transport packets are in them.
    NotTransportStream,
    /// Packets come, but no PAT or no PMT.
    NoTables,
    /// The PAT does not list the configured program.
    NoProgram {
        /// The program asked for.
        wanted: u16,
        /// The programs there are.
        available: Vec<u16>,
    },
    /// The pictures are scrambled; without pictures, the first audio stream is.
    Scrambled,
    /// Segments are to be encrypted, and there is no key.
    NoKey {
        /// Why not.
        reason: String,
    },
    /// No random access point yet, or none for so long that no player could begin.
    NoRandomAccess,
    /// Pictures come further apart than segments may be long.
    Stills,
    /// Segments came out, but none has been finished for long.
    Stalled,
    /// The first segment is being filled.
    Filling,
    /// Segments come out, of pictures without the PCR that the tables name.
    NoClock,
    /// Segments come out.
    OnAir,
}

impl State {
    /// True if segments come out.
    pub const fn is_on_air(&self) -> bool {
        matches!(self, Self::OnAir | Self::NoClock)
    }

    /// True if nothing comes that a segment could be made of, be there pictures or not.
    pub const fn is_absent(&self) -> bool {
        match self {
            Self::Waiting
            | Self::NotJoined { .. }
            | Self::Silent
            | Self::NotTransportStream
            | Self::NoTables
            | Self::NoProgram { .. }
            | Self::Scrambled => true,
            Self::NoKey { .. }
            | Self::NoRandomAccess
            | Self::Stills
            | Self::Stalled
            | Self::Filling
            | Self::NoClock
            | Self::OnAir => false,
        }
    }

    /// Why there is no playlist yet, for players: nothing of how the box is set up. `None` if this
    /// is no reason.
    pub const fn off_air(&self) -> Option<&'static str> {
        Some(match self {
            Self::Waiting | Self::NotJoined { .. } | Self::Silent | Self::NotTransportStream => {
                "nothing comes from its source"
            }
            Self::NoTables | Self::NoProgram { .. } => "its program is not in what comes",
            Self::Scrambled => "it comes scrambled",
            Self::NoKey { .. } => "there is no key to encrypt it with",
            Self::NoRandomAccess => "no key frame with a time stamp (PTS) comes",
            Self::Stills => "its pictures are too far apart",
            Self::Stalled => "no picture with a time stamp (PTS) comes",
            Self::Filling => "its first segment is being made",
            Self::NoClock | Self::OnAir => return None,
        })
    }

    /// A stable word for machines.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::NotJoined { .. } => "not_joined",
            Self::Silent => "silent",
            Self::NotTransportStream => "not_transport_stream",
            Self::NoTables => "no_tables",
            Self::NoProgram { .. } => "no_program",
            Self::Scrambled => "scrambled",
            Self::NoKey { .. } => "no_key",
            Self::NoRandomAccess => "no_random_access",
            Self::Stills => "stills",
            Self::Stalled => "stalled",
            Self::Filling => "filling",
            Self::NoClock => "no_clock",
            Self::OnAir => "on_air",
        }
    }
}

impl Display for State {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Waiting => formatter.write_str(
                "joined, but no datagram has come, or too few to tell what they hold: check that \
                 the group is sent and reaches this interface",
            ),
            Self::NotJoined { reason } => formatter.write_str(reason),
            Self::Silent => {
                formatter.write_str("datagrams have stopped: check the sender and the cable")
            }
            Self::NotTransportStream => formatter.write_str(
                "datagrams come but hold no transport packets: check udp:// against rtp:// and \
                 what is sent",
            ),
            Self::NoTables => formatter
                .write_str("packets come but no PAT and PMT: check the multiplexer's tables"),
            Self::NoProgram { wanted, available } => write!(
                formatter,
                "program {wanted} is not in the stream, which has {available:?}: set `program` to \
                 one of these"
            ),
            Self::Scrambled => formatter.write_str(
                "the program is scrambled: send it in the clear, Weir does not descramble",
            ),
            Self::NoKey { reason } => write!(
                formatter,
                "segments are held back, for they are to be encrypted: {reason}"
            ),
            Self::NoRandomAccess => formatter.write_str(
                "no random access point with a time stamp comes: check that the encoder sends \
                 pictures, with PTS, and its key-frame interval",
            ),
            Self::Stills => formatter.write_str(
                "pictures stand for five seconds and more, as slides do, and segments cannot be \
                 cut between them: have the encoder repeat its picture, once a second at least",
            ),
            Self::Stalled => formatter.write_str(
                "packets come, but no segment has been finished for long: \
                 check that the encoder still sends pictures, and time stamps with them",
            ),
            Self::Filling => formatter.write_str("the first segment is being filled"),
            Self::NoClock => formatter.write_str(
                "on air, but no PCR comes on the PID that the PMT names: check the multiplexer, \
                 for set-top boxes and hardware decoders stop",
            ),
            Self::OnAir => formatter.write_str("on air"),
        }
    }
}
