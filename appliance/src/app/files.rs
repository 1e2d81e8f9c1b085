//! The files that a configuration names, and that it cannot be obeyed without: secrets, keys, and
//! whom to believe.
//!
//! Refuses: to keep or to show anything of them.

use weir_hal::Disk;

use crate::{
    access::{Access, Logins},
    app::{AppError, logging},
    config::{Config, Encryption},
    encryption::check_keys,
    fetch::tiers::Origin,
    serve::signed_url::Gate,
    snmp::check_secrets,
};

/// Reads each file that `config` names, as an appliance does that starts, but for the certificates
/// that its listeners show. Blocks.
///
/// # Errors
/// [`AppError`], which names the first file that cannot be used and shows nothing of it.
pub fn check_files(config: &Config, disk: &dyn Disk) -> Result<(), AppError> {
    for origin in &config.origins {
        Origin::new(origin, disk)?;
    }
    Gate::open(config, disk)?;
    Access::open(&config.management.tokens, disk)?;
    Logins::open(&config.management.users, disk)?;
    for channel in &config.channels {
        if let Some(Encryption { keys, .. }) = &channel.encryption {
            check_keys(&channel.id, keys, disk)?;
        }
    }
    logging::check(&config.log, disk)?;
    if let Some(snmp) = &config.snmp {
        check_secrets(snmp, disk)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use weir_hal::{Access as FileAccess, sim::Simulation};

    use super::*;

    /// Each part of a configuration that names a file `/own`.
    const PARTS: [&str; 8] = [
        "[[management.token]]\nname = \"noc\"\nrole = \"viewer\"\nsecret = \"/own\"\n\
         expires = \"2100-01-01T00:00:00Z\"\n",
        "[[management.user]]\nname = \"ann\"\nrole = \"viewer\"\nsecret = \"/own\"\n",
        "[snmp]\n[[snmp.user]]\nname = \"noc\"\nauth_secret = \"/own\"\n\
         privacy_secret = \"/own\"\n",
        "[log.syslog]\naddress = \"10.0.0.5:6514\"\ntransport = \"tls\"\nca = \"/own\"\n",
        "[[origin]]\nname = \"p\"\nurls = [\"https://p\"]\nca = \"/own\"\n",
        "[[route]]\npath = \"/vod/\"\norigin = [\"o\"]\nsign_keys = \"/own\"\n",
        "[[channel]]\nid = \"c\"\n[channel.encryption]\nkeys = \"/own\"\n\
         [[channel.rendition]]\nname = \"r\"\nsources = [\"udp://239.0.0.1:1\"]\n",
        "[[channel]]\nid = \"c\"\n[channel.encryption]\nkeys = \"https://k/{key}\"\n\
         ca = \"/own\"\n\
         [[channel.rendition]]\nname = \"r\"\nsources = [\"udp://239.0.0.1:1\"]\n",
    ];

    /// Another, which may hold anything.
    const TOKEN: &str = "[[channel]]\nid = \"c\"\n[channel.encryption]\n\
         keys = \"https://k/{key}\"\ntoken = \"/own\"\n\
         [[channel.rendition]]\nname = \"r\"\nsources = [\"udp://239.0.0.1:1\"]\n";

    #[test]
    fn a_file_that_is_not_there_or_holds_something_else_is_named_wherever_it_may_be_asked_for() {
        let machine = Simulation::new(1);
        let disk = machine.board().disk;
        let check = |part: &str| {
            let text = format!("{part}[[origin]]\nname = \"o\"\nurls = [\"http://o\"]\n");
            let config = Config::parse(&text).expect(part).config;
            check_files(&config, &*disk)
        };
        assert!(check("").is_ok());
        assert!(check(TOKEN).is_err());
        for contents in [None, Some("none")] {
            if let Some(contents) = contents {
                let file = disk.open(Path::new("/own"), FileAccess::Create);
                let written = file.expect("a file").write_at(contents.as_bytes(), 0);
                written.expect("room");
            }
            for part in PARTS {
                let error = check(part).expect_err(part);
                let told = crate::causes::with_causes(&error);
                assert!(told.contains("/own"), "{part}: {told}");
            }
        }
    }
}
