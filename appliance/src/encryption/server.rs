//! A key server: asked ahead of need, over TLS alone, and believed only what is a key.
//!
//! While a key is in use the next [`AHEAD`] are fetched, so a server may be away for so many
//! times `rotate` before a segment lacks its key. One request is under way at a time. After a
//! failure the next one waits, up to half a minute, or until a segment lacks its key again.
//!
//! Refuses: redirects, answers of another status than 200, and of another length than a key has.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::{self, Debug},
    ops::RangeInclusive,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use http_body_util::BodyExt;
use hyper::{
    Request, StatusCode, Uri,
    header::{AUTHORIZATION, HeaderValue, USER_AGENT},
};
use tokio::{sync::Notify, task::AbortHandle, time::timeout};
use tokio_rustls::rustls::ClientConfig;
use tracing::{info, warn};
use weir_hal::Disk;

use super::{CounterCells, Fingerprint, NoKey, SegmentKey, Surroundings, key::KEY_BYTES};
use crate::{
    causes::with_causes,
    config::{Encryption, ServerSource, UrlTemplate},
    fetch::{
        Endpoint, EndpointSettings, InvalidUrl,
        exchange::{Client, Download, ExchangeError, Outgoing},
        tls::{TlsError, client_config},
    },
    secret::{self, SecretError},
};

/// Keys fetched before they are needed.
const AHEAD: u64 = 3;

/// From the request for a key to its last byte.
const WAIT: Duration = Duration::from_secs(10);

/// Pause after a first failure, and the longest, up to which it doubles.
const PAUSES: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(30);

/// Bytes of the file of a token.
const TOKEN_BYTES_MAX: u64 = 4 << 10;

const AGENT: &str = concat!("weir/", env!("CARGO_PKG_VERSION"));

/// Why a key server cannot be asked.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// Its URL is none.
    #[error(transparent)]
    Url(#[from] InvalidUrl),
    /// There is nobody to believe.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The file of its token cannot be used.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The token cannot stand in a request.
    #[error("the token for the key server must be one line of visible letters")]
    Token,
}

/// Why a key did not come.
#[derive(Debug, thiserror::Error)]
enum FetchError {
    #[error(transparent)]
    Exchange(#[from] ExchangeError),
    #[error("it answers with status {}", .0.as_u16())]
    Status(StatusCode),
    #[error("what it answers with is no key of {KEY_BYTES} bytes")]
    Length,
    #[error("it does not answer within {WAIT:?}")]
    TimedOut,
    #[error("the URL of the key is none")]
    Url,
}

/// A server that is asked for the keys of one channel, until it is dropped.
pub(super) struct KeyServer {
    asking: Arc<Asking>,
    task: AbortHandle,
}

/// What the task that fetches, and those who need keys, share.
struct Asking {
    channel: String,
    url: UrlTemplate,
    token: Option<HeaderValue>,
    endpoint: Arc<Endpoint>,
    client: Client,
    counters: Arc<CounterCells>,
    given: Mutex<Given>,
    /// A key is needed that is not there.
    need: Notify,
}

/// What the server gave, and what it is to give.
#[derive(Default)]
struct Given {
    /// By number; at most [`Encryption::KEYS_MAX`].
    keys: BTreeMap<u64, (Fingerprint, SegmentKey)>,
    /// Numbers of segments listed since before whose keys are needed and not there yet; as many at
    /// most.
    needed: BTreeSet<u64>,
    /// The number in use, and the last that may ever be.
    present: u64,
    last: u64,
    /// Why the last attempt failed, if it did.
    failure: Option<String>,
    /// Attempts that failed since one did not.
    failures: usize,
}

impl KeyServer {
    /// Gets ready to ask `source` for the keys of `channel`. Blocks. Must be called within a tokio
    /// runtime.
    pub(super) fn open(
        channel: &str,
        source: &ServerSource,
        counters: &Arc<CounterCells>,
        around: Surroundings<'_>,
    ) -> Result<Self, ServerError> {
        let (token, tls) = credentials(source, around.disk)?;
        let settings = EndpointSettings {
            connections_max: 1,
            response_bytes_max: KEY_BYTES as u64,
            tls: Some(tls),
            ..EndpointSettings::default()
        };
        let asking = Arc::new(Asking {
            channel: channel.to_owned(),
            url: source.url.clone(),
            token,
            endpoint: Arc::new(Endpoint::new(source.url.origin(), settings)?),
            client: around.client.clone(),
            counters: Arc::clone(counters),
            given: Mutex::default(),
            need: Notify::new(),
        });
        let fetching = Arc::clone(&asking);
        let task = tokio::spawn(async move { fetching.run().await });
        Ok(Self {
            asking,
            task: task.abort_handle(),
        })
    }

    /// Says which number is in use, and whether there will never be another.
    pub(super) fn begin(&self, present: u64, is_endless: bool) {
        let mut given = self.asking.lock();
        given.present = present;
        given.last = if is_endless { present } else { u64::MAX };
        drop(given);
        self.asking.need.notify_one();
    }

    /// Takes over what `former` was given, if that is the same server.
    pub(super) fn follow(&self, former: &Self) {
        let (asking, former) = (&self.asking, &former.asking);
        if asking.url == former.url {
            asking.lock().follow(&former.lock());
            asking.need.notify_one();
        }
    }

    /// The key `number`, if it was given; from now on it is in use.
    pub(super) fn key(&self, number: u64) -> Result<SegmentKey, NoKey> {
        let mut given = self.asking.lock();
        let is_new = number != given.present;
        let answer = given.use_key(number);
        drop(given);
        if is_new || answer.is_err() {
            self.asking.need.notify_one();
        }
        answer
    }

    /// The key `number`, if it was given, of a segment that is listed since before.
    pub(super) fn recall(&self, number: u64) -> Result<SegmentKey, NoKey> {
        let answer = self.asking.lock().recall(number);
        if answer.is_err() {
            self.asking.need.notify_one();
        }
        answer
    }

    /// The key with this fingerprint, if it was given.
    pub(super) fn key_called(&self, fingerprint: Fingerprint) -> Option<SegmentKey> {
        let given = self.asking.lock();
        let mut keys = given.keys.values();
        let found = keys.find(|(known, _)| *known == fingerprint);
        found.map(|(_, key)| key.clone())
    }

    /// Whether a key is needed that is not there yet.
    pub(super) fn is_awaited(&self) -> bool {
        let given = self.asking.lock();
        !given.needed.is_empty() || !given.keys.contains_key(&given.present)
    }
}

impl Drop for KeyServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Debug for KeyServer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "KeyServer({})", self.asking.endpoint.url())
    }
}

impl Asking {
    /// Fetches keys.
    #[expect(clippy::infinite_loop, reason = "the task ends with its key server")]
    async fn run(&self) {
        let mut pause = *PAUSES.start();
        loop {
            let Some(number) = self.lock().missing() else {
                self.need.notified().await;
                continue;
            };
            let fetched = timeout(WAIT, self.fetch(number)).await;
            match fetched.unwrap_or(Err(FetchError::TimedOut)) {
                Ok(key) => {
                    pause = *PAUSES.start();
                    self.take(number, key);
                }
                Err(error) => {
                    self.fail(number, &error);
                    // Whoever needs a key meanwhile does not wait for the end of the pause.
                    drop(timeout(pause, self.need.notified()).await);
                    pause = (pause * 2).min(*PAUSES.end());
                }
            }
        }
    }

    async fn fetch(&self, number: u64) -> Result<SegmentKey, FetchError> {
        let url = self.url.fill(&self.channel, &number.to_string());
        let url: Uri = url.parse().map_err(|_unusable| FetchError::Url)?;
        let mut request = Request::new(Outgoing::Empty);
        *request.uri_mut() = url;
        let headers = request.headers_mut();
        headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
        if let Some(token) = &self.token {
            headers.insert(AUTHORIZATION, token.clone());
        }
        let response = self.client.send(&self.endpoint, request, None).await?;
        let (head, mut body) = response.into_parts();
        if head.status != StatusCode::OK {
            return Err(FetchError::Status(head.status));
        }
        let mut bytes = heapless::Vec::<u8, KEY_BYTES>::new();
        while let Some(piece) = next(&mut body).await? {
            let is_short = bytes.extend_from_slice(&piece);
            is_short.map_err(|_too_long| FetchError::Length)?;
        }
        SegmentKey::new(&bytes).ok_or(FetchError::Length)
    }

    fn take(&self, number: u64, key: SegmentKey) {
        self.counters.keys_fetched.add(1);
        let fingerprint = key.fingerprint(&self.channel);
        let mut given = self.lock();
        given.needed.remove(&number);
        given.failures = 0;
        if given.keys.len() == Encryption::KEYS_MAX {
            given.forget_farthest();
        }
        given.keys.insert(number, (fingerprint, key));
        if given.failure.take().is_some() {
            info!(
                channel = self.channel,
                number, "the key server gives keys again"
            );
        }
    }

    fn fail(&self, number: u64, error: &FetchError) {
        self.counters.key_fetches_failed.add(1);
        let reason = with_causes(error);
        let mut given = self.lock();
        given.failures = given.failures.wrapping_add(1);
        if number < given.present && matches!(error, FetchError::Status(_)) {
            // It has forgotten what it gave long ago: asking again changes nothing.
            given.needed.remove(&number);
        }
        let before = given.failure.replace(reason.clone());
        drop(given);
        if before.as_ref() != Some(&reason) {
            let endpoint = self.endpoint.url();
            warn!(channel = self.channel, number, endpoint, reason, "no key");
        }
    }

    fn lock(&self) -> MutexGuard<'_, Given> {
        self.given.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Given {
    /// The key `number`, which is in use from now on.
    ///
    /// It may be below the one before: that was told by the clock, or of another target.
    fn use_key(&mut self, number: u64) -> Result<SegmentKey, NoKey> {
        self.present = number;
        // Another rendition may be ahead or behind, and its number be the present one next.
        self.recall(number)
    }

    /// The key `number`, which is asked for besides if it was not given.
    fn recall(&mut self, number: u64) -> Result<SegmentKey, NoKey> {
        let answer = self.key(number);
        if answer.is_err() && self.needed.len() < Encryption::KEYS_MAX {
            self.needed.insert(number);
        }
        answer
    }

    fn key(&self, number: u64) -> Result<SegmentKey, NoKey> {
        let key = self.keys.get(&number).map(|(_, key)| key.clone());
        key.ok_or_else(|| {
            let reason = self.failure.clone();
            NoKey::NotGiven {
                number,
                reason: reason.unwrap_or_else(|| "it is being asked for".to_owned()),
            }
        })
    }

    /// Forgets the key whose number is the farthest from the present one.
    fn forget_farthest(&mut self) {
        let [first, last] = [self.keys.first_key_value(), self.keys.last_key_value()]
            .map(|it| it.map_or(0, |(number, _)| number.abs_diff(self.present)));
        if last > first {
            self.keys.pop_last();
        } else {
            self.keys.pop_first();
        }
    }

    /// Takes over what `former` was given, and is still to be given.
    fn follow(&mut self, former: &Self) {
        self.keys.clone_from(&former.keys);
        self.needed.clone_from(&former.needed);
    }

    /// The number of the key to fetch next: the present one, those to come, then those of segments
    /// that are listed since before. After each failure another one has its turn.
    fn missing(&self) -> Option<u64> {
        let ahead = self.present.saturating_add(AHEAD);
        let ahead = self.present..=ahead.min(self.last.max(self.present));
        let needed = self.needed.iter().rev().copied();
        let needed = needed.filter(|number| !ahead.contains(number));
        let all = ahead.clone().chain(needed);
        let missing = all.filter(|number| !self.keys.contains_key(number));
        let count = missing.clone().count();
        missing.clone().nth(self.failures % count.max(1))
    }
}

/// The next bytes of a body.
async fn next(body: &mut Download) -> Result<Option<bytes::Bytes>, ExchangeError> {
    while let Some(frame) = Pin::new(&mut *body).frame().await {
        if let Ok(bytes) = frame?.into_data() {
            return Ok(Some(bytes));
        }
    }
    Ok(None)
}

/// What to ask `source` with. Blocks.
pub(super) fn credentials(
    source: &ServerSource,
    disk: &dyn Disk,
) -> Result<(Option<HeaderValue>, Arc<ClientConfig>), ServerError> {
    let token = source.token.as_deref();
    let token = token.map(|path| secret::read(disk, path, TOKEN_BYTES_MAX));
    let token = token.transpose()?.as_deref().map(bearer).transpose()?;
    Ok((token, client_config(disk, source.ca.as_deref())?))
}

/// The field that a file of a token stands for. Never shown.
fn bearer(token: &[u8]) -> Result<HeaderValue, ServerError> {
    let token = token.trim_ascii();
    if token.is_empty() || !token.iter().all(u8::is_ascii_graphic) {
        return Err(ServerError::Token);
    }
    let value = [b"Bearer ", token].concat();
    let mut value = HeaderValue::from_bytes(&value).map_err(|_unusable| ServerError::Token)?;
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(numbers: impl IntoIterator<Item = u64>) -> Given {
        let key = |number: u64| (number, given_key());
        Given {
            keys: numbers.into_iter().map(key).collect(),
            needed: BTreeSet::from([3, 5]),
            present: 10,
            last: u64::MAX,
            ..Given::default()
        }
    }

    fn given_key() -> (Fingerprint, SegmentKey) {
        let key = SegmentKey::new(&[7; KEY_BYTES]).expect("16 bytes");
        (key.fingerprint("ch"), key)
    }

    #[test]
    fn the_present_key_comes_first_then_those_to_come_then_those_of_before() {
        for (there, next) in [
            (vec![], Some(10)),
            (vec![10], Some(11)),
            (vec![10, 11, 13], Some(12)),
            (vec![10, 11, 12, 13], Some(5)),
            (vec![3, 5, 10, 11, 12, 13], None),
        ] {
            assert_eq!(given(there.clone()).missing(), next, "{there:?}");
        }
    }

    #[test]
    fn a_key_that_is_refused_does_not_keep_the_others_waiting() {
        let mut given = given([10, 11]);
        let mut asked = Vec::new();
        for failures in 0..5 {
            given.failures = failures;
            asked.extend(given.missing());
        }
        assert_eq!(asked, [12, 13, 5, 3, 12]);
    }

    #[test]
    fn the_keys_ahead_are_those_of_the_numbers_in_use_whatever_the_clock_has_told() {
        let mut given = given([]);
        given.needed.clear();
        assert!(given.recall(12).is_err());
        assert_eq!(given.missing(), Some(10), "nothing new is in use");
        let mut asked = Vec::new();
        for number in [6, 7, 30] {
            assert!(given.use_key(number).is_err());
            asked.extend(given.missing());
        }
        assert_eq!(asked, [6, 7, 30]);
        // What was recalled is ahead no more, and not forgotten.
        for number in 30..=33 {
            given.keys.insert(number, given_key());
        }
        assert_eq!(given.missing(), Some(12));
    }

    #[test]
    fn renditions_apart_have_the_keys_of_all_their_numbers() {
        let mut given = given([]);
        given.needed.clear();
        for number in [40, 7, 40] {
            assert!(given.use_key(number).is_err());
        }
        for number in 40..=43 {
            given.keys.insert(number, given_key());
        }
        assert_eq!(given.missing(), Some(7));
    }

    #[test]
    fn the_key_farthest_from_the_present_one_is_forgotten_first() {
        let mut given = given([2, 9, 12, 900]);
        for left in [[2, 9, 12].as_slice(), &[9, 12], &[9]] {
            given.forget_farthest();
            assert!(given.keys.keys().eq(left), "{left:?}");
        }
    }

    #[test]
    fn what_is_awaited_still_is_after_a_reload() {
        let former = given([10]);
        let mut given = given([]);
        given.needed.clear();
        given.follow(&former);
        assert_eq!(given.keys.len(), 1);
        assert_eq!(given.needed, BTreeSet::from([3, 5]));
    }

    #[test]
    fn one_key_for_ever_is_asked_for_alone() {
        let mut given = given([]);
        (given.present, given.last) = (0, 0);
        given.needed.clear();
        given.failures = 3;
        assert_eq!(given.missing(), Some(0));
    }

    #[test]
    fn a_token_is_one_visible_line_and_never_shown() {
        let field = bearer(b"open-sesame\n").expect("a token");
        assert_eq!(field, "Bearer open-sesame");
        assert!(!format!("{field:?}").contains("sesame"));
        for text in [&b""[..], b"\n", b"two words", b"two\nlines", b"caf\xE9"] {
            assert!(bearer(text).is_err(), "{text:?}");
        }
    }
}
