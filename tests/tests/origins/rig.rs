//! A daemon with impatient origins.

use std::{error::Error, time::Duration};

use serde_json::Value;
use weir_tests::{
    daemon::Daemon,
    edge::route_to,
    http::{self, Response},
    origin::{Origin, Reply},
    wait,
};

pub(super) type Result<T = ()> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// Deadlines short enough for a test to meet them, and long enough for a busy machine.
const IMPATIENT: &str = "connect_timeout = \"1s\"\nfirst_byte_timeout = \"1s\"\n\
    stall_timeout = \"1s\"\n";

/// A daemon whose route `/` leads to these URLs, nearest first.
pub(super) fn edge(urls: &[String]) -> Daemon {
    edge_with(urls, "")
}

/// The same with more keys of each origin.
pub(super) fn edge_with(urls: &[String], keys: &str) -> Daemon {
    Daemon::start(&route_to(urls, &format!("{IMPATIENT}{keys}"), ""))
}

pub(super) fn get(edge: &Daemon, path: &str) -> Result<Response> {
    http::get(&edge.data(path))
}

/// What the daemon tells of the origin number `number`, once `is_so` of it; it looks once a second.
pub(super) fn told(edge: &Daemon, number: usize, is_so: impl Fn(&Value) -> bool) {
    wait::until("the health of an origin", Duration::from_secs(5), || {
        is_so(&edge.health()["origins"][number]).then_some(())
    });
}

/// Waits until the daemon has counted so many of `counter` at the endpoint of the origin number
/// `number`.
pub(super) fn counted(edge: &Daemon, number: usize, counter: &str, count: u64) {
    told(edge, number, |origin| {
        let counters = &origin["endpoints"][0]["counters"];
        assert!(
            counters[counter].is_u64() || origin.is_null(),
            "no counter {counter}: {origin}"
        );
        counters[counter].as_u64() >= Some(count)
    });
}

/// An origin that answers every request with these bytes, and closes.
pub(super) fn raw(bytes: impl AsRef<[u8]>) -> Origin {
    let bytes = bytes.as_ref().to_vec();
    Origin::start(move |_| Reply::default().send(&bytes).close())
}

/// An origin that says it is well, by its name.
pub(super) fn well(name: &'static str) -> Origin {
    Origin::start(move |_| Reply::new(200, &[("Cache-Control", "no-store")], name))
}
