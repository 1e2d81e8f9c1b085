//! The command line: one file per command, each with its arguments and what it does with them.
//!
//! `main` parses [`Arguments`], starts the log, builds the board and calls [`Arguments::execute`].
//! Results go to standard output; what is wrong goes to standard error. Refuses: printing the
//! error a command ended with, which `main` does, once.

pub mod analyze;
pub mod bundle;
pub mod cache;
pub mod capture;
mod certificates;
pub mod check;
pub mod demo;
mod error;
pub mod integrations;
mod log;
mod management;
pub mod password;
pub mod prewarm;
pub mod probe;
pub mod recorder;
mod report;
pub mod run;
pub mod segment;
pub mod send;
pub mod sign;
pub mod status;
mod terminal;
pub mod validate;

use clap::{Parser, Subcommand};
use weir_hal::{Board, Multicast};

pub use error::{CommandError, ExitStatus};
pub use log::start_log;
pub use management::ManagementError;
pub use terminal::{Color, Terminal};

const EXIT_CODES: &str = "\
Exit codes:
   0  done
   1  the appliance that was asked is degraded or has failed
  64  the command line cannot be obeyed
  65  what was looked at breaks its standard
  69  a port, group, interface, source or object is not to be had
  74  a file cannot be read or written, or is damaged
  78  the configuration has mistakes

Start with `weir demo`: it needs no configuration and no network.";

/// Edge appliance for television: multicast MPEG-TS in, HLS out.
#[derive(Debug, Parser)]
#[command(name = "weir", version, after_help = EXIT_CODES, arg_required_else_help = true)]
#[command(
    disable_help_subcommand = false,
    subcommand_value_name = "COMMAND",
    max_term_width = 100
)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// Log more: once for debugging, twice for every step.
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
    /// When to use colour: auto, always or never.
    #[arg(long, global = true, value_enum, default_value_t, value_name = "WHEN")]
    #[arg(hide_possible_values = true)]
    pub color: Color,
}

/// The commands of `weir`.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// `weir demo`
    #[command(about = demo::ABOUT, after_help = demo::EXAMPLES)]
    Demo(demo::Arguments),
    /// `weir run`
    #[command(about = run::ABOUT, after_help = run::EXAMPLES)]
    Run(run::Arguments),
    /// `weir check`
    #[command(about = check::ABOUT, after_help = check::EXAMPLES)]
    Check(check::Arguments),
    /// `weir analyze`
    #[command(about = analyze::ABOUT, after_help = analyze::EXAMPLES)]
    Analyze(analyze::Arguments),
    /// `weir segment`
    #[command(about = segment::ABOUT, after_help = segment::EXAMPLES)]
    Segment(segment::Arguments),
    /// `weir probe`
    #[command(about = probe::ABOUT, after_help = probe::EXAMPLES)]
    Probe(probe::Arguments),
    /// `weir validate`
    #[command(about = validate::ABOUT, after_help = validate::EXAMPLES)]
    Validate(validate::Arguments),
    /// `weir capture`
    #[command(about = capture::ABOUT, after_help = capture::EXAMPLES)]
    Capture(capture::Arguments),
    /// `weir send`
    #[command(about = send::ABOUT, after_help = send::EXAMPLES)]
    Send(send::Arguments),
    /// `weir sign`
    #[command(about = sign::ABOUT, after_help = sign::EXAMPLES)]
    Sign(sign::Arguments),
    /// `weir password`
    #[command(about = password::ABOUT, after_help = password::EXAMPLES)]
    Password(password::Arguments),
    /// `weir prewarm`
    #[command(about = prewarm::ABOUT, after_help = prewarm::EXAMPLES)]
    Prewarm(prewarm::Arguments),
    /// `weir status`
    #[command(about = status::ABOUT, after_help = status::EXAMPLES)]
    Status(status::Arguments),
    /// `weir recorder`
    #[command(about = recorder::ABOUT, after_help = recorder::EXAMPLES)]
    Recorder(recorder::Arguments),
    /// `weir bundle`
    #[command(about = bundle::ABOUT, after_help = bundle::EXAMPLES)]
    Bundle(bundle::Arguments),
    /// `weir cache`
    #[command(about = cache::ABOUT, after_help = cache::EXAMPLES)]
    Cache(cache::Arguments),
    /// `weir integrations`
    #[command(about = integrations::ABOUT, after_help = integrations::EXAMPLES)]
    Integrations(integrations::Arguments),
}

impl Command {
    /// Whether it runs until it is told to stop, for an operator who reads its log.
    fn is_daemon(&self) -> bool {
        matches!(self, Self::Run(_))
    }
}

impl Arguments {
    /// Does what was asked, on `board`, telling it on `terminal`.
    ///
    /// # Errors
    /// What kept the command from its result.
    pub fn execute<M: Multicast>(
        self,
        board: &Board<M>,
        terminal: Terminal,
    ) -> Result<(), CommandError> {
        match self.command {
            Command::Demo(_) => demo::execute(board, terminal),
            Command::Run(arguments) => run::execute(&arguments, board, terminal),
            Command::Check(arguments) => check::execute(&arguments, board, terminal),
            Command::Analyze(arguments) => analyze::execute(&arguments, board, terminal),
            Command::Segment(arguments) => segment::execute(&arguments, board, terminal),
            Command::Probe(arguments) => probe::execute(&arguments, board, terminal),
            Command::Validate(arguments) => validate::execute(&arguments, board, terminal),
            Command::Capture(arguments) => capture::execute(&arguments, board, terminal),
            Command::Send(arguments) => send::execute(&arguments, board, terminal),
            Command::Sign(arguments) => sign::execute(&arguments, board, terminal),
            Command::Password(_) => password::execute(terminal),
            Command::Prewarm(arguments) => prewarm::execute(&arguments, board, terminal),
            Command::Status(arguments) => status::execute(&arguments, board, terminal),
            Command::Recorder(arguments) => recorder::execute(&arguments, board, terminal),
            Command::Bundle(arguments) => bundle::execute(&arguments, board, terminal),
            Command::Cache(arguments) => cache::execute(&arguments, board, terminal),
            Command::Integrations(arguments) => integrations::execute(&arguments, board, terminal),
        }
    }
}
