//! Answers that are given again, beside those that are not: no client, counter or line of the log
//! tells them apart.

use std::{path::Path, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use proptest::prelude::*;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    sync::oneshot,
};
use weir_cache::{Class, Key, Store};
use weir_hal::{Access, Disk as _, Network as _, Wall, sim::Simulation};

use super::*;
use crate::{
    config::Config,
    fetch::{
        Identity, Pull, exchange,
        origin_script::{Script, address, serve},
        pull::{self, Routes},
        purge::{self, Purger},
        tiers::Tiers,
    },
    live::{Channel, Document, Live, Rendition},
    serve::{
        Content, Counters, Front, Handler as _, Limits, Readiness, Server, Settings,
        access_log::AccessLog, reply, segment_path, signed_url::Gate,
    },
};

const NOW: Wall = Wall::from_nanos(1_000_000_000_000_000_000);

/// What is told of the boxes.
const CONFIG: &str = "
    [http]
    access_log = '/log'
    access_log_sample = 2
    [cache]
    path = '/cache'
    [[channel]]
    id = 'c'
    [[channel.rendition]]
    name = 'r'
    sources = ['udp://239.1.1.1:1']
    [[origin]]
    name = 'o'
    urls = ['http://192.0.2.1']
    [[route]]
    path = '/vod/'
    origin = ['o']
    [[route]]
    path = '/closed/'
    origin = ['o']
    sign_keys = '/keys'
";

/// What the origin says to whatever it is asked.
const SAID: &str = "HTTP/1.1 200 OK\r\nCache-Control: max-age=3\r\nETag: \"o\"\r\n\
                    Vary: Accept-Language\r\nContent-Length: 6\r\n\r\norigin";

/// Targets and fields that requests are made of.
const TARGETS: [&str; 8] = [
    "/live/c/c_r/segment-1.ts",
    "/live/c/c_r/segment-2.ts",
    "/live/c/c_r.m3u8",
    "/live/c/master.m3u8",
    "/vod/a",
    "/vod/b?x=1",
    "/closed/a",
    "/livez",
];
const FIELDS: [&str; 14] = [
    "Range: bytes=1-2\r\n",
    "If-None-Match: \"o\"\r\n",
    "If-None-Match: \"other\"\r\n",
    "If-Range: \"other\"\r\n",
    "If-Modified-Since: Sun, 09 Sep 2001 01:46:40 GMT\r\n",
    "Accept-Encoding: gzip\r\n",
    "Accept-Language: vi\r\n",
    "Authorization: Basic eDp5\r\n",
    "Cookie: a=b\r\n",
    "Cache-Control: no-cache\r\n",
    "Cache-Control: max-age=0\r\n",
    "Origin: http://tv.example\r\n",
    "User-Agent: player\r\n",
    "Connection: close\r\n",
];

/// What happens to a box.
#[derive(Debug, Clone)]
enum Event {
    /// The same request comes so many times.
    Ask {
        method: &'static str,
        target: &'static str,
        fields: Vec<&'static str>,
        times: u8,
    },
    Wait(Duration),
    Purge(&'static str),
    Ban,
    /// A playlist with this much in it.
    Publish(u8),
    /// Another object under the name of a segment.
    Replace(u8),
    Evict,
    /// A reload that changes nothing, for all that anybody knows.
    Reload,
    /// The channel goes off the air, or comes back.
    Channel(bool),
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let method = prop_oneof![8 => Just("GET"), 1 => Just("HEAD")];
    let target = prop::sample::select(&TARGETS[..]);
    let fields = prop::collection::vec(prop::sample::select(&FIELDS[..]), 0..2);
    let ask =
        (method, target, fields, 1..4_u8).prop_map(|(method, target, fields, times)| Event::Ask {
            method,
            target,
            fields,
            times,
        });
    let event = prop_oneof![
        12 => ask,
        2 => (1..1_500_u64).prop_map(|span| Event::Wait(Duration::from_millis(span))),
        1 => prop::sample::select(&["/vod/a", "/vod/b?x=1"][..]).prop_map(Event::Purge),
        1 => Just(Event::Ban),
        1 => (0..3_u8).prop_map(Event::Publish),
        1 => (0..3_u8).prop_map(Event::Replace),
        1 => Just(Event::Evict),
        1 => Just(Event::Reload),
        1 => any::<bool>().prop_map(Event::Channel),
    ];
    prop::collection::vec(event, 1..40)
}

/// A box with a channel, two routes to one origin, a gate and a log.
struct Rig {
    machine: Simulation,
    config: Config,
    live: Arc<Live>,
    channels: Vec<Arc<Channel>>,
    store: Store,
    pull: Pull,
    tiers: Arc<Tiers>,
    gate: Arc<ArcSwap<Gate>>,
    log: Arc<AccessLog>,
    server: Arc<Server<Front<Content>>>,
    address: std::net::SocketAddr,
    _origin: Script,
    _shutdown: oneshot::Sender<()>,
    /// Tells each request from all others, if it counts.
    nonce: Option<u64>,
}

impl Rig {
    /// `is_unique`: no request is like another, so that none is given the answer of another.
    fn start(is_unique: bool) -> Self {
        let machine = Simulation::new(1);
        machine.clock.set_wall(NOW);
        let board = machine.board();
        let keys = board.disk.open(Path::new("/keys"), Access::Create);
        let keys = keys.and_then(|file| file.write_at(b"k1 00112233445566778899aabbccddeeff", 0));
        keys.expect("room");
        let config = Config::parse(CONFIG).expect("no mistakes").config;
        let store = store(&machine);
        let origins = exchange::Client::new(
            Arc::clone(&board.network),
            Arc::new(Identity::with_instance("edge", 1)),
        );
        let tiers = Tiers::new(origins, &config.origins, &*board.disk).expect("no certificates");
        let tiers = Arc::new(tiers);
        let settings = pull::Settings {
            node: "edge".to_owned(),
            object_bytes_max: 1 << 20,
        };
        let routes = Routes::new(&config, &tiers);
        let clock = Arc::clone(&board.clock);
        let pull = Pull::new(&settings, store.clone(), Arc::clone(&tiers), clock, routes);
        let (live, channels) = live();
        let settings = Settings {
            node: "edge".to_owned(),
            target: Duration::from_secs(6),
        };
        let readiness = Arc::new(Readiness::new(Arc::clone(&live)));
        let content = Content::new(&settings, Arc::clone(&live), store.clone(), readiness);
        let gate = Gate::open(&config, &*board.disk).expect("a file of keys");
        let gate = Arc::new(ArcSwap::from_pointee(gate));
        let purger = purger(&machine, &config, &store, &pull);
        let log = config.http.access_log.as_ref().expect("it is configured");
        let log = AccessLog::open(log, Arc::clone(&board.disk), Arc::clone(&board.clock));
        let log = Arc::new(log.expect("a thread"));
        let content = content.pulling(pull.clone());
        let clock = Arc::clone(&board.clock);
        let front = Front::new(content, Arc::clone(&gate), purger, Arc::clone(&clock));
        let front = front.logging(Some(Arc::clone(&log)));
        let server = Arc::new(Server::new(front, Limits::DATA, clock));
        let listener = machine.network.listen(([127, 0, 0, 1], 0).into());
        let listener = listener.expect("a free port");
        let address = listener.local_address();
        let (shutdown, told) = oneshot::channel::<()>();
        let told = async { drop(told.await) };
        let serving = Arc::clone(&server).run(listener.into(), told, Duration::ZERO);
        tokio::spawn(serving);
        let rig = Self {
            _origin: Script::listen(&machine.network, self::address(1), vec![vec![serve(SAID)]]),
            _shutdown: shutdown,
            nonce: is_unique.then_some(0),
            machine,
            config,
            live,
            channels,
            store,
            pull,
            tiers,
            gate,
            log,
            server,
            address,
        };
        rig.put(1, 0);
        rig.put(2, 0);
        rig
    }

    fn put(&self, sequence: u64, version: u8) {
        let key = Key::new(&segment_path("c", "r", sequence)).expect("a short path");
        let etag = Bytes::from(format!("\"{sequence}-{version}\""));
        let mut writer = self.store.begin(&key, Class::Live, etag).expect("room");
        let body = vec![b'a' + version; 10 + usize::from(version)];
        writer.append(body.into()).expect("room");
        drop(writer.commit().expect("room"));
    }

    /// Lets `event` happen. Returns what clients were told.
    async fn meet(&mut self, event: &Event) -> Vec<String> {
        match event {
            Event::Ask {
                method,
                target,
                fields,
                times,
            } => {
                let mut answers = Vec::new();
                for _ in 0..*times {
                    answers.push(self.ask(method, target, &fields.concat()).await);
                }
                return answers;
            }
            Event::Wait(span) => self.machine.clock.advance(*span),
            Event::Purge(path) => return vec![self.ask("PURGE", path, "").await],
            Event::Ban => return vec![self.ask("BAN", "/vod/", "").await],
            Event::Publish(version) => {
                let text = format!("#EXTM3U\n#{version}\n");
                self.channels[0].renditions[0].publish_playlist(Document::new(text));
            }
            Event::Replace(version) => self.put(2, *version),
            Event::Evict => {
                let key = Key::new(&segment_path("c", "r", 1)).expect("a short path");
                self.store.evict(&key);
            }
            Event::Reload => {
                let (gate, _) = self.gate.load().reopen(&self.config, &self.machine.disk);
                self.gate.store(Arc::new(gate));
                let routes = Routes::new(&self.config, &self.tiers);
                self.pull.reroute(routes);
            }
            Event::Channel(true) => self.live.set(self.channels.clone()),
            Event::Channel(false) => self.live.set(Vec::new()),
        }
        Vec::new()
    }

    async fn ask(&mut self, method: &str, target: &str, fields: &str) -> String {
        let nonce = self.nonce.as_mut().map(|nonce| {
            *nonce += 1;
            format!("X-Nonce: {nonce}\r\n")
        });
        let nonce = nonce.unwrap_or_default();
        let request = format!("{method} {target} HTTP/1.1\r\nHost: h\r\n{fields}{nonce}\r\n");
        let mut pipe = self
            .machine
            .network
            .connect(self.address)
            .expect("it listens");
        pipe.write_all(request.as_bytes()).await.expect("it reads");
        pipe.shutdown().await.expect("nothing is left to say");
        let mut answer = Vec::new();
        pipe.read_to_end(&mut answer).await.expect("it answers");
        String::from_utf8(answer).expect("text")
    }

    /// What was counted, but for how it came about.
    fn counted(&self) -> (Counters, String) {
        let counters = Counters {
            answers_repeated: 0,
            ..self.server.handler().counters().read()
        };
        let served = self.channels[0].served.read();
        (counters, format!("{:?} {served:?}", self.pull.report()))
    }

    fn repeated(&self) -> u64 {
        self.server.handler().counters().read().answers_repeated
    }

    fn lines(&self) -> String {
        assert!(self.log.flush(Duration::from_secs(10)), "the disk is idle");
        let Ok(file) = self.machine.disk.open(Path::new("/log"), Access::Read) else {
            return String::new();
        };
        let length = file.bytes().expect("a flawless disk");
        let mut bytes = vec![0; usize::try_from(length).expect("it is short")];
        file.read_at(&mut bytes, 0).expect("a flawless disk");
        String::from_utf8(bytes).expect("lines are UTF-8")
    }
}

/// One channel of one rendition, on air.
fn live() -> (Arc<Live>, Vec<Arc<Channel>>) {
    let live = Arc::new(Live::default());
    let channels = vec![Arc::new(Channel::new(
        "c".to_owned(),
        "c".to_owned(),
        vec![Arc::new(Rendition::new("r".to_owned()))],
    ))];
    live.set(channels.clone());
    (live, channels)
}

fn purger(machine: &Simulation, config: &Config, store: &Store, pull: &Pull) -> Arc<Purger> {
    let board = machine.board();
    let parts = purge::Parts {
        bans: Arc::clone(pull.bans()),
        disk: board.disk,
        clock: board.clock,
        store: store.clone(),
        names: Arc::new(pull.clone()),
    };
    let settings = purge::Settings {
        allowed: config.purge.allowed.clone(),
        rate_per_s: 1_000_000,
        burst: 1_000_000,
        journal: "/purged".into(),
    };
    Arc::new(Purger::open(settings, parts))
}

fn store(machine: &Simulation) -> Store {
    let board = machine.board();
    let config = weir_cache::Config {
        path: "/cache".into(),
        bytes_max: 16 << 20,
        memory_bytes_max: 4 << 20,
        ..weir_cache::Config::default()
    };
    Store::open(board.disk, board.clock, &config).expect("a flawless disk")
}

/// What is counted in whole seconds from the moment on at which an answer was stored, so that it
/// may go on within a second of the wall clock.
const SECONDS: [&str; 2] = ["age: ", "ttl="];

/// `text` without its ages and lifetimes, and those.
fn coarse(text: &str) -> (String, Vec<i64>) {
    let (mut coarse, mut seconds, mut rest) = (String::new(), Vec::new(), text);
    while let Some(end) = SECONDS
        .iter()
        .filter_map(|name| Some(rest.find(name)? + name.len()))
        .min()
    {
        let (before, behind) = rest.split_at(end);
        let digits = behind.find(|letter: char| !letter.is_ascii_digit());
        let (number, behind) = behind.split_at(digits.unwrap_or(behind.len()));
        seconds.extend(number.parse::<i64>());
        coarse.push_str(before);
        rest = behind;
    }
    (coarse + rest, seconds)
}

fn assert_alike(one: &str, other: &str, event: &str) {
    let ((one, ages), (other, other_ages)) = (coarse(one), coarse(other));
    assert_eq!(one, other, "{event}");
    let is_near = |(one, other): (&i64, &i64)| one.abs_diff(*other) <= 1;
    let are_near = ages.iter().zip(&other_ages).all(is_near);
    assert!(are_near, "{event}: {ages:?} and {other_ages:?}");
}

/// Lets the same happen to two boxes, of which one may give answers again, and compares them.
/// Returns how many it did.
async fn compare(events: &[Event]) -> u64 {
    let (mut again, mut never) = (Rig::start(false), Rig::start(true));
    for event in events {
        let (one, other) = (again.meet(event).await, never.meet(event).await);
        assert_eq!(one.len(), other.len());
        for (one, other) in one.iter().zip(&other) {
            assert_alike(one, other, &format!("{event:?}"));
        }
    }
    assert_eq!(again.counted(), never.counted());
    assert_alike(&again.lines(), &never.lines(), "log");
    assert_eq!(never.repeated(), 0);
    again.repeated()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn nobody_can_tell_an_answer_that_was_given_again(events in events()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(compare(&events));
    }
}

#[tokio::test]
async fn whatever_may_be_given_again_is() {
    let ask = |target, times| Event::Ask {
        method: "GET",
        target,
        fields: vec!["User-Agent: player\r\n", "Cookie: a=b\r\n"],
        times,
    };
    let publish = Event::Publish(1);
    assert_eq!(compare(&[publish, ask("/live/c/c_r.m3u8", 3)]).await, 2);
    assert_eq!(compare(&[ask("/live/c/c_r/segment-1.ts", 3)]).await, 2);
    // The first one fetches it.
    assert_eq!(compare(&[ask("/vod/a", 5)]).await, 3);
    assert_eq!(compare(&[ask("/closed/a", 3)]).await, 0);
    let second = Event::Wait(Duration::from_secs(1));
    let asks = [ask("/vod/a", 3), second, ask("/vod/a", 3)];
    assert_eq!(compare(&asks).await, 3);
}

#[derive(Debug)]
struct Always;

impl Again for Always {
    fn again(&self, _client: &Client) -> Option<Body> {
        Some(Body::document(Bytes::from_static(b"again")))
    }
}

fn response() -> Response<Body> {
    let mut response = reply::text(StatusCode::OK, "once");
    response.extensions_mut().insert(Repeat::new(Always));
    response
}

fn written(head: &'static [u8], ending: Ending) -> Written {
    Written {
        head: Bytes::from_static(head),
        ending,
        is_last_of_connection: false,
    }
}

fn answer() -> Answer {
    let written = written(b"head", Ending::After(5));
    Answer::of(&response(), &written).expect("it may be given again")
}

#[test]
fn an_answer_is_found_within_its_second_by_the_same_request_alone() {
    let mut second = Second::default();
    let (one, other) = (Bytes::from_static(b"one"), Bytes::from_static(b"other"));
    second.at(NOW).keep(one.clone(), answer());
    assert_eq!(second.at(NOW).date(), b"Sun, 09 Sep 2001 01:46:40 GMT");
    assert!(second.at(NOW).find(&one).is_some());
    assert!(second.at(NOW).find(&other).is_none());
    let last = Wall::from_nanos(NOW.as_nanos() + 999_999_999);
    assert!(second.at(last).find(&one).is_some());
    let later = Wall::from_nanos(NOW.as_nanos() + 1_000_000_000);
    assert!(second.at(later).find(&one).is_none());
    assert_eq!(second.date(), b"Sun, 09 Sep 2001 01:46:41 GMT");
}

#[test]
fn what_is_no_whole_answer_or_says_nothing_is_not_given_again() {
    let fit = written(b"head", Ending::After(5));
    let silent = reply::text(StatusCode::OK, "once");
    assert!(Answer::of(&silent, &fit).is_none());
    let mut part = response();
    *part.status_mut() = StatusCode::PARTIAL_CONTENT;
    assert!(Answer::of(&part, &fit).is_none());
    let long = written(&[b'x'; 3_000], Ending::After(5));
    assert!(Answer::of(&response(), &long).is_none());
    let growing = written(b"head", Ending::InChunks);
    assert!(Answer::of(&response(), &growing).is_none());
    let last = Written {
        is_last_of_connection: true,
        ..fit
    };
    assert!(Answer::of(&response(), &last).is_none());
}

#[test]
fn answers_of_one_second_are_bounded() {
    let mut second = Second::default();
    for number in 0..2 * ANSWERS_MAX {
        second.at(NOW).keep(number.to_string().into(), answer());
    }
    second.at(NOW).keep(vec![b'x'; 3_000].into(), answer());
    assert_eq!(second.answers.len(), ANSWERS_MAX);
}
