//! What pulls from origins, out of the configuration, and what a reload changes of it.

use std::sync::Arc;

use tracing::warn;
use weir_cache::Store;
use weir_hal::{Board, Multicast};

use crate::{
    app::AppError,
    causes::with_causes,
    config::Config,
    fetch::{
        Identity, Pull,
        exchange::Client,
        pull::{self, Routes},
        tiers::Tiers,
    },
};

/// The largest share of the cache that one object of unknown length may take.
const OBJECT_SHARE: u64 = 4;

/// The pull path, and the origins it asks.
#[derive(Debug, Clone)]
pub(super) struct Pulling {
    pub(super) pull: Pull,
    pub(super) tiers: Arc<Tiers>,
}

impl Pulling {
    /// Pulls into `store` as `config` asks. Must be called within a tokio runtime.
    pub(super) fn new<M: Multicast>(
        config: &Config,
        board: &Board<M>,
        store: &Store,
    ) -> Result<Self, AppError> {
        let identity = Arc::new(Identity::new(&config.node.name));
        let client = Client::new(Arc::clone(&board.network), identity);
        let tiers = Arc::new(Tiers::new(client, &config.origins, &*board.disk)?);
        let settings = pull::Settings {
            node: config.node.name.clone(),
            object_bytes_max: config.cache.size.0 / OBJECT_SHARE,
        };
        let routes = Routes::new(config, &tiers);
        let clock = Arc::clone(&board.clock);
        let pull = Pull::new(&settings, store.clone(), Arc::clone(&tiers), clock, routes);
        Ok(Self { pull, tiers })
    }

    /// Takes the origins and routes of another configuration. Requests under way go on by the old
    /// ones, and so does everything if certificates cannot be read.
    pub(super) fn reload<M: Multicast>(&self, config: &Config, board: &Board<M>) {
        match self.tiers.reload(&config.origins, &*board.disk) {
            Ok(()) => self.pull.reroute(Routes::new(config, &self.tiers)),
            Err(error) => {
                let error = with_causes(&error);
                warn!(error, "origins and routes stay as they were");
            }
        }
    }
}
