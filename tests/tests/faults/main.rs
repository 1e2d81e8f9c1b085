//! Injected faults, and one truth about them on every surface.
//!
//! Goal: whatever goes wrong is told as one alarm, its root cause, with the same kind, resource,
//! severity and time by JSON, metrics, the table of SNMP and its notifications; and nothing is told
//! where nothing is wrong. Method: `sim` injects into a simulated board, in compressed time; `wire`
//! into network namespaces around the program as it ships. `truth` reads what is told without help
//! of what wrote it.

#![expect(clippy::print_stdout, reason = "figures for whoever runs this by hand")]

mod feed;
mod sim;
mod truth;
mod wire;
