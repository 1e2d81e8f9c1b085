use super::*;
use crate::segment::fixture::{VIDEO, at, pcr_packet, pts};

const LISTED_NOTHING: Wall = Wall::from_nanos(0);

/// The clocks that a channel has of these renditions.
fn clocks(renditions: &[&Timekeeping]) -> Clocks {
    let mut clocks = Clocks::default();
    for clock in renditions.iter().filter_map(|it| it.clock()) {
        clocks.keep(clock, false);
    }
    clocks
}

#[test]
fn who_began_a_time_base_settles_its_date_for_all() {
    let mut renditions = [false, true].map(|_| {
        let mut it = Timekeeping::new(true);
        it.set_pcr_pid(Some(VIDEO));
        it
    });
    let receive = |it: &mut Timekeeping, due: i64, late: i64| {
        let bytes = pcr_packet(pts(due).ticks());
        let packet = Packet::new(&bytes).expect("sync byte");
        it.receive(packet, at(due + late));
    };
    let listed = Wall::default();
    let [first, second] = &mut renditions;
    // The first PCR of the one that founds the time base is late.
    receive(first, 0, 60);
    assert_eq!(first.begin(pts(500), at(60), listed), at(560));
    second.agree(&clocks(&[first]), false);
    receive(second, 0, 3);
    assert_eq!(second.begin(pts(500), at(3), listed), at(560));
    for due in (40..6_000).step_by(40) {
        receive(first, due, 3);
        receive(second, due, 3);
    }
    assert_eq!(first.settle(pts(500), listed), Some(at(500)));
    assert!(first.clock().is_some_and(|clock| clock.is_settled()));
    second.agree(&clocks(&[first]), true);
    assert_eq!(second.settle(pts(500), listed), Some(at(500)));
    assert_eq!(
        first.go_on(pts(6_500), at(6_003), LISTED_NOTHING),
        at(6_500)
    );
    assert_eq!(
        second.go_on(pts(6_500), at(6_003), LISTED_NOTHING),
        at(6_500)
    );
}

#[test]
fn whoever_began_dates_come_to_those_of_the_one_that_leads() {
    let (mut delayed, mut other) = (Timekeeping::new(true), Timekeeping::new(true));
    other.begin(pts(0), at(0), LISTED_NOTHING);
    delayed.agree(&clocks(&[&other]), true);
    assert_eq!(delayed.begin(pts(0), at(800), LISTED_NOTHING), at(0));
    let mut date = at(0);
    for segment in 1..250 {
        let (begin, now) = (pts(segment * 6_000), segment * 6_000 + 800);
        let before = ticks::later(date, 540_000);
        date = delayed.go_on(begin, at(now), LISTED_NOTHING);
        assert!(ticks::between(before, date) <= 1_800, "{segment}: a hole");
        other.agree(&clocks(&[&delayed]), false);
        assert_eq!(other.go_on(begin, at(now - 800), LISTED_NOTHING), date);
    }
    assert_eq!(date, at(249 * 6_000 + 800));
    // When the other leads, back again.
    for segment in 250..500 {
        other.agree(&clocks(&[&other]), true);
        date = other.go_on(pts(segment * 6_000), at(segment * 6_000), LISTED_NOTHING);
    }
    assert_eq!(date, at(499 * 6_000));
}

#[test]
fn renditions_of_one_channel_date_alike_though_one_is_delayed() {
    let (mut first, mut delayed) = (Timekeeping::new(true), Timekeeping::new(true));
    let date = first.begin(pts(0), at(0), LISTED_NOTHING);
    delayed.agree(&clocks(&[&first]), false);
    assert_eq!(delayed.begin(pts(0), at(800), LISTED_NOTHING), date);
    for segment in 1..500 {
        let (begin, now) = (pts(segment * 2_000), segment * 2_000 + segment / 5);
        let date = first.go_on(begin, at(now), LISTED_NOTHING);
        delayed.agree(&clocks(&[&first]), false);
        assert_eq!(delayed.go_on(begin, at(now + 800), LISTED_NOTHING), date);
    }
}

#[test]
fn who_comes_to_a_new_time_base_second_dates_by_the_clock_of_the_first() {
    let (mut first, mut delayed) = (Timekeeping::new(true), Timekeeping::new(true));
    first.begin(pts(0), at(0), LISTED_NOTHING);
    delayed.agree(&clocks(&[&first]), false);
    delayed.begin(pts(0), at(800), LISTED_NOTHING);
    let date = first.jump(pts(7_000_000), at(6_000), LISTED_NOTHING);
    assert_eq!(date, at(6_000));
    delayed.agree(&clocks(&[&first]), false);
    // It is still in the old one.
    assert_eq!(
        delayed.go_on(pts(4_000), at(4_800), LISTED_NOTHING),
        at(4_000)
    );
    assert_eq!(
        delayed.jump(pts(7_000_000), at(6_800), LISTED_NOTHING),
        date
    );
    assert_eq!(
        first.jump(pts(7_000_000), at(20_000), LISTED_NOTHING),
        at(20_000)
    );
}

#[test]
fn who_is_in_another_time_base_than_its_channel_follows_reception() {
    let (mut newer, mut older) = (Timekeeping::new(true), Timekeeping::new(true));
    older.begin(pts(0), at(0), LISTED_NOTHING);
    newer.agree(&clocks(&[&older]), false);
    newer.begin(pts(0), at(60_000), LISTED_NOTHING);
    assert!(newer.time_base() > older.time_base());
    // The wall clock was set in between.
    older.agree(&clocks(&[&newer]), false);
    assert_eq!(
        older.go_on(pts(6_000), at(66_000), LISTED_NOTHING),
        at(66_000)
    );
    // A crystal that is off is no reason to go on beside reception either.
    for segment in 2..10_000 {
        let now = at(60_000 + segment * 6_000 + segment);
        let off_90k = ticks::between(older.go_on(pts(segment * 6_000), now, LISTED_NOTHING), now);
        assert!(off_90k.abs() < 90 * 40, "{segment}: {off_90k}");
    }
}

#[test]
fn who_comes_back_to_the_time_base_of_the_others_dates_as_they_do() {
    let (mut one, mut other) = (Timekeeping::new(true), Timekeeping::new(true));
    one.begin(pts(0), at(0), LISTED_NOTHING);
    let before = clocks(&[&one]);
    other.agree(&before, false);
    other.begin(pts(0), at(800), LISTED_NOTHING);
    one.jump(pts(7_000_000), at(6_000), LISTED_NOTHING);
    // Now the other keeps the clock of the time base that both were in.
    other.agree(&clocks(&[&one, &other]), true);
    for segment in 1..200 {
        other.go_on(
            pts(segment * 6_000),
            at(segment * 6_001 + 800),
            LISTED_NOTHING,
        );
    }
    let date = other.of(pts(1_200_000));
    assert_ne!(date, at(1_200_000), "it follows reception");
    one.agree(&clocks(&[&one, &other]), true);
    assert_eq!(one.jump(pts(1_200_000), at(1_200_000), at(1_200_000)), date);
    assert_eq!(one.time_base(), other.time_base());
}

#[test]
fn who_comes_to_lead_goes_on_by_the_clock_of_who_led() {
    let (mut first, mut second) = (Timekeeping::new(true), Timekeeping::new(true));
    first.begin(pts(0), at(0), LISTED_NOTHING);
    second.agree(&clocks(&[&first]), false);
    second.begin(pts(0), at(0), LISTED_NOTHING);
    for segment in 1..200 {
        first.go_on(
            pts(segment * 6_000),
            at(segment * 6_000 + 100),
            LISTED_NOTHING,
        );
    }
    let expected = first.of(pts(1_200_000));
    second.agree(&clocks(&[&first]), true);
    assert_eq!(second.of(pts(1_200_000)), expected);
}

#[test]
fn who_comes_out_of_a_buffer_to_a_new_time_base_dates_as_the_others_do() {
    let (mut first, mut held) = (Timekeeping::new(true), Timekeeping::new(true));
    first.begin(pts(0), at(0), LISTED_NOTHING);
    held.agree(&clocks(&[&first]), false);
    held.begin(pts(0), at(0), LISTED_NOTHING);
    let date = first.jump(pts(7_000_000), at(6_000), at(6_000));
    held.agree(&clocks(&[&first]), false);
    assert_eq!(held.jump(pts(7_000_000), at(16_000), at(6_000)), date);
    // What is early by as much is of another one.
    let jump = |early: i64| {
        let mut time = Timekeeping::new(true);
        time.begin(pts(0), at(0), LISTED_NOTHING);
        time.agree(&clocks(&[&first]), false);
        time.jump(pts(7_000_000), at(6_000 - early), LISTED_NOTHING)
    };
    assert_eq!(jump(4_000), date);
    assert_eq!(jump(6_000), at(0));
}

#[test]
fn what_comes_back_is_of_its_own_time_base_though_it_would_be_late_in_another() {
    let (mut one, mut other) = (Timekeeping::new(true), Timekeeping::new(true));
    one.begin(pts(0), at(0), LISTED_NOTHING);
    other.agree(&clocks(&[&one]), false);
    other.begin(pts(0), at(0), LISTED_NOTHING);
    // The other jumps by eleven seconds alone: by its clock all of the first is late.
    other.jump(pts(17_000), at(6_000), at(6_000));
    one.agree(&clocks(&[&one, &other]), true);
    assert_eq!(one.begin(pts(40_000), at(40_000), at(6_000)), at(40_000));
    assert_ne!(one.time_base(), other.time_base());
}

#[test]
fn who_comes_out_of_a_buffer_and_to_lead_then_is_received_as_before() {
    let (mut first, mut held) = (Timekeeping::new(true), Timekeeping::new(true));
    first.begin(pts(0), at(0), LISTED_NOTHING);
    held.agree(&clocks(&[&first]), false);
    assert_eq!(held.begin(pts(0), at(10_000), LISTED_NOTHING), at(0));
    held.agree(&clocks(&[&first, &held]), true);
    for segment in 2..400 {
        held.go_on(pts(segment * 6_000), at(segment * 6_000), LISTED_NOTHING);
    }
    assert_eq!(held.of(pts(2_400_000)), at(2_400_000));
}

#[test]
fn time_stamps_that_leap_without_time_passing_do_not_run_away() {
    let mut time = Timekeeping::new(true);
    time.begin(pts(0), at(0), LISTED_NOTHING);
    // Media was lost for as long.
    let behind = time.go_on_behind_hole(pts(18_000), at(18_000), at(6_000));
    assert_eq!(behind, at(18_000));
    for leap in 1..10 {
        let now = 18_000 + leap * 6_000;
        let date = time.go_on_behind_hole(pts(now + leap * 9_000), at(now), at(now));
        assert_eq!(date, at(now), "{leap}");
    }
}

#[test]
fn who_had_listed_a_little_more_comes_to_the_dates_of_the_others_step_by_step() {
    let (mut one, mut other) = (Timekeeping::new(true), Timekeeping::new(true));
    one.begin(pts(0), at(0), LISTED_NOTHING);
    other.agree(&clocks(&[&one]), false);
    other.begin(pts(7_000_000), at(0), LISTED_NOTHING);
    let mut until = at(6_100);
    assert!(other.jump(pts(6_000), at(6_000), until) >= ticks::later(until, -1_800));
    assert_eq!(other.time_base(), one.time_base());
    for segment in 2..8 {
        until = other.of(pts(segment * 6_000));
        let date = other.go_on(pts(segment * 6_000), at(segment * 6_000), LISTED_NOTHING);
        assert!(
            date >= ticks::later(until, -1_800),
            "{segment}: dates overlap"
        );
    }
    assert_eq!(other.of(pts(48_000)), one.of(pts(48_000)));
    // What is far ahead is another time base.
    other.jump(pts(7_000_000), at(48_000), at(48_000));
    other.jump(pts(48_000), at(48_000), at(48_200));
    assert_ne!(other.time_base(), one.time_base());
}

#[test]
fn what_jumps_is_never_dated_before_what_is_listed() {
    let (mut one, mut other) = (Timekeeping::new(true), Timekeeping::new(true));
    one.begin(pts(0), at(0), LISTED_NOTHING);
    // Time stamps ran ahead of reception.
    assert_eq!(one.jump(pts(7_000_000), at(4_000), at(6_000)), at(6_000));
    other.agree(&clocks(&[&one]), false);
    assert_eq!(other.begin(pts(0), at(0), LISTED_NOTHING), at(0));
    assert_eq!(other.jump(pts(7_000_000), at(4_800), at(6_000)), at(6_000));
    // But for a correction.
    assert_eq!(other.jump(pts(0), at(9_000), at(9_100)), at(9_080));
    // But for a wall clock that was set.
    assert_eq!(one.jump(pts(30_000), at(9_000), at(60_000)), at(9_000));
}

#[test]
fn what_comes_back_after_a_pause_is_dated_as_before_unless_it_is_another_time_base() {
    let mut time = Timekeeping::new(true);
    time.begin(pts(0), at(0), LISTED_NOTHING);
    assert_eq!(
        time.begin(pts(30_000), at(32_000), LISTED_NOTHING),
        at(30_000)
    );
    assert_eq!(
        time.begin(pts(60_000), at(79_000), LISTED_NOTHING),
        at(60_000)
    );
    assert_eq!(
        time.begin(pts(1_400), at(90_000), LISTED_NOTHING),
        at(90_000)
    );
}
