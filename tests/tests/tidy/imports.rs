//! Imports stand in three blocks: std, other crates (those of the house among them), this crate.

use crate::{
    breach::Breaches,
    checkout::{File, rust_files},
};

/// Where an import comes from; the order of the blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Origin {
    Std,
    Crates,
    Here,
}

/// One private `use` of a file.
#[derive(Debug)]
struct Import {
    origin: Origin,
    indent: usize,
    first_line: usize,
    last_line: usize,
}

#[test]
fn imports_stand_in_three_blocks() {
    let mut breaches = Breaches::default();
    for file in rust_files() {
        let imports = imports(&file);
        for pair in imports.windows(2) {
            let [above, below] = pair else { continue };
            if above.indent != below.indent || !is_neighbour(&file, above, below) {
                continue;
            }
            let is_separate = below.first_line > above.last_line + 1;
            let complaint = match above.origin.cmp(&below.origin) {
                std::cmp::Ordering::Greater => "the order is std, other crates, this crate",
                std::cmp::Ordering::Less if !is_separate => "a new block needs a blank line above",
                std::cmp::Ordering::Equal if is_separate => "one block needs no blank line in it",
                std::cmp::Ordering::Less | std::cmp::Ordering::Equal => continue,
            };
            breaches.note(&file.path, below.first_line, complaint);
        }
    }
    breaches.expect_none("imports stand in three blocks: std, other crates, this crate");
}

/// Whether nothing but blank lines stands between two imports.
fn is_neighbour(file: &File, above: &Import, below: &Import) -> bool {
    let between = above.last_line + 1..below.first_line;
    file.lines()
        .filter(|(line, _)| between.contains(line))
        .all(|(_, text)| text.trim().is_empty())
}

fn imports(file: &File) -> Vec<Import> {
    let modules: Vec<&str> = file.lines().filter_map(|(_, text)| module(text)).collect();
    let mut imports: Vec<Import> = Vec::new();
    let mut open: Option<Import> = None;
    for (line, text) in file.lines() {
        let start = text.trim_start().strip_prefix("use ");
        if let (None, Some(path)) = (&open, start) {
            let crate_name = path.split("::").next().unwrap_or("").trim_end_matches(';');
            open = Some(Import {
                origin: origin(crate_name, &modules),
                indent: text.len() - text.trim_start().len(),
                first_line: line,
                last_line: line,
            });
        }
        if text.ends_with(';') {
            imports.extend(open.take().map(|import| Import {
                last_line: line,
                ..import
            }));
        }
    }
    imports
}

fn module(text: &str) -> Option<&str> {
    let text = text.strip_prefix("pub ").unwrap_or(text);
    text.strip_prefix("mod ")?.strip_suffix(';')
}

fn origin(crate_name: &str, modules: &[&str]) -> Origin {
    match crate_name {
        "std" | "core" | "alloc" => Origin::Std,
        "crate" | "self" | "super" => Origin::Here,
        child if modules.contains(&child) => Origin::Here,
        _ => Origin::Crates,
    }
}
