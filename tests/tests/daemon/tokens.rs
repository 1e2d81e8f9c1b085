//! Orders to the management listener by token: who may, who may not, and who may no more.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path, process::Command, time::Duration};

use tempfile::TempDir;
use weir_tests::{daemon::Daemon, http, process::peer, wait::until};

/// How long a reload may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// The names of tokens, and the SHA-256 of each.
const DIGESTS: [(&str, &str); 3] = [
    (
        "technician",
        "d44755434064b96880599667696a88b6687c5e61ce05a8d58e9bef6d87677730",
    ),
    (
        "admin",
        "d86f7a7b172a1db1064b2f1dbd5d102504f2b1c387806b0863d5d530d037d037",
    ),
    (
        "expired",
        "cf4da334fe1d3587b5e5e808ec988d776b9dd2ca91f7d4e8883fc48d45fcfafc",
    ),
];

/// A token for each digest, in a folder.
fn tokens(folder: &Path) -> String {
    let token = |(name, digest): (&str, &str)| {
        let path = folder.join(name);
        fs::write(&path, digest).expect("the temporary folder can be written");
        let private = fs::Permissions::from_mode(0o600);
        fs::set_permissions(&path, private).expect("the file is ours");
        let role = if name == "technician" { name } else { "admin" };
        let year = if name == "expired" { 2001 } else { 2100 };
        format!(
            "[[management.token]]\nname = \"{name}\"\nrole = \"{role}\"\n\
             secret = \"{}\"\nexpires = \"{year}-01-01T00:00:00Z\"\n",
            path.display()
        )
    };
    DIGESTS.map(token).concat()
}

/// The status of an order to purge with these fields, by curl.
fn order(daemon: &Daemon, fields: &[&str]) -> String {
    let mut curl = Command::new("curl");
    curl.args(["-sS", "-o", "/dev/null", "-w", "%{http_code}"]);
    curl.args(["--json", r#"{"urls": ["/vod/a"]}"#]);
    for field in fields {
        curl.args(["-H", field]);
    }
    peer(curl.arg(daemon.management("/api/v1/purge")))
}

#[test]
fn orders_take_a_token_that_is_known_of_that_role_and_not_expired() {
    let folder = TempDir::new().expect("a temporary folder");
    // Nobody orders by address.
    let channels = "[purge]\nallow = []\n[[origin]]\nname = \"o\"\n\
                    urls = [\"http://127.0.0.1:9\"]\n[[route]]\npath = \"/vod/\"\n\
                    origin = [\"o\"]\n";
    let daemon = Daemon::start_managed(&tokens(folder.path()), channels);
    let admin = "Authorization: Bearer admin-of-the-simulated-rack-number-2";
    for (fields, status) in [
        (&[][..], "403"),
        (&["Authorization: Bearer guess"], "401"),
        (
            &["Authorization: Bearer technician-of-the-simulated-rack-1"],
            "403",
        ),
        (
            &["Authorization: Bearer expired-since-the-year-two-thousand-one"],
            "401",
        ),
        (&[admin, "Origin: http://evil.example"], "403"),
        (&[admin, "Host: evil.example"], "421"),
        (&[admin], "200"),
    ] {
        assert_eq!(order(&daemon, fields), status, "{fields:?}");
    }
    let log = http::get(&daemon.management("/api/v1/log"));
    let log = log.expect("the management listener answers").text();
    assert!(log.contains("admin at 127.0.0.1"), "{log}");
    assert!(
        !log.contains("guess") && !log.contains("admin-of-the-simulated-rack-number-2"),
        "{log}"
    );

    fs::write(folder.path().join("admin"), DIGESTS[0].1).expect("it can be written");
    daemon.process().signal("HUP");
    until("the token to be worth nothing", PATIENCE, || {
        (order(&daemon, &[admin]) == "401").then_some(())
    });
}
