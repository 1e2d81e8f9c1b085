//! Cuts that the stream itself asks for, and what playlists tell of breaks.

mod boundaries;
mod listing;
mod messages;
mod points;
mod whatever_is_announced;

use std::time::Duration;

use crate::segment::{
    CueOutcome, Markers, MediaPlaylist, Phase,
    fixture::{Bench, FRAME, SECOND, Unit, frames, insert, rules},
};

const DATE_RANGES: Markers = Markers {
    date_ranges: true,
    cue_tags: false,
};

const CUE_TAGS: Markers = Markers {
    date_ranges: false,
    cue_tags: true,
};

const BOTH: Markers = Markers {
    date_ranges: true,
    cue_tags: true,
};

/// Sends pictures of `span` ticks from 0, with key frames every two seconds and at `keys`.
fn pictures(bench: &mut Bench, span: u64, keys: &[u64]) {
    pictures_with(bench, span, keys, |_| false);
}

fn pictures_with(bench: &mut Bench, span: u64, keys: &[u64], is_boundary: impl Fn(u64) -> bool) {
    for ticks in frames(span) {
        let random_access = ticks % (2 * SECOND) == 0 || keys.contains(&ticks);
        bench.unit(Unit {
            random_access,
            segment_boundary: is_boundary(ticks),
            ..Unit::at(ticks)
        });
        bench.now = bench.now + Duration::from_millis(40);
    }
}

/// A list of all that `bench` made and announced, each event before the segment of its index.
fn listed(bench: &Bench, markers: Markers, at: &[usize]) -> MediaPlaylist {
    let mut playlist = MediaPlaylist::live(5);
    playlist.set_markers(markers);
    let mut cues = bench.cues.iter().zip(at).peekable();
    for (index, made) in bench.made.iter().enumerate() {
        while let Some((cue, _)) = cues.next_if(|(_, at)| **at <= index) {
            assert_eq!(playlist.take_cue(cue), CueOutcome::Taken);
        }
        playlist.push(made.segment);
    }
    playlist
}

/// The tags of `text` that tell of breaks, and the names of segments between them.
fn told(text: &str) -> Vec<&str> {
    let shown = |line: &&str| {
        line.starts_with("#EXT-X-DATERANGE") || line.contains("CUE") || !line.starts_with('#')
    };
    text.lines().filter(shown).collect()
}

/// A stream of 40 s with a break from 9.2 s to 21.2 s, announced at the beginning.
fn with_break(phase: Phase) -> Bench {
    let (out, back) = (230 * FRAME, 530 * FRAME);
    let mut bench = Bench::new(rules(phase), 0);
    bench.unit(Unit::key(0));
    bench.splice(&insert(7, true, Some(out), Some(back - out)));
    pictures(&mut bench, 40 * SECOND, &[out, back]);
    bench.finish();
    bench
}
