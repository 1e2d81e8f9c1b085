//! Floods of frames: they cost a bounded amount of memory, and other clients are served.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use weir_tests::{cached::bytes, http, process::anonymous_bytes, wait::timed};

use crate::{
    frames::{
        CONTINUATION, END_HEADERS, END_STREAM, HEADERS, PING, RST_STREAM, SETTINGS, connect, frame,
        get, is_closed_within, stream, until_cut,
    },
    rig::{PATIENCE, Rig, SMALL, SMALL_BYTES},
};

/// Attackers at one time.
const ATTACKERS: usize = 8;
/// Requests of an honest client meanwhile.
const REQUESTS: usize = 50;
/// What all of them together may cost: buffers of as many connections.
const MEMORY_BYTES_MAX: u64 = 16 << 20;
/// Bytes that one connection may get rid of before it is cut: mostly what the kernel holds.
const FLOOD_BYTES_MAX: usize = 64 << 20;

/// Lets attackers run `attack` again and again, each time with a connection of its own, while an
/// honest client asks for something; memory must stay within bounds.
fn withstand(rig: &Rig, what: &str, attack: impl Fn(&str) + Sync) {
    let address = rig.plain_address();
    let url = rig.daemon.data(SMALL);
    let small = || http::get(&url).expect("an honest client is served").body;
    assert!(small() == bytes(SMALL_BYTES));
    let process = rig.daemon.process().id();
    let (before, is_over) = (anonymous_bytes(process), AtomicBool::new(false));
    let mut most = before;
    let mut slowest = Duration::ZERO;
    thread::scope(|scope| {
        for _ in 0..ATTACKERS {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    attack(&address);
                }
            });
        }
        for _ in 0..REQUESTS {
            let (answer, waited) = timed(small);
            assert!(answer == bytes(SMALL_BYTES));
            slowest = slowest.max(waited);
            most = most.max(anonymous_bytes(process));
        }
        is_over.store(true, Ordering::Relaxed);
    });
    let cost = most - before;
    println!("{what}: {cost} bytes of memory, slowest honest answer {slowest:?}");
    assert!(cost < MEMORY_BYTES_MAX, "{cost} bytes");
    assert!(slowest < PATIENCE / 3, "{slowest:?}");
}

#[test]
fn rapid_resets_are_cut_off() {
    let rig = Rig::start();
    withstand(&rig, "rapid reset", |address| {
        let mut attacker = connect(address).unwrap();
        let batch = |number: u32| {
            let streams = (0..50).map(|one| stream(number * 50 + one));
            let pairs = streams.flat_map(|stream| {
                [
                    get(stream, SMALL),
                    frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes()),
                ]
                .concat()
            });
            pairs.collect()
        };
        until_cut(&mut attacker, batch, FLOOD_BYTES_MAX);
    });
}

#[test]
fn endless_continuations_are_cut_off() {
    let rig = Rig::start();
    for (what, payload) in [("empty", vec![]), ("full", vec![0; 16 << 10])] {
        withstand(&rig, &format!("CONTINUATION, {what}"), |address| {
            let mut attacker = connect(address).unwrap();
            let flood = |number| match number {
                0 => frame(HEADERS, END_STREAM, 1, &[0x82, 0x86]),
                _ => frame(CONTINUATION, 0, 1, &payload).repeat(16),
            };
            until_cut(&mut attacker, flood, FLOOD_BYTES_MAX);
        });
    }
}

#[test]
fn fields_that_unpack_to_more_than_they_take_are_refused() {
    let rig = Rig::start();
    withstand(&rig, "fields", |address| {
        let mut attacker = connect(address).unwrap();
        // A field of 3,800 bytes enters the table, and is then referred to 10,000 times.
        let mut block = vec![0x82, 0x86, 0x84, 0x40, 1, b'a', 0x7f, 0xd9, 0x1c];
        block.extend([b'b'; 3_800]);
        block.extend([0xbe; 10_000]);
        let bomb = |number| frame(HEADERS, END_STREAM | END_HEADERS, stream(number), &block);
        // One is refused, or many: the connection need not end, but it must not cost anything.
        for number in 0..100 {
            if std::io::Write::write_all(&mut attacker, &bomb(number)).is_err() {
                return;
            }
        }
    });
}

#[test]
fn control_frames_that_want_answers_nobody_reads_are_cut_off_or_held_back() {
    let rig = Rig::start();
    for (what, kind, payload) in [("PING", PING, &[0; 8][..]), ("SETTINGS", SETTINGS, &[])] {
        withstand(&rig, what, |address| {
            let mut attacker = connect(address).unwrap();
            attacker
                .set_write_timeout(Some(Duration::from_millis(500)))
                .unwrap();
            // Once the server reads no more, writing times out, which is as good as an end.
            until_cut(
                &mut attacker,
                |_| frame(kind, 0, 0, payload).repeat(1_000),
                4 * FLOOD_BYTES_MAX,
            );
        });
    }
}

#[test]
fn frames_out_of_place_end_the_connection() {
    let rig = Rig::start();
    let address = rig.plain_address();
    for bytes in [
        frame(CONTINUATION, END_HEADERS, 1, &[0x82]),
        frame(HEADERS, END_STREAM | END_HEADERS, 2, &[0x82, 0x86, 0x84]),
        frame(HEADERS, END_STREAM | END_HEADERS, 1, &[0xff; 64]),
        frame(0, 0, 0, b"data"),
        frame(PING, 0, 0, b"short"),
        frame(SETTINGS, 0, 0, &[0, 4, 0xff, 0xff, 0xff, 0xff]),
        vec![0xff; 64],
    ] {
        let mut stranger = connect(&address).unwrap();
        std::io::Write::write_all(&mut stranger, &bytes).unwrap();
        assert!(
            is_closed_within(&mut stranger, Duration::from_secs(5)),
            "{bytes:?}"
        );
    }
    assert!(http::get(&rig.daemon.data(SMALL)).unwrap().body == bytes(SMALL_BYTES));
}
