//! A daemon between clients and origins: what the tests of the pull path and of RFC 9111 stand on.

use std::time::Duration;

use crate::{
    daemon::Daemon,
    http::{self, Failure, Response},
    origin::Origin,
    wait,
};

/// The part of a configuration whose route `/` leads to these URLs, nearest first; with more keys
/// of each origin and of the route.
pub fn route_to(urls: &[String], origin_keys: &str, route_keys: &str) -> String {
    let origins = urls.iter().enumerate().map(|(number, url)| {
        format!("[[origin]]\nname = \"o{number}\"\nurls = [\"{url}\"]\n{origin_keys}\n")
    });
    let names = (0..urls.len()).map(|number| format!("\"o{number}\""));
    let names = names.collect::<Vec<_>>().join(", ");
    let route = format!("[[route]]\npath = \"/\"\norigin = [{names}]\n{route_keys}\n");
    origins.chain([route]).collect()
}

/// A daemon whose route `/` leads to some origins.
#[derive(Debug)]
pub struct Edge(Daemon);

impl Edge {
    /// The route leads to these origins, nearest first.
    pub fn before(origins: &[&Origin]) -> Self {
        Self::with(origins, "")
    }

    /// The same with more keys of the route.
    pub fn with(origins: &[&Origin], keys: &str) -> Self {
        let urls: Vec<String> = origins.iter().map(|origin| origin.url()).collect();
        Self(Daemon::start(&route_to(&urls, "", keys)))
    }

    /// Host and port.
    pub fn host(&self) -> String {
        let url = self.0.data("");
        url.trim_start_matches("http://").to_owned()
    }

    /// The URL of `path`.
    pub fn url(&self, path: &str) -> String {
        self.0.data(path)
    }

    /// A URL of the management listener.
    pub fn management(&self, path: &str) -> String {
        self.0.management(path)
    }

    /// A counter of `/api/health`, by its group and name.
    ///
    /// # Panics
    /// When there is none.
    pub fn counter(&self, group: &str, name: &str) -> u64 {
        let health = self.0.health();
        let value = health[group][name].as_u64();
        value.unwrap_or_else(|| panic!("no counter {group}.{name} in {health}"))
    }

    /// Waits until a counter of `/api/health`, which is a second old, has this value.
    ///
    /// # Panics
    /// When it does not come to it.
    pub fn counted(&self, group: &str, name: &str, value: u64) {
        let what = format!("{group}.{name} = {value}");
        wait::until(&what, Duration::from_secs(10), || {
            (self.counter(group, name) == value).then_some(())
        });
    }

    /// The same for a counter of the route.
    ///
    /// # Panics
    /// When it does not come to it.
    pub fn counted_by_route(&self, name: &str, value: u64) {
        let what = format!("{name} = {value} of the route");
        wait::until(&what, Duration::from_secs(10), || {
            let health = self.0.health();
            (health["routes"][0]["counters"][name] == value).then_some(())
        });
    }

    /// Gets `path`.
    ///
    /// # Errors
    /// When the response is not whole.
    pub fn get(&self, path: &str) -> Result<Response, Failure> {
        self.ask("GET", path, &[])
    }

    /// Asks for `path` with these fields.
    ///
    /// # Errors
    /// When the response is not whole.
    pub fn ask(
        &self,
        method: &str,
        path: &str,
        fields: &[(&str, &str)],
    ) -> Result<Response, Failure> {
        http::request(method, &self.0.data(path), fields, b"")
    }
}
