//! Properties of the segments of any stream.

use std::time::Duration;

use proptest::prelude::*;

use crate::{
    demux::Event,
    segment::{
        MediaPlaylist, Phase, Rules,
        fixture::{Bench, FRAME, SECOND, Unit, WRAP, program, rules},
    },
};

/// What may happen to a stream at one picture.
#[derive(Debug, Clone)]
enum Happening {
    Picture { key: bool, packets: usize },
    Lost { pictures: u64 },
    Jump { to: u64 },
    Unstamped,
    Damaged { stamp: u64 },
    NewTables { version: u8, stream_type: u8 },
    Abandon,
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        60 => (prop::bool::weighted(0.05), 1..30_usize)
            .prop_map(|(key, packets)| Happening::Picture { key, packets }),
        2 => (1..400_u64).prop_map(|pictures| Happening::Lost { pictures }),
        1 => (0..WRAP).prop_map(|to| Happening::Jump { to }),
        1 => Just(Happening::Unstamped),
        1 => (0..WRAP).prop_map(|stamp| Happening::Damaged { stamp }),
        1 => (0..32_u8, prop::sample::select(&[0x0F, 0x81][..]))
            .prop_map(|(version, stream_type)| Happening::NewTables { version, stream_type }),
        1 => Just(Happening::Abandon),
    ]
}

fn play(bench: &mut Bench, start: u64, happenings: &[Happening]) {
    let mut ticks = start;
    for happening in happenings {
        match *happening {
            Happening::Picture { key, packets } => {
                let understood_after = 1 + packets / 2;
                let unit = Unit {
                    random_access: key,
                    packets,
                    understood_after,
                    ..Unit::at(ticks)
                };
                bench.unit(unit);
            }
            Happening::Lost { pictures } => ticks += pictures * FRAME,
            Happening::Jump { to } => ticks = to,
            Happening::Unstamped => bench.unit(Unit {
                pts: None,
                ..Unit::at(ticks)
            }),
            Happening::Damaged { stamp } => bench.unit(Unit::at(stamp)),
            Happening::NewTables {
                version,
                stream_type,
            } => {
                let mut changed = program(version, 30);
                changed.streams[1].stream_type = stream_type;
                bench.push(Event::Program(&changed));
            }
            Happening::Abandon => bench.abandon(),
        }
        ticks = (ticks + FRAME) % WRAP;
        bench.now = bench.now + Duration::from_millis(40);
    }
    bench.finish();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_happens_segments_keep_the_rules(
        start in 0..WRAP,
        grid in any::<bool>(),
        happenings in prop::collection::vec(happening(), 1..1500),
    ) {
        let phase = if grid { Phase::Grid } else { Phase::First };
        let mut bench = Bench::new(Rules { bytes_max: 1024 * 1024, ..rules(phase) }, 5);
        play(&mut bench, start, &happenings);
        let mut playlist = MediaPlaylist::live(5);
        let mut before = None;
        for made in &bench.made {
            let segment = made.segment;
            prop_assert!(before.is_none_or(|before| segment.sequence == before + 1));
            before = Some(segment.sequence);
            let rounded = (segment.duration_90k + SECOND / 2) / SECOND;
            prop_assert!(segment.duration_90k > 0);
            prop_assert!(rounded <= u64::from(segment.target_duration_s));
            prop_assert!(segment.bytes <= 1024 * 1024);
            prop_assert_eq!(&made.bytes[1..3], &[0x40, 0], "a PAT");
            playlist.push(segment);
        }
        let target = bench.made.first().map(|made| made.segment.target_duration_s);
        prop_assert!(bench.made.iter().all(|made| Some(made.segment.target_duration_s) == target));
    }

    #[test]
    fn whatever_happens_nothing_is_lost_and_nothing_leaves_twice(
        start in 0..WRAP,
        happenings in prop::collection::vec(
            happening().prop_filter("keeps its bytes", |what| !matches!(what, Happening::Abandon)),
            1..1500,
        ),
    ) {
        let mut bench = Bench::new(rules(Phase::First), 0);
        play(&mut bench, start, &happenings);
        let payload = bench.payload();
        let mut sent = bench.sent.iter();
        prop_assert!(payload.iter().all(|packet| sent.any(|it| it == packet)), "once, in order");
        let counters = bench.segmenter.counters();
        let dropped = counters.packets_before_random_access
            + counters.packets_before_payload_start
            + counters.packets_left_out;
        prop_assert_eq!(bench.sent.len(), payload.len() + usize::try_from(dropped)?);
    }
}
