//! What changes while an appliance runs, when it is given another configuration; and what then
//! does not change, said aloud.
//!
//! A file that it names and that cannot be used, of a secret say, is as bad as a mistake, for weir
//! would not start by it: all goes on as before. Of one that goes bad just then, its user or token
//! is none.
//!
//! Refuses: mistakes, of which there are none left (`config`).

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use tracing::{error, info, warn};
use weir_cache::Store;
use weir_hal::{Board, Disk, Multicast};

use crate::{
    app::{
        Reload, Vaults, check_files, guarding::Guarding, orders, pulling::Pulling,
        receiving::Receiving,
    },
    causes::with_causes,
    config::{self, Config, LoadError},
    serve::tls::Tls,
};

/// The parts of an appliance that follow its configuration.
#[derive(Debug)]
pub(super) struct Running<M: Multicast> {
    pub(super) board: Board<M>,
    /// What it was started with.
    pub(super) started: Config,
    /// What it follows now.
    pub(super) config: Config,
    pub(super) store: Store,
    pub(super) vaults: Vaults,
    pub(super) pulling: Pulling,
    pub(super) guarding: Guarding,
    pub(super) tls: Vec<Arc<Tls>>,
    pub(super) receiving: Receiving,
    /// Why the latest reload was not taken, if it was not.
    pub(super) config_refused: Arc<ArcSwapOption<String>>,
}

impl<M: Multicast> Running<M> {
    /// Follows what was read, unless it was refused.
    pub(super) async fn reload(&mut self, read: Reload) {
        let refused = match taken(read, &*self.board.disk) {
            Ok(next) => {
                self.follow(next).await;
                None
            }
            Err(refused) => Some(Arc::new(refused)),
        };
        self.config_refused.store(refused);
    }

    /// Follows `next` from now on.
    async fn follow(&mut self, next: Config) {
        warn_of_fixed_parts(&self.started, &next);
        // Before anything of a channel begins that is to be encrypted.
        self.vaults.reload(&next, &self.board);
        let kept = (&self.store, &self.vaults);
        let orders = orders(&self.board, kept, &next, Some(&self.config)).await;
        self.receiving.carry(orders);
        // First: a new path must not lie open for a moment.
        self.guarding.reload(&next, &self.board);
        self.pulling.reload(&next, &self.board);
        for tls in &self.tls {
            tls.look();
        }
        info!(channels = next.channels.len(), "reloaded");
        self.config = next;
    }
}

/// What was read, if all files that it names can be used; in brief why it is refused. Blocks.
fn taken(read: Reload, disk: &dyn Disk) -> Result<Config, String> {
    let next = read.map_err(|error| error.brief())?;
    let checked = check_files(&next, disk).map_err(|error| with_causes(&error));
    checked.map_err(|reason| {
        error!("the configuration is not taken: weir goes on as before: {reason}");
        LoadError::in_brief(&reason)
    })?;
    Ok(next)
}

/// Names what a reload cannot change while it runs.
fn warn_of_fixed_parts(started: &Config, next: &Config) {
    let parts = [
        ("http", started.http != next.http),
        (
            "management",
            is_management_fixed_part_changed(&started.management, &next.management),
        ),
        ("cache", started.cache != next.cache),
        ("purge", started.purge != next.purge),
        ("prewarm", started.prewarm != next.prewarm),
        ("snmp", started.snmp != next.snmp),
        (
            "alarm",
            is_alarm_fixed_part_changed(&started.alarm, &next.alarm),
        ),
        ("log", started.log != next.log),
        ("node", started.node != next.node),
        (
            "receive.drain_interval",
            started.receive.drain_interval != next.receive.drain_interval,
        ),
        ("receive.cores", started.receive.cores != next.receive.cores),
    ];
    for (part, _) in parts.iter().filter(|(_, is_changed)| *is_changed) {
        warn!("`{part}` has changed: restart weir for it to take effect");
    }
}

/// Whether more has changed about the listener than its tokens and users, which a reload changes.
fn is_management_fixed_part_changed(
    started: &config::Management,
    next: &config::Management,
) -> bool {
    let started = config::Management {
        tokens: next.tokens.clone(),
        users: next.users.clone(),
        ..started.clone()
    };
    started != *next
}

/// Whether more has changed about alarms than their rules, which a reload changes.
fn is_alarm_fixed_part_changed(started: &config::Alarm, next: &config::Alarm) -> bool {
    let started = config::Alarm {
        rules: next.rules.clone(),
        ..started.clone()
    };
    started != *next
}

#[cfg(test)]
mod tests {
    use weir_hal::sim::Simulation;

    use super::*;

    #[test]
    fn what_names_a_file_that_cannot_be_used_is_refused_in_brief() {
        let disk = Simulation::new(1).board().disk;
        let taken = |user: &str| {
            let text = format!("{user}[[origin]]\nname = \"o\"\nurls = [\"http://o\"]\n");
            taken(Ok(Config::parse(&text).expect(user).config), &*disk)
        };
        assert!(taken("").is_ok());
        let path = format!("/{}", "long".repeat(90));
        let user = format!(
            "[[management.user]]\nname = \"ann\"\nrole = \"viewer\"\nsecret = \"{path}\"\n"
        );
        let refused = taken(&user).expect_err("there is no such file");
        assert!(refused.starts_with("cannot read /long"), "{refused}");
        assert!(refused.len() <= LoadError::BRIEF_BYTES_MAX, "{refused}");
    }
}
