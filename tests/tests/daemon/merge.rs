//! Two legs of one stream over networks that lose, delay and reorder: what is served is what a
//! clean reception serves, byte by byte.
//!
//! The kernel of a test machine need not know netem, so the sender does it, drawn from fixed seeds.

use std::{collections::BTreeMap, path::Path, time::Duration};

use serde_json::Value;
use tempfile::TempDir;
use weir_hal::{Destination, InterfaceName, Multicast, MulticastSender, linux, sim::Generator};
use weir_tests::{daemon::Daemon, ffmpeg, hls::Version, http, in_own_network, wait::until};

/// Transport packets of a datagram.
const DATAGRAM_BYTES: usize = 7 * 188;

const FILM_S: u32 = 14;

/// Segments that are compared, of a second each.
const SEGMENTS_MIN: usize = 8;

/// How much later the second leg is.
const SKEW_US: u64 = 50_000;

/// By how many packets one may come too late.
const REORDER: u64 = 32;

const CLEAN: &str = "239.255.89.1:5000";
const RTP: [&str; 2] = ["239.255.89.2:5000", "239.255.89.3:5000"];
const UDP: [&str; 2] = ["239.255.89.4:5000", "239.255.89.5:5000"];

/// Pictures with noise, so that there are hundreds of datagrams a second.
fn film(file: &Path) {
    let arguments = format!(
        "-f lavfi -i testsrc2=size=640x360:rate=25:duration={FILM_S},noise=alls=60:allf=t \
         -f lavfi -i sine=frequency=440:sample_rate=48000:duration={FILM_S} \
         -c:v libx264 -preset ultrafast -bf 0 -g 25 -keyint_min 25 -sc_threshold 0 \
         -b:v 6M -maxrate 6M -bufsize 2M -pix_fmt yuv420p -c:a aac -b:a 64k"
    );
    let words = arguments.split_whitespace().map(str::to_owned);
    ffmpeg::make_with(words.collect(), file);
}

/// An RTP packet of the one stream that both legs carry.
fn rtp(number: usize, payload: &[u8]) -> Vec<u8> {
    // It wraps on the way.
    let sequence = u16::try_from((65_000 + number) % 65_536).expect("below");
    let mut packet = vec![0x80, 33];
    packet.extend(sequence.to_be_bytes());
    packet.extend([0, 0, 0, 0, 0, 0, 0, 9]);
    packet.extend(payload);
    packet
}

/// What two legs lose of so many datagrams: a twentieth each, never the same.
fn losses(count: usize) -> [Vec<bool>; 2] {
    let mut legs = [Vec::new(), Vec::new()];
    let mut random = [Generator::new(11), Generator::new(12)];
    for _ in 0..count {
        let [first, second] = random.each_mut().map(|it| it.below(20) == 0);
        legs[0].push(first);
        legs[1].push(second && !first);
    }
    legs
}

/// Datagrams by the microsecond at which they come, and in order of sending where that is one.
type Schedule = BTreeMap<(u64, usize), (&'static str, Vec<u8>)>;

fn schedule(film: &[u8], lost: &[Vec<bool>; 2]) -> Schedule {
    let datagrams: Vec<_> = film.chunks(DATAGRAM_BYTES).collect();
    let pace_us = u64::from(FILM_S) * 1_000_000 / datagrams.len() as u64;
    let mut late = Generator::new(13);
    let mut all = Schedule::new();
    for (number, payload) in datagrams.into_iter().enumerate() {
        let at = number as u64 * pace_us;
        let mut send = |at, group, bytes| {
            let order = all.len();
            all.insert((at, order), (group, bytes));
        };
        send(at, CLEAN, rtp(number, payload));
        for leg in 0..2 {
            let at = at + leg as u64 * SKEW_US;
            let at_rtp = at + late.below(REORDER + 1) * pace_us;
            if !lost[leg][number] {
                send(at_rtp, RTP[leg], rtp(number, payload));
                send(at, UDP[leg], payload.to_vec());
            }
        }
    }
    all
}

fn send(schedule: Schedule) {
    let board = linux::board();
    let sender = |group: &str| {
        let destination = Destination {
            group: group.parse().expect("an address"),
            interface: InterfaceName::new("lo"),
            hops: 1,
        };
        board
            .multicast
            .sender(&destination)
            .expect("loopback is up")
    };
    let groups = [CLEAN, RTP[0], RTP[1], UDP[0], UDP[1]];
    let mut senders = BTreeMap::from(groups.map(|group| (group, sender(group))));
    let begin = board.clock.monotonic();
    for ((at_us, _), (group, datagram)) in schedule {
        board
            .clock
            .sleep_until(begin + Duration::from_micros(at_us));
        let sender = senders.get_mut(group).expect("all are there");
        sender.send(&datagram).expect("loopback takes the datagram");
    }
}

fn rendition(daemon: &Daemon, channel: &str) -> Value {
    let told = http::get(&daemon.management(&format!("/api/v1/channels/{channel}")));
    told.expect("the channel is there").json()["renditions"][0].clone()
}

fn count(told: &Value, path: &str) -> u64 {
    told.pointer(path).and_then(Value::as_u64).expect(path)
}

/// The segments of a channel, but for the first: it begins when it was joined.
fn segments(daemon: &Daemon, channel: &str) -> Vec<Vec<u8>> {
    let path = format!("/live/{channel}/{channel}_r.m3u8");
    let list = until(
        format!("segments of {channel}"),
        Duration::from_mins(1),
        || {
            let answer = http::get(&daemon.data(&path)).ok()?;
            let list = Version::read(&answer.text()).expect("a sound list");
            (list.entries.len() > SEGMENTS_MIN).then_some(list)
        },
    );
    let fetch = |uri: &str| {
        let answer = http::get(&daemon.data(&format!("/live/{channel}/{uri}")));
        answer.expect("a listed segment is there").body
    };
    let entries = list.entries.iter().map(|entry| entry.uri.as_str());
    entries.skip(1).map(fetch).collect()
}

/// How many segments of `merged` are those of a clean reception, one after another. Numbers are not
/// held against each other: what is merged is dated later, which may be by the middle of a cell.
fn alike(clean: &[Vec<u8>], merged: &[Vec<u8>]) -> usize {
    let begins = |clean: &[Vec<u8>]| {
        let pairs = clean.iter().zip(merged);
        pairs.take_while(|(clean, merged)| clean == merged).count()
    };
    let later = (0..clean.len()).map(|first| begins(&clean[first..]));
    later.max().unwrap_or(0)
}

#[test]
fn merged_legs_are_served_like_a_clean_reception() {
    in_own_network(
        concat!(
            module_path!(),
            "::merged_legs_are_served_like_a_clean_reception"
        ),
        merge,
    );
}

fn merge() {
    let folder = TempDir::new().expect("a temporary folder");
    let file = folder.path().join("film.ts");
    film(&file);
    let sent = std::fs::read(&file).expect("ffmpeg made it");
    let lost = losses(sent.len().div_ceil(DATAGRAM_BYTES));
    let channel = |id: &str, sources: &[String]| {
        let sources = sources.join(", ");
        format!(
            "[[channel]]\nid = \"{id}\"\n[[channel.rendition]]\nname = \"r\"\nmerge = 2\n\
             sources = [{sources}]\ninterface = \"lo\"\n"
        )
    };
    let urls = |scheme: &str, groups: &[&str]| {
        let urls = groups.iter().map(|group| format!("\"{scheme}://{group}\""));
        urls.collect::<Vec<_>>()
    };
    let daemon = Daemon::start(&format!(
        "[segment]\ntarget = \"1s\"\nwindow = 20\n{}{}{}",
        channel("clean", &urls("rtp", &[CLEAN])),
        channel("rtp", &urls("rtp", &RTP)),
        channel("udp", &urls("udp", &UDP)),
    ));
    send(schedule(&sent, &lost));

    let clean = segments(&daemon, "clean");
    for id in ["rtp", "udp"] {
        let merged = segments(&daemon, id);
        let told = rendition(&daemon, id);
        let bytes = [&clean, &merged].map(|all| all.iter().map(Vec::len).collect::<Vec<_>>());
        let alike = alike(&clean, &merged);
        assert!(alike >= SEGMENTS_MIN, "{id}: {alike} of {bytes:?}: {told}");
        assert_eq!(count(&told, "/demux/continuity_count_error"), 0, "{told}");
        assert_eq!(count(&told, "/merge/overflows"), 0, "{told}");
        assert!(count(&told, "/merge/filled") > 0, "{told}");
        let is_rtp = id == "rtp";
        if is_rtp {
            assert_eq!(count(&told, "/merge/lost"), 0, "{told}");
        }
        for (leg, lost) in lost.iter().enumerate() {
            let key = if is_rtp { "rtp_lost" } else { "merge_lost" };
            let counted = count(&told, &format!("/sources/{leg}/{key}"));
            let drawn = lost.iter().filter(|lost| **lost).count() as u64;
            // The first ones nobody knows of, and the last ones might still come.
            let sure = lost.iter().rev().skip(1_000).rev().skip(1_000);
            let sure = sure.filter(|lost| **lost).count() as u64;
            assert!(
                (sure..=drawn).contains(&counted),
                "{id} {leg}: {counted} of {drawn}"
            );
            assert_eq!(told["sources"][leg]["role"], "active");
        }
        let reordered = count(&told, "/sources/0/rtp_reordered");
        assert_eq!(reordered > 0, is_rtp, "{told}");
    }
}
