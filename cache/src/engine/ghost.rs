//! Which objects were evicted, or refused, not long ago, as far as one bit each can tell.
//!
//! Two maps take turns: when one has noted as many hashes as a sixteenth of its bits, the
//! other one is cleared and goes on. A wrong yes only admits an object at its first request, and
//! puts it in the company of others that came back.

/// Bits of each map an object of the store is worth: one byte in both.
const BITS_A_MAP: usize = 4;
/// Bits of a map for each hash it may note, so that at most one in eight strangers is known.
const BITS_A_NOTE: usize = 16;

/// Hashes that were noted lately.
#[derive(Debug)]
pub(super) struct Ghost {
    maps: [Vec<u64>; 2],
    current: usize,
    noted: usize,
}

impl Ghost {
    /// For a store of about so many objects.
    pub(super) fn new(objects: usize) -> Self {
        let words = (objects * BITS_A_MAP / 64).next_power_of_two().max(64);
        Self {
            maps: [vec![0; words], vec![0; words]],
            current: 0,
            noted: 0,
        }
    }

    pub(super) fn note(&mut self, hash: u64) {
        let bits = self.maps[0].len() * 64;
        if self.noted >= bits / BITS_A_NOTE {
            self.current = 1 - self.current;
            self.maps[self.current].fill(0);
            self.noted = 0;
        }
        let (word, bit) = self.place(hash);
        self.maps[self.current][word] |= bit;
        self.noted += 1;
    }

    pub(super) fn knows(&self, hash: u64) -> bool {
        let (word, bit) = self.place(hash);
        self.maps.iter().any(|map| map[word] & bit != 0)
    }

    fn place(&self, hash: u64) -> (usize, u64) {
        let words = self.maps[0].len();
        let word = usize::try_from(hash >> 6).unwrap_or(0) & (words - 1);
        (word, 1 << (hash & 63))
    }
}

#[cfg(test)]
mod tests {
    use weir_hal::sim::Generator;

    use super::*;

    #[test]
    fn what_was_noted_lately_is_known_and_little_else() {
        let mut ghost = Ghost::new(4_000);
        let mut random = Generator::new(1);
        let noted: Vec<u64> = (0..1_000).map(|_| random.draw()).collect();
        for hash in &noted {
            ghost.note(*hash);
        }
        assert!(noted.iter().all(|hash| ghost.knows(*hash)));
        let known = (0..1_000).filter(|_| ghost.knows(random.draw())).count();
        assert!(known < 100, "{known} of 1,000 strangers");
        for _ in 0..3_000 {
            ghost.note(random.draw());
        }
        let kept = noted.iter().filter(|hash| ghost.knows(**hash)).count();
        assert!(kept < 250, "{kept} of 1,000 forgotten ones");
    }
}
