//! Media Sequence Numbers, over restarts and among boxes.

use std::{collections::BTreeMap, time::Duration};

use weir_hal::Wall;

use crate::{
    demux::Pts,
    segment::{
        MediaPlaylist, Phase, Segment,
        fixture::{Bench, FRAME, Made, SECOND, Unit, WRAP, at, rules},
    },
};

#[test]
fn an_abandoned_segment_gives_its_number_to_the_next() {
    let mut bench = Bench::first();
    bench.pictures(0, 7 * SECOND, 2 * SECOND);
    bench.abandon();
    bench.pictures(7 * SECOND, 7 * SECOND, 3 * SECOND);
    bench.finish();
    let numbers: Vec<u64> = bench
        .made
        .iter()
        .map(|made| made.segment.sequence)
        .collect();
    assert_eq!(numbers, [0, 1, 2]);
    assert_eq!(bench.discontinuities(), [1]);
    assert_eq!(bench.segmenter.counters().segments_abandoned, 1);
}

#[test]
fn a_stream_goes_on_after_finish_with_the_next_number_and_a_discontinuity() {
    let mut bench = Bench::new(rules(Phase::First), 40);
    bench.pictures(0, 3 * SECOND, SECOND);
    bench.finish();
    bench.unit(Unit::at(3 * SECOND));
    assert!(!bench.is_open());
    bench.pictures(4 * SECOND, 2 * SECOND, SECOND);
    bench.finish();
    let rows: Vec<_> = bench
        .made
        .iter()
        .map(|made| (made.segment.sequence, made.segment.discontinuity))
        .collect();
    assert_eq!(rows, [(40, false), (41, true)]);
}

#[test]
fn boxes_that_join_at_different_moments_cut_and_number_alike() {
    let join = |skipped: u64, jitter_ms: u64| {
        let mut bench = Bench::new(rules(Phase::Grid), 0);
        bench.now = bench.now + Duration::from_millis(skipped * 1_000 + jitter_ms);
        bench.pictures(
            WRAP - 10 * SECOND + skipped * SECOND,
            (40 - skipped) * SECOND,
            2 * SECOND,
        );
        bench.finish();
        bench
    };
    let (early, late) = (join(0, 0), join(14, 300));
    let number = late.made[1].segment.sequence;
    let same = early
        .made
        .iter()
        .find(|made| made.segment.sequence == number);
    let same = same.expect("both boxes have the number");
    // Their serial numbers differ, their places do not.
    assert_eq!(same.segment.duration_90k, late.made[1].segment.duration_90k);
    let wall = |made: &Made| made.segment.date_time.as_nanos() / 1_000_000;
    assert!(wall(same).abs_diff(wall(&late.made[1])) <= 300);
}

#[test]
fn boxes_that_join_at_pictures_sent_longer_before_they_are_shown_date_alike() {
    let dates = |joined: u64| {
        let mut bench = Bench::new(rules(Phase::Grid), 0);
        let start = bench.now;
        for picture in joined..1_000 {
            // Sent some 300 to 490 ms before it is shown, and received up to 7 ms late.
            let (ticks, ahead) = (picture * FRAME, (300 + picture % 20 * 10) * 90);
            let due = 10 * SECOND + ticks - ahead;
            let late = Duration::from_millis(picture * 7_919 % 8);
            bench.now = start + Duration::from_micros(due * 100 / 9) + late;
            bench.clock(600 * SECOND + ticks - ahead);
            let is_key = picture % 25 == 0;
            let unit = if is_key { Unit::key } else { Unit::at };
            bench.unit(unit(600 * SECOND + ticks));
        }
        let dates = bench.made.into_iter().map(|made| made.segment);
        let dates = dates.map(|it| (it.sequence, it.date_time));
        dates.collect::<BTreeMap<_, _>>()
    };
    let first = dates(0);
    for joined in [13, 100, 123, 275, 402] {
        let late = dates(joined);
        assert!(late.len() > 2, "{late:?}");
        // The first may begin later.
        for (sequence, date) in late.into_iter().skip(1) {
            assert_eq!(date, first[&sequence], "{joined}: {sequence}");
        }
    }
}

/// The first segment of a box that joins, of pictures sent 2.6 s before they are shown, with PCRs
/// from picture number `clock_from` on.
fn first_with_clock_from(clock_from: u64) -> Segment {
    let mut bench = Bench::new(rules(Phase::Grid), 0);
    bench.announce_clock();
    let start = bench.now;
    for picture in 0..400 {
        let ticks = picture * FRAME;
        bench.now = start + Duration::from_millis(picture * 40);
        let is_key = picture % 50 == 0;
        let unit = if is_key { Unit::key } else { Unit::at };
        bench.unit(unit(600 * SECOND + ticks + 26 * SECOND / 10));
        if picture >= clock_from {
            bench.clock(600 * SECOND + ticks);
        }
    }
    bench.made[0].segment
}

#[test]
fn a_picture_that_comes_before_the_first_clock_is_not_dated_by_its_reception() {
    let first = first_with_clock_from(3);
    assert_eq!(
        first.begin,
        Some(Pts::from_ticks(604 * SECOND + 6 * SECOND / 10))
    );
    assert_eq!(
        first.date_time,
        at(4_600),
        "two seconds on, and 2.6 s ahead"
    );
}

#[test]
fn a_clock_that_never_comes_is_waited_for_as_long_as_tr_101_290_allows_and_no_longer() {
    let first = first_with_clock_from(u64::MAX);
    assert_eq!(
        first.begin,
        Some(Pts::from_ticks(604 * SECOND + 6 * SECOND / 10))
    );
    assert_eq!(first.date_time, at(2_000), "by its reception");
}

#[test]
fn a_first_segment_that_ends_by_a_jump_is_dated_by_the_time_base_that_it_began_in() {
    for jump in [40, 50] {
        let mut bench = Bench::new(rules(Phase::Grid), 0);
        let start = bench.now;
        for picture in 0..400 {
            let jump = if picture < 60 { 0 } else { jump * SECOND };
            let ticks = 600 * SECOND + picture * FRAME + jump;
            bench.now = start + Duration::from_millis(picture * 40);
            bench.clock(ticks - SECOND);
            let is_key = picture % 25 == 0;
            let unit = if is_key { Unit::key } else { Unit::at };
            bench.unit(unit(ticks));
        }
        let [first, next] = [0, 1].map(|index| bench.made[index].segment);
        let shown_at = start + Duration::from_secs(1);
        assert_eq!(first.date_time, shown_at, "{jump}");
        assert!(next.date_time >= first.end(), "{jump}");
    }
}

#[test]
fn a_discontinuity_of_its_own_is_one_of_those_that_a_rendition_makes_up_for() {
    for own in [false, true] {
        let mut bench = Bench::new(rules(Phase::Grid), 0);
        bench.pictures(6 * SECOND, 5 * SECOND, SECOND);
        bench.segmenter.agree_on_breaks(1, 0);
        // All in one turn.
        let next = if own { 600 * SECOND } else { 11 * SECOND };
        bench.pictures(next, 25 * SECOND, SECOND);
        bench.finish();
        assert_eq!(bench.discontinuities().len(), 1, "{own}");
    }
}

#[test]
fn discontinuities_of_others_are_made_up_for_in_every_fourth_segment_at_most() {
    let mut bench = Bench::new(rules(Phase::Grid), 0);
    for second in 0..120 {
        bench.pictures((6 + second) * SECOND, SECOND, SECOND);
        // The other has one in each segment.
        let had = bench.discontinuities().len() as u64;
        bench.segmenter.agree_on_breaks(second / 6, had);
    }
    let first = bench.made[0].segment.sequence;
    let breaks = bench.discontinuities();
    let breaks: Vec<_> = breaks.iter().map(|number| number - first).collect();
    assert_eq!(breaks, [2, 6, 10, 14, 18]);
}

#[test]
fn a_wall_clock_that_is_set_moves_the_grid_to_where_other_boxes_have_it() {
    let mut early = Bench::new(rules(Phase::Grid), 0);
    // One wrap more, and lines of the grid lie 1.72 s before multiples of six seconds.
    let now = early.now + Duration::from_secs(95_444);
    early.now = Wall::from_nanos(5_000_000_000);
    early.pictures(600 * SECOND, 20 * SECOND, SECOND);
    let mut late = Bench::new(rules(Phase::Grid), 0);
    let begins = [&mut early, &mut late].map(|bench| {
        bench.now = now;
        bench.pictures(620 * SECOND, 40 * SECOND, SECOND);
        let begins = bench.made.iter().filter_map(|made| made.segment.begin);
        begins
            .map(|begin| begin.ticks() / SECOND)
            .collect::<Vec<_>>()
    });
    assert_eq!(begins[0][..4], [600, 606, 612, 618]);
    for begins in begins {
        assert!(begins.ends_with(&[635, 641, 647, 653]), "{begins:?}");
    }
}

#[test]
fn the_first_number_is_at_least_the_one_that_was_recorded() {
    let first = |sequence_min| {
        let mut bench = Bench::new(rules(Phase::Grid), sequence_min);
        bench.pictures(0, SECOND, SECOND);
        bench.finish();
        bench.made[0].segment.sequence
    };
    assert_eq!(first(0), 1_610_612_740 / 6 + 1);
    assert_eq!(first(1 << 40), 1 << 40);
}

#[test]
fn a_list_goes_on_after_a_restart_without_a_hole_in_its_numbers() {
    let mut before = Bench::new(rules(Phase::Grid), 0);
    before.pictures(0, 13 * SECOND, 2 * SECOND);
    let mut playlist = MediaPlaylist::live(5);
    for made in &before.made {
        playlist.push(made.segment);
    }
    // Ten minutes later, the number by the clock would be a hundred higher.
    let mut after = Bench::new(rules(Phase::Grid), playlist.sequence_next());
    after.segmenter.resume(&playlist);
    after.now = before.now + Duration::from_mins(10);
    after.pictures(0, 7 * SECOND, 2 * SECOND);
    let gaps: Vec<bool> = after.made.iter().map(|made| made.segment.gap).collect();
    assert_eq!(
        gaps,
        [true, true, false],
        "the others were listed as time passed"
    );
    assert!(after.made[2].segment.discontinuity);
    for made in &after.made {
        playlist.push(made.segment);
    }
    assert_eq!(playlist.len(), 5);
}
