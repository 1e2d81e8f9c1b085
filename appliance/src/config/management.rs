//! `[management]`: the listener for people and fleets, and who may order there.

use std::{net::SocketAddr, path::PathBuf};

use jiff::Timestamp;
use weir_hal::Wall;

use super::{
    Http,
    cache::{absolute_path, secret_path},
    mistake::{Ledger, Place, quoted},
    read::{address, collide, host_name, id},
    section::{Found, Section},
    types::Management,
};

/// Names that browsers may know this box by.
const NAMES_MAX: usize = 16;

/// Tokens at most.
const TOKENS_MAX: usize = 32;

/// Users at most.
const USERS_MAX: usize = 32;

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

/// `[[management.user]]`: a person who may log in, and then order from any address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManagementUser {
    /// As whom they log in and are logged: as the name of a token, and not that of one.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// The file of the Argon2id hash of their password, as a PHC string.
    pub secret: PathBuf,
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
    let tls_listen = section.text("tls_listen", address, ledger);
    let certificates = section.text("certificates", absolute_path, ledger);
    let names = section.texts("names", NAMES_MAX, host_name, ledger);
    let agent_check = section.text("agent_check", address, ledger);
    let listen = found.map_or(Management::default().listen, |found| found.value);
    let tokens = read_tokens(&mut section, listen, ledger);
    let users = read_users(&mut section, listen, &tokens, ledger);
    section.finish(ledger);
    let mut taken = vec![
        ("http.listen", http.listen.as_slice()),
        ("http.tls_listen", &http.tls_listen),
    ];
    expect_free(listen, &place, &taken, ledger);
    let plain = [listen];
    taken.push(("management.listen", &plain));
    let encrypted = tls_listen.as_ref().map(|found| found.value);
    if let Some(Found { value, place }) = &tls_listen {
        expect_free(*value, place, &taken, ledger);
    }
    taken.push(("management.tls_listen", encrypted.as_slice()));
    if let Some(Found { value, place }) = &agent_check {
        expect_free(*value, place, &taken, ledger);
    }
    Management {
        listen,
        tls_listen: encrypted,
        certificates: certificates.map(|found| found.value),
        names: names.into_iter().map(|found| found.value).collect(),
        agent_check: agent_check.map(|found| found.value),
        tokens,
        users,
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
        if tokens.is_empty() {
            warn_of_network(&place, listen, ledger);
        }
        tokens.push(token);
    }
    tokens
}

/// Warns whoever sends what nobody may read to a listener that is not of this box alone.
fn warn_of_network(place: &Place, listen: SocketAddr, ledger: &mut Ledger) {
    if !listen.ip().is_loopback() {
        let text = "goes over the network in the clear: keep `management.listen` on a network of \
                    its own, or on this box, with `management.tls_listen` for the others";
        ledger.warning(place, text);
    }
}

fn read_users(
    section: &mut Section<'_>,
    listen: SocketAddr,
    tokens: &[ManagementToken],
    ledger: &mut Ledger,
) -> Vec<ManagementUser> {
    let mut users: Vec<ManagementUser> = Vec::new();
    for section in section.tables("user", USERS_MAX, ledger) {
        let place = section.place().clone();
        let Some((Found { value, place: name }, user)) = read_user(section, ledger) else {
            continue;
        };
        if users.iter().any(|other| other.name == value) {
            let text = format!("{value} is a user already: choose another name");
            ledger.mistake(&name, text);
        }
        if tokens.iter().any(|token| token.name == value) {
            let text = format!("{value} is a token: choose another name, for both are logged");
            ledger.mistake(&name, text);
        }
        if users.is_empty() {
            warn_of_network(&place, listen, ledger);
        }
        users.push(user);
    }
    users
}

/// A user and where they are named; `None` if something of them is missing.
fn read_user(
    mut section: Section<'_>,
    ledger: &mut Ledger,
) -> Option<(Found<String>, ManagementUser)> {
    for (key, example) in [
        ("name", "name = \"ann\""),
        ("role", "role = \"technician\""),
        ("secret", "secret = \"/etc/weir/users/ann\""),
    ] {
        section.require(key, example, ledger);
    }
    let name = section.text("name", id, ledger);
    let role = section.text("role", role, ledger);
    let secret = section.text("secret", secret_path, ledger);
    section.finish(ledger);
    let name = name?;
    let user = ManagementUser {
        name: name.value.clone(),
        role: role?.value,
        secret: secret?.value,
    };
    Some((name, user))
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
    let secret = section.text("secret", secret_path, ledger);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{
        Parsed,
        tests::{SMALLEST, accepted, refused},
    };

    #[test]
    fn a_token_has_a_name_a_role_a_file_and_an_end() {
        let token = |keys: &str| {
            format!(
                "[management]\nlisten = \"[::1]:8080\"\n[[management.token]]\n{keys}\n{SMALLEST}"
            )
        };
        let good = "name = \"noc\"\nrole = \"technician\"\nsecret = \"/etc/weir/noc\"\n\
                    expires = \"2030-01-01T00:00:00Z\"";
        let Parsed { config, warnings } = accepted(&token(good));
        assert_eq!(warnings, [], "it stays on this machine");
        let [found] = config.management.tokens.as_slice() else {
            panic!("one token, not {:?}", config.management.tokens);
        };
        assert_eq!((found.name.as_str(), found.role), ("noc", Role::Technician));
        assert_eq!(found.expires.as_nanos(), 1_893_456_000_000_000_000);
        for (right, wrong, told) in [
            ("technician", "root", "\"root\" is no role"),
            ("2030-01-01T00:00:00Z", "2030-01-01", "is no moment"),
            (
                "2030-01-01T00:00:00Z",
                "1960-01-01T00:00:00Z",
                "is no moment",
            ),
            ("/etc/weir/noc", "noc", "must be the absolute path"),
            ("expires", "expire", "did you mean `expires`?"),
            ("name", "nmae", "is missing: add name"),
        ] {
            let mistakes = refused(&token(&good.replace(right, wrong)));
            assert!(mistakes.contains(told), "{mistakes}");
        }
        let twice = format!("{good}\n[[management.token]]\n{good}");
        assert!(refused(&token(&twice)).contains("noc is a token already"));
        let open = token(good).replace("[::1]", "0.0.0.0");
        let warnings = accepted(&open).warnings;
        assert!(
            warnings[0].to_string().contains("in the clear"),
            "{warnings:?}"
        );
    }

    #[test]
    fn a_user_has_a_name_of_their_own_a_role_and_a_file() {
        let user = |keys: &str| {
            format!(
                "[management]\nlisten = \"[::1]:8080\"\n[[management.token]]\nname = \"noc\"\n\
                 role = \"viewer\"\nsecret = \"/etc/weir/noc\"\n\
                 expires = \"2030-01-01T00:00:00Z\"\n\
                 [[management.user]]\n{keys}\n{SMALLEST}"
            )
        };
        let good = "name = \"ann\"\nrole = \"technician\"\nsecret = \"/etc/weir/ann\"";
        let Parsed { config, warnings } = accepted(&user(good));
        assert_eq!(warnings, [], "it stays on this machine");
        let [found] = config.management.users.as_slice() else {
            panic!("one user, not {:?}", config.management.users);
        };
        assert_eq!((found.name.as_str(), found.role), ("ann", Role::Technician));
        for (right, wrong, told) in [
            ("technician", "root", "\"root\" is no role"),
            ("/etc/weir/ann", "ann", "must be the absolute path"),
            ("secret", "password", "is missing: add secret"),
            ("ann\"\nrole", "noc\"\nrole", "noc is a token"),
            ("ann\"\nrole", "a b\"\nrole", "management.user[0].name"),
        ] {
            let mistakes = refused(&user(&good.replace(right, wrong)));
            assert!(mistakes.contains(told), "{mistakes}");
        }
        let twice = format!("{good}\n[[management.user]]\n{good}");
        assert!(refused(&user(&twice)).contains("ann is a user already"));
        let open = user(good).replace("[::1]", "0.0.0.0");
        let warnings = accepted(&open).warnings;
        assert_eq!(
            warnings.len(),
            2,
            "of the token, and of the user: {warnings:?}"
        );
    }
}
