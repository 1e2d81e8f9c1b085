//! Which route a path takes, and what goes for everything on it.
//!
//! Of the routes that [cover](config::covers) a path the longest one wins.

use std::{sync::Arc, time::Duration};

use weir_cache::rules::{KeyRules, Policy, QueryRule};

use super::counters::{PullCells, PullCounters};
use crate::{
    config::{self, Config, Priority},
    fetch::{
        Class, Knowledge, Outline,
        tiers::{TierList, Tiers},
    },
};

/// A route of the pull path, out of its configuration.
#[derive(Debug, Clone)]
pub struct Route {
    /// What it covers.
    pub path: String,
    /// Who is asked.
    pub tiers: TierList,
    /// What its objects are promised in the store.
    pub class: weir_cache::Class,
    /// What of a URI names a response.
    pub key_rules: KeyRules,
    /// What happens on it.
    pub counters: Arc<PullCells>,
    /// Bytes of the slices in which long objects are fetched; `None`: they are fetched whole.
    pub slice_bytes: Option<u32>,
    /// Whether what players will ask for next is fetched before they do.
    pub is_prefetched: bool,
    ttl_default: Option<Duration>,
    is_heuristic: bool,
    stale_while_revalidate: Option<Duration>,
    stale_if_error: Option<Duration>,
    knowledge: Knowledge,
}

impl Route {
    /// The route that is configured so, to some of the origins of `tiers`. `ttl` is how long what
    /// they say nothing about is fresh.
    fn new(route: &config::Route, ttl: config::Ttl, tiers: &Tiers) -> Self {
        let class = match route.priority {
            Priority::High => weir_cache::Class::High,
            Priority::Medium => weir_cache::Class::Medium,
            Priority::Low => weir_cache::Class::Low,
        };
        let query = match &route.query {
            Some(only) => QueryRule::Only(only.clone()),
            None => QueryRule::AllBut(route.query_ignored.clone()),
        };
        Self {
            path: route.path.clone(),
            tiers: tiers.list(&route.origins),
            class,
            key_rules: KeyRules { query },
            counters: Arc::default(),
            slice_bytes: route.slice.and_then(|slice| u32::try_from(slice.0).ok()),
            is_prefetched: route.is_prefetched,
            ttl_default: route.ttl_default,
            is_heuristic: route.is_heuristic,
            stale_while_revalidate: route.stale_while_revalidate,
            stale_if_error: route.stale_if_error,
            knowledge: Knowledge {
                ttl: route.ttl_default.unwrap_or(ttl.of(route.priority)),
            },
        }
    }

    /// What the route adds to the rules for a resource of `class`. `is_blocking` says whether the
    /// request waits for a Media Sequence Number; `outline` is that of the list, if it is one.
    pub(super) fn policy(
        &self,
        class: Class,
        is_blocking: bool,
        outline: Option<Outline>,
    ) -> Policy {
        let mut policy = self.knowledge.policy(class, is_blocking, outline);
        policy.is_heuristic = self.is_heuristic;
        if class == Class::Other {
            policy.ttl_default = self.ttl_default;
        }
        if let Some(span) = self.stale_while_revalidate {
            policy.stale_while_revalidate = span;
        }
        if let Some(span) = self.stale_if_error {
            policy.stale_if_error = span;
        }
        policy
    }
}

/// Whether `path` is one that the appliance answers out of its own channels, or by nothing.
fn is_live(path: &str) -> bool {
    config::covers("/live", path)
}

/// What was counted on one route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteReport {
    /// The path it covers.
    pub path: String,
    /// What happened on it.
    pub counters: PullCounters,
}

/// All routes, longest path first.
#[derive(Debug, Clone, Default)]
pub struct Routes(Vec<Arc<Route>>);

impl Routes {
    /// The routes of `config`, to the origins of `tiers`.
    pub fn new(config: &Config, tiers: &Tiers) -> Self {
        let routes = config.routes.iter();
        let routes = routes.map(|route| Arc::new(Route::new(route, config.ttl, tiers)));
        let mut routes: Vec<_> = routes.collect();
        routes.sort_by_key(|route| std::cmp::Reverse(route.path.len()));
        Self(routes)
    }

    /// These routes in the place of `former` ones, from which they take over what was counted.
    #[must_use]
    pub fn succeeding(self, former: &Self) -> Self {
        let succeed = |mut route: Arc<Route>| {
            let same = former.0.iter().find(|one| one.path == route.path);
            if let Some(same) = same {
                Arc::make_mut(&mut route).counters = Arc::clone(&same.counters);
            }
            route
        };
        Self(self.0.into_iter().map(succeed).collect())
    }

    /// What was counted on each.
    pub fn report(&self) -> Vec<RouteReport> {
        let report = |route: &Arc<Route>| RouteReport {
            path: route.path.clone(),
            counters: route.counters.read(),
        };
        self.0.iter().map(report).collect()
    }

    /// The route that `path` takes. Live paths take none, whatever routes there are: what is not on
    /// air here is nowhere.
    pub fn find(&self, path: &str) -> Option<&Arc<Route>> {
        let mut routes = self.0.iter().filter(|_| !is_live(path));
        routes.find(|route| config::covers(&route.path, path))
    }
}

#[cfg(test)]
mod tests {
    use weir_hal::sim;

    use super::*;
    use crate::fetch::{Identity, exchange::Client};

    fn routes(paths: &[&str]) -> Routes {
        let route = |path: &&str| format!("[[route]]\npath = '{path}'\norigin = ['o']\n");
        let routes: String = paths.iter().map(route).collect();
        let text = format!("origin = [{{ name = 'o', urls = ['http://o'] }}]\n{routes}");
        let config = Config::parse(&text).expect("no mistakes").config;
        Routes::new(&config, &tiers(&config))
    }

    fn tiers(config: &Config) -> Tiers {
        let network = Arc::new(sim::Network::new());
        let client = Client::new(network, Arc::new(Identity::new("edge")));
        Tiers::new(client, &config.origins, &sim::Disk::new(1)).expect("no certificates")
    }

    #[test]
    fn the_longest_route_wins_and_none_covers_half_a_name() {
        let routes = routes(&["/", "/vod", "/vod/hd/"]);
        let taken = |path: &str| routes.find(path).map(|route| route.path.clone());
        assert_eq!(taken("/vod/a.mp4").as_deref(), Some("/vod"));
        assert_eq!(taken("/vod").as_deref(), Some("/vod"));
        assert_eq!(taken("/vod/hd/a.mp4").as_deref(), Some("/vod/hd/"));
        assert_eq!(taken("/vodka").as_deref(), Some("/"));
    }

    #[test]
    fn where_no_route_leads_nothing_is_found() {
        assert!(routes(&["/vod/"]).find("/epg/today.xml").is_none());
        assert!(routes(&["/vod/"]).find("/vod").is_none());
    }

    #[test]
    fn a_route_counts_on_after_a_reload_and_a_new_one_from_nothing() {
        let former = routes(&["/", "/vod"]);
        former.find("/vod").expect("a route").counters.hits.add(3);
        let hits = |routes: &Routes, path| {
            let route = routes.find(path).expect("a route");
            route.counters.read().hits
        };
        let next = routes(&["/vod", "/epg"]).succeeding(&former);
        assert_eq!((hits(&next, "/vod/a"), hits(&next, "/epg/a")), (3, 0));
        former.find("/vod").expect("a route").counters.hits.add(1);
        assert_eq!(hits(&next, "/vod"), 4);
    }

    #[test]
    fn a_response_of_no_known_kind_has_no_lifetime_but_the_one_that_is_configured() {
        let route = |more: &str| {
            let text = format!(
                "origin = [{{ name = 'o', urls = ['http://o'] }}]\n\
                 [[route]]\npath = '/'\norigin = ['o']\n{more}"
            );
            let config = Config::parse(&text).expect("no mistakes").config;
            Route::new(&config.routes[0], config.ttl, &tiers(&config))
        };
        let ttl = |route: &Route, class| route.policy(class, false, None).ttl_default;
        let plain = route("");
        assert_eq!(ttl(&plain, Class::Other), None);
        assert_eq!(ttl(&plain, Class::Segment), Some(Duration::from_mins(30)));
        assert_eq!(
            ttl(&route("priority = 'high'"), Class::Segment),
            Some(Duration::from_hours(1))
        );
        let told = route("ttl_default = '2min'");
        assert_eq!(ttl(&told, Class::Other), Some(Duration::from_mins(2)));
        assert_eq!(ttl(&told, Class::Segment), Some(Duration::from_mins(2)));
        let of_priority = route("[ttl]\nmedium = '2h'\nhigh = '3h'");
        assert_eq!(
            ttl(&of_priority, Class::Segment),
            Some(Duration::from_hours(2))
        );
        assert_eq!(ttl(&of_priority, Class::Other), None);
    }
}
