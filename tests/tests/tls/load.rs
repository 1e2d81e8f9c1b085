//! HTTP/2 under load, by h2load.

use std::process::Command;

use weir_tests::process::peer;

use crate::rig::{LONG, Rig, SMALL};

/// Runs h2load on `url` and prints what it came to; every request must succeed.
fn load(url: &str, options: &[&str], requests: usize) {
    let mut command = Command::new("h2load");
    let command = command.args(["-n", &requests.to_string()]).args(options);
    let said = peer(command.arg(url));
    let line = |name: &str| {
        said.lines()
            .find(|line| line.starts_with(name))
            .unwrap_or("")
    };
    let (speed, outcome) = (line("finished in"), line("requests:"));
    println!("{options:?} {url}\n    {speed}\n    {outcome}");
    let wanted = format!("{requests} succeeded, 0 failed, 0 errored, 0 timeout");
    assert!(outcome.contains(&wanted), "{said}");
    assert!(
        line("status codes:").contains(&format!("{requests} 2xx")),
        "{said}"
    );
}

#[test]
fn a_hundred_streams_a_connection_all_get_their_answers() {
    let rig = Rig::start();
    for url in [rig.secure(SMALL), rig.daemon.data(SMALL)] {
        load(&url, &["-c", "4", "-m", "100"], 4_000);
        load(&url, &["-c", "4", "-m", "1", "--h1"], 4_000);
    }
    for url in [rig.secure(LONG), rig.daemon.data(LONG)] {
        load(&url, &["-c", "2", "-m", "100"], 200);
        load(&url, &["-c", "4", "-m", "1", "--h1"], 200);
    }
    rig.counted("bodies_broken", 0);
}
