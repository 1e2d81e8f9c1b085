//! Follows a whole service: its Multivariant Playlist, and each Media Playlist that names.
//!
//! One task a playlist; what they find comes together here, where renditions are compared.

mod asking;
mod media;
mod needs;
mod offer;
mod web;

use std::{sync::Arc, time::Duration};

use hyper::{StatusCode, Uri};
use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
    time::{Instant, sleep_until},
};
use tokio_rustls::rustls::ClientConfig;
use weir_cache::rules::resolve;
use weir_hal::{Clock, Network};

use crate::validate::{
    finding::{Check, Finding, Words},
    playlist::{self, MultivariantPlaylist, Playlist},
    report::{PlaylistReport, Report},
    rules::{RenditionSet, check_declared},
    version::Text,
};
use media::{Follower, Note};
use offer::{Declared, Offer};
use web::{Page, Web};

pub use web::{HOSTS_MAX, REDIRECTS_MAX, WebError};

/// Media Playlists of one service that are followed.
pub const PLAYLISTS_MAX: usize = 16;

/// Notes that wait to be read, some with a version; a follower waits when there are more.
const NOTES_MAX: usize = PLAYLISTS_MAX;

/// The playlist in the report that stands for the whole.
const WHOLE: usize = 0;

/// Why there is nothing to tell of a service.
#[derive(Debug, thiserror::Error)]
pub enum FollowError {
    /// The text is no URL that can be followed.
    #[error("{0:?} is no URL of a playlist: write http://host/path or the same with https")]
    Url(String),
    /// It does not come.
    #[error("cannot load {url}: check the address, and that the service is up")]
    Unreachable {
        /// What was asked for.
        url: String,
        /// Why.
        #[source]
        source: WebError,
    },
    /// Nothing came in all the time there was.
    #[error("cannot load {url}: nothing had come before the end; check that the service is up")]
    Early {
        /// What was asked for.
        url: String,
    },
    /// The answer is no success.
    #[error("the answer to who asks for {url} is {status}: check the address")]
    Status {
        /// What was asked for.
        url: String,
        /// What was answered.
        status: StatusCode,
    },
    /// What came is no playlist.
    #[error("what is at {url} is no HLS playlist: its first line is not #EXTM3U")]
    NoPlaylist {
        /// What was asked for.
        url: String,
    },
}

/// What to stand on.
#[derive(Debug, Clone)]
pub struct Ground {
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Where connections come from.
    pub network: Arc<dyn Network>,
    /// How they are encrypted.
    pub tls: Arc<ClientConfig>,
}

/// Follows the service at `url` for `span`, until all has ended, or until `interrupted`. Calls
/// `progress` whenever there is something new.
///
/// # Errors
/// [`FollowError`] when there is no playlist to follow.
pub async fn follow(
    ground: Ground,
    (url, span): (&str, Duration),
    interrupted: impl Future<Output = ()>,
    mut progress: impl FnMut(&Report),
) -> Result<Report, FollowError> {
    let asked = asked_for(url)?;
    let begun = Instant::now();
    let mut over = std::pin::pin!(async {
        tokio::select! {
            () = sleep_until(begun + span) => {}
            () = interrupted => {}
        }
    });
    let report = Report::new(url, ground.clock.wall());
    let web = Arc::new(Web::new(ground.clock, ground.network, ground.tls));
    let page = tokio::select! {
        page = first_page(&web, url, &asked) => page?,
        () = &mut over => return Err(FollowError::Early { url: url.to_owned() }),
    };
    let mut service = Service::new(report);
    let followed = service.playlists(&asked, &page)?;
    let mut following = Following::begin(&web, followed);
    if service.has_offer() {
        following.watch(asked, page);
    }
    let mut is_over = false;
    loop {
        tokio::select! {
            biased;
            Some(note) = following.notes.recv() => following.add(service.take(note)),
            () = ended(&mut following.followers) => break,
            () = &mut over, if !is_over => {
                is_over = true;
                following.stop.send_replace(true);
            }
        }
        service.report.seconds = begun.elapsed().as_secs_f64();
        progress(&service.report);
    }
    while let Ok(note) = following.notes.try_recv() {
        service.take(note);
    }
    Ok(service.report)
}

/// The followers at work; they end when it is dropped.
struct Following {
    web: Arc<Web>,
    notes: mpsc::Receiver<Note>,
    sender: mpsc::Sender<Note>,
    stop: watch::Sender<bool>,
    /// One a Media Playlist.
    followers: JoinSet<()>,
    /// That of the Multivariant Playlist, if there is one.
    offer: JoinSet<()>,
}

impl Following {
    fn begin(web: &Arc<Web>, followed: Vec<media::Playlist>) -> Self {
        let (sender, notes) = mpsc::channel(NOTES_MAX);
        let (stop, _) = watch::channel(false);
        let mut following = Self {
            web: Arc::clone(web),
            notes,
            sender,
            stop,
            followers: JoinSet::new(),
            offer: JoinSet::new(),
        };
        following.add(followed);
        following
    }

    /// Follows these too.
    fn add(&mut self, followed: Vec<media::Playlist>) {
        for playlist in followed {
            let (sender, stopped) = (self.sender.clone(), self.stop.subscribe());
            let task = Follower::new(Arc::clone(&self.web), playlist, sender, stopped);
            self.followers.spawn(task.run());
        }
    }

    /// Follows the Multivariant Playlist at `asked`, of which `first` came.
    fn watch(&mut self, asked: Uri, first: Page) {
        let (sender, stopped) = (self.sender.clone(), self.stop.subscribe());
        let task = Offer::new(Arc::clone(&self.web), (asked, first), sender, stopped);
        self.offer.spawn(task.run());
    }
}

/// All `followers` have ended.
///
/// # Cancel safety
/// Those that have ended are not counted again.
async fn ended(followers: &mut JoinSet<()>) {
    while followers.join_next().await.is_some() {}
}

fn asked_for(url: &str) -> Result<Uri, FollowError> {
    let asked = url.parse::<Uri>().ok();
    let asked = asked.filter(|asked| matches!(asked.scheme_str(), Some("http" | "https")));
    asked.ok_or_else(|| FollowError::Url(url.to_owned()))
}

async fn first_page(web: &Web, url: &str, asked: &Uri) -> Result<Page, FollowError> {
    let page = web.playlist(asked).await;
    let page = page.map_err(|source| FollowError::Unreachable {
        url: url.to_owned(),
        source,
    })?;
    if page.status != StatusCode::OK {
        return Err(FollowError::Status {
            url: url.to_owned(),
            status: page.status,
        });
    }
    Ok(page)
}

/// What is known of the service as a whole.
struct Service {
    report: Report,
    renditions: RenditionSet,
    /// The Media Playlists that are followed, and what is declared of each.
    followed: Vec<(Uri, watch::Sender<Declared>)>,
}

impl Service {
    fn new(report: Report) -> Self {
        Self {
            report,
            renditions: RenditionSet::default(),
            followed: Vec::new(),
        }
    }

    /// Whether it has a Multivariant Playlist.
    fn has_offer(&self) -> bool {
        let first = self.report.playlists.first();
        first.is_some_and(|first| first.is_multivariant)
    }

    /// Which Media Playlists to follow, by what came first.
    fn playlists(&mut self, asked: &Uri, page: &Page) -> Result<Vec<media::Playlist>, FollowError> {
        match playlist::read(&page.body) {
            None => Err(FollowError::NoPlaylist {
                url: asked.to_string(),
            }),
            Some(Playlist::Media(_)) => {
                let followed = self.add(asked.clone(), Declared::default(), false);
                Ok(vec![followed])
            }
            Some(Playlist::Multivariant(list)) => {
                let mut whole = PlaylistReport::new(&asked.to_string());
                whole.is_multivariant = true;
                whole.tally.loads = 1;
                self.report.playlists.push(whole);
                let followed = self.take_offer(&list, page);
                self.take_common();
                Ok(followed)
            }
        }
    }

    /// The Multivariant Playlist came, as another one than before: what it declares holds from now
    /// on. Returns the Media Playlists that are new in it.
    fn take_offer(&mut self, list: &MultivariantPlaylist, page: &Page) -> Vec<media::Playlist> {
        let named = named(list, &page.url);
        let is_followed = |url: &Uri| self.followed.iter().any(|(known, _)| known == url);
        if !self.followed.is_empty() && !named.iter().any(|it| is_followed(&it.url)) {
            // It was made for another player: those that this one was led to are not in it.
            return Vec::new();
        }
        if let Some(whole) = self.report.playlists.first_mut() {
            whole.tally.versions += 1;
            let name: Arc<str> = whole.url.as_str().into();
            let number = whole.tally.versions;
            let text = Text::new(&name, number, page.loading.loaded_at, &page.body);
            check_declared(list, &text, self.renditions.findings());
        }
        self.declare(&named);
        let mut new = Vec::new();
        self.report.playlists_left_out = 0;
        for it in named {
            if self.followed.iter().any(|(url, _)| *url == it.url) {
                continue;
            }
            if self.followed.len() >= PLAYLISTS_MAX {
                self.report.playlists_left_out += 1;
                continue;
            }
            new.push(self.add(it.url, it.declared, it.is_subtitles));
        }
        new
    }

    /// What the Multivariant Playlist says of those that are followed; of some, nothing any more.
    fn declare(&mut self, named: &[Named]) {
        for (index, (url, declared)) in self.followed.iter().enumerate() {
            let now = named.iter().find(|it| it.url == *url);
            let withdrawn = Declared {
                bandwidth_bps: None,
                is_withdrawn: true,
            };
            let now = now.map_or(withdrawn, |it| it.declared);
            declared.send_replace(now);
            if let Some(playlist) = self.report.playlists.get_mut(index + 1) {
                playlist.is_withdrawn = now.is_withdrawn;
            }
        }
    }

    fn add(&mut self, url: Uri, declared: Declared, is_subtitles: bool) -> media::Playlist {
        let name: Arc<str> = url.to_string().into();
        self.report.playlists.push(PlaylistReport::new(&name));
        let (sender, declared) = watch::channel(declared);
        self.followed.push((url.clone(), sender));
        media::Playlist {
            index: self.renditions.add(is_subtitles),
            name,
            url,
            declared,
        }
    }

    /// Takes what was told. Returns the Media Playlists that are to be followed too.
    fn take(&mut self, note: Note) -> Vec<media::Playlist> {
        let mut new = Vec::new();
        match note {
            Note::Version(index, version) => self.renditions.version(index, &version),
            Note::Segment(index, sequence, facts) => {
                self.renditions.segment(index, sequence, &facts);
            }
            Note::Findings(index, findings, tally) => {
                let at = self.place(index);
                if let Some(playlist) = self.report.playlists.get_mut(at) {
                    playlist.tally = tally;
                }
                self.tell(at, findings);
            }
            Note::Offer(page) => new = self.take_reload(page.as_deref()),
            Note::NoOffer(check, why) => self.take_no_offer(check, why),
        }
        self.take_common();
        new
    }

    /// The Multivariant Playlist was loaded again, and this page came, or the same as before.
    fn take_reload(&mut self, page: Option<&Page>) -> Vec<media::Playlist> {
        match page.map(|page| (page, playlist::read(&page.body))) {
            None => {}
            Some((page, Some(Playlist::Multivariant(list)))) => {
                self.count_load();
                return self.take_offer(&list, page);
            }
            Some((_, Some(Playlist::Media(_)) | None)) => {
                let why = "what came is no Multivariant Playlist any more";
                self.take_no_offer(Check::NoPlaylist, why.to_owned());
                return Vec::new();
            }
        }
        self.count_load();
        Vec::new()
    }

    /// The Multivariant Playlist did not come: nobody new is led to any other.
    fn take_no_offer(&mut self, check: Check, message: String) {
        self.count_load();
        if let Some(whole) = self.report.playlists.first_mut() {
            whole.tally.loads_failed += 1;
        }
        self.renditions.findings().tell(check, None, || Words {
            message,
            ..Words::default()
        });
    }

    fn count_load(&mut self) {
        if let Some(whole) = self.report.playlists.first_mut() {
            whole.tally.loads += 1;
        }
    }

    /// Where the rendition of that number stands in the report.
    fn place(&self, index: usize) -> usize {
        index + usize::from(self.has_offer())
    }

    /// Tells what was found by comparing renditions.
    fn take_common(&mut self) {
        let findings = self.renditions.findings().take();
        self.tell(WHOLE, findings);
    }

    fn tell(&mut self, at: usize, findings: Vec<Finding>) {
        for finding in findings {
            self.report.add(at, finding);
        }
    }
}

/// A Media Playlist that a Multivariant Playlist names.
struct Named {
    url: Uri,
    declared: Declared,
    is_subtitles: bool,
}

/// The Media Playlists that `list`, which came from `base`, names, each once.
fn named(list: &MultivariantPlaylist, base: &Uri) -> Vec<Named> {
    let variants = list.variants.iter().map(|variant| {
        let bandwidth_bps = variant.attributes.number("BANDWIDTH");
        (variant.uri.as_str(), bandwidth_bps, false)
    });
    let renditions = list.renditions.iter().filter_map(|rendition| {
        let uri = rendition.uri()?;
        Some((uri, None, rendition.is_subtitles()))
    });
    let mut named: Vec<Named> = Vec::new();
    for (uri, bandwidth_bps, is_subtitles) in variants.chain(renditions) {
        let Some(url) = resolve(base, uri) else {
            continue;
        };
        if named.iter().all(|it| it.url != url) {
            named.push(Named {
                url,
                declared: Declared {
                    bandwidth_bps,
                    is_withdrawn: false,
                },
                is_subtitles,
            });
        }
    }
    named
}
