//! Malformed and ambiguous requests: what each is answered, that the connection ends where what
//! follows cannot be trusted, and that what hides in one request never becomes another.
//!
//! Method: a line of a table is what is sent. Behind each stands a request for `/vod/hidden`, which
//! must reach nobody where the connection has to end, and must be answered in its turn where not.

use std::thread;

use crate::rig::{HIDDEN, OBJECT_BYTES, Rig};

/// A request, the statuses it may be answered with, and whether the connection ends behind it.
type Case = (&'static str, String, &'static [u16]);

/// Clients that go through a table at one time.
const CLIENTS: usize = 16;

/// A POST to the route with these lines behind its Host, and this body.
fn post(lines: &str, body: &str) -> String {
    format!("POST /vod/a HTTP/1.1\r\nHost: h\r\n{lines}\r\n{body}")
}

/// A GET of the route with these lines behind its Host.
fn get(lines: &str) -> String {
    format!("GET /vod/a HTTP/1.1\r\nHost: h\r\n{lines}\r\n")
}

/// A request for the target.
fn target(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: h\r\n\r\n")
}

const BAD: &[u16] = &[400];

fn lengths() -> Vec<Case> {
    let body = "GET /vod/hidden HTTP/1.1\r\nHost: h\r\n\r\n";
    let case = |name, lines: &str| -> Case { (name, post(lines, body), BAD) };
    vec![
        case(
            "length, then coding",
            "Content-Length: 6\r\nTransfer-Encoding: chunked\r\n",
        ),
        case(
            "coding, then length",
            "Transfer-Encoding: chunked\r\nContent-Length: 6\r\n",
        ),
        case("length twice", "Content-Length: 4\r\nContent-Length: 4\r\n"),
        case("two lengths", "Content-Length: 4\r\nContent-Length: 40\r\n"),
        case("list of lengths", "Content-Length: 4, 4\r\n"),
        case("list of two lengths", "Content-Length: 4, 40\r\n"),
        case("plus", "Content-Length: +5\r\n"),
        case("minus", "Content-Length: -5\r\n"),
        case("hexadecimal", "Content-Length: 0x5\r\n"),
        case("space inside", "Content-Length: 1 5\r\n"),
        case("comma", "Content-Length: 5,\r\n"),
        case("fraction", "Content-Length: 5.0\r\n"),
        case("exponent", "Content-Length: 1e1\r\n"),
        case("no digits", "Content-Length: \r\n"),
        case("quoted", "Content-Length: \"5\"\r\n"),
        case("vertical tab", "Content-Length: \x0b5\r\n"),
        case("beyond 64 bits", "Content-Length: 18446744073709551621\r\n"),
        case("space before colon", "Content-Length : 5\r\n"),
        case("folded length", "Content-Length:\r\n 5\r\n"),
        case("continued length", "Content-Length: 5\r\n 0\r\n"),
    ]
}

fn codings() -> Vec<Case> {
    let body = "0\r\n\r\n";
    let case = |name, lines: &str, statuses| -> Case { (name, post(lines, body), statuses) };
    let chunked = "Transfer-Encoding: chunked\r\n";
    let old = format!("POST /vod/a HTTP/1.0\r\nHost: h\r\n{chunked}\r\n{body}");
    vec![
        case(
            "unknown coding",
            "Transfer-Encoding: xchunked\r\n",
            &[400, 501],
        ),
        case(
            "chunked is not last",
            "Transfer-Encoding: chunked, identity\r\n",
            BAD,
        ),
        case("identity", "Transfer-Encoding: identity\r\n", &[400, 501]),
        case("gzip first", "Transfer-Encoding: gzip, chunked\r\n", &[501]),
        case(
            "chunked twice in a list",
            "Transfer-Encoding: chunked, chunked\r\n",
            BAD,
        ),
        case("chunked in two fields", &chunked.repeat(2), BAD),
        case(
            "chunked and another field",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
            BAD,
        ),
        case("empty coding", "Transfer-Encoding: \r\n", BAD),
        case(
            "empty element",
            "Transfer-Encoding: ,chunked\r\n",
            &[400, 501],
        ),
        case("vertical tab", "Transfer-Encoding: \x0bchunked\r\n", BAD),
        case("quoted", "Transfer-Encoding: \"chunked\"\r\n", &[400, 501]),
        case(
            "parameter",
            "Transfer-Encoding: chunked;a=b\r\n",
            &[400, 501],
        ),
        case("space before colon", "Transfer-Encoding : chunked\r\n", BAD),
        case("tab before colon", "Transfer-Encoding\t: chunked\r\n", BAD),
        case("NUL in the name", "Transfer-Encoding\0: chunked\r\n", BAD),
        case("folded", "Transfer-Encoding:\r\n chunked\r\n", BAD),
        case(
            "hidden behind a bare LF",
            "X: y\nTransfer-Encoding: chunked\r\n",
            BAD,
        ),
        case(
            "hidden behind a bare CR",
            "X: y\rTransfer-Encoding: chunked\r\n",
            BAD,
        ),
        ("of HTTP/1.0", old, BAD),
    ]
}

fn chunks() -> Vec<Case> {
    let case = |name, body: &str, statuses| -> Case {
        (name, post("Transfer-Encoding: chunked\r\n", body), statuses)
    };
    let long = "x".repeat(20_000);
    vec![
        case("no size", "\r\n\r\n", BAD),
        case("no number", "g\r\n\r\n", BAD),
        case("prefix", "0x4\r\nbody\r\n0\r\n\r\n", BAD),
        case("plus", "+4\r\nbody\r\n0\r\n\r\n", BAD),
        case("minus", "-4\r\nbody\r\n0\r\n\r\n", BAD),
        case("space first", " 4\r\nbody\r\n0\r\n\r\n", BAD),
        case(
            "wraps around",
            "10000000000000004\r\nbody\r\n0\r\n\r\n",
            BAD,
        ),
        case("no line end", "4\r\nbody0\r\n\r\n", BAD),
        case("LF behind data", "4\r\nbody\n0\r\n\r\n", BAD),
        case("LF behind size", "4\nbody\r\n0\r\n\r\n", BAD),
        case("CR in extension", "4;a\rb\r\nbody\r\n0\r\n\r\n", BAD),
        case("LF in extension", "4;a\nb\r\nbody\r\n0\r\n\r\n", BAD),
        case(
            "long extension",
            &format!("4;{long}\r\nbody\r\n0\r\n\r\n"),
            BAD,
        ),
        case("long trailer", &format!("0\r\nX: {long}\r\n\r\n"), BAD),
        case("bare LF in trailer", "0\r\nX: y\n\r\n", BAD),
    ]
}

fn lines() -> Vec<Case> {
    let case = |name, text: &str| -> Case { (name, text.to_owned(), BAD) };
    vec![
        case("LF alone", "GET /vod/a HTTP/1.1\nHost: h\n\n"),
        case(
            "one LF alone",
            "GET /vod/a HTTP/1.1\r\nHost: h\nX: y\r\n\r\n",
        ),
        case(
            "CR in a value",
            "GET /vod/a HTTP/1.1\r\nHost: h\r\nX: a\rb\r\n\r\n",
        ),
        case(
            "NUL in a value",
            "GET /vod/a HTTP/1.1\r\nHost: h\r\nX: a\0b\r\n\r\n",
        ),
        case(
            "NUL in the target",
            "GET /vod/\0 HTTP/1.1\r\nHost: h\r\n\r\n",
        ),
        case(
            "control in the target",
            "GET /vod/\x7f HTTP/1.1\r\nHost: h\r\n\r\n",
        ),
        case(
            "fold",
            "GET /vod/a HTTP/1.1\r\nHost: h\r\nX: a\r\n b\r\n\r\n",
        ),
        case(
            "fold by tab",
            "GET /vod/a HTTP/1.1\r\nHost: h\r\nX: a\r\n\tb\r\n\r\n",
        ),
        case(
            "space before the first field",
            "GET /vod/a HTTP/1.1\r\n Host: h\r\n\r\n",
        ),
        case("no colon", "GET /vod/a HTTP/1.1\r\nHost: h\r\nX\r\n\r\n"),
        case("no name", "GET /vod/a HTTP/1.1\r\nHost: h\r\n: x\r\n\r\n"),
        case(
            "space in a name",
            "GET /vod/a HTTP/1.1\r\nHost: h\r\nX Y: z\r\n\r\n",
        ),
        case(
            "space before a colon",
            "GET /vod/a HTTP/1.1\r\nHost: h\r\nX : y\r\n\r\n",
        ),
        case(
            "separator in a name",
            "GET /vod/a HTTP/1.1\r\nHost: h\r\nX(: y\r\n\r\n",
        ),
    ]
}

fn request_lines() -> Vec<Case> {
    let case = |name, text: &str| -> Case { (name, text.to_owned(), BAD) };
    vec![
        case("space first", " GET /vod/a HTTP/1.1\r\nHost: h\r\n\r\n"),
        case("two spaces", "GET  /vod/a HTTP/1.1\r\nHost: h\r\n\r\n"),
        case("tabs", "GET\t/vod/a\tHTTP/1.1\r\nHost: h\r\n\r\n"),
        case(
            "space in the target",
            "GET /vod/a b HTTP/1.1\r\nHost: h\r\n\r\n",
        ),
        case("no version", "GET /vod/a\r\nHost: h\r\n\r\n"),
        case("no target", "GET HTTP/1.1\r\nHost: h\r\n\r\n"),
        case(
            "version in small letters",
            "GET /vod/a http/1.1\r\nHost: h\r\n\r\n",
        ),
        case(
            "version without point",
            "GET /vod/a HTTP/11\r\nHost: h\r\n\r\n",
        ),
        case(
            "version of three",
            "GET /vod/a HTTP/1.1.1\r\nHost: h\r\n\r\n",
        ),
        case(
            "space behind the version",
            "GET /vod/a HTTP/1.1 \r\nHost: h\r\n\r\n",
        ),
        case("no token", "G(T /vod/a HTTP/1.1\r\nHost: h\r\n\r\n"),
        case("not HTTP", "\x16\x03\x01\x02\r\n\r\n"),
    ]
}

fn hosts_and_targets() -> Vec<Case> {
    let host =
        |name, lines: &str| -> Case { (name, format!("GET /vod/a HTTP/1.1\r\n{lines}\r\n"), BAD) };
    let at = |name, text: &str| -> Case { (name, target(text), BAD) };
    vec![
        host("no host", ""),
        host("two hosts", "Host: h\r\nHost: h\r\n"),
        host("two different hosts", "Host: h\r\nHost: evil\r\n"),
        host("a list of hosts", "Host: h, evil\r\n"),
        host("path in the host", "Host: h/vod\r\n"),
        host("user in the host", "Host: me@h\r\n"),
        host("space in the host", "Host: h evil\r\n"),
        host("host of no letters", "Host: \"h\"\r\n"),
        host("port beyond all ports", "Host: h:99999\r\n"),
        host("port of letters", "Host: h:http\r\n"),
        host("port with a sign", "Host: h:+80\r\n"),
        host("port with a zero before it", "Host: h:080\r\n"),
        host("port of no digits behind a number", "Host: [::1]:x\r\n"),
        at("no slash", "vod/a"),
        at("asterisk", "*"),
        at("authority", "h:80"),
        at("no scheme of ours", "ftp://h/vod/a"),
        at("user in the target", "http://me@h/vod/a"),
        at("no host in the target", "http:///vod/a"),
        at("port in the target that is none", "http://h:99999/vod/a"),
        at("fragment", "/vod/a#b"),
    ]
}

fn other_statuses() -> Vec<Case> {
    let long = "x".repeat(9_000);
    let fields = "X: y\r\n".repeat(101);
    let wide = format!("X: {}\r\n", "x".repeat(17_000));
    let many = format!("X: {}\r\n", "x".repeat(1_000)).repeat(20);
    let with =
        |method: &str, lines: &str| format!("{method} /vod/a HTTP/1.1\r\nHost: h\r\n{lines}\r\n");
    let version = |version: &str| format!("GET /vod/a {version}\r\nHost: h\r\n\r\n");
    vec![
        ("long target", target(&format!("/vod/{long}")), &[414]),
        ("endless target", format!("GET /vod/{long}{long}"), &[414]),
        ("too many fields", get(&fields), &[431]),
        ("a field too long", get(&wide), &[431]),
        ("fields too long", get(&many), &[431]),
        (
            "endless fields",
            format!("GET /vod/a HTTP/1.1\r\nHost: h\r\n{many}"),
            &[431],
        ),
        ("HTTP/2.0", version("HTTP/2.0"), &[505]),
        ("HTTP/3.0", version("HTTP/3.0"), &[505]),
        ("HTTP/0.9", version("HTTP/0.9"), &[505]),
        (
            "unknown expectation",
            with("PUT", "Expect: tea\r\nContent-Length: 9\r\n"),
            &[417],
        ),
        (
            "body too long",
            with("POST", "Content-Length: 1048577\r\n"),
            &[413],
        ),
        (
            "body too long, announced",
            with(
                "POST",
                "Expect: 100-continue\r\nContent-Length: 1048577\r\n",
            ),
            &[413],
        ),
        (
            "endless body",
            with("POST", "Content-Length: 18446744073709551615\r\n"),
            &[413],
        ),
        (
            "chunks beyond the limit",
            with("POST", "Transfer-Encoding: chunked\r\n")
                + &format!("40000\r\n{}\r\n", "y".repeat(0x40000)).repeat(5),
            &[413],
        ),
        (
            "tunnel",
            "CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\n\r\n".to_owned(),
            &[400, 405, 501],
        ),
        (
            "tunnel by path",
            "CONNECT /vod/a HTTP/1.1\r\nHost: h\r\n\r\n".to_owned(),
            &[400, 405, 501],
        ),
    ]
}

/// Collects what is not as it must be with each of `cases`.
fn faults(cases: &[Case], judge: impl Fn(&Case) -> Option<String> + Sync) -> Vec<String> {
    let judge = &judge;
    let share = cases.len().div_ceil(CLIENTS);
    let judge_all = |cases: &[Case]| {
        let told = |case: &Case| Some(format!("{}: {}", case.0, judge(case)?));
        cases.iter().filter_map(told).collect::<Vec<_>>()
    };
    thread::scope(|scope| {
        let judge_all = &judge_all;
        let clients = cases
            .chunks(share)
            .map(|cases| scope.spawn(move || judge_all(cases)));
        let clients: Vec<_> = clients.collect();
        let faults = clients
            .into_iter()
            .map(|client| client.join().expect("it does not panic"));
        faults.flatten().collect()
    })
}

#[test]
fn what_is_malformed_is_refused_and_nothing_behind_it_is_read() {
    let rig = Rig::start();
    let tables = [
        lengths(),
        codings(),
        chunks(),
        lines(),
        request_lines(),
        hosts_and_targets(),
        other_statuses(),
    ];
    let cases = tables.concat();
    assert!(cases.len() >= 100, "{}", cases.len());
    let faults = faults(&cases, |(_, request, statuses)| {
        let said = rig.say(&[request.as_bytes(), HIDDEN.as_bytes()].concat());
        let found = said.statuses();
        let is_right = matches!(found.as_slice(), [one] if statuses.contains(one));
        let is_told = said
            .responses
            .first()
            .is_some_and(|response| response.field("connection") == Some("close"));
        if !is_right {
            return Some(format!("answered {found:?}, not {statuses:?}"));
        }
        if !said.is_closed {
            return Some("the connection stays open".to_owned());
        }
        (!is_told).then(|| "the end is not announced".to_owned())
    });
    assert_eq!(faults, Vec::<String>::new());
    assert_eq!(
        rig.asked(),
        Vec::<String>::new(),
        "nothing reaches an origin"
    );
    rig.until_counted("requests_malformed", 80);
}

/// What is odd but right, and how often it is answered before what follows.
fn odd() -> Vec<Case> {
    let chunked = "Transfer-Encoding: chunked\r\n";
    let hidden = HIDDEN.len();
    let ranges: Vec<String> = (0..1_000).map(|first| format!("{first}-{first}")).collect();
    let ranges = format!("Range: bytes={}\r\n", ranges.join(","));
    let object = |lines: &str| format!("GET /vod/object HTTP/1.1\r\nHost: h\r\n{lines}\r\n");
    vec![
        ("empty lines first", format!("\r\n\r\n{}", get("")), &[200]),
        (
            "a later minor version",
            "GET /vod/object HTTP/1.2\r\nHost: h\r\n\r\n".to_owned(),
            &[200],
        ),
        (
            "a request within a body",
            post(&format!("Content-Length: {hidden}\r\n"), HIDDEN),
            &[200],
        ),
        (
            "a request within a chunk",
            post(chunked, &format!("{hidden:X}\r\n{HIDDEN}\r\n0\r\n\r\n")),
            &[200],
        ),
        (
            "a request within a body of GET",
            get(&format!("Content-Length: {hidden}\r\n")) + HIDDEN,
            &[200],
        ),
        (
            "chunk extensions, zeros and trailer fields",
            post(
                chunked,
                "0004;a=\"b\"\r\nbody\r\n000\r\nContent-Length: 9\r\nX: y\r\n\r\n",
            ),
            &[200],
        ),
        (
            "tab before a length",
            post("Content-Length: \t4\r\n", "body"),
            &[200],
        ),
        (
            "a coding in capitals",
            post("Transfer-Encoding: Chunked\r\n", "0\r\n\r\n"),
            &[200],
        ),
        (
            "a target with another host",
            "GET http://other/vod/a HTTP/1.1\r\nHost: h\r\n\r\n".to_owned(),
            &[200],
        ),
        (
            "a host without name",
            "GET /livez HTTP/1.1\r\nHost:\r\n\r\n".to_owned(),
            &[200],
        ),
        (
            "a range beyond the end",
            object("Range: bytes=200000-\r\n"),
            &[416],
        ),
        ("a thousand ranges", object(&ranges), &[200, 400, 416]),
        ("a range of no unit", object("Range: pages=1-2\r\n"), &[200]),
        ("a range backwards", object("Range: bytes=9-1\r\n"), &[200]),
    ]
}

fn odd_methods() -> Vec<Case> {
    vec![
        (
            "an unknown method of ours",
            "BREW /livez HTTP/1.1\r\nHost: h\r\n\r\n".to_owned(),
            &[405, 501],
        ),
        (
            "TRACE of ours",
            "TRACE /livez HTTP/1.1\r\nHost: h\r\nCookie: secret\r\n\r\n".to_owned(),
            &[405],
        ),
        (
            "DELETE of ours",
            "DELETE /live/CH/master.m3u8 HTTP/1.1\r\nHost: h\r\n\r\n".to_owned(),
            &[405, 404],
        ),
        (
            "OPTIONS of all",
            "OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n".to_owned(),
            &[200, 204],
        ),
    ]
}

fn odd_paths() -> Vec<Case> {
    vec![
        ("a percent sign alone", target("/live/%"), &[400, 404]),
        ("an encoded NUL", target("/live/%00"), &[400, 404]),
        ("no UTF-8", target("/live/%ff"), &[400, 404]),
        ("letters beyond ASCII", target("/vod/\u{e4}"), &[200]),
        ("two slashes", target("//vod/a"), &[400, 404]),
        ("up and out", target("/vod/../secret"), &[400, 404]),
        (
            "up and out, encoded",
            target("/vod/%2e%2e/secret"),
            &[400, 404],
        ),
        (
            "up and out, half encoded",
            target("/vod/.%2E/secret"),
            &[400, 404],
        ),
        (
            "up and out of everything",
            target("/vod/../../../../etc/passwd"),
            &[400, 404],
        ),
        (
            "up and out of ours",
            target("/live/../../etc/passwd"),
            &[400, 404],
        ),
        ("up into a route", target("/x/../vod/secret"), &[400, 404]),
        // What another reader takes for a slash leads up as well.
        (
            "up and out by an encoded slash",
            target("/vod/..%2fsecret"),
            &[400],
        ),
        (
            "up and out by an encoded slash within",
            target("/vod/x/%2e%2e%2F%2e./secret"),
            &[400],
        ),
        (
            "up and out by a backslash",
            target("/vod/..\\secret"),
            &[400],
        ),
        (
            "up and out by an encoded backslash",
            target("/vod/..%5Csecret"),
            &[400],
        ),
        (
            "up and out with a parameter",
            target("/vod/..;a/secret"),
            &[400],
        ),
    ]
}

#[test]
fn what_is_odd_but_right_is_answered_and_so_is_what_follows() {
    let rig = Rig::start();
    assert_eq!(
        rig.say_and_end(target("/vod/object").as_bytes()).statuses(),
        [200]
    );
    let follows = "GET /vod/follows HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
    let cases = [odd(), odd_methods(), odd_paths()].concat();
    let faults = faults(&cases, |(_, request, statuses)| {
        let said = rig.say(&[request.as_bytes(), follows.as_bytes()].concat());
        let bytes: usize = said
            .responses
            .iter()
            .map(|response| response.body.len())
            .sum();
        let last = said.responses.last().map(weir_tests::http::Response::text);
        match said.statuses().as_slice() {
            [first, 200] if statuses.contains(first) && last.as_deref() == Some("/vod/follows") => {
                (bytes > 2 * OBJECT_BYTES).then(|| format!("{bytes} bytes"))
            }
            found => Some(format!(
                "answered {found:?}, not {statuses:?} and 200: {last:?}"
            )),
        }
    });
    assert_eq!(faults, Vec::<String>::new());
    for target in rig.asked() {
        let is_known =
            ["/vod/a", "/vod/object", "/vod/follows", "/vod/%C3%A4"].contains(&target.as_str());
        assert!(is_known, "the origin was asked for {target}");
    }
}

#[test]
fn a_head_that_does_not_come_is_told_so_and_who_sends_nothing_is_let_go() {
    let rig = Rig::start();
    let said = rig.say_and_end(b"GET /vod/a HTTP/1.1\r\nHost: h\r\n");
    assert!(said.is_closed && said.responses.len() <= 1, "{said:?}");
    let said = rig.say_and_end(&post("Content-Length: 100\r\n", "short").into_bytes());
    assert!(
        said.is_closed && said.statuses().iter().all(|status| *status >= 400),
        "{said:?}"
    );
    assert_eq!(rig.asked(), Vec::<String>::new());
}
