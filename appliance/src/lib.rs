//! The appliance: receive → demux → segment → cache → serve, and what watches over it.
//!
//! The modules are the data path, in this order; `ARCHITECTURE.md` beside this crate tells the
//! whole story. `app` builds and wires them; `command` is the command line.

pub mod access;
pub mod alarm;
pub mod app;
pub mod capture;
pub mod causes;
pub mod command;
pub mod config;
pub mod counter;
pub mod demo;
pub mod demux;
pub mod encryption;
pub mod fetch;
pub mod hash;
pub mod health;
pub mod ladder;
pub mod live;
pub mod log;
pub mod measure;
pub mod page;
pub mod receive;
pub mod recorder;
pub mod secret;
pub mod segment;
pub mod send;
pub mod serve;
pub mod snmp;
pub mod teletext;
pub mod validate;
mod whole_file;
