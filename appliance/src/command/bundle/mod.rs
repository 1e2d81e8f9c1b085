//! `weir bundle`: one file that tells a distant engineer what this box knows of itself.
//!
//! It is made of what a running appliance answers, and of what lies on the box beside it, so that
//! there is something in it even if weir does not run. It never takes more than
//! [`BUNDLE_BYTES_MAX`] bytes: all else comes first, and of the flight recorder the newest hours.
//!
//! Refuses: secrets. [`Shown`] shows of the configuration what is known to be harmless, and
//! [`Secrets`] looks through every text once more.

mod archive;
mod contents;
mod flight;
mod gather;
mod secrets;

use std::{
    fmt::Write as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use clap::Args;
use tokio::task::block_in_place;
use weir_hal::{Board, Disk, Multicast};

use self::{
    archive::{BUNDLE_BYTES_MAX, PART_OVERHEAD_BYTES, Stamp},
    contents::Contents,
    secrets::Secrets,
};
use super::{
    CommandError, Terminal,
    cache::{date, size},
    management::Management,
    run::on_runtime,
};
use crate::{
    causes::with_causes,
    config::{Config, Shown},
    secret::contents,
    whole_file::replace,
};

pub(super) const ABOUT: &str = "Pack what this box knows of itself for a distant engineer";
pub(super) const EXAMPLES: &str = "\
Examples:
  weir bundle /tmp/edge-hn-01.tar.zst
  weir bundle /tmp/test.tar.zst --config test.toml
  tar --zstd -xf edge-hn-01.tar.zst && weir recorder weir-bundle/recorder.blocks

Has status, metrics, alarms, log, the flight recorder, the configuration without secrets, kernel
messages and the state of the network; at most 5 MB. manifest.json tells what is missing or cut, and
why. Run it as root, or kernel messages are missing. weir need not be running.";

/// The configuration within a bundle.
const CONFIGURATION: &str = "configuration.txt";

/// Arguments of `weir bundle`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The file to write.
    #[arg(value_name = "OUT")]
    pub out: PathBuf,
    /// The configuration.
    #[arg(long, value_name = "FILE", default_value = "/etc/weir/weir.toml")]
    pub config: PathBuf,
    /// The management listener of the appliance; without, the one that is configured.
    #[arg(long, value_name = "URL")]
    pub management: Option<String>,
}

/// Packs a bundle.
///
/// # Errors
/// [`CommandError::Hal`] when it cannot be written. What is not to be had is told in the bundle.
pub fn execute<M: Multicast>(
    arguments: &Arguments,
    board: &Board<M>,
    terminal: Terminal,
) -> Result<(), CommandError> {
    let configured = Configured::read(&arguments.config, board);
    let url = arguments.management.clone();
    let url = url.unwrap_or_else(|| management_url(&configured.config));
    let management = Management::new(Arc::clone(&board.network), &url)?;
    let now = board.clock.wall();
    let time = date(now);
    let stamp = Stamp {
        version: env!("CARGO_PKG_VERSION"),
        time: &time,
        seconds: now.as_nanos() / 1_000_000_000,
    };
    on_runtime(async {
        let mut contents = Contents::new(Secrets::of(&configured.shown, &*board.disk));
        contents.text(CONFIGURATION, configured.text());
        gather::of_appliance(&mut contents, &management).await;
        block_in_place(|| {
            gather::of_system(&mut contents, &*board.disk, &*board.sensors);
            let bytes = pack(&mut contents, stamp, &configured, &*board.disk)?;
            replace(&*board.disk, &beside(&arguments.out), &bytes)?;
            terminal.print(&told(&arguments.out, &contents, bytes.len()))
        })
    })
}

/// A path whose directory can be named.
fn beside(out: &Path) -> PathBuf {
    match out.parent() {
        Some(parent) if parent.as_os_str().is_empty() => Path::new(".").join(out),
        Some(_) | None => out.to_owned(),
    }
}

/// Adds as much of the recorder as there is room for, and writes it all.
fn pack(
    contents: &mut Contents,
    stamp: Stamp<'_>,
    configured: &Configured,
    disk: &dyn Disk,
) -> Result<Vec<u8>, CommandError> {
    let without = archive::bundle(contents, stamp).map_err(CommandError::Output)?;
    let room = BUNDLE_BYTES_MAX.saturating_sub(without.len() + PART_OVERHEAD_BYTES);
    flight::add(contents, configured, disk, room);
    archive::bundle(contents, stamp).map_err(CommandError::Output)
}

fn told(out: &Path, contents: &Contents, bytes: usize) -> String {
    let cut = contents
        .parts
        .iter()
        .filter(|part| part.cut.is_some())
        .count();
    let mut text = format!(
        "{}: {} in {} files, {cut} of them cut",
        out.display(),
        size(bytes as u64),
        contents.parts.len() + 1,
    );
    // What is missing for the same reason stands together.
    for missing in contents.missing.chunk_by(|one, next| one.why == next.why) {
        let names: Vec<&str> = missing.iter().map(|it| it.name.as_str()).collect();
        let why = missing.first().map_or("", |it| it.why.as_str());
        text.extend(["\nwithout ", &names.join(", "), ": ", why]);
    }
    text
}

/// `bytes` in hexadecimal.
fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        write!(text, "{byte:02x}").expect("a String takes every write");
    }
    text
}

/// Where the appliance of this box can be asked.
fn management_url(config: &Config) -> String {
    let mut address = config.management.listen;
    if address.ip().is_unspecified() {
        let loopback = match address {
            std::net::SocketAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
            std::net::SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
        };
        address.set_ip(loopback);
    }
    format!("http://{address}")
}

/// What is known of the configuration, whatever is wrong with it.
#[derive(Debug, Default)]
struct Configured {
    /// What can be read of it.
    config: Config,
    shown: Shown,
    /// Why nothing of it is shown.
    trouble: Option<String>,
    /// Why nobody can rely on it.
    doubt: Option<String>,
}

impl Configured {
    /// Reads a configuration; the default in place of what cannot be read of it. Blocks.
    fn read<M: Multicast>(file: &Path, board: &Board<M>) -> Self {
        let bytes_max = Config::FILE_BYTES_MAX as u64;
        match contents(&*board.disk, file, bytes_max) {
            Ok(bytes) => {
                let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
                Self::of(file, text.as_deref())
            }
            Err(error) => {
                let trouble = with_causes(&error);
                let doubt = format!("the configuration cannot be read ({trouble})");
                Self {
                    trouble: Some(trouble),
                    doubt: Some(doubt),
                    ..Self::default()
                }
            }
        }
    }

    /// That of a file with this text; `None` if it is too long, or no text.
    fn of(file: &Path, text: Option<&str>) -> Self {
        let file = file.display();
        let parsed = text.and_then(|text| Config::parse(text).ok());
        let doubt = format!("the configuration has mistakes (`weir check {file}` tells which)");
        let doubt = parsed.is_none().then_some(doubt);
        let config = parsed.map(|parsed| parsed.config);
        let shown = text.and_then(Shown::of);
        let trouble = format!("{file} is not TOML: `weir check {file}` tells where");
        Self {
            config: config.unwrap_or_else(|| Config::readable(text.unwrap_or_default())),
            trouble: shown.is_none().then_some(trouble),
            shown: shown.unwrap_or_default(),
            doubt,
        }
    }

    fn text(&self) -> Result<String, String> {
        if let Some(trouble) = &self.trouble {
            return Err(trouble.clone());
        }
        let unknown = self.shown.keys_unknown;
        let text = &self.shown.text;
        Ok(format!(
            "{text}# keys that nobody knows, left out: {unknown}\n"
        ))
    }
}
