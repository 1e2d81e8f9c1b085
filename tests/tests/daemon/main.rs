//! `weir run` under load, under signals, and told nonsense.

mod mistakes;
mod signals;
mod sources;
