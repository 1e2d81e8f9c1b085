//! A box that was restarted beside one that was not.

use std::time::Duration;

use weir_hal::Wall;

use crate::{
    demux::Event,
    segment::{
        MediaPlaylist, Phase, Rules,
        fixture::{Bench, FRAME, Made, SECOND, Unit, frames, program, rules},
    },
};

/// A time stamp on a line of the grid.
const LINE: u64 = 600 * SECOND;

fn as_by_default() -> Rules {
    Rules {
        slack: Duration::from_secs(2),
        ..rules(Phase::Grid)
    }
}

/// A box on air, at the wall time of `ticks` behind the line.
fn on_air(ticks: u64) -> Bench {
    let mut bench = Bench::new(as_by_default(), 0);
    bench.segmenter.join_at_line();
    bench.now = bench.now + Duration::from_millis(ticks / 90);
    bench
}

/// Sends what comes between two places behind the line, with a key frame each `interval`, the
/// first `offset` behind the line.
fn send(bench: &mut Bench, (from, to): (u64, u64), (interval, offset): (u64, u64)) {
    for ticks in frames(to - from).map(|ticks| from + ticks) {
        let is_key = (ticks + interval - offset).is_multiple_of(interval);
        let unit = if is_key { Unit::key } else { Unit::at };
        bench.unit(unit(LINE + ticks));
        bench.now = bench.now + Duration::from_millis(40);
    }
}

/// The list of the segments that `bench` has made.
fn list(bench: &Bench) -> MediaPlaylist {
    let mut list = MediaPlaylist::live(5);
    for made in &bench.made {
        list.push(made.segment);
    }
    list
}

/// A box that goes on from `list` at `from` ticks behind the line, with a gap for each cell that
/// had passed since the list ended.
fn restarted(list: &MediaPlaylist, from: u64) -> Bench {
    let mut bench = Bench::new(as_by_default(), list.sequence_next());
    bench.segmenter.resume(list);
    bench.segmenter.join_at_line();
    bench.now = bench.now + Duration::from_millis(from / 90);
    let mut end = list.end().expect("it lists segments");
    while bench.now.since(end) > Duration::from_secs(9) {
        bench.lapse();
        end = bench.made.last().expect("a gap").segment.end();
    }
    bench
}

/// Number, beginning, date and length of the media that comes behind `since`.
fn told(bench: &Bench, since: Wall) -> Vec<(u64, u64, Wall, u64)> {
    let media = bench.made.iter().filter(|made| !made.segment.gap);
    let media = media.filter(|made| made.segment.date_time > since);
    let told = |made: &Made| {
        let segment = made.segment;
        let begin = segment.begin.expect("media").pts;
        (
            segment.sequence,
            begin.ticks(),
            segment.date_time,
            segment.duration_90k,
        )
    };
    media.map(told).collect()
}

#[test]
fn it_lists_what_the_other_lists_without_a_discontinuity() {
    for keys in [
        (SECOND, 0),
        (2 * SECOND, 0),
        (24 * FRAME, 0),
        (2 * SECOND, 8 * FRAME),
    ] {
        let end = 120 * SECOND;
        let mut other = on_air(0);
        send(&mut other, (0, end), keys);
        for killed in (1..14).map(|seconds| 30 * SECOND + seconds * SECOND) {
            for away in [1, 4, 6, 7, 13, 25].map(|seconds| seconds * SECOND + 5 * FRAME) {
                let mut before = on_air(0);
                send(&mut before, (0, killed), keys);
                let list = list(&before);
                let mut after = restarted(&list, killed + away);
                send(&mut after, (killed + away, end), keys);
                let case = format!("{keys:?}, {killed}, {away}: {:?}", after.told());
                assert_eq!(after.discontinuities(), [0; 0], "{case}");
                let since = after.made.iter().find(|made| !made.segment.gap);
                let since = since.expect("media").segment.date_time;
                let since = Wall::from_nanos(since.as_nanos() - 1);
                assert_eq!(told(&after, since), told(&other, since), "{case}");
                // What is listed is as long as time is.
                let ends = [list.end().expect("it ends")].into_iter();
                let ends = ends.chain(after.made.iter().map(|made| made.segment.end()));
                let begins = after.made.iter().map(|made| made.segment.date_time);
                let mut both = ends.zip(begins);
                let apart =
                    both.find(|(end, next)| end.as_nanos().abs_diff(next.as_nanos()) > 1_000);
                assert_eq!(apart, None, "{case}");
            }
        }
    }
}

#[test]
fn a_stream_that_is_another_meanwhile_is_a_discontinuity() {
    let mut before = on_air(0);
    send(&mut before, (0, 20 * SECOND), (SECOND, 0));
    let list = list(&before);
    // Another time base.
    let mut after = restarted(&list, 24 * SECOND);
    after.pictures(7_000 * SECOND, 20 * SECOND, SECOND);
    assert_eq!(after.discontinuities().len(), 1, "{:?}", after.told());
    // Another coding.
    let mut after = restarted(&list, 24 * SECOND);
    let mut other = program(1, 30);
    other.streams.pop();
    after.push(Event::Program(&other));
    send(&mut after, (24 * SECOND, 50 * SECOND), (SECOND, 0));
    assert_eq!(after.discontinuities().len(), 1, "{:?}", after.told());
    // It stood still, and goes on where it was.
    let mut after = restarted(&list, 60 * SECOND);
    send(&mut after, (20 * SECOND, 50 * SECOND), (SECOND, 0));
    assert_eq!(after.discontinuities().len(), 1, "{:?}", after.told());
}
