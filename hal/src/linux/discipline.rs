//! What the kernel knows of how good its wall clock is.
//!
//! Source: `adjtimex(2)`; `kernel/time/ntp.c`: whoever sets the clock by a source tells the kernel
//! its error, which grows by 500 millionths until it is told again; at 16 s, or when the clock was
//! set by hand, it is unsynchronised.
//!
//! Refuses: to change anything.
#![expect(unsafe_code, reason = "nix has no safe form of adjtimex")]

use std::{io, mem::MaybeUninit, time::Duration};

use nix::{errno::Errno, libc};

use crate::{ClockDiscipline, Error};

/// How the wall clock of this machine is kept.
pub(super) fn discipline() -> Result<ClockDiscipline, Error> {
    let read = read().map_err(|source| Error::Sensor {
        what: "how the clock is kept, by adjtimex",
        source,
    });
    read.map(|(state, told)| of(state, &told))
}

/// The state of the clock, and what the kernel tells of it.
fn read() -> io::Result<(i32, libc::timex)> {
    // SAFETY: the struct is integers alone, of which zeroes are valid; no mode is set, which only
    // reads.
    let mut told: libc::timex = unsafe { MaybeUninit::zeroed().assume_init() };
    // SAFETY: the pointer is to a struct of ours that outlives the call.
    let state = unsafe { libc::adjtimex(&raw mut told) };
    let state = Errno::result(state).map_err(io::Error::from)?;
    Ok((state, told))
}

fn of(state: i32, told: &libc::timex) -> ClockDiscipline {
    let is_synchronised = state != libc::TIME_ERROR && told.status & libc::STA_UNSYNC == 0;
    let is_nanos = told.status & libc::STA_NANO != 0;
    let left = told.offset.unsigned_abs();
    let left = if is_nanos {
        Duration::from_nanos(left)
    } else {
        Duration::from_micros(left)
    };
    let estimated = Duration::from_micros(u64::try_from(told.esterror).unwrap_or(0));
    ClockDiscipline {
        offset: is_synchronised.then_some(left.max(estimated)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(status: i32, offset: i64, esterror: i64) -> libc::timex {
        let (_, mut told) = read().expect("every Linux tells");
        (told.status, told.offset, told.esterror) = (status, offset, esterror);
        told
    }

    #[test]
    fn the_worse_of_what_is_left_to_correct_and_what_is_estimated_is_told() {
        for (status, offset, esterror, micros) in [
            (0, -1_500, 20, 1_500),
            (libc::STA_NANO, 1_500_000, 20, 1_500),
            (libc::STA_NANO, 1_000, 20, 20),
            (0, 0, -1, 0),
        ] {
            let discipline = of(libc::TIME_OK, &told(status, offset, esterror));
            assert_eq!(discipline.offset, Some(Duration::from_micros(micros)));
        }
    }

    #[test]
    fn a_clock_that_nothing_sets_is_told_as_such() {
        for (state, status) in [
            (libc::TIME_ERROR, 0),
            (libc::TIME_OK, libc::STA_UNSYNC),
            (libc::TIME_ERROR, libc::STA_UNSYNC),
        ] {
            let discipline = of(state, &told(status, 0, 0));
            assert_eq!(discipline.offset, None, "{state} {status}");
        }
    }
}
