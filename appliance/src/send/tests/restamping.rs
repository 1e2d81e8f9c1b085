//! How time stamps move from one pass to the next.

use super::{
    Bytes, CLIP_SECONDS, CLIPS, VIDEO, continuation, numbered_packet, pes_packet, run_pass,
};
use crate::{
    demux::{PACKET_BYTES, Packet, Pcr, Pts},
    send::{
        Restamp,
        stamp::{PES_HEAD_BYTES, shift_clock_references},
    },
};

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

const FRAME_90K: u64 = 3_600;

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
