//! How long a stored response is fresh, and how old it is.
//!
//! Source: RFC 9111 §4.2.

use std::time::Duration;

use weir_hal::Wall;

use super::{Policy, Stored};

/// The current age of a stored response (RFC 9111 §4.2.3).
pub fn age(stored: &Stored, now: Wall) -> Duration {
    let _ = (stored, now);
    todo!()
}

/// For how long after its birth a stored response is fresh (RFC 9111 §4.2.1); `None` if neither
/// it nor the policy says.
pub fn lifetime(policy: &Policy, stored: &Stored) -> Option<Duration> {
    let _ = (policy, stored);
    todo!()
}
