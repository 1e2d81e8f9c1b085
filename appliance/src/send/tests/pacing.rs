//! When datagrams leave, and what is in each.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use weir_hal::{Clock, Monotonic, sim};

use super::{
    Bytes, CLIPS, FOR_EVER, ONCE, Recorder, built_in, moved_clip, numbered_packet, packets,
    pes_packet, play_one,
};
use crate::{
    config::Transport,
    demux::{PACKET_BYTES, Packet, Pts},
    receive::RtpHeader,
    send::{Content, Error, Options, PaceSearch, Playout, Restamp},
};

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
