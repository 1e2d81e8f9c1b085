//! Each check of TR 101 290 violated one at a time: the indicator that it must raise, how often,
//! and what else follows of it.
//!
//! All is put into a stream without a fault ([`generator`]) and read as it is live: byte by byte,
//! through synchronisation. What a row does not name must stay at zero.
//!
//! [`generator`]: crate::measure::generator

use std::{ops::Range, time::Duration};

use crate::{
    demux::{Counters, PACKET_BYTES, PacketSync},
    measure::{
        Analyzer,
        Indicator::{self, *},
        generator::{
            AUDIO_PID, PMT_PID, Timed, VIDEO_PID, clean, insert_sections, nth_of, nth_pcr,
            numbered_section, renumber, section, section_packet, set_pcr, without,
        },
    },
};

const NULL_PID: u16 = 0x1FFF;

/// A violation.
struct Row {
    /// Number and circumstance.
    name: &'static str,
    /// How long the stream is.
    millis: u64,
    violate: fn(&mut Vec<Timed>),
    /// All that is raised.
    raises: &'static [(Indicator, u64)],
}

const fn row(
    name: &'static str,
    millis: u64,
    violate: fn(&mut Vec<Timed>),
    raises: &'static [(Indicator, u64)],
) -> Row {
    Row {
        name,
        millis,
        violate,
        raises,
    }
}

const FIRST_PRIORITY: &[Row] = &[
    row("none", 3_000, |_| {}, &[]),
    row(
        "1.1 two sync bytes in a row",
        3_000,
        |stream| wrong_sync(stream, 1_000..1_004),
        &[(TsSyncLoss, 1), (SyncByteError, 2)],
    ),
    row(
        "1.1 masks all that is absent meanwhile",
        20_000,
        |stream| wrong_sync(stream, 1_000..12_000),
        &[(TsSyncLoss, 1), (SyncByteError, 2)],
    ),
    row(
        "1.2 sync byte of a null packet",
        3_000,
        |stream| nth(stream, NULL_PID, 300)[0] = 0x48,
        &[(SyncByteError, 1)],
    ),
    row(
        "1.2 sync byte of a packet that is then missing",
        3_000,
        |stream| nth(stream, AUDIO_PID, 20)[0] = 0x48,
        &[(SyncByteError, 1), (ContinuityCountError, 1)],
    ),
    row(
        "1.3.a PAT absent",
        3_000,
        |stream| absent(stream, 0, 1_050..1_650),
        &[(PatError2, 1)],
    ),
    row(
        "1.3.a PAT never again: once",
        3_000,
        |stream| absent(stream, 0, 1_050..3_000),
        &[(PatError2, 1)],
    ),
    row(
        "1.3.a PAT absent just not too long",
        3_000,
        |stream| absent(stream, 0, 1_050..1_500),
        &[],
    ),
    row(
        "1.3.a another table",
        3_000,
        |stream| insert_sections(stream, 0, &[700], &section(0x42, 1, &[0, 1, 0xFF])),
        &[(PatError2, 1)],
    ),
    row(
        "1.3.a scrambled, and so without a CAT",
        3_000,
        |stream| nth(stream, 0, 3)[3] |= 0x80,
        &[(PatError2, 1), (CatError, 1)],
    ),
    row(
        "1.4 lost",
        3_000,
        |stream| without_nth(stream, AUDIO_PID, 20),
        &[(ContinuityCountError, 1)],
    ),
    row(
        "1.4 twice is allowed",
        3_000,
        |stream| repeat(stream, AUDIO_PID, 1),
        &[],
    ),
    row(
        "1.4 three times",
        3_000,
        |stream| repeat(stream, AUDIO_PID, 2),
        &[(ContinuityCountError, 1)],
    ),
    row(
        "1.4 out of order: at it, before it and behind it",
        3_000,
        |stream| {
            let [one, next] = [20, 21].map(|nth| nth_of(stream, AUDIO_PID, nth));
            (stream[one].bytes, stream[next].bytes) = (stream[next].bytes, stream[one].bytes);
        },
        &[(ContinuityCountError, 3)],
    ),
    row(
        "1.4 not of null packets",
        3_000,
        |stream| nth(stream, NULL_PID, 20)[3] ^= 0x07,
        &[],
    ),
    row(
        "1.4 not behind a discontinuity_indicator",
        3_000,
        |stream| {
            let at = nth_pcr(stream, 30);
            stream[at].bytes[5] |= 0x80;
            for timed in stream[at..].iter_mut().filter(|it| it.pid() == VIDEO_PID) {
                timed.bytes[3] = timed.bytes[3] & 0xF0 | (timed.bytes[3] + 5) & 0x0F;
            }
        },
        &[],
    ),
    row(
        "1.5.a PMT absent",
        3_000,
        |stream| absent(stream, PMT_PID, 1_050..1_650),
        &[(PmtError2, 1)],
    ),
    row(
        "1.5.a PMT never, so that nothing refers to video and audio",
        3_000,
        |stream| absent(stream, PMT_PID, 0..3_000),
        &[(PmtError2, 1), (UnreferencedPid, 2)],
    ),
    row(
        "1.5.a scrambled, and so without a CAT",
        3_000,
        |stream| nth(stream, PMT_PID, 3)[3] |= 0x80,
        &[(PmtError2, 1), (CatError, 1)],
    ),
    row(
        "1.6 audio absent, and its PTS",
        8_000,
        |stream| absent(stream, AUDIO_PID, 1_000..6_200),
        &[(PidError, 1), (PtsError, 1)],
    ),
];

const SECOND_PRIORITY: &[Row] = &[
    row(
        "2.1 marked as damaged, and nothing derived of it",
        3_000,
        |stream| {
            let at = nth_of(stream, NULL_PID, 20);
            stream[at].bytes[..4].copy_from_slice(&[0x47, 0x80 | 0x0A, 0x33, 0xD7]);
        },
        &[(TransportError, 1)],
    ),
    row(
        "2.2 CRC of the PMT",
        3_000,
        |stream| nth(stream, PMT_PID, 5)[15] ^= 1,
        &[(CrcError, 1)],
    ),
    row(
        "2.2 CRC of the SDT",
        3_000,
        |stream| {
            let mut wrong = section(0x42, 1, &[0, 1, 0xFF]);
            wrong[9] ^= 1;
            every(stream, 0x11, 1_000, &section(0x42, 1, &[0, 1, 0xFF]));
            insert_sections(stream, 0x11, &[1_200], &wrong);
        },
        &[(CrcError, 1)],
    ),
    row(
        "2.3.a all comes 70 ms late",
        3_000,
        |stream| {
            let late = Duration::from_millis(70);
            for timed in stream.iter_mut().filter(|it| it.millis() >= 1_001) {
                timed.at += late;
            }
        },
        &[(PcrRepetitionError, 1)],
    ),
    row(
        "2.3.a PCR absent, and so a step of it",
        3_000,
        |stream| {
            *stream = without(std::mem::take(stream), |it| {
                is_pcr(it) && (1_010..1_110).contains(&it.millis())
            });
        },
        &[(PcrRepetitionError, 1), (PcrDiscontinuityIndicatorError, 1)],
    ),
    row(
        "2.3.a PCR never again: once",
        3_000,
        |stream| {
            *stream = without(std::mem::take(stream), |it| {
                is_pcr(it) && it.millis() > 1_000
            });
        },
        &[(PcrRepetitionError, 1)],
    ),
    row(
        "2.3.b a second ahead",
        3_000,
        |stream| shift_pcrs(stream, 30, 27_000_000),
        &[(PcrDiscontinuityIndicatorError, 1)],
    ),
    row(
        "2.3.b not if it is announced",
        3_000,
        |stream| {
            shift_pcrs(stream, 30, 27_000_000);
            let at = nth_pcr(stream, 30);
            stream[at].bytes[5] |= 0x80;
        },
        &[],
    ),
    row(
        "2.4 off by a microsecond",
        6_000,
        |stream| {
            let at = nth_pcr(stream, 80);
            let ticks = stream[at].millis() * 27_000;
            set_pcr(&mut stream[at].bytes, ticks + 27);
        },
        &[(PcrAccuracyError, 1)],
    ),
    row(
        "2.4 off by 481 ns",
        6_000,
        |stream| {
            let at = nth_pcr(stream, 80);
            let ticks = stream[at].millis() * 27_000;
            set_pcr(&mut stream[at].bytes, ticks + 13);
        },
        &[],
    ),
    row(
        "2.5 no PTS for 720 ms",
        3_000,
        |stream| {
            let is_late = |it: &&mut Timed| (1_000..1_720).contains(&it.millis());
            let audio = stream.iter_mut().filter(|it| it.pid() == AUDIO_PID);
            audio.filter(is_late).for_each(|it| it.bytes[1] &= !0x40);
        },
        &[(PtsError, 1)],
    ),
    row(
        "2.6 scrambled without a CAT",
        3_000,
        |stream| scramble_audio(stream),
        &[(CatError, 1)],
    ),
    row(
        "2.6 not with one",
        3_000,
        |stream| {
            scramble_audio(stream);
            insert_sections(stream, 1, &[500], &section(0x01, 0xFFFF, &[]));
        },
        &[],
    ),
    row(
        "2.6 another table",
        3_000,
        |stream| insert_sections(stream, 1, &[500], &section(0x02, 0xFFFF, &[])),
        &[(CatError, 1)],
    ),
];

const THIRD_PRIORITY: &[Row] = &[
    row(
        "3 all of service information",
        32_000,
        |stream| service_information(stream),
        &[],
    ),
    row(
        "3.1.a NIT absent",
        25_000,
        |stream| insert_sections(stream, 0x10, &[1_000, 9_000], &nit(0x40)),
        &[(NitActualError, 1)],
    ),
    row(
        "3.1.a another table",
        3_000,
        |stream| insert_sections(stream, 0x10, &[1_000], &section(0x42, 1, &[0, 1, 0xFF])),
        &[(NitActualError, 1)],
    ),
    row(
        "3.1.a too dense, and so 3.2",
        3_000,
        |stream| insert_sections(stream, 0x10, &[1_000, 1_010], &nit(0x40)),
        &[(NitActualError, 1), (SiRepetitionError, 1)],
    ),
    row(
        "3.1.b NIT of another network, and so 3.2",
        15_000,
        |stream| {
            every(stream, 0x10, 5_000, &nit(0x40));
            insert_sections(stream, 0x10, &[1_200, 12_200], &nit(0x41));
        },
        &[(NitOtherError, 1), (SiRepetitionError, 1)],
    ),
    row(
        "3.2 BAT",
        15_000,
        |stream| {
            every(stream, 0x11, 1_000, &section(0x42, 1, &[0, 1, 0xFF]));
            insert_sections(
                stream,
                0x11,
                &[1_200, 12_200],
                &section(0x4A, 1, &[0xF0, 0, 0xF0, 0]),
            );
        },
        &[(SiRepetitionError, 1)],
    ),
    row(
        "3.4.a a PID that nothing refers to",
        4_000,
        |stream| {
            for nth in [500, 700, 900] {
                let at = nth_of(stream, NULL_PID, nth);
                stream[at].bytes = section_packet(0x0ABC, &[]);
            }
            renumber(stream);
        },
        &[(UnreferencedPid, 1)],
    ),
    row(
        "3.5.a SDT absent, and so 3.2",
        5_000,
        |stream| {
            let sdt = section(0x42, 1, &[0, 1, 0xFF]);
            insert_sections(stream, 0x11, &[500, 2_400, 4_600], &sdt);
        },
        &[(SiRepetitionError, 1), (SdtActualError, 1)],
    ),
    row(
        "3.5.a another table",
        3_000,
        |stream| {
            every(stream, 0x11, 1_000, &section(0x42, 1, &[0, 1, 0xFF]));
            insert_sections(stream, 0x11, &[1_200], &nit(0x40));
        },
        &[(SdtActualError, 1)],
    ),
    row(
        "3.5.b SDT of another stream, and so 3.2",
        15_000,
        |stream| {
            every(stream, 0x11, 1_000, &section(0x42, 1, &[0, 1, 0xFF]));
            insert_sections(
                stream,
                0x11,
                &[1_200, 12_200],
                &section(0x46, 2, &[0, 1, 0xFF]),
            );
        },
        &[(SiRepetitionError, 1), (SdtOtherError, 1)],
    ),
    row(
        "3.6.a present event absent, and so 3.2",
        6_000,
        |stream| {
            insert_sections(stream, 0x12, &[500, 2_400, 4_600], &eit(0x4E, 0));
            every(stream, 0x12, 1_000, &eit(0x4E, 1));
        },
        &[(SiRepetitionError, 1), (EitActualError, 1)],
    ),
    row(
        "3.6.a another table",
        3_000,
        |stream| {
            present_and_following(stream, 0x4E);
            insert_sections(stream, 0x12, &[1_200], &nit(0x40));
        },
        &[(EitActualError, 1)],
    ),
    row(
        "3.6.b events of another stream absent, and so 3.2",
        15_000,
        |stream| {
            present_and_following(stream, 0x4E);
            for number in [0, 1] {
                let at = 1_200 + 100 * u64::from(number);
                insert_sections(stream, 0x12, &[at, at + 11_000], &eit(0x4F, number));
            }
        },
        &[(SiRepetitionError, 2), (EitOtherError, 2), (EitPfError, 1)],
    ),
    row(
        "3.6.c the following event never comes, and so 3.6.a",
        4_000,
        |stream| every(stream, 0x12, 1_000, &eit(0x4E, 0)),
        &[(EitActualError, 1), (EitPfError, 1)],
    ),
    row(
        "3.7 another table",
        3_000,
        |stream| insert_sections(stream, 0x13, &[1_000], &nit(0x40)),
        &[(RstError, 1)],
    ),
    row(
        "3.7 too dense, and so 3.2",
        3_000,
        |stream| insert_sections(stream, 0x13, &[1_000, 1_010], &[0x71, 0x70, 0]),
        &[(SiRepetitionError, 1), (RstError, 1)],
    ),
    row(
        "3.8 TDT absent",
        45_000,
        |stream| insert_sections(stream, 0x14, &[1_000, 9_000], &tdt()),
        &[(TdtError, 1)],
    ),
    row(
        "3.8 another table",
        3_000,
        |stream| insert_sections(stream, 0x14, &[1_000], &nit(0x40)),
        &[(TdtError, 1)],
    ),
    row(
        "3.8 too dense, and so 3.2",
        3_000,
        |stream| insert_sections(stream, 0x14, &[1_000, 1_010], &tdt()),
        &[(SiRepetitionError, 1), (TdtError, 1)],
    ),
];

#[test]
fn each_violation_raises_its_indicator_and_what_follows_of_it_alone() {
    let mut wrong = Vec::new();
    for row in rows() {
        let mut stream = clean(row.millis);
        (row.violate)(&mut stream);
        let raised = raised_by(&stream);
        let mut due = row.raises.to_vec();
        due.sort_unstable();
        if raised != due {
            wrong.push(format!("{}: raised {raised:?}, due {due:?}", row.name));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_indicator_has_a_row() {
    let raised: Vec<Indicator> = rows().flat_map(|row| row.raises).map(|it| it.0).collect();
    let missing = Indicator::ALL.iter().filter(|it| !raised.contains(it));
    assert_eq!(missing.count(), 0, "{raised:?}");
}

fn rows() -> impl Iterator<Item = &'static Row> {
    [FIRST_PRIORITY, SECOND_PRIORITY, THIRD_PRIORITY]
        .into_iter()
        .flatten()
}

/// What is raised, in the order of the standard.
fn raised_by(stream: &[Timed]) -> Vec<(Indicator, u64)> {
    let (mut sync, mut counters) = (PacketSync::new(), Counters::default());
    let mut analyzer = Analyzer::new();
    for timed in stream {
        sync.push(&timed.bytes, &mut counters, |packet| {
            analyzer.push(packet, timed.at);
        });
        analyzer.note_sync(&counters);
        analyzer.advance(timed.at);
    }
    let report = analyzer.report();
    let counts = report.tr_101_290.iter();
    counts
        .filter_map(|(indicator, count)| Some((indicator, count.filter(|&count| count > 0)?)))
        .collect()
}

fn wrong_sync(stream: &mut [Timed], millis: Range<u64>) {
    for timed in stream.iter_mut().filter(|it| millis.contains(&it.millis())) {
        timed.bytes[0] = 0x48;
    }
}

/// Puts null packets in place of all of a PID.
fn absent(stream: &mut Vec<Timed>, pid: u16, millis: Range<u64>) {
    *stream = without(std::mem::take(stream), |it| {
        it.pid() == pid && millis.contains(&it.millis())
    });
}

/// The nth packet of a PID.
fn nth(stream: &mut [Timed], pid: u16, number: usize) -> &mut [u8; PACKET_BYTES] {
    let at = nth_of(stream, pid, number);
    &mut stream[at].bytes
}

/// Takes the nth packet of a PID away.
fn without_nth(stream: &mut Vec<Timed>, pid: u16, number: usize) {
    let at = nth_of(stream, pid, number);
    stream.remove(at);
}

/// Repeats the tenth packet of a PID, so many times, in place of null packets.
fn repeat(stream: &mut [Timed], pid: u16, times: usize) {
    let at = nth_of(stream, pid, 10);
    let bytes = stream[at].bytes;
    let behind = stream[at..].iter_mut().filter(|it| it.pid() == NULL_PID);
    behind.take(times).for_each(|it| it.bytes = bytes);
}

fn is_pcr(timed: &Timed) -> bool {
    timed.bytes[3] & 0x30 == 0x20
}

/// Adds so many ticks to all PCRs from one on.
fn shift_pcrs(stream: &mut [Timed], first: usize, ticks: u64) {
    for timed in stream.iter_mut().filter(|it| is_pcr(it)).skip(first) {
        let at = timed.millis() * 27_000;
        set_pcr(&mut timed.bytes, at + ticks);
    }
}

fn scramble_audio(stream: &mut [Timed]) {
    for timed in stream.iter_mut().filter(|it| it.pid() == AUDIO_PID) {
        timed.bytes[3] |= 0xC0;
    }
}

/// Puts a section into the stream each so many milliseconds, at a place of its own.
fn every(stream: &mut [Timed], pid: u16, millis: u64, section: &[u8]) {
    let end = stream.last().expect("a stream").millis() - 100;
    let first = 500 + 150 * u64::from(section[6].min(1));
    let step = usize::try_from(millis).expect("a short time");
    let times: Vec<u64> = (first..end).step_by(step).collect();
    insert_sections(stream, pid, &times, section);
}

fn present_and_following(stream: &mut [Timed], table_id: u8) {
    for number in [0, 1] {
        every(stream, 0x12, 1_000, &eit(table_id, number));
    }
}

/// All tables as often as they must come.
fn service_information(stream: &mut [Timed]) {
    every(stream, 0x10, 9_000, &nit(0x40));
    every(stream, 0x11, 1_900, &section(0x42, 1, &[0, 1, 0xFF]));
    present_and_following(stream, 0x4E);
    present_and_following(stream, 0x4F);
    every(stream, 0x14, 29_000, &tdt());
}

fn nit(table_id: u8) -> Vec<u8> {
    section(table_id, 1, &[0xF0, 0, 0xF0, 0])
}

fn eit(table_id: u8, number: u8) -> Vec<u8> {
    numbered_section(table_id, 7, number, &[0, 1, 0, 1, number, table_id])
}

fn tdt() -> Vec<u8> {
    vec![0x70, 0x70, 5, 0, 0, 0, 0, 0]
}
