//! Packets made by the standard, some of which are lost, and what comes back.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

const COLUMNS: u16 = 5;
const ROWS: u16 = 4;

/// A media packet of a length of its own, with a marker now and then.
fn media(number: u16) -> Vec<u8> {
    let [s0, s1] = number.to_be_bytes();
    let marker = if number.is_multiple_of(7) { 0x80 } else { 0 };
    let mut packet = vec![0x80, marker | 0x21, s0, s1, 0, 1, s0, s1, 0, 0, 0, 7];
    let bytes = 188 * (1 + usize::from(number % 7));
    packet.extend((0..bytes).map(|at| s0 ^ s1.wrapping_mul(3) ^ at.to_le_bytes()[0]));
    packet
}

/// The packet that protects so many, from `base` on, by RFC 2733 and ST 2022-1.
fn protection(base: u16, offset: u16, count: u16) -> Vec<u8> {
    let mut rtp = [0x80, 96, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let mut header = [0; HEADER_BYTES];
    let mut payload = Vec::new();
    for place in 0..count {
        let packet = media(base.wrapping_add(place * offset));
        let (head, behind) = packet.split_at(RTP_BYTES);
        rtp[0] ^= head[0] & 0x3F;
        rtp[1] ^= head[1] & 0x80;
        header[4] ^= head[1] & 0x7F;
        xor(&mut header[8..12], &head[4..8]);
        let length = u16::try_from(behind.len()).expect("short").to_be_bytes();
        xor(&mut header[2..4], &length);
        if payload.len() < behind.len() {
            payload.resize(behind.len(), 0);
        }
        xor(&mut payload, behind);
    }
    header[..2].copy_from_slice(&base.to_be_bytes());
    header[4] |= 0x80;
    header[12] = if offset == 1 { 0x40 } else { 0 };
    header[13] = offset.to_le_bytes()[0];
    header[14] = count.to_le_bytes()[0];
    [&rtp[..], &header[..], &payload[..]].concat()
}

/// All that is sent of one matrix, as it is sent: media first.
fn matrix(first: u16, has_rows: bool) -> Vec<Vec<u8>> {
    let number = |place: u16| first.wrapping_add(place);
    let columns = (0..COLUMNS).map(|column| protection(number(column), COLUMNS, ROWS));
    let rows = (0..ROWS).map(|row| protection(number(row * COLUMNS), 1, COLUMNS));
    let rows = rows.filter(|_| has_rows);
    columns.chain(rows).collect()
}

/// What comes back of matrices from `first` on, of which `lost` are lost.
fn recover(first: u16, matrices: u16, lost: &[u16], has_rows: bool) -> BTreeMap<u16, Vec<u8>> {
    let mut fec = Fec::new();
    let mut back = BTreeMap::new();
    let size = COLUMNS * ROWS;
    for start in (0..matrices).map(|matrix| first.wrapping_add(matrix * size)) {
        let mut each = |bytes: &[u8]| {
            let packet = RtpHeader::parse(bytes).expect("an RTP packet");
            let twice = back.insert(packet.sequence, bytes.to_vec());
            assert_eq!(twice, None, "it comes back once");
        };
        for number in (0..size).map(|place| start.wrapping_add(place)) {
            if !lost.contains(&number) {
                let packet = media(number);
                fec.media(&RtpHeader::parse(&packet).expect("sound"), &mut each);
            }
        }
        for packet in matrix(start, has_rows) {
            let packet = RtpHeader::parse(&packet).expect("sound");
            fec.protect(&packet, &mut each).expect("sound");
        }
    }
    back
}

fn check(back: &BTreeMap<u16, Vec<u8>>, lost: &[u16]) {
    let lost: std::collections::BTreeSet<_> = lost.iter().copied().collect();
    assert!(back.keys().eq(lost.iter()), "{:?} of {lost:?}", back.keys());
    for (number, bytes) in back {
        assert_eq!(*bytes, media(*number), "{number}");
    }
}

#[test]
fn a_burst_as_long_as_a_row_comes_back_by_columns_across_the_wrap() {
    let lost: Vec<u16> = (0..COLUMNS).map(|it| 65_533_u16.wrapping_add(it)).collect();
    check(&recover(65_530, 3, &lost, false), &lost);
}

#[test]
fn rows_and_columns_bring_back_what_neither_could_alone() {
    // 100 and 105 share a column, 105 and 106 a row.
    let lost = [100, 105, 106, 112];
    assert_eq!(recover(100, 1, &lost, false).len(), 2);
    check(&recover(100, 1, &lost, true), &lost);
}

#[test]
fn what_is_not_of_the_standard_is_refused() {
    let sound = protection(0, COLUMNS, ROWS);
    let with = |at: usize, byte: u8| {
        let mut packet = sound.clone();
        packet[RTP_BYTES + at] = byte;
        parse(&packet)
    };
    assert!(parse(&sound).is_ok());
    assert_eq!(parse(&sound[..RTP_BYTES + 15]), Err(FecMalformed::Length));
    assert_eq!(with(12, 0b0000_1000), Err(FecMalformed::Code));
    assert_eq!(with(13, 0), Err(FecMalformed::Matrix));
    assert_eq!(with(13, 21), Err(FecMalformed::Matrix));
    assert_eq!(with(14, 0), Err(FecMalformed::Matrix));
    assert_eq!(with(14, 21), Err(FecMalformed::Matrix));
    let mut large = sound.clone();
    large[RTP_BYTES + 13..RTP_BYTES + 15].copy_from_slice(&[20, 6]);
    assert_eq!(parse(&large), Err(FecMalformed::Matrix));
}

proptest! {
    #[test]
    fn all_that_comes_back_is_what_was_lost(
        first in any::<u16>(),
        lost in proptest::collection::btree_set(0..200_u16, 0..60),
        has_rows in any::<bool>(),
    ) {
        let lost: Vec<u16> = lost.into_iter().map(|it| first.wrapping_add(it)).collect();
        let back = recover(first, 11, &lost, has_rows);
        for (number, bytes) in &back {
            prop_assert!(lost.contains(number));
            prop_assert_eq!(bytes, &media(*number));
        }
        // One of a column always comes back.
        let column = |number: &u16| {
            let place = number.wrapping_sub(first);
            (place / (COLUMNS * ROWS), place % COLUMNS)
        };
        for number in &lost {
            let others = lost.iter().filter(|other| column(other) == column(number));
            prop_assert!(others.count() > 1 || back.contains_key(number), "{}", number);
        }
    }

    #[test]
    fn no_packets_make_it_panic(
        packets in proptest::collection::vec(
            (any::<bool>(), proptest::collection::vec(any::<u8>(), 0..80)),
            0..200,
        ),
    ) {
        let mut fec = Fec::new();
        for (is_media, bytes) in packets {
            let packet = [&[0x80, 33][..], &bytes].concat();
            let Ok(packet) = RtpHeader::parse(&packet) else { continue };
            let mut each = |bytes: &[u8]| assert!(bytes.len() >= RTP_BYTES);
            if is_media {
                fec.media(&packet, &mut each);
            } else {
                let is_short = packet.packet.len() < RTP_BYTES + 16;
                let told = fec.protect(&packet, &mut each);
                prop_assert!(!is_short || told == Err(FecMalformed::Length));
            }
        }
    }
}
