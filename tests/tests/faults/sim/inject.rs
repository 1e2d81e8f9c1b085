//! How faults are injected into the simulated board, and mended.

use std::{sync::Arc, time::Duration};

use rcgen::{CertificateParams, KeyPair};
use weir_hal::{
    Clock, ClockDiscipline, Disk, InterfaceName, OperationalStatus, Querier,
    sim::{Call, Fault, PathFaults, Simulation, WireFaults},
};

use super::{
    players::{Asked, Mood, address},
    world::{CERTIFICATES, World},
};
use crate::feed::{Feed, Harm};

/// A day, as certificates are counted.
const DAY: Duration = Duration::from_hours(24);

/// What is done to the board.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Inject {
    /// A source does harm.
    Feed(&'static str, Harm),
    /// Some sources do harm at once.
    Feeds(&'static [&'static str], Harm),
    /// Nobody has asked for memberships on an interface for so long.
    Querier(usize, Duration),
    /// The wire does, while these sources send.
    Wire(&'static [&'static str], WireFaults),
    /// Several things happen, of one cause.
    All(&'static [Inject]),
    /// An interface has another state, and nothing comes through it.
    Nic(usize, OperationalStatus),
    /// An interface is not there any more.
    NicGone(usize),
    /// So many packets in a hundred come damaged.
    NicErrors(usize, u64),
    /// The file system is filled so, in thousandths.
    Fill(u64),
    /// The clock is so far from its source; without one, nothing sets it.
    Clock(Option<Duration>),
    /// Calls of the disk fail, for good.
    Disk(Call),
    /// The way to some origins is bad.
    Path(&'static [usize], PathFaults),
    /// Some origins answer otherwise.
    Mood(&'static [usize], Mood),
    /// Players ask for other things.
    Asked(Asked),
    /// The only certificate ends in so many days.
    Certificate(i64),
    /// So many tokens are refused, at once.
    Tokens(u64),
    /// A configuration is not taken, for this reason.
    Config(&'static str),
    /// The machine is booted from the slot of this letter, beside kernels of these names.
    Slots(&'static str, &'static [&'static str]),
}

impl Inject {
    pub(crate) fn begin(self, world: &mut World) {
        match self {
            Self::Feed(name, harm) => feed(world, name).harm(harm),
            Self::Feeds(names, harm) => {
                for name in names {
                    feed(world, name).harm(harm);
                }
            }
            Self::Querier(number, ago) => world.nics[number].querier = heard(ago),
            Self::Wire(names, faults) => world.wire = Some((names, faults)),
            Self::All(all) => all.iter().for_each(|it| it.begin(world)),
            Self::Nic(number, status) => {
                world.nics[number].operational_status = status;
                let name = interface(&world.nics[number].name);
                world.simulation.ether.unplug(&name);
            }
            Self::NicGone(number) => {
                let nic = world.nics.remove(number);
                world.simulation.ether.unplug(&interface(&nic.name));
                world.absent = Some((number, nic));
            }
            Self::NicErrors(number, errors) => world.nic_errors[number] = errors,
            Self::Fill(thousandths) => fill(world, thousandths),
            Self::Clock(offset) => discipline(world, offset),
            Self::Disk(call) => world.simulation.disk.inject(call, Fault::ForEver(1)),
            Self::Path(origins, faults) => set_paths(world, origins, faults),
            Self::Mood(origins, mood) => set_moods(world, origins, mood),
            Self::Asked(asked) => world.players.asked = asked,
            Self::Certificate(days) => certify(&world.simulation, days),
            Self::Tokens(count) => {
                for _ in 0..count {
                    let from = [192, 0, 2, 77].into();
                    world.watched.attempts.note_token_refused(from);
                }
            }
            Self::Config(why) => world
                .watched
                .config_refused
                .store(Some(Arc::new(why.to_owned()))),
            Self::Slots(running, names) => world.simulation.slots.boot(running, names),
        }
    }

    pub(crate) fn end(self, world: &mut World) {
        match self {
            Self::Feed(name, _) => feed(world, name).mend(),
            Self::Feeds(names, _) => {
                for name in names {
                    feed(world, name).mend();
                }
            }
            Self::Querier(number, _) => world.nics[number].querier = heard(Duration::ZERO),
            Self::Wire(..) => world.wire = None,
            Self::All(all) => all.iter().for_each(|it| it.end(world)),
            Self::Nic(number, _) => {
                world.nics[number].operational_status = OperationalStatus::Up;
                let name = interface(&world.nics[number].name);
                world.simulation.ether.plug(name);
            }
            Self::NicGone(_) => {
                if let Some((number, nic)) = world.absent.take() {
                    world.simulation.ether.plug(interface(&nic.name));
                    world.nics.insert(number, nic);
                }
            }
            Self::NicErrors(number, _) => world.nic_errors[number] = 0,
            Self::Fill(_) => world.simulation.disk.set_bytes_free(4 << 30),
            Self::Clock(_) => discipline(world, Some(Duration::ZERO)),
            Self::Disk(_) => world.simulation.disk.heal(),
            Self::Path(origins, _) => set_paths(world, origins, PathFaults::default()),
            Self::Mood(origins, _) => set_moods(world, origins, Mood::WELL),
            Self::Asked(_) => world.players.asked = Asked::WELL,
            Self::Certificate(_) => certify(&world.simulation, 90),
            // They are forgotten by and by.
            Self::Tokens(_) => {}
            Self::Config(_) => world.watched.config_refused.store(None),
            Self::Slots(..) => world.simulation.slots.boot("a", &["weir_1.0.0_a.efi"]),
        }
    }
}

fn feed<'a>(world: &'a mut World, name: &str) -> &'a mut Feed {
    let mut feeds = world.feeds.iter_mut();
    let feed = feeds.find(|feed| feed.name == name);
    feed.expect("there is such a source")
}

/// A querier that asked last so long ago.
fn heard(ago: Duration) -> Querier {
    let address = [192, 0, 2, 9].into();
    Querier::Heard { address, ago }
}

fn interface(name: &str) -> InterfaceName {
    InterfaceName::new(name).expect("a name")
}

fn set_paths(world: &World, origins: &[usize], faults: PathFaults) {
    let is_closing = faults != PathFaults::default();
    for origin in origins {
        world.simulation.network.set_path(address(*origin), faults);
        // Nobody goes on over what stands already.
        world.players.set_mood(
            *origin,
            Mood {
                is_closing,
                ..Mood::WELL
            },
        );
    }
}

fn set_moods(world: &World, origins: &[usize], mood: Mood) {
    for origin in origins {
        world.players.set_mood(*origin, mood);
    }
}

fn discipline(world: &World, offset: Option<Duration>) {
    let sensors = &world.simulation.sensors;
    sensors.set_clock_discipline(Some(ClockDiscipline { offset }));
}

/// Leaves so much room that what is used is so many thousandths.
fn fill(world: &World, thousandths: u64) {
    let disk = &world.simulation.disk;
    let usage = disk.usage("/".as_ref()).expect("the disk is well");
    let used = usage.bytes_total - usage.bytes_free;
    disk.set_bytes_free(used * (1_000 - thousandths) / thousandths);
}

/// Puts a certificate in place that ends in so many days.
pub(crate) fn certify(simulation: &Simulation, days: i64) {
    let now = Duration::from_nanos(simulation.clock.wall().as_nanos());
    let end = match u32::try_from(days) {
        Ok(days) => now + days * DAY,
        Err(_) => now.saturating_sub(DAY),
    };
    let key = KeyPair::generate().expect("there are random numbers");
    let hosts = vec!["edge.example".to_owned()];
    let mut params = CertificateParams::new(hosts).expect("a good name");
    params.not_after = rcgen::date_time_ymd(1970, 1, 1) + end;
    let certificate = params.self_signed(&key).expect("the key can sign");
    let files = [("crt", certificate.pem()), ("key", key.serialize_pem())];
    for (kind, text) in files {
        World::put(simulation, &format!("{CERTIFICATES}/edge.{kind}"), &text);
    }
}
