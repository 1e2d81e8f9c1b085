//! What benchmarks share: servers on a core of their own, and the clients that load them.

pub mod clients;
pub mod machine;
pub mod peers;

use std::error::Error;

/// What a benchmark comes to.
pub type Outcome<T = ()> = Result<T, Box<dyn Error>>;
