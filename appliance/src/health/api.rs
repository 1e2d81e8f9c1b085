//! The table as JSON: `/api/v1`, one path for each view of it.
//!
//! A thing is an object: what tells it from others under the name of its kind, its own rows, a
//! further object for each group, a list for the parts of each kind. Values are in the units that
//! their names say; what is unknown is `null`.
//!
//! Refuses: fields that are not rows of the table, but for `time`.

use bytes::Bytes;
use serde::{Serialize, Serializer, ser::SerializeMap};

use crate::{
    counter::{Row, Value},
    health::{
        Snapshot,
        json::{self, timestamp},
        table::{Entity, GroupScope},
    },
};

/// Where the table is.
pub(super) const ROOT: &str = "/api/v1/";

/// The whole node without its parts.
pub(super) const STATUS: &str = "status";

/// The parts and groups of the node that have a path of their own below [`ROOT`].
pub(super) const VIEWS: [&str; 9] = [
    "channels",
    "cache",
    "origins",
    "routes",
    "disks",
    "nics",
    "thermometers",
    "slots",
    "suppressed_alarms",
];

/// The kind of parts of which each has a path of its own.
pub(super) const CHANNELS: &str = "channels";

/// Answers a path below [`ROOT`]; `None` if there is nothing.
pub(super) fn answer(node: &str, snapshot: &Snapshot, path: &str) -> Option<Bytes> {
    let view = path.split('/').next()?;
    if view != STATUS && !VIEWS.contains(&view) {
        return None;
    }
    let root = snapshot.told(node);
    let time = timestamp(snapshot.taken);
    match path.strip_prefix("channels/") {
        Some(id) => {
            let channel = part(root, CHANNELS).iter().find(|one| one.key == id)?;
            Some(json::render(&Whole(channel)))
        }
        None if path == STATUS => Some(json::render(&Alone(root))),
        None if path == view => {
            let time = &time;
            Some(json::render(&View {
                time,
                root,
                name: view,
            }))
        }
        None => None,
    }
}

/// The parts of `thing` that are called so; none if it has no such parts.
pub(crate) fn part<'a>(thing: &'a Entity, plural: &str) -> &'a [Entity] {
    let mut parts = thing.scope.parts.iter().zip(&thing.parts);
    let found = parts.find(|(scope, _)| scope.plural == plural);
    found.map_or(&[], |(_, parts)| parts)
}

/// One part or group of the node, beside the time.
struct View<'a> {
    time: &'a str,
    root: &'a Entity,
    name: &'a str,
}

impl Serialize for View<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry("time", self.time)?;
        let mut groups = groups(self.root);
        if let Some((_, cells)) = groups.find(|(group, _)| group.name == Some(self.name)) {
            map.serialize_entry(self.name, &cells)?;
        } else {
            let parts = part(self.root, self.name).iter().map(Whole);
            map.serialize_entry(self.name, &parts.collect::<Vec<_>>())?;
        }
        map.end()
    }
}

/// A thing with all its parts.
pub(super) struct Whole<'a>(pub(super) &'a Entity);

impl Serialize for Whole<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        entries(&mut map, self.0)?;
        for (scope, parts) in self.0.scope.parts.iter().zip(&self.0.parts) {
            map.serialize_entry(scope.plural, &parts.iter().map(Whole).collect::<Vec<_>>())?;
        }
        map.end()
    }
}

/// A thing without its parts.
struct Alone<'a>(&'a Entity);

impl Serialize for Alone<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        entries(&mut map, self.0)?;
        map.end()
    }
}

/// Writes all of `thing` but its parts.
fn entries<M: SerializeMap>(map: &mut M, thing: &Entity) -> Result<(), M::Error> {
    map.serialize_entry(thing.scope.name, &thing.key)?;
    for (group, cells) in groups(thing) {
        match (group.name, cells) {
            (Some(name), cells) => map.serialize_entry(name, &cells)?,
            (None, Some(cells)) => cells.entries(map)?,
            (None, None) => {}
        }
    }
    Ok(())
}

/// The groups of `thing`; without values, those that it is without.
pub(super) fn groups(thing: &Entity) -> impl Iterator<Item = (&GroupScope, Option<Cells<'_>>)> {
    let groups = thing.scope.groups.iter().zip(&thing.groups);
    groups.map(|(group, cells)| {
        let cells = cells.as_deref();
        (group, cells.map(|cells| Cells(group.rows, cells)))
    })
}

/// The rows of one group and their values.
pub(super) struct Cells<'a>(pub(super) &'a [Row], pub(super) &'a [Value]);

impl Cells<'_> {
    fn entries<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        for (row, value) in self.0.iter().zip(self.1) {
            map.serialize_entry(row.name, value)?;
        }
        Ok(())
    }
}

impl Serialize for Cells<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        self.entries(&mut map)?;
        map.end()
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Count(count) => serializer.serialize_u64(*count),
            Self::Number(number) => serializer.serialize_f64(*number),
            Self::State(word) => serializer.serialize_str(word),
            Self::Text(text) => serializer.serialize_str(text),
            Self::Unknown => serializer.serialize_unit(),
        }
    }
}
