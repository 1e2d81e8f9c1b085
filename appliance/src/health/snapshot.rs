//! What was true of the appliance at one moment.

use std::{sync::Arc, time::Duration};

use weir_hal::Wall;

use crate::{
    counter::counters,
    live::{Channel, Report, State},
    serve,
};

/// The appliance at one moment; by default, before anything was looked at.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    /// When it was taken.
    pub taken: Wall,
    /// Time since the process started.
    pub uptime: Duration,
    /// The channels, in the order of the configuration.
    pub channels: Vec<ChannelSnapshot>,
    /// Bits handed to the kernel for players in the last second.
    pub output_bitrate_bps: u64,
    /// Busy share of all cores in the last second; `None` if the kernel does not tell.
    pub cpu_usage_percent: Option<f64>,
    /// Fill of the file system that holds the cache; `None` if it does not tell.
    pub disk_usage_percent: Option<f64>,
    /// Counters of the data listener.
    pub http: serve::Counters,
    /// Counters of the store.
    pub store: StoreCounters,
}

/// One channel at that moment.
#[derive(Debug, Clone)]
pub struct ChannelSnapshot {
    /// The name in URLs.
    pub id: String,
    /// The name for people.
    pub name: String,
    /// Its renditions, in the order of the configuration.
    pub renditions: Vec<RenditionSnapshot>,
}

/// One rendition at that moment.
#[derive(Debug, Clone)]
pub struct RenditionSnapshot {
    /// The name in URLs.
    pub name: String,
    /// State and counters.
    pub report: Arc<Report>,
}

/// How well something is, worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// Nothing of it can be played.
    Failed,
    /// Some of it can be played.
    Degraded,
    /// All of it can be played.
    Ok,
}

impl Status {
    /// A stable word for machines.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Degraded => "degraded",
            Self::Ok => "ok",
        }
    }
}

impl Snapshot {
    /// The appliance as a whole: as well as its channels. Without channels it is well.
    pub fn status(&self) -> Status {
        let mut statuses = self.channels.iter().map(ChannelSnapshot::status);
        if statuses.clone().all(|status| status == Status::Ok) {
            Status::Ok
        } else if statuses.all(|status| status == Status::Failed) {
            Status::Failed
        } else {
            Status::Degraded
        }
    }

    /// Channels of which at least one rendition is on air.
    pub fn channels_active(&self) -> usize {
        self.channels
            .iter()
            .filter(|channel| channel.status() != Status::Failed)
            .count()
    }

    /// Bits received from all sources in the last second.
    pub fn input_bitrate_bps(&self) -> u64 {
        self.channels
            .iter()
            .flat_map(|channel| &channel.renditions)
            .map(|rendition| rendition.report.bitrate_bps)
            .sum()
    }
}

impl ChannelSnapshot {
    /// Takes what `channel` tells of itself.
    pub fn of(channel: &Channel) -> Self {
        let renditions = channel
            .renditions
            .iter()
            .map(|rendition| RenditionSnapshot {
                name: rendition.name.clone(),
                report: rendition.report(),
            });
        Self {
            id: channel.id.clone(),
            name: channel.name.clone(),
            renditions: renditions.collect(),
        }
    }

    /// The channel as a whole: as well as its renditions.
    pub fn status(&self) -> Status {
        let on_air = self
            .renditions
            .iter()
            .filter(|rendition| rendition.is_on_air())
            .count();
        if on_air == 0 {
            Status::Failed
        } else if on_air < self.renditions.len() {
            Status::Degraded
        } else {
            Status::Ok
        }
    }
}

impl RenditionSnapshot {
    /// True if segments come out.
    pub fn is_on_air(&self) -> bool {
        self.report.state == State::OnAir
    }
}

counters! {
    /// What the store holds now and has done since it was opened.
    pub struct StoreCounters {
        /// Complete objects.
        objects,
        /// Bytes of objects on disk.
        bytes,
        /// Bytes the store may hold on disk.
        bytes_max,
        /// Regions of the store: what is reused as a whole.
        regions,
        /// Regions that hold objects.
        regions_used,
        /// Regions given up because the device failed in them.
        regions_bad,
        /// 1 if the device failed so often that the store is in memory alone, else 0.
        is_offline,
        /// Bytes of memory that the index of the store takes.
        index_bytes,
        /// Bytes in memory: of objects being written, or not yet on disk.
        memory_bytes,
        /// Bytes the store may hold in memory.
        memory_bytes_max,
        /// Bytes of heads and small objects kept in memory.
        hot_bytes,
        /// The limit of `hot_bytes`.
        hot_bytes_max,
        /// Heads and small objects wanted and found in memory.
        hot_hits,
        /// Heads and small objects that left memory for others.
        hot_evictions,
        /// Pieces of 256 KiB served out of the page cache.
        pieces_warm,
        /// Pieces of 256 KiB that had to be read, or compared with their sums, to be served.
        pieces_cold,
        /// Pieces of 256 KiB read from the disk before they were asked for.
        pieces_ahead,
        /// Objects asked for and found.
        hits,
        /// Objects asked for and not found.
        misses,
        /// Objects completed.
        commits,
        /// Objects given up by their writers.
        aborts,
        /// Objects removed to make room.
        evictions,
        /// Objects written again because they were wanted when their region was reused.
        reinsertions,
        /// Objects dropped when they were asked for: they were older than their class may be.
        expired,
        /// Reads from disk that failed or met damage.
        read_errors,
        /// Writes and syncs on disk that failed.
        write_errors,
        /// Objects not written because nothing could be removed for them.
        refused_no_space,
        /// Objects not written because nobody had asked for them twice.
        refused_admission,
        /// Objects not written because as much had been written as may be.
        refused_write_budget,
        /// Objects refused because the memory of the store was full.
        refused_no_memory,
        /// Objects found when the store was opened.
        recovered,
        /// Objects removed when the store was opened: superseded or damaged.
        discarded,
        /// Times that what was written was made durable.
        syncs,
        /// Parts of long objects written while the rest was still in memory.
        parts_written,
        /// Bytes of objects written for the first time.
        bytes_admitted,
        /// Bytes of all writes to the disk.
        bytes_written,
        /// Bytes read from disk and compared with their checksums, in search of rot.
        scrubbed_bytes,
        /// Times that all of the store was searched for rot.
        scrub_passes,
        /// Objects found damaged or unreadable by that search, and dropped.
        scrub_errors,
    }
}

/// Takes counters over by name. They are taken apart in full, so that one which is added there is
/// missed here by the compiler.
macro_rules! taken_over {
    ($counters:expr, $($name:ident),+ $(,)?) => {{
        let weir_cache::Counters { is_offline, $($name),+ } = $counters;
        let is_offline = is_offline.into();
        StoreCounters { is_offline, $($name),+ }
    }};
}

impl From<weir_cache::Counters> for StoreCounters {
    fn from(counters: weir_cache::Counters) -> Self {
        taken_over!(
            counters,
            objects,
            bytes,
            bytes_max,
            memory_bytes,
            memory_bytes_max,
            index_bytes,
            hot_bytes,
            hot_bytes_max,
            hot_hits,
            hot_evictions,
            pieces_warm,
            pieces_cold,
            pieces_ahead,
            regions,
            regions_used,
            regions_bad,
            hits,
            misses,
            commits,
            aborts,
            evictions,
            reinsertions,
            expired,
            read_errors,
            write_errors,
            refused_no_space,
            refused_admission,
            refused_write_budget,
            refused_no_memory,
            recovered,
            discarded,
            syncs,
            parts_written,
            bytes_admitted,
            bytes_written,
            scrubbed_bytes,
            scrub_passes,
            scrub_errors,
        )
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A snapshot of one channel for each list of states.
    pub(crate) fn snapshot(channels: &[&[State]]) -> Snapshot {
        let rendition = |(index, state): (usize, &State)| RenditionSnapshot {
            name: format!("R{index}"),
            report: Arc::new(Report {
                state: state.clone(),
                bitrate_bps: 2_040_000,
                source: "udp://239.1.1.1:1234".to_owned(),
                last_segment: Some(Wall::from_nanos(1_700_000_000_000_000_000)),
                ..Report::default()
            }),
        };
        let channel = |(index, states): (usize, &&[State])| ChannelSnapshot {
            id: format!("CH_{index}"),
            name: format!("Channel <{index}>"),
            renditions: states.iter().enumerate().map(rendition).collect(),
        };
        Snapshot {
            taken: Wall::from_nanos(1_700_000_004_250_000_000),
            uptime: Duration::from_secs(90),
            channels: channels.iter().enumerate().map(channel).collect(),
            output_bitrate_bps: 12_345_678,
            cpu_usage_percent: Some(12.34),
            disk_usage_percent: None,
            http: serve::Counters::default(),
            store: StoreCounters::default(),
        }
    }

    #[test]
    fn is_as_well_as_its_channels() {
        use State::{OnAir, Silent};
        for (channels, status) in [
            (&[][..], Status::Ok),
            (&[&[OnAir][..], &[OnAir, OnAir]][..], Status::Ok),
            (&[&[OnAir][..], &[OnAir, Silent]][..], Status::Degraded),
            (&[&[OnAir][..], &[Silent]][..], Status::Degraded),
            (&[&[Silent][..], &[Silent, Silent]][..], Status::Failed),
        ] {
            assert_eq!(snapshot(channels).status(), status, "{channels:?}");
        }
    }

    #[test]
    fn counts_a_channel_as_active_while_one_rendition_is_on_air() {
        let snapshot = snapshot(&[&[State::OnAir, State::Silent], &[State::Waiting]]);
        assert_eq!(snapshot.channels_active(), 1);
        assert_eq!(snapshot.input_bitrate_bps(), 6_120_000);
    }
}
