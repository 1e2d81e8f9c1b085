//! Subtitles, claim by claim, out of packets made by hand.

use proptest::prelude::*;

use crate::{
    demux::Pts,
    teletext::{
        Colour, Counters, Line, Region, Shown, Span, TELETEXT_PACKET_BYTES,
        data_field::teletext_packets,
        decoder::Decoder,
        fixtures::{
            Controls, SUBTITLES, TeletextPacket, boxed, data_field, header, nibble, row, triplets,
        },
    },
};

fn at(ticks: u64) -> Pts {
    Pts::from_ticks(ticks)
}

/// What is shown when these packets come, 40 ms apart.
fn shown_by(decoder: &mut Decoder, packets: &[TeletextPacket]) -> Vec<Shown> {
    let mut shown = Vec::new();
    for (index, packet) in (0..).zip(packets) {
        decoder.push(packet, at(index * 3_600), |it| shown.push(it));
    }
    shown
}

fn shown(packets: &[TeletextPacket]) -> Vec<Shown> {
    shown_by(&mut Decoder::new(0x888, Region::default()), packets)
}

fn text(line: &Line) -> String {
    line.spans.iter().map(|span| span.text.as_str()).collect()
}

fn texts(shown: &Shown) -> Vec<(u8, String)> {
    let lines = shown.lines.iter();
    lines.map(|line| (line.row, text(line))).collect()
}

/// The only text of the only row of the page between two headers.
fn only(packets: &[TeletextPacket]) -> String {
    let whole = [
        &[header(0x888, SUBTITLES)],
        packets,
        &[header(0x8FF, SUBTITLES)],
    ]
    .concat();
    let shown = shown(&whole);
    let [Shown { lines, .. }] = &shown[..] else {
        panic!("{shown:?}")
    };
    let [line] = &lines[..] else {
        panic!("{lines:?}")
    };
    text(line)
}

#[test]
fn a_page_is_shown_as_it_was_when_the_next_header_comes() {
    let shown = shown(&[
        header(0x888, SUBTITLES),
        boxed(0, 20, b"Good evening,"),
        boxed(0, 22, b" ladies & gentlemen."),
        header(0x8FF, SUBTITLES),
        header(0x888, SUBTITLES),
        header(0x8FF, SUBTITLES),
    ]);
    assert_eq!(shown.len(), 2);
    assert_eq!(shown[0].at, at(0));
    let due = [
        (20, "Good evening,".to_owned()),
        (22, "ladies & gentlemen.".to_owned()),
    ];
    assert_eq!(texts(&shown[0]), due);
    assert_eq!(
        (shown[1].at, shown[1].lines.len()),
        (at(4 * 3_600), 0),
        "erased"
    );
}

#[test]
fn only_what_is_in_a_box_is_shown() {
    let bare = row(
        0,
        20,
        b"not me \x0B\x0Bonly me\x0A\x0A nor me \x0Bhalf a box",
    );
    assert_eq!(only(&[bare]), "only me");
    let to_the_end = row(0, 20, b"\x0B\x0Bto the end");
    assert_eq!(only(&[to_the_end]), "to the end");
}

#[test]
fn colours_part_a_row_and_blanks_are_one() {
    let packets = [
        header(0x888, SUBTITLES),
        boxed(0, 20, b"\x03Hello.   \x06Yes,  please.  "),
        header(0x8FF, SUBTITLES),
    ];
    let span = |colour, text: &str| Span {
        colour,
        text: text.to_owned(),
    };
    let spans = [
        span(Colour::Yellow, "Hello."),
        span(Colour::Cyan, " Yes, please."),
    ];
    assert_eq!(shown(&packets)[0].lines[0].spans, spans);
}

#[test]
fn the_row_under_letters_of_double_height_is_not_shown() {
    let shown = shown(&[
        header(0x888, SUBTITLES),
        boxed(0, 20, b"\x0Dtall"),
        boxed(0, 21, b"\x0Dhidden"),
        boxed(0, 22, b"low"),
        header(0x8FF, SUBTITLES),
    ]);
    let due = [(20, "tall".to_owned()), (22, "low".to_owned())];
    assert_eq!(texts(&shown[0]), due);
}

#[test]
fn mosaics_and_concealed_letters_are_blanks() {
    assert_eq!(
        only(&[boxed(0, 20, b"a\x11\x7F\x35B\x07c\x18secret\x07d")]),
        "a B c d"
    );
}

#[test]
fn letters_follow_the_nation_and_the_second_alphabet() {
    let national = |national, codes: &[u8]| {
        let controls = Controls {
            national,
            ..SUBTITLES
        };
        let packets = [
            header(0x888, controls),
            boxed(0, 20, codes),
            header(0x8FF, controls),
        ];
        texts(&shown(&packets)[0]).remove(0).1
    };
    assert_eq!(national(1, b"F}nf Stra~en"), "Fünf Straßen");
    assert_eq!(national(2, b"sm|rg}s"), "smörgås");
    // X/28/0: region 4, and a second alphabet that is Latin there, German.
    let bits = 4 << 10 | (4 << 3 | 1) << 14 & 0x3_C000;
    let designation = triplets(0, 28, 0, &[bits, (4 << 3 | 1) >> 4]);
    let controls = Controls {
        national: 4,
        ..SUBTITLES
    };
    let shown = shown(&[
        header(0x888, controls),
        designation,
        boxed(0, 20, b"NET \x1B{hm"),
        header(0x8FF, controls),
    ]);
    assert_eq!(texts(&shown[0])[0].1, "НЕТ ähm");
}

#[test]
fn the_alphabets_of_a_magazine_hold_for_its_pages() {
    let mut decoder = Decoder::new(0x150, Region::default());
    let greek = Controls {
        national: 7,
        ..SUBTITLES
    };
    let shown = shown_by(
        &mut decoder,
        &[
            triplets(1, 29, 0, &[6 << 10 | 0xF << 14, 0x7]),
            header(0x150, greek),
            boxed(1, 22, b"Cei\x60"),
            header(0x1FF, greek),
        ],
    );
    assert_eq!(texts(&shown[0])[0].1, "Γειΰ");
}

#[test]
fn where_a_stream_does_not_say_it_its_language_tells_the_alphabet() {
    let controls = Controls {
        national: 4,
        ..SUBTITLES
    };
    let mut decoder = Decoder::new(0x888, Region::of_language(*b"rus"));
    let packets = [
        header(0x888, controls),
        boxed(0, 20, b"DA"),
        header(0x8FF, controls),
    ];
    assert_eq!(texts(&shown_by(&mut decoder, &packets)[0])[0].1, "ДА");
}

#[test]
fn letters_that_no_alphabet_has_are_put_over_the_row() {
    let column = |column: u32, mode: u32, data: u32| column | mode << 6 | data << 11;
    let to_row = |row: u32| (40 + row) | 0x04 << 6;
    let over = triplets(
        0,
        26,
        0,
        &[
            to_row(20),
            column(5, 0x12, u32::from(b'e')),
            column(8, 0x0F, 0x7B),
            column(9, 0x10, u32::from(b'*')),
            column(12, 0x1F, u32::from(b'R')),
        ],
    );
    assert_eq!(only(&[over, boxed(0, 20, b"et Fu  ....")]), "ét ß@ Ř...");
}

#[test]
fn a_page_goes_on_until_it_is_erased() {
    let on = Controls {
        erases: false,
        ..SUBTITLES
    };
    let shown = shown(&[
        header(0x888, SUBTITLES),
        boxed(0, 20, b"one"),
        header(0x888, on),
        boxed(0, 22, b"two"),
        header(0x888, SUBTITLES),
        boxed(0, 22, b"three"),
        header(0x8FF, on),
    ]);
    let rows = |shown: &Shown| texts(shown).into_iter().map(|(row, _)| row).collect();
    let rows: Vec<Vec<u8>> = shown.iter().map(rows).collect();
    assert_eq!(rows, [vec![20], vec![20, 22], vec![22]]);
}

#[test]
fn what_is_no_subtitle_is_not_shown() {
    let plain = Controls {
        is_subtitle: false,
        ..SUBTITLES
    };
    let inhibited = Controls {
        is_inhibited: true,
        ..SUBTITLES
    };
    let newsflash = Controls {
        is_newsflash: true,
        ..plain
    };
    for (controls, lines) in [(plain, 0), (inhibited, 0), (newsflash, 1)] {
        let packets = [
            header(0x888, controls),
            boxed(0, 20, b"text"),
            header(0x8FF, SUBTITLES),
        ];
        assert_eq!(shown(&packets)[0].lines.len(), lines, "{controls:?}");
    }
}

#[test]
fn other_pages_and_magazines_are_passed_over() {
    let serial = Controls {
        is_serial: true,
        ..SUBTITLES
    };
    let packets = |other: Controls| {
        [
            header(0x888, other),
            boxed(0, 20, b"ours"),
            header(0x100, other),
            boxed(1, 20, b"theirs"),
            boxed(0, 22, b"ours?"),
            header(0x889, other),
            boxed(0, 20, b"next door"),
            header(0x8FF, other),
        ]
    };
    let parallel: Vec<_> = shown(&packets(SUBTITLES)).iter().map(texts).collect();
    let rows = [(20, "ours".to_owned()), (22, "ours?".to_owned())];
    assert_eq!(parallel, [rows.to_vec()]);
    let serial: Vec<_> = shown(&packets(serial)).iter().map(texts).collect();
    assert_eq!(serial, [rows[..1].to_vec()], "any header ends a page");
}

#[test]
fn a_page_that_nothing_ends_is_whole_after_a_while() {
    let mut decoder = Decoder::new(0x888, Region::default());
    let packets = [header(0x888, SUBTITLES), boxed(0, 20, b"alone")];
    assert_eq!(shown_by(&mut decoder, &packets), []);
    let mut shown = Vec::new();
    decoder.settle(at(3_600 + 9_000), |it| shown.push(it));
    assert_eq!(shown, []);
    decoder.settle(at(3_600 + 9_001), |it| shown.push(it));
    decoder.settle(at(90_000), |it| shown.push(it));
    assert_eq!(shown.len(), 1);
    assert_eq!(
        (shown[0].at, texts(&shown[0])[0].1.as_str()),
        (at(0), "alone")
    );
    decoder.push(&boxed(0, 22, b"late"), at(180_000), |it| shown.push(it));
    decoder.settle(at(200_000), |it| shown.push(it));
    assert_eq!((shown[1].at, shown[1].lines.len()), (at(180_000), 2));
}

#[test]
fn damage_is_mended_or_counted() {
    let mut decoder = Decoder::new(0x888, Region::default());
    let mut mended = boxed(0, 20, b"mended");
    mended[0] ^= 0x10;
    let mut torn = boxed(0, 22, b"torn");
    torn[8] ^= 0x01;
    let mut lost = boxed(0, 23, b"lost");
    lost[1] ^= 0x03;
    let packets = [
        header(0x888, SUBTITLES),
        mended,
        torn,
        lost,
        header(0x8FF, SUBTITLES),
    ];
    let shown = shown_by(&mut decoder, &packets);
    let due = [(20, "mended".to_owned()), (22, "t rn".to_owned())];
    assert_eq!(texts(&shown[0]), due);
    let due = Counters {
        packets_damaged: 1,
        letters_damaged: 1,
        ..Counters::default()
    };
    assert_eq!(*decoder.counters(), due);
}

#[test]
fn packets_are_found_in_their_data_units() {
    let sent = [header(0x888, SUBTITLES), boxed(0, 20, b"text")];
    let mut field = data_field(&sent);
    // Stuffing, a unit of another kind, and teletext of another length.
    field.extend([0xFF, 0x2C]);
    field.extend([0xFF; 0x2C]);
    field.extend([0xC3, 2, 1, 2, 0x02, 1, 0]);
    let mut found = Vec::new();
    let malformed = teletext_packets(&field, |packet| found.push(*packet));
    assert_eq!((found.as_slice(), malformed), (&sent[..], 1));
    assert_eq!(
        teletext_packets(&[0x20, 0x02], |_| panic!("no EBU data")),
        1
    );
    assert_eq!(teletext_packets(&field[..60], |_| {}), 1);
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(
        packets in prop::collection::vec(any::<[u8; TELETEXT_PACKET_BYTES]>(), 0..40),
        rows in prop::collection::vec((0_u8..32, any::<[u8; 40]>()), 0..60),
        field in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        let mut decoder = Decoder::new(0x888, Region::default());
        let mut all = vec![header(0x888, SUBTITLES)];
        all.extend(packets);
        // Those that are ours, whatever stands in them.
        all.push(header(0x888, SUBTITLES));
        all.extend(rows.into_iter().map(|(number, bytes)| {
            let mut packet = row(0, number, &[]);
            packet[2..].copy_from_slice(&bytes);
            packet
        }));
        all.push(header(0x8FF, SUBTITLES));
        for shown in shown_by(&mut decoder, &all) {
            prop_assert!(shown.lines.len() <= 24);
            for line in &shown.lines {
                prop_assert!(line.spans.iter().all(|span| !span.text.is_empty()));
            }
        }
        teletext_packets(&field, |_| {});
    }
}

#[test]
fn the_fixture_speaks_the_code_of_the_standard() {
    assert_eq!([0, 1, 8, 15].map(nibble), [0x15, 0x02, 0xD0, 0xEA]);
}
