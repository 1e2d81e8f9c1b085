use std::collections::BTreeSet;

use serde_json::Value as Json;
use weir_hal::Wall;

use super::{
    change, check, enterprise, machine,
    mib_text::mib_text,
    own, standard,
    tree::{Table, walk},
    *,
};
use crate::{
    alarm::{Change, Event, Kind, Resource, Severity},
    counter::{self, Reach},
    health::{
        Snapshot,
        surface_tests::{full, numbered, told},
        table::{Entity, Listed, Node, Scope},
    },
};

fn node(snapshot: &Snapshot) -> Entity {
    Node::of("edge-1", snapshot).entity()
}

/// A change of that number.
pub(super) fn change(sequence: u64) -> Change {
    Change {
        sequence,
        id: 3,
        at: Wall::from_nanos(1_700_000_000_250_000_000),
        event: Event::Raised,
        kind: Kind::DiskFull,
        resource: Resource::Disk,
        severity: Severity::Critical,
        text: "it is full".to_owned(),
    }
}

/// All tables of WEIR-MIB out of `node` and `changes`.
fn weir(node: &Entity, changes: &[u64]) -> Vec<Table> {
    let changes = || changes.iter().map(|it| change_of(*it)).collect();
    let table = |subtree| enterprise::table(subtree, node, changes);
    SUBTREES.iter().map(table).collect()
}

fn change_of(sequence: u64) -> Entity {
    change::entity(&change(sequence))
}

fn all(snapshot: &Snapshot) -> Tables {
    let mut tables = weir(&node(snapshot), &[4_711, 4_712]);
    tables.extend(standard::tables(
        snapshot,
        ("edge-1", "1.2.3"),
        &Site::default(),
    ));
    tables.extend(machine::tables(snapshot, ("edge-1", "1.2.3")));
    tables.extend(own::tables(&Counters::default(), None));
    Tables::new(tables)
}

/// Numbers and texts of a JSON document.
fn cells(json: &Json, numbers: &mut BTreeSet<u64>, texts: &mut BTreeSet<String>) {
    match json {
        Json::Object(fields) => fields.values().for_each(|it| cells(it, numbers, texts)),
        Json::Array(elements) => elements.iter().for_each(|it| cells(it, numbers, texts)),
        Json::Number(number) => drop(numbers.insert(number.as_u64().expect("a whole number"))),
        Json::String(text) => drop(texts.insert(text.clone())),
        Json::Null | Json::Bool(_) => panic!("a cell without a value"),
    }
}

/// Takes away what JSON alone tells of `thing`, and notes the names of what may be raised.
fn leave_details(thing: &mut Json, scope: &Scope, names: &mut BTreeSet<String>) {
    let thing = thing.as_object_mut().expect("an object");
    for group in scope.groups {
        let cells = match group.name {
            Some(name) => thing.get_mut(name).and_then(Json::as_object_mut),
            None => Some(&mut *thing),
        };
        let cells = cells.expect("everything is in use");
        for row in group.rows {
            match group.reach(row) {
                Reach::Everywhere | Reach::Polled => {}
                Reach::Raised => drop(names.insert(row.name.to_owned())),
                Reach::Detail => drop(cells.remove(row.name).expect("JSON has all")),
            }
        }
    }
    for part in scope.parts {
        let mut rows = part
            .groups
            .iter()
            .flat_map(|it| it.rows.iter().map(|row| it.reach(row)));
        if rows.all(|reach| reach == Reach::Detail) {
            drop(thing.remove(part.plural).expect("JSON has all"));
            continue;
        }
        let things = thing.get_mut(part.plural).and_then(Json::as_array_mut);
        for thing in things.expect("a list") {
            leave_details(thing, part, names);
        }
    }
}

#[test]
fn walks_tell_what_json_tells_but_details_and_nothing_else() {
    let root = numbered();
    let (mut numbers, mut texts) = (BTreeSet::new(), BTreeSet::new());
    let mut expected = told(&root);
    leave_details(&mut expected, root.scope, &mut texts);
    cells(&expected, &mut numbers, &mut texts);
    let (mut walked_numbers, mut walked_texts) = (BTreeSet::new(), BTreeSet::new());
    for (oid, value) in walk(&Tables::new(weir(&root, &[]))) {
        match value {
            Value::Counter64(number) => drop(walked_numbers.insert(number)),
            Value::Unsigned32(thousandths) => {
                assert_eq!(thousandths % 1_000, 0, "{oid}");
                walked_numbers.insert(u64::from(thousandths) / 1_000);
            }
            Value::Text(text) => drop(walked_texts.insert(text.into_owned())),
            Value::Integer(_)
            | Value::Octets(_)
            | Value::ObjectIdentifier(_)
            | Value::Counter32(_)
            | Value::TimeTicks(_) => panic!("{oid} is of no row"),
        }
    }
    assert_eq!(walked_numbers, numbers);
    assert_eq!(walked_texts, texts);
}

/// The first source of `node`.
fn source(node: &mut Entity) -> &mut Entity {
    let mut thing = node;
    for kind in ["channel", "rendition", "source"] {
        let parts = thing.scope.parts.iter();
        let place = parts.take_while(|part| part.name != kind).count();
        thing = &mut thing.parts[place][0];
    }
    thing
}

#[test]
fn a_check_has_a_row_once_its_source_has_raised_it() {
    let mut node = node(&full(1, 1));
    let table = SUBTREES
        .iter()
        .find(|it| it.indexed_by == ["channel", "rendition", "source", "check"]);
    let table = table.expect("there are checks");
    let rows = |node: &Entity| {
        let table = enterprise::table(table, node, Vec::new);
        let cells = walk(&Tables::new(vec![table]));
        cells
            .into_iter()
            .map(|(_, value)| value)
            .collect::<Vec<_>>()
    };
    assert_eq!(rows(&node), []);
    let source = source(&mut node);
    for (group, count) in [(check::COUNTS, 7), (check::SECONDS, 2)] {
        let groups = source.scope.groups;
        let place = groups.iter().position(|it| it.name == Some(group));
        let place = place.expect("a group");
        let of = groups[place]
            .rows
            .iter()
            .position(|it| it.name == "PAT_error_2");
        let cells = source.groups[place].as_mut().expect("it is measured");
        cells[of.expect("a check")] = counter::Value::Count(count);
    }
    let name = Value::text("PAT_error_2");
    assert_eq!(
        rows(&node),
        [name, Value::Counter64(7), Value::Counter64(2)]
    );
}

#[test]
fn a_box_of_64_channels_has_at_most_6_500_objects() {
    let objects = walk(&all(&full(64, 2))).len();
    assert!((5_000..=6_500).contains(&objects), "{objects} objects");
}

#[test]
fn a_walk_has_what_gets_have_and_grows_and_ends() {
    let tree = all(&full(8, 2));
    let walked = walk(&tree);
    assert!(walked.len() > 1_000, "{}", walked.len());
    assert!(walked.is_sorted_by(|(one, _), (other, _)| one < other));
    for (oid, value) in &walked {
        assert_eq!(tree.get(oid.arcs()).as_ref(), Some(value), "{oid}");
    }
}

#[test]
fn an_instance_keeps_its_name_when_channels_change_places() {
    let mut snapshot = full(3, 2);
    let names = |tree: &Tables| {
        walk(tree)
            .into_iter()
            .map(|(oid, _)| oid)
            .collect::<Vec<_>>()
    };
    let before = names(&all(&snapshot));
    snapshot.channels.reverse();
    snapshot.origins.reverse();
    assert_eq!(names(&all(&snapshot)), before);
    snapshot.channels.pop();
    let after: BTreeSet<_> = names(&all(&snapshot)).into_iter().collect();
    assert!(after.is_subset(&before.into_iter().collect()));
}

#[test]
fn what_a_notification_carries_can_be_asked_for_later() {
    let tree = all(&full(1, 1));
    let carried = enterprise::columns(&change_of(4_712));
    assert!(carried.len() > 8, "{carried:?}");
    for (oid, value) in carried {
        assert_eq!(oid.arcs().last(), Some(&4_712));
        assert_eq!(tree.get(oid.arcs()), Some(value), "{oid}");
    }
}

/// Numbers of objects as the text of the module has them: by descriptor.
fn defined(text: &str, descriptor: &str) -> Option<u32> {
    let (_, rest) = text.split_once(&format!("\n{descriptor} OBJECT-TYPE"))?;
    let (_, rest) = rest.split_once("::= { ")?;
    let (name, _) = rest.split_once(" }")?;
    name.rsplit_once(' ')?.1.parse().ok()
}

#[test]
fn the_text_of_the_module_names_each_object_that_is_answered() {
    let text = mib_text(ENTERPRISE_NUMBER);
    let mut objects = 0;
    for subtree in &*SUBTREES {
        for object in &subtree.objects {
            objects += 1;
            assert_eq!(
                defined(&text, &object.name),
                Some(object.number),
                "{}",
                object.name
            );
        }
    }
    let indexes = SUBTREES
        .iter()
        .filter(|it| !it.indexed_by.is_empty())
        .count();
    let tables = 2 * indexes;
    assert_eq!(
        text.matches(" OBJECT-TYPE").count() - 1,
        objects + indexes + tables
    );
    assert!(text.contains("NOTIFICATION-TYPE\n    OBJECTS {\n        weirChangeKey,"));
}

#[test]
fn a_table_without_rows_is_not_there() {
    let empty = Table::new(Oid::new(&[1, 3]), vec![1, 2], Vec::new());
    assert_eq!(walk(&Tables::new(vec![empty])), []);
}
