//! Everything a running appliance stands on, bundled once in `main`.

use std::sync::Arc;

use crate::{Clock, Disk, Multicast, Network, Sensors, Slots};

/// The hardware and kernel under one appliance: built once, handed down by reference.
///
/// `Multicast` is a type parameter because it is met for every batch of datagrams; the rest is
/// met rarely enough for dynamic dispatch.
#[derive(Debug)]
pub struct Board<M: Multicast> {
    /// Monotonic and wall time.
    pub clock: Arc<dyn Clock>,
    /// Datagrams in and out.
    pub multicast: Arc<M>,
    /// Files and block devices.
    pub disk: Arc<dyn Disk>,
    /// Stream sockets.
    pub network: Arc<dyn Network>,
    /// Processor load and other readings.
    pub sensors: Arc<dyn Sensors>,
    /// What the machine boots from.
    pub slots: Arc<dyn Slots>,
}

// Not derived: that would ask for `M: Clone`, and the board shares it.
impl<M: Multicast> Clone for Board<M> {
    fn clone(&self) -> Self {
        Self {
            clock: Arc::clone(&self.clock),
            multicast: Arc::clone(&self.multicast),
            disk: Arc::clone(&self.disk),
            network: Arc::clone(&self.network),
            sensors: Arc::clone(&self.sensors),
            slots: Arc::clone(&self.slots),
        }
    }
}
