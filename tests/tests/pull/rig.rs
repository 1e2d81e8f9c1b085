//! A daemon between clients and origins.

use std::error::Error;

use weir_tests::{
    daemon::Daemon,
    http::{self, Response},
    origin::Origin,
};

pub(super) type Result<T = ()> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// A daemon whose route `/` leads to these origins, nearest first.
pub(super) fn edge(origins: &[&Origin]) -> Daemon {
    edge_with(origins, "")
}

/// The same with more keys of the route.
pub(super) fn edge_with(origins: &[&Origin], keys: &str) -> Daemon {
    let mut text = String::new();
    for (number, origin) in origins.iter().enumerate() {
        let url = origin.url();
        text += &format!("[[origin]]\nname = \"o{number}\"\nurls = [\"{url}\"]\n");
    }
    let names: Vec<_> = (0..origins.len())
        .map(|number| format!("\"o{number}\""))
        .collect();
    text += &format!(
        "[[route]]\npath = \"/\"\norigin = [{}]\n{keys}\n",
        names.join(", ")
    );
    Daemon::start(&text)
}

pub(super) fn get(edge: &Daemon, path: &str) -> Result<Response> {
    http::get(&edge.data(path))
}

pub(super) fn ask(edge: &Daemon, path: &str, fields: &[(&str, &str)]) -> Result<Response> {
    http::request("GET", &edge.data(path), fields, b"")
}

/// Bytes that differ from place to place.
pub(super) fn content(bytes: usize) -> Vec<u8> {
    (0_u32..).flat_map(u32::to_le_bytes).take(bytes).collect()
}
