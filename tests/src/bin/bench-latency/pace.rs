//! Sends the clip to all channels, each datagram at its time, and tells when a segment has ended.

use std::{
    sync::mpsc::SyncSender,
    thread,
    time::{Duration, Instant},
};

use weir_hal::{Destination, InterfaceName, Multicast as _, MulticastSender as _, linux};
use weir_tests::bench::Outcome;

use crate::clip::Clip;

/// What has just been sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Notice {
    /// The last byte of the segment that ends at this cut.
    Last(usize, Instant),
    /// The beginning of the next one.
    Told(usize, Instant),
}

/// The clip on its way to a group.
#[derive(Debug)]
pub(crate) struct Play {
    sender: linux::Sender,
    listeners: Vec<SyncSender<Notice>>,
}

impl Play {
    /// To `group`; whoever waits for its segments listens.
    pub(crate) fn to(group: &str, listeners: Vec<SyncSender<Notice>>) -> Outcome<Self> {
        let destination = Destination {
            group: group.parse()?,
            interface: InterfaceName::new("lo"),
            hops: 1,
        };
        let sender = linux::Multicast::new().sender(&destination)?;
        Ok(Self { sender, listeners })
    }

    /// Who has given up has told why, or will, and hears no more.
    fn tell(&mut self, notice: Notice) {
        self.listeners
            .retain(|listener| listener.try_send(notice).is_ok());
    }
}

/// Plays `clip` to all, one a little later than the other, so that their segments do not end at
/// one time.
pub(crate) fn send(clip: &Clip, mut plays: Vec<Play>) -> Outcome {
    let interval = Clip::pace();
    let begin = Instant::now();
    let datagrams: Vec<&[u8]> = clip.datagrams().collect();
    let count = u32::try_from(plays.len())?;
    // Of each: the next datagram, and the next cut.
    let mut places = vec![(0_usize, 0_usize); plays.len()];
    let due = |channel: usize, datagram: usize| {
        let channel = u32::try_from(channel).unwrap_or(u32::MAX);
        let datagram = u32::try_from(datagram).unwrap_or(u32::MAX);
        // A prime number of datagrams a second apart.
        begin + Duration::from_secs(1) / count * channel + interval * datagram
    };
    loop {
        let waiting = places.iter().enumerate();
        let waiting = waiting.filter(|(_, (datagram, _))| *datagram < datagrams.len());
        let next = waiting.min_by_key(|(channel, (datagram, _))| due(*channel, *datagram));
        let Some((channel, &(datagram, cut))) = next else {
            return Ok(());
        };
        thread::sleep(due(channel, datagram).saturating_duration_since(Instant::now()));
        let play = plays.get_mut(channel).ok_or("a place for each play")?;
        let bytes = datagrams.get(datagram).ok_or("a datagram")?;
        let now = Instant::now();
        play.sender.send(bytes)?;
        let next = places.get_mut(channel).ok_or("a place for each play")?;
        next.0 += 1;
        let Some(here) = clip.cuts.get(cut) else {
            continue;
        };
        if here.last == datagram {
            play.tell(Notice::Last(cut, now));
        }
        if here.told == datagram {
            play.tell(Notice::Told(cut, now));
            next.1 += 1;
        }
    }
}
