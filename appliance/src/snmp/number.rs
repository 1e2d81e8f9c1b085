//! The numbers of the objects of WEIR-MIB: a contract with whoever polls, so they stand in a list
//! that is only ever added to, and not in the order of the table of counters.
//!
//! `[channel 30]` begins a subtree with its number, `name 3` gives one of its rows one. What is no
//! more is `retired` behind its number, which nothing else may have.
//!
//! Source: RFC 2578 §3.6, §10 (a number is never given twice).
//! Refuses: two things of one number or name.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::LazyLock,
};

const LIST: &str = include_str!("object_numbers.txt");

/// What a retired line ends with.
const RETIRED: &str = "retired";

/// The numbers of all objects.
pub(crate) static NUMBERS: LazyLock<Numbers> =
    LazyLock::new(|| Numbers::parse(LIST).expect("the list is sound: a test reads it"));

/// Numbers by the names of subtrees and of the rows in them.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Numbers {
    subtrees: BTreeMap<&'static str, Numbered>,
}

#[derive(Debug, PartialEq, Eq)]
struct Numbered {
    number: u32,
    rows: BTreeMap<&'static str, u32>,
}

/// One name and its number.
#[derive(Debug, Clone, Copy)]
struct Entry {
    name: &'static str,
    number: u32,
    is_retired: bool,
}

/// A line that cannot be obeyed.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line} of the numbers of objects: {what}")]
pub(crate) struct NumberError {
    line: usize,
    what: &'static str,
}

impl Numbers {
    fn parse(list: &'static str) -> Result<Self, NumberError> {
        let mut numbers = Self::default();
        let mut taken = BTreeSet::new();
        let mut taken_here = BTreeSet::new();
        let mut subtree = None;
        for (line, text) in (1..).zip(list.lines()) {
            let wrong = |what| NumberError { line, what };
            if text.is_empty() || text.starts_with('#') {
                continue;
            }
            let header = text
                .strip_prefix('[')
                .and_then(|text| text.strip_suffix(']'));
            let entry = Entry::parse(header.unwrap_or(text)).ok_or(wrong("it is no entry"))?;
            let numbers_here = if header.is_some() {
                &mut taken
            } else {
                &mut taken_here
            };
            if !numbers_here.insert(entry.number) {
                return Err(wrong("its number is taken"));
            }
            let is_new = if header.is_some() {
                taken_here = BTreeSet::new();
                subtree = (!entry.is_retired).then_some(entry.name);
                numbers.begin(entry)
            } else {
                numbers.row(subtree, entry)
            };
            is_new
                .then_some(())
                .ok_or(wrong("its name is taken, or it is in no subtree"))?;
        }
        Ok(numbers)
    }

    fn begin(&mut self, entry: Entry) -> bool {
        let numbered = Numbered {
            number: entry.number,
            rows: BTreeMap::new(),
        };
        entry.is_retired || self.subtrees.insert(entry.name, numbered).is_none()
    }

    fn row(&mut self, subtree: Option<&str>, entry: Entry) -> bool {
        let subtree = subtree.and_then(|name| self.subtrees.get_mut(name));
        let is_new = |one: &mut Numbered| one.rows.insert(entry.name, entry.number).is_none();
        entry.is_retired || subtree.is_some_and(is_new)
    }

    /// The number of a subtree; `None` if it has none.
    pub(crate) fn of_subtree(&self, subtree: &str) -> Option<u32> {
        Some(self.subtrees.get(subtree)?.number)
    }

    /// The number of a row of a subtree; `None` if it has none.
    pub(crate) fn of_row(&self, subtree: &str, row: &str) -> Option<u32> {
        self.subtrees.get(subtree)?.rows.get(row).copied()
    }

    /// The names of all subtrees that are not retired.
    #[cfg(test)]
    pub(crate) fn subtree_names(&self) -> impl Iterator<Item = &'static str> {
        self.subtrees.keys().copied()
    }

    /// The names of all rows that are not retired, with those of their subtrees.
    #[cfg(test)]
    pub(crate) fn names(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        let subtrees = self.subtrees.iter();
        subtrees.flat_map(|(subtree, numbered)| numbered.rows.keys().map(|row| (*subtree, *row)))
    }
}

impl Entry {
    fn parse(text: &'static str) -> Option<Self> {
        let mut words = text.split(' ');
        let (name, number) = (words.next()?, words.next()?.parse().ok()?);
        let is_retired = match words.next() {
            None => false,
            Some(RETIRED) => true,
            Some(_) => return None,
        };
        let is_fit = words.next().is_none() && number > 0 && !name.is_empty();
        is_fit.then_some(Self {
            name,
            number,
            is_retired,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_can_be_read() {
        let read = Numbers::parse(LIST);
        assert!(read.is_ok(), "{read:?}");
    }

    #[test]
    fn a_number_is_given_once_even_if_what_had_it_is_retired() {
        let list = "# all\n[node 1]\nold 3 retired\nstatus 4\n\n[gone 2 retired]\nold 3\n[nic 5]\n";
        let refused = Numbers::parse(list);
        assert_eq!(refused.expect_err("a row of nothing").line, 7);
        let list = "[node 1]\nold 3 retired\nstatus 4\n[gone 2 retired]\n[nic 5]\nname 3\n";
        let numbers = Numbers::parse(list).expect("a sound list");
        assert_eq!(numbers.of_subtree("nic"), Some(5));
        assert_eq!(numbers.of_subtree("gone"), None);
        assert_eq!(numbers.of_row("node", "status"), Some(4));
        assert_eq!(numbers.of_row("node", "old"), None);
        let names: Vec<_> = numbers.names().collect();
        assert_eq!(names, [("nic", "name"), ("node", "status")]);
    }

    #[test]
    fn what_cannot_be_obeyed_is_named_by_its_line() {
        for (list, line) in [
            ("status 3", 1),
            ("[node 1]\nstatus 3\nreason 3", 3),
            ("[node 1]\nold 3 retired\nnew 3", 3),
            ("[node 1]\nstatus 3\nstatus 4", 3),
            ("[node 1]\n[nic 1]", 2),
            ("[node 1]\n[node 2]", 2),
            ("[node 0]", 1),
            ("[node 1]\nstatus", 2),
            ("[node 1]\nstatus 3 perhaps", 2),
            ("[node 1]\nstatus 3 retired twice", 2),
        ] {
            let refused = Numbers::parse(list).expect_err(list);
            assert_eq!(refused.line, line, "{list}: {refused}");
        }
    }
}
