//! Clean streams over bad networks, drawn by seed, and what comes out of them.

use std::time::Duration;

use proptest::prelude::*;
use weir_hal::{Monotonic, Wall, sim::Generator};

use super::{Arrival, Content, Merge, Rules};
use crate::receive::{Counters, RtpHeader};

/// Microseconds from one datagram to the next: 10 Mb/s.
const PACE_US: u64 = 1_053;

/// Microseconds from one turn to the next.
const TURN_US: u64 = 10_000;

/// Bytes of a payload: its number, and what makes it a transport packet.
const PAYLOAD_BYTES: usize = 188;

fn rules(depth: u16, wait_ms: u64) -> Rules {
    let size = (40_000_000, Duration::from_millis(250));
    Rules::new(depth, Duration::from_millis(wait_ms), size)
}

fn payload(number: u64) -> Vec<u8> {
    #[expect(clippy::cast_possible_truncation, reason = "it counts to sixteen")]
    let counter = number as u8 & 0x0F;
    let mut bytes = vec![0x47, 0x01, 0x00, 0x10 | counter];
    bytes.extend(number.to_be_bytes());
    bytes.resize(PAYLOAD_BYTES, 0xAA);
    bytes
}

fn number_of(payload: &[u8]) -> u64 {
    u64::from_be_bytes(payload[4..12].try_into().expect("eight bytes"))
}

fn rtp(number: u64, ssrc: u32, payload_type: u8) -> Vec<u8> {
    #[expect(clippy::cast_possible_truncation, reason = "sequence numbers wrap")]
    let sequence = (number as u16).to_be_bytes();
    let mut bytes = vec![0x80, payload_type];
    bytes.extend(sequence);
    bytes.extend([0; 4]);
    bytes.extend(ssrc.to_be_bytes());
    bytes.extend(payload(number));
    bytes
}

/// What one path does to the datagrams that it carries.
#[derive(Debug, Clone, Copy)]
struct Network {
    seed: u64,
    loss_percent: u64,
    /// Most datagrams that are lost in a row.
    burst: u64,
    delay_us: u64,
    /// By how many places one may come too late.
    reorder: u64,
}

impl Network {
    /// When each of `numbers` comes, if it does.
    fn carry(self, numbers: std::ops::Range<u64>) -> Vec<(u64, u64)> {
        let mut random = Generator::new(self.seed);
        let mut lost = 0;
        let mut came = Vec::new();
        for number in numbers {
            // Bursts of any length up to the longest make up the loss.
            let begins = random.below(200 * (1 + self.burst)) < 4 * self.loss_percent;
            if lost == 0 && begins {
                lost = 1 + random.below(self.burst.max(1));
            }
            let late = random.below(self.reorder + 1) * PACE_US;
            if lost > 0 {
                lost -= 1;
                continue;
            }
            came.push((number * PACE_US + self.delay_us + late, number));
        }
        came.sort_unstable();
        came
    }
}

/// What came of it.
struct Outcome {
    numbers: Vec<u64>,
    told: [Counters; 2],
    merge: Merge,
    /// The longest time from the first copy of a datagram until it was handed on, in turns.
    delay_us_max: u64,
}

impl Outcome {
    /// Carries what comes by two paths, each at its microsecond, in turns of 10 ms.
    fn of(merge: Merge, paths: &[Vec<(u64, Vec<u8>)>; 2]) -> Self {
        Self::of_stalled(merge, paths, 0..0)
    }

    /// The same without a turn in the microseconds of `stall`.
    fn of_stalled(
        mut merge: Merge,
        paths: &[Vec<(u64, Vec<u8>)>; 2],
        stall: std::ops::Range<u64>,
    ) -> Self {
        let end = paths.iter().flatten().map(|(at, _)| *at).max().unwrap_or(0);
        let mut told = [Counters::default(); 2];
        let (mut numbers, mut delay_us_max) = (Vec::new(), 0);
        let mut rest = paths.each_ref().map(Vec::as_slice);
        for turn in 0..=(end + 2_000_000) / TURN_US {
            let now_us = turn * TURN_US;
            if stall.contains(&now_us) {
                continue;
            }
            let mut each = |bytes: &[u8], received: Wall| {
                delay_us_max = delay_us_max.max(now_us.saturating_sub(received.as_nanos() / 1_000));
                numbers.push(number_of(bytes));
            };
            let now = Monotonic::from_nanos(5_000_000_000 + now_us * 1_000);
            for (path, rest) in rest.iter_mut().enumerate() {
                let due = rest.partition_point(|(at, _)| *at <= now_us);
                let (come, behind) = rest.split_at(due);
                *rest = behind;
                for (at, datagram) in come {
                    let content = match RtpHeader::parse(datagram) {
                        Ok(packet) => Content::Rtp(packet),
                        Err(_) => Content::Bare(datagram),
                    };
                    let received = Wall::from_nanos(at * 1_000);
                    let arrival = Arrival { now, received };
                    merge.push((path, &mut told[path]), content, arrival, &mut each);
                }
            }
            merge.settle(now, &mut each);
        }
        Self {
            numbers,
            told,
            merge,
            delay_us_max,
        }
    }
}

fn of_rtp(came: &[(u64, u64)]) -> Vec<(u64, Vec<u8>)> {
    let packets = came.iter().map(|(at, number)| (*at, rtp(*number, 7, 33)));
    packets.collect()
}

fn of_bare(came: &[(u64, u64)]) -> Vec<(u64, Vec<u8>)> {
    came.iter()
        .map(|(at, number)| (*at, payload(*number)))
        .collect()
}

/// All numbers that came by any path, from the first that was in order on.
fn union(paths: &[Vec<(u64, u64)>]) -> Vec<u64> {
    let mut all: Vec<u64> = paths.iter().flatten().map(|(_, number)| *number).collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// Where two lists begin to differ.
fn difference(one: &[u64], other: &[u64]) -> Option<(usize, Option<u64>, Option<u64>)> {
    let at = (0..one.len().max(other.len())).find(|at| one.get(*at) != other.get(*at))?;
    Some((at, one.get(at).copied(), other.get(at).copied()))
}

fn network(
    delays_ms: std::ops::RangeInclusive<u64>,
    burst_max: u64,
    reorder: u64,
) -> impl Strategy<Value = Network> {
    (any::<u64>(), 0..=5_u64, 1..=burst_max, delays_ms).prop_map(
        move |(seed, loss_percent, burst, delay_ms)| Network {
            seed,
            loss_percent,
            burst,
            delay_us: delay_ms * 1_000,
            reorder,
        },
    )
}

/// Beyond the first datagrams, which one path may have brought before the other was there.
const SETTLED: u64 = 1_000;

fn settled(numbers: &[u64]) -> Vec<u64> {
    let numbers = numbers.iter().copied();
    numbers.filter(|number| *number >= SETTLED).collect()
}

/// Two legs of RTP or of bare packets, and no turn in the microseconds of `stall`.
fn of_legs(legs: &[Vec<(u64, u64)>; 2], is_rtp: bool, stall: std::ops::Range<u64>) -> Outcome {
    let merge = if is_rtp {
        Merge::by_sequence(rules(32, 500))
    } else {
        Merge::by_content(rules(0, 500))
    };
    let sent = legs
        .each_ref()
        .map(|leg| if is_rtp { of_rtp(leg) } else { of_bare(leg) });
    Outcome::of_stalled(merge, &sent, stall)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn two_legs_of_rtp_are_their_union_in_order(
        first in network(0..=200, 10, 32),
        second in network(0..=200, 10, 32),
        start in prop_oneof![Just(0_u64), Just(65_000_u64)],
    ) {
        let paths = [first, second].map(|it| it.carry(start..start + 6_000));
        let sent = paths.each_ref().map(|it| of_rtp(it));
        let outcome = Outcome::of(Merge::by_sequence(rules(32, 300)), &sent);
        let from = start + SETTLED;
        let came: Vec<u64> = union(&paths).into_iter().filter(|it| *it >= from).collect();
        let numbers: Vec<u64> = outcome.numbers.iter().copied().filter(|it| *it >= from).collect();
        prop_assert!(outcome.numbers.is_sorted_by(|one, next| one < next));
        prop_assert_eq!(difference(&numbers, &came), None);
        prop_assert!(outcome.delay_us_max <= 300_000 + 2 * TURN_US, "{}", outcome.delay_us_max);
        prop_assert_eq!(outcome.merge.counters().overflows, 0);
    }

    #[test]
    fn two_legs_of_bare_packets_are_their_union_in_order(
        first in network(0..=200, 10, 0),
        second in network(0..=200, 10, 0),
    ) {
        let paths = [first, second].map(|it| it.carry(0..6_000));
        let outcome = of_legs(&paths, false, 0..0);
        prop_assert_eq!(difference(&settled(&outcome.numbers), &settled(&union(&paths))), None);
        prop_assert!(outcome.numbers.is_sorted_by(|one, next| one < next));
        prop_assert!(outcome.delay_us_max <= 500_000 + 2 * TURN_US, "{}", outcome.delay_us_max);
        prop_assert_eq!(outcome.merge.counters().overflows, 0);
    }

    #[test]
    fn a_box_that_does_nothing_for_a_while_loses_nothing_that_waits_for_it(
        first in network(0..=200, 10, 0),
        second in network(0..=200, 10, 0),
        stall_ms in 200..=1_200_u64,
        is_rtp in any::<bool>(),
    ) {
        let paths = [first, second].map(|it| it.carry(0..6_000));
        let stall = 3_000_000..3_000_000 + stall_ms * 1_000;
        let outcome = of_legs(&paths, is_rtp, stall);
        prop_assert_eq!(difference(&settled(&outcome.numbers), &settled(&union(&paths))), None);
        prop_assert_eq!(outcome.merge.counters().overflows, 0);
    }

    #[test]
    fn a_sender_that_pauses_has_no_legs_that_are_silent(
        first in network(0..=100, 10, 0),
        second in network(0..=100, 10, 0),
        pause_ms in 200..=2_000_u64,
        is_rtp in any::<bool>(),
    ) {
        let paths = [first, second].map(|it| {
            let mut came = it.carry(0..6_000);
            let behind = came.iter_mut().filter(|(_, number)| *number >= 3_000);
            behind.for_each(|(at, _)| *at += pause_ms * 1_000);
            came
        });
        let outcome = of_legs(&paths, is_rtp, 0..0);
        prop_assert_eq!(difference(&settled(&outcome.numbers), &settled(&union(&paths))), None);
    }

    #[test]
    fn one_leg_of_rtp_is_put_in_order_and_what_is_lost_is_counted(
        seed in any::<u64>(),
        loss_percent in 0..=5_u64,
    ) {
        let network = Network { seed, loss_percent, burst: 10, delay_us: 0, reorder: 32 };
        let came = network.carry(65_000..70_000);
        let outcome = Outcome::of(Merge::by_sequence(rules(32, 50)), &[of_rtp(&came), Vec::new()]);
        let all = union(&[came]);
        let from = outcome.numbers[0];
        let expected: Vec<u64> = all.into_iter().filter(|it| *it >= from).collect();
        prop_assert_eq!(difference(&outcome.numbers, &expected), None);
        let end = expected.last().copied().unwrap_or(0) + 1;
        let lost = end - from - expected.len() as u64;
        prop_assert_eq!(outcome.merge.counters().lost, lost);
        prop_assert!(outcome.told[0].rtp_lost <= lost);
        // The last ones may still come.
        prop_assert!(outcome.told[0].rtp_lost + 64 >= lost);
        prop_assert!(outcome.delay_us_max <= 50_000 + 2 * TURN_US);
    }

    #[test]
    fn no_datagrams_make_it_panic_and_no_more_come_out_than_came(
        datagrams in proptest::collection::vec(
            (
                0..2_usize,
                0..40_000_u64,
                0..3_u32,
                0..3_u64,
                prop_oneof![Just(0_usize), Just(3_000)],
            ),
            0..400,
        ),
        is_by_content in any::<bool>(),
    ) {
        let rules = Rules { depth: 4, wait: Duration::from_millis(20), slots: 8 };
        let merge = if is_by_content {
            Merge::by_content(rules)
        } else {
            Merge::by_sequence(rules)
        };
        let mut at = 0;
        let mut paths = [Vec::new(), Vec::new()];
        for (path, number, ssrc, pause, more) in datagrams {
            at += pause * 9_000;
            let number = if pause == 0 { number } else { number % 50 };
            let mut bytes = rtp(number, ssrc, 33);
            bytes.resize(bytes.len() + more, 0);
            paths[path].push((at, bytes));
        }
        let all = paths.iter().map(Vec::len).sum::<usize>();
        let outcome = Outcome::of(merge, &paths);
        prop_assert!(outcome.numbers.len() <= all);
    }
}

#[test]
fn what_is_in_order_is_handed_on_in_the_turn_in_which_it_came() {
    let came: Vec<_> = (0..500).map(|number| (number * PACE_US, number)).collect();
    let merge = Merge::by_sequence(rules(32, 50));
    let outcome = Outcome::of(merge, &[of_rtp(&came), Vec::new()]);
    assert_eq!(outcome.numbers, (0..500).collect::<Vec<_>>());
    assert!(outcome.delay_us_max <= TURN_US);
    assert_eq!(outcome.told[0], Counters::default());
}

#[test]
fn of_bare_legs_what_one_brings_too_late_does_not_come_behind_newer() {
    for behind in [1, 5, 40] {
        let first = (100..2_000).map(|number: u64| (number * PACE_US, number));
        let second = (100 - behind..2_000).map(|number| ((number + behind) * PACE_US, number));
        let legs = [
            of_bare(&first.collect::<Vec<_>>()),
            of_bare(&second.collect::<Vec<_>>()),
        ];
        let outcome = Outcome::of(Merge::by_content(rules(0, 500)), &legs);
        let is_in_order = outcome.numbers.is_sorted_by(|one, next| one < next);
        assert!(is_in_order, "{behind}: {:?}", &outcome.numbers[..60]);
    }
}

#[test]
fn of_bare_legs_what_the_second_brings_first_does_not_come_behind_newer() {
    // Both lose a part on their own, where the first is followed alone for the last time.
    let lost = [12..15, 15..17];
    let legs = lost.map(|lost| {
        let numbers = (0..2_000_u64).filter(|number| !lost.contains(number));
        numbers.collect::<Vec<_>>()
    });
    for behind_us in (0..20_000).step_by(500) {
        let at = [43_000, 43_000 + behind_us];
        let sent = [0, 1].map(|leg: usize| {
            let came = legs[leg].iter();
            let came = came.map(|number| (number * PACE_US + at[leg], *number));
            of_bare(&came.collect::<Vec<_>>())
        });
        let outcome = Outcome::of(Merge::by_content(rules(0, 500)), &sent);
        let is_in_order = outcome.numbers.is_sorted_by(|one, next| one < next);
        assert!(is_in_order, "{behind_us}: {:?}", &outcome.numbers[..30]);
    }
}

/// Datagrams of seven packets, of pictures and now and then of sound, and their numbers in them.
fn programs(count: u64) -> Vec<Vec<u8>> {
    let mut random = Generator::new(3);
    let mut counters = [0_u8; 2];
    let numbers = 0..count;
    let datagrams = numbers.map(|number| {
        let mut datagram = Vec::new();
        for _ in 0..7 {
            let sound = usize::from(random.below(6) == 0);
            counters[sound] = (counters[sound] + 1) & 0x0F;
            let pid = [0x00, 0x01][sound];
            let mut packet = vec![0x47, 0x01, pid, 0x10 | counters[sound]];
            packet.extend(number.to_be_bytes());
            packet.resize(PAYLOAD_BYTES, 0xAA);
            datagram.extend(packet);
        }
        datagram
    });
    datagrams.collect()
}

#[test]
fn bare_legs_of_two_streams_that_lose_side_by_side_are_in_order_whatever_the_jitter() {
    let all = programs(20_000);
    for seed in 0..8 {
        let mut random = Generator::new(seed);
        let mut legs = [Vec::new(), Vec::new()];
        for (number, datagram) in (0_u64..).zip(&all) {
            let lost = random.below(8);
            for (leg, came) in legs.iter_mut().enumerate() {
                if lost != leg as u64 || number < SETTLED {
                    let jitter_us = random.below(PACE_US - 1) + leg as u64 * 50_000;
                    came.push((number * PACE_US + jitter_us, datagram.clone()));
                }
            }
        }
        let outcome = Outcome::of(Merge::by_content(rules(0, 500)), &legs);
        let expected: Vec<_> = (0..20_000).collect();
        assert_eq!(difference(&outcome.numbers, &expected), None, "{seed}");
    }
}

#[test]
fn a_sender_that_begins_anew_with_lower_numbers_is_followed() {
    let packets = (0..3_000_u64).filter(|number| !(1_000..2_000).contains(number));
    let packets = packets.map(|number| {
        let sequence = if number < 1_000 {
            20_000 + number
        } else {
            number + 18_500
        };
        (number * PACE_US, rtp(sequence, 7, 33))
    });
    let merge = Merge::by_sequence(rules(32, 50));
    let outcome = Outcome::of(merge, &[packets.collect(), Vec::new()]);
    assert_eq!(outcome.told[0].rtp_restarts, 1);
    assert_eq!(outcome.numbers.len(), 2_000);
}

#[test]
fn senders_that_send_in_turn_in_bursts_do_not_tear_each_other_up() {
    let mut path = Vec::new();
    for number in 0..2_000_u64 {
        // Ten at once every 100 ms, and those of the other between them.
        let burst_us = number / 10 * 100_000;
        path.push((burst_us, rtp(number, 7, 33)));
        path.push((burst_us + 50_000, rtp(number, 9, 33)));
    }
    path.sort_by_key(|(at, _)| *at);
    let outcome = Outcome::of(Merge::by_sequence(rules(32, 50)), &[path, Vec::new()]);
    assert_eq!(outcome.told[0].rtp_restarts, 0);
    assert_eq!(outcome.told[0].rtp_foreign, 2_000);
}

#[test]
fn each_leg_is_told_what_it_lost() {
    let came = |lost: u64| {
        let kept = (0..3_000_u64).filter(move |number| number % 100 != lost);
        let came: Vec<_> = kept.map(|number| (number * PACE_US, number)).collect();
        came
    };
    let legs = [came(30), came(60)];
    let outcome = Outcome::of(
        Merge::by_sequence(rules(32, 300)),
        &legs.each_ref().map(|it| of_rtp(it)),
    );
    let all: Vec<u64> = (0..3_000).collect();
    assert_eq!(difference(&outcome.numbers, &all), None);
    assert_eq!(outcome.told.map(|told| told.rtp_lost), [30, 30]);
    assert_eq!(outcome.merge.counters().lost, 0);
    let outcome = Outcome::of(
        Merge::by_content(rules(0, 300)),
        &legs.each_ref().map(|it| of_bare(it)),
    );
    let all: Vec<u64> = (0..3_000).collect();
    assert_eq!(difference(&outcome.numbers, &all), None);
    // What is not there in time may still be on its way.
    let settled = 22..=30;
    let lost = outcome.told.map(|told| told.merge_lost);
    assert!(lost.iter().all(|lost| settled.contains(lost)), "{lost:?}");
}

/// A stream, and among it what another sender sends to the same group.
fn with_strays(ssrc: u32, payload_type: u8) -> Outcome {
    let mut path = Vec::new();
    for number in 0..2_000 {
        path.push((number * PACE_US, rtp(number, 7, 33)));
        path.push((number * PACE_US, rtp(number * 3 + 77, ssrc, payload_type)));
    }
    Outcome::of(Merge::by_sequence(rules(32, 50)), &[path, Vec::new()])
}

#[test]
fn strays_do_not_tear_the_stream_up_and_are_counted() {
    for (ssrc, payload_type) in [(8, 33), (7, 96)] {
        let outcome = with_strays(ssrc, payload_type);
        assert_eq!(
            difference(&outcome.numbers, &(0..2_000).collect::<Vec<_>>()),
            None
        );
        assert_eq!(outcome.told[0].rtp_foreign, 2_000);
        assert_eq!(outcome.told[0].rtp_restarts, 0);
    }
}

#[test]
fn a_sender_that_begins_anew_is_followed_once_the_old_one_has_stopped() {
    let packets = (0..2_000_u64).map(|number| {
        let (ssrc, jump) = if number < 1_000 { (7, 0) } else { (9, 30_000) };
        (number * PACE_US, rtp(number + jump, ssrc, 33))
    });
    let outcome = Outcome::of(
        Merge::by_sequence(rules(32, 50)),
        &[packets.collect(), Vec::new()],
    );
    assert_eq!(outcome.told[0].rtp_restarts, 1);
    let (old, new) = outcome.numbers.split_at(1_000);
    assert_eq!(old, (0..1_000).collect::<Vec<_>>());
    assert!(new.len() > 800, "{}", new.len());
    assert!(new.is_sorted() && new.last() == Some(&31_999));
}

#[test]
fn a_pause_of_the_network_is_a_loss_and_no_other_stream() {
    let packets = (0..9_000_u64).filter(|number| !(1_000..7_000).contains(number));
    let packets = packets.map(|number| (number * PACE_US, rtp(number, 7, 33)));
    let outcome = Outcome::of(
        Merge::by_sequence(rules(32, 50)),
        &[packets.collect(), Vec::new()],
    );
    assert_eq!(outcome.numbers.len(), 3_000);
    assert_eq!(
        (outcome.told[0].rtp_restarts, outcome.merge.counters().lost),
        (0, 6_000)
    );
    assert_eq!(outcome.told[0].rtp_lost, 6_000);
}

#[test]
fn a_leg_that_dies_is_waited_for_no_longer_than_that_is_noticed() {
    for is_by_content in [false, true] {
        let legs = [500, 3_000].map(|end| {
            let numbers = (0..end).map(|number: u64| (number * PACE_US, number));
            let came: Vec<_> = numbers.collect();
            if is_by_content {
                of_bare(&came)
            } else {
                of_rtp(&came)
            }
        });
        let rules = rules(32, 500);
        let merge = if is_by_content {
            Merge::by_content(rules)
        } else {
            Merge::by_sequence(rules)
        };
        let outcome = Outcome::of(merge, &legs);
        assert_eq!(
            difference(&outcome.numbers, &(0..3_000).collect::<Vec<_>>()),
            None
        );
        assert!(
            outcome.delay_us_max <= 200_000 + 2 * TURN_US,
            "{}",
            outcome.delay_us_max
        );
    }
}

#[test]
fn of_bare_legs_with_nothing_in_common_the_first_is_followed() {
    let legs = [0, 1_000_000].map(|first| {
        let numbers = (0..2_000).map(move |number: u64| (number * PACE_US, first + number));
        of_bare(&numbers.collect::<Vec<_>>())
    });
    let outcome = Outcome::of(Merge::by_content(rules(0, 500)), &legs);
    assert_eq!(
        difference(&outcome.numbers, &(0..2_000).collect::<Vec<_>>()),
        None
    );
    // What came last still waits for something in common.
    let unmatched = outcome.told[1].merge_unmatched;
    assert!((1_500..=2_000).contains(&unmatched), "{unmatched}");
}

#[test]
fn what_does_not_fit_is_given_up_and_counted() {
    let rules = Rules {
        depth: 1_000,
        wait: Duration::from_secs(1),
        slots: 16,
    };
    let packets = (0..200_u64).filter(|number| *number != 50);
    let packets = packets.map(|number| (number * PACE_US, rtp(number, 7, 33)));
    let outcome = Outcome::of(Merge::by_sequence(rules), &[packets.collect(), Vec::new()]);
    assert_eq!(outcome.numbers.len(), 199);
    assert!(outcome.numbers.is_sorted());
    assert_eq!(
        (
            outcome.merge.counters().overflows,
            outcome.merge.counters().lost
        ),
        (1, 1)
    );
}
