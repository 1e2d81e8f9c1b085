//! Takes events where `tracing` hands them out.

use std::sync::Arc;

use tracing::Subscriber;
use tracing_subscriber::layer::{self, Context};
use weir_hal::Clock;

use super::{Event, Ring, event::Texts};

/// Puts every event into a [`Ring`].
#[derive(Debug)]
pub struct Layer {
    ring: Arc<Ring>,
    clock: Arc<dyn Clock>,
}

impl Layer {
    /// One that dates events by `clock`.
    pub const fn new(ring: Arc<Ring>, clock: Arc<dyn Clock>) -> Self {
        Self { ring, clock }
    }
}

impl<S: Subscriber> layer::Layer<S> for Layer {
    fn on_event(&self, event: &tracing::Event<'_>, _context: Context<'_, S>) {
        let metadata = event.metadata();
        let now = self.clock.monotonic();
        self.ring.take(metadata.callsite(), now, || {
            let mut texts = Texts::default();
            event.record(&mut texts);
            Event {
                sequence: 0,
                at: self.clock.wall(),
                level: *metadata.level(),
                target: metadata.target(),
                message: texts.message,
                fields: texts.fields,
                suppressed: 0,
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tracing::{Level, info, subscriber::with_default, warn};
    use tracing_subscriber::layer::SubscriberExt as _;
    use weir_hal::sim::Simulation;

    use super::*;
    use crate::log::{BYTES_MAX, EVENTS_MAX, FIELDS_MAX, Limiter, TEXT_BYTES_MAX};

    /// Runs `say` with a log, and returns its ring.
    fn heard(say: impl FnOnce(&Simulation)) -> Arc<Ring> {
        let machine = Simulation::new(1);
        let ring = Arc::new(Ring::default());
        let layer = Layer::new(Arc::clone(&ring), machine.board().clock);
        let log = tracing_subscriber::registry().with(layer);
        with_default(log, || say(&machine));
        ring
    }

    #[test]
    fn an_event_is_kept_with_its_fields() {
        let ring = heard(|_| warn!(group = %"239.1.1.1", lost = 7, "the ring overran"));
        let events = ring.since(0);
        let [event] = events.as_slice() else {
            panic!("one event, not {events:?}");
        };
        assert_eq!((event.sequence, event.level), (1, Level::WARN));
        assert_eq!(event.message, "the ring overran");
        let fields = [("group", "239.1.1.1".to_owned()), ("lost", "7".to_owned())];
        assert_eq!(event.fields, fields);
        assert!(ring.since(1).is_empty());
    }

    #[test]
    fn a_flood_of_one_place_is_counted_and_leaves_others_their_room() {
        let ring = heard(|machine| {
            let shout = || info!("again");
            for _ in 0..5_000 {
                shout();
            }
            warn!("once");
            machine.clock.advance(Limiter::WINDOW);
            shout();
        });
        let suppressed = 5_000 - u64::from(Limiter::EVENTS_MAX);
        let events = ring.since(0);
        let [.., once, again] = events.as_slice() else {
            panic!("more than one event");
        };
        assert_eq!(once.message, "once");
        assert_eq!(
            (again.message.as_str(), again.suppressed),
            ("again", suppressed)
        );
        assert_eq!(ring.counts().events_suppressed, suppressed);
    }

    #[test]
    fn what_is_kept_is_bounded_in_number_and_in_bytes() {
        let many = heard(|machine| {
            for _ in 0..3 * EVENTS_MAX {
                info!("again");
                machine.clock.advance(Duration::from_secs(1));
            }
        });
        assert_eq!(many.since(0).len(), EVENTS_MAX);
        assert_eq!(many.counts().events_forgotten, 2 * EVENTS_MAX as u64);
        let long = "ờ".repeat(TEXT_BYTES_MAX);
        let large = heard(|machine| {
            for _ in 0..EVENTS_MAX {
                info!(long, "{long}");
                machine.clock.advance(Duration::from_secs(1));
            }
        });
        let events = large.since(0);
        let bytes: usize = events.iter().map(|event| event.bytes()).sum();
        assert!(bytes <= BYTES_MAX && events.len() > 100, "{bytes} bytes");
        assert!(
            events
                .iter()
                .all(|event| event.message.len() <= TEXT_BYTES_MAX)
        );
        assert!(events.iter().all(|event| event.fields.len() <= FIELDS_MAX));
    }
}
