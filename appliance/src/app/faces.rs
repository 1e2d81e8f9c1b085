//! What an appliance shows to its players and to those who watch over it: builds what answers, and
//! runs it until the end.
//!
//! Refuses: the data path, and what is answered (`serve`, `health` and `snmp` know that).

use std::{io, sync::Arc, time::Duration};

use tokio::{
    sync::watch,
    task::{JoinSet, spawn_blocking},
};
use tracing::warn;
use weir_hal::Multicast;

use crate::{
    app::{App, AppError, pulling::Pulling, recorded::Recorded},
    config::{self, Config},
    fetch::{
        prewarm::{self, Prewarmer},
        tiers::Tiers,
    },
    health::{self, Alarms, Health, Sampler, Watched},
    live::Live,
    log::syslog::Forwarder,
    recorder::Recorder,
    serve::{
        self, Content, Entrance, Front, Handler, Limits, Readiness, Server, serve_on_thread,
        tls::Tls,
    },
    snmp,
};

/// How long answers under way may take after a shutdown has begun.
const DRAIN: Duration = Duration::from_secs(4);

/// How long the flight recorder may take to write its last minute.
const LAST_MINUTE: Duration = Duration::from_millis(500);

/// What answers on the two kinds of listener.
#[derive(Debug)]
pub(super) struct Faces {
    content: Arc<Server<Front<Content>>>,
    health: Arc<Server<Health>>,
    sampler: Sampler,
    tiers: Arc<Tiers>,
    alarms: Arc<Alarms>,
    recorder: Arc<Recorder>,
    recorded: Recorded,
    forwarder: Option<Forwarder>,
    snmp: Option<snmp::Listening>,
}

impl Faces {
    pub(super) fn new<M: Multicast>(app: &App<M>, readiness: &Arc<Readiness>) -> Self {
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
        let watched = watched(app, &content, &prewarmer);
        let counters = Arc::clone(&watched.management);
        let sampler = Sampler::new(watched);
        let history = sampler.history();
        let health = Health::new(
            health_settings(config, data),
            Arc::clone(live),
            Arc::clone(readiness),
            sampler.latest(),
        )
        .counting(counters)
        .purging(Arc::clone(&guarding.purger))
        .prewarming(prewarmer)
        .alarming(Arc::clone(&guarding.alarms))
        .guarding(
            Arc::clone(&guarding.access),
            Arc::clone(&guarding.logins),
            clock(),
        )
        .remembering(Arc::clone(&history))
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
            recorded: Recorded {
                directory: config.cache.recorder(),
                disk: Arc::clone(&board.disk),
                history,
            },
            forwarder: app.forwarder.clone(),
            snmp: None,
        }
    }

    /// The same, with `agent`, if there is one, listening to answer with what these faces show.
    pub(super) async fn listening(
        mut self,
        agent: Option<snmp::Agent>,
        config: &Config,
    ) -> Result<Self, AppError> {
        if let (Some(agent), Some(told)) = (agent, &config.snmp) {
            let site = snmp::Site {
                contact: told.contact.clone(),
                location: told.location.clone(),
            };
            let named = (config.node.name.clone(), site);
            let mib = snmp::Mib::new(named, self.sampler.latest(), agent.tally());
            self.snmp = Some(agent.listen(mib).await?);
        }
        Ok(self)
    }

    /// Begins to serve. What it returns ends once `stopping` has changed and the last answer is
    /// out.
    ///
    /// # Errors
    /// When the system has no room for another thread.
    pub(super) fn serve(
        self,
        data: Vec<Vec<Entrance>>,
        management: Vec<Entrance>,
        tls: Vec<Arc<Tls>>,
        stopping: &watch::Receiver<()>,
    ) -> io::Result<JoinSet<()>> {
        let mut tasks = JoinSet::new();
        for (number, entrances) in data.into_iter().enumerate() {
            let (server, stop) = (Arc::clone(&self.content), stopping.clone());
            let ended = serve_on_thread(number, server, entrances, stop, DRAIN)?;
            tasks.spawn(async { ended.await.expect("a serving thread does not panic") });
        }
        let stop = || stopped(stopping);
        for entrance in management {
            tasks.spawn(Arc::clone(&self.health).run(entrance, stop(), DRAIN));
        }
        tasks.spawn(self.sampler.run(stop()));
        tasks.spawn(self.tiers.run(stop()));
        tasks.spawn(self.alarms.keep(stop()));
        tasks.spawn(flush_at(stop(), self.recorder));
        tasks.spawn(self.recorded.recall());
        if let Some(forwarder) = self.forwarder {
            tasks.spawn(forwarder.run(stop()));
        }
        if let Some(snmp) = self.snmp {
            tasks.spawn(snmp.run(stop()));
        }
        for tls in tls {
            let stop = stop();
            tasks.spawn(async move { tls.watch(stop).await });
        }
        Ok(tasks)
    }
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
        management: Arc::default(),
        attempts: Arc::clone(guarding.logins.attempts()),
        clock: Arc::clone(&board.clock),
        sensors: Arc::clone(&board.sensors),
        slots: Arc::clone(&board.slots),
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
        config_refused: Arc::clone(&app.config_refused),
    }
}

/// What the management listener of an appliance is told whose players come in at `data`.
fn health_settings(config: &Config, data: &[Vec<Entrance>]) -> health::Settings {
    let first = data.iter().flatten().next();
    health::Settings {
        node: config.node.name.clone(),
        names: config.management.names.clone(),
        site: config
            .snmp
            .as_ref()
            .map_or_else(String::new, |it| it.location.clone()),
        data_port: first.map_or(0, |entrance| entrance.listener.local_address().port()),
    }
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
