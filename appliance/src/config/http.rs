//! `[http]`: the data listener and what it allows its clients.

use super::{
    Http,
    mistake::Ledger,
    read::{address, collide},
    section::{Found, Section},
};

/// Addresses the data listener has at most.
const LISTEN_MAX: usize = 16;

/// Threads that serve at most: more than any box has cores.
const THREADS_MAX: u64 = 64;

/// Reads `[http]`.
pub(super) fn read_http(mut section: Section<'_>, ledger: &mut Ledger) -> Http {
    let found = section.texts("listen", LISTEN_MAX, address, ledger);
    if section.is_empty_list("listen") {
        let place = section.place_of("listen");
        ledger.mistake(&place, "names no address: add one, such as \"0.0.0.0:80\"");
    }
    let threads = section.integer("threads", (1, THREADS_MAX), ledger);
    section.finish(ledger);
    let mut listen = Vec::new();
    for Found { value, place } in found {
        if listen.iter().any(|earlier| collide(*earlier, value)) {
            let text = format!("{value} is listened on already: remove it");
            ledger.mistake(&place, text);
        }
        listen.push(value);
    }
    let default = Http::default();
    Http {
        listen: if listen.is_empty() {
            default.listen
        } else {
            listen
        },
        threads: threads.and_then(|threads| usize::try_from(threads).ok()),
    }
}
