//! `weir cache verify`: reads everything and compares it with its checksums.

use clap::Args;
use indicatif::ProgressBar;
use serde::Serialize;
use weir_cache::{Flaw, Held, Inspection, Lost};
use weir_hal::{Board, Multicast};

use super::{Place, shown, size};
use crate::{
    causes::with_causes,
    command::{CommandError, Terminal},
};

pub(super) const ABOUT: &str = "Read everything, and name each object that would be dropped";

/// Arguments of `weir cache verify`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Which cache.
    #[command(flatten)]
    pub place: Place,
    /// Print JSON instead of lines.
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
    let bar = terminal.progress("verifying", summary.total().bytes);
    let mut report = Report::default();
    let outcome = verify(&inspection, &bar, &mut report, |dropped| {
        if arguments.json {
            return Ok(());
        }
        bar.suspend(|| terminal.print(&dropped.to_string()))
    });
    bar.finish_and_clear();
    outcome?;
    if arguments.json {
        terminal.print_json(&report)?;
    } else {
        terminal.print(&report.summary())?;
    }
    if report.dropped.is_empty() {
        return Ok(());
    }
    Err(CommandError::Dropped {
        objects: report.dropped.len(),
        path: summary.path,
    })
}

/// What was found.
#[derive(Debug, Default, Serialize)]
struct Report {
    /// Objects that are whole.
    objects: u64,
    /// Bytes of these.
    bytes: u64,
    /// Objects that a running weir let go of meanwhile.
    moved: u64,
    dropped: Vec<Dropped>,
}

impl Report {
    fn summary(&self) -> String {
        let moved = match self.moved {
            0 => String::new(),
            moved => format!(", {moved} went meanwhile"),
        };
        let (objects, bytes) = (self.objects, size(self.bytes));
        match self.dropped.len() {
            0 => format!("all is well: {objects} objects, {bytes}, are whole{moved}"),
            1 => format!("1 object would be dropped; {objects}, {bytes}, are whole{moved}"),
            dropped => {
                format!("{dropped} objects would be dropped; {objects}, {bytes}, are whole{moved}")
            }
        }
    }
}

/// An object that would be dropped.
#[derive(Debug, Serialize)]
struct Dropped {
    /// Unless it cannot be told.
    key: Option<String>,
    region: u32,
    page: u32,
    reason: &'static str,
    detail: String,
}

impl Dropped {
    fn of(held: &Held, flaw: &Flaw) -> Self {
        Self {
            key: Some(shown(held.key())),
            region: held.region(),
            page: held.page(),
            reason: flaw.as_str(),
            detail: with_causes(flaw),
        }
    }

    fn lost(lost: &Lost) -> Self {
        Self {
            key: None,
            region: lost.region,
            page: lost.page,
            reason: lost.flaw.as_str(),
            detail: with_causes(&lost.flaw),
        }
    }
}

impl std::fmt::Display for Dropped {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = self.key.as_deref().unwrap_or("an object without a name");
        let Self { region, page, .. } = self;
        let detail = &self.detail;
        write!(formatter, "{name}: {detail} (region {region}, page {page})")
    }
}

/// Reads all objects, telling `each` of those that would be dropped.
fn verify(
    inspection: &Inspection,
    bar: &ProgressBar,
    report: &mut Report,
    mut each: impl FnMut(&Dropped) -> Result<(), CommandError>,
) -> Result<(), CommandError> {
    for outcome in inspection.objects() {
        let (record_bytes, dropped) = match &outcome {
            Ok(held) => {
                let flaw = inspection.pieces(held).find_map(Result::err);
                report.count(held, flaw.as_ref());
                let damage = flaw.filter(Flaw::is_damage);
                let dropped = damage.map(|flaw| Dropped::of(held, &flaw));
                (held.record_bytes(), dropped)
            }
            Err(lost) => (lost.record_bytes, Some(Dropped::lost(lost))),
        };
        bar.inc(record_bytes);
        if let Some(dropped) = dropped {
            each(&dropped)?;
            report.dropped.push(dropped);
        }
    }
    Ok(())
}

impl Report {
    fn count(&mut self, held: &Held, flaw: Option<&Flaw>) {
        match flaw {
            None => {
                self.objects += 1;
                self.bytes += held.bytes();
            }
            Some(flaw) => self.moved += u64::from(!flaw.is_damage()),
        }
    }
}
