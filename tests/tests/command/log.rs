//! Where the log goes besides standard error.

use std::{net::UdpSocket, time::Duration};

use weir_tests::{daemon::Daemon, http};

/// Far longer than anything here takes.
const PATIENCE: Duration = Duration::from_mins(1);

#[test]
fn the_log_is_kept_and_goes_to_a_syslog_server() {
    let server = UdpSocket::bind("127.0.0.1:0").expect("a port");
    server.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    let address = server.local_addr().expect("an address");
    let daemon = Daemon::start(&format!(
        "[log.syslog]\naddress = \"{address}\"\n[[origin]]\nname = \"o\"\n\
         urls = [\"http://127.0.0.1:9\"]\n[[route]]\npath = \"/vod/\"\norigin = [\"o\"]\n"
    ));
    let mut datagram = [0; 4_096];
    let message = loop {
        let bytes = server.recv(&mut datagram).expect("a message in time");
        let message = String::from_utf8_lossy(&datagram[..bytes]).into_owned();
        if message.contains(" running ") {
            break message;
        }
    };
    assert!(message.starts_with("<30>1 2"), "{message}");
    let expected = " box weir - - - running node=box channels=0";
    assert!(message.ends_with(expected), "{message}");
    let log = http::get(&daemon.management("/api/v1/log")).expect("an answer");
    let log = log.json();
    let events = log["events"].as_array().expect("a list");
    let running = events.iter().find(|event| event["message"] == "running");
    let running = running.unwrap_or_else(|| panic!("nothing runs: {log}"));
    assert_eq!(running["fields"]["node"], "box");
    assert_eq!(running["level"], "INFO");
}
