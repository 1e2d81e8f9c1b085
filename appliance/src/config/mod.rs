//! The configuration: TOML text in, checked values out, every mistake named at once.
//!
//! `Config::parse` takes the text apart with spans (`toml`), `section` walks its tables, `read`,
//! `cache`, `channel`, `origin`, `route` and `terms` know what the keys mean, and `mistake` gathers
//! what is wrong.
//! Source of the syntax: TOML 1.0. Refuses: unknown keys, bare numbers where a unit belongs, and
//! guessing.

mod access_log;
mod address_prefix;
mod alarm;
mod cache;
mod channel;
mod client_limits;
mod default;
mod encryption;
mod http;
mod load;
mod log;
mod management;
mod mistake;
mod origin;
mod prewarm;
mod purge;
mod read;
mod route;
mod section;
mod shown;
mod snmp;
mod source;
mod terms;
mod track;
mod ttl;
mod types;
mod unit;

use toml::de::{DeTable, Error as SyntaxError};

pub use address_prefix::AddressPrefix;
pub use channel::{parse_cues, parse_interface};
pub use encryption::{Encryption, KeySource, ServerSource, UrlTemplate};
pub use load::{LoadError, load};
pub use management::{ManagementToken, ManagementUser, Role};
pub use mistake::{Mistake, Mistakes};
pub use route::covers;
pub use shown::{HIDDEN, Shown};
pub use snmp::{Snmp, SnmpCommunity, SnmpTarget, SnmpUser};
pub use track::{TeletextChoice, parse_teletext};
pub use types::{
    AccessLog, Alarm, ByteSize, Cache, Channel, ClientLimits, Config, Cues, Failover, Http, Log,
    LogFormat, LogTarget, Management, Node, Origin, Prewarm, Priority, Probe, Purge, Receive,
    Rendition, RequestRate, Route, SegmentConfig, Source, Strategy, Syslog, SyslogTransport,
    Transport, Ttl,
};
pub use unit::{parse_bitrate, parse_duration};

use mistake::{Ledger, quoted};
use section::{Lines, Section};

/// A configuration without mistakes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parsed {
    /// The checked values.
    pub config: Config,
    /// What is suspicious in it, in the order of the file.
    pub warnings: Vec<Mistake>,
}

impl Config {
    /// Bytes a configuration file may have: 256 channels of 4 KiB each.
    pub const FILE_BYTES_MAX: usize = 1 << 20;

    /// Reads a configuration.
    ///
    /// # Errors
    /// Every mistake in `text`: those of TOML itself, and those of the keys.
    pub fn parse(text: &str) -> Result<Parsed, Mistakes> {
        if text.len() > Self::FILE_BYTES_MAX {
            return Err(load::too_long());
        }
        let mut ledger = Ledger::default();
        let config = Self::read(text, &mut ledger);
        let warnings = ledger.close()?;
        Ok(Parsed { config, warnings })
    }

    /// What can be read of `text`, whatever is wrong with it, and the default of all else: enough
    /// to find what a box has left behind, and nothing to run it by.
    pub fn readable(text: &str) -> Self {
        if text.len() > Self::FILE_BYTES_MAX {
            return Self::default();
        }
        Self::read(text, &mut Ledger::default())
    }

    /// Reads a text that is not too long; mistakes go into `ledger`.
    fn read(text: &str, ledger: &mut Ledger) -> Self {
        let lines = Lines::of(text);
        let (root, errors) = DeTable::parse_recoverable(text);
        for error in errors {
            let span = error.span().unwrap_or(text.len()..text.len());
            ledger.syntax(lines.line(span.start), syntax_text(text, &error));
        }
        read::read_config(Section::root(root.get_ref(), &lines), ledger)
    }
}

/// What is wrong; of the text nothing but a key, for the rest may be a secret without its quotes.
fn syntax_text(text: &str, error: &SyntaxError) -> String {
    match error.message() {
        "duplicate key" => {
            let key = error.span().and_then(|span| text.get(span)).unwrap_or("");
            format!("{} is given twice: keep one", quoted(key))
        }
        message => format!("not TOML: {message}"),
    }
}

#[cfg(test)]
mod tests;
