//! Claims about what leaves a playout, on a simulated clock.

use std::{
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use proptest::prelude::*;
use weir_hal::{Access, Clock, Disk, Monotonic, MulticastSender, sim};

use crate::{
    config::Transport,
    demux::{Demux, Event, PACKET_BYTES, Packet, Pcr, Pid, Pts, Selection},
    measure::{Analyzer, Priority},
    receive::RtpHeader,
    send::{
        Content, Error, Options, PaceSearch, Playout, Restamp, Statistics,
        stamp::{PES_HEAD_BYTES, PesHead, shift_clock_references},
    },
};

const CLIPS: [&[u8]; 3] = [
    include_bytes!("../demo/clip/360p.ts"),
    include_bytes!("../demo/clip/240p.ts"),
    include_bytes!("../demo/clip/144p.ts"),
];
const CLIP_SECONDS: u64 = 4;
const FRAME_90K: u64 = 3_600;
const VIDEO: Pid = Pid::from_bits(0x100);
const AUDIO: Pid = Pid::from_bits(0x101);

const ONCE: Options = Options {
    transport: Transport::Udp,
    is_looping: false,
    seed: 7,
};
const FOR_EVER: Options = Options {
    is_looping: true,
    ..ONCE
};

type Bytes = [u8; PACKET_BYTES];
type Sent = Vec<(Duration, Vec<u8>)>;

/// Keeps what is sent, with the simulated time of it.
#[derive(Debug, Clone)]
struct Recorder {
    clock: Arc<sim::Clock>,
    sent: Arc<Mutex<Sent>>,
}

impl MulticastSender for Recorder {
    fn send(&mut self, datagram: &[u8]) -> Result<(), weir_hal::Error> {
        let at = self.clock.monotonic().since(Monotonic::ZERO);
        self.sent.lock().unwrap().push((at, datagram.to_vec()));
        Ok(())
    }
}

/// Plays `contents` in lockstep for `span` of simulated time.
fn play(contents: &[Content], options: Options, span: Duration) -> (Vec<Sent>, Statistics) {
    let clock = Arc::new(sim::Clock::jumping());
    let recorders: Vec<_> = contents
        .iter()
        .map(|_| Recorder {
            clock: Arc::clone(&clock),
            sent: Arc::default(),
        })
        .collect();
    let mut playout = Playout::default();
    for (content, recorder) in contents.iter().zip(&recorders) {
        playout
            .add(content.clone(), recorder.clone(), options)
            .unwrap();
    }
    let is_over = || clock.monotonic() >= Monotonic::ZERO + span;
    let statistics = playout.run(&*clock, is_over, |_| {}).unwrap();
    let sent = recorders
        .iter()
        .map(|recorder| recorder.sent.lock().unwrap().clone())
        .collect();
    (sent, statistics)
}

fn play_one(content: Content, options: Options, span: Duration) -> Sent {
    play(&[content], options, span).0.remove(0)
}

fn built_in(bytes: Vec<u8>) -> Content {
    Content::built_in("a test stream", bytes.leak())
}

fn packets(sent: &Sent) -> impl Iterator<Item = (Duration, Packet<'_>)> {
    sent.iter().flat_map(|(at, datagram)| {
        let packets = datagram.as_chunks::<PACKET_BYTES>().0.iter();
        packets.map(|packet| (*at, Packet::new(packet).unwrap()))
    })
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

/// The clip with all its stamps moved, so that it begins elsewhere on the 33-bit timeline.
fn moved_clip(shift_90k: u64) -> Vec<u8> {
    let mut clip = CLIPS[2].to_vec();
    for packet in clip.as_chunks_mut::<PACKET_BYTES>().0 {
        shift_clock_references(packet, shift_90k);
        let view = Packet::new(packet).unwrap();
        let start = view.payload().map(|payload| PACKET_BYTES - payload.len());
        if let (Some(start), true) = (start, view.payload_unit_start()) {
            let head = &mut packet[start..];
            PesHead::judge(head).shift(head, shift_90k);
        }
    }
    clip
}

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
fn a_packet_is_due_when_its_pcr_says_across_seams_and_wrap() {
    let before_wrap = Pts::MODULUS - 900_000 - 90_000 * 10;
    let mut search = PaceSearch::default();
    let clip = moved_clip(before_wrap);
    let clip = clip.as_chunks::<PACKET_BYTES>().0;
    let mut pace = clip
        .iter()
        .find_map(|packet| search.push(Packet::new(packet).unwrap()))
        .unwrap();
    let mut restamp = Restamp::new();
    let (mut in_interval, mut first) = (0, None);
    let mut check = |packet: &Bytes| {
        let packet = Packet::new(packet).unwrap();
        if let Some(pcr) = pace.reference_pcr(packet) {
            let interval = pace.until_pcr(in_interval, pcr, false);
            let due = interval.due(in_interval).since_start();
            let (start, start_due) = *first.get_or_insert((pcr, due));
            let elapsed = u64::try_from(pcr.ticks_since(start)).unwrap() * 1_000 / 27;
            let error = due.abs_diff(start_due + Duration::from_nanos(elapsed));
            assert!(error <= Duration::from_nanos(1), "{error:?}");
            in_interval = 0;
        }
        in_interval += 1;
    };
    for _ in 0..50 {
        for packet in clip {
            restamp.push(*packet, &mut check);
        }
        restamp.next_pass(&mut check);
    }
}

#[test]
fn datagrams_are_sent_evenly_between_two_pcrs() {
    let mut file = Vec::new();
    for index in 0..100 {
        file.extend(numbered_packet(
            index,
            (index % 50 == 0).then(|| u64::from(index) * 9),
        ));
    }
    let sent = play_one(built_in(file), ONCE, Duration::MAX);
    let due: Vec<_> = sent.iter().map(|(at, _)| at.as_micros()).collect();
    // 9 ticks of 90 kHz are 100 µs, seven packets 700 µs.
    let expected: Vec<_> = (0..15).map(|datagram| datagram * 700).collect();
    assert_eq!(due, expected);
    let (last, full) = sent.split_last().unwrap();
    assert!(
        full.iter()
            .all(|(_, datagram)| datagram.len() == 7 * PACKET_BYTES)
    );
    assert_eq!(last.1.len(), 2 * PACKET_BYTES);
}

#[test]
fn no_packet_of_a_slow_stream_leaves_40_ms_early() {
    let mut file = Vec::new();
    for index in 0..100 {
        // A packet every 15 ms.
        file.extend(numbered_packet(index, Some(u64::from(index) * 1_350)));
    }
    let sent = play_one(built_in(file), ONCE, Duration::MAX);
    for (number, (at, packet)) in packets(&sent).enumerate() {
        let due = Duration::from_millis(15) * u32::try_from(number).unwrap();
        assert!(due <= at + Duration::from_millis(40));
        assert_eq!(usize::from(packet.bytes()[187]), number);
    }
    assert!(
        sent[..30]
            .iter()
            .all(|(_, datagram)| datagram.len() == 3 * PACKET_BYTES)
    );
}

#[test]
fn a_jump_of_the_pcr_is_passed_over_at_the_average_rate() {
    let mut file = Vec::new();
    for index in 0..140 {
        let jump = if index >= 70 { 90_000 * 3_600 } else { 0 };
        file.extend(numbered_packet(
            index,
            (index % 14 == 0).then(|| u64::from(index) * 9 + jump),
        ));
    }
    let sent = play_one(built_in(file.clone()), ONCE, Duration::MAX);
    let due: Vec<_> = sent.iter().map(|(at, _)| at.as_micros()).collect();
    let expected: Vec<_> = (0..20).map(|datagram| datagram * 700).collect();
    assert_eq!(due, expected);
    let bytes: Vec<u8> = sent
        .into_iter()
        .flat_map(|(_, datagram)| datagram)
        .collect();
    assert!(bytes == file, "the jump itself is sent as it is");
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

#[test]
fn rtp_numbers_and_times_its_datagrams() {
    let options = Options {
        transport: Transport::Rtp,
        ..FOR_EVER
    };
    let content = Content::built_in("clip", CLIPS[0]);
    let sent = play_one(content, options, Duration::from_secs(9));
    let headers: Vec<_> = sent
        .iter()
        .map(|(at, datagram)| (*at, RtpHeader::parse(datagram).unwrap()))
        .collect();
    let (_, first) = headers[0];
    for (index, (at, header)) in headers.iter().enumerate() {
        assert_eq!(
            usize::from(header.sequence.wrapping_sub(first.sequence)),
            index
        );
        assert_eq!(header.ssrc, first.ssrc);
        assert_eq!(header.payload.len() % PACKET_BYTES, 0);
        let ticks = u128::from(header.timestamp.wrapping_sub(first.timestamp));
        assert!((at.as_nanos() * 9 / 100_000).abs_diff(ticks) <= 1);
    }
    let other = Options { seed: 8, ..options };
    let content = Content::built_in("clip", CLIPS[0]);
    let sent = play_one(content, other, Duration::from_millis(1));
    let header = RtpHeader::parse(&sent[0].1).unwrap();
    assert_ne!(header.ssrc, first.ssrc);
}

#[test]
fn a_pes_header_split_over_packets_is_restamped() {
    let whole = pes_header(Pts::from_ticks(7_200), Pts::from_ticks(3_600));
    for split in 1..PES_HEAD_BYTES {
        let file = [
            pes_packet(0, &whole),
            pes_packet(
                1,
                &pes_header(Pts::from_ticks(10_800), Pts::from_ticks(7_200))[..split],
            ),
            numbered_packet(5, None),
            continuation(
                2,
                &pes_header(Pts::from_ticks(10_800), Pts::from_ticks(7_200))[split..],
            ),
            numbered_packet(6, None),
        ];
        let mut restamp = Restamp::new();
        let passes = [run_pass(&mut restamp, &file), run_pass(&mut restamp, &file)];
        assert!(passes[0] == file, "the first pass leaves as it came");
        assert_eq!(restamp.heads_unread(), 0);
        assert_eq!(restamp.length_90k(), Some(7_200));
        let mut head: Vec<u8> = Vec::new();
        for packet in [&passes[1][1], &passes[1][3]] {
            head.extend(Packet::new(packet).unwrap().payload().unwrap());
        }
        let expected = pes_header(Pts::from_ticks(18_000), Pts::from_ticks(14_400));
        assert_eq!(head[..PES_HEAD_BYTES], expected, "split at {split}");
        let header = |packet: &Bytes| (packet[2], packet[4]);
        assert!(passes[1].iter().map(header).eq(file.iter().map(header)));
    }
}

#[test]
fn passes_are_set_apart_by_whole_frames_where_the_pcr_would_step_back() {
    // Frames of 40 ms; the PCR is 20 ms behind the first DTS but 200 ms ahead of the last one.
    let file = [
        numbered_packet(0, Some(900_000)),
        pes_packet(
            0,
            &pes_header(Pts::from_ticks(901_800), Pts::from_ticks(901_800)),
        ),
        pes_packet(
            1,
            &pes_header(Pts::from_ticks(905_400), Pts::from_ticks(905_400)),
        ),
        numbered_packet(1, Some(923_400)),
    ];
    let mut restamp = Restamp::new();
    run_pass(&mut restamp, &file);
    // Two frames would make the PCR step back by 180 ms. Packets are 87 ms apart, and may be
    // 22 ms at the seam: six more frames are needed.
    assert_eq!(restamp.length_90k(), Some((2 + 6) * FRAME_90K));
    let second = run_pass(&mut restamp, &file);
    let pcr = Packet::new(&second[0])
        .unwrap()
        .adaptation_field()
        .unwrap()
        .pcr()
        .unwrap();
    let last = Pcr::from_ticks(923_400 * 300);
    assert_eq!(pcr.ticks_since(last), 5_400 * 300);
}

#[test]
fn a_jump_within_the_file_does_not_set_passes_apart() {
    let mut clip = CLIPS[2].to_vec();
    let (_, second_half) = clip.as_chunks_mut::<PACKET_BYTES>().0.split_at_mut(220);
    for packet in second_half {
        shift_clock_references(packet, 3_600 * Pts::HZ);
    }
    let mut restamp = Restamp::new();
    run_pass(&mut restamp, clip.as_chunks::<PACKET_BYTES>().0);
    assert_eq!(restamp.length_90k(), Some(CLIP_SECONDS * Pts::HZ));
}

#[test]
fn a_lost_picture_does_not_change_the_frame_duration() {
    let clip = CLIPS[2].as_chunks::<PACKET_BYTES>().0;
    let starts_picture = |packet: &&Bytes| {
        let packet = Packet::new(packet).unwrap();
        packet.pid() == VIDEO && packet.payload_unit_start()
    };
    let lost = clip.iter().filter(starts_picture).nth_back(1).unwrap();
    let rest: Vec<Bytes> = clip
        .iter()
        .filter(|packet| *packet != lost)
        .copied()
        .collect();
    let mut restamp = Restamp::new();
    run_pass(&mut restamp, &rest);
    assert_eq!(restamp.length_90k(), Some(CLIP_SECONDS * Pts::HZ));
}

#[test]
fn a_file_without_pcr_is_refused_in_a_sentence() {
    for bytes in [
        Vec::new(),
        vec![0; 100_000],
        pes_packet(0, &[0; 19]).repeat(50),
    ] {
        let clock = Arc::new(sim::Clock::jumping());
        let sent = Arc::default();
        let mut playout = Playout::default();
        let refusal = playout.add(built_in(bytes), Recorder { clock, sent }, ONCE);
        let Err(Error::Unpaced { name }) = refusal else {
            panic!("{refusal:?}");
        };
        assert_eq!(name, "a test stream");
    }
}

#[test]
fn a_stand_still_moves_the_timeline_instead_of_causing_a_burst() {
    /// Stands still once, in the tenth sleep.
    #[derive(Debug)]
    struct Sleepy(sim::Clock, Mutex<u32>);
    impl Clock for Sleepy {
        fn monotonic(&self) -> Monotonic {
            self.0.monotonic()
        }
        fn wall(&self) -> weir_hal::Wall {
            self.0.wall()
        }
        fn sleep_until(&self, deadline: Monotonic) {
            let mut sleeps = self.1.lock().unwrap();
            *sleeps += 1;
            self.0.sleep_until(deadline);
            if *sleeps == 10 {
                self.0.advance(Duration::from_mins(1));
            }
        }
    }
    let clock = Sleepy(sim::Clock::jumping(), Mutex::new(0));
    let recorder = Recorder {
        clock: Arc::new(sim::Clock::jumping()),
        sent: Arc::default(),
    };
    let mut playout = Playout::default();
    playout
        .add(Content::built_in("clip", CLIPS[0]), recorder, ONCE)
        .unwrap();
    let statistics = playout.run(&clock, || false, |_| {}).unwrap();
    assert_eq!(statistics.standstills, 1);
    assert_eq!(statistics.late_datagrams, 1);
    let span = clock.monotonic().since(Monotonic::ZERO);
    assert!(
        span > Duration::from_secs(63) && span < Duration::from_secs(65),
        "{span:?}"
    );
}

proptest! {
    #[test]
    fn restamp_gives_back_as_many_packets_as_it_takes_in_any_bytes(
        seed in any::<u64>(), count in 1_usize..200,
    ) {
        let packets = hostile_packets(seed, count);
        let mut restamp = Restamp::new();
        for pass in 0..3 {
            let out = run_pass(&mut restamp, &packets);
            prop_assert_eq!(out.len(), packets.len());
            prop_assert!(pass > 0 || out == packets);
        }
    }

    #[test]
    fn due_times_never_step_back_in_any_bytes(seed in any::<u64>(), count in 1_usize..200) {
        let disk = sim::Disk::new(seed);
        let path = Path::new("/hostile.ts");
        let file = disk.open(path, Access::Create).unwrap();
        file.write_at(&hostile_packets(seed, count).concat(), 0).unwrap();
        let content = Content::open(&disk, path).unwrap();
        if content.pace().is_ok() {
            let sent = play_one(content, FOR_EVER, Duration::from_millis(200));
            prop_assert!(!sent.is_empty());
            prop_assert!(sent.is_sorted_by_key(|(at, _)| *at));
        }
    }
}

/// Noise on few PIDs, in which the fields that matter are often present.
fn hostile_packets(seed: u64, count: usize) -> Vec<Bytes> {
    let mut generator = sim::Generator::new(seed);
    let mut packets = vec![[0; PACKET_BYTES]; count];
    for packet in &mut packets {
        for bytes in packet.as_chunks_mut::<4>().0 {
            *bytes = u32::try_from(generator.draw() >> 32).unwrap().to_be_bytes();
        }
        let [pid, adaptation_bytes] =
            [4, 184].map(|bound| u8::try_from(generator.below(bound)).unwrap());
        packet[0] = 0x47;
        packet[1] &= 0x40;
        packet[2] = pid;
        packet[3] &= 0x3F;
        packet[4] = adaptation_bytes;
        let start = 5 + usize::from(adaptation_bytes);
        if let (true, Some(prefix)) = (pid > 1, packet.get_mut(start..start + 3)) {
            prefix.copy_from_slice(&[0, 0, 1]);
        }
    }
    packets
}

fn run_pass(restamp: &mut Restamp, packets: &[Bytes]) -> Vec<Bytes> {
    let mut out = Vec::new();
    for packet in packets {
        restamp.push(*packet, |packet| out.push(*packet));
    }
    restamp.next_pass(|packet| out.push(*packet));
    out
}

/// A packet of adaptation field alone on PID 0x20, with its number in the last byte.
fn numbered_packet(number: u8, pcr_90k: Option<u64>) -> Bytes {
    let mut packet = [0xFF; PACKET_BYTES];
    packet[..6].copy_from_slice(&[0x47, 0x00, 0x20, 0x20, 183, 0x00]);
    if let Some(pcr_90k) = pcr_90k {
        packet[5] = 0x10;
        packet[6..12].copy_from_slice(&(pcr_90k << 15).to_be_bytes()[2..]);
    }
    packet[187] = number;
    packet
}

fn pes_header(pts: Pts, dts: Pts) -> [u8; PES_HEAD_BYTES] {
    let mut head = [0; PES_HEAD_BYTES];
    head[..9].copy_from_slice(&[0, 0, 1, 0xE0, 0, 0, 0x80, 0xC0, 10]);
    for (offset, prefix, stamp) in [(9, 0x31, pts), (14, 0x11, dts)] {
        head[offset..offset + 5].copy_from_slice(&[prefix, 0, 1, 0, 1]);
        let ticks = stamp.ticks().to_be_bytes();
        // Below 2^22, where only the last 22 bits are set.
        head[offset + 2] |= u8::try_from(stamp.ticks() >> 15 & 0x7F).unwrap() << 1;
        head[offset + 3] = u8::try_from(stamp.ticks() >> 7 & 0xFF).unwrap();
        head[offset + 4] |= ticks[7] << 1;
    }
    head
}

/// A packet of the video PID that starts a unit and ends with `payload`.
fn pes_packet(counter: u8, payload: &[u8]) -> Bytes {
    let mut packet = continuation(counter, payload);
    packet[1] |= 0x40;
    packet
}

/// A packet of the video PID that ends with `payload`, behind stuffing.
fn continuation(counter: u8, payload: &[u8]) -> Bytes {
    let mut packet = [0xFF; PACKET_BYTES];
    let start = PACKET_BYTES - payload.len();
    let adaptation_bytes = u8::try_from(start - 5).unwrap();
    packet[..6].copy_from_slice(&[0x47, 0x01, 0x00, 0x30 | counter, adaptation_bytes, 0]);
    packet[start..].copy_from_slice(payload);
    packet
}
