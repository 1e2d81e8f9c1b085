//! What a person types on the terminal without it being shown.
//!
//! Source: `termios(3)` (ECHO, ECHONL).
//! Refuses: to keep what was typed.

use std::io::{self, Stdin};

use nix::sys::termios::{LocalFlags, SetArg, Termios, tcgetattr, tcsetattr};

/// What is typed on the terminal of standard input is not shown, but for the end of a line, as
/// long as this is there.
#[derive(Debug)]
pub struct Unshown {
    input: Stdin,
    before: Termios,
}

impl Unshown {
    /// Shows nothing of what is typed from now on.
    ///
    /// # Errors
    /// When standard input is no terminal.
    pub fn begin() -> io::Result<Self> {
        let input = io::stdin();
        let before = tcgetattr(&input)?;
        let mut unshown = before.clone();
        unshown.local_flags.remove(LocalFlags::ECHO);
        unshown.local_flags.insert(LocalFlags::ECHONL);
        tcsetattr(&input, SetArg::TCSAFLUSH, &unshown)?;
        Ok(Self { input, before })
    }
}

impl Drop for Unshown {
    fn drop(&mut self) {
        // A terminal that is gone needs nothing any more.
        tcsetattr(&self.input, SetArg::TCSADRAIN, &self.before).unwrap_or_default();
    }
}
