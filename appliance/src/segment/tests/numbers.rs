//! Media Sequence Numbers, over restarts and among boxes.

use std::{collections::BTreeMap, time::Duration};

use weir_hal::Wall;

use crate::{
    demux::Pts,
    segment::{
        MediaPlaylist, Phase, Rules, Segment,
        fixture::{Bench, FRAME, Made, SECOND, Unit, WRAP, at, insert, rules},
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
        first.pts(),
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
        first.pts(),
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
        let begins = bench.made.iter().filter_map(|made| made.segment.pts());
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
        gaps[..3],
        [true, true, false],
        "the others were listed as time passed"
    );
    assert!(after.made[2].segment.discontinuity);
    for made in &after.made {
        playlist.push(made.segment);
    }
    assert_eq!(playlist.len(), 5);
}

/// Number and beginning of the segments that a box makes that joins `from_s` seconds into four
/// minutes of groups of 2 s, with a break of `break_ms` after 20.5 s that begins a group.
fn across_a_break(from_s: u64, break_ms: u64) -> Vec<(u64, u64)> {
    let with_slack = Rules {
        slack: Duration::from_secs(2),
        ..rules(Phase::Grid)
    };
    let mut bench = Bench::new(with_slack, 0);
    let (out, back) = (20_520, 20_520 + break_ms);
    if from_s == 0 {
        let duration = Some(break_ms * 90);
        bench.splice(&insert(1, true, Some(out * 90), duration));
    }
    for at_ms in (0..240_000).step_by(40) {
        let group_at = [back, out].into_iter().find(|begin| at_ms >= *begin);
        let is_key = (at_ms - group_at.unwrap_or(0)).is_multiple_of(2_000);
        if at_ms >= from_s * 1_000 {
            let unit = if is_key { Unit::key } else { Unit::at };
            bench.unit(unit(at_ms * 90));
        }
        bench.now = bench.now + Duration::from_millis(40);
    }
    let row = |made: &Made| {
        let begin = made.segment.pts().expect("it was cut here").ticks() / 90;
        assert!(made.segment.duration() <= Duration::from_millis(8_499));
        (made.segment.sequence, begin)
    };
    bench.made.iter().map(row).collect()
}

#[test]
fn a_box_that_met_a_break_numbers_and_cuts_like_one_that_did_not_within_a_minute() {
    for break_ms in [1_000, 5_000, 10_040, 15_480, 30_000] {
        let early = across_a_break(0, break_ms);
        let back_ms = 20_520 + break_ms;
        assert!(
            early.iter().any(|(_, begin)| *begin == back_ms),
            "{early:?}"
        );
        for from_s in [41, 61, 83, 125] {
            let late = across_a_break(from_s, break_ms);
            let settled = (back_ms.max(from_s * 1_000)) + 60_000;
            let since = |rows: &[(u64, u64)]| -> Vec<_> {
                let rows = rows.iter().filter(|(_, begin)| *begin >= settled);
                rows.copied().collect()
            };
            assert!(since(&late).len() > 5);
            assert_eq!(
                since(&early),
                since(&late),
                "{break_ms} ms, from {from_s} s"
            );
        }
    }
}

/// Number and beginning of what a box makes that joins `from` seconds into six hours of groups of
/// a second, which an encoder whose crystal is off makes: each second takes `second_us`.
fn with_crystal(from: u64, second_us: u64) -> BTreeMap<u64, u64> {
    let halves = Rules {
        target: Duration::from_secs(2),
        slack: Duration::from_secs(1),
        ..rules(Phase::Grid)
    };
    let mut bench = Bench::new(halves, 0);
    let start = bench.now;
    for half in from * 2..12_000 {
        bench.now = start + Duration::from_micros(half * second_us / 2);
        let unit = if half % 2 == 0 { Unit::key } else { Unit::at };
        bench.unit(unit(half * SECOND / 2));
    }
    let row = |made: &Made| {
        let begin = made.segment.pts().expect("it was cut here").ticks() / 90;
        (made.segment.sequence, begin)
    };
    bench.made.iter().skip(1).map(row).collect()
}

#[test]
fn a_crystal_that_is_off_moves_numbers_of_all_boxes_alike() {
    for second_us in [999_400, 1_000_600] {
        let boxes = [0, 900, 2_700, 4_300].map(|from| with_crystal(from, second_us));
        let [first, ..] = &boxes;
        let cells = 6_000 * second_us / 2_000_000;
        assert!((first.len() as u64).abs_diff(cells) <= 2, "{}", first.len());
        let last: Vec<_> = first.iter().rev().take(600).collect();
        for late in &boxes {
            assert_eq!(late.iter().rev().take(600).collect::<Vec<_>>(), last);
        }
    }
}

#[test]
fn a_lost_key_frame_leaves_no_number_out_for_long() {
    let begins = |lost: &[u64]| {
        let mut bench = Bench::new(rules(Phase::Grid), 0);
        for ticks in (0..120 * SECOND).step_by(usize::try_from(FRAME).expect("small")) {
            let is_key = ticks.is_multiple_of(3 * SECOND) && !lost.contains(&(ticks / SECOND));
            let unit = if is_key { Unit::key } else { Unit::at };
            bench.unit(unit(ticks));
            bench.now = bench.now + Duration::from_millis(40);
        }
        let begins = bench.made.iter().map(|made| {
            let begin = made.segment.pts().expect("it was cut here");
            (made.segment.sequence, begin.ticks() / SECOND)
        });
        begins.collect::<Vec<_>>()
    };
    let (whole, with_loss) = (begins(&[]), begins(&[18, 21, 24, 27, 30, 33]));
    assert_eq!(
        whole[..3],
        [0, 6, 12].map(|begin| (whole[0].0 + begin / 6, begin))
    );
    assert_eq!(with_loss.last(), whole.last());
    assert!(with_loss.contains(&(whole[0].0 + 10, 60)), "{with_loss:?}");
}
