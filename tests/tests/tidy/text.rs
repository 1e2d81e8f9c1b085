//! What no text file may hold, and what every manifest must.

use crate::{
    breach::Breaches,
    checkout::{File, files},
};

/// Marks of unfinished work. Each is put together here, so that this file does not hold it.
const UNFINISHED: [&str; 4] = [
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("XX", "X"),
    concat!("db", "g!("),
];

/// Folders that exist on one machine only.
const MACHINE_PATHS: [&str; 4] = [
    concat!("/ho", "me/"),
    concat!("/ro", "ot/"),
    concat!("/wo", "rk/"),
    concat!("/Us", "ers/"),
];

#[test]
fn nothing_is_left_unfinished() {
    // What others wrote and packed is theirs.
    let is_ours = |file: &File| file.path != "Cargo.lock" && !file.path.contains(".min.");
    search(&UNFINISHED, is_ours).expect_none("no unfinished work");
}

#[test]
fn no_file_knows_the_machine_it_was_written_on() {
    search(&MACHINE_PATHS, |_| true).expect_none("no path of one machine");
}

#[test]
fn every_crate_obeys_the_lints_and_versions_of_the_house() {
    let mut breaches = Breaches::default();
    for file in files()
        .iter()
        .filter(|file| file.path.ends_with("/Cargo.toml"))
    {
        if !file.text.contains("[lints]\nworkspace = true") {
            breaches.note(&file.path, 1, "add [lints] workspace = true");
        }
        for (line, text) in dependencies(file) {
            if !text.contains("workspace = true") {
                breaches.note(&file.path, line, "write the version in the root Cargo.toml");
            }
        }
    }
    breaches.expect_none("lints and versions are written once");
}

#[test]
fn a_crate_that_may_break_is_pinned() {
    let mut breaches = Breaches::default();
    let manifest = files().into_iter().find(|file| file.path == "Cargo.toml");
    let manifest = manifest.expect("the root has a manifest");
    for (line, text) in manifest.lines().filter(|(_, text)| text.contains("\"0.")) {
        if !text.starts_with("version") {
            breaches.note(&manifest.path, line, "pin what is before 1.0 with `=`");
        }
    }
    breaches.expect_none("crates before 1.0 are pinned");
}

/// The lines of a manifest that name a crate.
fn dependencies(file: &File) -> impl Iterator<Item = (usize, &str)> {
    let mut is_within = false;
    file.lines().filter(move |(_, text)| {
        if text.starts_with('[') {
            is_within = text.ends_with("dependencies]");
        }
        is_within && !text.starts_with(['[', '#']) && !text.trim().is_empty()
    })
}

fn search(words: &[&str], is_searched: impl Fn(&File) -> bool) -> Breaches {
    let mut breaches = Breaches::default();
    for file in files().iter().filter(|file| is_searched(file)) {
        for (line, text) in file.lines() {
            for word in words.iter().filter(|word| text.contains(**word)) {
                breaches.note(&file.path, line, format!("holds `{word}`"));
            }
        }
    }
    breaches
}
