//! Tells one manager of changes of alarms, of links and of the start, as traps or as informs that
//! it must acknowledge.
//!
//! The newest snapshot is what is read, once a second, so nobody waits for a manager. What a
//! manager does not acknowledge stays in a queue and is told again every five seconds, so one that
//! was away is told within that, and one that stays away costs two datagrams meanwhile. What it
//! answers with an error it has received, and is not told again. What falls out of the queue is
//! counted, and shows in the numbers of changes.
//!
//! Source: RFC 3413 §3.3; RFC 3416 §4.2.6, §4.2.7.
//! Refuses: what changed before the start, which managers read in the table of alarms. A link that
//! goes and comes within a second is told of by its counter alone.

use std::{net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use async_snmp::{Auth, AuthoritativeEngine, Client, ErrorKind, Retry, UdpClient, VarBind};
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep};
use tracing::{info, warn};

use crate::{
    causes::with_causes,
    health::Snapshot,
    snmp::{
        Mib, Tally,
        notification::{Notice, links},
        objects::theirs,
        queue::Queue,
    },
};

/// Time between two looks at the history.
const INTERVAL: Duration = Duration::from_secs(1);

/// How long a manager may take to acknowledge, and how often it is asked again before a pause.
const ACKNOWLEDGEMENT: Duration = Duration::from_secs(2);
const RETRIES: u32 = 1;

/// The pause after a manager did not acknowledge; then it is looked for anew, for one that has
/// begun anew meanwhile takes nothing by what was agreed with it before.
const PAUSE: Duration = Duration::from_secs(1);

/// A manager that is to be told.
pub(super) struct Target {
    pub(super) address: SocketAddr,
    pub(super) auth: Auth,
    pub(super) is_informed: bool,
}

/// Tells one manager.
pub(super) struct Notifier {
    target: Target,
    engine: AuthoritativeEngine,
    mib: Arc<Mib>,
    tally: Arc<Tally>,
    queue: Queue,
    /// The number of the latest change that was taken from the history.
    seen: u64,
    /// The latest snapshot that has links: those that were told of last.
    linked: Arc<Snapshot>,
    client: Option<UdpClient>,
    is_reached: bool,
}

impl Notifier {
    pub(super) fn new(
        target: Target,
        engine: AuthoritativeEngine,
        mib: Arc<Mib>,
        tally: Arc<Tally>,
    ) -> Self {
        let seen = mib.change_before();
        let mut queue = Queue::default();
        let dropped = queue.push(Notice::Started);
        tally.notifications_dropped.add(dropped);
        Self {
            linked: mib.latest(),
            target,
            engine,
            mib,
            tally,
            queue,
            seen,
            client: None,
            is_reached: true,
        }
    }

    /// Tells what changes, until `shutdown` completes. What waits then is lost, and shows in the
    /// numbers.
    pub(super) async fn run(mut self, shutdown: impl Future<Output = ()> + Send) {
        let mut ticks = interval_at(Instant::now() + INTERVAL, INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut shutdown = pin!(shutdown);
        loop {
            tokio::select! {
                () = &mut shutdown => return,
                _ = ticks.tick() => {}
            }
            // An inform that is under way may be given up: its change is still in the queue.
            tokio::select! {
                () = &mut shutdown => return,
                () = self.tell_all() => {}
            }
        }
    }

    async fn tell_all(&mut self) {
        self.take_new();
        while let Some(notice) = self.queue.first().cloned() {
            let told = self.tell(&notice).await;
            if self.is_settled(&told) {
                self.queue.remove_first();
            } else {
                self.client = None;
                sleep(PAUSE).await;
            }
            self.take_new();
        }
    }

    /// Notes what came of telling. False if it is to be told again: a manager that answers with an
    /// error has received what it was told, and would answer so for ever.
    fn is_settled(&mut self, told: &async_snmp::Result<()>) -> bool {
        self.note(told);
        let is_refused = |why: &async_snmp::Error| why.kind() == ErrorKind::Snmp;
        let is_heard = told.as_ref().map_or_else(|why| is_refused(why), |()| true);
        is_heard || !self.target.is_informed
    }

    /// Takes what is new in the newest snapshot: a link before the alarm that it is.
    fn take_new(&mut self) {
        let latest = self.mib.latest();
        for link in links(&self.linked.nics, &latest.nics) {
            self.push(Notice::Link(link));
        }
        // None are there while they cannot be read: what they were is what counts then.
        if !latest.nics.is_empty() {
            self.linked = latest;
        }
        for change in self.mib.changes_behind(self.seen) {
            self.seen = change.sequence;
            self.push(Notice::Alarm(change));
        }
    }

    fn push(&mut self, notice: Notice) {
        let dropped = self.queue.push(notice);
        self.tally.notifications_dropped.add(dropped);
    }

    async fn tell(&mut self, notice: &Notice) -> async_snmp::Result<()> {
        let (kind, carried) = self.mib.told(notice);
        let kind = theirs(&kind);
        let carried = carried.into_iter();
        let carried = carried.map(|(oid, value)| VarBind::new(theirs(&oid), value.into()));
        let (carried, up_time) = (carried.collect(), self.mib.up_time());
        let client = match self.client.take() {
            Some(client) => client,
            None => self.connect().await?,
        };
        let told = if self.target.is_informed {
            client.send_inform(&kind, up_time, carried).await
        } else {
            client.send_trap(&kind, up_time, carried).await
        };
        self.client = Some(client);
        told
    }

    async fn connect(&self) -> async_snmp::Result<UdpClient> {
        let Target { address, auth, .. } = &self.target;
        let builder = Client::builder(address.to_string(), auth.clone())
            .local_authoritative_engine(self.engine.clone())
            .request_timeout(ACKNOWLEDGEMENT)
            .send_timeout(ACKNOWLEDGEMENT);
        match Retry::fixed(RETRIES, Duration::ZERO) {
            Ok(retry) => builder.retry(retry).connect().await,
            Err(_) => builder.connect().await,
        }
    }

    /// Counts what came of telling, and logs when that is another than before.
    fn note(&mut self, told: &async_snmp::Result<()>) {
        let manager = self.target.address;
        match told {
            Ok(()) => {
                self.tally.notifications_sent.add(1);
                if !self.is_reached {
                    info!(%manager, "the manager is told of alarms again");
                }
            }
            Err(why) => {
                self.tally.notifications_failed.add(1);
                if self.is_reached {
                    let error = with_causes(&**why);
                    warn!(%manager, error, "the manager cannot be told of alarms");
                }
            }
        }
        self.is_reached = told.is_ok();
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use arc_swap::ArcSwap;
    use async_snmp::{ErrorStatus, client::ResponseMetadata, v3::ReportStatus};
    use weir_hal::{Nic, OperationalStatus, sim::Simulation};

    use super::*;
    use crate::snmp::{Site, engine_state};

    /// Within this a manager that is away is told again, to the step that is looked in.
    const AGAIN_MAX: Duration = Duration::from_millis(5_100);
    const STEP: Duration = Duration::from_millis(100);

    const MANAGER: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9);

    /// Tells a manager, where nobody discards datagrams any more, of what is in `latest`.
    fn notifier(latest: &Arc<ArcSwap<Snapshot>>) -> (Notifier, Arc<Tally>) {
        let target = Target {
            address: MANAGER,
            auth: Auth::v2c("public"),
            is_informed: true,
        };
        let disk = Simulation::new(1).board().disk;
        let engine = engine_state::start(&disk, "/engine".as_ref()).expect("an engine ID");
        let named = ("edge-1".to_owned(), Site::default());
        let mib = Arc::new(Mib::new(named, Arc::clone(latest), Arc::default()));
        let tally = Arc::new(Tally::default());
        (
            Notifier::new(target, engine, mib, Arc::clone(&tally)),
            tally,
        )
    }

    #[test]
    fn a_link_that_goes_down_while_none_can_be_read_is_told_of() {
        use OperationalStatus::{Down, Up};
        let latest = Arc::<ArcSwap<Snapshot>>::default();
        let (mut notifier, _) = notifier(&latest);
        notifier.queue.remove_first();
        for (status, is_told) in [(Some(Up), false), (None, false), (Some(Down), true)] {
            let nic = |operational_status| Nic {
                name: "eth0".to_owned(),
                operational_status,
                ..Nic::default()
            };
            latest.store(Arc::new(Snapshot {
                nics: status.map(nic).into_iter().collect(),
                ..Snapshot::default()
            }));
            notifier.take_new();
            let first = notifier.queue.first();
            let is_link = matches!(first, Some(Notice::Link(_)));
            assert_eq!(is_link, is_told, "{status:?}");
        }
    }

    #[test]
    fn an_inform_that_is_answered_with_an_error_was_received_and_is_not_told_again() {
        let (mut notifier, tally) = notifier(&Arc::default());
        let metadata = Box::<ResponseMetadata>::default;
        let refused = async_snmp::Error::Snmp {
            target: MANAGER,
            status: ErrorStatus::GenErr,
            index: 0,
            oid: None,
            metadata: metadata(),
        };
        let report = async_snmp::Error::Report {
            target: MANAGER,
            status: Box::new(ReportStatus::NotInTimeWindow { counter: 1 }),
            metadata: metadata(),
        };
        let silent = async_snmp::Error::Timeout {
            target: MANAGER,
            elapsed: ACKNOWLEDGEMENT,
            retries: RETRIES,
        };
        for (told, is_settled) in [
            (Err(Box::new(refused)), true),
            (Err(Box::new(report)), false),
            (Err(Box::new(silent)), false),
            (Ok(()), true),
        ] {
            assert_eq!(notifier.is_settled(&told), is_settled, "{told:?}");
        }
        let counters = tally.read();
        let told = (counters.notifications_failed, counters.notifications_sent);
        assert_eq!(told, (3, 1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_manager_that_is_away_is_told_again_within_five_seconds_and_not_flooded() {
        let (notifier, tally) = notifier(&Arc::default());
        let telling = tokio::spawn(notifier.run(std::future::pending()));
        let (begun, mut failed, mut failed_at) = (Instant::now(), 0, None);
        while begun.elapsed() < Duration::from_mins(2) {
            sleep(STEP).await;
            let now = tally.notifications_failed.read();
            if now > failed {
                (failed, failed_at) = (now, Some(Instant::now()));
            }
            let pause = failed_at.map(|at| at.elapsed());
            assert!(pause <= Some(AGAIN_MAX), "nothing for {pause:?}");
        }
        telling.abort();
        assert!(
            (20..=120).contains(&failed),
            "told {failed} times in two minutes"
        );
    }
}
