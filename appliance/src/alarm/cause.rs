//! Which alarm explains which: an alarm whose kind has a cause that is raised on a related
//! resource, or on what it comes through, is an effect of it, and so of what that is an effect of.
//! A cause that is bad now explains before one that is over or clears.
//!
//! A cause explains for a minute longer than it is raised: effects last longer, and some come
//! later. What has the same probable cause ends with it: if that begins behind the cause, it is
//! another loss. The signal is back and whole within seconds: what is still bad of it then has a
//! cause of its own. What is lost of a stream when a link or all feeds go begins with that; a
//! stream that lives on meanwhile has its own troubles. A cause that is raised for it flaps alone
//! explains what does so too.
//!
//! What has a shorter hold than its cause is raised before that: it waits to be told of while the
//! cause is bad and its hold goes by.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use weir_hal::Monotonic;

use crate::alarm::{
    Kind, Resource,
    entry::{Entry, Key, Tie},
};

/// The root of each alarm that is an effect of another.
pub(super) fn roots(entries: &BTreeMap<Key, Entry>, now: Monotonic) -> BTreeMap<Key, Key> {
    let mut roots: BTreeMap<Key, Key> = BTreeMap::new();
    // In the order of kinds: causes are met before their effects.
    for (key, entry) in entries.iter().filter(|(_, entry)| entry.is_raised()) {
        let explains = |cause: &Key, by: &Entry| by.explains(entry, tie(key.0, cause.0), now);
        let is_bad = |cause: &Key, by: &Entry| by.is_bad() && explains(cause, by);
        let bad = cause(entries, (key, entry), &is_bad);
        if let Some(cause) = bad.or_else(|| cause(entries, (key, entry), &explains)) {
            let root = roots.get(cause).unwrap_or(cause).clone();
            roots.insert(key.clone(), root);
        }
    }
    roots
}

/// How an effect of this kind is tied to a cause of that.
fn tie(effect: Kind, cause: Kind) -> Tie {
    let takes_signal = matches!(
        cause,
        Kind::NicDown
            | Kind::NicErrors
            | Kind::QuerierLost
            | Kind::FeedsLost
            | Kind::FeedsDamaged
            | Kind::IngestDown
    );
    let is_of_signal = matches!(
        effect,
        Kind::FeedsLost
            | Kind::FeedsDamaged
            | Kind::IngestDown
            | Kind::SyncLoss
            | Kind::ContinuityBurst
            | Kind::TablesMissing
            | Kind::ContinuityError
            | Kind::ClockMissing
    );
    let is_of_stream = matches!(
        effect,
        Kind::SyncLoss
            | Kind::ContinuityBurst
            | Kind::TablesMissing
            | Kind::ContinuityError
            | Kind::ClockMissing
            | Kind::BitrateVariance
            | Kind::SegmentStale
    );
    Tie {
        begins_with_it: is_of_stream && matches!(cause, Kind::NicDown | Kind::FeedsLost),
        ends_with_it: effect.definition().probable_cause == cause.definition().probable_cause,
        heals_with_it: takes_signal && is_of_signal,
    }
}

/// What nobody was told of yet, and has a cause that is about to be raised.
pub(super) fn waiting(entries: &BTreeMap<Key, Entry>, roots: &BTreeMap<Key, Key>) -> BTreeSet<Key> {
    let untold = entries.iter().filter(|(key, entry)| {
        entry.is_raised() && entry.told.is_none() && !roots.contains_key(key)
    });
    let is_rising = |_: &Key, by: &Entry| by.is_rising();
    let waiting = untold.filter(|(key, entry)| cause(entries, (key, entry), &is_rising).is_some());
    waiting.map(|(key, _)| key.clone()).collect()
}

/// The first cause of an alarm of which `explains` holds.
fn cause<'a>(
    entries: &'a BTreeMap<Key, Entry>,
    (key, entry): (&Key, &Entry),
    explains: &impl Fn(&Key, &Entry) -> bool,
) -> Option<&'a Key> {
    let resources = [Some(&key.1), entry.through.as_ref()];
    let mut causes = key.0.definition().causes.iter();
    causes.find_map(|cause| explaining(entries, *cause, resources, explains))
}

/// An alarm of this `kind` on what is related to one of `resources`, and of which `explains` holds.
fn explaining<'a>(
    entries: &'a BTreeMap<Key, Entry>,
    kind: Kind,
    resources: [Option<&Resource>; 2],
    explains: &impl Fn(&Key, &Entry) -> bool,
) -> Option<&'a Key> {
    let mut resources = resources.into_iter().flatten();
    resources.find_map(|resource| explaining_one(entries, (kind, resource), explains))
}

fn explaining_one<'a>(
    entries: &'a BTreeMap<Key, Entry>,
    (kind, resource): (Kind, &Resource),
    explains: &impl Fn(&Key, &Entry) -> bool,
) -> Option<&'a Key> {
    let explains = |(key, entry): (&'a Key, &Entry)| explains(key, entry).then_some(key);
    let wider = [
        Some(resource.clone()),
        rendition_of(resource),
        channel_of(resource),
        Some(Resource::Node),
    ];
    let found = wider.into_iter().flatten().find_map(|resource| {
        let found = entries.get_key_value(&(kind, resource));
        found.and_then(explains)
    });
    found.or_else(|| {
        let first = first_part(resource)?;
        let parts = entries.range((kind, first)..);
        let mut parts =
            parts.take_while(|((of, part), _)| *of == kind && part.is_related_to(resource));
        parts.find_map(explains)
    })
}

/// The rendition that a source is of.
fn rendition_of(resource: &Resource) -> Option<Resource> {
    match resource {
        Resource::Source {
            channel, rendition, ..
        } => Some(Resource::Rendition {
            channel: Arc::clone(channel),
            rendition: Arc::clone(rendition),
        }),
        Resource::Node
        | Resource::Disk
        | Resource::Store
        | Resource::Nic(_)
        | Resource::Origin(_)
        | Resource::Slot(_)
        | Resource::Channel(_)
        | Resource::Rendition { .. } => None,
    }
}

/// The channel that a rendition or a source is of.
fn channel_of(resource: &Resource) -> Option<Resource> {
    match resource {
        Resource::Rendition { channel, .. } | Resource::Source { channel, .. } => {
            Some(Resource::Channel(Arc::clone(channel)))
        }
        Resource::Node
        | Resource::Disk
        | Resource::Store
        | Resource::Nic(_)
        | Resource::Origin(_)
        | Resource::Slot(_)
        | Resource::Channel(_) => None,
    }
}

/// Where the parts of a resource begin in the order of resources. No source explains anything, so
/// that those of a rendition are none here.
fn first_part(resource: &Resource) -> Option<Resource> {
    match resource {
        Resource::Node => Some(Resource::Node),
        Resource::Channel(channel) => Some(Resource::Rendition {
            channel: Arc::clone(channel),
            rendition: "".into(),
        }),
        Resource::Disk
        | Resource::Store
        | Resource::Nic(_)
        | Resource::Origin(_)
        | Resource::Slot(_)
        | Resource::Rendition { .. }
        | Resource::Source { .. } => None,
    }
}
