//! Builds the appliance from a configuration and a board, runs it, drains it.
//!
//! The data path runs on a thread of its own ([`Ingest`]), so that no load on HTTP can starve it;
//! players are served by threads of their own, each with its connections; everything else that
//! waits for sockets or the disk runs on the tokio runtime of the caller.
//!
//! Refuses: defaults and parsing (`config` did that), and printing (`command` does that).

mod climbing;
mod counters;
mod description;
#[cfg(test)]
mod encryption_tests;
mod error;
mod faces;
mod files;
mod guarding;
mod ingest;
mod keeping;
#[cfg(test)]
mod keeping_tests;
mod language;
mod lapse;
mod leg;
mod lists;
mod logging;
mod master;
mod note;
mod past;
mod path;
mod plan;
mod protection;
mod publisher;
mod pulling;
mod receiving;
mod recorded;
mod reload;
mod rendition;
mod restore;
mod sealed_writer;
mod sealing;
#[cfg(test)]
mod tests;
mod used;

use std::{
    net::SocketAddr, num::NonZeroUsize, path::Path, slice, sync::Arc, thread, time::Duration,
};

use arc_swap::ArcSwapOption;
use tokio::{
    sync::{mpsc, oneshot, watch},
    task::spawn_blocking,
    time::{sleep, timeout},
};
use tracing::{info, warn};
use weir_cache::Store;
use weir_hal::{Board, Listener, Multicast};

pub use counters::PublishCounters;
pub use error::AppError;
pub use files::check_files;
pub use ingest::{ChannelOrder, Ingest};
pub use sealing::Vaults;

use crate::{
    app::{
        faces::Faces, guarding::Guarding, ingest::RenditionOrder, lists::Lists, master::KeptMaster,
        plan::Plan, pulling::Pulling, receiving::Receiving, reload::Running, restore::Waking,
    },
    config::{self, Config, LoadError},
    health::AgentCheck,
    live::Live,
    log::syslog::Forwarder,
    serve::{
        Entrance, Readiness,
        tls::{Tls, keep_own},
    },
    snmp,
};

/// How long the store may take to write what is finished, after that.
const FLUSH: Duration = Duration::from_millis(500);

/// Reloads that may wait; more are the same as one.
pub const RELOADS_MAX: usize = 1;

/// What came of reading the configuration again.
pub type Reload = Result<Config, LoadError>;

/// An appliance whose sockets are open and whose store is recovered, ready to run.
#[derive(Debug)]
pub struct App<M: Multicast> {
    board: Board<M>,
    config: Config,
    store: Store,
    vaults: Vaults,
    pulling: Pulling,
    guarding: Guarding,
    live: Arc<Live>,
    /// For each thread that serves, an entrance at each address.
    data: Vec<Vec<Entrance>>,
    /// The addresses of the management listener.
    management: Vec<Entrance>,
    agent_check: Option<Box<dyn Listener>>,
    /// All that TLS is spoken with.
    tls: Vec<Arc<Tls>>,
    forwarder: Option<Forwarder>,
    snmp: Option<snmp::Agent>,
    /// Why the latest reload was not taken, if it was not.
    config_refused: Arc<ArcSwapOption<String>>,
}

/// What becomes of what stands at `cache.path` when the appliance starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OldCache {
    /// It must be a cache, which is opened; or nothing, and a cache is made.
    Keep,
    /// It is formatted, whatever it was.
    Format,
}

/// What the store is told, out of the configuration.
pub fn store_config(cache: &config::Cache) -> weir_cache::Config {
    weir_cache::Config {
        path: cache.path.clone(),
        bytes_max: cache.size.0,
        memory_bytes_max: usize::try_from(cache.memory.0).unwrap_or(usize::MAX),
        scrub_bytes_per_s: cache.scrub.0,
        classes: cache.classes,
        write_bytes_a_day: cache.write_budget.map(|budget| budget.0),
        ..weir_cache::Config::default()
    }
}

/// Orders the receive thread to carry what `config` asks for. Renditions that `running` has too go
/// on, disturbed only if their plan has changed; the others begin from what the store knows.
///
/// A running rendition is never looked up in the store: it may end a segment at any moment, whose
/// number would then be given twice.
pub async fn orders<M: Multicast>(
    board: &Board<M>,
    (store, vaults): (&Store, &Vaults),
    config: &Config,
    running: Option<&Config>,
) -> Vec<ChannelOrder> {
    let running = running.map(Plan::all).unwrap_or_default();
    let mut orders = Vec::with_capacity(config.channels.len());
    for channel in &config.channels {
        let vault = vaults.of(&channel.id);
        let mut renditions = Vec::with_capacity(channel.renditions.len());
        for plan in Plan::of(config, channel) {
            if running.iter().any(|running| running.is_named_as(&plan)) {
                renditions.push(RenditionOrder::Keep(Box::new(plan)));
                continue;
            }
            let waking = Waking {
                now: board.clock.wall(),
                boot: board.clock.boot(),
            };
            // Apart from what waits for it, which would grow by all that a list is.
            let lists = Box::pin(Lists::restore((store, &vault), &plan, waking)).await;
            renditions.push(RenditionOrder::Begin(Box::new((plan, lists))));
        }
        orders.push(ChannelOrder {
            id: channel.id.clone(),
            name: channel.name.clone(),
            vault,
            renditions,
            master: KeptMaster::restore(store, &channel.id).await,
        });
    }
    orders
}

impl<M: Multicast> App<M> {
    /// Opens every listener, then the store. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// [`AppError`] with one sentence that names the address or path and the remedy.
    pub fn build(config: Config, board: Board<M>, old: OldCache) -> Result<Self, AppError> {
        let listen = |address: SocketAddr, key: &'static str| {
            let opened = board.network.listen(address);
            opened.map_err(|source| AppError::listen(key, source))
        };
        let tls = open_tls(&config, &board)?;
        let mut first = Vec::new();
        for address in &config.http.listen {
            first.push(Entrance::from(listen(*address, "http.listen")?));
        }
        for address in &config.http.tls_listen {
            first.push(Entrance {
                listener: listen(*address, "http.tls_listen")?,
                tls: tls.data.clone(),
            });
        }
        let data = for_each_thread(first, config.http.threads)
            .map_err(|source| AppError::listen("http.listen", source))?;
        let mut management = vec![listen(config.management.listen, "management.listen")?.into()];
        if let Some(address) = config.management.tls_listen {
            management.push(Entrance {
                listener: listen(address, "management.tls_listen")?,
                tls: tls.management.clone(),
            });
        }
        let agent_check = config.management.agent_check;
        let agent_check = agent_check
            .map(|address| listen(address, "management.agent_check"))
            .transpose()?;
        let (disk, clock) = (Arc::clone(&board.disk), Arc::clone(&board.clock));
        let store_config = weir_cache::Config {
            is_format_allowed: old == OldCache::Format,
            ..store_config(&config.cache)
        };
        let store = Store::open(disk, clock, &store_config)?;
        let pulling = Pulling::new(&config, &board, &store)?;
        let guarding = Guarding::new(&config, &board, &store, &pulling.pull)?;
        let vaults = Vaults::open(&config, &board)?;
        let forwarder = logging::forwarder(&config, &board)?;
        let snmp = config.snmp.as_ref();
        let snmp = snmp
            .map(|it| snmp::Agent::open(it, &board.disk))
            .transpose()?;
        Ok(Self {
            board,
            config,
            store,
            vaults,
            pulling,
            guarding,
            live: Arc::default(),
            data,
            management,
            agent_check,
            tls: tls.data.into_iter().chain(tls.management).collect(),
            forwarder,
            snmp,
            config_refused: Arc::default(),
        })
    }

    /// The state of every channel, for whoever watches from within.
    pub fn live(&self) -> &Arc<Live> {
        &self.live
    }

    /// Runs until `shutdown` completes, then drains: whoever asks is told so for
    /// [`config::Http::drain_notice`]; then no new connections, answers under way complete,
    /// finished segments reach the disk. Takes each configuration that `reloads` brings; that one
    /// was refused is an alarm until another is taken.
    ///
    /// # Errors
    /// [`AppError::Thread`] when a thread cannot start, [`AppError::Snmp`] when managers cannot
    /// reach the box.
    ///
    /// # Panics
    /// When a thread or task of the appliance has met a bug.
    pub async fn run(
        self,
        shutdown: impl Future<Output = ()>,
        mut reloads: mpsc::Receiver<Reload>,
    ) -> Result<(), AppError> {
        let kept = (&self.store, &self.vaults);
        let channels = orders(&self.board, kept, &self.config, None).await;
        let face = (&self.board, &self.live);
        let (receiving, heartbeat) = Receiving::start(face, &self.config.receive, channels)?;
        let readiness = Arc::new(Readiness::new(Arc::clone(&self.live)).beating(heartbeat));
        let faces = Faces::new(&self, &readiness);
        let faces = Box::pin(faces.listening(self.snmp, &self.config)).await?;
        let (stop, stopping) = watch::channel(());
        let checked = answer_checks(self.agent_check, &readiness);
        let serving = faces.serve(self.data, self.management, self.tls.clone(), &stopping);
        let mut serving = serving.map_err(AppError::Thread)?;
        info!(
            node = self.config.node.name,
            channels = self.config.channels.len(),
            "running"
        );
        let mut running = Running {
            board: self.board,
            started: self.config.clone(),
            config: self.config,
            store: self.store,
            vaults: self.vaults,
            pulling: self.pulling,
            guarding: self.guarding,
            tls: self.tls,
            receiving,
            config_refused: self.config_refused,
        };
        tokio::pin!(shutdown);
        loop {
            tokio::select! {
                () = &mut shutdown => break,
                Some(next) = reloads.recv() => running.reload(next).await,
            }
        }
        info!("draining");
        readiness.drain();
        sleep(running.started.http.drain_notice).await;
        stop.send_replace(());
        while let Some(ended) = serving.join_next().await {
            ended.expect("serving does not panic");
        }
        drop(checked);
        running.receiving.stop();
        if !close(running.store).await {
            warn!("the store could not write all that was finished in {FLUSH:?}");
        }
        info!("stopped");
        Ok(())
    }
}

/// Answers agent checks on `listener`, if there is one, until what this returns is dropped: while
/// the others drain, it says so.
fn answer_checks(
    listener: Option<Box<dyn Listener>>,
    readiness: &Arc<Readiness>,
) -> oneshot::Sender<()> {
    let (dropped, ended) = oneshot::channel();
    if let Some(listener) = listener {
        let check = AgentCheck::new(listener, Arc::clone(readiness));
        tokio::spawn(check.run(async { drop(ended.await) }));
    }
    dropped
}

/// Lets `store` write what is finished, then closes it. Tells whether both were done in time; a
/// disk that hangs is left behind.
async fn close(store: Store) -> bool {
    let closing = spawn_blocking(move || store.flush(FLUSH));
    matches!(timeout(2 * FLUSH, closing).await, Ok(Ok(true)))
}

/// With what TLS is spoken on which listener, if it is.
struct Spoken {
    data: Option<Arc<Tls>>,
    management: Option<Arc<Tls>>,
}

/// The certificates of all listeners.
fn open_tls<M: Multicast>(config: &Config, board: &Board<M>) -> Result<Spoken, AppError> {
    let (http, management) = (&config.http, &config.management);
    let data = !http.tls_listen.is_empty();
    let data = data.then(|| certificates(board, &http.certificates));
    let management = management.tls_listen.map(|_| managed_by(config, board));
    Ok(Spoken {
        data: data.transpose()?,
        management: management.transpose()?,
    })
}

/// The certificates of the management listener: one of this box, made if there is none yet, unless
/// it is given others.
fn managed_by<M: Multicast>(config: &Config, board: &Board<M>) -> Result<Arc<Tls>, AppError> {
    let management = &config.management;
    let tls = if let Some(given) = &management.certificates {
        certificates(board, given)?
    } else {
        let own = config.cache.tls();
        let names = [slice::from_ref(&config.node.name), &management.names].concat();
        keep_own(&*board.disk, &own, &names)?;
        certificates(board, &own)?
    };
    for pair in tls.certificates().pairs() {
        let fingerprint = pair.fingerprint();
        info!(
            name = pair.name,
            fingerprint, "who manages this box by TLS is shown this certificate"
        );
    }
    Ok(tls)
}

fn certificates<M: Multicast>(board: &Board<M>, directory: &Path) -> Result<Arc<Tls>, AppError> {
    let (disk, clock) = (Arc::clone(&board.disk), Arc::clone(&board.clock));
    Ok(Arc::new(Tls::open(disk, clock, directory)?))
}

/// The same entrances for each of so many threads; for each core, if that is not said.
fn for_each_thread(
    first: Vec<Entrance>,
    threads: Option<usize>,
) -> Result<Vec<Vec<Entrance>>, weir_hal::Error> {
    let threads =
        threads.unwrap_or_else(|| thread::available_parallelism().map_or(1, NonZeroUsize::get));
    let mut all: Vec<Vec<_>> = Vec::with_capacity(threads);
    for _ in 1..threads {
        let siblings = first.iter().map(Entrance::sibling);
        all.push(siblings.collect::<Result<_, _>>()?);
    }
    all.push(first);
    Ok(all)
}
