//! Starting with what a [`Survey`] finds in a store: records go into the index, open regions go on.
//!
//! Bodies found by searching after an unclean stop are checked before their first use.
//!
//! An object of several records is found only if all of them are there. Parts of what was being
//! written at the end, or was dropped, belong to no head: they are forgotten.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
};

use tracing::{info, warn};

use super::{
    Engine,
    claim::Claim,
    crew,
    format::{BOOT_SHIFT, Entry, PAGE_BYTES, Role, SlotState, Stream, Super},
    index::{Hash48, Index, Item, Load},
    log::{Log, OpenRegion},
    regions::Use,
    state::{State, Why},
    stored::Record,
    survey::{Found, Survey, Told, lowest},
};
use crate::Config;

/// Fills the state of `engine` from its store. Returns the log, ready to go on.
///
/// Of several records of one key the newest counts.
pub(super) fn recover(engine: &Arc<Engine>, claim: Claim, config: &Config) -> Log {
    let Claim {
        told, was_closed, ..
    } = claim;
    let (mut found, load) = survey(engine, &told, was_closed);
    let mut log = Log::new(Arc::clone(engine), told);
    found.sort_unstable_by_key(|found| found.slot.generation);
    let generations = found.last().map(|found| found.slot.generation + 1);
    let fresh = || engine.secret.hash(b"generation") >> 2;
    log.next_generation = generations.unwrap_or_else(fresh);
    log.next_sequence = log.told.boot << BOOT_SHIFT;
    admit(engine, &found, load);
    go_on(&mut log, found);
    let ledger = &engine.ledger;
    info!(
        path = %config.path.display(),
        was_closed,
        recovered = ledger.recovered.value(),
        discarded = ledger.discarded.value(),
        "opened the cache"
    );
    log
}

/// Finds all regions that hold something, and takes those that are bad out of use.
fn survey(engine: &Engine, told: &Super, was_closed: bool) -> (Vec<Found>, Load) {
    let mut state = engine.lock();
    for region in (0..told.geometry.regions).filter(|region| told.is_bad(*region)) {
        state.regions.region_mut(region).usage = Use::Bad;
    }
    drop(state);
    let survey = Survey {
        file: &*engine.file,
        told,
        was_closed,
    };
    let mut all = Vec::new();
    for span in 0..told.geometry.spans() {
        let (slots, outcome) = survey.slots(span);
        all.extend(slots);
        if let Err(error) = outcome {
            engine.ledger.read_errors.add_one();
            warn!(%error, span, "a part of the directory of the cache cannot be read");
        }
    }
    // What must be searched takes longest: it goes first.
    all.sort_by_key(|(_, slot)| matches!(slot, Ok(Some(slot)) if slot.state == SlotState::Sealed));
    examine(&survey, all)
}

/// Finds all records, on several threads. Of sealed regions only the entries of objects in parts
/// are kept.
fn examine(survey: &Survey<'_>, all: Vec<Told>) -> (Vec<Found>, Load) {
    let slots = all
        .iter()
        .filter_map(|(_, slot)| slot.as_ref().ok()?.as_ref());
    // However many are told of, a region holds no more than its pages.
    let records_max = survey.told.geometry.region_pages() as usize;
    let records =
        slots.map(|slot| (slot.entries.len() + slot.footer.entries as usize).min(records_max));
    let load = Load::new(records.sum());
    let found = Mutex::new(Vec::with_capacity(all.len()));
    crew::for_each(all, |told| {
        let Some(mut it) = survey.examine(told) else {
            return;
        };
        let entries = it.slot.entries.iter().filter(|entry| !entry.is_killed);
        load.add(entries.map(|entry| (entry.hash, Item::new(it.slot.region, entry, 0))));
        if it.end.is_none() {
            it.slot.entries.retain(|entry| entry.role != Role::Whole);
            it.slot.entries.shrink_to_fit();
        }
        found
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(it);
    });
    (
        found.into_inner().unwrap_or_else(PoisonError::into_inner),
        load,
    )
}

/// Takes over all records. They were used when they were written.
fn admit(engine: &Engine, found: &[Found], load: Load) {
    let (mut index, mut rejected) = load.finish();
    let mut state = engine.lock();
    let mut starts = vec![0; engine.geometry.regions as usize];
    let mut written = 0;
    for Found {
        slot, pages_used, ..
    } in found
    {
        state.regions.adopt(slot);
        starts[slot.region as usize] = written;
        written += u64::from(*pages_used) * PAGE_BYTES;
    }
    state.recency.pass(written);
    let ledger = &engine.ledger;
    let parts = entries_of(found, Role::Part).count();
    let objects = (index.len() + rejected.len()).saturating_sub(parts);
    ledger.recovered.add(objects as u64);
    // Parts first: whether an object is whole depends on them.
    rejected.sort_by_key(|(_, item)| item.role != Role::Part);
    for (hash, item) in rejected {
        let is_object = item.role != Role::Part;
        ledger.discarded.add(is_object.into());
        decide(engine, &mut state, &mut index, hash, item);
    }
    join_parts(engine, &mut state, &mut index, found);
    state.adopt(index, |item| {
        starts[item.region as usize] + u64::from(item.page) * PAGE_BYTES
    });
}

/// Two records of one key: it was replaced, or carried over, just before the end.
fn decide(engine: &Engine, state: &mut State, index: &mut Index, hash: Hash48, item: Item) {
    let Some(other) = index.find(hash) else {
        return;
    };
    let (this, that) = (read(engine, state, &item), read(engine, state, &other));
    let sequence = |record: &Option<Record>| record.as_ref().map(|it| it.header.sequence);
    let (newer, older) = if sequence(&this) > sequence(&that) {
        ((item, this), other)
    } else {
        ((other, that), item)
    };
    // The older one stays if the newer one did not get onto the disk as a whole.
    let (winner, loser) = if is_whole(engine, state, index, newer.1.as_ref()) {
        (newer.0, older)
    } else {
        (older, newer.0)
    };
    index.insert(hash, &winner);
    state.kill(&loser, Why::Superseded);
}

/// Drops heads that lack a part, and forgets parts that no head tells of.
fn join_parts(engine: &Engine, state: &mut State, index: &mut Index, found: &[Found]) {
    let mut joined = HashSet::new();
    for (region, entry) in entries_of(found, Role::Head) {
        let hash = index.hash(entry.hash);
        let item = index.find(hash);
        let Some(item) = item.filter(|item| item.is_at(region, entry.page)) else {
            continue;
        };
        let head = read(engine, state, &item);
        let parts = head.map(|head| engine.part_hashes(&head.header));
        let is_there = |part: &u64| {
            let part = index.find(index.hash(*part));
            part.is_some_and(|part| part.role == Role::Part)
        };
        if let Some(parts) = parts.filter(|parts| parts.iter().all(is_there)) {
            joined.extend(parts);
        } else {
            engine.ledger.discarded.add_one();
            index.remove(hash, item.region, item.page);
            state.kill(&item, Why::Dropped);
        }
    }
    for (_, entry) in entries_of(found, Role::Part) {
        if !joined.contains(&entry.hash) {
            let hash = index.hash(entry.hash);
            if let Some(item) = index.find(hash) {
                index.remove(hash, item.region, item.page);
            }
        }
    }
}

/// All entries of one role, each with its region.
fn entries_of(found: &[Found], role: Role) -> impl Iterator<Item = (u32, &Entry)> {
    let entries = found.iter().flat_map(|found| {
        let region = found.slot.region;
        found.slot.entries.iter().map(move |entry| (region, entry))
    });
    entries.filter(move |(_, entry)| entry.role == role && !entry.is_killed)
}

fn read(engine: &Engine, state: &State, item: &Item) -> Option<Record> {
    let generation = state.regions.region(item.region).generation;
    let at = engine.geometry.address(item.region, item.page);
    let header = Record::read_header(&*engine.file, at, Some(generation));
    let header = header.ok().flatten().filter(|header| !header.is_dead)?;
    Some(Record::new(header, 0, at, !item.is_unverified))
}

/// Whether a record, and all parts of it, can be relied on. Bodies are compared with their sums
/// where they must be.
fn is_whole(engine: &Engine, state: &State, index: &Index, record: Option<&Record>) -> bool {
    let is_right = |record: &Record| record.is_verified() || record.check(&*engine.file).is_ok();
    let is_part_right = |part: &u64| {
        let part = index.find(index.hash(*part));
        let part = part.and_then(|item| read(engine, state, &item));
        part.is_some_and(|part| is_right(&part))
    };
    record.is_some_and(|record| {
        is_right(record) && engine.part_hashes(&record.header).iter().all(is_part_right)
    })
}

/// Goes on where the records end: the newest open region of each stream stays open.
fn go_on(log: &mut Log, found: Vec<Found>) {
    let mut to_seal = Vec::new();
    for Found { slot, end, .. } in found.into_iter().rev() {
        let Some(next_page) = end else {
            continue;
        };
        let rank = match slot.stream {
            Stream::Class(class) => class,
            Stream::Reinserted => lowest(&slot.entries),
        };
        let open = OpenRegion {
            region: slot.region,
            generation: slot.generation,
            rank,
            next_page,
            durable: slot.entries.len(),
            entries: slot.entries,
        };
        let place = &mut log.open[slot.stream.index()];
        if slot.state == SlotState::Open && place.is_none() {
            *place = Some(open);
        } else {
            to_seal.push((open, slot.stream));
        }
    }
    // After the end of a process what it wrote may not be durable yet.
    log.is_dirty = true;
    if log.sync() {
        for (open, stream) in to_seal {
            log.seal_found(&open, stream);
        }
    }
}
