//! Where people log in and out, by the forms of pages.
//!
//! Source: WHATWG URL §5.1 (`application/x-www-form-urlencoded`); RFC 6585 §4 (429).
//! Refuses: to lead anywhere but to a page of this box, and to tell whether a name is known.

use std::{borrow::Cow, error::Error, time::Duration};

use bytes::Bytes;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::{
    HeaderMap, Response, StatusCode,
    body::Body as Incoming,
    header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue, LOCATION, RETRY_AFTER, SET_COOKIE},
};

use crate::{
    access::{LoginRefusal, cookie},
    health::{endpoint::FORM, gate::Known},
    page::LoginFault,
    serve::{Body, Client, Giver, percent, reply::visible},
};

/// Bytes of a form.
const FORM_BYTES_MAX: usize = 4_096;

/// Bytes of the path that a login leads to.
const NEXT_BYTES_MAX: usize = 128;

/// What a browser sends.
#[derive(Default, PartialEq, Eq)]
struct Form {
    name: String,
    password: String,
    next: String,
}

/// Why nobody is logged in by a form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoLogin {
    /// It cannot be read: this status, and why.
    Form(StatusCode, &'static str),
    /// It is refused, and the page says so.
    Refused(LoginRefusal),
}

/// The status of a refusal, what the page says, and how long to wait.
pub(super) fn told(refusal: LoginRefusal) -> (StatusCode, LoginFault, Option<Duration>) {
    match refusal {
        LoginRefusal::Nobody => (StatusCode::FORBIDDEN, LoginFault::Nobody, None),
        LoginRefusal::Wrong => (StatusCode::FORBIDDEN, LoginFault::Wrong, None),
        LoginRefusal::Unable => (StatusCode::SERVICE_UNAVAILABLE, LoginFault::Unable, None),
        LoginRefusal::TooMany(wait) => {
            // A part of a second is one: nobody is to come too early.
            let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            let wait = Duration::from_secs(seconds);
            let fault = LoginFault::TooMany(wait);
            (StatusCode::TOO_MANY_REQUESTS, fault, Some(wait))
        }
    }
}

/// Logs in by the form in a body; what leads on to a page of this language.
pub(super) async fn log_in<B: Incoming<Error: Into<Box<dyn Error + Send + Sync>>>>(
    known: &Known,
    (headers, body): (&HeaderMap, B),
    client: &Client,
    giver: &mut Giver,
    language: &str,
) -> Result<Response<Body>, (NoLogin, String)> {
    let form = read(headers, body).await;
    let form = form.map_err(|no_login| (no_login, String::new()))?;
    let next = local(&form.next).to_owned();
    let filled = (form.name.as_str(), form.password);
    let (logins, clock) = (&known.logins, &*known.clock);
    let taken = logins.log_in(filled, giver.address, clock).await;
    let key = taken.map_err(|refusal| (NoLogin::Refused(refusal), next.clone()))?;
    // Whoever knew what this browser showed before knows nothing of what it shows now.
    if let Some(old) = cookie::shown(headers, client.is_encrypted) {
        logins.log_out(old, clock.monotonic());
    }
    giver.name = Some(form.name);
    let cookie = cookie::showing(&key, client.is_encrypted);
    Ok(lead(&next, language, cookie))
}

/// Leads on to the overview, and has the browser forget what it showed.
pub(super) fn logged_out(client: &Client, language: &str) -> Response<Body> {
    lead("/", language, cookie::forgotten(client.is_encrypted))
}

/// The answer of this status, which says how long to wait.
pub(super) fn refused(
    mut page: Response<Body>,
    status: StatusCode,
    wait: Option<Duration>,
) -> Response<Body> {
    *page.status_mut() = status;
    if let Some(wait) = wait {
        let seconds = visible(wait.as_secs().to_string());
        page.headers_mut().insert(RETRY_AFTER, seconds);
    }
    page
}

fn lead(next: &str, language: &str, cookie: HeaderValue) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SEE_OTHER;
    let headers = response.headers_mut();
    headers.insert(LOCATION, visible(format!("{next}?lang={language}")));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(SET_COOKIE, cookie);
    response
}

/// `next` if it is the path of a page of this box, which a browser can take for nothing else; or
/// that of the overview.
pub(super) fn local(next: &str) -> &str {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-".contains(&byte);
    let is_local = next.starts_with('/')
        && !next.contains("//")
        && next.len() <= NEXT_BYTES_MAX
        && next.bytes().all(is_plain);
    if is_local { next } else { "/" }
}

async fn read<B: Incoming<Error: Into<Box<dyn Error + Send + Sync>>>>(
    headers: &HeaderMap,
    body: B,
) -> Result<Form, NoLogin> {
    let media_type = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes);
    let mut parts = media_type.unwrap_or_default().split(|byte| *byte == b';');
    let is_form = parts
        .next()
        .is_some_and(|it| it.trim_ascii().eq_ignore_ascii_case(FORM.as_bytes()));
    if !is_form {
        let text = "the body is no form: send it as application/x-www-form-urlencoded";
        return Err(NoLogin::Form(StatusCode::UNSUPPORTED_MEDIA_TYPE, text));
    }
    let collected = Limited::new(body, FORM_BYTES_MAX).collect().await;
    let bytes = collected.map_err(|error| {
        if error.is::<LengthLimitError>() {
            let text = "the form has more than 4,096 bytes";
            NoLogin::Form(StatusCode::PAYLOAD_TOO_LARGE, text)
        } else {
            NoLogin::Form(StatusCode::BAD_REQUEST, "the form could not be read")
        }
    })?;
    parse(&bytes.to_bytes()).ok_or(NoLogin::Form(
        StatusCode::BAD_REQUEST,
        "the body is no form of `name`, `password` and perhaps `next`, each once",
    ))
}

/// The form in a body; `None` if it is none, or lacks something, or has it twice.
fn parse(bytes: &Bytes) -> Option<Form> {
    let text = str::from_utf8(bytes).ok()?;
    let [mut name, mut password, mut next] = [const { None }; 3];
    for pair in text.split('&') {
        let (key, value) = pair.split_once('=')?;
        let field = match key {
            "name" => &mut name,
            "password" => &mut password,
            "next" => &mut next,
            _ => return None,
        };
        let value = value.replace('+', " ");
        let value = percent::decode(&value).map(Cow::into_owned)?;
        if field.replace(value).is_some() {
            return None;
        }
    }
    Some(Form {
        name: name?,
        password: password?,
        next: next.unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use std::{net::SocketAddr, sync::Arc};

    use http_body_util::Full;
    use hyper::header::COOKIE;
    use weir_hal::sim::Simulation;

    use super::*;
    use crate::{
        access::{Access, login::tests::logins, password::tests::PASSWORD},
        serve::reply,
    };

    fn known() -> Known {
        Known {
            access: Arc::new(Access::default()),
            logins: Arc::new(logins()),
            clock: Simulation::new(1).board().clock,
        }
    }

    /// What a browser that shows `cookie` is answered to a form.
    async fn send(
        known: &Known,
        cookie: &str,
        form: &str,
    ) -> (Giver, Result<Response<Body>, (NoLogin, String)>) {
        let client = Client {
            address: SocketAddr::from(([192, 0, 2, 1], 50_000)),
            is_encrypted: false,
            interim: None,
        };
        let mut giver = Giver::at(&client);
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(FORM));
        headers.insert(COOKIE, visible(cookie.to_owned()));
        let body = Full::new(Bytes::from(form.to_owned()));
        let answer = log_in(known, (&headers, body), &client, &mut giver, "vi").await;
        (giver, answer)
    }

    fn form(name: &str, password: &str, next: &str) -> String {
        let password = password.replace(' ', "+");
        format!("name={name}&password={password}&next={next}")
    }

    /// The cookie that an answer sets.
    fn cookie_of(answer: &Response<Body>) -> String {
        let set = answer.headers()[SET_COOKIE].to_str().expect("ASCII");
        set.split(';').next().unwrap_or_default().to_owned()
    }

    fn key_in(cookie: &str) -> &[u8] {
        cookie.split_once('=').expect("a value").1.as_bytes()
    }

    #[tokio::test]
    async fn a_login_leads_to_its_page_and_each_has_a_key_of_its_own() {
        let known = known();
        let now = known.clock.monotonic();
        let filled = form("ann", PASSWORD, "%2Fchannel%2FA");
        let fixed = "weir-session=0000000000000000000000000000000000000000000000000000000000000000";
        let (giver, answer) = send(&known, fixed, &filled).await;
        let answer = answer.expect("the password is right");
        assert_eq!(answer.status(), StatusCode::SEE_OTHER);
        assert_eq!(answer.headers()[LOCATION], "/channel/A?lang=vi");
        assert_eq!(giver.name.as_deref(), Some("ann"));
        let first = cookie_of(&answer);
        assert_ne!(first, fixed, "whoever fixed it would be logged in too");
        assert!(known.logins.user(key_in(fixed), now).is_none());
        assert!(known.logins.user(key_in(&first), now).is_some());
        let (_, answer) = send(&known, &first, &filled).await;
        let second = cookie_of(&answer.expect("the password is right"));
        assert_ne!(first, second);
        assert!(
            known.logins.user(key_in(&first), now).is_none(),
            "it is replaced"
        );
        assert!(known.logins.user(key_in(&second), now).is_some());
    }

    #[tokio::test]
    async fn a_login_never_leads_to_another_site() {
        let filled = form("ann", PASSWORD, "%2F%2Fevil.example");
        let (_, answer) = send(&known(), "", &filled).await;
        let answer = answer.expect("the password is right");
        assert_eq!(answer.headers()[LOCATION], "/?lang=vi");
    }

    #[tokio::test]
    async fn who_guesses_is_told_to_wait_and_no_name_is_told_from_another() {
        let known = known();
        for name in ["ann", "nobody", "ann", "nobody", "ann"] {
            let (giver, answer) = send(&known, "", &form(name, "a guess", "%2F")).await;
            let (no_login, next) = answer.expect_err("it is wrong");
            assert_eq!(no_login, NoLogin::Refused(LoginRefusal::Wrong), "{name}");
            assert_eq!((next.as_str(), giver.name), ("/", None));
        }
        let (_, answer) = send(&known, "", &form("ann", PASSWORD, "%2F")).await;
        let Err((NoLogin::Refused(refusal), _)) = answer else {
            panic!("it is not looked at");
        };
        let (status, fault, wait) = told(refusal);
        let minute = Duration::from_mins(1);
        assert_eq!(fault, LoginFault::TooMany(minute));
        let page = refused(reply::text(StatusCode::OK, ""), status, wait);
        assert_eq!(page.status(), StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(page.headers()[RETRY_AFTER], "60");
    }

    #[tokio::test]
    async fn a_form_is_bounded_and_a_form() {
        let known = known();
        let long = form("ann", &"a".repeat(4_096), "%2F");
        for (text, expected) in [
            (long.as_str(), StatusCode::PAYLOAD_TOO_LARGE),
            ("{}", StatusCode::BAD_REQUEST),
        ] {
            let (_, answer) = send(&known, "", text).await;
            let Err((NoLogin::Form(status, _), _)) = answer else {
                panic!("it is no form");
            };
            assert_eq!(status, expected);
        }
        let read = read(
            &HeaderMap::new(),
            Full::new(Bytes::from(form("a", "b", "c"))),
        )
        .await;
        let refused = read.err().expect("its type is not told");
        assert!(matches!(
            refused,
            NoLogin::Form(StatusCode::UNSUPPORTED_MEDIA_TYPE, _)
        ));
    }

    #[test]
    fn a_login_leads_to_pages_of_this_box_alone() {
        for next in ["/", "/channel/CH_1", "/player/a.b-c_d", "/login"] {
            assert_eq!(local(next), next);
        }
        let long = format!("/{}", "a".repeat(128));
        for next in [
            "",
            "//evil.example",
            "/\\evil.example",
            "\\/evil.example",
            "https://evil.example/",
            "http:evil.example",
            "javascript:alert(1)",
            "evil.example",
            "/a//evil.example",
            "/\t/evil.example",
            "/\n/evil.example",
            "/%2f/evil.example",
            "/x?y=z",
            "/@evil.example",
            "/á",
            &long,
        ] {
            assert_eq!(local(next), "/", "{next:?}");
        }
    }

    #[test]
    fn a_form_has_each_field_once() {
        let form = parse(&Bytes::from_static(
            b"name=ann&password=a+b%2Bc%26%C3%A1&next=%2Fchannel%2FA",
        ));
        let form = form.expect("a form");
        assert_eq!(form.name, "ann");
        assert_eq!(form.password, "a b+c&á");
        assert_eq!(form.next, "/channel/A");
        for text in [
            "",
            "name=ann",
            "name=ann&password=a&password=b",
            "name=ann&name=bob&password=a",
            "name=ann&password=a&other=b",
            "name=ann&password=%zz",
            "name=ann&password=%ff",
            "name=ann&password",
        ] {
            assert!(parse(&Bytes::from(text)).is_none(), "{text}");
        }
    }
}
