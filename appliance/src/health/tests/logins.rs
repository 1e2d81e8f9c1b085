//! People who have logged in: what they order, what pages show them, and when it is over.

use std::time::Duration;

use hyper::{
    Method, Request, StatusCode,
    header::{HOST, LOCATION, REFERRER_POLICY, SET_COOKIE},
};

use super::{
    orders::{Listener, OPERATOR, client, full, heard, listener, read},
    *,
};
use crate::{
    access::{Logins, login::tests::logins, password::tests::PASSWORD},
    health::Health,
    serve::{Handler as _, Upload},
};

/// A page of this box, and one of another site.
const OWN: (&str, &str) = ("origin", "http://edge-1");
const FOREIGN: (&str, &str) = ("origin", "http://evil.example");

const CLOSE: &str = "/api/v1/alarms/1/close";

/// Somewhere that may not order by its address.
const ELSEWHERE: &str = "192.0.2.1";

/// A box where `ann`, a technician, and `bob`, an admin, may log in.
struct Edge {
    machine: Arc<Simulation>,
    health: Health,
    logins: Arc<Logins>,
}

impl Edge {
    fn new() -> Self {
        let (machine, rig) = full();
        let Listener { health, .. } = listener(rig);
        let logins = Arc::new(logins());
        let clock = Arc::clone(&machine.board().clock);
        let health = health.guarding(Arc::default(), Arc::clone(&logins), clock);
        Self {
            machine,
            health,
            logins,
        }
    }

    /// The cookie of who has logged in as `name`.
    async fn cookie(&self, name: &str) -> String {
        let clock = self.machine.board().clock;
        let given = (name, PASSWORD.to_owned());
        let from = ELSEWHERE.parse().expect("an address");
        let key = self.logins.log_in(given, from, &*clock).await;
        let key = key.expect("the password is right");
        format!("weir-session={}", key.as_str())
    }

    async fn ask(
        &self,
        (method, path): (Method, &str),
        from: &str,
        fields: &[(&'static str, &str)],
    ) -> hyper::Response<crate::serve::Body> {
        let mut request = Request::builder().method(method).uri(path);
        request = request.header(HOST, "edge-1");
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        let request = request.body(Upload::empty()).expect("a request");
        self.health.answer(request, &client(from)).await
    }

    /// The status of an order; one that is admitted goes on to be no JSON.
    async fn order(&self, path: &str, from: &str, fields: &[(&'static str, &str)]) -> StatusCode {
        self.ask((Method::POST, path), from, fields).await.status()
    }

    async fn page(&self, path: &str, fields: &[(&'static str, &str)]) -> String {
        let answer = self.ask((Method::GET, path), ELSEWHERE, fields).await;
        assert_eq!(answer.status(), StatusCode::OK);
        read(answer).await.1
    }
}

#[tokio::test]
async fn who_is_logged_in_orders_from_any_address_what_the_role_may() {
    let edge = Edge::new();
    let (ann, bob) = (edge.cookie("ann").await, edge.cookie("bob").await);
    for (cookie, from, path, status) in [
        (ann.as_str(), ELSEWHERE, CLOSE, 415),
        (&ann, ELSEWHERE, "/api/v1/purge", 403),
        (&ann, OPERATOR, "/api/v1/purge", 403),
        (&bob, ELSEWHERE, CLOSE, 415),
        // It goes on to find nobody who purges.
        (&bob, ELSEWHERE, "/api/v1/purge", 404),
        // Without a session it is the address that counts, as ever.
        ("weir-session=guess", ELSEWHERE, CLOSE, 403),
        ("weir-session=guess", OPERATOR, CLOSE, 415),
        ("", ELSEWHERE, CLOSE, 403),
    ] {
        let fields = [("cookie", cookie), OWN];
        let code = edge.order(path, from, &fields).await;
        assert_eq!(code, status, "{cookie} {from} {path}");
    }
}

#[tokio::test]
async fn an_order_by_a_cookie_tells_that_it_is_for_a_page_of_this_box() {
    let edge = Edge::new();
    let ann = edge.cookie("ann").await;
    for (fields, status) in [
        (&[OWN][..], 415),
        (&[("sec-fetch-site", "same-origin")], 415),
        (&[], 403),
        (&[FOREIGN], 403),
        (&[("origin", "null")], 403),
        (&[("sec-fetch-site", "cross-site")], 403),
        (&[OWN, ("sec-fetch-site", "same-site")], 403),
    ] {
        let fields = [&[("cookie", ann.as_str())], fields].concat();
        for from in [ELSEWHERE, OPERATOR] {
            let code = edge.order(CLOSE, from, &fields).await;
            assert_eq!(code, status, "{from} {fields:?}");
        }
    }
    let fields = [("cookie", ann.as_str()), OWN];
    for (path, fields) in [
        ("/login", &[FOREIGN][..]),
        ("/logout", &[("cookie", &ann), FOREIGN]),
        ("/logout", &[("cookie", &ann)]),
    ] {
        assert_eq!(edge.order(path, ELSEWHERE, fields).await, 403, "{fields:?}");
    }
    assert_eq!(edge.order(CLOSE, ELSEWHERE, &fields).await, 415, "still in");
}

#[tokio::test]
async fn a_stolen_cookie_is_worth_nothing_after_its_user_has_logged_out() {
    let edge = Edge::new();
    let ann = edge.cookie("ann").await;
    let fields = [("cookie", ann.as_str()), OWN];
    let answer = edge.ask((Method::POST, "/logout"), ELSEWHERE, &fields);
    let answer = answer.await;
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    assert_eq!(answer.headers()[LOCATION], "/?lang=en");
    let set = answer.headers()[SET_COOKIE].to_str().expect("ASCII");
    assert!(
        set.starts_with("weir-session=;") && set.ends_with("Max-Age=0"),
        "{set}"
    );
    assert_eq!(edge.order(CLOSE, ELSEWHERE, &fields).await, 403);
    let page = edge.page("/", &fields).await;
    assert!(
        page.contains(r#"href="/login?next=/&amp;lang=en""#),
        "{page}"
    );
}

#[tokio::test]
async fn looking_keeps_nobody_logged_in_and_ordering_does() {
    let edge = Edge::new();
    let cookies = [edge.cookie("ann").await, edge.cookie("ann").await];
    for _ in 0..15 {
        edge.machine.clock.advance(Duration::from_mins(1));
        edge.page("/", &[("cookie", &cookies[0])]).await;
        let ordering = [("cookie", cookies[1].as_str()), OWN];
        assert_eq!(edge.order(CLOSE, ELSEWHERE, &ordering).await, 415);
    }
    let looking = [("cookie", cookies[0].as_str()), OWN];
    assert_eq!(edge.order(CLOSE, ELSEWHERE, &looking).await, 403);
}

#[tokio::test]
async fn a_page_shows_whoever_looks_and_nobody_else() {
    let edge = Edge::new();
    let (ann, bob) = (edge.cookie("ann").await, edge.cookie("bob").await);
    // All of one snapshot, of which pages are told again.
    for (cookie, there, absent) in [
        (ann.as_str(), "Logged in as ann", "as bob"),
        (&bob, "Logged in as bob", "as ann"),
        ("", "/login?next=/", "Logged in as"),
    ] {
        for path in ["/", "/?lang=en"] {
            let page = edge.page(path, &[("cookie", cookie)]).await;
            assert!(page.contains(there) && !page.contains(absent), "{page}");
        }
    }
    let page = edge.page("/?lang=vi", &[("cookie", &ann)]).await;
    assert!(page.contains("Đã đăng nhập: ann"), "{page}");
    let (_, rig) = full();
    let without = listener(rig).health;
    let request = Request::get("/").header(HOST, "edge-1");
    let request = request.body(Upload::empty()).expect("a request");
    let page = read(without.answer(request, &client(ELSEWHERE)).await)
        .await
        .1;
    assert!(!page.contains("/login"), "nobody can log in: {page}");
}

#[tokio::test]
async fn the_page_to_log_in_stays_as_it_is_and_its_form_has_an_origin() {
    let edge = Edge::new();
    for (next, expected) in [("/channel/CH_0", "/channel/CH_0"), ("//evil.example", "/")] {
        let path = format!("/login?next={next}&lang=vi");
        let answer = edge.ask((Method::GET, &path), ELSEWHERE, &[]).await;
        // Under `no-referrer` a browser would send the form for no origin, and be refused.
        assert_eq!(answer.headers()[REFERRER_POLICY], "same-origin");
        let page = read(answer).await.1;
        let field = format!(r#"name="next" value="{expected}""#);
        assert!(page.contains(&field) && page.contains("Mật khẩu"), "{page}");
        assert!(
            !page.contains("<script") && !page.contains("http-equiv"),
            "{page}"
        );
        assert!(!page.contains("evil"), "{page}");
    }
}

#[tokio::test]
async fn each_order_by_a_session_leaves_who_gave_it_and_nothing_that_opens() {
    let edge = Edge::new();
    let (heard, _log) = heard(edge.machine.board().clock);
    let ann = edge.cookie("ann").await;
    let fields = [("cookie", ann.as_str()), OWN];
    for (path, status) in [(CLOSE, 415), ("/api/v1/purge", 403), ("/logout", 303)] {
        assert_eq!(edge.order(path, ELSEWHERE, &fields).await, status);
    }
    let events = heard.since(0);
    let audit = events.iter().filter(|it| it.target == "weir::audit");
    let told: Vec<Vec<&str>> = audit
        .map(|event| event.fields.iter().map(|(_, text)| text.as_str()).collect())
        .collect();
    assert_eq!(
        told,
        [
            ["ann at 192.0.2.1", "POST /api/v1/alarms/1/close", "415"],
            ["192.0.2.1", "POST /api/v1/purge", "403"],
            ["ann at 192.0.2.1", "POST /logout", "303"],
        ]
    );
    let (_, key) = ann.split_once('=').expect("a value");
    let all = format!("{events:?} {:?}", edge.health);
    for secret in [key, PASSWORD, "argon2"] {
        assert!(!all.contains(secret), "{secret} in {all}");
    }
}
