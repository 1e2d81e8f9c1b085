//! The SNMP agent of a running appliance, asked by the tools of net-snmp, and its module, read by
//! them and by smilint.

mod agreement;
mod flood;
mod identity;
mod manager;
mod module;
mod notifications;
mod security;
mod walk;
