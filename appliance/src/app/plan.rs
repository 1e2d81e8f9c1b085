//! What is to become of one rendition, by the configuration.

use std::time::Duration;

use hyper::Uri;
use weir_cache::Class;
use weir_hal::Membership;

use crate::{
    config::{self, Cues, Failover, Priority, Source as SourceAddress, Transport},
    receive::{
        merge::{self, Merge},
        receive_buffer_bytes,
    },
    segment::{Markers, Phase, Rules},
};

/// What one rendition is to do: everything that, if it changes, means to receive and cut anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) channel: String,
    /// Of its segments, by the priority of the channel. A change of it disturbs nothing.
    pub(super) class: Class,
    pub(super) rendition: config::Rendition,
    pub(super) rules: Rules,
    /// How its playlist tells of breaks. A change of it disturbs nothing either.
    pub(super) markers: Markers,
    pub(super) window: usize,
    /// How much of the past players may start over in. Nor does a change of it.
    pub(super) dvr: Option<Duration>,
    pub(super) receive_buffer_bytes: usize,
    /// What is taken of a source over HTTP at most.
    bitrate_bps_max: u64,
    /// By how much RTP may be out of order.
    reorder: merge::Rules,
    /// How far apart the sources of one stream may be.
    merge: merge::Rules,
    /// Whether TR 101 290 is applied to what is received.
    pub(super) is_measured: bool,
    /// When another source is used. A change of it disturbs nothing.
    pub(super) failover: Failover,
}

impl Plan {
    /// The plans of all renditions of `config`, in its order.
    pub(super) fn all(config: &config::Config) -> Vec<Self> {
        config
            .channels
            .iter()
            .flat_map(|channel| Self::of(config, channel))
            .collect()
    }

    /// The plans of the renditions of `channel`, in its order.
    pub(super) fn of(config: &config::Config, channel: &config::Channel) -> Vec<Self> {
        let buffer = receive_buffer_bytes(config.receive.bitrate_bps_max, config.receive.stall);
        let receive = &config.receive;
        let size = (receive.bitrate_bps_max, receive.stall);
        let plan = |rendition: &config::Rendition| Self {
            channel: channel.id.clone(),
            class: class(channel.priority),
            rendition: rendition.clone(),
            rules: rules(&config.segment),
            markers: channel.cues.into(),
            window: config.segment.window,
            dvr: channel.dvr,
            receive_buffer_bytes: buffer,
            bitrate_bps_max: receive.bitrate_bps_max,
            reorder: merge::Rules::alone(receive.reorder_packets_max),
            merge: merge::Rules::new(receive.reorder_packets_max, receive.skew, size),
            is_measured: receive.is_measured,
            failover: config.failover,
        };
        channel.renditions.iter().map(plan).collect()
    }

    /// True when `other` is for the same rendition of the same channel: players know it by these
    /// names, however it is received and cut.
    pub(super) fn is_named_as(&self, other: &Self) -> bool {
        self.channel == other.channel && self.rendition.name == other.rendition.name
    }

    /// The streams that are received, in order of preference: each with its sources, how they are
    /// joined or asked for, and by what they are put together.
    pub(super) fn legs(&self) -> impl Iterator<Item = (Vec<LegSource>, Merge)> {
        let sources = &self.rendition.sources;
        let chunks = sources.chunks(self.rendition.merge).enumerate();
        let legs = chunks.map(move |(chunk, addresses)| {
            let first = chunk * self.rendition.merge;
            let addresses = addresses.iter().enumerate();
            // One that stands there twice is one.
            let addresses = addresses
                .filter(move |(index, address)| !sources[..first + index].contains(address));
            let leg = addresses.map(|(_, address)| self.leg_source(address));
            leg.collect::<Vec<_>>()
        });
        let legs = legs.filter(|leg| !leg.is_empty());
        legs.map(|leg| {
            let is_numbered = leg.iter().all(LegSource::is_numbered);
            let merge = match leg.len() {
                1 if !leg[0].has_fec() => Merge::by_sequence(self.reorder),
                1 => Merge::by_sequence(self.merge.with_fec()),
                _ if is_numbered && self.rendition.fec => Merge::by_sequence(self.merge.with_fec()),
                _ if is_numbered => Merge::by_sequence(self.merge),
                _ => Merge::by_content(self.merge),
            };
            (leg, merge)
        })
    }

    fn leg_source(&self, address: &SourceAddress) -> LegSource {
        let reached_by = match address {
            SourceAddress::Datagram {
                transport,
                group,
                source,
            } => Address::Group {
                transport: *transport,
                membership: Membership {
                    group: *group,
                    source: *source,
                    interface: self.rendition.interface.clone(),
                    receive_buffer_bytes: self.receive_buffer_bytes,
                },
                has_fec: self.rendition.fec && *transport == Transport::Rtp,
            },
            SourceAddress::Http { url } => Address::Http {
                url: url.clone(),
                bitrate_bps_max: self.bitrate_bps_max,
            },
        };
        LegSource {
            of: (self.channel.clone(), self.rendition.name.clone()),
            url: address.shown(),
            address: reached_by,
        }
    }
}

/// A source, and how it is reached.
#[derive(Debug)]
pub(super) struct LegSource {
    /// The names of the channel and the rendition that it is for.
    pub(super) of: (String, String),
    /// As people are shown it.
    pub(super) url: String,
    pub(super) address: Address,
}

/// How a source is reached.
#[derive(Debug)]
pub(super) enum Address {
    /// By joining a group.
    Group {
        transport: Transport,
        membership: Membership,
        /// Whether its FEC is received too.
        has_fec: bool,
    },
    /// By asking for it.
    Http { url: Uri, bitrate_bps_max: u64 },
}

impl LegSource {
    /// Whether its packets have sequence numbers.
    fn is_numbered(&self) -> bool {
        let Address::Group { transport, .. } = self.address else {
            return false;
        };
        transport == Transport::Rtp
    }

    fn has_fec(&self) -> bool {
        matches!(self.address, Address::Group { has_fec: true, .. })
    }
}

fn rules(segment: &config::SegmentConfig) -> Rules {
    Rules {
        target: segment.target,
        slack: segment.slack,
        duration_max: segment.longest,
        bytes_max: segment.largest.0,
        phase: Phase::Grid,
    }
}

impl From<Cues> for Markers {
    fn from(cues: Cues) -> Self {
        Self {
            date_ranges: matches!(cues, Cues::DateRange | Cues::Both),
            cue_tags: matches!(cues, Cues::Cue | Cues::Both),
        }
    }
}

const fn class(priority: Priority) -> Class {
    match priority {
        Priority::High => Class::LiveHigh,
        Priority::Medium => Class::Live,
        Priority::Low => Class::LiveLow,
    }
}
