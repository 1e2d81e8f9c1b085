//! `[snmp]`: where managers ask, who they are, and what they are told of the site.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
};

use super::{
    AddressPrefix, ByteSize, Cache,
    cache::{absolute_path, beside, secret_path},
    mistake::Ledger,
    purge::ALLOWED_MAX,
    read::{address, display_name, id},
    section::{Found, Section},
};

/// Users at most.
const USERS_MAX: usize = 16;

/// Managers that are told at most.
const MANAGERS_MAX: usize = 8;

/// Bytes of an answer: the least that every manager takes (RFC 3417 §3.2), fifteen long texts, as
/// a manager asks for at a time, and the most that UDP carries.
const ANSWER_BYTES_MIN: u64 = 484;
const ANSWER_BYTES_DEFAULT: u64 = 8 << 10;
const ANSWER_BYTES_MAX: u64 = 65_507;

/// Letters of a user's name (RFC 3414 §2.4).
const USER_BYTES_MAX: usize = 32;

/// `[snmp]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snmp {
    /// Address managers ask, by UDP. Default: `127.0.0.1:161`.
    pub listen: SocketAddr,
    /// The file that remembers who this agent is and how often it has started. Default:
    /// `cache.path` with `.snmp` behind it, or `/var/lib/weir/cache.snmp` for a device.
    pub state: PathBuf,
    /// `contact`: who looks after the box, up to 128 bytes. Default: nothing.
    pub contact: String,
    /// `location`: where it is, up to 128 bytes. Default: nothing.
    pub location: String,
    /// `largest_answer`, bytes, 484 to 65507. An answer beyond 1,472 bytes comes in fragments,
    /// which not every network lets through; who asks for more objects than an answer may have
    /// is told `tooBig`, or a part of a bulk. Default: `8KiB`.
    pub largest_answer: ByteSize,
    /// `[[snmp.user]]`, at most 16: who may ask by `SNMPv3`.
    pub users: Vec<SnmpUser>,
    /// `[snmp.community]`: who may ask by `SNMPv2c`. Default: nobody.
    pub community: Option<SnmpCommunity>,
    /// `[[snmp.manager]]`, at most 8: who is told of alarms.
    pub managers: Vec<SnmpTarget>,
}

/// `[[snmp.user]]`: asks with authentication (HMAC-SHA-256) and privacy (AES-128), or not at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnmpUser {
    /// 1 to 32 of `A-Z a-z 0-9 . _ -`, not starting with a dot; unique.
    pub name: String,
    /// `auth_secret`: the file of the pass-phrase that proves who asks.
    pub auth_secret: PathBuf,
    /// `privacy_secret`: the file of the pass-phrase that hides what is said.
    pub privacy_secret: PathBuf,
}

/// `[snmp.community]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnmpCommunity {
    /// The file of the community.
    pub secret: PathBuf,
    /// `allow`: from where it may be used, 1 to 64 blocks.
    pub allowed: Vec<AddressPrefix>,
}

/// `[[snmp.manager]]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnmpTarget {
    /// Where it listens, by UDP.
    pub address: SocketAddr,
    /// The `snmp.user` it is told as. Default: the community.
    pub user: Option<String>,
    /// Whether it must acknowledge what it is told. Default: no.
    pub informs: bool,
}

/// Reads `[snmp]`; `None` if there is none.
pub(super) fn read_snmp(
    root: &mut Section<'_>,
    cache: &Cache,
    ledger: &mut Ledger,
) -> Option<Snmp> {
    let is_given = root.has("snmp");
    let mut section = root.table("snmp", ledger);
    let listen = section.text("listen", address, ledger);
    let state = section.text("state", absolute_path, ledger);
    let mut site = |key| {
        let found = section.text(key, display_name, ledger);
        found.map(|found| found.value).unwrap_or_default()
    };
    let (contact, location) = (site("contact"), site("location"));
    let largest_answer = section.text("largest_answer", answer_size, ledger);
    let is_asked = section.has("user") || section.has("community");
    let users = read_users(&mut section, ledger);
    let community = read_community(&mut section, ledger);
    let managers = read_managers(&mut section, (&users, community.is_some()), ledger);
    let place = section.place().clone();
    section.finish(ledger);
    if is_given && !is_asked {
        let text = "nobody may ask: add [[snmp.user]], or [snmp.community]";
        ledger.mistake_unless_damaged(&place, text);
    }
    let default = SocketAddr::from((Ipv4Addr::LOCALHOST, 161));
    is_given.then(|| Snmp {
        listen: listen.map_or(default, |found| found.value),
        state: state.map_or_else(|| beside(&cache.path, ".snmp"), |found| found.value),
        contact,
        location,
        largest_answer: largest_answer.map_or(ByteSize(ANSWER_BYTES_DEFAULT), |it| it.value),
        users,
        community,
        managers,
    })
}

fn read_users(section: &mut Section<'_>, ledger: &mut Ledger) -> Vec<SnmpUser> {
    let mut users: Vec<SnmpUser> = Vec::new();
    for mut section in section.tables("user", USERS_MAX, ledger) {
        section.require("name", "name = \"noc\"", ledger);
        section.require(
            "auth_secret",
            "auth_secret = \"/etc/weir/snmp/noc.auth\"",
            ledger,
        );
        section.require(
            "privacy_secret",
            "privacy_secret = \"/etc/weir/snmp/noc.priv\"",
            ledger,
        );
        let name = section.text("name", user_name, ledger);
        let auth_secret = section.text("auth_secret", secret_path, ledger);
        let privacy_secret = section.text("privacy_secret", secret_path, ledger);
        section.finish(ledger);
        let (Some(name), Some(auth_secret), Some(privacy_secret)) =
            (name, auth_secret, privacy_secret)
        else {
            continue;
        };
        let Found { value: name, place } = name;
        if users.iter().any(|user| user.name == name) {
            ledger.mistake(
                &place,
                format!("{name} is a user already: choose another name"),
            );
        }
        users.push(SnmpUser {
            name,
            auth_secret: auth_secret.value,
            privacy_secret: privacy_secret.value,
        });
    }
    users
}

fn read_community(section: &mut Section<'_>, ledger: &mut Ledger) -> Option<SnmpCommunity> {
    let is_given = section.has("community");
    let mut section = section.table("community", ledger);
    if is_given {
        section.require("secret", "secret = \"/etc/weir/snmp/community\"", ledger);
        section.require("allow", "allow = [\"10.0.0.0/8\"]", ledger);
    }
    let secret = section.text("secret", secret_path, ledger);
    let allowed = section.texts("allow", ALLOWED_MAX, str::parse, ledger);
    if section.is_empty_list("allow") {
        let place = section.place_of("allow");
        ledger.mistake(&place, "lets nobody ask: name a block of addresses");
    }
    let place = section.place().clone();
    section.finish(ledger);
    let secret = secret?;
    let text = "goes over the network in the clear: prefer [[snmp.user]]";
    ledger.warning(&place, text);
    Some(SnmpCommunity {
        secret: secret.value,
        allowed: allowed.into_iter().map(|found| found.value).collect(),
    })
}

fn read_managers(
    section: &mut Section<'_>,
    (users, has_community): (&[SnmpUser], bool),
    ledger: &mut Ledger,
) -> Vec<SnmpTarget> {
    let mut managers = Vec::new();
    for mut section in section.tables("manager", MANAGERS_MAX, ledger) {
        section.require("address", "address = \"10.0.0.5:162\"", ledger);
        let address = section.text("address", address, ledger);
        let user = section.text("user", user_name, ledger);
        let informs = section.flag("informs", ledger);
        let place = section.place().clone();
        section.finish(ledger);
        match &user {
            Some(Found { value, place }) if users.iter().all(|user| user.name != *value) => {
                ledger.mistake(
                    place,
                    format!("{value} is no snmp.user: add it, or name another"),
                );
            }
            None if !has_community => {
                let text = "has no `user`, and there is no [snmp.community]: add one of them";
                ledger.mistake_unless_damaged(&place, text);
            }
            Some(_) | None => {}
        }
        managers.extend(address.map(|address| SnmpTarget {
            address: address.value,
            user: user.map(|user| user.value),
            informs: informs.unwrap_or(false),
        }));
    }
    managers
}

fn answer_size(text: &str) -> Result<ByteSize, String> {
    let size = ByteSize::parse(text)?;
    if !(ANSWER_BYTES_MIN..=ANSWER_BYTES_MAX).contains(&size.0) {
        let [min, max] = [ANSWER_BYTES_MIN, ANSWER_BYTES_MAX];
        return Err(format!("is no size of an answer: write {min}B to {max}B"));
    }
    Ok(size)
}

fn user_name(text: &str) -> Result<String, String> {
    let name = id(text)?;
    if name.len() > USER_BYTES_MAX {
        return Err(format!(
            "is too long: write at most {USER_BYTES_MAX} letters"
        ));
    }
    Ok(name)
}

#[cfg(test)]
mod tests {
    use crate::config::{Config, Parsed};

    const CHANNEL: &str = "[[channel]]\nid = \"A\"\n[[channel.rendition]]\nname = \"HD\"\n\
                           sources = [\"udp://239.1.1.1:1234\"]\n";

    const USER: &str = "[[snmp.user]]\nname = \"noc\"\nauth_secret = \"/etc/weir/a\"\n\
                        privacy_secret = \"/etc/weir/p\"\n";

    fn parse(text: &str) -> Result<Parsed, String> {
        let parsed = Config::parse(&format!("{text}{CHANNEL}"));
        parsed.map_err(|mistakes| {
            let lines: Vec<_> = mistakes.iter().map(ToString::to_string).collect();
            lines.join("\n")
        })
    }

    #[test]
    fn without_its_table_there_is_no_agent() {
        assert_eq!(parse("").expect("sound").config.snmp, None);
    }

    #[test]
    fn a_user_is_enough_and_the_rest_has_defaults() {
        let Parsed { config, warnings } = parse(USER).expect("sound");
        assert_eq!(warnings, []);
        let snmp = config.snmp.expect("an agent");
        assert_eq!(snmp.listen.to_string(), "127.0.0.1:161");
        assert_eq!(snmp.state.to_str(), Some("/var/lib/weir/cache.snmp"));
        assert_eq!((snmp.contact.as_str(), snmp.location.as_str()), ("", ""));
        assert_eq!(snmp.largest_answer.to_string(), "8KiB");
        assert_eq!(snmp.users[0].name, "noc");
        assert_eq!(snmp.users[0].privacy_secret.to_str(), Some("/etc/weir/p"));
        assert_eq!(snmp.community, None);
        assert_eq!(snmp.managers, []);
    }

    #[test]
    fn an_answer_is_as_large_as_every_manager_takes_and_no_larger_than_a_datagram() {
        let size = |text: &str| parse(&format!("[snmp]\nlargest_answer = \"{text}\"\n{USER}"));
        for (text, bytes) in [("484B", 484), ("8KiB", 8_192), ("65507B", 65_507)] {
            let snmp = size(text).expect("sound").config.snmp.expect("an agent");
            assert_eq!(snmp.largest_answer.0, bytes);
        }
        for text in ["483B", "64KiB", "0B"] {
            let refused = format!("{:?}", size(text).expect_err("no size of an answer"));
            assert!(refused.contains("write 484B to 65507B"), "{refused}");
        }
    }

    #[test]
    fn a_community_is_taken_with_a_warning_and_only_from_somewhere() {
        let text = "[snmp.community]\nsecret = \"/etc/weir/c\"\nallow = [\"10.0.0.0/8\"]\n";
        let Parsed { config, warnings } = parse(text).expect("sound");
        assert_eq!(warnings.len(), 1);
        let community = config
            .snmp
            .and_then(|snmp| snmp.community)
            .expect("a community");
        assert_eq!(community.allowed.len(), 1);
        for text in [
            "[snmp.community]\nsecret = \"/etc/weir/c\"\n",
            "[snmp.community]\nsecret = \"/etc/weir/c\"\nallow = []\n",
            "[snmp.community]\nallow = [\"10.0.0.0/8\"]\n",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_manager_is_told_as_a_user_that_there_is_or_by_the_community() {
        let manager = "[[snmp.manager]]\naddress = \"10.0.0.5:162\"\nuser = \"noc\"\n\
                       informs = true\n";
        let told = parse(&[USER, manager].concat()).expect("sound").config.snmp;
        let told = told.expect("an agent").managers;
        assert_eq!(told[0].address.to_string(), "10.0.0.5:162");
        assert_eq!(
            (told[0].user.as_deref(), told[0].informs),
            (Some("noc"), true)
        );
        for (wrong, named) in [
            (manager.replace("noc", "nobody"), "nobody is no snmp.user"),
            (
                manager.replace("user = \"noc\"\n", ""),
                "there is no [snmp.community]",
            ),
        ] {
            let refused = parse(&[USER, &wrong].concat()).expect_err("half there");
            assert!(refused.contains(named), "{refused}");
        }
    }

    #[test]
    fn what_nobody_could_ask_and_whoever_is_half_there_is_refused() {
        for (text, named) in [
            ("[snmp]\nlisten = \"0.0.0.0:161\"\n", "nobody may ask"),
            (
                "[[snmp.user]]\nname = \"noc\"\n",
                "snmp.user[0].auth_secret",
            ),
            (&[USER, USER].concat(), "is a user already"),
            (&USER.replace("noc", &"n".repeat(33)), "snmp.user[0].name"),
            (
                &USER.replace("/etc/weir/a", "a"),
                "must be the absolute path",
            ),
        ] {
            let refused = parse(text).expect_err(text);
            assert!(refused.contains(named), "{refused}");
        }
    }
}
