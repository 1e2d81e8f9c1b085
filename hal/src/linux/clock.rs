//! Time from the kernel's clocks.
//!
//! Source: `clock_gettime(2)`, `clock_nanosleep(2)`, `sched(7)` (real time needs `CAP_SYS_NICE` or
//! `RLIMIT_RTPRIO`), `sched_setaffinity(2)`. Monotonic time does not advance while the machine is
//! suspended; an appliance never is. The number of a run of the machine is from `random(4)`.
//!
//! Refuses: relative sleeps, which drift by the time between reading the clock and sleeping.
#![expect(unsafe_code, reason = "nix has no safe form of sched_setscheduler")]

use std::{io, path::Path};

use nix::{
    errno::Errno,
    libc,
    sched::{CpuSet, sched_setaffinity},
    sys::time::TimeSpec,
    time::{ClockId, ClockNanosleepFlags, clock_gettime, clock_nanosleep},
    unistd::Pid,
};

use super::sysfs;
use crate::{Monotonic, Wall};

const NANOS_PER_SECOND: u64 = 1_000_000_000;

/// A UUID that the kernel draws when it starts.
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// `CLOCK_MONOTONIC` and `CLOCK_REALTIME`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Clock;

impl Clock {
    /// The clocks of this machine.
    pub const fn new() -> Self {
        Self
    }
}

impl crate::Clock for Clock {
    fn monotonic(&self) -> Monotonic {
        Monotonic::from_nanos(nanos_on(ClockId::CLOCK_MONOTONIC))
    }

    fn wall(&self) -> Wall {
        Wall::from_nanos(nanos_on(ClockId::CLOCK_REALTIME))
    }

    fn boot(&self) -> Option<u64> {
        number_of(&sysfs::text(Path::new(BOOT_ID))?)
    }

    fn sleep_until(&self, deadline: Monotonic) {
        let deadline = timespec(deadline.as_nanos());
        let flags = ClockNanosleepFlags::TIMER_ABSTIME;
        while let Err(error) = clock_nanosleep(ClockId::CLOCK_MONOTONIC, flags, &deadline) {
            // A signal handler ran. The deadline is absolute, so sleeping on cannot drift.
            assert_eq!(
                error,
                Errno::EINTR,
                "a valid deadline is only ever interrupted"
            );
        }
    }

    fn request_real_time(&self) -> bool {
        schedule_round_robin().is_ok()
    }

    fn stay_on_core(&self, core: u16) -> bool {
        let mut cores = CpuSet::new();
        let is_number = cores.set(usize::from(core)).is_ok();
        is_number && sched_setaffinity(Pid::from_raw(0), &cores).is_ok()
    }
}

/// The first half of a UUID.
fn number_of(uuid: &str) -> Option<u64> {
    let digits: String = uuid.chars().filter(char::is_ascii_hexdigit).collect();
    u64::from_str_radix(digits.get(..16)?, 16).ok()
}

/// The lowest real-time priority is above every ordinary thread, and below whatever else on this
/// machine was given one on purpose. Threads and processes that this one starts are ordinary.
fn schedule_round_robin() -> io::Result<()> {
    // SAFETY: the call reads nothing but its number.
    let sched_priority = unsafe { libc::sched_get_priority_min(libc::SCHED_RR) };
    let parameters = libc::sched_param { sched_priority };
    let policy = libc::SCHED_RR | libc::SCHED_RESET_ON_FORK;
    // SAFETY: 0 is the calling thread, and the parameters outlive the call, which only reads them.
    let outcome = unsafe { libc::sched_setscheduler(0, policy, &raw const parameters) };
    Errno::result(outcome).map(drop).map_err(Into::into)
}

fn nanos_on(clock: ClockId) -> u64 {
    let now = clock_gettime(clock).expect("every Linux has both clocks");
    nanos(now.tv_sec(), now.tv_nsec())
}

/// A kernel time as nanoseconds; times before the clock's start become zero.
pub(super) fn nanos(seconds: i64, nanos: i64) -> u64 {
    let seconds = u64::try_from(seconds).unwrap_or(0);
    seconds
        .saturating_mul(NANOS_PER_SECOND)
        .saturating_add(u64::try_from(nanos).unwrap_or(0))
}

fn timespec(nanos: u64) -> TimeSpec {
    let part = |value: u64| i64::try_from(value).expect("u64::MAX nanoseconds are 2^34.2 seconds");
    TimeSpec::new(
        part(nanos / NANOS_PER_SECOND),
        part(nanos % NANOS_PER_SECOND),
    )
}

#[cfg(test)]
mod tests {
    use std::thread;

    use nix::sched::sched_getaffinity;

    use super::*;
    use crate::Clock as _;

    fn policy() -> i32 {
        // SAFETY: the call reads nothing but its number; 0 is the calling thread.
        unsafe { libc::sched_getscheduler(0) }
    }

    #[test]
    fn real_time_is_of_the_asking_thread_alone() {
        thread::scope(|scope| {
            scope.spawn(|| {
                let before = policy();
                let is_granted = Clock::new().request_real_time();
                let real_time = libc::SCHED_RR | libc::SCHED_RESET_ON_FORK;
                assert_eq!(policy(), if is_granted { real_time } else { before });
                let started = thread::scope(|scope| scope.spawn(policy).join().unwrap());
                assert_eq!(started, libc::SCHED_OTHER);
            });
        });
        assert_eq!(policy(), libc::SCHED_OTHER);
    }

    #[test]
    fn a_thread_stays_on_the_core_that_it_asks_for() {
        thread::scope(|scope| {
            scope.spawn(|| {
                let allowed = sched_getaffinity(Pid::from_raw(0)).unwrap();
                let core = (0..CpuSet::count()).find(|core| allowed.is_set(*core).unwrap());
                let core = u16::try_from(core.unwrap()).unwrap();
                assert!(Clock::new().stay_on_core(core));
                let own = sched_getaffinity(Pid::from_raw(0)).unwrap();
                let own: Vec<_> = (0..CpuSet::count())
                    .filter(|it| own.is_set(*it).unwrap())
                    .collect();
                assert_eq!(own, [usize::from(core)]);
                assert!(!Clock::new().stay_on_core(u16::MAX));
            });
        });
    }

    #[test]
    fn the_latest_deadline_is_a_valid_kernel_time() {
        let latest = timespec(u64::MAX);
        assert_eq!(
            (latest.tv_sec(), latest.tv_nsec()),
            (18_446_744_073, 709_551_615)
        );
    }

    #[test]
    fn a_run_of_the_machine_has_a_number_that_stays() {
        let boot = Clock::new().boot();
        assert!(boot.is_some());
        assert_eq!(Clock::new().boot(), boot);
        let uuid = "0123abcd-4567-89ef-8000-000000000000\n";
        assert_eq!(number_of(uuid), Some(0x0123_abcd_4567_89ef));
        assert_eq!(number_of("0123abcd-4567-89e"), None);
    }

    #[test]
    fn a_time_before_the_start_is_zero() {
        assert_eq!(nanos(-1, 0), 0);
    }
}
