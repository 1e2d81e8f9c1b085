//! A sender whose numbers any two boxes agree on.
//!
//! Boxes round the distance of wall time and PTS to whole cells of the grid, so two of them may
//! take other numbers if it lies at the middle of one when the second begins. Here it lies where
//! they round to the same for as late as either may be: the sender begins at that moment.

use std::{
    path::Path,
    time::{Duration, SystemTime},
};

use crate::{process::Process, wait::until};

const CLOCK_HZ: i128 = 90_000;
const PCR_WRAP: i128 = 1 << 33;

/// Sends `file` to `url` on loopback again and again, of which segments of `target` are cut.
///
/// # Panics
/// When the file has no PCR, or the sender cannot be started.
pub fn send(file: &Path, url: &str, target: Duration) -> Process {
    let bytes = std::fs::read(file).expect("the file is there");
    let pcr_90k = bytes.chunks_exact(188).find_map(pcr_90k).expect("a clock");
    until("the middle of rounding", 2 * target, || {
        is_in_phase(now_90k(), pcr_90k, ticks(target)).then_some(())
    });
    let file = file.to_str().expect("a plain path");
    Process::weir(["send", file, url, "--loop", "--interface", "lo"])
}

/// Whether the distance of the wall clock to this PCR is a whole number of cells, or up to an
/// eighth of one more.
fn is_in_phase(now_90k: i128, pcr_90k: i128, cell_90k: i128) -> bool {
    let distance_90k = now_90k - pcr_90k;
    let wraps = (distance_90k + PCR_WRAP / 2).div_euclid(PCR_WRAP);
    (distance_90k - wraps * PCR_WRAP).rem_euclid(cell_90k) < cell_90k / 8
}

fn ticks(duration: Duration) -> i128 {
    duration.as_nanos().cast_signed() * CLOCK_HZ / 1_000_000_000
}

fn now_90k() -> i128 {
    let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    ticks(since_epoch.expect("it is past 1970"))
}

/// The base of the PCR in this packet (ISO 13818-1 §2.4.3.4), if it has one.
fn pcr_90k(packet: &[u8]) -> Option<i128> {
    let has_pcr = packet[3] & 0x20 != 0 && packet[4] >= 7 && packet[5] & 0x10 != 0;
    let field = has_pcr.then(|| &packet[6..11])?;
    let high = u32::from_be_bytes(field[..4].try_into().expect("four bytes"));
    Some((i128::from(high) << 1) | i128::from(field[4] >> 7))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sender_begins_where_a_cell_is_not_near_its_middle() {
        let (cell_90k, pcr_90k) = (180_000, 7_000);
        let line_90k = pcr_90k + 18_800 * PCR_WRAP + 5_000 * cell_90k;
        let seen = (0..8).map(|eighth| {
            let now_90k = line_90k + eighth * cell_90k / 8;
            is_in_phase(now_90k, pcr_90k, cell_90k)
        });
        assert_eq!(seen.filter(|it| *it).count(), 1);
        assert!(is_in_phase(line_90k, pcr_90k, cell_90k));
    }
}
