//! Promises of a list whatever the stream announces.

use std::{collections::BTreeMap, time::Duration};

use proptest::prelude::*;

use super::BOTH;
use crate::segment::{
    Cue, CueOutcome, MediaPlaylist, Phase,
    date_ranges::RANGES_MAX,
    fixture::{Bench, FRAME, SECOND, Unit, WRAP, insert, rules, splice_section},
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
        1 => (0..WRAP).prop_map(|to| Act::Jump { to }),
        1 => (0..4_u8).prop_map(|event| Act::Cancel { event }),
    ]
}

/// The attributes of each date range of `text`: its ID, their names and their values.
fn attributes(text: &str) -> Vec<((String, String), String)> {
    let lines = text.lines();
    let mut all = Vec::new();
    for line in lines.filter_map(|line| line.strip_prefix("#EXT-X-DATERANGE:ID=")) {
        let (id, rest) = line.split_once(',').expect("an ID is not alone");
        for attribute in rest.split(',') {
            let (name, value) = attribute.split_once('=').expect("a value");
            all.push(((id.to_owned(), name.to_owned()), value.to_owned()));
        }
    }
    all
}

/// Lets the stream of `bench`, which has come to `pts`, do one thing.
fn play(bench: &mut Bench, pts: &mut u64, act: Act) {
    match act {
        Act::Picture { key, boundary } => {
            *pts = (*pts + 5 * FRAME) % WRAP;
            bench.unit(Unit {
                random_access: key,
                segment_boundary: boundary,
                ..Unit::at(*pts)
            });
            bench.now = bench.now + Duration::from_millis(200);
        }
        Act::Insert {
            event,
            out,
            after,
            duration,
        } => {
            let at = after.map(|after| (*pts + after) % WRAP);
            bench.splice(&insert(event, out, at, duration));
        }
        Act::Jump { to } => *pts = to,
        Act::Cancel { event } => bench.splice(&splice_section(5, &[0, 0, 0, event, 0xFF], &[])),
    }
}

/// What `list` says to a message that it hears, and what it lists then.
fn answer(mut list: MediaPlaylist, cue: &Cue) -> (CueOutcome, String) {
    (list.take_cue(cue), list.render(""))
}

proptest! {
    #[test]
    fn whatever_the_stream_announces_the_list_keeps_its_promises(
        acts in prop::collection::vec(act(), 200..900),
    ) {
        let mut bench = Bench::new(rules(Phase::Grid), 0);
        bench.unit(Unit::key(0));
        let mut playlist = MediaPlaylist::live(4);
        playlist.set_markers(BOTH);
        let (mut pts, mut taken) = (0, None);
        let mut known = BTreeMap::new();
        for act in acts {
            play(&mut bench, &mut pts, act);
            for cue in bench.cues.drain(..) {
                if playlist.take_cue(&cue) == CueOutcome::Taken {
                    taken = Some(cue);
                }
            }
            for made in bench.made.drain(..) {
                prop_assert!(made.duration_ms() <= 12_000);
                playlist.push(made.segment);
                let text = playlist.render("");
                prop_assert!(text.matches("DATERANGE").count() <= RANGES_MAX);
                for ((id, name), value) in attributes(&text) {
                    let once = known.entry((id, name)).or_insert_with(|| value.clone());
                    prop_assert_eq!(once, &value);
                }
                let mut resumed = MediaPlaylist::resume(&text, 4).expect("it is ours");
                prop_assert_eq!(resumed.render(""), text);
                resumed.set_markers(BOTH);
                if let Some(cue) = &taken {
                    let (due, text) = answer(playlist.clone(), cue);
                    let (outcome, told) = answer(resumed, cue);
                    prop_assert!(outcome == due || due == CueOutcome::Refused, "{outcome:?}");
                    prop_assert_eq!(told, text);
                }
            }
        }
    }
}
