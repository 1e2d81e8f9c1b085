//! What an agent asks of a MIB, and objects in tables, which answer it. Pure.
//!
//! Source: RFC 2578 §7.7 (instances of columns), RFC 3416 §4.2.1, §4.2.2.
//! Scalars are a table with one row, whose index is 0. A cell without a value is not there: a walk
//! passes it over, and a get finds nothing.
//!
//! Refuses: sockets, and values that change while somebody walks: a tree is of one moment.

use crate::snmp::{Oid, Value};

/// Objects of one moment, in the order of their names.
///
/// Whoever implements it keeps these rules, on which agents rely: [`MibTree::next`] tells a name
/// behind the one that was asked for, and [`MibTree::get`] has the same value for it.
pub trait MibTree {
    /// The value of exactly the instance of that name.
    fn get(&self, name: &[u32]) -> Option<Value>;

    /// The first instance behind that name; `None` at the end.
    fn next(&self, name: &[u32]) -> Option<(Oid, Value)>;

    /// Whether there is such an object, with this instance or without.
    fn knows(&self, name: &[u32]) -> bool;
}

/// Columns of some objects, and their rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    prefix: Oid,
    columns: Vec<u32>,
    rows: Vec<TableRow>,
}

/// Number and value of each column of one row, in order.
pub(super) type Cells = Vec<(u32, Option<Value>)>;

/// One row: its index, and a cell for each column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableRow {
    /// What stands behind the number of a column.
    pub index: Vec<u32>,
    /// In the order of the columns.
    pub cells: Vec<Option<Value>>,
}

impl Table {
    /// A table below `prefix`: the entry of rows, or the parent of scalars.
    ///
    /// # Panics
    /// When `columns` are not in order, or a row has not a cell for each.
    pub fn new(prefix: Oid, columns: Vec<u32>, mut rows: Vec<TableRow>) -> Self {
        assert!(
            columns.is_sorted_by(|one, other| one < other),
            "columns are in order"
        );
        let is_whole = |row: &TableRow| row.cells.len() == columns.len();
        assert!(
            rows.iter().all(is_whole),
            "a row has a cell for each column"
        );
        rows.sort_by(|one, other| one.index.cmp(&other.index));
        Self {
            prefix,
            columns,
            rows,
        }
    }

    /// Scalars below `prefix`, with their numbers in order.
    ///
    /// # Panics
    /// When the numbers are not in order.
    pub fn scalars(prefix: Oid, scalars: Cells) -> Self {
        let (columns, cells) = scalars.into_iter().unzip();
        let index = vec![0];
        Self::new(prefix, columns, vec![TableRow { index, cells }])
    }

    /// A table below `entry`, whose rows have an index of one number and the same columns.
    ///
    /// # Panics
    /// When they are not in order, or not the same.
    pub fn of_rows(entry: &[u32], rows: Vec<(u32, Cells)>) -> Self {
        let first = rows.first().map(|(_, cells)| cells);
        let columns = first.map(|cells| cells.iter().map(|(column, _)| *column).collect());
        let row = |(index, cells): (u32, Cells)| TableRow {
            index: vec![index],
            cells: cells.into_iter().map(|(_, value)| value).collect(),
        };
        let rows = rows.into_iter().map(row).collect();
        Self::new(Oid::new(entry), columns.unwrap_or_default(), rows)
    }

    /// Number of a column, and index, of an instance that is named below this table.
    fn split<'a>(&self, name: &'a [u32]) -> Option<(u32, &'a [u32])> {
        let rest = name.strip_prefix(self.prefix.arcs())?;
        rest.split_first().map(|(column, index)| (*column, index))
    }

    fn get(&self, name: &[u32]) -> Option<&Value> {
        let (column, index) = self.split(name)?;
        let column = self.columns.binary_search(&column).ok()?;
        let row = self
            .rows
            .binary_search_by(|row| row.index.as_slice().cmp(index));
        self.rows.get(row.ok()?)?.cells.get(column)?.as_ref()
    }

    /// Where a search for what is behind `name` begins: a column, and a row of that.
    fn start(&self, name: &[u32]) -> Option<(usize, usize)> {
        if name <= self.prefix.arcs() {
            return Some((0, 0));
        }
        let (column, index) = self.split(name)?;
        match self.columns.binary_search(&column) {
            Ok(position) => {
                let is_before = |row: &TableRow| row.index.as_slice() <= index;
                Some((position, self.rows.partition_point(is_before)))
            }
            Err(position) => Some((position, 0)),
        }
    }

    fn next(&self, name: &[u32]) -> Option<(Oid, Value)> {
        let (column, row) = self.start(name)?;
        let first = (column, self.rows.get(row..)?);
        let others = (column + 1..self.columns.len()).map(|column| (column, self.rows.as_slice()));
        [first]
            .into_iter()
            .chain(others)
            .find_map(|(column, rows)| {
                let number = *self.columns.get(column)?;
                rows.iter().find_map(|row| {
                    let value = row.cells.get(column)?.clone()?;
                    let name = [self.prefix.arcs(), &[number], &row.index];
                    Some((Oid::joined(&name), value))
                })
            })
    }
}

/// Tables in the order of their names.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tables(Vec<Table>);

impl Tables {
    /// All of `tables`. No two may have one prefix, and one that lies below another has its
    /// columns behind those of that.
    pub fn new(mut tables: Vec<Table>) -> Self {
        tables.sort_by(|one, other| one.prefix.cmp(&other.prefix));
        Self(tables)
    }
}

impl MibTree for Tables {
    fn get(&self, name: &[u32]) -> Option<Value> {
        self.0.iter().find_map(|table| table.get(name)).cloned()
    }

    fn next(&self, name: &[u32]) -> Option<(Oid, Value)> {
        // A walk comes here for each instance: the tables that it has left behind are passed over.
        let begun = self.0.partition_point(|it| it.prefix.arcs() <= name);
        let rest = self.0.get(begun.saturating_sub(1)..)?;
        rest.iter().find_map(|table| table.next(name))
    }

    fn knows(&self, name: &[u32]) -> bool {
        self.0.iter().any(|table| {
            let column = table.split(name).map(|(column, _)| column);
            column.is_some_and(|column| table.columns.binary_search(&column).is_ok())
        })
    }
}

/// All instances of `tree`, by asking for one behind the other.
#[cfg(test)]
pub(crate) fn walk(tree: &impl MibTree) -> Vec<(Oid, Value)> {
    let first = tree.next(&[]);
    std::iter::successors(first, |(oid, _)| tree.next(oid.arcs())).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn table(prefix: &[u32], columns: &[u32], rows: &[(&[u32], &[Option<u32>])]) -> Table {
        let row = |(index, cells): &(&[u32], &[Option<u32>])| TableRow {
            index: index.to_vec(),
            cells: cells
                .iter()
                .map(|cell| cell.map(Value::Unsigned32))
                .collect(),
        };
        let rows = rows.iter().map(row).collect();
        Table::new(Oid::new(prefix), columns.to_vec(), rows)
    }

    fn sample() -> Tables {
        let scalars = vec![(1, Some(Value::Integer(7))), (3, None)];
        Tables::new(vec![
            table(
                &[1, 9],
                &[2, 5],
                &[
                    (&[40], &[Some(1), None]),
                    (&[7], &[Some(2), Some(3)]),
                    (&[7, 1], &[None, Some(4)]),
                ],
            ),
            Table::scalars(Oid::new(&[1, 4]), scalars),
            table(&[1, 4, 5, 1], &[1], &[(&[3], &[Some(5)])]),
        ])
    }

    #[test]
    fn walks_columns_first_and_passes_over_what_has_no_value() {
        let names: Vec<_> = walk(&sample())
            .iter()
            .map(|(oid, _)| oid.to_string())
            .collect();
        let expected = [
            ".1.4.1.0",
            ".1.4.5.1.1.3",
            ".1.9.2.7",
            ".1.9.2.40",
            ".1.9.5.7",
            ".1.9.5.7.1",
        ];
        assert_eq!(names, expected);
    }

    #[test]
    fn what_is_not_there_is_not_told_and_its_object_is_known_all_the_same() {
        let tree = sample();
        for (name, is_known) in [
            (&[1, 4, 3, 0][..], true),
            (&[1, 4, 1, 1], true),
            (&[1, 9, 5, 40], true),
            (&[1, 9, 3, 7], false),
            (&[1, 9], false),
            (&[], false),
        ] {
            assert_eq!(tree.get(name), None, "{name:?}");
            assert_eq!(tree.knows(name), is_known, "{name:?}");
        }
        assert_eq!(Tables::default().next(&[]), None);
    }

    proptest! {
        #[test]
        fn what_is_next_is_the_first_behind_whatever_is_asked_for(
            asked in prop::collection::vec(0_u32..12, 0..6),
        ) {
            let tree = sample();
            let expected = walk(&tree)
                .into_iter()
                .find(|(oid, _)| oid.arcs() > asked.as_slice());
            prop_assert_eq!(tree.next(&asked), expected);
        }

        #[test]
        fn a_walk_has_what_gets_have_and_grows_and_ends(
            rows in prop::collection::btree_map(
                prop::collection::vec(0_u32..4, 1..3),
                prop::collection::vec(prop::option::of(0_u32..9), 3),
                0..8,
            ),
        ) {
            let rows: Vec<(&[u32], &[Option<u32>])> =
                rows.iter().map(|(index, cells)| (index.as_slice(), cells.as_slice())).collect();
            let tree = Tables::new(vec![table(&[1, 2], &[1, 2, 9], &rows)]);
            let walked = walk(&tree);
            let values: usize = rows.iter().map(|(_, cells)| cells.iter().flatten().count()).sum();
            prop_assert_eq!(walked.len(), values);
            prop_assert!(walked.is_sorted_by(|(one, _), (other, _)| one < other));
            for (oid, value) in walked {
                prop_assert_eq!(tree.get(oid.arcs()), Some(value));
            }
        }
    }
}
