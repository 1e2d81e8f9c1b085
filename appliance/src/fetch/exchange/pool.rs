//! The connections to one endpoint: those in use are counted, those that are idle are kept.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use hyper::client::conn::http1::SendRequest;
use tokio::{
    sync::{Notify, OwnedSemaphorePermit, Semaphore},
    task::{AbortHandle, JoinHandle},
    time::{Instant, timeout},
};

use super::{Names, outgoing::Watched, wire::WireState};

/// How long an idle connection is kept: below the 5 s after which Apache and Node.js close theirs,
/// so that a request rarely meets a connection that is being closed.
pub(super) const IDLE_MAX: Duration = Duration::from_secs(4);

/// How long a connection may take to be done with what came before. It mostly is already.
const SETTLE_MAX: Duration = Duration::from_millis(20);

/// A connection that can be asked. The task that drives it ends with this.
#[derive(Debug)]
pub(super) struct Lease {
    pub(super) sender: SendRequest<Watched>,
    pub(super) state: Arc<WireState>,
    /// Where it leads.
    address: SocketAddr,
    /// Whether something was asked on it before.
    pub(super) is_reused: bool,
    _driver: Driver,
}

impl Lease {
    /// A new connection to `address`, driven by `task`.
    pub(super) fn new(
        sender: SendRequest<Watched>,
        address: SocketAddr,
        state: Arc<WireState>,
        task: &JoinHandle<()>,
    ) -> Self {
        Self {
            sender,
            state,
            address,
            is_reused: false,
            _driver: Driver(task.abort_handle()),
        }
    }
}

/// Ends a task when it is dropped, and with it the connection, whatever the other side does.
#[derive(Debug)]
struct Driver(AbortHandle);

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[derive(Debug)]
struct Idle {
    lease: Lease,
    since: Instant,
}

impl Idle {
    /// Whether it may be asked: it is young, alive, and leads to where the host is now.
    fn is_fit(&self, names: &Names) -> bool {
        self.since.elapsed() < IDLE_MAX
            && !self.lease.sender.is_closed()
            && names.has(self.lease.address)
    }
}

/// The connections to one endpoint.
#[derive(Debug)]
pub(crate) struct Pool {
    connections_max: usize,
    slots: Arc<Semaphore>,
    /// The latest last. Bounded by the slots, of which each connection holds one.
    idle: Mutex<Vec<Idle>>,
    /// Somebody who waits may have the connection that became idle.
    kept: Notify,
}

impl Pool {
    pub(crate) fn new(connections_max: usize) -> Self {
        Self {
            connections_max,
            slots: Arc::new(Semaphore::new(connections_max)),
            idle: Mutex::default(),
            kept: Notify::new(),
        }
    }

    pub(crate) fn connections(&self) -> usize {
        self.connections_max
            .saturating_sub(self.slots.available_permits())
    }

    /// Whether half of the connections that there may be are in use.
    pub(crate) fn is_crowded(&self) -> bool {
        let in_use = self.connections().saturating_sub(self.idle().len());
        2 * in_use >= self.connections_max
    }

    /// The idle connection that was used last, if there is one that is fit for use and leads to an
    /// address of `names`.
    pub(super) async fn reuse(&self, names: &Names) -> Option<Lease> {
        loop {
            let idle = self.idle().pop()?;
            if !idle.is_fit(names) {
                continue;
            }
            let mut lease = idle.lease;
            let is_ready = lease.sender.is_ready()
                || matches!(timeout(SETTLE_MAX, lease.sender.ready()).await, Ok(Ok(())));
            if is_ready {
                lease.state.wake();
                lease.is_reused = true;
                return Some(lease);
            }
        }
    }

    /// Waits for a connection to become idle, or for leave to open one more.
    pub(super) async fn reuse_or_slot(&self, names: &Names) -> Result<Lease, OwnedSemaphorePermit> {
        loop {
            if let Some(lease) = self.reuse(names).await {
                return Ok(lease);
            }
            tokio::select! {
                slot = Arc::clone(&self.slots).acquire_owned() => {
                    return Err(slot.expect("the slots are never closed"));
                }
                () = self.kept.notified() => {}
            }
        }
    }

    /// Waits for leave to open one more connection.
    pub(super) async fn slot(&self) -> OwnedSemaphorePermit {
        let slot = Arc::clone(&self.slots).acquire_owned().await;
        slot.expect("the slots are never closed")
    }

    /// Keeps a connection for the next request, unless it is at its end.
    pub(super) fn keep(&self, lease: Lease) {
        if !lease.sender.is_closed() && !lease.state.is_shut() {
            let since = Instant::now();
            lease.state.rest();
            self.idle().push(Idle { lease, since });
            self.kept.notify_one();
        }
    }

    /// Closes what was idle for too long, or leads to no address of `names` any more.
    pub(crate) fn sweep(&self, names: &Names) {
        self.idle().retain(|idle| idle.is_fit(names));
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Idle>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
