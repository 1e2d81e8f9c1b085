//! WEIR-MIB as a manager knows it: the module that is checked in.

use std::{collections::BTreeMap, fs, path::PathBuf};

/// The file of the module.
pub fn file() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../appliance/integrations/WEIR-MIB.txt")
}

/// Names of objects as numbers, by their descriptors; read without help of what wrote the module.
///
/// # Panics
/// If the module is not there, or an object is not below the enterprise.
pub fn objects() -> BTreeMap<String, String> {
    let text = fs::read_to_string(file()).expect("it is checked in");
    let mut parents = BTreeMap::new();
    let mut named = "";
    for line in text.lines() {
        let mut words = line.split(' ');
        if !line.starts_with(' ') && (line.contains(" OBJECT") || line.contains("MODULE-IDENTITY"))
        {
            named = words.next().unwrap_or_default();
        }
        let place = line
            .split_once("::= { ")
            .and_then(|(_, place)| place.strip_suffix(" }"));
        if let Some((parent, numbers)) = place.and_then(|place| place.split_once(' ')) {
            parents
                .entry(named)
                .or_insert((parent, numbers.replace(' ', ".")));
        }
    }
    let number = |descriptor: &str| {
        let mut number = String::new();
        let mut next = descriptor;
        while let Some((parent, numbers)) = parents.get(next) {
            number = format!(".{numbers}{number}");
            next = parent;
        }
        assert_eq!(next, "enterprises", "{descriptor}");
        format!(".1.3.6.1.4.1{number}")
    };
    parents
        .keys()
        .map(|it| ((*it).to_owned(), number(it)))
        .collect()
}
