//! `weir run` under load, under signals, and told nonsense.

#![expect(clippy::print_stdout, reason = "figures for whoever runs this by hand")]

mod alarms;
mod bad_cache;
mod http_sources;
mod logins;
mod managed_by_tls;
mod membership;
mod merge;
mod mistakes;
mod protection;
mod scrambled;
mod signals;
mod sources;
mod stalled;
mod start_over;
mod tokens;
mod two_boxes;
