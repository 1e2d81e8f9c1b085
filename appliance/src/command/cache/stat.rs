//! `weir cache stat`: what kind of cache it is and how full.

use clap::Args;
use serde::Serialize;
use weir_cache::{Condition, Inspection, Summary, Total};
use weir_hal::{Board, FileKind, Multicast, Wall};

use super::{Place, age, class_name, date, size};
use crate::command::{CommandError, Terminal};

pub(super) const ABOUT: &str = "Tell the kind, state and fill of the cache";

/// Arguments of `weir cache stat`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Which cache.
    #[command(flatten)]
    pub place: Place,
    /// Print JSON instead of tables.
    #[arg(long)]
    pub json: bool,
}

pub(super) fn execute<M: Multicast>(
    arguments: &Arguments,
    board: &Board<M>,
    terminal: Terminal,
) -> Result<(), CommandError> {
    let inspection = arguments.place.inspect(board, terminal)?;
    let summary = inspection.summary();
    if arguments.json {
        return terminal.print_json(&Report::new(&summary, &inspection));
    }
    terminal.print(&told(&summary, &inspection, board.clock.wall()))?;
    terminal.print(&format!("\n{}", classes(&summary, terminal)))
}

const fn kind(summary: &Summary) -> &'static str {
    match summary.kind {
        FileKind::BlockDevice => "block device",
        FileKind::Regular | FileKind::Directory | FileKind::Other => "file",
    }
}

fn told(summary: &Summary, inspection: &Inspection, now: Wall) -> String {
    let condition = match summary.condition {
        Condition::InUse => "in use by a process",
        Condition::Closed => "closed in order",
        Condition::Interrupted => "not closed in order",
    };
    let regions = format!(
        "{} of {}: {} free, {} open, {} sealed, {} bad",
        summary.regions,
        size(summary.region_bytes),
        summary.regions_free,
        summary.regions_open,
        summary.regions_sealed,
        summary.regions_bad
    );
    let mut lines = vec![
        format!("{}: {}", summary.path.display(), kind(summary)),
        format!("  version    {}", summary.version),
        format!("  state      {condition}"),
        format!("  size       {}", size(summary.file_bytes)),
        format!("  regions    {regions}"),
    ];
    if let Some((oldest, newest)) = inspection.written_between() {
        let ago = |at: Wall| format!("{} ({} ago)", date(at), age(now.since(at).as_secs()));
        lines.push(format!("  oldest     {}", ago(oldest)));
        lines.push(format!("  newest     {}", ago(newest)));
    }
    lines.join("\n")
}

fn classes(summary: &Summary, terminal: Terminal) -> String {
    let mut table = terminal.table(&["CLASS", "OBJECTS", "ON DISK"]);
    let mut row = |name: &str, total: Total| {
        let cells = [
            name.to_owned(),
            total.objects.to_string(),
            size(total.bytes),
        ];
        table.add_row(cells);
    };
    for (class, total) in summary.classes.into_iter().rev() {
        row(class_name(class), total);
    }
    row("all", summary.total());
    table.trim_fmt()
}

/// The same for machines.
#[derive(Debug, Serialize)]
struct Report {
    path: String,
    kind: &'static str,
    version: u32,
    condition: &'static str,
    file_bytes: u64,
    region_bytes: u64,
    regions: Regions,
    objects: u64,
    bytes: u64,
    classes: serde_json::Map<String, serde_json::Value>,
    oldest: Option<String>,
    newest: Option<String>,
}

#[derive(Debug, Serialize)]
struct Regions {
    total: u64,
    free: u64,
    open: u64,
    sealed: u64,
    bad: u64,
}

impl Report {
    fn new(summary: &Summary, inspection: &Inspection) -> Self {
        let Total { objects, bytes } = summary.total();
        let classes = summary.classes.iter().map(|(class, total)| {
            let Total { objects, bytes } = total;
            let told = serde_json::json!({ "objects": objects, "bytes": bytes });
            (class_name(*class).to_owned(), told)
        });
        let between = inspection.written_between();
        Self {
            path: summary.path.display().to_string(),
            kind: kind(summary),
            version: summary.version,
            condition: summary.condition.as_str(),
            file_bytes: summary.file_bytes,
            region_bytes: summary.region_bytes,
            regions: Regions {
                total: summary.regions,
                free: summary.regions_free,
                open: summary.regions_open,
                sealed: summary.regions_sealed,
                bad: summary.regions_bad,
            },
            objects,
            bytes,
            classes: classes.collect(),
            oldest: between.map(|(oldest, _)| date(oldest)),
            newest: between.map(|(_, newest)| date(newest)),
        }
    }
}
