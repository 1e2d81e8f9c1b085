//! `weir check` and `weir run` on certificates that are not as they should be.

use std::{fs, path::Path, time::Duration};

use tempfile::TempDir;
use weir_tests::{certificate::Certificate, process::weir};

/// What `command` says of a configuration whose certificates lie in `directory`, and its status.
fn said(command: &[&str], directory: &Path) -> (Option<i32>, String) {
    let file = directory.join("weir.toml");
    let certificates = directory.join("tls");
    let text = format!(
        "http = {{ listen = [\"127.0.0.1:0\"], tls_listen = [\"127.0.0.1:0\"], \
         certificates = \"{}\" }}\nmanagement.listen = \"127.0.0.1:0\"\n\
         cache = {{ path = \"{}\", size = \"64MiB\", memory = \"16MiB\" }}\n\
         origin = [{{ name = \"o\", urls = [\"http://o\"] }}]\n",
        certificates.display(),
        directory.join("cache").display()
    );
    fs::write(&file, text).expect("the folder can be written");
    let file = file.to_str().expect("a plain path");
    let arguments = command.iter().copied().chain([file]);
    let ended = weir(arguments, Duration::from_secs(20));
    let output = ended
        .output
        .replace(directory.to_str().expect("a plain path"), "");
    (ended.status.code(), output)
}

#[test]
fn check_names_each_pair_that_is_missing_unreadable_or_mismatched() {
    let folder = TempDir::new().unwrap();
    let tls = folder.path().join("tls");
    let check = || said(&["check"], folder.path());
    let (status, text) = check();
    assert_eq!(status, Some(78));
    assert!(text.contains("/tls is not to be had"), "{text}");
    let (one, other) = (Certificate::issue(&["one"]), Certificate::issue(&["other"]));
    one.put(&tls, "one");
    other.put(&tls, "other");
    let (status, text) = check();
    assert_eq!(status, Some(0), "{text}");
    for row in ["CERTIFICATE", "one ", "other "] {
        assert!(text.contains(row), "{row}: {text}");
    }
    fs::write(tls.join("one.key"), &other.key).unwrap();
    fs::write(tls.join("other.crt"), "no PEM").unwrap();
    fs::write(tls.join("third.crt"), &one.certificate).unwrap();
    fs::create_dir(tls.join("fourth.key")).unwrap();
    fs::write(tls.join("fourth.crt"), &one.certificate).unwrap();
    let (status, text) = check();
    assert_eq!(status, Some(78), "{text}");
    for sentence in [
        "http.certificates: /tls/one.key is not the key of /tls/one.crt: give the one it was made",
        "http.certificates: /tls/other.crt holds no chain of certificates in PEM",
        "http.certificates: /tls/third.crt has no /tls/third.key beside it: add it",
        "http.certificates: a certificate or its key cannot be read: ",
        "4 of the certificates in /tls cannot be used",
    ] {
        assert!(text.contains(sentence), "{sentence}: {text}");
    }
}

#[test]
fn an_appliance_without_any_certificate_does_not_start() {
    let folder = TempDir::new().unwrap();
    fs::create_dir(folder.path().join("tls")).unwrap();
    let (status, text) = said(&["run", "--config"], folder.path());
    assert_eq!(status, Some(78), "{text}");
    assert!(
        text.contains("there is no NAME.crt with its NAME.key in /tls"),
        "{text}"
    );
}
