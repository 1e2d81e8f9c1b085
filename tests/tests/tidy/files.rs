//! Which files there are, how long they may be, and that none is dead.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

use crate::{
    breach::Breaches,
    checkout::{File, files, root, rust_files},
    token::tokens,
};

/// The top level of the house, beside dot-files. Nothing else appears there.
const TOP_LEVEL: [&str; 10] = [
    "Cargo.lock",
    "Cargo.toml",
    "README.md",
    "appliance",
    "cache",
    "hal",
    "image",
    "systemd",
    "tests",
    "yocto",
];

/// Lines of production code a file may have; the aim is 400.
const FILE_LINES_MAX: usize = 600;

/// Columns a line may have.
const COLUMNS_MAX: usize = 100;

/// Lines the README may have.
const README_LINES_MAX: usize = 200;

#[test]
fn the_top_level_holds_only_the_house() {
    let mut breaches = Breaches::default();
    for entry in fs::read_dir(root()).expect("the root can be listed") {
        let name = entry.expect("the root can be listed").file_name();
        let name = name.to_string_lossy();
        let is_built = name == "target";
        if !TOP_LEVEL.contains(&&*name) && !is_built && !name.starts_with('.') {
            breaches.note(&name, 1, "is no part of the house");
        }
    }
    breaches.expect_none("the top level is fixed");
}

#[test]
fn files_and_lines_are_short() {
    let mut breaches = Breaches::default();
    for file in rust_files() {
        let lines = file.production_lines();
        if lines > FILE_LINES_MAX {
            let text = format!("{lines} lines of production code; at most {FILE_LINES_MAX}");
            breaches.note(&file.path, FILE_LINES_MAX, text);
        }
        for (line, text) in file.lines() {
            let columns = text.chars().count();
            if columns > COLUMNS_MAX {
                breaches.note(
                    &file.path,
                    line,
                    format!("{columns} columns; at most {COLUMNS_MAX}"),
                );
            }
        }
    }
    breaches.expect_none("files and lines are short");
}

#[test]
fn the_readme_is_short() {
    let readme = files().into_iter().find(|file| file.path == "README.md");
    let lines = readme.expect("there is a README").text.lines().count();
    assert!(lines <= README_LINES_MAX, "README.md has {lines} lines");
}

#[test]
fn every_module_tells_its_job_first() {
    let mut breaches = Breaches::default();
    for file in rust_files().filter(|file| !file.is_unit_tests) {
        if !file.text.starts_with("//! ") {
            breaches.note(
                &file.path,
                1,
                "begins without `//!`: tell its job, source and refusal",
            );
        }
    }
    breaches.expect_none("every module opens by telling its job");
}

#[test]
fn no_rust_file_is_dead() {
    let files: BTreeMap<String, File> =
        rust_files().map(|file| (file.path.clone(), file)).collect();
    let mut open: Vec<String> = files.keys().filter(|path| is_root(path)).cloned().collect();
    let mut reached: BTreeSet<String> = BTreeSet::new();
    while let Some(path) = open.pop() {
        open.extend(children(&files[&path]).filter(|child| files.contains_key(child)));
        reached.insert(path);
    }
    let mut breaches = Breaches::default();
    for path in files.keys().filter(|path| !reached.contains(*path)) {
        breaches.note(path, 1, "no `mod` leads here");
    }
    breaches.expect_none("no file is dead");
}

#[test]
fn no_snapshot_or_fixture_is_dead() {
    let (rust, others): (Vec<File>, Vec<File>) = files().into_iter().partition(File::is_rust);
    let is_named = |name: &str| rust.iter().any(|file| file.text.contains(name));
    let mut breaches = Breaches::default();
    for file in others.iter().filter(|file| file.path.contains("/src/")) {
        let name = file.path.rsplit('/').next().unwrap_or(&file.path);
        let test = name
            .strip_suffix(".snap")
            .and_then(|name| name.rsplit("__").next());
        if name != "LICENSE" && !is_named(test.unwrap_or(name)) {
            breaches.note(&file.path, 1, "no Rust file names it");
        }
    }
    breaches.expect_none("no file is dead");
}

#[test]
fn the_architecture_names_every_module_folder() {
    let files = files();
    let architecture = files
        .iter()
        .find(|file| file.path == "appliance/ARCHITECTURE.md");
    let architecture = &architecture
        .expect("appliance/ARCHITECTURE.md is there")
        .text;
    let mut breaches = Breaches::default();
    for file in &files {
        let below = file.path.strip_prefix("appliance/src/");
        let folder = below.and_then(|below| below.strip_suffix("/mod.rs"));
        let Some(folder) = folder.filter(|folder| !folder.contains('/')) else {
            continue;
        };
        if !architecture.contains(&format!("src/{folder}")) {
            breaches.note(
                &file.path,
                1,
                format!("ARCHITECTURE.md says nothing of src/{folder}"),
            );
        }
    }
    breaches.expect_none("the code map is complete");
}

/// Whether cargo finds the file by itself.
fn is_root(path: &str) -> bool {
    let parts: Vec<&str> = path.split('/').collect();
    matches!(
        parts.as_slice(),
        [_, "build.rs"]
            | [_, "src", "lib.rs" | "main.rs"]
            | [_, "src", "bin", _]
            | [_, "src", "bin", _, "main.rs"]
            | [_, "tests" | "benches" | "examples", _]
            | [_, "tests" | "benches" | "examples", _, "main.rs"]
    )
}

/// Where the modules that `file` declares may lie.
fn children(file: &File) -> impl Iterator<Item = String> {
    let (folder, name) = file.path.rsplit_once('/').unwrap_or(("", &file.path));
    let is_story = ["lib.rs", "main.rs", "mod.rs", "build.rs"].contains(&name);
    let folder = if is_story || is_root(&file.path) {
        folder.to_owned()
    } else {
        file.path.trim_end_matches(".rs").to_owned()
    };
    let tokens = tokens(file);
    let declared = tokens
        .windows(3)
        .filter(|triple| triple[0].text == "mod" && triple[2].text == ";");
    let modules: Vec<String> = declared.map(|triple| triple[1].text.clone()).collect();
    modules.into_iter().flat_map(move |module| {
        [
            format!("{folder}/{module}.rs"),
            format!("{folder}/{module}/mod.rs"),
        ]
    })
}
