//! WEIR-MIB as managers load it: clean for smilint, and its names are those of the objects.

use std::{collections::BTreeMap, fs, path::PathBuf, process::Command};

use tempfile::TempDir;
use weir_tests::{npm::SNMP_MODULES, process::peer};

use crate::manager::Appliance;

/// The module as it is handed out.
pub(crate) fn file() -> PathBuf {
    let tests = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    tests.join("../appliance/integrations/WEIR-MIB.txt")
}

/// The modules of the standard that it imports, each under its own name.
pub(crate) fn standard() -> TempDir {
    let folder = TempDir::new().expect("a temporary folder");
    let packed = SNMP_MODULES.path();
    for module in ["SNMPv2-SMI", "SNMPv2-TC", "SNMPv2-CONF"] {
        let from = packed.join(format!("{module}.mib"));
        fs::copy(from, folder.path().join(module)).expect("it was fetched");
    }
    fs::copy(file(), folder.path().join("WEIR-MIB")).expect("it is checked in");
    folder
}

/// Names of objects as numbers, by their descriptors; read without help of what wrote the module.
pub(crate) fn objects() -> BTreeMap<String, String> {
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

#[test]
fn smilint_finds_nothing_to_complain_of() {
    let folder = standard();
    let mut command = Command::new("smilint");
    command
        .args(["-s", "-l", "3"])
        .env("SMIPATH", folder.path());
    let told = peer(command.arg(folder.path().join("WEIR-MIB")));
    assert_eq!(told, "");
}

#[test]
fn net_snmp_reads_the_same_names_as_we_do_and_each_object_of_the_box_has_one() {
    let (folder, objects) = (standard(), objects());
    assert!(objects.len() > 300, "{}", objects.len());
    let mut command = Command::new("snmptranslate");
    command
        .arg("-M")
        .arg(folder.path())
        .args(["-m", "WEIR-MIB", "-Tz"]);
    let told = peer(command.env("SNMPCONFPATH", folder.path()));
    let lines = told.lines().filter_map(|line| line.split_once('\t'));
    let theirs: BTreeMap<String, String> = lines
        .map(|(name, number)| (name.replace('"', ""), number.trim().replace('"', "")))
        .map(|(name, number)| (name, format!(".{number}")))
        .collect();
    for (descriptor, number) in &objects {
        assert_eq!(theirs.get(descriptor), Some(number), "{descriptor}");
    }
    let appliance = Appliance::start(1, "127.0.0.0/8");
    let numbers: Vec<String> = objects
        .values()
        .map(|number| format!("{number}."))
        .collect();
    for (name, value) in appliance.walk(".1.3.6.1.4.1.32473") {
        let is_known = numbers
            .iter()
            .any(|number| name.starts_with(number.as_str()));
        assert!(is_known, "{name} = {value}");
    }
}
