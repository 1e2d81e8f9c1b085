//! An appliance on a simulated board, with all that it tells: its encoders, its origin, its players
//! and its managers are here, and its time is turned by hand.

use std::{future::pending, net::SocketAddr, path::Path, sync::Arc, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    task::JoinSet,
};
use weir::{
    app::{Ingest, Vaults, orders, store_config},
    config::Config,
    fetch::{
        Identity, Pull,
        exchange::Client,
        pull::{self, Routes},
        purge::{self, Purger},
        tiers::Tiers,
    },
    health::{self, AlarmSettings, Alarms, Health, Sampler, Watched},
    live::Live,
    serve::{
        self, Content, Entrance, Front, Limits, Readiness, Server, signed_url::Gate, tls::Tls,
    },
    snmp::{Mib, MibTree, Oid, Site, Value},
};
use weir_cache::Store;
use weir_hal::{
    Access, Board, Destination, Disk, InterfaceName, Multicast, MulticastSender, Nic,
    OperationalStatus,
    sim::{self, Simulation, WireFaults},
};
use weir_tests::{http, mib::objects};

use super::players::Players;
use crate::feed::{Feed, PICTURES_PER_SECOND};
use crate::truth::{Notice, Objects, Surfaces, of_json, of_metrics, of_notification, of_table};

/// Looks of the receive thread for each picture.
const TURNS: u64 = 2;
const TURN: Duration = Duration::from_millis(1_000 / PICTURES_PER_SECOND / TURNS);

/// Where certificates are.
pub(crate) const CERTIFICATES: &str = "/tls";

/// Where the cache is.
const CACHE: &str = "/var/cache";

/// Packets that each interface receives in a second.
const PACKETS_PER_SECOND: u64 = 100;

/// What the box is told.
const CONFIGURATION: &str = r#"
[node]
name = "edge"
[cache]
path = "/var/cache"
size = "64MiB"
memory = "16MiB"
[segment]
target = "2s"
window = 5
[receive]
bitrate_max = "1Mb/s"
[alarm]
boot_inhibit = "0s"
allow = ["0.0.0.0/0", "::/0"]
[[origin]]
name = "mid"
urls = ["http://192.0.2.1"]
[[origin]]
name = "near"
urls = ["http://192.0.2.2", "http://192.0.2.3"]
[[origin]]
name = "far"
urls = ["http://192.0.2.4"]
probe = "/healthz"
[[route]]
path = "/vod/"
origin = ["mid"]
[[route]]
path = "/two/"
origin = ["near", "far"]
[[channel]]
id = "news"
  [[channel.rendition]]
  name = "hd"
  sources = ["udp://239.255.0.1:5000"]
  interface = "eth0"
  [[channel.rendition]]
  name = "sd"
  sources = ["udp://239.255.0.2:5000"]
  interface = "eth0"
[[channel]]
id = "sport"
  [[channel.rendition]]
  name = "hd"
  sources = ["rtp://239.255.0.3:5000"]
  interface = "eth1"
  [[channel.rendition]]
  name = "sd"
  sources = ["udp://239.255.0.4:5000"]
  interface = "eth1"
[[channel]]
id = "film"
  [[channel.rendition]]
  name = "sd"
  sources = ["udp://239.255.0.5:5000", "udp://239.255.0.6:5000"]
"#;

/// Sources by the resource they are of, and their groups.
const FEEDS: [(&str, u8); 6] = [
    ("channel/news/hd", 1),
    ("channel/news/sd", 2),
    ("channel/sport/hd", 3),
    ("channel/sport/sd", 4),
    ("channel/film/sd/1", 5),
    ("channel/film/sd/2", 6),
];

/// The group that is sent by RTP.
const RTP_GROUP: u8 = 3;

/// Interfaces that a cable is in.
const NICS: [&str; 3] = ["eth0", "eth1", "eth2"];

/// The appliance and the world around it.
pub(crate) struct World {
    pub(crate) simulation: Simulation,
    ingest: Ingest<sim::Multicast>,
    sampler: Sampler,
    mib: Mib,
    objects: Objects,
    alarms: Arc<Alarms>,
    pub(crate) feeds: Vec<Feed>,
    senders: Vec<sim::Sender>,
    pub(crate) nics: Vec<Nic>,
    /// Packets that come damaged, of [`PACKETS_PER_SECOND`] on each interface.
    pub(crate) nic_errors: [u64; 3],
    /// An interface that was unplugged, and its place.
    pub(crate) absent: Option<(usize, Nic)>,
    /// What the sampler reads.
    pub(crate) watched: Watched,
    /// What the wire does to the datagrams of some sources.
    pub(crate) wire: Option<(&'static [&'static str], WireFaults)>,
    pub(crate) players: Players,
    /// The management listener.
    management: SocketAddr,
    /// What runs beside, as long as this lives.
    tasks: JoinSet<()>,
    notices: Vec<Notice>,
    seen: u64,
    /// Seconds that it has run.
    pub(crate) second: u64,
}

impl World {
    /// One that has just begun on this machine, with `more` of a configuration.
    pub(crate) async fn begin_with(simulation: &Simulation, more: &str) -> Self {
        plug(simulation);
        let board = simulation.board();
        let text = format!("{CONFIGURATION}{more}");
        let config = Config::parse(&text).expect("it is sound").config;
        let (disk, clock) = (Arc::clone(&board.disk), Arc::clone(&board.clock));
        let cache = store_config(&config.cache);
        let store = Store::open(Arc::clone(&disk), Arc::clone(&clock), &cache);
        let store = store.expect("the disk is well");
        let live = Arc::new(Live::default());
        let vaults = Vaults::default();
        let begin = orders(&board, (&store, &vaults), &config, None).await;
        let (tiers, pull) = pulling(&config, &board, &store);
        let alarms = Arc::new(Alarms::open(alarm_settings(&config), Arc::clone(&disk)));
        let readiness = Arc::new(Readiness::new(Arc::clone(&live)));
        let content = content(&config, (&live, &store, &readiness)).pulling(pull.clone());
        let mut tasks = JoinSet::new();
        let tls = certificates(&board, &mut tasks);
        let watched = watched(
            &board,
            (&live, &store),
            &content,
            (&tiers, &pull),
            (tls, &alarms),
        );
        let sampler = Sampler::new(watched.clone());
        let front = front(content, &config, &board, (&pull, &store));
        let health = Health::new(
            health_settings(),
            Arc::clone(&live),
            readiness,
            sampler.latest(),
        );
        let health = health.alarming(Arc::clone(&alarms));
        let server = Arc::new(Server::new(health, Limits::MANAGEMENT, Arc::clone(&clock)));
        let management = serving(&board, server, &mut tasks);
        let limits = Limits::for_players(&config.http.limits);
        let front = Arc::new(Server::new(front, limits, clock));
        let data = serving(&board, front, &mut tasks);
        let sampler_sequence = sampler.latest().load().alarms.sequence;
        let named = ("edge".to_owned(), Site::default());
        let mib = Mib::new(named, sampler.latest(), Arc::default());
        tasks.spawn(Arc::clone(&tiers).run(pending()));
        let mut ingest = Ingest::new(board, live).expect("TLS is spoken");
        ingest.carry(begin);
        let feeds = FEEDS.map(|(name, group)| Feed::new(name, group == RTP_GROUP));
        Self {
            simulation: simulation.clone(),
            ingest,
            sampler,
            objects: objects(),
            alarms,
            feeds: feeds.into(),
            senders: FEEDS.map(|(_, group)| sender(simulation, group)).into(),
            nics: NICS.map(up).into(),
            nic_errors: [0; 3],
            absent: None,
            watched,
            wire: None,
            players: Players::new(simulation, data),
            management,
            tasks,
            notices: Vec::new(),
            seen: sampler_sequence,
            mib,
            second: 0,
        }
    }

    /// Lets a second go by.
    pub(crate) async fn second(&mut self) {
        self.players.ask();
        for _ in 0..PICTURES_PER_SECOND {
            self.send();
            for _ in 0..TURNS {
                self.simulation.clock.advance(TURN);
                self.ingest.turn();
                tokio::time::advance(TURN).await;
            }
            self.players.settle().await;
        }
        for (nic, errors) in self.nics.iter_mut().zip(self.nic_errors) {
            nic.statistics.rx_packets += PACKETS_PER_SECOND;
            nic.statistics.rx_errors += errors;
        }
        self.simulation.sensors.set_nics(self.nics.clone());
        let usage = self.simulation.disk.usage(CACHE.as_ref());
        self.sampler.take(usage.ok());
        for change in self.mib.changes_behind(self.seen) {
            self.seen = change.sequence;
            let (_, carried) = self.mib.notification(&change);
            let carried = carried.into_iter().map(|(oid, value)| told(&oid, value));
            let notice = of_notification(&self.objects, &carried.collect());
            self.notices.push(notice.expect("it is of an alarm"));
        }
        self.second += 1;
    }

    /// Has small pictures sent from now on.
    pub(crate) fn slim(mut self) -> Self {
        self.feeds = FEEDS
            .map(|(name, group)| Feed::slim(name, group == RTP_GROUP))
            .into();
        self
    }

    fn send(&mut self) {
        let ether = &self.simulation.ether;
        for (feed, sender) in self.feeds.iter_mut().zip(&mut self.senders) {
            let faults = self.wire.filter(|(names, _)| names.contains(&feed.name));
            ether.set_faults(faults.map(|(_, faults)| faults).unwrap_or_default());
            for datagram in feed.picture() {
                sender.send(&datagram).expect("the wire has room");
            }
        }
    }

    /// Lets so many seconds go by.
    pub(crate) async fn seconds(&mut self, seconds: u64) {
        for _ in 0..seconds {
            self.second().await;
        }
    }

    /// What all surfaces tell now.
    pub(crate) async fn surfaces(&self) -> Surfaces {
        Surfaces {
            json: of_json(&self.alarms_json().await),
            metrics: of_metrics(&self.get("/metrics").await.text()),
            table: of_table(&self.objects, &self.walk()),
            notices: self.notices.clone(),
        }
    }

    /// `/api/v1/alarms`.
    pub(crate) async fn alarms_json(&self) -> serde_json::Value {
        self.get("/api/v1/alarms").await.json()
    }

    /// How many notifications there were so far.
    pub(crate) fn notified(&self) -> usize {
        self.notices.len()
    }

    /// All instances that an agent answers.
    fn walk(&self) -> Objects {
        let tables = self.mib.tables();
        let first = tables.next(&[]);
        let all = std::iter::successors(first, |(oid, _)| tables.next(oid.arcs()));
        all.map(|(oid, value)| told(&oid, value)).collect()
    }

    async fn get(&self, path: &str) -> http::Response {
        let head = format!("GET {path} HTTP/1.1\r\nHost: edge\r\nConnection: close\r\n\r\n");
        self.request(&head).await
    }

    /// Acknowledges the alarm that is first.
    pub(crate) async fn acknowledge(&self) {
        let id = self.alarms_json().await["active"][0]["id"].clone();
        let head = format!(
            "POST /api/v1/alarms/{id}/acknowledge HTTP/1.1\r\nHost: edge\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{{}}"
        );
        let answer = self.request(&head).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
    }

    async fn request(&self, bytes: &str) -> http::Response {
        let connection = self.simulation.network.connect(self.management);
        let mut connection = connection.expect("it listens");
        let sent = connection.write_all(bytes.as_bytes()).await;
        sent.expect("it reads");
        let mut answer = Vec::new();
        let read = connection.read_to_end(&mut answer).await;
        read.expect("it answers");
        http::parse(&answer, false).expect("an answer")
    }

    /// Ends this life, and begins another on a device that is well again.
    pub(crate) async fn restart(self) -> Self {
        self.simulation.disk.heal();
        let alarms = Arc::clone(&self.alarms);
        alarms.keep(std::future::ready(())).await;
        let simulation = self.simulation.clone();
        let Self {
            mut tasks,
            seen,
            notices,
            ingest,
            sampler,
            watched,
            ..
        } = self;
        drop((ingest, sampler, watched));
        tasks.shutdown().await;
        // The network of the old life is gone with it.
        let simulation = Simulation {
            network: sim::Network::new(),
            ..simulation
        };
        let world = Self::begin_with(&simulation, "").await;
        Self {
            notices,
            seen,
            ..world
        }
    }

    /// Writes a file onto the disk.
    pub(crate) fn put(simulation: &Simulation, path: &str, text: &str) {
        let disk = simulation.board().disk;
        let path = Path::new(path);
        let folder = path.parent().expect("a file in a folder");
        disk.create_directory(folder).expect("the disk is well");
        let file = disk.open(path, Access::Create).expect("the disk is well");
        file.write_at(text.as_bytes(), 0).expect("the disk is well");
        file.resize(text.len() as u64).expect("the disk is well");
    }
}

fn health_settings() -> health::Settings {
    health::Settings {
        node: "edge".to_owned(),
        names: Vec::new(),
        site: String::new(),
        data_port: 80,
    }
}

fn plug(simulation: &Simulation) {
    for name in NICS {
        let name = InterfaceName::new(name).expect("a name");
        simulation.ether.plug(name);
    }
}

/// An interface that is up.
fn up(name: &str) -> Nic {
    Nic {
        name: name.to_owned(),
        operational_status: OperationalStatus::Up,
        ..Nic::default()
    }
}

fn pulling(config: &Config, board: &Board<sim::Multicast>, store: &Store) -> (Arc<Tiers>, Pull) {
    let client = Client::new(Arc::clone(&board.network), Arc::new(Identity::new("edge")));
    let tiers = Tiers::new(client, &config.origins, &*board.disk).expect("no certificates to read");
    let tiers = Arc::new(tiers);
    let settings = pull::Settings {
        node: "edge".to_owned(),
        object_bytes_max: 1 << 20,
    };
    let (routes, clock) = (Routes::new(config, &tiers), Arc::clone(&board.clock));
    let pull = Pull::new(&settings, store.clone(), Arc::clone(&tiers), clock, routes);
    (tiers, pull)
}

/// Shows certificates to players, if there are any, and looks for others.
fn certificates(board: &Board<sim::Multicast>, tasks: &mut JoinSet<()>) -> Option<Arc<Tls>> {
    let (disk, clock) = (Arc::clone(&board.disk), Arc::clone(&board.clock));
    let tls = Arc::new(Tls::open(disk, clock, CERTIFICATES.as_ref()).ok()?);
    let watching = Arc::clone(&tls);
    tasks.spawn(async move { watching.watch(pending()).await });
    Some(tls)
}

fn watched(
    board: &Board<sim::Multicast>,
    (live, store): (&Arc<Live>, &Store),
    content: &Content,
    (tiers, pull): (&Arc<Tiers>, &Pull),
    (tls, alarms): (Option<Arc<Tls>>, &Arc<Alarms>),
) -> Watched {
    Watched {
        live: Arc::clone(live),
        store: store.clone(),
        http: Arc::clone(serve::Handler::counters(content)),
        management: Arc::default(),
        attempts: Arc::default(),
        clock: Arc::clone(&board.clock),
        sensors: Arc::clone(&board.sensors),
        slots: Arc::clone(&board.slots),
        disk: Arc::clone(&board.disk),
        cache_path: CACHE.into(),
        purger: None,
        prewarmer: None,
        log: None,
        coder: Arc::clone(content.coder()),
        tiers: Arc::clone(tiers),
        pull: Some(pull.clone()),
        tls: tls.into_iter().collect(),
        snmp: None,
        alarms: Arc::clone(alarms),
        recorder: None,
        config_refused: Arc::default(),
    }
}

fn sender(simulation: &Simulation, group: u8) -> sim::Sender {
    let destination = Destination {
        group: SocketAddr::from(([239, 255, 0, group], 5_000)),
        interface: None,
        hops: 1,
    };
    let sender = simulation.board().multicast.sender(&destination);
    sender.expect("the wire has room")
}

fn alarm_settings(config: &Config) -> AlarmSettings {
    AlarmSettings {
        engine: weir::alarm::Settings {
            rules: config.alarm.rules.clone(),
            boot_inhibit: config.alarm.boot_inhibit,
        },
        allowed: config.alarm.allowed.clone(),
        state: config.alarm.state.clone(),
    }
}

fn content(
    config: &Config,
    (live, store, readiness): (&Arc<Live>, &Store, &Arc<Readiness>),
) -> Content {
    let settings = serve::Settings {
        node: "edge".to_owned(),
        target: config.segment.target,
    };
    Content::new(
        &settings,
        Arc::clone(live),
        store.clone(),
        Arc::clone(readiness),
    )
}

fn front(
    content: Content,
    config: &Config,
    board: &Board<sim::Multicast>,
    (pull, store): (&Pull, &Store),
) -> Front<Content> {
    let settings = purge::Settings {
        allowed: Vec::new(),
        rate_per_s: 1,
        burst: 1,
        journal: config.purge.journal.clone(),
    };
    let parts = purge::Parts {
        bans: Arc::clone(pull.bans()),
        disk: Arc::clone(&board.disk),
        clock: Arc::clone(&board.clock),
        store: store.clone(),
        names: Arc::new(pull.clone()),
    };
    let gate = Gate::open(config, &*board.disk).expect("nothing is guarded");
    let purger = Arc::new(Purger::open(settings, parts));
    let gate = Arc::new(Arc::new(gate).into());
    Front::new(content, gate, purger, Arc::clone(&board.clock))
}

/// Serves at an address of its own.
fn serving<H: serve::Handler>(
    board: &Board<sim::Multicast>,
    server: Arc<Server<H>>,
    tasks: &mut JoinSet<()>,
) -> SocketAddr {
    let listener = board.network.listen(([127, 0, 0, 1], 0).into());
    let listener = listener.expect("there are ports");
    let address = listener.local_address();
    let entrance = Entrance::from(listener);
    tasks.spawn(server.run(entrance, pending(), Duration::ZERO));
    address
}

/// An instance as a manager shows it.
fn told(oid: &Oid, value: Value) -> (String, String) {
    let text = match value {
        Value::Integer(number) => number.to_string(),
        Value::Text(text) => text.into_owned(),
        Value::Octets(octets) => format!("{octets:02x?}"),
        Value::ObjectIdentifier(oid) => oid.to_string(),
        Value::Counter32(number) | Value::Unsigned32(number) | Value::TimeTicks(number) => {
            number.to_string()
        }
        Value::Counter64(number) => number.to_string(),
    };
    (oid.to_string(), text)
}
