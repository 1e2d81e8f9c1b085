//! `[management]`: the listener for people and fleets, and who may order there.

use std::{net::SocketAddr, path::PathBuf};

use jiff::Timestamp;
use weir_hal::Wall;

use super::{
    Http,
    cache::absolute_path,
    mistake::{Ledger, Place, quoted},
    read::{address, collide, host_name, id},
    section::{Found, Section},
    types::Management,
};

/// Names that browsers may know this box by.
const NAMES_MAX: usize = 16;

/// Tokens at most.
const TOKENS_MAX: usize = 32;

/// `[[management.token]]`: a program that may order from any address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManagementToken {
    /// As whom it is logged: 1 to 64 of `A-Z a-z 0-9 . _ -`, not starting with a dot; unique.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// The file of the SHA-256 of the token, in 64 hexadecimal digits.
    pub secret: PathBuf,
    /// From when on it is worth nothing.
    pub expires: Wall,
}

/// What somebody may do; each role may do what those before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Looks.
    Viewer,
    /// Speaks for operators about alarms.
    Technician,
    /// Purges and prewarms.
    Admin,
}

impl Role {
    /// Its word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Technician => "technician",
            Self::Admin => "admin",
        }
    }
}

pub(super) fn read_management(
    mut section: Section<'_>,
    http: &Http,
    ledger: &mut Ledger,
) -> Management {
    let found = section.text("listen", address, ledger);
    let place = section.place_of("listen");
    let names = section.texts("names", NAMES_MAX, host_name, ledger);
    let agent_check = section.text("agent_check", address, ledger);
    let listen = found.map_or(Management::default().listen, |found| found.value);
    let tokens = read_tokens(&mut section, listen, ledger);
    section.finish(ledger);
    let mut taken = vec![
        ("http.listen", http.listen.as_slice()),
        ("http.tls_listen", &http.tls_listen),
    ];
    expect_free(listen, &place, &taken, ledger);
    if let Some(Found { value, place }) = &agent_check {
        let management = [listen];
        taken.push(("management.listen", &management));
        expect_free(*value, place, &taken, ledger);
    }
    Management {
        listen,
        names: names.into_iter().map(|found| found.value).collect(),
        agent_check: agent_check.map(|found| found.value),
        tokens,
    }
}

/// Notes if `address` is one of those that other keys listen on.
fn expect_free(
    address: SocketAddr,
    place: &Place,
    taken: &[(&str, &[SocketAddr])],
    ledger: &mut Ledger,
) {
    for (key, others) in taken {
        if let Some(other) = others.iter().find(|other| collide(**other, address)) {
            let text = format!("{address} is taken by {key} ({other}): choose another port");
            ledger.mistake(place, text);
        }
    }
}

fn read_tokens(
    section: &mut Section<'_>,
    listen: SocketAddr,
    ledger: &mut Ledger,
) -> Vec<ManagementToken> {
    let mut tokens: Vec<ManagementToken> = Vec::new();
    for section in section.tables("token", TOKENS_MAX, ledger) {
        let place = section.place().clone();
        let Some((Found { value, place: name }, token)) = read_token(section, ledger) else {
            continue;
        };
        if tokens.iter().any(|other| other.name == value) {
            let text = format!("{value} is a token already: choose another name");
            ledger.mistake(&name, text);
        }
        if tokens.is_empty() && !listen.ip().is_loopback() {
            let text = "goes over the network in the clear: keep `management.listen` on a network \
                        of its own";
            ledger.warning(&place, text);
        }
        tokens.push(token);
    }
    tokens
}

/// A token and where it is named; `None` if something of it is missing.
fn read_token(
    mut section: Section<'_>,
    ledger: &mut Ledger,
) -> Option<(Found<String>, ManagementToken)> {
    for (key, example) in [
        ("name", "name = \"noc\""),
        ("role", "role = \"technician\""),
        ("secret", "secret = \"/etc/weir/tokens/noc\""),
        ("expires", "expires = \"2030-01-01T00:00:00Z\""),
    ] {
        section.require(key, example, ledger);
    }
    let name = section.text("name", id, ledger);
    let role = section.text("role", role, ledger);
    let secret = section.text("secret", absolute_path, ledger);
    let expires = section.text("expires", moment, ledger);
    section.finish(ledger);
    let name = name?;
    let token = ManagementToken {
        name: name.value.clone(),
        role: role?.value,
        secret: secret?.value,
        expires: expires?.value,
    };
    Some((name, token))
}

fn role(text: &str) -> Result<Role, String> {
    let roles = [Role::Viewer, Role::Technician, Role::Admin];
    let role = roles.into_iter().find(|role| role.as_str() == text);
    role.ok_or_else(|| {
        let text = quoted(text);
        format!("{text} is no role: write \"viewer\", \"technician\" or \"admin\"")
    })
}

/// A moment with its offset from UTC (RFC 3339), from 1970 on.
fn moment(text: &str) -> Result<Wall, String> {
    let timestamp: Option<Timestamp> = text.parse().ok();
    let nanos = timestamp.and_then(|it| u64::try_from(it.as_nanosecond()).ok());
    nanos.map(Wall::from_nanos).ok_or_else(|| {
        let text = quoted(text);
        format!("{text} is no moment: write one as in \"2030-01-01T00:00:00Z\"")
    })
}
