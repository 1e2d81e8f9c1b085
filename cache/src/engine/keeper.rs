//! The thread `weir-store`: the only one that writes.

use std::sync::{Arc, PoisonError};

use bytes::Bytes;

use super::{
    Engine,
    body::{Body, LastUse},
    chunks::Chunks,
    format::Stream,
    index::Item,
    log::Log,
    record::{Chain, Header, PieceSums},
    state::{State, Why},
    stored::{Record, Stored},
    table::{Job, Place},
};
use crate::{Class, Key};

/// Kills that wait for a sync before one is made for them.
const KILLS_MAX: usize = 1024;

/// The state of the thread.
#[derive(Debug)]
pub(super) struct Keeper {
    engine: Arc<Engine>,
    log: Log,
    /// What the last attempt to sync was for: it is not repeated for the same flush.
    flush_tried: u64,
    /// There was no room for something of the object that is being written.
    lacks_room: bool,
}

/// What to do next.
enum Task {
    Write(Job),
    Sync { flush: u64, settled: u64 },
}

impl Keeper {
    pub(super) const fn new(engine: Arc<Engine>, log: Log) -> Self {
        Self {
            engine,
            log,
            flush_tried: 0,
            lacks_room: false,
        }
    }

    /// Works until the store is closed.
    pub(super) fn run(mut self) {
        while let Some(task) = self.next_task() {
            match task {
                Task::Write(Job::Part(body)) => self.spill(&body),
                Task::Write(Job::Whole(body)) => self.write(&body),
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
            let is_full = state.kills.len() >= KILLS_MAX && !engine.is_offline();
            if !is_full && let Some(job) = state.next_job() {
                return Some(Task::Write(job));
            }
            let settled = state.table.settled();
            let is_clean = !self.log.is_dirty && state.kills.is_empty();
            if is_clean || engine.is_offline() {
                state.table.set_durable(settled, flush);
                engine.progress.notify_all();
            }
            let is_due = std::mem::take(&mut state.is_due) || is_full;
            let is_asked = state.table.has_unanswered_flush() && self.flush_tried < flush;
            if !is_clean && !engine.is_offline() && (is_due || is_asked) {
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
        let is_durable = self.settle() || self.settle();
        let table = &mut self.engine.lock().table;
        if is_durable {
            table.set_durable(settled, flush);
        } else {
            table.fail(flush);
        }
        self.engine.progress.notify_all();
    }

    fn settle(&mut self) -> bool {
        self.log.sync() && self.log.kill_dropped() && self.log.settle_kills()
    }

    /// Writes the part of a growing object that is in memory.
    fn spill(&mut self, body: &Arc<Body>) {
        if !self.write_parts(body) {
            // It stays in memory until the object is complete; then it is tried again.
            body.stop_spilling();
        }
        // Meanwhile so much may have come in that it is time for the next.
        self.engine.spill(body, body.held_bytes());
        self.engine.lock().table.pass_over();
    }

    fn write(&mut self, body: &Arc<Body>) {
        // Part of it may have been tried before: it is counted once.
        self.lacks_room = false;
        let record = if self.admit(body) && self.write_parts(body) {
            self.store(body)
        } else {
            None
        };
        let small = record.as_deref().zip(body.chunks());
        let small = small.and_then(|(record, chunks)| small_body(&chunks, record));
        let mut state = self.engine.lock();
        let Some(record) = record else {
            let refusals = u64::from(self.lacks_room);
            self.engine.ledger.refused_no_space.add(refusals);
            let is_gone = state.table.settle(body, Place::Doomed);
            if !is_gone && !state.table.is_pinned(&body.key) {
                // What it was to replace must not come back.
                state.drop_record(body.hash);
            }
            if !state.table.is_current(body) {
                state.forget_links(&body.part_links());
            }
            return;
        };
        let LastUse { tick, uses } = body.last_use();
        let item = Item {
            uses,
            tick,
            ..item_of(&record, &state)
        };
        let links = body.part_links();
        if state.table.settle(body, Place::Disk) {
            state.kill(&item, Why::Superseded);
            state.forget_links(&links);
            return;
        }
        if let Some(older) = state.insert(record.hash, &item) {
            state.kill(&older, Why::Superseded);
        }
        state.freshen(&links);
        let stored = self.stored(&mut state, record, small);
        body.store(stored);
    }

    /// Whether a complete object gets onto the disk. If not, that is counted.
    fn admit(&self, body: &Body) -> bool {
        let refusal = self.engine.judge(body).err();
        if let Some(refusal) = refusal {
            self.engine.refuse(body, refusal);
        }
        refusal.is_none()
    }

    /// Puts all parts of an object that are in memory on disk. Returns false if that cannot be.
    fn write_parts(&mut self, body: &Arc<Body>) -> bool {
        while let Some((number, chunks)) = body.part_in_memory() {
            if !self.write_part(body, number, &chunks) {
                return false;
            }
        }
        true
    }

    fn write_part(&mut self, body: &Arc<Body>, number: u32, chunks: &Chunks) -> bool {
        let key = Key::of_part(body.birth, number);
        let hash = self.engine.hash(&key);
        let header = self.header(key, body.key.as_str().as_bytes(), body.class, chunks);
        let Some(record) = self.put(body, header, hash, chunks) else {
            return false;
        };
        self.engine.ledger.parts_written.add_one();
        let mut state = self.engine.lock();
        let item = item_of(&record, &state);
        state.insert(record.hash, &item);
        let small = small_body(chunks, &record);
        let stored = self.stored(&mut state, record, small);
        if !body.store_part(number, stored) {
            state.remove(hash, item.region, item.page);
        }
        true
    }

    /// Puts the rest of an object on disk, all parts of which are there.
    fn store(&mut self, body: &Arc<Body>) -> Option<Arc<Record>> {
        let chunks = body.chunks()?;
        let mut header = self.header(body.key.clone(), &body.metadata, body.class, &chunks);
        let part_bytes = body.part_bytes();
        if !part_bytes.is_empty() {
            if !self.engine.lock().holds(&body.part_links()) {
                // The device has failed under one of them.
                return None;
            }
            header.chain = Chain {
                birth: body.birth,
                part_bytes,
            };
        }
        self.put(body, header, body.hash, &chunks)
    }

    fn header(&self, key: Key, metadata: &[u8], class: Class, chunks: &Chunks) -> Header {
        let mut sums = PieceSums::default();
        chunks.iter().for_each(|bytes| sums.update(bytes));
        Header {
            key,
            class,
            // A copy: what was given may be a small part of a large buffer.
            metadata: Bytes::copy_from_slice(metadata),
            body_bytes: chunks.bytes(),
            sequence: 0,
            generation: 0,
            written_at: self.engine.wall_seconds(),
            chain: Chain::default(),
            sums: sums.finish(),
            is_dead: false,
        }
    }

    /// Puts a record of an object on disk.
    fn put(
        &mut self,
        body: &Body,
        header: Header,
        hash: u64,
        chunks: &Chunks,
    ) -> Option<Arc<Record>> {
        let is_back = self.engine.lock().ghost.knows(body.hash);
        let stream = if is_back && !body.class.is_live() {
            // It was missed: what comes back keeps company with what was carried over.
            Stream::Reinserted
        } else {
            Stream::Class(body.class)
        };
        let Some(room) = header
            .pages()
            .and_then(|pages| self.log.make_room(stream, pages))
        else {
            self.lacks_room = true;
            return None;
        };
        let record = self.log.append(room, header, hash, chunks).ok()?;
        let ledger = &self.engine.ledger;
        ledger.bytes_admitted.add(record.header.body_bytes);
        let mut state = self.engine.lock();
        state.recency.pass(record.header.body_bytes);
        drop(state);
        Some(record)
    }

    /// A record that has just been written; its head is kept at hand, and its body if small.
    fn stored(&self, state: &mut State, record: Arc<Record>, small: Option<Bytes>) -> Arc<Stored> {
        let hash = state.index.hash(record.hash);
        state.hot.keep(hash, &record, small);
        Arc::new(Stored {
            lease: state.regions.lease(record.region),
            file: Arc::clone(&self.engine.file),
            record,
        })
    }
}

/// The place in the index of a record that has just been written.
fn item_of(record: &Record, state: &State) -> Item {
    Item {
        region: record.region,
        page: record.page,
        pages: record.header.pages().unwrap_or(1),
        class: record.header.class,
        role: record.header.role(),
        is_unverified: false,
        uses: 0,
        tick: state.recency.tick(),
    }
}

/// The bytes of a record that is kept in memory whole.
fn small_body(chunks: &Chunks, record: &Record) -> Option<Bytes> {
    let parts: Vec<&[u8]> = chunks.iter().map(|bytes| &bytes[..]).collect();
    record.is_small().then(|| parts.concat().into())
}
