//! When datagrams come: how evenly, and how much a receiver must hold because of it.
//!
//! Source: RFC 4445 §3.1 (delay factor of the Media Delivery Index). An interval begins just
//! behind the last datagram of the one before, with a virtual buffer that is empty; each datagram
//! fills it, and it drains at the media rate. Its range, in time of the media rate, is the delay
//! factor. Times are the kernel's.
//!
//! Refuses: media loss, which is the stream's (`measure`), and a media rate of its own.

use std::time::Duration;

use weir_hal::Wall;

/// The nominal length of an interval.
const INTERVAL: Duration = Duration::from_secs(1);

/// Datagrams that are further apart, or that go back in time, are of a clock that was set.
const STEP_MAX: Duration = Duration::from_secs(10);

/// Intervals that a maximum is over: this one and at least so many before.
const INTERVALS: u32 = 60;

/// How the datagrams of one source come.
#[derive(Debug, Clone, Copy, Default)]
pub struct Arrivals {
    /// As told last; an interval keeps what it began with.
    media_rate_bps: Option<u64>,
    interval: Option<Interval>,
    delay_factor_ns: Option<f64>,
    delay_factor_ns_max: RecentMax,
    gap_ns_max: RecentMax,
}

#[derive(Debug, Clone, Copy)]
struct Interval {
    /// When it nominally ends.
    end: Wall,
    /// When the last datagram of the one before came.
    start: Wall,
    last: Wall,
    /// Time that a byte takes at the media rate.
    byte_ns: Option<f64>,
    bytes: u64,
    low_ns: f64,
    high_ns: f64,
    gap_ns_max: f64,
}

/// The highest of many values of late.
#[derive(Debug, Clone, Copy, Default)]
struct RecentMax {
    before: f64,
    now: f64,
    count: u32,
}

impl Arrivals {
    /// Tells the bitrate that the stream has by its own clock.
    pub fn set_media_rate(&mut self, bps: Option<u64>) {
        self.media_rate_bps = bps.filter(|&bps| bps > 0);
    }

    /// Takes a datagram with so many bytes of media.
    pub fn push(&mut self, received: Wall, bytes: usize) {
        let Some(mut interval) = self.interval.filter(|it| it.goes_on(received)) else {
            self.interval = Some(self.begin(received, received));
            return;
        };
        if received >= interval.end {
            self.end(&interval);
            interval = self.begin(interval.last, received);
        }
        interval.take(received, bytes);
        self.interval = Some(interval);
    }

    fn begin(&self, start: Wall, now: Wall) -> Interval {
        #[expect(clippy::cast_precision_loss, reason = "a bitrate is far below 2^53")]
        let byte_ns = self.media_rate_bps.map(|bps| 8e9 / bps as f64);
        Interval {
            end: now + INTERVAL,
            start,
            last: start,
            byte_ns,
            bytes: 0,
            low_ns: 0.0,
            high_ns: 0.0,
            gap_ns_max: 0.0,
        }
    }

    fn end(&mut self, interval: &Interval) {
        let range = interval.high_ns - interval.low_ns;
        self.delay_factor_ns = interval.byte_ns.map(|_| range);
        self.delay_factor_ns_max
            .push(self.delay_factor_ns.unwrap_or_default());
        self.gap_ns_max.push(interval.gap_ns_max);
    }

    /// The delay factor of the last interval; `None` while the media rate is not known.
    pub fn delay_factor_ms(&self) -> Option<f64> {
        self.delay_factor_ns.map(|ns| ns / 1e6)
    }

    /// The highest delay factor of the last one to two minutes.
    pub fn delay_factor_ms_max(&self) -> Option<f64> {
        self.delay_factor_ns
            .map(|_| self.delay_factor_ns_max.value() / 1e6)
    }

    /// The longest time between two datagrams in the last one to two minutes.
    pub fn interarrival_ms_max(&self) -> f64 {
        let present = self.interval.map_or(0.0, |it| it.gap_ns_max);
        self.gap_ns_max.value().max(present) / 1e6
    }
}

impl Interval {
    fn goes_on(&self, received: Wall) -> bool {
        received >= self.last && received.since(self.last) <= STEP_MAX
    }

    fn take(&mut self, received: Wall, bytes: usize) {
        let gap_ns = nanos(received.since(self.last));
        self.gap_ns_max = self.gap_ns_max.max(gap_ns);
        self.last = received;
        let Some(byte_ns) = self.byte_ns else { return };
        #[expect(
            clippy::cast_precision_loss,
            reason = "the bytes of seconds, below 2^53"
        )]
        let filled_ns = |bytes: u64| bytes as f64 * byte_ns;
        let drained_ns = nanos(received.since(self.start));
        self.low_ns = self.low_ns.min(filled_ns(self.bytes) - drained_ns);
        self.bytes += bytes as u64;
        self.high_ns = self.high_ns.max(filled_ns(self.bytes) - drained_ns);
    }
}

impl RecentMax {
    fn push(&mut self, value: f64) {
        self.now = self.now.max(value);
        self.count += 1;
        if self.count == INTERVALS {
            *self = Self {
                before: self.now,
                ..Self::default()
            };
        }
    }

    fn value(&self) -> f64 {
        self.before.max(self.now)
    }
}

fn nanos(time: Duration) -> f64 {
    time.as_secs_f64() * 1e9
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use weir_hal::Wall;

    use super::Arrivals;

    /// At 8 Mb/s a thousand bytes are a millisecond.
    fn arrivals(times_us: impl IntoIterator<Item = u64>) -> Arrivals {
        let mut arrivals = Arrivals::default();
        arrivals.set_media_rate(Some(8_000_000));
        for time in times_us {
            let received = Wall::from_nanos(1_000_000_000_000) + Duration::from_micros(time);
            arrivals.push(received, 1_000);
        }
        arrivals
    }

    fn close(value: Option<f64>, expected: f64) -> bool {
        value.is_some_and(|value| (value - expected).abs() < 1e-3)
    }

    #[test]
    fn an_even_stream_has_the_delay_factor_of_one_datagram() {
        let even = arrivals((0..2_100).map(|it| it * 1_000));
        assert!(close(even.delay_factor_ms(), 1.0), "{even:?}");
        assert!(close(Some(even.interarrival_ms_max()), 1.0));
    }

    #[test]
    fn a_pause_of_30_ms_that_is_made_up_for_is_a_delay_factor_of_30_ms() {
        let held_up = |it: u64| if (500..530).contains(&it) { 530 } else { it };
        let stream = arrivals((0..2_100).map(|it| held_up(it) * 1_000));
        // The datagrams of 30 ms and the one that is due come at once, behind a wait of 31 ms.
        assert!(close(stream.delay_factor_ms_max(), 31.0), "{stream:?}");
        assert!(close(stream.delay_factor_ms(), 1.0), "{stream:?}");
        assert!(close(Some(stream.interarrival_ms_max()), 31.0));
    }

    #[test]
    fn a_burst_ahead_of_time_has_to_be_held() {
        let early = |it: u64| if (500..520).contains(&it) { 500 } else { it };
        let stream = arrivals((0..2_100).map(|it| early(it) * 1_000));
        assert!(close(stream.delay_factor_ms_max(), 20.0), "{stream:?}");
    }

    #[test]
    fn a_maximum_is_forgotten_within_two_minutes() {
        let held_up = |it: u64| if (500..530).contains(&it) { 530 } else { it };
        let times = |seconds: u64| (0..seconds * 1_000).map(move |it| held_up(it) * 1_000);
        let remembered = arrivals(times(61)).delay_factor_ms_max();
        assert!(close(remembered, 31.0), "{remembered:?}");
        let forgotten = arrivals(times(125)).delay_factor_ms_max();
        assert!(close(forgotten, 1.0), "{forgotten:?}");
    }

    #[test]
    fn a_clock_that_is_set_is_no_gap() {
        let back = (0..1_500).map(|it| 60_000_000 + it * 1_000);
        let stream = arrivals(back.chain((0..3_000).map(|it| it * 1_000)));
        assert!(close(stream.delay_factor_ms_max(), 1.0), "{stream:?}");
        assert!(close(Some(stream.interarrival_ms_max()), 1.0));
    }

    #[test]
    fn without_a_media_rate_there_is_no_delay_factor() {
        let mut arrivals = Arrivals::default();
        for time in 0..3_000 {
            arrivals.push(Wall::from_nanos(time * 1_000_000), 1_000);
        }
        assert_eq!(
            (arrivals.delay_factor_ms(), arrivals.delay_factor_ms_max()),
            (None, None)
        );
    }
}
