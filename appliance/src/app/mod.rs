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
mod guarding;
mod ingest;
mod keeping;
#[cfg(test)]
mod keeping_tests;
mod language;
mod lapse;
mod lists;
mod logging;
mod past;
mod plan;
mod publisher;
mod pulling;
mod rendition;
mod restore;
mod sealed_writer;
mod sealing;
#[cfg(test)]
mod tests;

use std::{io, net::SocketAddr, num::NonZeroUsize, sync::Arc, thread, time::Duration};

use tokio::{
    sync::{mpsc, oneshot, watch},
    task::{JoinSet, spawn_blocking},
    time::timeout,
};
use tracing::{info, warn};
use weir_cache::Store;
use weir_hal::{Board, Listener, Multicast};

pub use counters::PublishCounters;
pub use error::AppError;
pub use ingest::{ChannelOrder, Ingest};
pub use sealing::Vaults;

use crate::{
    app::{
        guarding::Guarding,
        ingest::{IngestThread, RenditionOrder},
        lists::Lists,
        plan::Plan,
        pulling::Pulling,
    },
    config::{self, Config},
    fetch::{
        prewarm::{self, Prewarmer},
        tiers::Tiers,
    },
    health::{self, AgentCheck, Alarms, Health, Sampler, Watched},
    live::Live,
    log::syslog::Forwarder,
    recorder::Recorder,
    serve::{
        self, Content, Entrance, Front, Handler, Heartbeat, Limits, Readiness, Server,
        serve_on_thread, tls::Tls,
    },
    snmp,
};

/// How long answers under way may take after a shutdown has begun.
const DRAIN: Duration = Duration::from_secs(4);

/// How long the store may take to write what is finished, after that.
const FLUSH: Duration = Duration::from_millis(500);

/// How long the flight recorder may take to write its last minute.
const LAST_MINUTE: Duration = Duration::from_millis(500);

/// Reloads that may wait; more are the same as one.
pub const RELOADS_MAX: usize = 1;

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
    management: Entrance,
    agent_check: Option<Box<dyn Listener>>,
    tls: Option<Arc<Tls>>,
    forwarder: Option<Forwarder>,
    snmp: Option<snmp::Agent>,
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
            let now = board.clock.wall();
            // Apart from what waits for it, which would grow by all that a list is.
            let lists = Box::pin(Lists::restore((store, &vault), &plan, now)).await;
            renditions.push(RenditionOrder::Begin(Box::new((plan, lists))));
        }
        orders.push(ChannelOrder {
            id: channel.id.clone(),
            name: channel.name.clone(),
            vault,
            renditions,
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
        let tls = open_tls(&config.http, &board)?;
        let mut first = Vec::new();
        for address in &config.http.listen {
            first.push(Entrance::from(listen(*address, "http.listen")?));
        }
        for address in &config.http.tls_listen {
            first.push(Entrance {
                listener: listen(*address, "http.tls_listen")?,
                tls: tls.clone(),
            });
        }
        let data = for_each_thread(first, config.http.threads)
            .map_err(|source| AppError::listen("http.listen", source))?;
        let management = listen(config.management.listen, "management.listen")?.into();
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
            tls,
            forwarder,
            snmp,
        })
    }

    /// The state of every channel, for whoever watches from within.
    pub fn live(&self) -> &Arc<Live> {
        &self.live
    }

    /// Runs until `shutdown` completes, then drains: no new connections, answers under way
    /// complete, finished segments reach the disk. Takes each configuration that `reloads` brings.
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
        mut reloads: mpsc::Receiver<Config>,
    ) -> Result<(), AppError> {
        warn_of_absent_parts(&self.config);
        let started = self.config.clone();
        let heartbeat = Arc::new(Heartbeat::new(Arc::clone(&self.board.clock)));
        let ingest = Ingest::new(self.board.clone(), Arc::clone(&self.live));
        let mut ingest = ingest.beating(Arc::clone(&heartbeat));
        // Before anybody can ask: an appliance without channels would call itself ready.
        let kept = (&self.store, &self.vaults);
        ingest.carry(orders(&self.board, kept, &self.config, None).await);
        let interval = self.config.receive.drain_interval;
        let mut ingest = IngestThread::start(ingest, interval).map_err(AppError::Thread)?;
        let readiness = Arc::new(Readiness::new(Arc::clone(&self.live)).beating(heartbeat));
        let faces = Faces::new(&self, &readiness);
        let Self {
            board,
            mut config,
            store,
            vaults,
            pulling,
            guarding,
            live: _,
            data,
            management,
            agent_check,
            tls,
            forwarder: _,
            snmp,
        } = self;
        let faces = Box::pin(faces.listening(snmp, &config)).await?;
        let (stop, stopping) = watch::channel(());
        let checked = answer_checks(agent_check, &readiness);
        let serving = faces.serve(data, management, tls.clone(), &stopping);
        let mut serving = serving.map_err(AppError::Thread)?;
        info!(
            node = config.node.name,
            channels = config.channels.len(),
            "running"
        );
        tokio::pin!(shutdown);
        loop {
            tokio::select! {
                () = &mut shutdown => break,
                Some(next) = reloads.recv() => {
                    warn_of_fixed_parts(&started, &next);
                    warn_of_absent_parts(&next);
                    // Before anything of a channel begins that is to be encrypted.
                    vaults.reload(&next, &board);
                    let kept = (&store, &vaults);
                    ingest.carry(orders(&board, kept, &next, Some(&config)).await);
                    // First: a new path must not lie open for a moment.
                    guarding.reload(&next, &board);
                    pulling.reload(&next, &board);
                    config = next;
                    if let Some(tls) = &tls {
                        tls.look();
                    }
                    info!(channels = config.channels.len(), "reloaded");
                }
            }
        }
        info!("draining");
        readiness.drain();
        stop.send_replace(());
        while let Some(ended) = serving.join_next().await {
            ended.expect("serving does not panic");
        }
        drop(checked);
        ingest.stop();
        if !close(store).await {
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

/// Completes when `stopping` has changed, or its sender has gone, which means the same.
fn stopped(stopping: &watch::Receiver<()>) -> impl Future<Output = ()> + Send + use<> {
    let mut stopping = stopping.clone();
    async move { drop(stopping.changed().await) }
}

/// Has `recorder` write its last minute once `stopping` completes.
async fn flush_at(stopping: impl Future<Output = ()> + Send, recorder: Arc<Recorder>) {
    stopping.await;
    let flushing = spawn_blocking(move || recorder.flush(LAST_MINUTE));
    if !flushing.await.expect("flushing does not panic") {
        warn!("the flight recorder could not write its last minute in {LAST_MINUTE:?}");
    }
}

/// Lets `store` write what is finished, then closes it. Tells whether both were done in time; a
/// disk that hangs is left behind.
async fn close(store: Store) -> bool {
    let closing = spawn_blocking(move || store.flush(FLUSH));
    matches!(timeout(2 * FLUSH, closing).await, Ok(Ok(true)))
}

/// The certificates of `http`, if anybody is to be shown them.
fn open_tls<M: Multicast>(
    http: &config::Http,
    board: &Board<M>,
) -> Result<Option<Arc<Tls>>, AppError> {
    if http.tls_listen.is_empty() {
        return Ok(None);
    }
    let (disk, clock) = (Arc::clone(&board.disk), Arc::clone(&board.clock));
    Ok(Some(Arc::new(Tls::open(disk, clock, &http.certificates)?)))
}

/// Who prewarms, as `config` allows.
fn prewarmer(config: &config::Prewarm, pulling: &Pulling, live: &Arc<Live>) -> Prewarmer {
    let settings = prewarm::Settings {
        allowed: config.allowed.clone(),
        rate_per_s: config.rate_per_s,
        concurrency: config.concurrency,
    };
    Prewarmer::new(settings, pulling.pull.clone(), Arc::clone(live))
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

/// Names what the configuration may ask for and this version does not do, so that nobody waits for
/// it.
fn warn_of_absent_parts(config: &Config) {
    for channel in &config.channels {
        for rendition in channel
            .renditions
            .iter()
            .filter(|one| one.sources.len() > 1)
        {
            warn!(
                channel = channel.id,
                rendition = rendition.name,
                "only the first group of `sources` is received: there is no failover yet"
            );
        }
    }
}

/// Names what a reload cannot change while it runs.
fn warn_of_fixed_parts(started: &Config, next: &Config) {
    let parts = [
        ("http", started.http != next.http),
        ("management", started.management != next.management),
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
    ];
    for (part, _) in parts.iter().filter(|(_, is_changed)| *is_changed) {
        warn!("`{part}` has changed: restart weir for it to take effect");
    }
}

/// Whether more has changed about alarms than their rules, which a reload changes.
fn is_alarm_fixed_part_changed(started: &config::Alarm, next: &config::Alarm) -> bool {
    let started = config::Alarm {
        rules: next.rules.clone(),
        ..started.clone()
    };
    started != *next
}

/// What the sampler reads of `app`, of what answers its players, and of who prewarms.
fn watched<M: Multicast>(app: &App<M>, content: &Content, prewarmer: &Arc<Prewarmer>) -> Watched {
    let App {
        board,
        config,
        store,
        pulling,
        guarding,
        live,
        tls,
        ..
    } = app;
    Watched {
        live: Arc::clone(live),
        store: store.clone(),
        http: Arc::clone(content.counters()),
        clock: Arc::clone(&board.clock),
        sensors: Arc::clone(&board.sensors),
        disk: Arc::clone(&board.disk),
        cache_path: config.cache.path.clone(),
        purger: Some(Arc::clone(&guarding.purger)),
        prewarmer: Some(Arc::clone(prewarmer)),
        log: guarding.log.clone(),
        coder: Arc::clone(content.coder()),
        tiers: Arc::clone(&pulling.tiers),
        pull: Some(pulling.pull.clone()),
        tls: tls.clone(),
        snmp: app.snmp.as_ref().map(snmp::Agent::tally),
        alarms: Arc::clone(&guarding.alarms),
        recorder: Some(Arc::clone(&guarding.recorder)),
    }
}

/// What the management listener of an appliance is told whose players come in at `data`.
fn health_settings(config: &Config, data: &[Vec<Entrance>]) -> health::Settings {
    let first = data.iter().flatten().next();
    health::Settings {
        node: config.node.name.clone(),
        names: config.management.names.clone(),
        data_port: first.map_or(0, |entrance| entrance.listener.local_address().port()),
    }
}

/// What answers on the two kinds of listener.
#[derive(Debug)]
struct Faces {
    content: Arc<Server<Front<Content>>>,
    health: Arc<Server<Health>>,
    sampler: Sampler,
    tiers: Arc<Tiers>,
    alarms: Arc<Alarms>,
    recorder: Arc<Recorder>,
    forwarder: Option<Forwarder>,
    snmp: Option<snmp::Listening>,
}

impl Faces {
    fn new<M: Multicast>(app: &App<M>, readiness: &Arc<Readiness>) -> Self {
        let App {
            board,
            config,
            store,
            pulling,
            guarding,
            live,
            data,
            ..
        } = app;
        let clock = || Arc::clone(&board.clock);
        let limits = Limits::for_players(&config.http.limits);
        let settings = serve::Settings {
            node: config.node.name.clone(),
            target: config.segment.target,
        };
        let content = Content::new(
            &settings,
            Arc::clone(live),
            store.clone(),
            Arc::clone(readiness),
        )
        .pulling(pulling.pull.clone());
        let prewarmer = Arc::new(prewarmer(&config.prewarm, pulling, live));
        let sampler = Sampler::new(watched(app, &content, &prewarmer));
        let health = Health::new(
            health_settings(config, data),
            Arc::clone(live),
            Arc::clone(readiness),
            sampler.latest(),
        )
        .purging(Arc::clone(&guarding.purger))
        .prewarming(prewarmer)
        .alarming(Arc::clone(&guarding.alarms))
        .streaming(sampler.events());
        let front = Front::new(
            content,
            Arc::clone(&guarding.gate),
            Arc::clone(&guarding.purger),
            Arc::clone(&board.clock),
        )
        .logging(guarding.log.clone());
        Self {
            content: Arc::new(Server::new(front, limits, clock())),
            health: Arc::new(Server::new(health, Limits::MANAGEMENT, clock())),
            sampler,
            tiers: Arc::clone(&pulling.tiers),
            alarms: Arc::clone(&guarding.alarms),
            recorder: Arc::clone(&guarding.recorder),
            forwarder: app.forwarder.clone(),
            snmp: None,
        }
    }

    /// The same, with `agent`, if there is one, listening to answer with what these faces show.
    async fn listening(
        mut self,
        agent: Option<snmp::Agent>,
        config: &Config,
    ) -> Result<Self, AppError> {
        if let (Some(agent), Some(told)) = (agent, &config.snmp) {
            let site = snmp::Site {
                contact: told.contact.clone(),
                location: told.location.clone(),
            };
            let mib = snmp::Mib::new((config.node.name.clone(), site), self.sampler.latest());
            self.snmp = Some(agent.listen(mib).await?);
        }
        Ok(self)
    }

    /// Begins to serve. What it returns ends once `stopping` has changed and the last answer is
    /// out.
    ///
    /// # Errors
    /// When the system has no room for another thread.
    fn serve(
        self,
        data: Vec<Vec<Entrance>>,
        management: Entrance,
        tls: Option<Arc<Tls>>,
        stopping: &watch::Receiver<()>,
    ) -> io::Result<JoinSet<()>> {
        let mut tasks = JoinSet::new();
        for (number, entrances) in data.into_iter().enumerate() {
            let (server, stop) = (Arc::clone(&self.content), stopping.clone());
            let ended = serve_on_thread(number, server, entrances, stop, DRAIN)?;
            tasks.spawn(async { ended.await.expect("a serving thread does not panic") });
        }
        let stop = || stopped(stopping);
        tasks.spawn(Arc::clone(&self.health).run(management, stop(), DRAIN));
        tasks.spawn(self.sampler.run(stop()));
        tasks.spawn(self.tiers.run(stop()));
        tasks.spawn(self.alarms.keep(stop()));
        tasks.spawn(flush_at(stop(), self.recorder));
        if let Some(forwarder) = self.forwarder {
            tasks.spawn(forwarder.run(stop()));
        }
        if let Some(snmp) = self.snmp {
            tasks.spawn(snmp.run(stop()));
        }
        if let Some(tls) = tls {
            let stop = stop();
            tasks.spawn(async move { tls.watch(stop).await });
        }
        Ok(tasks)
    }
}
