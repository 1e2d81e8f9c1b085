//! The files of this checkout, in order of their paths.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// What no rule looks into: what is built, and what git keeps.
const SKIPPED: [&str; 2] = ["target", ".git"];

/// The folders of the product itself; `tests` is held to the rules of form only.
const PRODUCT: [&str; 3] = ["appliance/", "cache/", "hal/"];

/// One text file.
#[derive(Debug)]
pub(crate) struct File {
    /// Path from the root of the checkout, with `/`.
    pub(crate) path: String,
    /// All of it.
    pub(crate) text: String,
    /// Whether it is compiled for unit tests only.
    pub(crate) is_unit_tests: bool,
}

impl File {
    /// Whether it is Rust.
    pub(crate) fn is_rust(&self) -> bool {
        Path::new(&self.path)
            .extension()
            .is_some_and(|kind| kind == "rs")
    }

    /// Whether it is Rust that runs on the appliance (with the unit tests beside it).
    pub(crate) fn is_product(&self) -> bool {
        self.is_rust() && PRODUCT.iter().any(|folder| self.path.starts_with(folder))
    }

    /// Lines with their numbers from 1.
    pub(crate) fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        (1..).zip(self.text.lines())
    }

    /// Lines of code before the unit tests at the foot of the file; none in a file of unit tests.
    pub(crate) fn production_lines(&self) -> usize {
        if self.is_unit_tests {
            return 0;
        }
        let foot = "#[cfg(test)]\nmod tests {";
        let head = self.text.split(foot).next().unwrap_or("");
        head.lines().count()
    }
}

/// The root of the checkout.
pub(crate) fn root() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().expect("tests/ lies in the root").to_owned()
}

/// Every text file below the root; what is not UTF-8 is no text.
pub(crate) fn files() -> Vec<File> {
    let root = root();
    let mut paths = Vec::new();
    walk(&root, &mut paths);
    paths.sort();
    let texts = paths.into_iter().filter_map(|path| {
        let text = fs::read_to_string(&path).ok()?;
        let below = path.strip_prefix(&root).expect("found below the root");
        Some((below.to_str()?.to_owned(), text))
    });
    let texts: Vec<(String, String)> = texts.collect();
    let unit_tests: BTreeSet<String> = texts.iter().flat_map(unit_tests_of).collect();
    let files = texts.into_iter().map(|(path, text)| File {
        is_unit_tests: unit_tests.contains(&path),
        path,
        text,
    });
    files.collect()
}

/// The files below the module at `path` that are compiled for its unit tests only.
fn unit_tests_of((path, text): &(String, String)) -> Vec<String> {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    let folder = match name {
        "lib.rs" | "main.rs" | "mod.rs" => folder,
        _ => path.trim_end_matches(".rs"),
    };
    let declared = text.split("#[cfg(test)]\nmod ").skip(1);
    let modules = declared.filter_map(|rest| rest.split_once(';'));
    let files = modules.map(|(module, _)| format!("{folder}/{module}.rs"));
    files.collect()
}

/// Every Rust file below the root.
pub(crate) fn rust_files() -> impl Iterator<Item = File> {
    files().into_iter().filter(File::is_rust)
}

fn walk(folder: &Path, paths: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder of the checkout can be listed") {
        let entry = entry.expect("a folder of the checkout can be listed");
        let kind = entry.file_type().expect("an entry has a kind");
        let name = entry.file_name();
        if SKIPPED.iter().any(|skipped| name == *skipped) {
            continue;
        }
        if kind.is_dir() {
            walk(&entry.path(), paths);
        } else if kind.is_file() {
            paths.push(entry.path());
        }
    }
}
