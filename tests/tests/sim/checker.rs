//! Holds successive versions of a Media Playlist against one another, and fetches all they list.

use std::fmt::{self, Display};

use weir_cache::{Key, Store};
use weir_tests::{
    hls::{Entry, Watch},
    stream::PACKET_BYTES,
};

/// The reader and what it remembers.
#[derive(Debug)]
pub(crate) struct Checker {
    seed: u64,
    watch: Watch,
    has_restarted: bool,
    restarts: u64,
    discontinuities: u64,
    pub(crate) segments: u64,
}

impl Display for Checker {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            watch,
            segments,
            discontinuities,
            restarts,
            ..
        } = self;
        write!(
            formatter,
            "{} versions, {segments} segments, {discontinuities} discontinuities, \
             {restarts} power cuts",
            watch.versions
        )
    }
}

impl Checker {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            seed,
            watch: Watch::default(),
            has_restarted: false,
            restarts: 0,
            discontinuities: 0,
            segments: 0,
        }
    }

    /// The list may get too short: there is no room for more.
    pub(crate) fn may_be_short(&mut self) {
        self.watch.may_be_short = true;
    }

    /// The appliance has come back from a power cut.
    pub(crate) fn restarted(&mut self) {
        self.has_restarted = true;
        self.restarts += 1;
    }

    /// Takes note of the playlist as it is at `now_ms`.
    pub(crate) async fn check(&mut self, text: &str, now_ms: u64, store: &Store) {
        let versions = self.watch.versions;
        let new = if std::mem::take(&mut self.has_restarted) {
            self.watch.see_after_restart(text, now_ms)
        } else {
            self.watch.see(text, now_ms)
        };
        let seed = self.seed;
        let new = new.unwrap_or_else(|breach| {
            panic!(
                "seed {seed}: {breach}: {:#?}\nthen\n{text}",
                self.watch.last()
            )
        });
        if self.watch.versions == versions {
            return;
        }
        for entry in &new {
            self.segments += u64::from(!entry.is_gap);
            self.discontinuities += u64::from(entry.is_discontinuity);
        }
        let listed = self.watch.last().expect("it was seen").entries.iter();
        for Entry { uri, .. } in listed.filter(|entry| !entry.is_gap) {
            let breach = fetch(uri, store).await.err();
            assert!(breach.is_none(), "seed {seed}: {uri} {breach:?}: {text}");
        }
    }
}

/// A listed segment can be fetched whole.
async fn fetch(uri: &str, store: &Store) -> Result<(), String> {
    let key = Key::new(&format!("/live/ch/{uri}")).expect("a plain path");
    let object = store.get(&key).ok_or("is not there")?;
    let announced = object.bytes().ok_or("is not whole")?;
    let mut reader = object.read(0..u64::MAX);
    let mut bytes = 0;
    while let Some(chunk) = reader.next().await.map_err(|error| error.to_string())? {
        bytes += chunk.bytes.len();
    }
    let is_whole = u64::try_from(bytes).is_ok_and(|bytes| bytes == announced);
    if is_whole && bytes > 0 && bytes.is_multiple_of(PACKET_BYTES) {
        Ok(())
    } else {
        Err(format!("has {bytes} bytes of {announced}"))
    }
}
