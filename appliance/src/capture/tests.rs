//! Captures of every form, and of none.

use std::net::SocketAddr;

use proptest::prelude::*;

use super::*;

/// All frames of a file that is given whole, with their times.
fn frames(file: &[u8]) -> Result<Vec<(u64, u32, Vec<u8>)>, CaptureError> {
    let mut records = Records::new();
    let (mut rest, mut found) = (file, Vec::new());
    loop {
        let used = match records.step(rest)? {
            Step::Frame { frame, used } => {
                found.push((frame.at_ns, frame.link, frame.bytes.to_vec()));
                used
            }
            Step::Other { used } => used,
            Step::Short { .. } => return Ok(found),
        };
        rest = rest
            .get(usize::try_from(used).expect("small")..)
            .unwrap_or_default();
    }
}

fn classic(is_big: bool, magic: u32, records: &[(u32, u32, &[u8])]) -> Vec<u8> {
    let number = |number: u32| {
        if is_big {
            number.to_be_bytes()
        } else {
            number.to_le_bytes()
        }
    };
    let mut file = Vec::new();
    // The upper half of the last says that four bytes of checksum follow each frame.
    for head in [magic, 0x0002_0004, 0, 0, 65_535, 0x2000_0001] {
        file.extend(number(head));
    }
    for (seconds, fraction, frame) in records {
        let length = u32::try_from(frame.len()).expect("small");
        for head in [*seconds, *fraction, length, length + 4] {
            file.extend(number(head));
        }
        file.extend(*frame);
    }
    file
}

fn block(kind: u32, body: &[u8]) -> Vec<u8> {
    let padded = body.len().next_multiple_of(4);
    let length = u32::try_from(padded + 12).expect("small").to_be_bytes();
    let mut block = [kind.to_be_bytes(), length].concat();
    block.extend(body);
    block.resize(8 + padded, 0);
    block.extend(length);
    block
}

/// A section in big-endian with an interface whose clock ticks by `resolution`.
fn section(resolution: &[u8]) -> Vec<u8> {
    let mut head = vec![0x1A, 0x2B, 0x3C, 0x4D, 0, 1, 0, 0];
    head.extend([0xFF; 8]);
    let mut interface = vec![0, 101, 0, 0, 0, 0, 0xFF, 0xFF];
    // A comment of three bytes in front, which is padded.
    interface.extend([0, 1, 0, 3, b'a', b'b', b'c', 0]);
    interface.extend(resolution);
    interface.extend([0; 4]);
    [block(0x0A0D_0D0A, &head), block(1, &interface)].concat()
}

fn packet(interface: u32, ticks: u64, frame: &[u8]) -> Vec<u8> {
    let length = u32::try_from(frame.len()).expect("small").to_be_bytes();
    let mut body = interface.to_be_bytes().to_vec();
    body.extend(ticks.to_be_bytes());
    body.extend([length, length].concat());
    body.extend(frame);
    block(6, &body)
}

#[test]
fn classic_files_are_read_in_both_orders_and_resolutions() {
    for (is_big, magic, fraction_ns) in [
        (true, 0xA1B2_C3D4, 1_000),
        (false, 0xA1B2_C3D4, 1_000),
        (true, 0xA1B2_3C4D, 1),
        (false, 0xA1B2_3C4D, 1),
    ] {
        let file = classic(is_big, magic, &[(7, 5, b"one"), (8, 0, b"")]);
        assert!(is_capture(&file));
        let due = [
            (7_000_000_000 + 5 * fraction_ns, 1, b"one".to_vec()),
            (8_000_000_000, 1, Vec::new()),
        ];
        assert_eq!(frames(&file).as_deref(), Ok(&due[..]), "{magic:x}");
    }
}

#[test]
fn blocks_are_read_by_the_clock_of_their_interface() {
    for (resolution, ticks, due_ns) in [
        (&[][..], 7_000_005, 7_000_005_000),
        (&[0, 9, 0, 1, 9, 0, 0, 0], 7_000_005, 7_000_005),
        (&[0, 9, 0, 1, 3, 0, 0, 0], 7_005, 7_005_000_000),
        (&[0, 9, 0, 1, 0x8A, 0, 0, 0], 1_536, 1_500_000_000),
        (&[0, 9, 0, 1, 0x7F, 0, 0, 0], u64::MAX, 0),
        (&[0, 14, 0, 8, 0, 0, 0, 0, 0, 0, 0, 2], 1, 2_000_001_000),
        (&[0, 14, 0, 8, 0x80, 0, 0, 0, 0, 0, 0, 0], 1, 0),
    ] {
        let unknown = block(0x0000_0BAD, &[7; 9]);
        let frame = packet(0, ticks, b"frame");
        let nobodys = packet(1, ticks, b"of no interface");
        let file = [section(resolution), unknown, nobodys, frame].concat();
        assert_eq!(
            frames(&file),
            Ok(vec![(due_ns, 101, b"frame".to_vec())]),
            "{resolution:?}"
        );
    }
}

#[test]
fn a_second_section_begins_anew() {
    let again = [section(&[]), packet(0, 2, b"b")].concat();
    let file = [
        section(&[0, 9, 0, 1, 9, 0, 0, 0]),
        packet(0, 2, b"a"),
        again,
    ]
    .concat();
    let times: Vec<_> = frames(&file)
        .expect("sound")
        .iter()
        .map(|it| it.0)
        .collect();
    assert_eq!(times, [2, 2_000]);
}

#[test]
fn what_is_no_capture_or_lies_about_lengths_is_refused() {
    assert_eq!(frames(&[0x47; 188]), Err(CaptureError::NotCapture));
    let mut long = classic(true, 0xA1B2_C3D4, &[(0, 0, b"x")]);
    long[24 + 8] = 0xFF;
    assert_eq!(frames(&long), Err(CaptureError::Length { offset: 24 }));
    let mut odd = section(&[]);
    odd[7] += 1;
    assert_eq!(frames(&odd), Err(CaptureError::Length { offset: 0 }));
}

fn ipv4_udp(fragment: u16, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(28 + payload.len()).expect("small");
    let mut packet = vec![0x45, 0];
    packet.extend(length.to_be_bytes());
    packet.extend([0, 0]);
    packet.extend(fragment.to_be_bytes());
    packet.extend([1, 17, 0, 0, 10, 0, 0, 7, 239, 1, 1, 1]);
    packet.extend([0x13, 0x88, 0x04, 0xD2]);
    packet.extend((length - 20).to_be_bytes());
    packet.extend([0, 0]);
    packet.extend(payload);
    packet
}

fn ethernet(tags: &[u8], packet: &[u8]) -> Vec<u8> {
    [&[0; 12][..], tags, &[0x08, 0], packet, &[0; 4]].concat()
}

fn found(link: u32, frame: &[u8]) -> Result<(String, Vec<u8>), PassedOver> {
    let frame = Frame {
        at_ns: 0,
        link,
        bytes: frame,
    };
    frame.udp().map(|udp| {
        (
            format!("{} > {}", udp.source, udp.destination),
            udp.payload.to_vec(),
        )
    })
}

#[test]
fn datagrams_are_found_behind_every_kind_of_link() {
    let packet = ipv4_udp(0x4000, b"media");
    let due = Ok((
        "10.0.0.7:5000 > 239.1.1.1:1234".to_owned(),
        b"media".to_vec(),
    ));
    let vlan = [0x88, 0xA8, 0, 1, 0x81, 0, 0, 2];
    let session = [
        &[0; 12][..],
        &[0x88, 0x64, 0x11, 0, 0, 9, 0, 35, 0, 0x21],
        &packet,
    ]
    .concat();
    let cooked = [&[0; 14][..], &[0x08, 0], &packet].concat();
    let cooked_2 = [&[0x08, 0][..], &[0; 18], &packet].concat();
    for (link, frame) in [
        (1, ethernet(&[], &packet)),
        (1, ethernet(&vlan, &packet)),
        (1, session),
        (113, cooked),
        (276, cooked_2),
        (101, packet.clone()),
        (228, packet.clone()),
    ] {
        assert_eq!(found(link, &frame), due, "{link}");
    }
    assert_eq!(found(147, &packet), Err(PassedOver::Other));
}

#[test]
fn datagrams_are_found_behind_extension_headers() {
    let source = [0x20, 1, 0xD, 0xB8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7];
    let group = [0xFF, 0x3E, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
    let udp = [0x13, 0x88, 0x04, 0xD2, 0, 10, 0, 0, b'o', b'k'];
    let behind = |first: u8, more: &[u8]| {
        let length = u8::try_from(more.len() + udp.len()).expect("small");
        let head = [0x60, 0, 0, 0, 0, length, first, 1];
        [&head[..], &source, &group, more, &udp].concat()
    };
    let due = Ok((
        "[2001:db8::7]:5000 > [ff3e::1]:1234".to_owned(),
        b"ok".to_vec(),
    ));
    assert_eq!(found(101, &behind(17, &[])), due);
    assert_eq!(found(229, &behind(0, &[17, 0, 0, 0, 0, 0, 0, 0])), due);
    assert_eq!(found(101, &behind(44, &[17, 0, 0, 0, 0, 0, 0, 9])), due);
    let fragment = behind(44, &[17, 0, 0, 1, 0, 0, 0, 9]);
    assert_eq!(found(101, &fragment), Err(PassedOver::Fragment));
    assert_eq!(found(101, &behind(6, &[])), Err(PassedOver::Other));
}

#[test]
fn fragments_and_what_was_cut_short_are_told_apart() {
    let first = ethernet(&[], &ipv4_udp(0x2000, b"media"));
    let last = ethernet(&[], &ipv4_udp(0x00B9, b"media"));
    assert_eq!(found(1, &first), Err(PassedOver::Fragment));
    assert_eq!(found(1, &last), Err(PassedOver::Fragment));
    let whole = ipv4_udp(0, b"media");
    assert_eq!(found(101, &whole[..30]), Err(PassedOver::CutShort));
}

#[test]
fn what_is_written_reads_back() {
    let address = |text: &str| text.parse::<SocketAddr>().expect("an address");
    for (source, destination) in [
        ("10.0.0.7:5000", "239.1.1.1:1234"),
        ("[2001:db8::7]:5000", "[ff3e::1]:1234"),
    ] {
        let udp = Udp {
            source: address(source),
            destination: address(destination),
            payload: &[0x47; 1_315],
        };
        let at_ns = 1_767_225_600_123_456_789;
        let mut writer = Writer::default();
        let mut file = writer.begin().to_vec();
        file.extend(writer.datagram(&udp, at_ns).expect("one family"));
        let read = frames(&file).expect("sound");
        let [(read_ns, link, frame)] = &read[..] else {
            panic!("{read:?}")
        };
        assert_eq!((*read_ns, *link), (at_ns, 101));
        let frame = Frame {
            at_ns,
            link: *link,
            bytes: frame,
        };
        assert_eq!(frame.udp(), Ok(udp));
    }
    let mixed = Udp {
        source: address("10.0.0.7:5000"),
        destination: address("[ff3e::1]:1234"),
        payload: &[],
    };
    assert_eq!(Writer::default().datagram(&mixed, 0), None);
}

proptest! {
    #[test]
    fn no_bytes_make_the_reader_panic_or_stand_still(
        head in 0_usize..5, tail in proptest::collection::vec(any::<u8>(), 0..600),
    ) {
        let file = match head {
            0 => tail,
            1 => [classic(true, 0xA1B2_C3D4, &[]), tail].concat(),
            2 => [classic(false, 0xA1B2_3C4D, &[(1, 2, b"x")]), tail].concat(),
            3 => [section(&[]), tail].concat(),
            _ => [section(&[]), block(1, &tail), packet(1, 9, &tail), packet(0, 9, &tail)].concat(),
        };
        for (_, link, bytes) in frames(&file).unwrap_or_default() {
            for link in [link, 1, 101, 113, 276] {
                let frame = Frame { at_ns: 0, link, bytes: &bytes };
                let bytes = frame.udp().map_or(0, |udp| udp.payload.len());
                prop_assert!(bytes <= 65_535);
            }
        }
    }

    #[test]
    fn a_sound_packet_that_is_damaged_does_no_harm(at in 0_usize..200, bit in 0_u32..8) {
        let mut file = [section(&[]), packet(0, 9, &ipv4_udp(0, &[7; 90]))].concat();
        let at = at % file.len();
        file[at] ^= 1 << bit;
        for (_, link, bytes) in frames(&file).unwrap_or_default() {
            let frame = Frame { at_ns: 0, link, bytes: &bytes };
            prop_assert!(frame.udp().map_or(true, |udp| udp.payload.len() <= 90));
        }
    }
}
