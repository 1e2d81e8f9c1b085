//! The table of clauses names tests that exist.

use crate::{
    breach::Breaches,
    checkout::{File, files},
};

/// Where the table is.
const TABLE: &str = "cache/RULES.md";

/// What stands before the slash of a name, and the folders it stands for.
const PLACES: [(&str, &[&str]); 6] = [
    ("conformance", &["tests/tests/conformance/"]),
    (
        "exchange",
        &[
            "appliance/src/fetch/exchange/tests/",
            "appliance/src/fetch/exchange/",
        ],
    ),
    ("origins", &["tests/tests/origins/"]),
    ("pull", &["tests/tests/pull/"]),
    ("rules", &["cache/src/rules/tests/", "cache/src/rules/"]),
    ("serve", &["appliance/src/serve/"]),
];

#[test]
fn every_clause_names_tests_that_exist() {
    let files = files();
    let table = files.iter().find(|file| file.path == TABLE);
    let table = table.expect("the table of clauses is there");
    let mut breaches = Breaches::default();
    for (line, text) in table.lines() {
        let named: Vec<_> = text.split('`').filter_map(reference).collect();
        for reference in &named {
            if !is_there(&files, *reference) {
                let (place, name, test) = reference;
                breaches.note(TABLE, line, format!("no test {place}/{name}::{test}"));
            }
        }
        if text.starts_with("| §") && named.is_empty() {
            breaches.note(TABLE, line, "name a test");
        }
    }
    breaches.expect_none("each clause has tests");
}

/// Reads `place/file::test`.
fn reference(quoted: &str) -> Option<(&str, &str, &str)> {
    let (module, test) = quoted.split_once("::")?;
    let (place, file) = module.split_once('/')?;
    Some((place, file, test))
}

/// Whether a file of that name, or the tests beside it, have a function of that name.
fn is_there(files: &[File], (place, name, test): (&str, &str, &str)) -> bool {
    let places = PLACES.iter().filter(|(known, _)| *known == place);
    let declared = format!("fn {test}(");
    places.flat_map(|(_, folders)| *folders).any(|folder| {
        let paths = [
            format!("{folder}{name}.rs"),
            format!("{folder}{name}/tests.rs"),
        ];
        let mut found = files.iter().filter(|file| paths.contains(&file.path));
        found.any(|file| file.text.contains(&declared))
    })
}
