//! `[log]`: where the log goes besides standard error.

use std::path::PathBuf;

use hyper::http::uri::Authority;

use super::{
    Log, Syslog, SyslogTransport,
    cache::absolute_path,
    mistake::{Ledger, quoted},
    section::{Found, Section},
};

pub(super) fn read_log(mut section: Section<'_>, ledger: &mut Ledger) -> Log {
    let has_syslog = section.has("syslog");
    let syslog = section.table("syslog", ledger);
    let syslog = has_syslog.then(|| read_syslog(syslog, ledger)).flatten();
    section.finish(ledger);
    Log { syslog }
}

fn read_syslog(mut section: Section<'_>, ledger: &mut Ledger) -> Option<Syslog> {
    section.require("address", "address = \"10.0.0.5:514\"", ledger);
    let address = section.text("address", address, ledger);
    let transport = section.text("transport", transport, ledger);
    let transport = transport.map_or(SyslogTransport::Udp, |found| found.value);
    let ca = section.text("ca", absolute_path, ledger);
    let ca = ca.and_then(|found| check_ca(found, transport, ledger));
    section.finish(ledger);
    let (host, port) = address?.value;
    Some(Syslog {
        host,
        port,
        transport,
        ca,
    })
}

fn check_ca(
    found: Found<PathBuf>,
    transport: SyslogTransport,
    ledger: &mut Ledger,
) -> Option<PathBuf> {
    if transport == SyslogTransport::Tls {
        return Some(found.value);
    }
    let text = "no certificate is looked at without transport = \"tls\": remove it";
    ledger.warning(&found.place, text);
    None
}

fn address(text: &str) -> Result<(String, u16), String> {
    let authority = text.parse::<Authority>().ok();
    let fit = authority.filter(|it| !it.as_str().contains('@') && !it.host().is_empty());
    let read = fit.and_then(|it| {
        let port = it.port_u16().filter(|port| *port > 0)?;
        Some((it.host().trim_matches(['[', ']']).to_owned(), port))
    });
    read.ok_or_else(|| {
        let text = quoted(text);
        format!("{text} is no address of a server: write host and port, as in \"10.0.0.5:514\"")
    })
}

fn transport(text: &str) -> Result<SyslogTransport, String> {
    match text {
        "udp" => Ok(SyslogTransport::Udp),
        "tcp" => Ok(SyslogTransport::Tcp),
        "tls" => Ok(SyslogTransport::Tls),
        other => {
            let other = quoted(other);
            Err(format!(
                "{other} is no transport: write \"udp\", \"tcp\" or \"tls\""
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    const REST: &str = "[[origin]]\nname = \"o\"\nurls = [\"http://o\"]\n\
        [[route]]\npath = \"/\"\norigin = [\"o\"]\n";

    fn syslog(keys: &str) -> Result<Option<Syslog>, String> {
        let parsed = Config::parse(&format!("{keys}\n{REST}"));
        parsed
            .map(|parsed| parsed.config.log.syslog)
            .map_err(|mistakes| mistakes.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn a_server_has_an_address_a_transport_and_whom_to_believe() {
        let told = |host: &str, port, transport, ca: Option<&str>| {
            Ok(Some(Syslog {
                host: host.to_owned(),
                port,
                transport,
                ca: ca.map(PathBuf::from),
            }))
        };
        assert_eq!(syslog(""), Ok(None));
        assert_eq!(
            syslog("[log.syslog]\naddress = \"10.0.0.5:514\""),
            told("10.0.0.5", 514, SyslogTransport::Udp, None)
        );
        assert_eq!(
            syslog("[log.syslog]\naddress = \"[::1]:6514\"\ntransport = \"tls\"\nca = \"/ca\""),
            told("::1", 6_514, SyslogTransport::Tls, Some("/ca"))
        );
    }

    #[test]
    fn what_is_no_server_is_refused_with_the_remedy() {
        for (keys, remedy) in [
            ("[log.syslog]", "address = \"10.0.0.5:514\""),
            ("[log.syslog]\naddress = \"host\"", "write host and port"),
            (
                "[log.syslog]\naddress = \"u@host:1\"",
                "write host and port",
            ),
            ("[log.syslog]\naddress = \":514\"", "write host and port"),
            ("[log.syslog]\naddress = \"host:0\"", "write host and port"),
            (
                "[log.syslog]\naddress = \"h:1\"\ntransport = \"rfc\"",
                "\"tcp\" or \"tls\"",
            ),
            ("[log]\nsislog = 1", "no such key"),
        ] {
            let refusal = syslog(keys).expect_err(keys);
            assert!(refusal.contains(remedy), "{keys}: {refusal}");
        }
    }
}
