//! What is to become of one rendition, by the configuration.

use std::time::Duration;

use weir_cache::Class;
use weir_hal::Membership;

use crate::{
    config::{self, Cues, Failover, Priority, Source as SourceAddress, Transport},
    receive::receive_buffer_bytes,
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
        let plan = |rendition: &config::Rendition| Self {
            channel: channel.id.clone(),
            class: class(channel.priority),
            rendition: rendition.clone(),
            rules: rules(&config.segment),
            markers: channel.cues.into(),
            window: config.segment.window,
            dvr: channel.dvr,
            receive_buffer_bytes: buffer,
            failover: config.failover,
        };
        channel.renditions.iter().map(plan).collect()
    }

    /// True when `other` is for the same rendition of the same channel: players know it by these
    /// names, however it is received and cut.
    pub(super) fn is_named_as(&self, other: &Self) -> bool {
        self.channel == other.channel && self.rendition.name == other.rendition.name
    }

    /// The sources that are received, those that come as datagrams, in order of preference: each
    /// with its URL and how it is joined.
    pub(super) fn legs(&self) -> impl Iterator<Item = (String, Transport, Membership)> {
        let sources = self.rendition.sources.iter().enumerate();
        // One that stands there twice is one.
        let sources =
            sources.filter(|(index, address)| !self.rendition.sources[..*index].contains(address));
        sources.filter_map(|(_, address)| {
            let SourceAddress::Datagram {
                transport,
                group,
                source,
            } = address
            else {
                return None;
            };
            let membership = Membership {
                group: *group,
                source: *source,
                interface: self.rendition.interface.clone(),
                receive_buffer_bytes: self.receive_buffer_bytes,
            };
            Some((address.to_string(), *transport, membership))
        })
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
