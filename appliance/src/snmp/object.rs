//! The objects of WEIR-MIB: what the table of counters has, each with its number of the list.
//!
//! A group of the node's is a subtree of scalars, any other kind of thing a table, whose index is
//! that of what it is a part of and its own. The first column of a table is its index; number 2 is
//! always the name of the thing. Details have no object, and a kind that has nothing else no table;
//! what may be raised has a row of a table of checks once it was.
//!
//! Source: RFC 2578 §3.1 (descriptors), §7.7. Refuses: values.

use std::sync::LazyLock;

use crate::{
    counter::{Reach, Row},
    health::table::{GroupScope, Listed, Node, Scope},
    snmp::{
        change, check,
        number::{NUMBERS, Numbers},
    },
};

/// The number of the object that has the name of a thing.
pub(crate) const KEY: u32 = 2;

/// What stands before the descriptor of everything.
const MODULE: &str = "weir";

/// All subtrees of objects, in the order of their numbers.
pub(crate) static SUBTREES: LazyLock<Vec<Subtree>> = LazyLock::new(|| subtrees(&NUMBERS));

/// One subtree of objects.
#[derive(Debug)]
pub(crate) struct Subtree {
    /// Its descriptor.
    pub(crate) name: String,
    /// Its number below all objects.
    pub(crate) number: u32,
    /// One sentence.
    pub(crate) help: String,
    /// The kinds of things whose indexes make up the index of a row, outermost first; none for
    /// scalars.
    pub(crate) indexed_by: Vec<&'static str>,
    /// Its objects, in the order of their numbers, without indexes.
    pub(crate) objects: Vec<Object>,
}

/// One object.
#[derive(Debug)]
pub(crate) struct Object {
    /// Its descriptor.
    pub(crate) name: String,
    /// Its number in its subtree.
    pub(crate) number: u32,
    /// Where its value is.
    pub(crate) cell: Cell,
}

/// Where the value of an object is in an entity.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Cell {
    /// It is the name.
    Key,
    /// It is a row of a group.
    Row {
        /// Which group of the kind.
        group: usize,
        /// Which row of the group.
        position: usize,
        /// What the row is.
        row: Row,
    },
}

fn subtrees(numbers: &Numbers) -> Vec<Subtree> {
    let node = Node::SCOPE;
    let mut subtrees = Vec::new();
    for (position, group) in node.groups.iter().enumerate() {
        let path = group
            .name
            .map_or(node.name.to_owned(), |name| format!("{}.{name}", node.name));
        let mut objects = rows(numbers, &path, node, (position, group));
        if group.name.is_none() {
            objects.push(key(node));
        }
        let help = match group.name {
            None => node.help.to_owned(),
            Some(name) => format!("What is counted of `{name}`."),
        };
        subtrees.push(subtree(numbers, &path, (help, Vec::new()), objects));
    }
    for part in node.parts.iter().copied().chain([&change::SCOPE]) {
        tables(numbers, part, &[], &mut subtrees);
    }
    subtrees.sort_by_key(|subtree| subtree.number);
    subtrees
}

fn tables(numbers: &Numbers, scope: &'static Scope, above: &[&'static str], to: &mut Vec<Subtree>) {
    let indexed_by = [above, &[scope.name]].concat();
    let groups = scope.groups.iter().enumerate();
    let mut objects: Vec<Object> = groups
        .flat_map(|group| rows(numbers, scope.name, scope, group))
        .collect();
    if !objects.is_empty() {
        objects.push(key(scope));
        let told = (scope.help.to_owned(), indexed_by.clone());
        to.push(subtree(numbers, scope.name, told, objects));
    }
    for part in parts(scope) {
        tables(numbers, part, &indexed_by, to);
    }
}

/// The kinds of parts that a thing has here.
fn parts(scope: &'static Scope) -> impl Iterator<Item = &'static Scope> {
    let checks = check::has_checks(scope).then_some(&check::SCOPE);
    scope.parts.iter().copied().chain(checks)
}

/// The rows of `group` that have objects, each with its place.
fn told(group: &'static GroupScope) -> impl Iterator<Item = (usize, Row)> {
    let rows = group.rows.iter().enumerate();
    let reaching = rows.map(|(position, row)| {
        let reach = group.reach(row);
        (position, Row { reach, ..*row })
    });
    reaching.filter(|(_, row)| row.reach <= Reach::Polled)
}

/// # Panics
/// When the list has no such subtree.
fn subtree(
    numbers: &Numbers,
    path: &str,
    (help, indexed_by): (String, Vec<&'static str>),
    mut objects: Vec<Object>,
) -> Subtree {
    objects.sort_by_key(|object| object.number);
    let number = numbers.of_subtree(path);
    Subtree {
        name: descriptor(&path.split('.').collect::<Vec<_>>()),
        number: number.unwrap_or_else(|| panic!("[{path}] has no number: add it to the list")),
        help,
        indexed_by,
        objects,
    }
}

fn key(scope: &Scope) -> Object {
    Object {
        name: descriptor(&[scope.name, "key"]),
        number: KEY,
        cell: Cell::Key,
    }
}

/// # Panics
/// When the list has no number for one of them.
fn rows(
    numbers: &Numbers,
    subtree: &str,
    scope: &Scope,
    (group, of): (usize, &'static GroupScope),
) -> Vec<Object> {
    let object = |(position, row): (usize, Row)| {
        let words: Vec<&str> = [scope.name]
            .into_iter()
            .chain(of.name)
            .chain([row.name])
            .collect();
        let name = row_name(scope, of, &row);
        let number = numbers.of_row(subtree, &name);
        Object {
            name: descriptor(&words),
            number: number.unwrap_or_else(|| panic!("{name} of [{subtree}] has no number")),
            cell: Cell::Row {
                group,
                position,
                row,
            },
        }
    };
    told(of).map(object).collect()
}

/// The name of a row in its subtree in the list.
fn row_name(scope: &Scope, group: &GroupScope, row: &Row) -> String {
    match group.name {
        Some(group) if scope.name != Node::SCOPE.name => format!("{group}.{}", row.name),
        Some(_) | None => row.name.to_owned(),
    }
}

/// A descriptor made of the words of names: `weirChannelServedBytes`.
pub(crate) fn descriptor(names: &[&str]) -> String {
    let words = names.iter().flat_map(|name| name.split('_'));
    words.fold(MODULE.to_owned(), |descriptor, word| {
        descriptor + &capitalised(word)
    })
}

/// `text` with a capital letter first.
pub(crate) fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|letter| letter.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;

    /// The names that the table has: by subtree, in order of declaration.
    fn table() -> Vec<(String, Vec<String>)> {
        fn tables(scope: &'static Scope, to: &mut Vec<(String, Vec<String>)>) {
            let names = |group: &'static GroupScope| {
                let names = told(group).map(|(_, row)| row_name(scope, group, &row));
                names.collect::<Vec<_>>()
            };
            let names: Vec<String> = scope.groups.iter().flat_map(names).collect();
            if !names.is_empty() {
                to.push((scope.name.to_owned(), names));
            }
            parts(scope).for_each(|part| tables(part, to));
        }
        let node = Node::SCOPE;
        let mut all = Vec::new();
        for group in node.groups {
            let names = told(group).map(|(_, row)| row.name.to_owned()).collect();
            let path = group
                .name
                .map(|name| format!(".{name}"))
                .unwrap_or_default();
            all.push((format!("{}{path}", node.name), names));
        }
        let parts = node.parts.iter().copied().chain([&change::SCOPE]);
        parts.for_each(|part| tables(part, &mut all));
        all
    }

    /// What the list lacks, a line each.
    fn lacking(table: &[(String, Vec<String>)]) -> Vec<String> {
        let lacking = table.iter().flat_map(|(subtree, rows)| {
            let is_new = NUMBERS.of_subtree(subtree).is_none();
            let header = is_new.then(|| format!("[{subtree}]"));
            let is_lacking = |row: &&String| NUMBERS.of_row(subtree, row).is_none();
            let rows = rows.iter().filter(is_lacking);
            let rows = rows.map(|row| format!("{row} of [{subtree}]"));
            header.into_iter().chain(rows).collect::<Vec<_>>()
        });
        lacking.collect()
    }

    #[test]
    fn each_row_of_the_table_has_a_number_and_each_number_a_row() {
        let table = table();
        let lacking = lacking(&table);
        assert!(
            lacking.is_empty(),
            "add to the list of numbers: {lacking:?}"
        );
        let rows: BTreeMap<_, BTreeSet<_>> = table
            .into_iter()
            .map(|(name, rows)| (name, rows.into_iter().collect()))
            .collect();
        let is_gone = |(subtree, row): &(&str, &str)| {
            !rows.get(*subtree).is_some_and(|rows| rows.contains(*row))
        };
        let gone: Vec<_> = NUMBERS.names().filter(is_gone).collect();
        assert!(
            gone.is_empty(),
            "mark as retired in the list of numbers: {gone:?}"
        );
        let subtrees: BTreeSet<&str> = NUMBERS.subtree_names().collect();
        let named: BTreeSet<&str> = rows.keys().map(String::as_str).collect();
        assert_eq!(subtrees, named);
    }

    /// All kinds of things of the table, from `scope` down.
    fn kinds(scope: &'static Scope) -> Vec<&'static Scope> {
        let parts = scope.parts.iter().flat_map(|part| kinds(part));
        [scope].into_iter().chain(parts).collect()
    }

    #[test]
    fn what_may_be_raised_are_the_checks_of_a_source() {
        let groups = kinds(Node::SCOPE)
            .into_iter()
            .flat_map(|kind| kind.groups.iter().map(move |group| (kind, group)));
        let is_raised = |group: &GroupScope| {
            group
                .rows
                .iter()
                .any(|row| group.reach(row) == Reach::Raised)
        };
        let raised: Vec<_> = groups.filter(|(_, group)| is_raised(group)).collect();
        let named = raised.iter().map(|(kind, group)| (kind.name, group.name));
        let checks = [check::COUNTS, check::SECONDS].map(|it| ("source", Some(it)));
        assert_eq!(named.collect::<Vec<_>>(), checks);
        let rows = raised.iter().map(|(_, group)| group.rows);
        assert!(rows.clone().all(|rows| rows == raised[0].1.rows));
        let mut rows = rows.flatten();
        assert!(rows.all(|row| row.reach == Reach::Raised));
    }

    #[test]
    fn each_object_has_a_descriptor_and_a_number_of_its_own() {
        let mut descriptors = BTreeSet::new();
        for subtree in &*SUBTREES {
            assert!(descriptors.insert(&subtree.name), "{}", subtree.name);
            let mut numbers = BTreeSet::from([1]);
            for object in &subtree.objects {
                let Object { name, number, .. } = object;
                assert!(descriptors.insert(name), "{name}");
                assert!(numbers.insert(*number), "{name}");
                let is_fit = name.bytes().all(|byte| byte.is_ascii_alphanumeric());
                assert!(is_fit && name.len() <= 64, "{name}");
            }
        }
        assert!(descriptors.len() > 300, "{}", descriptors.len());
    }

    #[test]
    fn descriptors_are_made_of_words() {
        assert_eq!(descriptor(&["nic", "rx_crc_errors"]), "weirNicRxCrcErrors");
        assert_eq!(
            descriptor(&["endpoint", "first_byte_ms_p50"]),
            "weirEndpointFirstByteMsP50"
        );
    }
}
