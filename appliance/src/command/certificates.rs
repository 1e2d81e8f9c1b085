//! What `weir check` tells of the certificates that listeners of TLS need.

use std::path::Path;

use comfy_table::Table;
use weir_hal::{Board, Multicast};

use super::{CommandError, Terminal, cache::date};
use crate::{
    causes::with_causes,
    config::Config,
    serve::tls::{Certificates, Pair},
};

/// Names every pair that is broken, or tells which there are; nothing without a listener of TLS.
///
/// # Errors
/// [`CommandError::Certificates`] when a directory is not to be had or holds no pair,
/// [`CommandError::Pairs`] when some are broken.
pub(super) fn check<M: Multicast>(
    config: &Config,
    board: &Board<M>,
    terminal: Terminal,
) -> Result<Option<String>, CommandError> {
    let (http, management) = (&config.http, &config.management);
    let data = Some(("http.certificates", &http.certificates));
    // Without a directory it makes its own, which is not there before it runs.
    let given = management.certificates.as_ref();
    let given = given.map(|directory| ("management.certificates", directory));
    let shown = [
        data.filter(|_| !http.tls_listen.is_empty()),
        given.filter(|_| management.tls_listen.is_some()),
    ];
    let mut table = terminal.table(&["CERTIFICATE", "HOSTS", "EXPIRES"]);
    for (key, directory) in shown.into_iter().flatten() {
        for pair in pairs((key, directory), board, terminal)?.pairs() {
            if let Some(sentence) = pair.end(board.clock.wall()) {
                terminal.complain(&format!("warning: {key}: {sentence}"));
            }
            add(pair, &mut table);
        }
    }
    Ok((!table.is_empty()).then(|| table.trim_fmt()))
}

/// The pairs in the directory that `key` names, if none of them is broken.
fn pairs<M: Multicast>(
    (key, directory): (&str, &Path),
    board: &Board<M>,
    terminal: Terminal,
) -> Result<Certificates, CommandError> {
    let reading = Certificates::read(&*board.disk, directory)?;
    for error in &reading.broken {
        terminal.complain(&format!("{key}: {}", with_causes(error)));
    }
    if !reading.broken.is_empty() {
        return Err(CommandError::Pairs {
            directory: reading.directory,
            pairs: reading.broken.len(),
        });
    }
    Ok(reading.usable()?.certificates)
}

fn add(pair: &Pair, table: &mut Table) {
    let hosts = pair.hosts.join("\n");
    let end = pair.not_after.map_or_else(|| "unknown".to_owned(), date);
    table.add_row([pair.name.clone(), hosts, end]);
}
