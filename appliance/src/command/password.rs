//! `weir password`: the hash of a password, for the file of a user of the management page.

use std::io::{self, BufRead, IsTerminal as _, Read as _};

use clap::Args;
use weir_hal::linux::Unshown;

use super::{CommandError, Terminal};
use crate::access::{PasswordError, PasswordHash};

pub(super) const ABOUT: &str = "Print the hash of a password, for a user of the management page";
pub(super) const EXAMPLES: &str = "\
Examples:
  weir password | install -m 600 /dev/stdin /etc/weir/users/ann
  pass show edge/ann | weir password > ann.hash

Asks for the password twice on a terminal and shows nothing of it; else reads one line of standard
input. Never give it as an argument: everybody on the box could read that.
Exits with 64 when the password is too short or too long.";

/// Bytes of a line that are read: 128 characters of four bytes, its end, and one to tell more.
const LINE_BYTES_MAX: u64 = 4 * 128 + 2;

/// Arguments of `weir password`.
#[derive(Debug, Args)]
pub struct Arguments {}

/// Prints the hash.
///
/// # Errors
/// [`CommandError::Usage`] when the password cannot be taken, [`CommandError::Input`] when it
/// cannot be read.
pub fn execute(terminal: Terminal) -> Result<(), CommandError> {
    let mut input = io::stdin().lock();
    let password = if io::stdin().is_terminal() {
        asked(terminal, &mut input)?
    } else {
        line(&mut input)?
    };
    let hash = PasswordHash::of(&password).map_err(refused)?;
    terminal.print(&hash.to_string())
}

/// What a person types twice.
fn asked(terminal: Terminal, input: &mut impl BufRead) -> Result<String, CommandError> {
    let unshown = Unshown::begin().map_err(CommandError::Input)?;
    terminal.complain("Password (12 to 128 characters, not shown): ");
    let password = line(input)?;
    terminal.complain("Again: ");
    let again = line(input)?;
    drop(unshown);
    if password == again {
        Ok(password)
    } else {
        let text = "the two passwords differ: type the same one twice";
        Err(CommandError::Usage(text.to_owned()))
    }
}

/// A line without its end.
fn line(input: &mut impl BufRead) -> Result<String, CommandError> {
    let mut bytes = Vec::new();
    let read = input.take(LINE_BYTES_MAX).read_until(b'\n', &mut bytes);
    read.map_err(CommandError::Input)?;
    let line = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let text = str::from_utf8(line).map_err(|_other_encoding| {
        CommandError::Usage("the password is not in UTF-8: choose another one".to_owned())
    })?;
    Ok(text.to_owned())
}

fn refused(error: PasswordError) -> CommandError {
    CommandError::Usage(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_one_line_without_its_end() {
        for (input, expected) in [
            ("correct horse\nbattery\n", "correct horse"),
            ("correct horse\r\n", "correct horse"),
            (" correct horse ", " correct horse "),
            ("", ""),
        ] {
            let read = line(&mut input.as_bytes()).expect("a line");
            assert_eq!(read, expected);
        }
        let long = "a".repeat(10_000);
        let read = line(&mut long.as_bytes()).expect("a line");
        assert_eq!(PasswordHash::of(&read), Err(PasswordError::Length));
    }

    #[test]
    fn what_cannot_be_taken_is_not_shown() {
        let error = line(&mut &b"\xffsecret-canary\n"[..]).expect_err("not UTF-8");
        assert!(!error.to_string().contains("canary"), "{error}");
        let error = refused(PasswordHash::of("canary").expect_err("too short"));
        assert!(!error.to_string().contains("canary"), "{error}");
    }
}
