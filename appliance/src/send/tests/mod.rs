//! Claims about what leaves a playout, on a simulated clock.

mod any_bytes;
mod looping;
mod pacing;
mod replaying;
mod restamping;

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use weir_hal::{Clock, Monotonic, MulticastSender, sim};

use crate::{
    config::Transport,
    demux::{PACKET_BYTES, Packet, Pid},
    send::{
        Content, Options, Playout, Restamp, Statistics,
        stamp::{PesHead, shift_clock_references},
    },
};

const CLIPS: [&[u8]; 3] = [
    include_bytes!("../../demo/clip/360p.ts"),
    include_bytes!("../../demo/clip/240p.ts"),
    include_bytes!("../../demo/clip/144p.ts"),
];
const CLIP_SECONDS: u64 = 4;
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
