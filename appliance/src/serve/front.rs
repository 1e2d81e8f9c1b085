//! What stands before the answers of the data listener: who may ask, and orders that are none for
//! content.
//!
//! A [`Front`] takes the token out of a URL, begins the line of the access log, lets nobody through
//! who needs a token and has none, and hands orders to purge to the [`Purger`]. Everything else
//! goes on to the handler behind it.

use std::sync::Arc;

use arc_swap::ArcSwap;
use hyper::{Request, Response, StatusCode};
use weir_hal::Clock;

use crate::{
    fetch::purge::Purger,
    serve::{
        Again, Body, Client, CounterCells, Handler, Repeat, Upload,
        access_log::AccessLog,
        reply,
        signed_url::{Denied, Gate, separate},
        stamp,
    },
};

/// A handler, and what stands before it.
#[derive(Debug)]
pub struct Front<H> {
    behind: H,
    gate: Arc<ArcSwap<Gate>>,
    purger: Arc<Purger>,
    clock: Arc<dyn Clock>,
    log: Option<Arc<AccessLog>>,
}

impl<H: Handler> Front<H> {
    /// Stands before `behind`. `gate` may be exchanged at any time.
    pub fn new(
        behind: H,
        gate: Arc<ArcSwap<Gate>>,
        purger: Arc<Purger>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            behind,
            gate,
            purger,
            clock,
            log: None,
        }
    }

    /// Logs every request, as `log` has it.
    #[must_use]
    pub fn logging(self, log: Option<Arc<AccessLog>>) -> Self {
        Self { log, ..self }
    }

    /// Answers a request without its token.
    async fn pass(
        &self,
        request: Request<Upload>,
        token: Option<&str>,
        client: &Client,
    ) -> Response<Body> {
        if Purger::is_order(request.method()) {
            let (head, _upload) = request.into_parts();
            return self.purger.answer_method(&head, client).await;
        }
        let (path, address) = (request.uri().path(), client.address.ip());
        let gate = self.gate.load_full();
        if let Err(denied) = gate.check(path, token, address, self.clock.wall()) {
            return self.deny(denied);
        }
        let mut response = self.behind.answer(request, client).await;
        if token.is_some() {
            // It may be for one client, and ends at its time.
            response.extensions_mut().remove::<Repeat>();
        }
        Repeat::wrap(&mut response, |behind| AdmittedAgain {
            gates: Arc::clone(&self.gate),
            gate,
            behind,
        });
        response
    }

    fn deny(&self, denied: Denied) -> Response<Body> {
        self.counters().requests_denied.add(1);
        let mut response = reply::text(StatusCode::FORBIDDEN, &denied.to_string());
        stamp::open_to_all_origins(response.headers_mut());
        response
    }
}

/// An answer to a request without a token, which the gate let through.
#[derive(Debug)]
struct AdmittedAgain {
    gates: Arc<ArcSwap<Gate>>,
    gate: Arc<Gate>,
    behind: Repeat,
}

impl Again for AdmittedAgain {
    fn again(&self, client: &Client) -> Option<Body> {
        if !Arc::ptr_eq(&self.gates.load(), &self.gate) {
            return None;
        }
        self.behind.again(client)
    }
}

impl<H: Handler> Handler for Front<H> {
    async fn answer(&self, mut request: Request<Upload>, client: &Client) -> Response<Body> {
        let separated = separate(request.uri());
        if let Ok((uri, Some(_))) = &separated {
            *request.uri_mut() = uri.clone();
        }
        let begun = self.clock.monotonic();
        let told = self.log.as_ref().map(|log| log.begin(&request, client));
        let response = match separated {
            Ok((_, token)) => self.pass(request, token.as_deref(), client).await,
            Err(_no_uri) => self.deny(Denied::Malformed),
        };
        let time = self.clock.monotonic().since(begun);
        self.counters().answered_in(time);
        match told {
            Some(told) => told.answered(response),
            None => response,
        }
    }

    fn counters(&self) -> &Arc<CounterCells> {
        self.behind.counters()
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;
    use hyper::{Uri, header::ACCESS_CONTROL_ALLOW_ORIGIN};
    use weir_cache::Store;
    use weir_hal::{Wall, sim::Simulation};

    use super::*;
    use crate::{
        config::Config,
        fetch::purge::{self, Name, Names},
        serve::signed_url::{Grant, Keys, Scope},
    };

    const FILE: &[u8] = b"k1 00112233445566778899aabbccddeeff";

    /// Tells what it was asked for.
    #[derive(Debug, Default)]
    struct Echo(Arc<CounterCells>);

    impl Handler for Echo {
        async fn answer(&self, request: Request<Upload>, _client: &Client) -> Response<Body> {
            reply::text(StatusCode::OK, &request.uri().to_string())
        }

        fn counters(&self) -> &Arc<CounterCells> {
            &self.0
        }
    }

    #[derive(Debug)]
    struct Nothing;

    impl Names for Nothing {
        fn name(&self, _uri: &Uri) -> Option<Name> {
            None
        }
    }

    /// A front with keys for `/vod/`, which nobody may purge through.
    fn front() -> Front<Echo> {
        let machine = Simulation::new(1);
        machine.clock.set_wall(Wall::from_nanos(0));
        let board = machine.board();
        let file = board.disk.open("/keys".as_ref(), weir_hal::Access::Create);
        file.and_then(|file| file.write_at(FILE, 0)).expect("room");
        let text = "origin = [{ name = 'o', urls = ['http://o'] }]\n\
                    [[route]]\npath = '/vod/'\norigin = ['o']\nsign_keys = '/keys'\n";
        let config = Config::parse(text).expect("no mistakes").config;
        let gate = Gate::open(&config, &*board.disk).expect("a file of keys");
        let cache = weir_cache::Config {
            path: "/cache".into(),
            bytes_max: 1 << 20,
            memory_bytes_max: 1 << 20,
            ..weir_cache::Config::default()
        };
        let (disk, clock) = (Arc::clone(&board.disk), Arc::clone(&board.clock));
        let parts = purge::Parts {
            bans: Arc::default(),
            store: Store::open(disk, clock, &cache).expect("a flawless disk"),
            disk: board.disk,
            clock: Arc::clone(&board.clock),
            names: Arc::new(Nothing),
        };
        let settings = purge::Settings {
            allowed: Vec::new(),
            rate_per_s: 1,
            burst: 1,
            journal: "/purged".into(),
        };
        let purger = Arc::new(Purger::open(settings, parts));
        let gate = Arc::new(ArcSwap::from_pointee(gate));
        Front::new(Echo::default(), gate, purger, board.clock)
    }

    async fn answer(front: &Front<Echo>, method: &str, uri: &str) -> (StatusCode, String) {
        let request = Request::builder().method(method).uri(uri);
        let request = request.body(Upload::empty()).expect("a request");
        let client = Client {
            interim: None,
            address: "192.0.2.1:4711".parse().expect("an address"),
            is_encrypted: false,
        };
        let response = front.answer(request, &client).await;
        let (head, body) = response.into_parts();
        let is_readable = head.headers.contains_key(ACCESS_CONTROL_ALLOW_ORIGIN);
        assert!(is_readable || method != "GET" || head.status == StatusCode::OK);
        let text = body.collect().await.expect("a body in memory").to_bytes();
        (
            head.status,
            String::from_utf8_lossy(&text).trim_end().to_owned(),
        )
    }

    fn token() -> String {
        let keys = Keys::parse(&String::from_utf8_lossy(FILE)).expect("a key");
        let grant = Grant {
            path: "/vod/show/a.m3u8",
            scope: Scope::Folders(2),
            end: Wall::from_nanos(1_000_000_000),
            client: None,
        };
        keys.sign(None, &grant).expect("a token").to_string()
    }

    #[tokio::test]
    async fn what_is_signed_goes_on_without_its_token() {
        let front = front();
        let token = token();
        for (uri, asked) in [
            (
                format!("/weir_token={token}/vod/show/1.ts"),
                "/vod/show/1.ts",
            ),
            (
                format!("/vod/show/1.ts?x=1&weir_token={token}"),
                "/vod/show/1.ts?x=1",
            ),
            ("/epg?weir_token=none".to_owned(), "/epg"),
            ("/epg".to_owned(), "/epg"),
        ] {
            let expected = (StatusCode::OK, asked.to_owned());
            assert_eq!(answer(&front, "GET", &uri).await, expected, "{uri}");
        }
        assert_eq!(front.counters().read().requests_denied, 0);
    }

    #[tokio::test]
    async fn what_is_not_signed_is_refused_with_a_plain_reason() {
        let front = front();
        let token = token();
        for (uri, reason) in [
            ("/vod/show/1.ts".to_owned(), "this link is not signed"),
            (
                format!("/vod/1.ts?weir_token={token}"),
                "this link is signed for something else",
            ),
            (
                "/%76od/../vod/1.ts".to_owned(),
                "the path of this link is not in its simplest form",
            ),
        ] {
            let expected = (StatusCode::FORBIDDEN, reason.to_owned());
            assert_eq!(answer(&front, "GET", &uri).await, expected, "{uri}");
        }
        assert_eq!(front.counters().read().requests_denied, 3);
    }

    #[tokio::test]
    async fn orders_to_purge_do_not_reach_what_is_behind() {
        let front = front();
        for method in ["PURGE", "BAN"] {
            let (status, _) = answer(&front, method, "http://h/epg").await;
            assert_eq!(status, StatusCode::FORBIDDEN, "{method}");
        }
    }
}
