//! Who this agent is, and how often it has started: kept, because managers tell a replayed message
//! by it.
//!
//! A line `weir-snmp 1 CRC`, the CRC-32C of all behind it in hexadecimal, and then the engine ID in
//! hexadecimal and snmpEngineBoots. The file is written before the number in it is used.
//!
//! Source: RFC 3411 §5 (`SnmpEngineID`, format 5), RFC 3414 §2.2 (`snmpEngineBoots`).
//! Refuses: to go on with an ID whose number of starts is lost or cannot be kept. It takes a new
//! one.

use std::{path::Path, sync::Arc};

use async_snmp::{AuthoritativeEngine, PersistedAuthoritativeEngine};
use ring::rand::{SecureRandom, SystemRandom};
use tracing::{error, warn};
use weir_hal::Disk;

use crate::{
    causes::with_causes,
    secret::contents,
    snmp::{SnmpError, enterprise::ENTERPRISE_NUMBER},
    whole_file::{make_directory, replace},
};

const MAGIC: &str = "weir-snmp 1 ";

/// Bytes the file has at most.
const BYTES_MAX: u64 = 256;

/// The first bit of an ID that begins with an enterprise number.
const IS_ENTERPRISE: u32 = 1 << 31;

/// The format in which the rest is octets of our own choice.
const OCTETS: u8 = 5;

/// Why the file cannot be gone on with.
#[derive(Debug, thiserror::Error)]
enum StateError {
    #[error("cannot read it")]
    Read(#[source] weir_hal::Error),
    #[error("it is damaged, or of another version")]
    Damaged,
}

/// The engine at `path`, started once more; a new one if there is none, or if that cannot be
/// written: then for this start alone. Blocks.
///
/// # Errors
/// [`SnmpError::Random`] or [`SnmpError::Engine`] when there is no new one.
pub(super) fn start(disk: &Arc<dyn Disk>, path: &Path) -> Result<AuthoritativeEngine, SnmpError> {
    let before = read(&**disk, path).unwrap_or_else(|why| {
        let (path, error) = (path.display(), with_causes(&why));
        warn!(%path, error, "the agent takes a new engine ID: managers must discover it anew");
        None
    });
    let (own, disk) = (path.to_owned(), Arc::clone(disk));
    let persist = move |state: &PersistedAuthoritativeEngine| write(&*disk, &own, state);
    let started = match before {
        Some(before) => AuthoritativeEngine::restart(before, persist),
        None => AuthoritativeEngine::install(new_engine_id()?, persist),
    };
    started.or_else(|why| {
        // Whoever watches the box needs an answer most when its disk is full or broken.
        let (path, error) = (path.display(), with_causes(&*why));
        error!(
            %path,
            error,
            "the agent has an engine ID for this start alone, and managers must discover it anew: \
             make room there, or choose another `snmp.state`"
        );
        passing()
    })
}

/// An engine that is not kept.
fn passing() -> Result<AuthoritativeEngine, SnmpError> {
    let kept_nowhere = |_: &PersistedAuthoritativeEngine| Ok::<(), weir_hal::Error>(());
    let engine = AuthoritativeEngine::install(new_engine_id()?, kept_nowhere);
    engine.map_err(SnmpError::Engine)
}

fn new_engine_id() -> Result<Vec<u8>, SnmpError> {
    let mut octets = [0; 8];
    let filled = SystemRandom::new().fill(&mut octets);
    filled.map_err(|_unspecified| SnmpError::Random)?;
    let enterprise = (ENTERPRISE_NUMBER | IS_ENTERPRISE).to_be_bytes();
    Ok([&enterprise[..], &[OCTETS], &octets].concat())
}

fn read(disk: &dyn Disk, path: &Path) -> Result<Option<PersistedAuthoritativeEngine>, StateError> {
    match contents(disk, path, BYTES_MAX) {
        Ok(bytes) => {
            let state = bytes.as_deref().and_then(parse);
            state.map(Some).ok_or(StateError::Damaged)
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(StateError::Read(error)),
    }
}

fn parse(bytes: &[u8]) -> Option<PersistedAuthoritativeEngine> {
    let text = str::from_utf8(bytes).ok()?.strip_prefix(MAGIC)?;
    let (sum, rest) = text.split_once('\n')?;
    if format!("{:08x}", crc32c::crc32c(rest.as_bytes())) != sum {
        return None;
    }
    let (engine_id, boots) = rest.trim_end().split_once(' ')?;
    let digits: Vec<char> = engine_id.chars().collect();
    let octets = digits.chunks(2).map(|pair| {
        let pair: String = pair.iter().collect();
        u8::from_str_radix(&pair, 16).ok()
    });
    let octets: Option<Vec<u8>> = octets.collect();
    PersistedAuthoritativeEngine::new(octets?, boots.parse().ok()?).ok()
}

fn write(
    disk: &dyn Disk,
    path: &Path,
    state: &PersistedAuthoritativeEngine,
) -> Result<(), weir_hal::Error> {
    let octets = state.engine_id().iter().map(|octet| format!("{octet:02x}"));
    let engine_id: String = octets.collect();
    let rest = format!("{engine_id} {}\n", state.engine_boots());
    let text = format!("{MAGIC}{:08x}\n{rest}", crc32c::crc32c(rest.as_bytes()));
    if let Some(directory) = path.parent() {
        make_directory(disk, directory)?;
    }
    replace(disk, path, text.as_bytes()).map(drop)
}

#[cfg(test)]
mod tests {
    use weir_hal::sim::{Call, Fault, Simulation};

    use super::*;

    const PATH: &str = "/state/cache.snmp";

    fn started(disk: &Arc<dyn Disk>) -> AuthoritativeEngine {
        start(disk, Path::new(PATH)).expect("a flawless disk")
    }

    #[test]
    fn the_id_stays_and_the_starts_are_counted_over_power_cuts() {
        let machine = Simulation::new(1);
        let disk: Arc<dyn Disk> = machine.board().disk;
        let first = started(&disk);
        assert_eq!(first.engine_boots(), 1);
        let disk: Arc<dyn Disk> = Arc::new(machine.disk.power_cut());
        let second = started(&disk);
        assert_eq!(second.engine_boots(), 2);
        assert_eq!(second.engine_id(), first.engine_id());
    }

    #[test]
    fn an_id_is_that_of_an_enterprise_and_of_one_box() {
        let [one, other] = [1, 2].map(|_| new_engine_id().expect("random octets"));
        assert_eq!(one.len(), 13);
        let enterprise = (ENTERPRISE_NUMBER | 0x8000_0000).to_be_bytes();
        assert_eq!((&one[..4], one[4]), (&enterprise[..], 5));
        assert_ne!(one, other);
    }

    #[test]
    fn a_damaged_file_is_begun_anew_under_another_id() {
        let disk: Arc<dyn Disk> = Simulation::new(1).board().disk;
        let first = started(&disk);
        let file = contents(&*disk, Path::new(PATH), BYTES_MAX);
        let mut bytes = file.expect("it is there").expect("it is short");
        let last = bytes.len() - 2;
        bytes[last] = b'9';
        replace(&*disk, Path::new(PATH), &bytes).expect("a flawless disk");
        let second = started(&disk);
        assert_eq!(second.engine_boots(), 1);
        assert_ne!(second.engine_id(), first.engine_id());
    }

    #[test]
    fn one_that_cannot_be_kept_is_another_one_for_this_start_alone() {
        let machine = Simulation::new(1);
        let disk: Arc<dyn Disk> = machine.board().disk;
        let first = started(&disk);
        machine.disk.inject(Call::Write, Fault::ForEver(1));
        let second = started(&disk);
        assert_eq!(second.engine_boots(), 1);
        assert_ne!(second.engine_id(), first.engine_id());
        machine.disk.heal();
        let third = started(&disk);
        assert_eq!(third.engine_id(), first.engine_id());
        assert_eq!(third.engine_boots(), 2);
    }

    #[test]
    fn nothing_but_what_was_written_is_read() {
        for text in [
            "",
            "weir-snmp 1 ",
            "weir-snmp 1 00000000\n",
            "weir-snmp 2 00000000\n\n",
        ] {
            assert_eq!(parse(text.as_bytes()), None, "{text:?}");
        }
        for rest in [
            "",
            "80 1\n",
            "8000 x\n",
            "zz000000000000 1\n",
            "8000000005ff01é 1\n",
        ] {
            let text = format!("{MAGIC}{:08x}\n{rest}", crc32c::crc32c(rest.as_bytes()));
            assert_eq!(parse(text.as_bytes()), None, "{text:?}");
        }
    }
}
