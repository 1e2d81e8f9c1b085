//! Properties of what leaves, whatever a file is made of.

use std::{path::Path, time::Duration};

use proptest::prelude::*;
use weir_hal::{Access, Disk, sim};

use super::{Bytes, FOR_EVER, play_one, run_pass};
use crate::{
    demux::PACKET_BYTES,
    send::{Content, Restamp},
};

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
