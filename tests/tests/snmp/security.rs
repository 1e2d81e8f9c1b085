//! Who may ask: a user with authentication and privacy, a community from where it may be used, and
//! nobody else; nobody may write.

use std::{net::UdpSocket, process::Command};

use weir_tests::process::{anonymous_bytes, peer};

use crate::manager::{AUTH, Appliance, COMMUNITY, ENTERPRISE, PRIVACY, USER, instances};

const NAME: &str = ".1.3.6.1.2.1.1.5.0";

/// What a tool says that must fail.
fn refused(command: &mut Command) -> String {
    let output = command.output().expect("the tools of net-snmp are there");
    let text = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "{command:?} is answered: {text}");
    assert!(!text.contains("box"), "{command:?} tells: {text}");
    text
}

#[test]
fn a_user_is_answered_with_authentication_and_privacy_alone() {
    let appliance = Appliance::start(1, "127.0.0.0/8");
    let address = appliance.address();
    let ask = |arguments: &[&str]| {
        let mut command = appliance.tool("snmpget");
        refused(command.args(arguments).args([&address, NAME]))
    };
    let unsafe_levels = [
        &["-v3", "-l", "noAuthNoPriv", "-u", USER][..],
        &[
            "-v3",
            "-l",
            "authNoPriv",
            "-u",
            USER,
            "-a",
            "SHA-256",
            "-A",
            AUTH,
        ],
    ];
    for arguments in unsafe_levels {
        let told = ask(arguments);
        assert!(told.contains("authorizationError"), "{told}");
    }
    let safe = ["-v3", "-l", "authPriv", "-a", "SHA-256", "-x", "AES"];
    for (arguments, counter) in [
        (
            ["-u", USER, "-A", "wrong-phrase-of-auth", "-X", PRIVACY],
            "wrong_digests",
        ),
        (
            ["-u", USER, "-A", AUTH, "-X", "wrong-phrase-of-privacy"],
            "asn_parse_errors",
        ),
        (
            ["-u", "nobody", "-A", AUTH, "-X", PRIVACY],
            "unknown_user_names",
        ),
    ] {
        let before = appliance.counted(counter);
        ask(&[&safe[..], &arguments].concat());
        appliance.await_above(counter, before);
    }
    ask(&["-v1", "-c", COMMUNITY]);
    ask(&["-v2c", "-c", "public"]);
    assert_eq!(appliance.get(NAME), "STRING: \"box\"");
}

#[test]
fn nobody_may_write() {
    let appliance = Appliance::start(1, "127.0.0.0/8");
    let address = appliance.address();
    let mut command = appliance.as_user("snmpset");
    let told = refused(command.args([&address, NAME, "s", "mine"]));
    assert!(
        told.contains("authorizationError") || told.contains("noAccess"),
        "{told}"
    );
    assert_eq!(appliance.get(NAME), "STRING: \"box\"");
}

#[test]
fn a_community_finds_thousands_of_objects_from_where_it_may_be_used_and_none_elsewhere() {
    let here = Appliance::start(32, "127.0.0.0/8");
    let walk = |appliance: &Appliance| {
        let mut command = appliance.by_community("snmpbulkwalk");
        instances(&peer(command.args([
            "-Cr40",
            &appliance.address(),
            ".1.3.6",
        ])))
    };
    let found = walk(&here);
    assert!(found.len() > 1_500, "{}", found.len());
    assert!(
        found
            .iter()
            .all(|(name, _)| !name.starts_with(".1.3.6.1.6."))
    );

    let elsewhere = Appliance::start(32, "10.0.0.0/8");
    let before = elsewhere.counted("lookups_forbidden");
    assert_eq!(walk(&elsewhere), []);
    elsewhere.await_above("lookups_forbidden", before);
    assert!(
        elsewhere.walk(ENTERPRISE).len() > 1_500,
        "the user is asked for no address"
    );
}

#[test]
fn no_secret_is_told_anywhere() {
    let appliance = Appliance::start(1, "127.0.0.0/8");
    let walked = format!("{:?}", appliance.walk(".1.3.6.1"));
    let mut command = appliance.tool("snmpget");
    refused(command.args([
        "-v2c",
        "-c",
        "another-community",
        &appliance.address(),
        NAME,
    ]));
    let log = appliance.daemon.process().output();
    for secret in [AUTH, PRIVACY, COMMUNITY, "another-community"] {
        assert!(
            !walked.contains(secret) && !log.contains(secret),
            "{secret}"
        );
    }
    assert!(log.contains("development enterprise number"), "{log}");
}

#[test]
fn a_flood_of_what_is_no_request_takes_no_memory_and_nobody_else_waits() {
    let appliance = Appliance::start(1, "127.0.0.0/8");
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    let process = appliance.daemon.process().id();
    appliance.walk(ENTERPRISE);
    let before = (
        anonymous_bytes(process),
        appliance.counted("asn_parse_errors"),
    );
    let mut datagram = [0x30_u8; 1_400];
    for number in 0..100_000_u32 {
        datagram[..4].copy_from_slice(&number.to_be_bytes());
        // What the kernel has no room for is lost, and that is all right.
        drop(socket.send_to(&datagram, appliance.address()));
        if number % 20_000 == 0 {
            assert_eq!(appliance.get(NAME), "STRING: \"box\"");
        }
    }
    assert_eq!(appliance.get(NAME), "STRING: \"box\"");
    appliance.await_above("asn_parse_errors", before.1 + 1_000);
    let grown = anonymous_bytes(process).saturating_sub(before.0);
    assert!(grown < 16 << 20, "{grown} bytes");
}
