//! People who log in, as a browser does it, by curl: who may, who may not, and who may no more.

use std::{
    fs,
    io::Write as _,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use tempfile::TempDir;
use weir_tests::{
    daemon::Daemon,
    http,
    process::{peer, weir_binary},
    wait::until,
};

/// How long a reload may take.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) const PASSWORD: &str = "correct horse battery";

/// Nobody orders by address.
pub(crate) const CHANNELS: &str = "[purge]\nallow = []\n[[origin]]\nname = \"o\"\n\
    urls = [\"http://127.0.0.1:9\"]\n[[route]]\npath = \"/vod/\"\norigin = [\"o\"]\n";

/// What `weir password` prints of a password.
fn hash(password: &str) -> String {
    let mut weir = Command::new(weir_binary());
    let weir = weir.arg("password").stdin(Stdio::piped());
    let mut weir = weir.stdout(Stdio::piped()).spawn().expect("weir runs");
    let mut input = weir.stdin.take().expect("it is piped");
    writeln!(input, "{password}").expect("weir reads it");
    drop(input);
    let output = weir.wait_with_output().expect("weir ends");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).expect("text")
}

fn write(folder: &Path, name: &str, text: &str) {
    let path = folder.join(name);
    fs::write(&path, text).expect("the temporary folder can be written");
    let private = fs::Permissions::from_mode(0o600);
    fs::set_permissions(&path, private).expect("the file is ours");
}

/// A box where these may log in, all with one password.
fn start(folder: &TempDir, users: &[(&str, &str)]) -> Daemon {
    Daemon::start_managed(&tables(folder, users), CHANNELS)
}

/// The configuration of users, all with one password.
pub(crate) fn tables(folder: &TempDir, users: &[(&str, &str)]) -> String {
    let hash = hash(PASSWORD);
    let user = |(name, role): &(&str, &str)| {
        write(folder.path(), name, &hash);
        let secret = folder.path().join(name);
        let secret = secret.display();
        format!(
            "[[management.user]]\nname = \"{name}\"\nrole = \"{role}\"\nsecret = \"{secret}\"\n"
        )
    };
    users.iter().map(user).collect()
}

/// The head of what is answered to a request of a browser at `from` that has these arguments.
fn curl(from: &str, arguments: &[&str], url: &str) -> String {
    let mut curl = Command::new("curl");
    curl.args(["-sS", "-o", "/dev/null", "-D", "-", "--interface", from]);
    peer(curl.args(arguments).arg(url))
}

pub(crate) fn status(head: &str) -> &str {
    head.split(' ').nth(1).unwrap_or_default()
}

/// The answer to a login from `from`, and the cookie that it sets.
fn log_in(daemon: &Daemon, from: &str, (name, password): (&str, &str)) -> (String, String) {
    let url = daemon.management("/login");
    let origin = format!("Origin: {}", daemon.management(""));
    let password = format!("password={password}");
    let name = format!("name={name}");
    let fields = ["--data-urlencode", &name, "--data-urlencode", &password];
    let next = ["-d", "next=//evil.example", "-H", &origin];
    let head = curl(from, &[fields, next].concat(), &url);
    let cookie = head.lines().find_map(|line| {
        let (field, value) = line.split_once(": ")?;
        let is_set = field.eq_ignore_ascii_case("set-cookie");
        is_set.then(|| value.split(';').next().unwrap_or_default().to_owned())
    });
    (head, cookie.unwrap_or_default())
}

/// The status of an order to purge by a cookie, for a page of `origin`.
fn order(daemon: &Daemon, cookie: &str, origin: Option<&str>) -> String {
    let cookie = format!("Cookie: {cookie}");
    let origin = origin.map(|origin| format!("Origin: {origin}"));
    let mut arguments = vec!["--json", r#"{"urls": ["/vod/a"]}"#, "-H", &cookie];
    if let Some(origin) = &origin {
        arguments.extend(["-H", origin]);
    }
    let head = curl("127.0.0.1", &arguments, &daemon.management("/api/v1/purge"));
    status(&head).to_owned()
}

#[test]
fn who_logs_in_orders_as_the_role_goes_until_the_way_out() {
    let folder = TempDir::new().expect("a temporary folder");
    let daemon = start(&folder, &[("ann", "technician"), ("bob", "admin")]);
    let own = daemon.management("");
    let own = Some(own.as_str());
    let (head, ann) = log_in(&daemon, "127.0.0.1", ("ann", PASSWORD));
    assert_eq!(status(&head), "303", "{head}");
    assert!(
        head.to_lowercase().contains("location: /?lang=en\r"),
        "{head}"
    );
    let (_, bob) = log_in(&daemon, "127.0.0.1", ("bob", PASSWORD));
    let (_, other) = log_in(&daemon, "127.0.0.1", ("bob", PASSWORD));
    for (cookie, origin, expected) in [
        (&bob, own, "200"),
        (&bob, None, "403"),
        (&bob, Some("http://evil.example"), "403"),
        (&ann, own, "403"),
        (&String::new(), own, "403"),
    ] {
        assert_eq!(order(&daemon, cookie, origin), expected, "{origin:?}");
    }
    let page = Command::new("curl")
        .args([
            "-sS",
            "-H",
            &format!("Cookie: {bob}"),
            &daemon.management("/"),
        ])
        .output();
    let page = String::from_utf8(page.expect("curl runs").stdout).expect("text");
    assert!(page.contains("Logged in as bob"), "{page}");

    let cookie = format!("Cookie: {bob}");
    let origin = format!("Origin: {}", daemon.management(""));
    let fields = ["-X", "POST", "-H", &cookie, "-H", &origin];
    let head = curl("127.0.0.1", &fields, &daemon.management("/logout"));
    assert_eq!(status(&head), "303", "{head}");
    assert_eq!(order(&daemon, &bob, own), "403", "a cookie that was stolen");
    assert_eq!(order(&daemon, &other, own), "200");

    write(folder.path(), "bob", &hash("another password"));
    daemon.process().signal("HUP");
    until("the session of the old password to end", PATIENCE, || {
        (order(&daemon, &other, own) == "403").then_some(())
    });
    let log = http::get(&daemon.management("/api/v1/log"));
    let log = log.expect("the management listener answers").text();
    assert!(
        log.contains("bob at 127.0.0.1") && log.contains("POST /login"),
        "{log}"
    );
    for secret in [PASSWORD, "argon2id", &bob, &other] {
        assert!(!log.contains(secret), "{secret} in {log}");
    }
}

#[test]
fn who_guesses_waits_and_others_do_not() {
    let folder = TempDir::new().expect("a temporary folder");
    let daemon = start(&folder, &[("ann", "technician")]);
    for name in ["ann", "nobody", "ann", "ann", "ann"] {
        let (head, cookie) = log_in(&daemon, "127.0.0.1", (name, "a bad guess"));
        assert_eq!((status(&head), cookie.as_str()), ("403", ""), "{head}");
    }
    let (head, cookie) = log_in(&daemon, "127.0.0.1", ("ann", PASSWORD));
    assert_eq!((status(&head), cookie.as_str()), ("429", ""), "{head}");
    assert!(head.to_lowercase().contains("retry-after: "), "{head}");
    let (head, _) = log_in(&daemon, "127.0.0.2", ("ann", PASSWORD));
    assert_eq!(status(&head), "303", "{head}");
}
