//! What an agent asks of a MIB, and objects in tables, which answer it. Pure.
//!
//! Source: RFC 2578 §7.7 (instances of columns), RFC 3416 §4.2.1, §4.2.2.
//! Scalars are a table with one row, whose index is 0. A cell without a value is not there: a walk
//! passes it over, and a get finds nothing.
//!
//! Refuses: sockets, and values that change while somebody walks: a tree is of one moment.

use std::{
    fmt::{self, Debug},
    sync::LazyLock,
};

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
    /// The index of each row, in order.
    indexes: Vec<Vec<u32>>,
    /// In order. A walk goes down one column behind the other, so the cells of one lie together.
    columns: Vec<Column>,
}

/// The cells that rows have under one number, in the order of the rows.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Column {
    number: u32,
    cells: Vec<Option<Value>>,
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
        let column = |number| Column {
            number,
            cells: Vec::with_capacity(rows.len()),
        };
        let mut columns: Vec<Column> = columns.into_iter().map(column).collect();
        let mut indexes = Vec::with_capacity(rows.len());
        for TableRow { index, cells } in rows {
            indexes.push(index);
            for (column, cell) in columns.iter_mut().zip(cells) {
                column.cells.push(cell);
            }
        }
        Self {
            prefix,
            indexes,
            columns,
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
        let column = self.columns.get(self.find(column).ok()?)?;
        let row = self.indexes.binary_search_by(|it| it.as_slice().cmp(index));
        column.cells.get(row.ok()?)?.as_ref()
    }

    /// Where the column of that number is, or would be.
    fn find(&self, number: u32) -> Result<usize, usize> {
        self.columns
            .binary_search_by_key(&number, |column| column.number)
    }

    /// Where a search for what is behind `name` begins: a column, and a row of that.
    fn start(&self, name: &[u32]) -> Option<(usize, usize)> {
        if name <= self.prefix.arcs() {
            return Some((0, 0));
        }
        let (column, index) = self.split(name)?;
        match self.find(column) {
            Ok(position) => {
                let is_before = |it: &Vec<u32>| it.as_slice() <= index;
                Some((position, self.indexes.partition_point(is_before)))
            }
            Err(position) => Some((position, 0)),
        }
    }

    fn next(&self, name: &[u32]) -> Option<(Oid, Value)> {
        let (column, mut row) = self.start(name)?;
        for Column { number, cells } in self.columns.get(column..)? {
            let rows = self.indexes.iter().zip(cells).skip(row);
            let mut known = rows.filter_map(|(index, cell)| Some((index, cell.as_ref()?)));
            if let Some((index, value)) = known.next() {
                let name = Oid::joined(&[self.prefix.arcs(), &[*number], index]);
                return Some((name, value.clone()));
            }
            row = 0;
        }
        None
    }
}

/// A table that is made when somebody asks for what is in it.
pub struct TableMaker {
    prefix: Oid,
    table: LazyLock<Table, Box<dyn FnOnce() -> Table + Send>>,
}

impl TableMaker {
    /// The table below `prefix` that `make` makes.
    pub(super) fn new(prefix: Oid, make: impl FnOnce() -> Table + Send + 'static) -> Self {
        let table: LazyLock<_, Box<dyn FnOnce() -> Table + Send>> = LazyLock::new(Box::new(make));
        Self { prefix, table }
    }
}

impl From<Table> for TableMaker {
    fn from(table: Table) -> Self {
        Self::new(table.prefix.clone(), || table)
    }
}

impl Debug for TableMaker {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "TableMaker({})", self.prefix)
    }
}

/// Tables in the order of their names.
#[derive(Debug, Default)]
pub struct Tables(Vec<TableMaker>);

impl Tables {
    /// All of `tables`. No two may have one prefix, and one that lies below another has its
    /// columns behind those of that.
    pub fn new(tables: Vec<impl Into<TableMaker>>) -> Self {
        let mut tables: Vec<TableMaker> = tables.into_iter().map(Into::into).collect();
        tables.sort_by(|one, other| one.prefix.cmp(&other.prefix));
        Self(tables)
    }

    /// The tables that may have an object of that name.
    fn above(&self, name: &[u32]) -> impl Iterator<Item = &Table> {
        let is_above = |it: &&TableMaker| name.starts_with(it.prefix.arcs());
        self.0.iter().filter(is_above).map(|it| &*it.table)
    }
}

impl MibTree for Tables {
    fn get(&self, name: &[u32]) -> Option<Value> {
        self.above(name).find_map(|table| table.get(name)).cloned()
    }

    fn next(&self, name: &[u32]) -> Option<(Oid, Value)> {
        // A walk comes here for each instance: the tables that it has left behind are passed over.
        let begun = self.0.partition_point(|it| it.prefix.arcs() <= name);
        let rest = self.0.get(begun.saturating_sub(1)..)?;
        rest.iter().find_map(|it| it.table.next(name))
    }

    fn knows(&self, name: &[u32]) -> bool {
        self.above(name).any(|table| {
            let column = table.split(name).map(|(column, _)| column);
            column.is_some_and(|column| table.find(column).is_ok())
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
