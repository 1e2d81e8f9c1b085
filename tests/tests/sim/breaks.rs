//! Breaks that an encoder announces, as they were planned or otherwise.

use weir_hal::sim::Generator;
use weir_tests::splice::{insert, section};

use crate::life::PICTURE_90K;

/// What was announced so far.
#[derive(Debug, Default)]
pub(crate) struct Breaks {
    count: u32,
    /// When the last one ends, as far as was planned.
    end_90k: Option<u64>,
}

impl Breaks {
    /// A break that begins within so many pictures from `now_90k`, or has begun, and is planned to
    /// last some time, or not.
    pub(crate) fn announce(
        &mut self,
        chance: &mut Generator,
        now_90k: u64,
        pictures: u64,
    ) -> Vec<u8> {
        let now = now_90k % (1 << 33);
        let from = match chance.below(4) {
            0 => None,
            1 => Some(now.saturating_sub(90_000 * 3)),
            _ => Some((now + pictures * PICTURE_90K) % (1 << 33)),
        };
        let length = PICTURE_90K * (5 + chance.below(100));
        let planned = (chance.below(3) > 0).then_some(length);
        let message = section(0, 5, &insert(self.count % 8, true, from, planned), &[]);
        self.count += 1;
        self.end_90k = Some(from.unwrap_or(now) + length);
        message
    }

    /// The end of the last break, when it comes as it was planned or at once.
    pub(crate) fn end(&self, chance: &mut Generator) -> Option<Vec<u8>> {
        let end = self.end_90k?;
        let event = self.count.wrapping_sub(1) % 8;
        let at = (chance.below(2) == 0).then_some(end % (1 << 33));
        Some(section(0, 5, &insert(event, false, at, None), &[]))
    }
}
