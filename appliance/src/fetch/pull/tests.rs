//! Requests that wait for one who leads, where the test is the one.

use std::{path::PathBuf, time::Duration};

use hyper::header::{AUTHORIZATION, HOST};
use tokio::{
    task::{JoinSet, yield_now},
    time::timeout,
};
use weir_hal::{Wall, sim::Simulation};

use super::{
    flights::{Boarding, Ticket},
    *,
};
use crate::{
    config::Config,
    fetch::{
        Identity, exchange,
        origin_script::{Script, address, serve},
    },
};

const CONFIG: &str = "
    [[origin]]
    name = 'o'
    urls = ['http://192.0.2.1']
    [[route]]
    path = '/'
    origin = ['o']
";

/// It may be kept and shared whoever asked for it (RFC 9111 §3.5).
const ANSWER: &str = "HTTP/1.1 200 OK\r\nCache-Control: public, max-age=60\r\n\
                      Content-Length: 6\r\n\r\norigin";

/// Clients that wait.
const CLIENTS: u64 = 20;

/// A route to one origin.
struct Rig {
    pull: Pull,
    origin: Script,
    client: Client,
}

impl Rig {
    fn start() -> Self {
        let machine = Simulation::new(1);
        machine
            .clock
            .set_wall(Wall::from_nanos(1_000_000_000_000_000_000));
        let board = machine.board();
        let config = Config::parse(CONFIG).expect("no mistakes").config;
        let client = exchange::Client::new(
            Arc::clone(&board.network),
            Arc::new(Identity::with_instance("edge", 1)),
        );
        let tiers = Tiers::new(client, &config.origins, &*board.disk).expect("no certificates");
        let tiers = Arc::new(tiers);
        let routes = Routes::new(&config, &tiers);
        let settings = Settings {
            node: "edge".to_owned(),
            object_bytes_max: 1 << 20,
        };
        let cache = weir_cache::Config {
            path: PathBuf::from("/cache"),
            bytes_max: 16 << 20,
            memory_bytes_max: 4 << 20,
            ..weir_cache::Config::default()
        };
        let clock = Arc::clone(&board.clock);
        let store = Store::open(board.disk, board.clock, &cache).expect("a flawless disk");
        Self {
            pull: Pull::new(&settings, store, tiers, clock, routes),
            origin: Script::listen(&machine.network, address(1), vec![vec![serve(ANSWER)]]),
            client: Client {
                address: address(9),
                is_encrypted: false,
                interim: None,
            },
        }
    }

    fn counters(&self) -> PullCounters {
        self.pull.report()[0].counters
    }

    /// Leads, as one does who looks into the store once more before it asks.
    fn lead(&self) -> Ticket {
        let core = &self.pull.core;
        let (head, _) = request().into_parts();
        let now = core.clock.wall();
        let question = Question::read(head, &self.client, (&core.routes.load(), now));
        let key = question.expect("the route covers it").store_key;
        match core.flights.board(&key, core.clock.monotonic()) {
            Boarding::Lead(ticket) => ticket,
            other @ (Boarding::Follow(_) | Boarding::Alone | Boarding::Full) => {
                panic!("somebody leads already: {other:?}")
            }
        }
    }

    /// Has all clients ask, who then wait for who leads.
    async fn all_ask(&self) -> JoinSet<Response<Body>> {
        let mut asking = JoinSet::new();
        for _ in 0..CLIENTS {
            let (pull, client, request) = (self.pull.clone(), self.client.clone(), request());
            asking.spawn(async move { pull.answer(request, &client).await });
        }
        wait_until(|| self.counters().misses == CLIENTS).await;
        asking
    }

    /// Has the answer stored by somebody who neither leads nor follows.
    async fn store(&self) {
        let mut request = request();
        let secret = "Basic eDp5".parse().expect("visible");
        request.headers_mut().insert(AUTHORIZATION, secret);
        let response = self.pull.answer(request, &self.client).await;
        assert!(response.status().is_success(), "{response:?}");
        wait_until(|| self.counters().fills_completed > 0).await;
    }
}

async fn wait_until(is_so: impl Fn() -> bool) {
    let waiting = async {
        while !is_so() {
            yield_now().await;
        }
    };
    let waited = timeout(Duration::from_secs(30), waiting).await;
    waited.expect("it comes to be so");
}

/// A request for the one thing there is.
fn request() -> Request<Upload> {
    let request = Request::get("/a").header(HOST, "h");
    request.body(Upload::empty()).expect("a request")
}

async fn assert_all_are_answered(asking: JoinSet<Response<Body>>) {
    for response in asking.join_all().await {
        assert!(response.status().is_success(), "{response:?}");
    }
}

#[tokio::test]
async fn who_waits_for_one_that_finds_the_answer_stored_finds_it_too() {
    let rig = Rig::start();
    let ticket = rig.lead();
    let asking = rig.all_ask().await;
    rig.store().await;
    drop(ticket);
    assert_all_are_answered(asking).await;
    assert_eq!(rig.origin.requests().len(), 1);
    assert_eq!(rig.counters().collapsed, CLIENTS);
}

#[tokio::test]
async fn where_the_client_leaves_that_led_one_of_those_who_wait_leads() {
    let rig = Rig::start();
    let ticket = rig.lead();
    let asking = rig.all_ask().await;
    drop(ticket);
    assert_all_are_answered(asking).await;
    assert_eq!(rig.origin.requests().len(), 1);
}
