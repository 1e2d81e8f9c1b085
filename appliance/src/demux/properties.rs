//! What holds for every stream, sound or not, and what an independent implementation reads.

use mpeg2ts::es::{StreamId, StreamType};
use mpeg2ts::pes::PesHeader;
use mpeg2ts::time::Timestamp;
use mpeg2ts::ts::payload::{Bytes, Pat, Pes, Pmt};
use mpeg2ts::ts::{
    ContinuityCounter, EsInfo, ProgramAssociation, ReadTsPacket, TransportScramblingControl,
    TsHeader, TsPacket, TsPacketReader, TsPacketWriter, TsPayload, VersionNumber, WriteTsPacket,
};
use proptest::prelude::*;

use crate::demux::fixtures::{
    DISCONTINUITY, Mux, Told, adts, h264_idr, h264_p, pat, pes, pmt, programs, section, told, units,
};
use crate::demux::{
    AdaptationField, Counters, Demux, Event, PACKET_BYTES, Packet, PacketSync, Pid, Pts, Selection,
    crc_32,
};

const PMT: u16 = 0x1000;
const VIDEO: u16 = 0x100;
const AUDIO: u16 = 0x101;
const RADIO: u16 = 0x102;
const SPLICE: u16 = 0x103;

/// A `time_signal` that says nothing more.
const SPLICE_NOW: [u8; 21] = [
    0xFC, 0x30, 18, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xF0, 1, 6, 0x7F, 0, 0, 0x31, 0xC8, 0x53, 0xBC,
];

/// Two programs, with everything that a stream may do of its own accord.
fn sound_stream() -> Mux {
    let mut mux = Mux::new();
    for round in 0..6_u8 {
        let version = round / 3;
        mux.section(0, &pat(version, &[(1, PMT), (2, PMT + u16::from(version))]));
        let streams: [(u8, u16, &[u8]); 2] = [(0x1B, VIDEO, &[]), (0x0F, AUDIO, &[])];
        mux.section(
            PMT,
            &pmt(1, version, VIDEO, &streams[..2 - usize::from(version)]),
        );
        mux.section(
            PMT + u16::from(version),
            &pmt(2, 0, RADIO, &[(0x0F, RADIO, &[])]),
        );
        let pts = u64::from(round) * 3_600;
        mux.payload(
            VIDEO,
            DISCONTINUITY * (round % 2),
            &pes(0xE0, pts, &h264_idr()),
        )
        .repeat();
        mux.payload(AUDIO, 0, &pes(0xC0, pts, &adts()));
        mux.payload(VIDEO, 0, &pes(0xE0, pts + 1_800, &h264_p()));
        mux.payload(RADIO, 0, &pes(0xC0, pts, &adts()));
    }
    mux
}

/// A program with splice information, which the independent reader takes for PES.
fn spliced_stream() -> Mux {
    let mut mux = Mux::new();
    for round in 0..6_u8 {
        let streams: [(u8, u16, &[u8]); 2] = [(0x1B, VIDEO, &[]), (0x86, SPLICE, &[])];
        mux.section(0, &pat(0, &[(1, PMT)]));
        mux.section(PMT, &pmt(1, round / 3, VIDEO, &streams));
        mux.payload(VIDEO, 0, &pes(0xE0, u64::from(round) * 3_600, &h264_idr()));
        mux.section(SPLICE, &SPLICE_NOW).repeat();
    }
    mux
}

/// One way a stream goes wrong on its way.
#[derive(Debug, Clone)]
enum Damage {
    Flip { at: usize, mask: u8 },
    Drop { packet: usize },
    Repeat { packet: usize },
    Swap { packet: usize, with: usize },
    Cut { at: usize, bytes: usize },
}

fn damage() -> impl Strategy<Value = Damage> {
    prop_oneof![
        4 => (any::<usize>(), any::<u8>()).prop_map(|(at, mask)| Damage::Flip { at, mask }),
        // The headers, where most of the meaning is.
        4 => (any::<usize>(), 0..20_usize, any::<u8>()).prop_map(|(packet, offset, mask)| {
            let at = packet % 512 * PACKET_BYTES + offset;
            Damage::Flip { at, mask }
        }),
        1 => any::<usize>().prop_map(|packet| Damage::Drop { packet }),
        1 => any::<usize>().prop_map(|packet| Damage::Repeat { packet }),
        1 => any::<(usize, usize)>().prop_map(|(packet, with)| Damage::Swap { packet, with }),
        1 => (any::<usize>(), 0..400_usize).prop_map(|(at, bytes)| Damage::Cut { at, bytes }),
    ]
}

fn damaged(mut packets: Vec<[u8; PACKET_BYTES]>, damages: &[Damage]) -> Vec<u8> {
    let count = packets.len();
    for damage in damages {
        match *damage {
            Damage::Drop { packet } => drop(packets.remove(packet % packets.len())),
            Damage::Repeat { packet } => {
                let at = packet % packets.len();
                packets.insert(at, packets[at]);
            }
            Damage::Swap { packet, with } => {
                packets.swap(packet % count / 2, with % count / 2);
            }
            Damage::Flip { .. } | Damage::Cut { .. } => {}
        }
    }
    let mut bytes = packets.concat();
    for damage in damages {
        match *damage {
            Damage::Flip { at, mask } => {
                let at = at % bytes.len();
                bytes[at] ^= mask;
            }
            Damage::Cut { at, bytes: length } => {
                let at = at % bytes.len();
                bytes.drain(at..(at + length).min(bytes.len() - 1).max(at));
            }
            Damage::Drop { .. } | Damage::Repeat { .. } | Damage::Swap { .. } => {}
        }
    }
    bytes
}

/// Synchronises and demultiplexes `pieces` to the end.
fn run<'a>(
    selection: Selection,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> (Vec<Told>, Counters) {
    let (mut sync, mut found) = (PacketSync::new(), Counters::default());
    let (mut demux, mut told) = (Demux::new(selection), Vec::new());
    for piece in pieces {
        sync.push(piece, &mut found, |packet| {
            demux.push(packet, |it| told.push(it.into()));
        });
    }
    sync.finish(&mut found, |packet| {
        demux.push(packet, |it| told.push(it.into()));
    });
    demux.finish(|event| told.push(event.into()));
    (told, *demux.counters())
}

/// Checks the order that [`Event`] promises.
fn check_contract(told: &[Told]) {
    let (mut has_program, mut is_open) = (false, false);
    for event in told {
        match event {
            Told::Program(_) => has_program = true,
            Told::Packet { pid, starts_unit } => {
                assert!(has_program, "a packet of no program");
                assert!(
                    ![0, 0x1FFF].contains(pid),
                    "PSI or null packets do not pass"
                );
                assert!(
                    !(is_open && *starts_unit),
                    "a unit was not told of before the next"
                );
                is_open |= starts_unit;
            }
            Told::AccessUnit(_) => {
                assert!(is_open, "a unit that never began");
                is_open = false;
            }
            Told::Parameters(_, parameters) => assert!(!parameters.codec.is_empty()),
            Told::Splice(_, section) => assert_eq!(crc_32(section), 0),
        }
    }
    assert!(!is_open, "the last unit was not told of");
}

proptest! {
    #[test]
    fn keeps_its_promises_on_damaged_streams(
        damages in prop::collection::vec(damage(), 0..30),
        asked: bool,
    ) {
        let packets = [sound_stream().packets, spliced_stream().packets].concat();
        let bytes = damaged(packets, &damages);
        let selection = if asked { Selection::Program(1) } else { Selection::First };
        check_contract(&run(selection, [bytes.as_slice()]).0);
    }

    #[test]
    fn any_split_into_pushes_tells_the_same(
        damages in prop::collection::vec(damage(), 0..10),
        length in 1..2_000_usize,
    ) {
        let bytes = damaged(sound_stream().packets, &damages);
        let whole = run(Selection::First, [bytes.as_slice()]);
        prop_assert_eq!(run(Selection::First, bytes.chunks(length)), whole);
    }

    #[test]
    fn never_panics_on_any_packets(payloads: Vec<[u8; 32]>) {
        let mut packets = sound_stream().packets;
        packets.truncate(6);
        for (payload, at) in payloads.iter().zip(0_u8..) {
            let mut packet = [at; PACKET_BYTES];
            packet[..32].copy_from_slice(payload);
            packet[0] = 0x47;
            if at % 2 == 0 {
                packet[1] = 0x41;
                packet[2] &= 3;
            }
            packets.push(packet);
        }
        let mut demux = Demux::new(Selection::First);
        let mut learner = Demux::new(Selection::First);
        for packet in packets.iter().filter_map(Packet::new) {
            learner.learn(packet);
        }
        told(&mut learner, &packets);
        told(&mut demux, &packets);
    }

    #[test]
    fn never_panics_on_any_tables(
        bodies in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..900), 1..8),
        are_pats: [bool; 8],
    ) {
        let mut mux = sound_stream();
        for (body, is_pat) in bodies.iter().zip(are_pats) {
            let (pid, table_id) = if is_pat { (0, 0) } else { (PMT, 2) };
            mux.section(pid, &section(table_id, 1, 9, body));
            mux.payload(VIDEO, 0, &pes(0xE0, 0, &h264_idr()));
        }
        for selection in [Selection::First, Selection::Program(1)] {
            check_contract(&run(selection, [mux.bytes().as_slice()]).0);
        }
    }
}

#[test]
fn passes_the_program_unchanged_and_in_order() {
    let mut mux = Mux::new();
    mux.section(0, &pat(0, &[(1, PMT)]));
    mux.section(
        PMT,
        &pmt(1, 0, VIDEO, &[(0x1B, VIDEO, &[]), (0x0F, AUDIO, &[])]),
    );
    for pts in 0..20 {
        mux.payload(VIDEO, 0, &pes(0xE0, pts, &h264_idr())).repeat();
        mux.payload(AUDIO, 0, &pes(0xC0, pts, &adts()))
            .spoil(|packet| packet[1] |= 0x80);
        mux.payload(RADIO, 0, &pes(0xC0, pts, &adts()));
        mux.packet(0x1FFF, false, 0, &[0; 184]);
        mux.section(
            PMT,
            &pmt(1, 0, VIDEO, &[(0x1B, VIDEO, &[]), (0x0F, AUDIO, &[])]),
        );
    }
    let (mut demux, mut passed) = (Demux::new(Selection::First), Vec::new());
    for packet in mux.packets.iter().filter_map(Packet::new) {
        demux.push(packet, |event| {
            if let Event::Packet(it) = event {
                passed.push(*it.packet.bytes());
            }
        });
    }
    mux.packets.retain(|bytes| {
        let pid = u16::from_be_bytes([bytes[1], bytes[2]]) & 0x1FFF;
        pid == VIDEO || pid == AUDIO
    });
    assert_eq!(passed, mux.packets);
}

#[test]
fn agrees_with_an_independent_reader() {
    let mux = sound_stream();
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    let bytes = mux.bytes();
    let mut reader = TsPacketReader::new(bytes.as_slice());
    for bytes in &mux.packets {
        let packet = Packet::new(bytes).expect("the sync byte is right");
        let read = reader
            .read_ts_packet()
            .expect("a sound stream")
            .expect("as many packets");
        let adaptation = packet.adaptation_field();
        ours.push((
            packet.pid().value(),
            packet.continuity_counter(),
            packet.payload().is_some(),
            adaptation.is_some_and(AdaptationField::discontinuity),
        ));
        theirs.push((
            read.header.pid.as_u16(),
            read.header.continuity_counter.as_u8(),
            read.payload.is_some(),
            read.adaptation_field
                .is_some_and(|field| field.discontinuity_indicator),
        ));
    }
    assert_eq!(ours, theirs);
}

fn their_packet(pid: u16, counter: u8, payload: TsPayload) -> TsPacket {
    TsPacket {
        header: TsHeader {
            transport_error_indicator: false,
            transport_priority: false,
            pid: their_pid(pid),
            transport_scrambling_control: TransportScramblingControl::NotScrambled,
            continuity_counter: ContinuityCounter::from_u8(counter).expect("below 16"),
        },
        adaptation_field: None,
        payload: Some(payload),
    }
}

fn their_pid(pid: u16) -> mpeg2ts::ts::Pid {
    mpeg2ts::ts::Pid::new(pid).expect("13 bits")
}

fn their_pes(pts: u64) -> TsPayload {
    let stamp = |ticks| Some(Timestamp::new(ticks).expect("33 bits"));
    TsPayload::PesStart(Pes {
        header: PesHeader {
            stream_id: StreamId::new_video(0xE0).expect("a video stream_id"),
            priority: false,
            data_alignment_indicator: true,
            copyright: false,
            original_or_copy: false,
            pts: stamp(pts),
            dts: stamp(pts - 3_600),
            escr: None,
        },
        pes_packet_len: 0,
        data: Bytes::new(&h264_idr()[..60]).expect("fits a packet"),
    })
}

#[test]
fn reads_what_an_independent_writer_wrote() {
    const LATE: u64 = (1 << 33) - 1;
    let mut writer = TsPacketWriter::new(Vec::new());
    let table = vec![ProgramAssociation {
        program_num: 5,
        program_map_pid: their_pid(PMT),
    }];
    let pat = TsPayload::Pat(Pat {
        transport_stream_id: 9,
        version_number: VersionNumber::new(),
        table,
    });
    let pmt = TsPayload::Pmt(Pmt {
        program_num: 5,
        pcr_pid: Some(their_pid(VIDEO)),
        version_number: VersionNumber::new(),
        program_info: Vec::new(),
        es_info: vec![EsInfo {
            stream_type: StreamType::H264,
            elementary_pid: their_pid(VIDEO),
            descriptors: Vec::new(),
        }],
    });
    for packet in [
        their_packet(0, 0, pat),
        their_packet(PMT, 0, pmt),
        their_packet(VIDEO, 0, their_pes(LATE)),
    ] {
        writer
            .write_ts_packet(&packet)
            .expect("memory takes every packet");
    }
    let (told, _) = run(Selection::First, [writer.stream().as_slice()]);
    let program = programs(&told)[0];
    assert_eq!((program.number, program.transport_stream_id), (5, 9));
    assert_eq!(program.pcr_pid.map(Pid::value), Some(VIDEO));
    let unit = units(&told)[0];
    let due = (
        Some(Pts::from_ticks(LATE)),
        Some(Pts::from_ticks(LATE - 3_600)),
        true,
    );
    assert_eq!((unit.pts, unit.dts, unit.random_access), due);
}
