//! The house rules that no lint can check.
//!
//! Goal: what ARCHITECTURE.md and the lints promise stays true of every file. Method: each test
//! walks the checkout and lists every breach as `file:line: what is wrong`, all at once.

mod breach;
mod checkout;
mod files;
mod imports;
mod names;
mod rules;
mod text;
mod token;
