//! What keeps an appliance busy: a stream that comes in, and viewers.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use weir_hal::{Destination, InterfaceName, Multicast, MulticastSender, linux};
use weir_tests::{
    hls::Version,
    holds_within, http,
    stream::{Encoder, PACKET_BYTES},
    wait::until,
};

/// Bytes of a picture: at 25 a second, 4 Mb/s.
const PICTURE_BYTES: usize = 20_000;
const PICTURE_TIME: Duration = Duration::from_millis(40);
/// Time between two looks of a viewer at its playlist.
const RELOAD_TIME: Duration = Duration::from_millis(50);
/// Segments of a playlist that are remembered: more than are listed and retained.
const REMEMBERED: usize = 32;

/// A thread that works until it is dropped.
#[derive(Debug)]
pub(crate) struct Worker {
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Worker {
    fn start(work: impl FnOnce(&AtomicBool) + Send + 'static) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&is_over);
        Self {
            is_over,
            thread: Some(thread::spawn(move || work(&flag))),
        }
    }

    /// Sends pictures to a group on the loopback interface, in real time.
    pub(crate) fn sender(group: &str) -> Self {
        let board = linux::board();
        let destination = Destination {
            group: group.parse().unwrap(),
            interface: InterfaceName::new("lo"),
            hops: 1,
        };
        let mut sender = board.multicast.sender(&destination).unwrap();
        Self::start(move |is_over| {
            let mut encoder = Encoder::new(90_000, PICTURE_BYTES);
            let mut due = board.clock.monotonic();
            while !is_over.load(Ordering::Relaxed) {
                for datagram in encoder.picture().chunks(7 * PACKET_BYTES) {
                    sender.send(datagram).unwrap();
                }
                due = due + PICTURE_TIME;
                board.clock.sleep_until(due);
            }
        })
    }

    /// Takes every segment of a playlist once, as long as the appliance answers.
    pub(crate) fn viewer(playlist: Playlist, viewed: Arc<Viewed>) -> Self {
        Self::start(move |is_over| {
            let clock = linux::Clock::new();
            let mut taken = BTreeSet::new();
            while !is_over.load(Ordering::Relaxed) {
                view(&playlist, &viewed, &mut taken);
                holds_within(&clock, RELOAD_TIME, || is_over.load(Ordering::Relaxed));
            }
        })
    }
}

/// Takes all segments that are listed and not yet taken.
fn view(playlist: &Playlist, viewed: &Viewed, taken: &mut BTreeSet<u64>) {
    for sequence in playlist.listed() {
        viewed.list(playlist, sequence);
        if taken.contains(&sequence) {
            continue;
        }
        if let Some(body) = playlist.segment(sequence) {
            viewed.take(playlist, sequence, body);
            taken.insert(sequence);
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        let outcome = self.thread.take().map(JoinHandle::join);
        let is_well = outcome.is_none_or(|outcome| outcome.is_ok());
        assert!(
            is_well || thread::panicking(),
            "a viewer or the sender failed"
        );
    }
}

/// A Media Playlist of the appliance under test.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Playlist {
    /// The data listener.
    pub(crate) base: String,
    pub(crate) channel: &'static str,
    pub(crate) rendition: &'static str,
}

impl Playlist {
    /// The Media Sequence Numbers of the media it lists, and of no gaps; none without an answer.
    pub(crate) fn listed(&self) -> Vec<u64> {
        let Self {
            base,
            channel,
            rendition,
        } = self;
        let url = format!("{base}/live/{channel}/{channel}_{rendition}.m3u8");
        let Some(list) = http::get(&url).ok().filter(|answer| answer.status == 200) else {
            return Vec::new();
        };
        let version = Version::read(&list.text()).expect("the list keeps the rules");
        let numbered = (version.sequence..).zip(&version.entries);
        let media = numbered.filter(|(_, entry)| !entry.is_gap);
        media.map(|(sequence, _)| sequence).collect()
    }

    /// Waits until a segment above a number is listed.
    pub(crate) fn await_newer(&self, than: u64, within: Duration) {
        until(format!("a segment above {than}"), within, || {
            let last = self.listed().last().copied();
            last.filter(|last| *last > than)
        });
    }

    /// The whole segment of a number, if it is there.
    pub(crate) fn segment(&self, sequence: u64) -> Option<Vec<u8>> {
        let Self {
            base,
            channel,
            rendition,
        } = self;
        let url = format!("{base}/live/{channel}/{channel}_{rendition}/segment-{sequence}.ts");
        let response = http::get(&url).ok()?;
        (response.status == 200).then_some(response.body)
    }
}

/// What viewers have been given.
#[derive(Debug, Default)]
pub(crate) struct Viewed(Mutex<BTreeMap<Playlist, Sight>>);

#[derive(Debug, Default)]
struct Sight {
    newest: u64,
    bodies: BTreeMap<u64, Vec<u8>>,
}

impl Viewed {
    /// Notes that a number was listed.
    fn list(&self, playlist: &Playlist, sequence: u64) {
        let mut all = self.0.lock().unwrap();
        let sight = all.entry(playlist.clone()).or_default();
        sight.newest = sight.newest.max(sequence);
    }

    /// Notes what a segment holds. Returns whether it was known.
    ///
    /// # Panics
    /// If it held something else before.
    pub(crate) fn take(&self, playlist: &Playlist, sequence: u64, body: Vec<u8>) -> bool {
        let mut all = self.0.lock().unwrap();
        let sight = all.entry(playlist.clone()).or_default();
        sight.newest = sight.newest.max(sequence);
        if let Some(known) = sight.bodies.get(&sequence) {
            let (bytes, known_bytes) = (body.len(), known.len());
            assert!(
                *known == body,
                "segment {sequence} of {playlist:?} had {known_bytes} bytes and has other {bytes}"
            );
            return true;
        }
        sight.bodies.insert(sequence, body);
        if sight.bodies.len() > REMEMBERED {
            sight.bodies.pop_first();
        }
        false
    }

    /// The highest number that was ever listed.
    pub(crate) fn newest(&self, playlist: &Playlist) -> u64 {
        let all = self.0.lock().unwrap();
        all.get(playlist).map_or(0, |sight| sight.newest)
    }

    /// The numbers whose content is known.
    pub(crate) fn known(&self, playlist: &Playlist) -> Vec<u64> {
        let all = self.0.lock().unwrap();
        let bodies = all.get(playlist).map(|sight| sight.bodies.keys().copied());
        bodies.into_iter().flatten().collect()
    }
}
