//! Players that ask the simulated box for what its origins have, and those origins.

use std::{
    future::poll_fn,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    task::{JoinSet, yield_now},
    time::sleep,
};
use weir_hal::{Connection, Network as _, sim};

/// How often tasks get a turn for each step of time.
const YIELDS: usize = 400;

/// How an origin is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mood {
    pub(crate) status: u16,
    pub(crate) delay: Duration,
    /// It closes connections in place of an answer.
    pub(crate) is_closing: bool,
}

impl Mood {
    pub(crate) const WELL: Self = Self {
        status: 200,
        delay: Duration::ZERO,
        is_closing: false,
    };
}

/// How many requests there are in a second, of what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Asked {
    /// For what everybody asks for.
    pub(crate) known: u64,
    /// For what nobody asked for before, through one tier.
    pub(crate) new: u64,
    /// And through two.
    pub(crate) new_two: u64,
}

impl Asked {
    /// Nobody asks.
    pub(crate) const NOTHING: Self = Self {
        known: 0,
        new: 0,
        new_two: 0,
    };

    /// A cache that does well: 90 % are hits.
    pub(crate) const WELL: Self = Self {
        known: 27,
        new: 2,
        new_two: 1,
    };
}

/// Players and origins.
#[derive(Debug)]
pub(crate) struct Players {
    network: sim::Network,
    data: SocketAddr,
    pub(crate) asked: Asked,
    requests: JoinSet<()>,
    moods: Arc<Mutex<[Mood; 4]>>,
    number: u64,
}

impl Players {
    pub(crate) fn new(simulation: &sim::Simulation, data: SocketAddr) -> Self {
        let moods = Arc::new(Mutex::new([Mood::WELL; 4]));
        for number in 0..4 {
            origin(&simulation.network, number, Arc::clone(&moods));
        }
        Self {
            network: simulation.network.clone(),
            data,
            asked: Asked::NOTHING,
            requests: JoinSet::new(),
            moods,
            number: 0,
        }
    }

    /// Changes how the origin behind a URL is.
    pub(crate) fn set_mood(&self, origin: usize, mood: Mood) {
        self.moods.lock().expect("nobody panics")[origin] = mood;
    }

    /// Begins the requests of a second.
    pub(crate) fn ask(&mut self) {
        let Asked {
            known,
            new,
            new_two,
        } = self.asked;
        for _ in 0..known {
            self.begin("/vod/known".to_owned());
        }
        for _ in 0..new {
            self.number += 1;
            self.begin(format!("/vod/{}", self.number));
        }
        for _ in 0..new_two {
            self.number += 1;
            self.begin(format!("/two/{}", self.number));
        }
    }

    fn begin(&mut self, path: String) {
        let (network, data) = (self.network.clone(), self.data);
        self.requests.spawn(async move {
            let connection = network.connect(data);
            let mut connection = connection.expect("it listens");
            let head = format!("GET {path} HTTP/1.1\r\nHost: box\r\nConnection: close\r\n\r\n");
            let sent = connection.write_all(head.as_bytes()).await;
            sent.expect("it reads");
            let mut answer = Vec::new();
            let read = connection.read_to_end(&mut answer).await;
            read.expect("it answers");
            assert!(answer.starts_with(b"HTTP/1.1 "), "{path}");
        });
    }

    /// Lets all that can go on go on.
    pub(crate) async fn settle(&mut self) {
        for _ in 0..YIELDS {
            while let Some(ended) = self.requests.try_join_next() {
                ended.expect("a player is answered");
            }
            if self.requests.is_empty() {
                return;
            }
            yield_now().await;
        }
    }
}

/// Where the origin of that number is.
pub(crate) fn address(number: usize) -> SocketAddr {
    let host = u8::try_from(number + 1).expect("a few");
    ([192, 0, 2, host], 80).into()
}

fn origin(network: &sim::Network, number: usize, moods: Arc<Mutex<[Mood; 4]>>) {
    let mut listener = network.listen(address(number)).expect("it is free");
    tokio::spawn(async move {
        loop {
            let accepted = poll_fn(|context| listener.poll_accept(context)).await;
            let (connection, _) = accepted.expect("the simulation accepts");
            tokio::spawn(converse(connection, number, Arc::clone(&moods)));
        }
    });
}

async fn converse(
    mut connection: Box<dyn Connection>,
    number: usize,
    moods: Arc<Mutex<[Mood; 4]>>,
) -> Option<()> {
    loop {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(connection.read_u8().await.ok()?);
        }
        let mood = moods.lock().expect("nobody panics")[number];
        if mood.is_closing {
            return None;
        }
        sleep(mood.delay).await;
        let answer = format!(
            "HTTP/1.1 {} Said\r\nCache-Control: max-age=864000\r\nContent-Length: 5\r\n\r\nhello",
            mood.status
        );
        connection.write_all(answer.as_bytes()).await.ok()?;
    }
}
