//! WEIR-MIB at one moment: the table of counters, and the changes of alarms, under their numbers.
//!
//! Source: RFC 5612 (32473 is the enterprise number of examples, and of no device that is sold).
//! Refuses: a number of its own choice. Without one that IANA gave, it is the number of examples,
//! and the appliance says so; what is released (`WEIR_RELEASE`) has one, or is not built.

use std::{
    borrow::Cow,
    sync::{Arc, LazyLock},
};

use crate::{
    health::{Snapshot, table::Entity},
    snmp::{
        Oid, Value,
        change::{self, CHANGES_MAX},
        check,
        index::indexes,
        object::{Cell, Object, SUBTREES, Subtree},
        tree::{Table, TableMaker, TableRow},
    },
};

/// The enterprise number of examples (RFC 5612).
pub(crate) const DEVELOPMENT: u32 = 32_473;

/// The enterprise number that this was built with: `WEIR_ENTERPRISE_NUMBER`, or that of examples.
/// Whoever releases a build (`WEIR_RELEASE`) says so even if it is to be that of examples.
pub const ENTERPRISE_NUMBER: u32 = chosen(
    option_env!("WEIR_ENTERPRISE_NUMBER"),
    option_env!("WEIR_RELEASE").is_some(),
);

/// Arcs of `enterprises`.
const ENTERPRISES: [u32; 6] = [1, 3, 6, 1, 4, 1];

/// Arcs of the module below the enterprise, of what it notifies of, and of its objects.
pub(crate) const MODULE: u32 = 1;
pub(crate) const NOTIFICATIONS: u32 = 0;
pub(crate) const OBJECTS: u32 = 1;

/// Arcs of the kind of box below the enterprise.
const PRODUCT: [u32; 2] = [2, 1];

/// Below which all objects are.
static OBJECTS_OID: LazyLock<Oid> = LazyLock::new(|| enterprise().below(&[MODULE, OBJECTS]));

/// The number in `text`, or that of examples.
///
/// # Panics
/// When it is none, or nobody has chosen one for what is to be released: the build ends.
const fn chosen(text: Option<&str>, is_release: bool) -> u32 {
    let Some(text) = text else {
        assert!(
            !is_release,
            "a release needs WEIR_ENTERPRISE_NUMBER: that of its maker, from IANA"
        );
        return DEVELOPMENT;
    };
    match u32::from_str_radix(text, 10) {
        Ok(number) if number > 0 => number,
        Ok(_) | Err(_) => panic!("WEIR_ENTERPRISE_NUMBER is no enterprise number"),
    }
}

/// Whether this build has an enterprise number that no device may be sold with.
pub const fn is_development() -> bool {
    ENTERPRISE_NUMBER == DEVELOPMENT
}

/// Below which all objects of the module are.
pub(crate) fn objects_oid() -> &'static Oid {
    &OBJECTS_OID
}

fn enterprise() -> Oid {
    Oid::new(&ENTERPRISES).child(ENTERPRISE_NUMBER)
}

/// What `sysObjectID` says: the kind of box.
pub(crate) fn product() -> Oid {
    enterprise().below(&PRODUCT)
}

/// The name of the notification of that number.
pub(crate) fn notification(number: u32) -> Oid {
    enterprise().below(&[MODULE, NOTIFICATIONS, number])
}

/// All tables of WEIR-MIB, of the node of this name at that moment, each made when it is asked for.
pub(crate) fn tables(node: &Arc<str>, snapshot: &Arc<Snapshot>) -> Vec<TableMaker> {
    let maker = |subtree: &'static Subtree| {
        let (node, snapshot) = (Arc::clone(node), Arc::clone(snapshot));
        TableMaker::new(prefix(subtree), move || {
            let newest = snapshot.alarms.history.iter().rev().take(CHANGES_MAX);
            let changes = || newest.map(change::entity).collect();
            table(subtree, snapshot.told(&node), changes)
        })
    };
    SUBTREES.iter().map(maker).collect()
}

/// Below which the instances of the objects of `subtree` are: the entry of rows, or the parent of
/// scalars.
fn prefix(subtree: &Subtree) -> Oid {
    let parent = OBJECTS_OID.child(subtree.number);
    if subtree.indexed_by.is_empty() {
        parent
    } else {
        parent.child(1)
    }
}

/// One table, out of the node, or of the changes of alarms.
pub(super) fn table(
    subtree: &Subtree,
    node: &Entity,
    changes: impl FnOnce() -> Vec<Entity>,
) -> Table {
    let prefix = prefix(subtree);
    let Some((kind, above)) = subtree.indexed_by.split_first() else {
        let scalar = |object: &Object| (object.number, value(object, node));
        return Table::scalars(prefix, subtree.objects.iter().map(scalar).collect());
    };
    let mut rows = Vec::new();
    if *kind == change::SCOPE.name {
        table_rows(subtree, &changes(), above, &[], &mut rows);
    } else {
        table_rows(subtree, &parts(node, kind), above, &[], &mut rows);
    }
    let columns = subtree.objects.iter().map(|object| object.number).collect();
    Table::new(prefix, columns, rows)
}

/// The name and value of each column of the row that `change` has.
pub(crate) fn columns(change: &Entity) -> Vec<(Oid, Value)> {
    let kind = change.scope.name;
    let subtree = SUBTREES.iter().find(|subtree| subtree.indexed_by == [kind]);
    let index = indexes(&[&change.key]);
    let cell = |(subtree, object): (&Subtree, &Object)| {
        let column = OBJECTS_OID.below(&[subtree.number, 1, object.number]);
        Some((column.below(&index), value(object, change)?))
    };
    let objects = subtree.into_iter();
    let objects = objects.flat_map(|subtree| subtree.objects.iter().map(move |it| (subtree, it)));
    objects.filter_map(cell).collect()
}

/// Adds the rows of the things that are reached through kinds `path` from `things` on.
fn table_rows(
    subtree: &Subtree,
    things: &[Entity],
    path: &[&str],
    above: &[u32],
    to: &mut Vec<TableRow>,
) {
    let keys: Vec<&str> = things.iter().map(|thing| thing.key.as_str()).collect();
    for (thing, index) in things.iter().zip(indexes(&keys)) {
        let index = [above, &[index]].concat();
        if let Some((kind, path)) = path.split_first() {
            table_rows(subtree, &parts(thing, kind), path, &index, to);
        } else {
            let cells = subtree
                .objects
                .iter()
                .map(|object| value(object, thing))
                .collect();
            to.push(TableRow { index, cells });
        }
    }
}

/// The parts of `thing` of that kind.
fn parts<'a>(thing: &'a Entity, kind: &str) -> Cow<'a, [Entity]> {
    if kind == check::SCOPE.name {
        return Cow::Owned(check::raised(thing));
    }
    let mut parts = thing.scope.parts.iter().zip(&thing.parts);
    let found = parts.find(|(scope, _)| scope.name == kind);
    Cow::Borrowed(found.map_or(&[], |(_, parts)| parts))
}

fn value(object: &Object, thing: &Entity) -> Option<Value> {
    match &object.cell {
        Cell::Key => Some(Value::text(thing.key.clone())),
        Cell::Row {
            group,
            position,
            row,
        } => {
            let cells = thing.groups.get(*group)?.as_ref()?;
            Value::of_cell(row, cells.get(*position)?)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_build_has_the_number_that_it_is_given_or_that_of_examples() {
        assert_eq!(chosen(None, false), DEVELOPMENT);
        assert_eq!(chosen(Some("9999"), true), 9_999);
        assert_eq!(chosen(Some("32473"), true), DEVELOPMENT, "who says so");
    }

    #[test]
    #[should_panic(expected = "a release needs WEIR_ENTERPRISE_NUMBER")]
    fn a_release_without_a_number_is_not_built() {
        chosen(None, true);
    }

    #[test]
    #[should_panic(expected = "no enterprise number")]
    fn a_build_with_what_is_no_number_is_none() {
        chosen(Some("weir"), false);
    }
}
