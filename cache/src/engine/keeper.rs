//! The thread `weir-store`: the only one that writes.

use std::sync::{Arc, PoisonError};

use bytes::Bytes;

use super::{
    Engine,
    body::Body,
    format::Stream,
    index::Item,
    log::Log,
    record::{Header, PieceSums},
    state::Why,
    stored::{Record, Stored},
    table::Place,
};
use crate::Class;

/// Kills that wait for a sync before one is made for them.
const KILLS_MAX: usize = 1024;

/// The state of the thread.
#[derive(Debug)]
pub(super) struct Keeper {
    engine: Arc<Engine>,
    log: Log,
    /// What the last attempt to sync was for: it is not repeated for the same flush.
    flush_tried: u64,
}

/// What to do next.
enum Task {
    Write(Arc<Body>),
    Sync { flush: u64, settled: u64 },
}

impl Keeper {
    pub(super) const fn new(engine: Arc<Engine>, log: Log) -> Self {
        Self {
            engine,
            log,
            flush_tried: 0,
        }
    }

    /// Works until the store is closed.
    pub(super) fn run(mut self) {
        while let Some(task) = self.next_task() {
            match task {
                Task::Write(body) => self.write(&body),
                Task::Sync { flush, settled } => self.sync(flush, settled),
            }
        }
        self.log.close();
    }

    fn next_task(&mut self) -> Option<Task> {
        let engine = Arc::clone(&self.engine);
        let mut state = engine.lock();
        loop {
            if state.is_closed {
                return None;
            }
            let flush = state.table.last_flush();
            let is_full = state.kills.len() >= KILLS_MAX && !state.is_offline;
            if !is_full && let Some(body) = state.table.next_queued() {
                return Some(Task::Write(body));
            }
            let settled = state.table.settled();
            let is_clean = !self.log.is_dirty && state.kills.is_empty();
            if is_clean || state.is_offline {
                state.table.set_durable(settled, flush);
                engine.progress.notify_all();
            }
            let is_due = std::mem::take(&mut state.is_due) || is_full;
            let is_asked = state.table.has_unanswered_flush() && self.flush_tried < flush;
            if !is_clean && !state.is_offline && (is_due || is_asked) {
                if !is_full {
                    self.flush_tried = flush;
                }
                return Some(Task::Sync { flush, settled });
            }
            state = engine
                .work
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Makes durable what was written, and what was dropped stay away.
    ///
    /// After a failure what was in danger has been given up; what is left can be tried again.
    fn sync(&mut self, flush: u64, settled: u64) {
        if self.settle() || self.settle() {
            self.engine.lock().table.set_durable(settled, flush);
            self.engine.progress.notify_all();
        }
    }

    fn settle(&mut self) -> bool {
        self.log.sync() && self.log.kill_dropped() && self.log.settle_kills()
    }

    fn write(&mut self, body: &Arc<Body>) {
        let record = self.store(body);
        let small = small_body(body, record.as_deref());
        let mut state = self.engine.lock();
        let Some(record) = record else {
            if state.table.settle(body, Place::Doomed) {
                return;
            }
            if !state.table.is_pinned(&body.key) {
                // What it was to replace must not come back.
                state.drop_record(body.hash);
            }
            return;
        };
        self.engine
            .ledger
            .bytes_admitted
            .add(record.header.body_bytes);
        if state.table.settle(body, Place::Disk) {
            state.kill(record.region, record.page, Why::Superseded);
            return;
        }
        let item = Item {
            region: record.region,
            page: record.page,
            pages: record.header.pages().unwrap_or(1),
            class: body.class,
            is_unverified: false,
            uses: 0,
            tick: state.recency.tick(),
        };
        if let Some(older) = state.insert(record.hash, &item) {
            state.kill(older.region, older.page, Why::Superseded);
        }
        let hash = state.index.hash(record.hash);
        state.hot.keep(hash, &record, small);
        let stored = Stored {
            lease: state.regions.lease(record.region),
            file: Arc::clone(&self.engine.file),
            record,
        };
        body.store(Arc::new(stored));
    }

    /// Puts an object on disk. What stands in the way is counted.
    fn store(&mut self, body: &Arc<Body>) -> Option<Arc<Record>> {
        let chunks = body.chunks()?;
        let mut sums = PieceSums::default();
        chunks.iter().for_each(|bytes| sums.update(bytes));
        let header = Header {
            key: body.key.clone(),
            class: body.class,
            // A copy: what was given may be a small part of a large buffer.
            metadata: Bytes::copy_from_slice(&body.metadata),
            body_bytes: chunks.bytes(),
            sequence: 0,
            generation: 0,
            written_at: self.engine.wall_seconds(),
            parts: 0,
            sums: sums.finish(),
            is_dead: false,
        };
        let is_back = self.engine.lock().ghost.knows(body.hash);
        let stream = if is_back && body.class != Class::Live {
            // It was missed: what comes back keeps company with what was carried over.
            Stream::Reinserted
        } else {
            Stream::Class(body.class)
        };
        let Some(room) = header
            .pages()
            .and_then(|pages| self.log.make_room(stream, pages))
        else {
            self.engine.ledger.refused_no_space.add_one();
            return None;
        };
        self.log.append(room, header, (body.hash, &chunks)).ok()
    }
}

/// The bytes of an object that is kept in memory whole.
fn small_body(body: &Body, record: Option<&Record>) -> Option<Bytes> {
    let chunks = record
        .filter(|record| record.is_small())
        .and(body.chunks())?;
    let parts: Vec<&[u8]> = chunks.iter().map(|bytes| &bytes[..]).collect();
    Some(parts.concat().into())
}
