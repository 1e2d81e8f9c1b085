//! The clocks of one channel: one for each time base that its renditions are in.
//!
//! Source: RFC 8216 §6.2.4 (renditions map media to dates alike).
//! Refuses: to forget the newest time base, so that none of those that follow has its number.

use super::clock::StreamClock;

/// The clocks of one channel, in the order in which their time bases began.
#[derive(Debug, Default)]
pub struct Clocks(Vec<StreamClock>);

impl Clocks {
    /// Takes the `clock` of a rendition for that of its time base, if the rendition `leads` there,
    /// is the first in it, or the first that has settled it.
    pub fn keep(&mut self, clock: StreamClock, leads: bool) {
        let number = clock.time_base();
        let place = self.0.partition_point(|it| it.time_base() < number);
        let present = self.0.get_mut(place);
        match present.filter(|present| present.time_base() == number) {
            Some(present) if leads || clock.is_settled() && !present.is_settled() => {
                *present = clock;
            }
            Some(_) => {}
            None => self.0.insert(place, clock),
        }
    }

    /// Leaves out those that no rendition uses any more, but for the newest.
    pub fn retain_used(&mut self, is_used: impl Fn(u64) -> bool) {
        let newest = self.0.last().map(StreamClock::time_base);
        self.0.retain(|clock| {
            let time_base = clock.time_base();
            Some(time_base) == newest || is_used(time_base)
        });
    }

    /// All of them, the newest last.
    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = &StreamClock> + Clone {
        self.0.iter()
    }
}

impl Clone for Clocks {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }

    /// Without new memory: it is done with each turn of a rendition.
    fn clone_from(&mut self, others: &Self) {
        self.0.clone_from(&others.0);
    }
}

#[cfg(test)]
mod tests {
    use weir_hal::Wall;

    use super::*;
    use crate::demux::Pts;

    fn clock(time_base: u64, pts: u64) -> StreamClock {
        StreamClock::anchor(time_base, Pts::from_ticks(pts), Wall::default())
    }

    fn told(clocks: &Clocks) -> Vec<(u64, u64)> {
        let told = clocks.iter();
        told.map(|it| (it.time_base(), it.pts().ticks())).collect()
    }

    #[test]
    fn the_newest_is_last_whichever_rendition_tells_first() {
        let mut clocks = Clocks::default();
        for time_base in [7, 3, 5] {
            clocks.keep(clock(time_base, 0), false);
        }
        assert_eq!(told(&clocks), [(3, 0), (5, 0), (7, 0)]);
        clocks.retain_used(|time_base| time_base == 5);
        assert_eq!(told(&clocks), [(5, 0), (7, 0)]);
        clocks.retain_used(|_| false);
        assert_eq!(told(&clocks), [(7, 0)]);
    }

    #[test]
    fn who_leads_or_has_settled_it_keeps_the_clock_of_a_time_base() {
        let mut clocks = Clocks::default();
        clocks.keep(clock(1, 10), false);
        clocks.keep(clock(1, 20), false);
        assert_eq!(told(&clocks), [(1, 10)]);
        clocks.keep(clock(1, 30), true);
        assert_eq!(told(&clocks), [(1, 30)]);
        clocks.keep(clock(1, 40).settled(), false);
        assert_eq!(told(&clocks), [(1, 40)]);
        clocks.keep(clock(1, 50).settled(), false);
        assert_eq!(told(&clocks), [(1, 40)]);
    }
}
