//! Plays several contents on one timeline, from one thread.
//!
//! Every datagram has an absolute deadline, so lateness of one never moves the next: playout
//! does not drift from the PCR. Only after a stand-still longer than [`STANDSTILL`] (a machine
//! put to sleep) does the timeline move on, because a burst of all that was missed would help
//! nobody.

use std::{io::ErrorKind, net::SocketAddr, time::Duration};

use tracing::debug;
use weir_hal::{Clock, Monotonic, MulticastSender};

use crate::send::{Content, Error, Options, Unsent, item::Item, pace::Due, replay::Replay};

/// Contents of one playout at most.
const ITEMS_MAX: usize = 64;

/// The longest sleep before `stop` is asked again.
const STOP_LATENCY_MAX: Duration = Duration::from_millis(100);

/// Lateness above this moves the timeline instead of being made up for.
const STANDSTILL: Duration = Duration::from_secs(1);

/// How often progress is told.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(100);

/// What a playout has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Statistics {
    /// Datagrams sent.
    pub datagrams: u64,
    /// Bytes of payload in them, RTP headers included.
    pub bytes: u64,
    /// Datagrams the kernel refused; they are not sent again.
    pub send_errors: u64,
    /// The longest time from a deadline to the end of the send call.
    pub lateness_max: Duration,
    /// Datagrams that were more than 1 ms late.
    pub late_datagrams: u64,
    /// Times the machine stood still for more than a second, and the timeline was moved.
    pub standstills: u64,
    /// Times the first content was read to its end.
    pub passes: u64,
    /// PES headers split over so many packets that their stamps could not be moved.
    pub heads_unread: u64,
    /// Frames of captures that were passed over.
    pub unsent: Unsent,
}

/// Where a playout stands.
#[derive(Debug, Clone, Copy)]
pub struct Progress {
    /// What has been done.
    pub statistics: Statistics,
    /// Time since the first datagram was due.
    pub elapsed: Duration,
    /// Bytes of the first content read in this pass.
    pub read_bytes: u64,
}

/// A content of either kind.
#[derive(Debug)]
enum Track<S> {
    Stream(Box<Item<S>>),
    Capture(Box<Replay<S>>),
}

impl<S: MulticastSender> Track<S> {
    fn due(&self) -> Option<Duration> {
        match self {
            Self::Stream(item) => item.due().map(Due::since_start),
            Self::Capture(replay) => replay.due(),
        }
    }

    fn datagram_bytes(&self) -> usize {
        match self {
            Self::Stream(item) => item.datagram_bytes(),
            Self::Capture(replay) => replay.datagram_bytes(),
        }
    }

    fn send(&mut self) -> Result<(), weir_hal::Error> {
        match self {
            Self::Stream(item) => item.send(),
            Self::Capture(replay) => replay.send(),
        }
    }

    fn advance(&mut self) -> Result<(), Error> {
        match self {
            Self::Stream(item) => item.advance(),
            Self::Capture(replay) => replay.advance(),
        }
    }

    fn passes(&self) -> u64 {
        match self {
            Self::Stream(item) => item.passes(),
            Self::Capture(replay) => replay.passes(),
        }
    }

    fn offset(&self) -> u64 {
        match self {
            Self::Stream(item) => item.offset(),
            Self::Capture(replay) => replay.offset(),
        }
    }
}

/// Several contents that are sent in lockstep: the first packet of each is due at the start, and
/// they share that start for ever.
#[derive(Debug)]
pub struct Playout<S> {
    items: Vec<(String, Track<S>)>,
    statistics: Statistics,
}

impl<S> Default for Playout<S> {
    fn default() -> Self {
        Self {
            items: Vec::new(),
            statistics: Statistics::default(),
        }
    }
}

impl<S: MulticastSender> Playout<S> {
    /// Adds a content; its pace is looked for at once.
    ///
    /// # Errors
    /// [`Error::Unpaced`] or [`Error::Read`].
    ///
    /// # Panics
    /// If there are 64 contents already.
    pub fn add(&mut self, content: Content, sender: S, options: Options) -> Result<(), Error> {
        let name = content.name().to_owned();
        let item = Box::new(Item::new(content, sender, options)?);
        self.push(name, Track::Stream(item));
        Ok(())
    }

    /// Adds a capture, of which the datagrams to `group` are sent; to the only one, if that is not
    /// said. They go out as they are, again and again if it is looping.
    ///
    /// # Errors
    /// [`Error::Capture`], [`Error::NoDatagram`], [`Error::Destination`] or [`Error::Read`].
    ///
    /// # Panics
    /// If there are 64 contents already.
    pub fn add_capture(
        &mut self,
        content: Content,
        sender: S,
        (group, is_looping): (Option<SocketAddr>, bool),
    ) -> Result<(), Error> {
        let name = content.name().to_owned();
        let replay = Replay::new(content, sender, (group, is_looping))?;
        self.push(name, Track::Capture(Box::new(replay)));
        Ok(())
    }

    fn push(&mut self, name: String, track: Track<S>) {
        assert!(
            self.items.len() < ITEMS_MAX,
            "a playout has at most 64 contents"
        );
        self.items.push((name, track));
    }

    /// Sends until all contents have ended or `stop` says so, which is asked before each datagram
    /// and at least every 100 ms. Tells `progress` about ten times a second.
    ///
    /// Asks for real time for the calling thread: without it deadlines are missed by up to tens
    /// of milliseconds on a loaded machine.
    ///
    /// # Errors
    /// [`Error::Read`] when the disk fails; [`Error::Send`] when the kernel refuses the first
    /// datagram of all. Later refusals are counted.
    pub fn run(
        &mut self,
        clock: &dyn Clock,
        stop: impl Fn() -> bool,
        mut progress: impl FnMut(&Progress),
    ) -> Result<Statistics, Error> {
        let is_real_time = clock.request_real_time();
        debug!(is_real_time, "playing out");
        let mut start = clock.monotonic();
        let mut progress_due = start;
        while let Some((index, due)) = self.next() {
            if !sleep_until(clock, start + due, &stop) {
                break;
            }
            self.send(index)?;
            let lateness = clock.monotonic().since(start + due);
            self.note_lateness(lateness);
            if lateness > STANDSTILL {
                start = start + lateness;
                self.statistics.standstills += 1;
            }
            self.advance(index)?;
            if start + due >= progress_due {
                progress_due = start + due + PROGRESS_INTERVAL;
                progress(&self.progress(due));
            }
        }
        Ok(self.statistics)
    }

    /// The content whose datagram is due first, and when.
    fn next(&self) -> Option<(usize, Duration)> {
        let due = self.items.iter().map(|(_, item)| item.due()).enumerate();
        due.filter_map(|(index, due)| Some((due?, index)))
            .min()
            .map(|(due, index)| (index, due))
    }

    fn send(&mut self, index: usize) -> Result<(), Error> {
        let (name, item) = &mut self.items[index];
        match item.send() {
            Ok(()) => {
                self.statistics.datagrams += 1;
                self.statistics.bytes += item.datagram_bytes() as u64;
            }
            // A host that is up but does not listen yet refuses too.
            Err(source)
                if self.statistics == Statistics::default()
                    && source.kind() != ErrorKind::ConnectionRefused =>
            {
                let name = name.clone();
                return Err(Error::Send { name, source });
            }
            Err(_) => self.statistics.send_errors += 1,
        }
        Ok(())
    }

    fn advance(&mut self, index: usize) -> Result<(), Error> {
        self.items[index].1.advance()?;
        self.statistics.passes = self.items[0].1.passes();
        match &self.items[index].1 {
            Track::Stream(_) => {
                let unread = self.items.iter().map(|(_, track)| match track {
                    Track::Stream(item) => item.heads_unread(),
                    Track::Capture(_) => 0,
                });
                self.statistics.heads_unread = unread.sum();
            }
            Track::Capture(replay) => self.statistics.unsent = replay.unsent(),
        }
        Ok(())
    }

    fn note_lateness(&mut self, lateness: Duration) {
        self.statistics.lateness_max = self.statistics.lateness_max.max(lateness);
        if lateness > Duration::from_millis(1) {
            self.statistics.late_datagrams += 1;
        }
    }

    fn progress(&self, elapsed: Duration) -> Progress {
        Progress {
            statistics: self.statistics,
            elapsed,
            read_bytes: self.items.first().map_or(0, |(_, item)| item.offset()),
        }
    }
}

/// Sleeps until `deadline`; false when `stop` said so first.
fn sleep_until(clock: &dyn Clock, deadline: Monotonic, stop: &impl Fn() -> bool) -> bool {
    loop {
        if stop() {
            return false;
        }
        let now = clock.monotonic();
        if now >= deadline {
            return true;
        }
        clock.sleep_until(deadline.min(now + STOP_LATENCY_MAX));
    }
}
