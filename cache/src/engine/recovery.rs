//! Finding what is whole in a store.
//!
//! The directory of each span is read in one go; a sealed slot tells all of its region. Only open
//! regions, and those whose slot or footer is damaged, are searched for records, page by page.
//! Bodies found by searching after an unclean stop are checked before their first use.

use std::sync::Arc;

use tracing::{info, warn};

use super::{
    Engine,
    claim::Claim,
    format::{ENTRY_BYTES, Entry, PAGE, Slot, SlotState, Stream, class_code, decode_footer},
    index::Item,
    log::{Log, OpenRegion},
    record::Header,
    regions::Use,
    state::{State, Why, bytes_of},
    stored::Record,
};
use crate::{Class, Config};

/// A region as it was found.
#[derive(Debug)]
struct Found {
    slot: Slot,
    /// Behind the last record, if it was searched.
    end: Option<u32>,
}

/// Fills the state of `engine` from its store. Returns the log, ready to go on.
///
/// Of several records of one key the newest counts.
pub(super) fn recover(engine: &Arc<Engine>, claim: Claim, config: &Config) -> Log {
    let Claim {
        told, was_closed, ..
    } = claim;
    let mut log = Log::new(Arc::clone(engine), told);
    let mut found = Vec::new();
    for span in 0..engine.geometry.spans() {
        read_span(&mut log, span, was_closed, &mut found);
    }
    found.sort_unstable_by_key(|found| found.slot.generation);
    let generations = found.last().map(|found| found.slot.generation + 1);
    let fresh = || engine.secret.hash(b"generation") >> 2;
    log.next_generation = generations.unwrap_or_else(fresh);
    log.next_sequence = log.told.boot << 40;
    admit(engine, &found);
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

fn read_span(log: &mut Log, span: u32, was_closed: bool, found: &mut Vec<Found>) {
    let geometry = log.geometry();
    let bytes = usize::try_from(geometry.directory_bytes()).unwrap_or(0);
    let mut directory = vec![0; bytes];
    let offset = geometry.directory_offset(span);
    let outcome = log.file().read_at(&mut directory, offset);
    if let Err(error) = &outcome {
        log.engine.ledger.read_errors.add_one();
        warn!(%error, span, "a part of the directory of the cache cannot be read");
    }
    let first = span * geometry.span_regions;
    let regions = (first..geometry.regions).zip(directory.chunks_exact(PAGE));
    for (region, page) in regions {
        if log.told.is_bad(region) {
            log.engine.lock().regions.region_mut(region).usage = Use::Bad;
            continue;
        }
        let slot = match &outcome {
            Ok(_) => Slot::decode(page, region),
            Err(_unreadable) => log.read_slot(region).map(Some).ok_or(()),
        };
        found.extend(examine(log, region, slot, was_closed));
    }
}

/// What a region holds; `None` if it is free.
fn examine(
    log: &Log,
    region: u32,
    slot: Result<Option<Slot>, ()>,
    was_closed: bool,
) -> Option<Found> {
    match slot {
        Ok(None) => None,
        Ok(Some(slot)) => match slot.state {
            SlotState::Free => Some(Found { slot, end: None }),
            SlotState::Open => search(log, region, Some(slot), was_closed),
            SlotState::Sealed => with_footer(log, slot, was_closed),
        },
        Err(()) => search(log, region, None, false),
    }
}

fn with_footer(log: &Log, mut slot: Slot, was_closed: bool) -> Option<Found> {
    if slot.footer.entries > 0 {
        let rest = read_footer(log, &slot);
        let Some(rest) = rest else {
            return search(log, slot.region, Some(slot), was_closed);
        };
        slot.entries.extend(rest);
    }
    Some(Found { slot, end: None })
}

fn read_footer(log: &Log, slot: &Slot) -> Option<Vec<Entry>> {
    let bytes = usize::try_from(slot.footer.entries)
        .ok()?
        .checked_mul(ENTRY_BYTES)?;
    let geometry = log.geometry();
    if bytes as u64 > geometry.region_bytes || slot.footer.page >= geometry.region_pages() {
        return None;
    }
    let mut footer = vec![0; bytes.next_multiple_of(PAGE)];
    let offset = geometry.page_offset(slot.region, slot.footer.page);
    log.file().read_at(&mut footer, offset).ok()?;
    decode_footer(&footer, slot.footer)
}

/// Searches a region for records, of the generation of its slot if that is known.
fn search(log: &Log, region: u32, slot: Option<Slot>, is_trusted: bool) -> Option<Found> {
    let pages = log.geometry().region_pages();
    let mut generation = slot.as_ref().map(|slot| slot.generation);
    let (mut page, mut end, mut last) = (0, 0, None);
    let mut entries: Vec<Entry> = Vec::new();
    while page < pages {
        let header = read_header(log, region, page, generation);
        let fitting = header.and_then(|header| {
            let length = header.pages().filter(|length| *length <= pages - page)?;
            // Left over from before a former power cut.
            let is_next = last.is_none_or(|last| header.sequence > last);
            is_next.then_some((header, length))
        });
        let Some((header, length)) = fitting else {
            page += 1;
            continue;
        };
        generation = Some(header.generation);
        last = Some(header.sequence);
        entries.push(Entry {
            hash: log.engine.hash(&header.key),
            sequence: header.sequence,
            page,
            pages: length,
            class: header.class,
            is_killed: header.is_dead,
            is_unverified: !is_trusted,
        });
        page += length;
        end = page;
    }
    let slot = if let Some(slot) = slot {
        Slot { entries, ..slot }
    } else {
        let rank = lowest(&entries);
        Slot {
            rank,
            entries,
            ..Slot::empty(region, SlotState::Sealed, Stream::Class(rank), generation?)
        }
    };
    Some(Found {
        slot,
        end: Some(end),
    })
}

fn read_header(log: &Log, region: u32, page: u32, generation: Option<u64>) -> Option<Header> {
    let place = (log.geometry(), region, page);
    Record::read_header(&*log.file(), place, generation)
        .ok()
        .flatten()
}

/// Enters all records into the index, oldest regions first.
fn admit(engine: &Engine, found: &[Found]) {
    let mut state = engine.lock();
    let records = found.iter().map(|found| found.slot.entries.len()).sum();
    state.index.reserve(records);
    for Found { slot, .. } in found {
        state.regions.adopt(slot);
        for entry in slot.entries.iter().filter(|entry| !entry.is_killed) {
            engine.ledger.recovered.add_one();
            admit_one(engine, &mut state, slot.region, entry);
        }
    }
}

fn admit_one(engine: &Engine, state: &mut State, region: u32, entry: &Entry) {
    let item = Item::new(region, entry, state.recency.tick());
    state.recency.pass(bytes_of(&item));
    let Some(other) = state.insert(entry.hash, &item) else {
        return;
    };
    // Two records of one key: it was replaced, or carried over, just before the end.
    engine.ledger.discarded.add_one();
    let (this, that) = (read(engine, state, &item), read(engine, state, &other));
    let sequence = |record: &Option<Record>| record.as_ref().map(|it| it.header.sequence);
    let (newer, older) = if sequence(&this) > sequence(&that) {
        ((item, this), other)
    } else {
        ((other, that), item)
    };
    // The older one stays if the newer one did not get onto the disk as a whole.
    let (winner, loser) = if is_whole(engine, newer.1.as_ref()) {
        (newer.0, older)
    } else {
        (older, newer.0)
    };
    state.insert(entry.hash, &winner);
    state.kill(loser.region, loser.page, Why::Superseded);
}

fn read(engine: &Engine, state: &State, item: &Item) -> Option<Record> {
    let generation = state.regions.region(item.region).generation;
    let place = (engine.geometry, item.region, item.page);
    let header = Record::read_header(&*engine.file, place, Some(generation));
    let header = header.ok().flatten().filter(|header| !header.is_dead)?;
    Some(Record::new(header, 0, place, !item.is_unverified))
}

/// Whether a record can be relied on; its body is compared with its sums if it must be.
fn is_whole(engine: &Engine, record: Option<&Record>) -> bool {
    record.is_some_and(|record| record.is_verified() || record.check(&*engine.file).is_ok())
}

/// Goes on where the records end: the newest open region of each stream stays open.
fn go_on(log: &mut Log, found: Vec<Found>) {
    let mut to_seal = Vec::new();
    for Found { slot, end } in found.into_iter().rev() {
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

fn lowest(entries: &[Entry]) -> Class {
    let classes = entries.iter().map(|entry| entry.class);
    classes
        .min_by_key(|class| class_code(*class))
        .unwrap_or(Class::Low)
}
