//! How results look: aligned tables and progress bars, with colour for people only.
//!
//! A reader that is no terminal gets plain text, and never a progress bar. Refuses: deciding what
//! is told; it only decides how.

use std::io::{self, BufWriter, IsTerminal, Write};

use clap::ValueEnum;
use comfy_table::{Attribute, Cell, ContentArrangement, LineStyle, Table, TableStyle};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;

use super::CommandError;

/// Looks of every table: columns, and one line below their names.
const STYLE: TableStyle = TableStyle::new().header_separator(LineStyle::none().fill('─'));

/// Looks of every progress bar.
const PROGRESS: &str = "{msg} {wide_bar} {percent:>3} %  {bytes_per_sec}, {eta} left";

/// The same for work on things that are counted.
const COUNT: &str = "{msg} {wide_bar} {pos} of {len}, {eta} left";

/// Bytes of output that are collected before they are written.
const OUTPUT_BYTES: usize = 64 * 1024;

/// Columns from which a table is fitted to the terminal; below, wrapped cells help nobody.
const WIDTH_MIN: u16 = 60;

/// When output has colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Color {
    /// On a terminal, unless the environment says `NO_COLOR`.
    #[default]
    Auto,
    /// Even into a file or a pipe.
    Always,
    /// Not at all.
    Never,
}

/// What standard output and standard error are connected to.
#[derive(Debug, Clone, Copy)]
pub struct Terminal {
    is_output_seen: bool,
    is_error_seen: bool,
    color: Color,
}

impl Terminal {
    /// A pipe on standard output.
    #[cfg(test)]
    pub(super) const PIPE: Self = Self {
        is_output_seen: false,
        is_error_seen: true,
        color: Color::Auto,
    };

    /// Looks at standard output and standard error.
    ///
    /// Under [`Color::Auto`], `is_color_unwanted` is what the environment says (`NO_COLOR`).
    pub fn new(color: Color, is_color_unwanted: bool) -> Self {
        let color = match color {
            Color::Auto if is_color_unwanted => Color::Never,
            Color::Auto | Color::Always | Color::Never => color,
        };
        Self {
            is_output_seen: io::stdout().is_terminal(),
            is_error_seen: io::stderr().is_terminal(),
            color,
        }
    }

    /// Whether a person looks at standard output.
    pub fn is_output_seen(self) -> bool {
        self.is_output_seen
    }

    /// Whether standard output takes colour.
    pub fn has_output_color(self) -> bool {
        self.has_color(self.is_output_seen)
    }

    /// Puts the cursor where a screen begins, and takes away what stood there; nothing where
    /// nobody looks.
    ///
    /// # Errors
    /// [`CommandError::Output`] when nobody takes it.
    pub fn clear(self) -> Result<(), CommandError> {
        if !self.is_output_seen {
            return Ok(());
        }
        // ECMA-48: CUP, then ED of all that follows.
        let mut output = io::stdout().lock();
        let written = output.write_all(b"\x1B[H\x1B[J");
        written.map_err(CommandError::Output)
    }

    /// Whether standard error takes colour.
    pub fn has_error_color(self) -> bool {
        self.has_color(self.is_error_seen)
    }

    /// An empty table for standard output: as wide as the terminal, or as its content if none.
    pub fn table(self, header: &[&str]) -> Table {
        let mut table = Table::new();
        table.load_style(STYLE);
        table.set_header(header.iter().map(|name| self.strong(name)));
        if self.is_output_seen && table.width().is_some_and(|width| width >= WIDTH_MIN) {
            table.set_content_arrangement(ContentArrangement::Dynamic);
        } else {
            table.set_content_arrangement(ContentArrangement::Disabled);
        }
        if self.has_output_color() {
            table.enforce_styling();
        } else {
            table.force_no_tty();
        }
        table
    }

    /// A cell that stands out where there is colour.
    pub fn strong(self, text: &str) -> Cell {
        Cell::new(text).add_attribute(Attribute::Bold)
    }

    /// A bar for work on `bytes` bytes, called `name`: drawn only when both standard output and
    /// standard error are read by a person.
    pub fn progress(self, name: &str, bytes: u64) -> ProgressBar {
        self.bar(PROGRESS, name, bytes)
    }

    /// The same for work on `count` things.
    pub fn count(self, name: &str, count: u64) -> ProgressBar {
        self.bar(COUNT, name, count)
    }

    fn bar(self, template: &str, name: &str, length: u64) -> ProgressBar {
        if !(self.is_output_seen && self.is_error_seen) {
            return ProgressBar::hidden();
        }
        let style = ProgressStyle::with_template(template).unwrap_or_else(|_| {
            ProgressStyle::default_bar() // the templates are constants: a test reads them
        });
        ProgressBar::with_draw_target(Some(length), ProgressDrawTarget::stderr())
            .with_style(style)
            .with_message(name.to_owned())
    }

    /// A spinner for a wait of unknown length, drawn as [`Terminal::progress`] is.
    pub fn spinner(self, message: &'static str) -> ProgressBar {
        if !(self.is_output_seen && self.is_error_seen) {
            return ProgressBar::hidden();
        }
        ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr())
            .with_style(ProgressStyle::default_spinner())
            .with_message(message)
    }

    /// Writes `text` and a line end to standard output, at once.
    ///
    /// # Errors
    /// [`CommandError::Output`] when nobody takes it.
    pub fn print(self, text: &str) -> Result<(), CommandError> {
        let mut output = io::stdout().lock();
        let written = writeln!(output, "{}", text.trim_end());
        written
            .and_then(|()| output.flush())
            .map_err(CommandError::Output)
    }

    /// Writes `report` as JSON, as [`Self::print`].
    ///
    /// # Errors
    /// [`CommandError::Output`] when nobody takes it.
    pub fn print_json(self, report: &impl Serialize) -> Result<(), CommandError> {
        let text = serde_json::to_string_pretty(report).map_err(io::Error::from);
        self.print(&text.map_err(CommandError::Output)?)
    }

    /// Standard output for much at once. It must be flushed, or what is left is lost.
    pub fn output(self) -> impl Write {
        BufWriter::with_capacity(OUTPUT_BYTES, io::stdout().lock())
    }

    /// Writes `text` and a line end to standard error. If even that fails, nobody is there to tell.
    pub fn complain(self, text: &str) {
        drop(writeln!(io::stderr().lock(), "{text}"));
    }

    fn has_color(self, is_seen: bool) -> bool {
        match self.color {
            Color::Auto => is_seen,
            Color::Always => true,
            Color::Never => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use indicatif::ProgressStyle;

    use super::{COUNT, Color, PROGRESS, Terminal};

    #[test]
    fn a_pipe_gets_plain_text_and_no_progress() {
        let mut table = Terminal::PIPE.table(&["PID", "PACKETS"]);
        table.add_row(["256", "12"]);
        let lines: Vec<String> = table.lines().collect();
        assert_eq!(
            lines,
            [" PID  PACKETS ", "──────────────", " 256  12      "]
        );
        assert!(Terminal::PIPE.progress("analyzing", 1_000).is_hidden());
    }

    #[test]
    fn the_command_line_overrules_the_environment_and_the_terminal() {
        assert!(Terminal::new(Color::Always, true).has_output_color());
        assert!(!Terminal::new(Color::Never, false).has_error_color());
        assert!(!Terminal::new(Color::Auto, true).has_error_color());
    }

    #[test]
    fn the_progress_templates_are_some() {
        assert!(ProgressStyle::with_template(PROGRESS).is_ok());
        assert!(ProgressStyle::with_template(COUNT).is_ok());
    }
}
