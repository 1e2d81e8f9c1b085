//! The keys of all channels, out of the configuration, and what a reload changes of them.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use tracing::warn;
use weir_hal::{Board, Multicast};

use crate::{
    causes::with_causes,
    config::Config,
    encryption::{KeyError, Surroundings, Vault},
    fetch::{Identity, exchange::Client},
};

/// A vault for each channel, by its id. A channel that is not in it is in the clear.
#[derive(Debug, Default)]
pub struct Vaults(Mutex<BTreeMap<String, Arc<Vault>>>);

impl Vaults {
    /// Opens those of `config`. Blocks. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// [`KeyError`] for the first channel whose keys cannot be had.
    pub fn open<M: Multicast>(config: &Config, board: &Board<M>) -> Result<Self, KeyError> {
        let vaults = Self::default();
        match vaults.set(config, board).pop() {
            Some(error) => Err(error),
            None => Ok(vaults),
        }
    }

    /// Takes another configuration. Where keys cannot be had, the ones before go on; a channel
    /// without any is not passed on. Blocks. Must be called within a tokio runtime.
    pub(super) fn reload<M: Multicast>(&self, config: &Config, board: &Board<M>) {
        for error in self.set(config, board) {
            let error = with_causes(&error);
            warn!(
                error,
                "its keys stay as they were; without any its segments are held back"
            );
        }
    }

    /// The vault of `channel`.
    pub(super) fn of(&self, channel: &str) -> Arc<Vault> {
        let mut vaults = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let vault = vaults.entry(channel.to_owned());
        Arc::clone(vault.or_insert_with(|| Arc::new(Vault::new(channel))))
    }

    /// Sets each by `config`, the last first; those of other channels go.
    fn set<M: Multicast>(&self, config: &Config, board: &Board<M>) -> Vec<KeyError> {
        let client = Client::new(Arc::clone(&board.network), Arc::new(Identity::of_client()));
        let around = Surroundings {
            disk: &*board.disk,
            client: &client,
            now: board.clock.wall(),
        };
        let mut errors = Vec::new();
        for channel in config.channels.iter().rev() {
            let encryption = channel.encryption.as_ref();
            let encryption = encryption.map(|encryption| (encryption, config.segment.target));
            errors.extend(self.of(&channel.id).set(encryption, around).err());
        }
        let is_kept = |id: &String| config.channels.iter().any(|channel| channel.id == *id);
        let mut vaults = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        vaults.retain(|id, _| is_kept(id));
        errors
    }
}
