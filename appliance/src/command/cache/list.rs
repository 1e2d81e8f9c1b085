//! `weir cache list`: the objects, one a line.

use std::io::Write;

use clap::Args;
use weir_cache::Held;
use weir_hal::{Board, Multicast, Wall};

use super::{Place, age, class_name, date, shown};
use crate::command::{CommandError, Terminal};

pub(super) const ABOUT: &str = "List the objects, or those whose keys begin with PREFIX";

/// Arguments of `weir cache list`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// How the keys begin.
    #[arg(value_name = "PREFIX", default_value = "", hide_default_value = true)]
    pub prefix: String,
    /// Which cache.
    #[command(flatten)]
    pub place: Place,
    /// Print one JSON object a line.
    #[arg(long)]
    pub json: bool,
}

pub(super) fn execute<M: Multicast>(
    arguments: &Arguments,
    board: &Board<M>,
    terminal: Terminal,
) -> Result<(), CommandError> {
    let inspection = arguments.place.inspect(board, terminal)?;
    let now = board.clock.wall();
    let mut output = terminal.output();
    let mut lost = 0_u64;
    for outcome in inspection.objects() {
        let Ok(held) = outcome else {
            lost += 1;
            continue;
        };
        if !held.key().as_str().starts_with(&arguments.prefix) {
            continue;
        }
        let line = if arguments.json {
            json(&held, now).to_string()
        } else {
            plain(&held, now)
        };
        writeln!(output, "{line}").map_err(CommandError::Output)?;
    }
    output.flush().map_err(CommandError::Output)?;
    if lost > 0 {
        terminal.complain(&format!(
            "warning: {lost} damaged objects are not listed: see `weir cache verify`"
        ));
    }
    Ok(())
}

fn plain(held: &Held, now: Wall) -> String {
    let age = age(now.since(held.written_at()).as_secs());
    let (bytes, class) = (held.bytes(), class_name(held.class()));
    format!("{bytes:>12}  {class:<9}  {age:>7}  {}", shown(held.key()))
}

fn json(held: &Held, now: Wall) -> serde_json::Value {
    serde_json::json!({
        "key": held.key().as_str(),
        "class": class_name(held.class()),
        "bytes": held.bytes(),
        "age_s": now.since(held.written_at()).as_secs(),
        "written_at": date(held.written_at()),
        "region": held.region(),
        "page": held.page(),
    })
}
