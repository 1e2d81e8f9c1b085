//! Files that leave once, in a loop, and several in step.

use std::{path::Path, time::Duration};

use weir_hal::{Access, Disk, sim};

use super::{
    AUDIO, CLIP_SECONDS, CLIPS, FOR_EVER, ONCE, Sent, built_in, moved_clip, packets, play, play_one,
};
use crate::{
    demux::{Demux, Event, PACKET_BYTES, Pts, Selection},
    measure::{Analyzer, Priority},
    send::{Content, stamp::PesHead},
};

#[test]
fn one_pass_leaves_byte_for_byte() {
    for clip in CLIPS {
        let content = Content::built_in("clip", clip);
        let sent = play_one(content, ONCE, Duration::MAX);
        let datagrams: Vec<&[u8]> = sent.iter().map(|(_, datagram)| &datagram[..]).collect();
        assert!(datagrams.concat() == clip);
        let is_whole = |datagram: &&[u8]| datagram.len().is_multiple_of(PACKET_BYTES);
        assert!(datagrams.iter().all(is_whole));
    }
}

#[test]
fn a_file_on_disk_leaves_as_built_in_bytes_do() {
    let disk = sim::Disk::new(7);
    let path = Path::new("/clip.ts");
    let file = disk.open(path, Access::Create).unwrap();
    file.write_at(CLIPS[0], 0).unwrap();
    let on_disk = Content::open(&disk, path).unwrap();
    let span = Duration::from_secs(10);
    let expected = play_one(Content::built_in("clip", CLIPS[0]), FOR_EVER, span);
    assert!(play_one(on_disk, FOR_EVER, span) == expected);
}

#[test]
fn a_looping_clip_is_clean_by_tr_101_290() {
    for clip in CLIPS {
        let content = Content::built_in("clip", clip);
        let sent = play_one(content, FOR_EVER, Duration::from_mins(1));
        let mut analyzer = Analyzer::new();
        packets(&sent).for_each(|(at, packet)| analyzer.push(packet, at));
        let report = analyzer.report();
        let raised: Vec<_> = report
            .tr_101_290
            .iter()
            .filter(|(indicator, _)| indicator.priority() != Priority::Third)
            .filter(|(_, count)| count.is_some_and(|count| count > 0))
            .collect();
        assert_eq!(raised, []);
        assert!(report.duration_s.unwrap() > 59.0);
    }
}

/// PTS and DTS of every access unit of the primary stream.
fn access_units(sent: &Sent) -> Vec<(Pts, Pts)> {
    let mut demux = Demux::new(Selection::First);
    let mut units = Vec::new();
    for (_, packet) in packets(sent) {
        demux.push(packet, |event| {
            if let Event::AccessUnit(unit) = event {
                units.push((unit.pts.unwrap(), unit.dts.unwrap()));
            }
        });
    }
    assert_eq!(demux.counters().continuity_count_error, 0);
    units
}

fn audio_stamps(sent: &Sent) -> Vec<Pts> {
    let starts = packets(sent)
        .filter(|(_, packet)| packet.pid() == AUDIO && packet.payload_unit_start())
        .filter_map(|(_, packet)| packet.payload());
    starts
        .filter_map(|payload| PesHead::judge(payload).dts(payload))
        .collect()
}

#[test]
fn pictures_and_sound_go_on_without_a_seam_across_the_wrap() {
    let before_wrap = Pts::MODULUS - 900_000 - 90_000 * 10;
    let content = built_in(moved_clip(before_wrap));
    let sent = play_one(content, FOR_EVER, Duration::from_secs(30));

    let units = access_units(&sent);
    assert!(units.len() > 700);
    assert!(units.iter().any(|(_, dts)| dts.ticks() < 90_000));
    for pair in units.windows(2) {
        assert_eq!(pair[1].1.ticks_since(pair[0].1), 3_600);
    }
    let passes = units.chunks_exact(100).map(|pass| -> Vec<i64> {
        let waits = pass.iter().map(|(pts, dts)| pts.ticks_since(*dts));
        waits.collect()
    });
    let passes: Vec<_> = passes.collect();
    assert!(passes.windows(2).all(|pair| pair[0] == pair[1]));

    // A PES packet of this clip holds one AAC frame of 2,880 ticks, or two small ones.
    let sound = audio_stamps(&sent);
    assert!(sound.len() > 850);
    for pair in sound.windows(2) {
        let step = pair[1].ticks_since(pair[0]);
        assert!(step == 2_880 || step == 5_760, "{step}");
    }
    let frames: i64 = sound[121 * 7].ticks_since(sound[0]) / 2_880;
    assert_eq!(frames, 125 * 7);
}

#[test]
fn renditions_stay_in_step_for_ever() {
    let contents = CLIPS.map(|clip| Content::built_in("clip", clip));
    let span = Duration::from_hours(1) / 30;
    let (sent, statistics) = play(&contents, FOR_EVER, span);
    let units: Vec<_> = sent.iter().map(access_units).collect();
    let common = units.iter().map(Vec::len).min().unwrap();
    assert!(common as u64 > 25 * (span.as_secs() - 1));
    let dts = |rendition: usize| units[rendition][..common].iter().map(|unit| unit.1);
    assert!(dts(0).eq(dts(1)) && dts(1).eq(dts(2)));
    assert_eq!(statistics.lateness_max, Duration::ZERO);
    assert_eq!(statistics.passes, span.as_secs() / CLIP_SECONDS);
    let datagrams: usize = sent.iter().map(Vec::len).sum();
    assert_eq!(statistics.datagrams, datagrams as u64);
}
