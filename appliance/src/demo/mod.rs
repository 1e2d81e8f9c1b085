//! The demo: the whole appliance on a channel that it sends to itself, without configuration,
//! network or other programs.
//!
//! A clip built into the program goes out by [`send`](crate::send) as real multicast on the
//! loopback interface and comes back in through `receive`, so that everything behind is what an
//! appliance in the field does. Ports, groups and cache directory are its own: several demos run
//! side by side.
//!
//! Refuses: to be reached from other machines. Everything stays on 127.0.0.1.

mod addresses;
mod clip;
mod scratch;
mod sending;

#[cfg(test)]
mod tests;

use std::{io, net::SocketAddr, path::Path, sync::Arc, time::Duration};

use tokio::sync::mpsc;
use weir_hal::{Board, Destination, InterfaceName, Multicast};

pub use addresses::Addresses;

use crate::{
    alarm::{Amount, Kind, Rules},
    app::{App, AppError, OldCache, RELOADS_MAX},
    config::{
        Alarm, ByteSize, Cache, Channel, Config, Cues, Http, Management, Node, Priority, Rendition,
        SegmentConfig, Source, Transport,
    },
    demo::{
        addresses::free_addresses,
        clip::{CLIPS, Clip},
        scratch::Scratch,
        sending::Sending,
    },
    live::Live,
    send::{self, Options, Playout},
};

/// The id of the channel.
const CHANNEL: &str = "demo";

/// Attempts to find two free ports: another process may take one between choice and use.
const BUILD_ATTEMPTS_MAX: usize = 8;

/// Cache of the demo: ten minutes of its three renditions.
const CACHE_BYTES: u64 = 64 << 20;
/// Memory for segments being written: far more than a demo needs.
const CACHE_MEMORY_BYTES: u64 = 8 << 20;

/// A demo whose sockets are open, ready to run.
#[derive(Debug)]
pub struct Demo<M: Multicast> {
    // Before the directory, so that the store is closed when that is removed.
    app: App<M>,
    playout: Playout<M::Sender>,
    board: Board<M>,
    addresses: Addresses,
    _scratch: Scratch,
}

/// Why the demo cannot run.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// The appliance cannot start.
    #[error(transparent)]
    App(#[from] AppError),
    /// The loopback interface or the temporary directory is not to be had.
    #[error(transparent)]
    Hal(#[from] weir_hal::Error),
    /// The channel could not be sent, or no longer.
    #[error(transparent)]
    Send(#[from] send::Error),
    /// The system has no room for the sending thread.
    #[error("cannot start the sending thread: raise the process limit")]
    Thread(#[source] io::Error),
}

impl<M: Multicast> Demo<M> {
    /// Finds free ports, opens every socket and an empty cache below `temporary`. Must be called
    /// within a tokio runtime.
    ///
    /// # Errors
    /// [`DemoError`] with one sentence.
    pub fn build(board: &Board<M>, temporary: &Path) -> Result<Self, DemoError> {
        let scratch = Scratch::create(Arc::clone(&board.disk), temporary, board.clock.wall())?;
        let mut attempts = 1;
        let (app, addresses) = loop {
            let addresses = free_addresses(&*board.network)?;
            match App::build(
                config(addresses, scratch.path()),
                board.clone(),
                OldCache::Keep,
            ) {
                Ok(app) => break (app, addresses),
                Err(error) if is_port_lost(&error) && attempts < BUILD_ATTEMPTS_MAX => {
                    attempts += 1;
                }
                Err(error) => return Err(error.into()),
            }
        };
        Ok(Self {
            app,
            playout: playout(board, addresses)?,
            board: board.clone(),
            addresses,
            _scratch: scratch,
        })
    }

    /// Where a person finds it.
    pub fn addresses(&self) -> Addresses {
        self.addresses
    }

    /// The state of the channel.
    pub fn live(&self) -> &Arc<Live> {
        self.app.live()
    }

    /// Sends and serves until `shutdown` completes, then drains and removes the cache.
    ///
    /// # Errors
    /// [`DemoError`] when the channel can no longer be sent, or the receive thread cannot start.
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> Result<(), DemoError> {
        let live = Arc::clone(self.app.live());
        let clock = Arc::clone(&self.board.clock);
        let (sending, ended) =
            Sending::start(self.playout, clock, live).map_err(DemoError::Thread)?;
        let shutdown = async {
            tokio::select! {
                () = shutdown => {}
                () = ended => {}
            }
        };
        let (_no_reloads, reloads) = mpsc::channel(RELOADS_MAX);
        let ran = self.app.run(shutdown, reloads).await;
        let sent = sending.stop();
        ran?;
        Ok(sent?)
    }
}

/// True when every rendition has a segment to play.
pub fn is_on_air(live: &Live) -> bool {
    let is_listed = |channel: Arc<crate::live::Channel>| {
        let mut renditions = channel.renditions.iter();
        renditions.all(|rendition| rendition.playlist().is_some())
    };
    live.channel(CHANNEL).is_some_and(is_listed)
}

/// Where somebody looks at a demo, nobody need keep the clock.
fn rules() -> Rules {
    let mut rules = Rules::default();
    rules.of_mut(Kind::ClockUnsynchronised).raise = Amount::whole(60);
    rules
}

/// What an integrator would write for this channel.
fn config(addresses: Addresses, cache: &Path) -> Config {
    Config {
        node: Node {
            name: "weir-demo".to_owned(),
        },
        http: Http {
            listen: vec![addresses.data],
            ..Http::default()
        },
        management: Management {
            listen: addresses.management,
            ..Management::default()
        },
        cache: Cache {
            path: cache.to_owned(),
            size: ByteSize(CACHE_BYTES),
            memory: ByteSize(CACHE_MEMORY_BYTES),
            scrub: ByteSize(0),
            ..Cache::default()
        },
        alarm: Alarm {
            state: cache.join("alarms"),
            rules: rules(),
            ..Alarm::default()
        },
        segment: SegmentConfig {
            target: Duration::from_secs(2),
            longest: Duration::from_secs(4),
            ..SegmentConfig::default()
        },
        channels: vec![Channel {
            id: CHANNEL.to_owned(),
            name: "Weir demo".to_owned(),
            priority: Priority::Medium,
            dvr: None,
            sign_keys: None,
            cues: Cues::default(),
            encryption: None,
            renditions: CLIPS
                .iter()
                .map(|clip| rendition(clip, addresses))
                .collect(),
        }],
        ..Config::default()
    }
}

fn rendition(clip: &Clip, addresses: Addresses) -> Rendition {
    Rendition {
        name: clip.name.to_owned(),
        sources: vec![Source::Datagram {
            transport: Transport::Udp,
            group: group(clip, addresses),
            source: None,
        }],
        merge: 1,
        fec: false,
        interface: loopback(),
        program: None,
        transport_stream_id: None,
        is_audio_alone: false,
        teletext: Vec::new(),
    }
}

/// The data port is this demo's alone while it runs, and so are the groups on that number.
fn group(clip: &Clip, addresses: Addresses) -> SocketAddr {
    SocketAddr::from((clip.group, addresses.data.port()))
}

fn loopback() -> Option<InterfaceName> {
    InterfaceName::new("lo")
}

fn playout<M: Multicast>(
    board: &Board<M>,
    addresses: Addresses,
) -> Result<Playout<M::Sender>, DemoError> {
    let options = Options {
        transport: Transport::Udp,
        is_looping: true,
        seed: 0,
    };
    let mut playout = Playout::default();
    for clip in &CLIPS {
        let sender = board.multicast.sender(&Destination {
            group: group(clip, addresses),
            interface: loopback(),
            hops: 1,
        })?;
        playout.add(clip.content(), sender, options)?;
    }
    Ok(playout)
}

fn is_port_lost(error: &AppError) -> bool {
    matches!(error, AppError::Listen { source, .. } if source.kind() == io::ErrorKind::AddrInUse)
}
