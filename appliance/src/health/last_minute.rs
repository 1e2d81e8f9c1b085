//! What went wrong in the last minute, for a person who has just changed something; pure.
//!
//! Refuses: to guess. A rendition that is seen for the first time has lost nothing yet.

use std::{collections::BTreeMap, time::Duration};

use weir_hal::Monotonic;

use crate::health::{ChannelSnapshot, window::Window};

/// How far back it looks.
const SPAN: Duration = Duration::from_mins(1);

/// Follows the continuity errors of every rendition, by the names of its channel and itself.
#[derive(Debug, Default)]
pub(super) struct LastMinute(BTreeMap<(String, String), Window<1>>);

impl LastMinute {
    /// Tells each rendition of `channels` what it has lost within the minute before `now`. One that
    /// is not among them is forgotten.
    pub(super) fn fill(&mut self, channels: &mut [ChannelSnapshot], now: Monotonic) {
        let mut before = std::mem::take(&mut self.0);
        for channel in channels {
            for rendition in &mut channel.renditions {
                let key = (channel.id.clone(), rendition.name.clone());
                let mut window = before.remove(&key).unwrap_or_else(|| Window::new(SPAN));
                let count = rendition.report.demux.continuity_count_error;
                let [gained] = window.gained(now, [count]);
                rendition.continuity_errors_last_minute = gained;
                self.0.insert(key, window);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{health::snapshot::tests::snapshot, live::State};

    #[test]
    fn an_error_is_told_of_for_a_minute() {
        let mut last_minute = LastMinute::default();
        let mut channels = snapshot(&[&[State::OnAir, State::OnAir]]).channels;
        let told = (0..=70).map(|second| {
            let report = Arc::make_mut(&mut channels[0].renditions[1].report);
            report.demux.continuity_count_error = if second < 5 { 7 } else { 9 };
            last_minute.fill(&mut channels, Monotonic::ZERO + Duration::from_secs(second));
            let [one, other] = channels[0].renditions.as_slice() else {
                panic!("two renditions");
            };
            assert_eq!(one.continuity_errors_last_minute, 0);
            other.continuity_errors_last_minute
        });
        let told: Vec<u64> = told.collect();
        assert_eq!(told[..5], [0; 5]);
        assert_eq!(told[5..65], [2; 60]);
        assert_eq!(told[65..], [0; 6]);
        channels.clear();
        last_minute.fill(&mut channels, Monotonic::ZERO);
        assert!(last_minute.0.is_empty(), "what is gone is forgotten");
    }
}
