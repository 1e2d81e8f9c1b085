//! What the store does, beside others that do the same, on this machine.
//!
//! ```text
//! bench-store [DIRECTORY] [--objects N] [--large] [--only SECTION]
//! ```
//!
//! Works in a directory of its own below `DIRECTORY` (default: the one for temporary files), which
//! should be on the device in question and needs room for 6 GiB. `--large` starts with ten times
//! as many objects too. Sections: start, hits, fill, steady, cold. Nothing is asserted: the figures
//! are for people. Other work on the machine shows in them, so its load is printed with each
//! section.
#![expect(clippy::print_stdout, reason = "the figures are the purpose")]

mod cold;
mod fill;
mod hits;
mod machine;
mod peers;
mod rig;
mod start;
mod steady;

use std::{error::Error, path::PathBuf};

type Outcome = Result<(), Box<dyn Error>>;

const OBJECTS: u64 = 1_000_000;

/// What is to be measured, and where.
#[derive(Debug)]
struct Plan {
    directory: PathBuf,
    objects: u64,
    is_large: bool,
    only: Option<String>,
}

fn main() -> Outcome {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|first| first == "child") {
        return start::child(&arguments.split_off(1));
    }
    let plan = plan(arguments)?;
    let directory = tempfile::tempdir_in(&plan.directory)?;
    let sections: [(&str, &dyn Fn() -> Outcome); 5] = [
        ("start", &|| start::section(directory.path(), &plan)),
        ("hits", &hits::section),
        ("fill", &|| fill::section(directory.path())),
        ("steady", &|| steady::section(directory.path())),
        ("cold", &|| cold::section(directory.path())),
    ];
    for (name, section) in sections {
        if plan.only.as_ref().is_none_or(|only| only == name) {
            section()?;
        }
    }
    Ok(())
}

fn plan(arguments: Vec<String>) -> Result<Plan, Box<dyn Error>> {
    let mut plan = Plan {
        directory: std::env::temp_dir(),
        objects: OBJECTS,
        is_large: false,
        only: None,
    };
    let mut arguments = arguments.into_iter();
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--objects" => plan.objects = arguments.next().ok_or("--objects N")?.parse()?,
            "--large" => plan.is_large = true,
            "--only" => plan.only = arguments.next(),
            _ => plan.directory = argument.into(),
        }
    }
    Ok(plan)
}
