//! `[http]`: the data listener and what it allows its clients.

use std::{net::SocketAddr, time::Duration};

use super::{
    Http,
    access_log::read_access_log,
    cache::absolute_path,
    client_limits::read_client_limits,
    mistake::{Ledger, quoted},
    read::{address, collide},
    section::{Found, Section},
    unit::parse_duration,
};

/// Addresses the data listener has at most.
const LISTEN_MAX: usize = 16;

/// Threads that serve at most: more than any box has cores.
const THREADS_MAX: u64 = 64;

/// Longest notice: `systemd` kills after 90 s what is to end.
const DRAIN_NOTICE_MAX: Duration = Duration::from_mins(1);

/// Reads `[http]`.
pub(super) fn read_http(mut section: Section<'_>, ledger: &mut Ledger) -> Http {
    let default = Http::default();
    let plain = section.texts("listen", LISTEN_MAX, address, ledger);
    if section.is_empty_list("listen") {
        let place = section.place_of("listen");
        ledger.mistake(&place, "names no address: add one, such as \"0.0.0.0:80\"");
    }
    let encrypted = section.texts("tls_listen", LISTEN_MAX, address, ledger);
    let certificates = section.text("certificates", absolute_path, ledger);
    let threads = section.integer("threads", (1, THREADS_MAX), ledger);
    let drain_notice = section.text("drain_notice", drain_notice, ledger);
    let access_log = read_access_log(&mut section, ledger);
    let limits = read_client_limits(&mut section, ledger);
    section.finish(ledger);
    let mut taken = Vec::new();
    let mut listen = addresses(plain, &mut taken, ledger);
    if listen.is_empty() {
        taken.extend(&default.listen);
        listen = default.listen;
    }
    Http {
        listen,
        tls_listen: addresses(encrypted, &mut taken, ledger),
        certificates: certificates.map_or(default.certificates, |found| found.value),
        threads: threads.and_then(|threads| usize::try_from(threads).ok()),
        drain_notice: drain_notice.map_or(default.drain_notice, |found| found.value),
        access_log,
        limits,
    }
}

fn drain_notice(text: &str) -> Result<Duration, String> {
    let notice = parse_duration(text)?;
    if notice > DRAIN_NOTICE_MAX {
        let text = quoted(text);
        return Err(format!("must be at most 1min, not {text}"));
    }
    Ok(notice)
}

/// The addresses of `found`, each at odds with none of those `taken` already.
fn addresses(
    found: Vec<Found<SocketAddr>>,
    taken: &mut Vec<SocketAddr>,
    ledger: &mut Ledger,
) -> Vec<SocketAddr> {
    let mut addresses = Vec::with_capacity(found.len());
    for Found { value, place } in found {
        if taken.iter().any(|earlier| collide(*earlier, value)) {
            let text = format!("{value} is listened on already: remove it");
            ledger.mistake(&place, text);
        }
        taken.push(value);
        addresses.push(value);
    }
    addresses
}
