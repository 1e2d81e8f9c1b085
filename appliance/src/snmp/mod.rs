//! SNMP: the snapshot that every surface shows, as objects for managers of networks.
//!
//! [`MibTree`] is what an agent asks; [`Mib`] answers it out of the newest snapshot, with WEIR-MIB
//! (`enterprise`), whose objects are the rows of the table of counters (`object`) under the numbers
//! of a list that is only added to (`number`), and with what every manager asks first: of the box
//! (`standard`), of the agent (`own`) and of the machine (`machine`). `mib_text` writes the module
//! that managers load, of the same objects. [`Agent`] is the socket.
//!
//! Source: RFC 3411 to 3418 (`SNMPv3` and `SNMPv2c`); RFC 2578 to 2580 (`SMIv2`).
//! Refuses: to write anything, and to be asked for what other surfaces do not show.

mod access;
mod agent;
mod change;
mod check;
mod counters;
mod engine_state;
mod enterprise;
mod error;
mod index;
mod machine;
mod mib;
mod mib_text;
mod notification;
mod notifier;
mod number;
mod object;
mod objects;
mod oid;
mod own;
mod queue;
mod standard;
mod storage;
#[cfg(test)]
mod tests;
mod tree;
mod value;

pub use access::check_secrets;
pub use agent::{Agent, Listening};
pub use counters::{Counters, Tally};
pub use enterprise::{ENTERPRISE_NUMBER, is_development};
pub use error::SnmpError;
pub use mib::Mib;
pub use mib_text::mib_text;
pub use oid::Oid;
pub use standard::Site;
pub use tree::{MibTree, Table, TableMaker, TableRow, Tables};
pub use value::Value;

pub(crate) use enterprise::objects_oid;
pub(crate) use object::{Cell, KEY, Object, SUBTREES, Subtree};
pub(crate) use value::Syntax;

use notification::Notification;
