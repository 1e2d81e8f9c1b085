//! How one channel is encrypted by its present configuration.

use std::{num::NonZeroU64, path::Path, sync::Arc, time::Duration};

use weir_hal::{Disk, Wall};

use super::{
    CounterCells, NoKey, SegmentKey, ServerError, StockError,
    server::{KeyServer, credentials},
    stock::Stock,
};
use crate::{
    config::{Encryption, KeySource, UrlTemplate},
    fetch::exchange::Client,
};

/// Why the keys of a channel cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// Those on this box.
    #[error("channel {channel} has no keys")]
    Stock {
        /// Id of the channel.
        channel: String,
        /// Why.
        #[source]
        source: StockError,
    },
    /// Those of a key server.
    #[error("channel {channel} cannot ask for its keys")]
    Server {
        /// Id of the channel.
        channel: String,
        /// Why.
        #[source]
        source: ServerError,
    },
}

/// Whether the keys of `channel` can be read, or asked for. Blocks.
///
/// # Errors
/// [`KeyError`] when they cannot.
pub fn check_keys(channel: &str, keys: &KeySource, disk: &dyn Disk) -> Result<(), KeyError> {
    match keys {
        KeySource::Path(path) => read_stock(channel, path, disk).map(drop),
        KeySource::Server(source) => {
            let credentials = credentials(source, disk);
            credentials.map(drop).map_err(|source| KeyError::Server {
                channel: channel.to_owned(),
                source,
            })
        }
    }
}

fn read_stock(channel: &str, path: &Path, disk: &dyn Disk) -> Result<Stock, KeyError> {
    Stock::read(disk, path).map_err(|source| KeyError::Stock {
        channel: channel.to_owned(),
        source,
    })
}

/// What keys are read by, and when.
#[derive(Debug, Clone, Copy)]
pub struct Surroundings<'a> {
    /// Where files of keys lie.
    pub disk: &'a dyn Disk,
    /// Who asks key servers.
    pub client: &'a Client,
    /// The time, by which the first keys are asked for.
    pub now: Wall,
}

/// What the segments of a channel are encrypted by.
#[derive(Debug)]
pub(super) struct Terms {
    rotation: Rotation,
    /// What players are told, if it is not this box that they ask.
    pub(super) uri: Option<UrlTemplate>,
    keys: Keys,
}

#[derive(Debug)]
enum Keys {
    Stock(Stock),
    Server(KeyServer),
    /// They could not be read.
    Absent,
}

impl Terms {
    /// Reads the keys of `channel`, or begins to fetch them. Blocks. Must be called within a tokio
    /// runtime if they are to be fetched.
    pub(super) fn open(
        channel: &str,
        (encryption, target): (&Encryption, Duration),
        counters: &Arc<CounterCells>,
        around: Surroundings<'_>,
    ) -> Result<Self, KeyError> {
        let rotation = Rotation::of(encryption.rotate, target);
        let keys = match &encryption.keys {
            KeySource::Path(path) => Keys::Stock(read_stock(channel, path, around.disk)?),
            KeySource::Server(source) => {
                let server = KeyServer::open(channel, source, counters, around);
                let server = server.map_err(|source| KeyError::Server {
                    channel: channel.to_owned(),
                    source,
                })?;
                server.begin(rotation.number_at(around.now), rotation.is_endless());
                Keys::Server(server)
            }
        };
        let uri = encryption.uri.clone();
        Ok(Self {
            rotation,
            uri,
            keys,
        })
    }

    /// Terms by which nothing can be encrypted, for want of keys.
    pub(super) fn without_keys() -> Self {
        Self {
            rotation: Rotation {
                segments_per_key: None,
                target: Duration::from_secs(1),
            },
            uri: None,
            keys: Keys::Absent,
        }
    }

    /// The key of the segment `sequence` of `channel`, and what players call it.
    pub(super) fn key(&self, channel: &str, sequence: u64) -> Result<(String, SegmentKey), NoKey> {
        let number = self.rotation.number(sequence);
        match &self.keys {
            Keys::Stock(stock) => Ok(stock.key(channel, number)),
            Keys::Server(server) => Ok((number.to_string(), server.key(number)?)),
            Keys::Absent => Err(NoKey::Absent),
        }
    }

    /// The key of the segment `sequence` of `channel`, which is listed since before.
    pub(super) fn recall(&self, channel: &str, sequence: u64) -> Result<SegmentKey, NoKey> {
        let number = self.rotation.number(sequence);
        match &self.keys {
            Keys::Stock(stock) => Ok(stock.key(channel, number).1),
            Keys::Server(server) => server.recall(number),
            Keys::Absent => Err(NoKey::Absent),
        }
    }

    /// Takes over from `former` what need not be fetched again.
    pub(super) fn follow(&self, former: &Self) {
        if let (Some(server), Some(former)) = (self.server(), former.server()) {
            server.follow(former);
        }
    }

    /// The server that keys come from, if they come from one.
    pub(super) fn server(&self) -> Option<&KeyServer> {
        match &self.keys {
            Keys::Server(server) => Some(server),
            Keys::Stock(_) | Keys::Absent => None,
        }
    }
}

/// How long a key is used.
#[derive(Debug, Clone, Copy)]
struct Rotation {
    /// `None`: for ever.
    segments_per_key: Option<NonZeroU64>,
    target: Duration,
}

impl Rotation {
    /// Whole segments of `target`, at least one.
    fn of(rotate: Option<Duration>, target: Duration) -> Self {
        let segments = rotate.map(|rotate| rotate.as_millis() / target.as_millis().max(1));
        let segments = segments.map(|segments| u64::try_from(segments).unwrap_or(u64::MAX));
        let segments_per_key =
            segments.map(|segments| NonZeroU64::new(segments).unwrap_or(NonZeroU64::MIN));
        Self {
            segments_per_key,
            target,
        }
    }

    /// The number of the key of the segment `sequence`.
    fn number(&self, sequence: u64) -> u64 {
        self.segments_per_key
            .map_or(0, |segments| sequence / segments)
    }

    /// About the number of the key in use at `now`: Media Sequence Numbers count targets since
    /// 1970.
    fn number_at(&self, now: Wall) -> u64 {
        let target_nanos = self.target.as_nanos().max(1);
        let sequence = u128::from(now.as_nanos()) / target_nanos;
        self.number(u64::try_from(sequence).unwrap_or(u64::MAX))
    }

    /// Whether one key is used for ever.
    fn is_endless(&self) -> bool {
        self.segments_per_key.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TARGET: Duration = Duration::from_secs(6);

    #[test]
    fn a_key_is_used_for_whole_segments_and_at_least_one() {
        let hour = Rotation::of(Some(Duration::from_hours(1)), TARGET);
        assert_eq!((hour.number(599), hour.number(600)), (0, 1));
        let odd = Rotation::of(Some(Duration::from_secs(20)), TARGET);
        assert_eq!((odd.number(2), odd.number(3)), (0, 1));
        let short = Rotation::of(Some(Duration::from_secs(1)), TARGET);
        assert_eq!((short.number(0), short.number(7)), (0, 7));
        assert_eq!(Rotation::of(None, TARGET).number(u64::MAX), 0);
    }

    #[test]
    fn the_present_number_is_that_of_the_segment_on_air() {
        let hour = Rotation::of(Some(Duration::from_hours(1)), TARGET);
        let day = Wall::from_nanos(86_400 * 1_000_000_000);
        assert_eq!(hour.number_at(day), 24);
        assert_eq!(hour.number_at(day), hour.number(86_400 / 6));
    }
}
