//! The command line of Weir: arguments, log, board, command, exit code.

use std::{env, process::ExitCode, sync::Arc};

use clap::Parser;
use weir::{
    causes::with_causes,
    command::{Arguments, ExitStatus, Terminal, start_log},
};
use weir_hal::linux;

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(refusal) => return answer(&refusal),
    };
    let is_color_unwanted = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let terminal = Terminal::new(arguments.color, is_color_unwanted);
    let board = linux::board();
    let clock = Arc::clone(&board.clock);
    start_log(&arguments.command, arguments.verbose, clock, terminal);
    match arguments.execute(&board, terminal) {
        Ok(()) => exit(ExitStatus::Done),
        Err(error) if error.is_reader_gone() => exit(ExitStatus::Done),
        Err(error) => {
            let status = error.exit_status();
            terminal.complain(&format!("weir: {}", with_causes(&error)));
            exit(status)
        }
    }
}

/// Help and version are answers; anything else is a usage error.
fn answer(refusal: &clap::Error) -> ExitCode {
    let is_printed = refusal.print().is_ok();
    if refusal.use_stderr() || !is_printed {
        return exit(ExitStatus::Usage);
    }
    exit(ExitStatus::Done)
}

fn exit(status: ExitStatus) -> ExitCode {
    ExitCode::from(status as u8)
}
