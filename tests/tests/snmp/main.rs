//! The SNMP agent of a running appliance, asked by the tools of net-snmp, by pysnmp and by net-snmp
//! of npm, and its module, read by them and by smilint.

mod agreement;
mod flood;
mod identity;
mod machine;
mod manager;
mod module;
mod notifications;
mod security;
mod table;
mod walk;
mod walker;
