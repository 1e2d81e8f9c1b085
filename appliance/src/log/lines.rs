//! Lines of the log, of which one place in the code writes no more than it is heard.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use tracing::{Event, Subscriber, callsite::Identifier};
use tracing_subscriber::{
    fmt::{FmtContext, FormatEvent, FormatFields, format::Writer},
    registry::LookupSpan,
};
use weir_hal::Clock;

use super::{Limiter, PLACES_MAX};

/// What is written however often it is said: who gave orders, and the changes of alarms, which have
/// bounds of their own.
const UNBOUNDED: [&str; 2] = ["weir::audit", "weir::health::alarms"];

/// Writes events as another format does, but for those of a place that has said too much; how many
/// they were is written behind the next that is heard of it.
#[derive(Debug)]
pub struct Lines<F> {
    format: F,
    clock: Arc<dyn Clock>,
    places: Mutex<HashMap<Identifier, Limiter>>,
}

impl<F> Lines<F> {
    /// Lines of this `format`, limited by `clock`.
    pub fn new(format: F, clock: Arc<dyn Clock>) -> Self {
        Self {
            format,
            clock,
            places: Mutex::default(),
        }
    }

    /// Whether `place` is heard; if so, how often it was not since it was heard last.
    fn admit(&self, place: Identifier) -> Option<u64> {
        let now = self.clock.monotonic();
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        if !places.contains_key(&place) && places.len() >= PLACES_MAX {
            return Some(0);
        }
        places.entry(place).or_default().admit(now)
    }
}

impl<S, N, F> FormatEvent<S, N> for Lines<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        // What is not written is an empty line without its end: nothing.
        let metadata = event.metadata();
        let is_bounded = !UNBOUNDED.contains(&metadata.target());
        let admitted = is_bounded.then(|| self.admit(metadata.callsite()));
        let Some(suppressed) = admitted.unwrap_or(Some(0)) else {
            return Ok(());
        };
        self.format.format_event(context, writer.by_ref(), event)?;
        if suppressed == 0 {
            return Ok(());
        }
        writeln!(writer, "    {suppressed} more from there were not written")
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use tracing::{info, subscriber::with_default, warn};
    use tracing_subscriber::{fmt::format, layer::SubscriberExt as _};
    use weir_hal::sim::Simulation;

    use super::*;

    /// What was written.
    #[derive(Debug, Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("nobody panics").write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_flood_of_one_place_is_written_up_to_a_number_and_counted_behind_the_next() {
        let machine = Simulation::new(1);
        let written = Written::default();
        let to = written.clone();
        let lines = tracing_subscriber::fmt::layer()
            .event_format(Lines::new(format().without_time(), machine.board().clock))
            .with_ansi(false)
            .with_writer(move || to.clone());
        with_default(tracing_subscriber::registry().with(lines), || {
            let shout = || info!("again");
            for _ in 0..302 {
                shout();
                info!(target: "weir::audit", "obeyed");
            }
            warn!("once");
            machine.clock.advance(Limiter::WINDOW);
            shout();
        });
        let written = written.0.lock().expect("nobody panics");
        let text = String::from_utf8_lossy(&written);
        let count = |part: &str| text.lines().filter(|line| line.ends_with(part)).count();
        assert_eq!(count(": again"), 101, "{text}");
        assert_eq!(count(": once"), 1, "{text}");
        assert_eq!(count(": obeyed"), 302, "{text}");
        assert!(
            text.ends_with("again\n    202 more from there were not written\n"),
            "{text}"
        );
        assert!(text.lines().all(|line| !line.is_empty()));
    }
}
