//! One stream of events to one reader.

use std::{
    convert::Infallible,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use hyper::body::Frame;
use tokio::{
    sync::{OwnedSemaphorePermit, watch},
    time::timeout,
};

use super::{Events, ring::Position};

/// Time after which something is sent though nothing is new, so that whoever is between does not
/// take the connection for dead.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// How long a browser waits before it comes again.
const GREETING: &[u8] = b"retry: 3000\n\n";

/// A comment, which readers pass over.
const COMMENT: &[u8] = b":\n\n";

/// The body of an answer that ends with the process, or when its reader is overtaken.
pub(in crate::health) struct EventStream {
    /// What comes next; `None` at the end.
    waiting: Option<Waiting>,
}

type Waiting = Pin<Box<dyn Future<Output = (Reader, Option<Bytes>)> + Send>>;

struct Reader {
    events: Arc<Events>,
    position: Position,
    changes: watch::Receiver<bool>,
    _place: OwnedSemaphorePermit,
}

impl EventStream {
    /// Reads `events` behind the one that has the number `last_id`; `None` if there are as many
    /// streams as there may be, which is counted.
    pub(in crate::health) fn open(events: &Arc<Events>, last_id: Option<&str>) -> Option<Self> {
        let Ok(place) = Arc::clone(&events.places).try_acquire_owned() else {
            events.counters.streams_refused.add(1);
            return None;
        };
        events.counters.streams_opened.add(1);
        let reader = Reader {
            changes: events.is_over.subscribe(),
            position: events.lock().ring.position(last_id),
            events: Arc::clone(events),
            _place: place,
        };
        let greeting = async { (reader, Some(Bytes::from_static(GREETING))) };
        Some(Self {
            waiting: Some(Box::pin(greeting)),
        })
    }
}

impl Reader {
    /// What is to be sent next; `None` at the end.
    async fn next(mut self) -> (Self, Option<Bytes>) {
        loop {
            let read = self.events.lock().ring.read(&mut self.position);
            match read {
                Ok(bytes) if !bytes.is_empty() => return (self, Some(bytes)),
                Ok(_nothing_new) if *self.changes.borrow() => return (self, None),
                Ok(_nothing_new) => {}
                Err(_overtaken) => {
                    self.events.counters.streams_cut.add(1);
                    return (self, None);
                }
            }
            match timeout(HEARTBEAT, self.changes.changed()).await {
                Ok(Ok(())) => {}
                Ok(Err(_no_more)) => return (self, None),
                Err(_elapsed) => return (self, Some(Bytes::from_static(COMMENT))),
            }
        }
    }
}

impl hyper::body::Body for EventStream {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let Some(waiting) = &mut self.waiting else {
            return Poll::Ready(None);
        };
        let (reader, bytes) = ready!(waiting.as_mut().poll(context));
        self.waiting = bytes.is_some().then(|| {
            let waiting: Waiting = Box::pin(reader.next());
            waiting
        });
        Poll::Ready(bytes.map(|bytes| Ok(Frame::data(bytes))))
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;
    use weir_hal::Wall;

    use super::{
        super::{STREAMS_MAX, ring::EVENTS_MAX},
        *,
    };
    use crate::{health::snapshot::tests::snapshot, live::State};

    fn events() -> Arc<Events> {
        Arc::new(Events::new(Wall::from_nanos(7_000_000)))
    }

    async fn next(stream: &mut EventStream) -> Option<String> {
        let frame = stream.frame().await?.expect("infallible");
        let bytes = frame.into_data().expect("data");
        Some(String::from_utf8(bytes.to_vec()).expect("text"))
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_tells_what_happens_and_that_it_lives_and_ends_with_the_events() {
        let events = events();
        let mut stream = EventStream::open(&events, None).expect("there is room");
        assert_eq!(next(&mut stream).await.as_deref(), Some("retry: 3000\n\n"));
        events.publish(&snapshot(&[&[State::OnAir]]));
        let told = next(&mut stream).await.expect("two events");
        assert!(told.starts_with("id: 7-1\nevent: channel\n"), "{told}");
        assert!(told.contains("id: 7-2\nevent: snapshot\n"), "{told}");
        // Time goes on by itself while nothing happens.
        let begun = tokio::time::Instant::now();
        assert_eq!(next(&mut stream).await.as_deref(), Some(":\n\n"));
        assert_eq!(begun.elapsed(), HEARTBEAT);
        events.end();
        assert_eq!(next(&mut stream).await, None);
        assert_eq!(next(&mut stream).await, None);
    }

    #[tokio::test]
    async fn streams_beyond_the_limit_are_refused_until_one_ends() {
        let events = events();
        let open = || EventStream::open(&events, None);
        let mut streams: Vec<EventStream> = (0..STREAMS_MAX).filter_map(|_| open()).collect();
        assert_eq!(streams.len(), STREAMS_MAX);
        assert!(open().is_none());
        streams.pop();
        assert!(open().is_some());
        let counters = events.counters();
        assert_eq!(counters.streams_refused, 1);
        assert_eq!(counters.streams_opened, STREAMS_MAX as u64 + 1);
    }

    #[tokio::test]
    async fn a_reader_that_events_overtake_is_cut_and_counted() {
        let events = events();
        events.publish(&snapshot(&[]));
        let mut slow = EventStream::open(&events, Some("7-0")).expect("there is room");
        assert!(next(&mut slow).await.is_some(), "the greeting");
        for _ in 0..EVENTS_MAX {
            events.publish(&snapshot(&[]));
        }
        assert_eq!(next(&mut slow).await, None);
        assert_eq!(events.counters().streams_cut, 1);
    }
}
