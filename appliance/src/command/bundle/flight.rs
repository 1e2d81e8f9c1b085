//! The flight recorder for a bundle: where the configuration has it, or, if that cannot be obeyed,
//! where it may be all the same.
//!
//! It lies beside the cache. Where that is, a configuration with mistakes may still tell, so may
//! the appliance that runs, and else it is where it is by default.
//! Refuses: to name a place that was read out of what is no TOML, unless a recorder lies there.

use std::path::{Path, PathBuf};

use serde_json::Value;
use weir_hal::{Disk, Error};

use super::{
    Configured,
    contents::{Contents, Part},
};
use crate::{
    causes::with_causes,
    config::{Cache, Config},
    recorder::{self, Kept},
};

/// The recorder within a bundle.
const RECORDER: &str = "recorder.blocks";

/// What the appliance tells of its file systems, within a bundle.
const DISKS: &str = "disks.json";

/// Adds as much of the recorder as there is room for, or says why there is none. Blocks.
pub(super) fn add(
    contents: &mut Contents,
    configured: &Configured,
    disk: &dyn Disk,
    bytes_max: usize,
) {
    let mut tried = Vec::new();
    for place in places(contents, configured) {
        match recorder::read(disk, &place.directory, bytes_max) {
            Ok(kept) => {
                let from = configured.doubt.as_ref();
                let from = from.map(|doubt| format!("{}, for {doubt}", place.directory.display()));
                contents.binary(part(kept, from));
                return;
            }
            Err(error) => tried.push(place.failure(&error)),
        }
    }
    let why = tried.join("; ");
    let why = match &configured.doubt {
        None => why,
        Some(doubt) => format!("{doubt}, and where it may lie it is not: {why}"),
    };
    contents.missing(RECORDER, why);
}

fn part(kept: Kept, from: Option<String>) -> Part {
    let left_out = kept.blocks_left_out;
    let cut = format!(
        "the newest {} minutes; {left_out} older ones are on the box",
        kept.blocks
    );
    Part {
        name: RECORDER.to_owned(),
        bytes: kept.bytes,
        cut: (left_out > 0).then_some(cut),
        from,
    }
}

/// Where it may lie.
#[derive(Debug)]
struct Place {
    directory: PathBuf,
    may_be_named: bool,
}

impl Place {
    fn failure(&self, error: &Error) -> String {
        if self.may_be_named {
            with_causes(error)
        } else {
            "not where the configuration seems to have it".to_owned()
        }
    }
}

/// Where it may lie, the likeliest first: one place, if the configuration is obeyed.
fn places(contents: &Contents, configured: &Configured) -> Vec<Place> {
    let mut places = vec![Place {
        directory: configured.config.cache.recorder(),
        may_be_named: configured.trouble.is_none(),
    }];
    if configured.doubt.is_none() {
        return places;
    }
    let told = contents.parts.iter().find(|part| part.name == DISKS);
    let told = told.and_then(|part| recorder_of(&part.bytes));
    for directory in told.into_iter().chain([Config::default().cache.recorder()]) {
        places.retain(|place| place.directory != directory);
        places.push(Place {
            directory,
            may_be_named: true,
        });
    }
    places
}

/// The recorder of the appliance that tells this of its file systems.
fn recorder_of(disks: &[u8]) -> Option<PathBuf> {
    let told: Value = serde_json::from_slice(disks).ok()?;
    let mut disks = told["disks"].as_array()?.iter();
    let cache = disks.find(|disk| disk["purpose"] == "cache")?;
    let path = Path::new(cache["disk"].as_str()?).to_owned();
    let cache = Cache {
        path,
        ..Cache::default()
    };
    Some(cache.recorder())
}
