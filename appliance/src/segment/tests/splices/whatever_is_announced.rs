//! Promises of a list whatever the stream announces.

use std::time::Duration;

use proptest::prelude::*;

use super::BOTH;
use crate::segment::{
    MediaPlaylist, Phase,
    fixture::{Bench, FRAME, SECOND, Unit, insert, rules, splice_section},
};

/// What a stream may do with splices.
#[derive(Debug, Clone, Copy)]
enum Act {
    Picture {
        key: bool,
        boundary: bool,
    },
    Insert {
        event: u8,
        out: bool,
        after: Option<u64>,
        duration: Option<u64>,
    },
    Jump {
        to: u64,
    },
    Cancel {
        event: u8,
    },
}

fn act() -> impl Strategy<Value = Act> {
    let picture = (0..30_u8, any::<bool>()).prop_map(|(key, boundary)| Act::Picture {
        key: key == 0,
        boundary,
    });
    let after = prop::option::of(0..20 * SECOND);
    let duration = prop::option::of(0..60 * SECOND);
    let insert =
        (0..4_u8, any::<bool>(), after, duration).prop_map(|(event, out, after, duration)| {
            Act::Insert {
                event,
                out,
                after,
                duration,
            }
        });
    prop_oneof![
        60 => picture,
        2 => insert,
        1 => (0..1_u64 << 33).prop_map(|to| Act::Jump { to }),
        1 => (0..4_u8).prop_map(|event| Act::Cancel { event }),
    ]
}

/// The attributes of each date range of `text`, by ID.
fn attributes(text: &str) -> Vec<(String, String)> {
    let lines = text
        .lines()
        .filter_map(|line| line.strip_prefix("#EXT-X-DATERANGE:ID="));
    let mut all = Vec::new();
    for line in lines {
        let (id, rest) = line.split_once(',').expect("an ID is not alone");
        all.extend(
            rest.split(',')
                .map(|attribute| (id.to_owned(), attribute.to_owned())),
        );
    }
    all
}

proptest! {
    #[test]
    fn whatever_the_stream_announces_the_list_keeps_its_promises(
        acts in prop::collection::vec(act(), 200..900),
    ) {
        let mut bench = Bench::new(rules(Phase::Grid), 0);
        bench.unit(Unit::key(0));
        let (mut pts, mut taken, mut pushed) = (0, 0, 0);
        let mut playlist = MediaPlaylist::live(4);
        playlist.set_markers(BOTH);
        let mut known: Vec<(String, String)> = Vec::new();
        for act in acts {
            match act {
                Act::Picture { key, boundary } => {
                    pts = (pts + 5 * FRAME) % (1 << 33);
                    bench.unit(Unit {
                        random_access: key,
                        segment_boundary: boundary,
                        ..Unit::at(pts)
                    });
                    bench.now = bench.now + Duration::from_millis(200);
                }
                Act::Insert { event, out, after, duration } => {
                    let at = after.map(|after| (pts + after) % (1 << 33));
                    bench.splice(&insert(event, out, at, duration));
                }
                Act::Jump { to } => pts = to,
                Act::Cancel { event } => {
                    bench.splice(&splice_section(5, &[0, 0, 0, event, 0xFF], &[]));
                }
            }
            for cue in &bench.cues[taken..] {
                playlist.take_cue(cue);
            }
            taken = bench.cues.len();
            for made in &bench.made[pushed..] {
                prop_assert!(made.duration_ms() <= 12_000);
                playlist.push(made.segment);
                let text = playlist.render("");
                for (id, attribute) in attributes(&text) {
                    let name = attribute.split('=').next().expect("a name").to_owned();
                    let same = known.iter().find(|(known_id, known)| {
                        *known_id == id && known.split('=').next() == Some(&name)
                    });
                    match same {
                        Some((_, value)) => prop_assert_eq!(value, &attribute),
                        None => known.push((id, attribute)),
                    }
                }
                let resumed = MediaPlaylist::resume(&text, 4);
                prop_assert_eq!(resumed.map(|list| list.render("")), Some(text));
            }
            pushed = bench.made.len();
        }
    }
}
