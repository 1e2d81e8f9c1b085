//! What `weir check` tells of the certificates that `http.tls_listen` needs.

use comfy_table::Table;
use weir_hal::{Board, Multicast};

use super::{CommandError, Terminal, cache::date};
use crate::{
    causes::with_causes,
    config::Http,
    serve::tls::{Certificates, Pair},
};

/// Names every pair that is broken, or tells which there are; nothing without a listener of TLS.
///
/// # Errors
/// [`CommandError::Certificates`] when the directory is not to be had or holds no pair,
/// [`CommandError::Pairs`] when some are broken.
pub(super) fn check<M: Multicast>(
    http: &Http,
    board: &Board<M>,
    terminal: Terminal,
) -> Result<Option<String>, CommandError> {
    if http.tls_listen.is_empty() {
        return Ok(None);
    }
    let reading = Certificates::read(&*board.disk, &http.certificates)?;
    for error in &reading.broken {
        terminal.complain(&format!("http.certificates: {}", with_causes(error)));
    }
    if !reading.broken.is_empty() {
        return Err(CommandError::Pairs {
            directory: reading.directory,
            pairs: reading.broken.len(),
        });
    }
    let pairs = reading.usable()?.certificates;
    let mut table = terminal.table(&["CERTIFICATE", "HOSTS", "EXPIRES"]);
    for pair in pairs.pairs() {
        if let Some(sentence) = pair.end(board.clock.wall()) {
            terminal.complain(&format!("warning: http.certificates: {sentence}"));
        }
        add(pair, &mut table);
    }
    Ok(Some(table.trim_fmt()))
}

fn add(pair: &Pair, table: &mut Table) {
    let hosts = pair.hosts.join("\n");
    let end = pair.not_after.map_or_else(|| "unknown".to_owned(), date);
    table.add_row([pair.name.clone(), hosts, end]);
}
