//! One order to prewarm, being obeyed.
//!
//! Whatever may be a playlist is fetched by itself, and read: a Multivariant Playlist names Media
//! Playlists, those name segments, and a playlist within these is not followed. Segments are
//! fetched several at a time. All of it waits while the store is short of memory.
//!
//! Refuses: to follow DASH manifests. What segments there are takes the arithmetic of a player
//! (templates, timelines, periods); who orders can name them.
//!
//! # Limits
//! [`OBJECTS_MAX`] objects, and the references of one playlist for each depth, of which there are
//! [`DEPTH_MAX`]: 8 MiB each at most.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use hyper::Uri;
use tokio::{
    task::JoinSet,
    time::{Instant, sleep, sleep_until},
};

use super::{
    counters::CounterCells,
    order::{Item, Order},
    progress::{Progress, Stage},
};
use crate::{
    fetch::{
        Class, Form, Outline, Pull,
        playlist::{Entry, entries},
        pull::{Brought, NotBrought, Way},
        resolve,
    },
    live::Live,
    serve::{Route, route},
};

/// Objects one order leads to: a film of three hours in ten renditions, five times.
const OBJECTS_MAX: u64 = 100_000;

/// Playlists on the way from an item to a segment.
const DEPTH_MAX: usize = 2;

/// Longest wait for memory before one more object.
const MEMORY_WAIT: Duration = Duration::from_secs(30);

/// Time between two looks whether there is memory.
const MEMORY_LOOK: Duration = Duration::from_millis(100);

/// An order that is obeyed.
#[derive(Debug)]
pub(super) struct Job {
    pull: Pull,
    live: Arc<Live>,
    cells: Arc<CounterCells>,
    begun: Instant,
    progress: Mutex<Progress>,
}

/// An object to be fetched.
#[derive(Debug)]
struct Target {
    uri: Uri,
    /// Playlists on the way here.
    depth: usize,
}

/// What a playlist names, and has not been fetched yet.
#[derive(Debug)]
struct List {
    base: Uri,
    references: VecDeque<(Box<str>, bool)>,
    depth: usize,
}

impl Job {
    /// A job that has not begun.
    pub(super) fn new(pull: Pull, live: Arc<Live>, cells: Arc<CounterCells>, items: usize) -> Self {
        let progress = Progress {
            state: Stage::Running,
            items,
            ..Progress::default()
        };
        Self {
            pull,
            live,
            cells,
            begun: Instant::now(),
            progress: Mutex::new(progress),
        }
    }

    /// How far it has come.
    pub(super) fn progress(&self) -> Progress {
        let mut progress = self.lock();
        if progress.state == Stage::Running {
            progress.note_time(self.begun.elapsed());
        }
        progress.clone()
    }

    /// Notes that it has ended. Returns whether it was running until now.
    pub(super) fn end(&self, stage: Stage) -> bool {
        let mut progress = self.lock();
        let was_running = progress.state == Stage::Running;
        if was_running {
            progress.note_time(self.begun.elapsed());
            progress.state = stage;
        }
        was_running
    }

    /// Fetches all that `order` names.
    ///
    /// # Cancel safety
    /// Who drops the future gives the rest up.
    pub(super) async fn run(self: Arc<Self>, order: Order) {
        let interval = Duration::from_secs(1) / order.bounds.rate_per_s;
        let mut due = Instant::now();
        let mut items = order.items.into_iter();
        let mut lists: Vec<List> = Vec::new();
        let mut fetching = JoinSet::new();
        while let Some(target) = self.next(&mut lists, &mut items) {
            sleep_until(due).await;
            due = Instant::now().max(due) + interval;
            self.wait_for_memory().await;
            while fetching.len() >= order.bounds.concurrency {
                fetching.join_next().await;
            }
            if target.may_be_list() {
                let list = self.fetch_list(target, order.segments_max).await;
                lists.extend(list);
            } else {
                let job = Arc::clone(&self);
                fetching.spawn(async move { drop(job.fetch(&target.uri).await) });
            }
        }
        while fetching.join_next().await.is_some() {}
        self.end(Stage::Done);
    }

    /// What is to be fetched next: what the latest list names goes first.
    fn next(
        &self,
        lists: &mut Vec<List>,
        items: &mut impl Iterator<Item = Item>,
    ) -> Option<Target> {
        while let Some(list) = lists.last_mut() {
            let Some((reference, is_list)) = list.references.pop_front() else {
                lists.pop();
                continue;
            };
            match resolve(&list.base, &reference) {
                Some(uri) => {
                    let depth = if is_list { list.depth } else { DEPTH_MAX };
                    return Some(Target { uri, depth });
                }
                None => self.refuse(reference.into(), "it leads elsewhere"),
            }
        }
        loop {
            let item = items.next()?;
            self.lock().objects_found += 1;
            match item {
                Item::Url(uri) => return Some(Target { uri, depth: 0 }),
                Item::Channel(name) if self.live.channel(&name).is_some() => {
                    // Its segments are made here.
                    self.lock().objects_present += 1;
                    self.cells.objects_present.add(1);
                }
                Item::Channel(name) => self.refuse(name, "no channel is called so"),
            }
        }
    }

    /// Fetches an object; `None` if it is not in the store then.
    async fn fetch(&self, uri: &Uri) -> Option<Brought> {
        if route(uri.path()) != Route::Other {
            self.refuse(uri.to_string(), "it is made here, not fetched");
            return None;
        }
        match self.pull.bring(uri.clone()).await {
            Ok(brought) => {
                let mut progress = self.lock();
                if brought.way == Way::Fetched {
                    progress.objects_fetched += 1;
                    self.cells.objects_fetched.add(1);
                } else {
                    progress.objects_present += 1;
                    self.cells.objects_present.add(1);
                }
                progress.bytes_fetched += brought.bytes;
                self.cells.bytes_fetched.add(brought.bytes);
                Some(brought)
            }
            Err(NotBrought::NoRoute) => {
                self.refuse(uri.to_string(), &NotBrought::NoRoute.to_string());
                None
            }
            Err(missing) => {
                let mut progress = self.lock();
                progress.objects_failed += 1;
                self.cells.objects_failed.add(1);
                progress.note_miss(uri.to_string(), missing.to_string());
                None
            }
        }
    }

    /// Fetches what may be a playlist, and reads what it names.
    async fn fetch_list(&self, target: Target, segments_max: Option<usize>) -> Option<List> {
        let brought = self.fetch(&target.uri).await?;
        if brought.class == Class::Manifest {
            let reason =
                "it is kept, but what a DASH manifest names is not followed: name that too";
            self.lock()
                .note_miss(target.uri.to_string(), reason.to_owned());
            return None;
        }
        let body = brought.list().await?;
        let form = Outline::of(&body)?.form;
        let mut references = references(&body, form, segments_max);
        let mut progress = self.lock();
        progress.lists_followed += 1;
        self.cells.lists_followed.add(1);
        let room = OBJECTS_MAX.saturating_sub(progress.objects_found);
        let room = usize::try_from(room).unwrap_or(usize::MAX);
        let excess = references.len().saturating_sub(room);
        references.truncate(room);
        progress.objects_found += (references.len() + excess) as u64;
        if excess > 0 {
            progress.objects_refused += excess as u64;
            self.cells.objects_refused.add(excess as u64);
            let reason = format!("the order leads to more than {OBJECTS_MAX} objects");
            progress.note_miss(target.uri.to_string(), reason);
        }
        Some(List {
            base: target.uri,
            references,
            depth: target.depth + 1,
        })
    }

    fn refuse(&self, item: String, reason: &str) {
        let mut progress = self.lock();
        progress.objects_refused += 1;
        self.cells.objects_refused.add(1);
        progress.note_miss(item, reason.to_owned());
    }

    async fn wait_for_memory(&self) {
        let end = Instant::now() + MEMORY_WAIT;
        while self.pull.is_short_of_memory() && Instant::now() < end {
            sleep(MEMORY_LOOK).await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Target {
    /// Whether it is read before anything else is fetched.
    fn may_be_list(&self) -> bool {
        self.depth < DEPTH_MAX && !Class::of(self.uri.path(), None).is_media()
    }
}

/// What a playlist names, each with whether it is a playlist again, and of its segments as many as
/// are wanted: the last ones if it grows, the first ones otherwise.
fn references(body: &[u8], form: Form, segments_max: Option<usize>) -> VecDeque<(Box<str>, bool)> {
    let is_segment = |entry: &Entry<'_>| matches!(entry, Entry::Segment { .. });
    let segments = entries(body).filter(is_segment).count();
    let wanted = segments_max.unwrap_or(usize::MAX).min(segments);
    let first = if form == Form::Live {
        segments - wanted
    } else {
        0
    };
    let mut number = 0;
    let mut map = None;
    let named = entries(body).filter_map(|entry| match entry {
        Entry::Rendition { uri } => Some((uri.into(), true)),
        // One may stand before each segment.
        Entry::Map { uri } => (map.replace(uri) != Some(uri)).then(|| (uri.into(), false)),
        Entry::Segment { uri, .. } => {
            number += 1;
            let is_wanted = (first..first + wanted).contains(&(number - 1));
            is_wanted.then(|| (uri.into(), false))
        }
        // What is not there yet, or within a segment that is.
        Entry::Part { .. } | Entry::Hint { .. } => None,
    });
    named.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(body: &str, segments_max: Option<usize>) -> Vec<String> {
        let form = Outline::of(body.as_bytes()).expect("a list").form;
        let references = references(body.as_bytes(), form, segments_max);
        let shown = references.into_iter().map(|(reference, is_list)| {
            let mark = if is_list { "list " } else { "" };
            format!("{mark}{reference}")
        });
        shown.collect()
    }

    const MEDIA: &str = "#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXT-X-MAP:URI=\"i.mp4\"\n\
        #EXTINF:4,\n1.m4s\n#EXT-X-MAP:URI=\"i.mp4\"\n#EXTINF:4,\n2.m4s\n#EXTINF:4,\n3.m4s\n";

    #[test]
    fn a_multivariant_playlist_names_playlists() {
        let body = "#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO,URI=\"a.m3u8\"\n\
            #EXT-X-STREAM-INF:BANDWIDTH=1\nv.m3u8\n";
        assert_eq!(named(body, Some(0)), ["list a.m3u8", "list v.m3u8"]);
    }

    #[test]
    fn of_a_film_the_first_segments_are_wanted_and_of_a_channel_the_last() {
        let film = format!("{MEDIA}#EXT-X-ENDLIST\n");
        assert_eq!(named(&film, None), ["i.mp4", "1.m4s", "2.m4s", "3.m4s"]);
        assert_eq!(named(&film, Some(1)), ["i.mp4", "1.m4s"]);
        assert_eq!(named(MEDIA, Some(1)), ["i.mp4", "3.m4s"]);
        assert_eq!(named(MEDIA, Some(9)), ["i.mp4", "1.m4s", "2.m4s", "3.m4s"]);
    }
}
