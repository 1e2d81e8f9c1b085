//! WEIR-MIB as managers load it: clean for smilint, and its names are those of the objects.

use std::{collections::BTreeMap, fs, process::Command};

use tempfile::TempDir;
use weir_tests::{
    mib::{file, objects},
    npm::SNMP_MODULES,
    process::peer,
};

use crate::manager::Appliance;

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
