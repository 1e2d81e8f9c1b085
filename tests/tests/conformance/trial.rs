//! The same question asked twice, and whether the second answer is the first one again.

use std::error::Error;

use weir_tests::{
    edge::Edge,
    http::Response,
    origin::{Origin, Reply, Seen},
};

pub(super) type Result<T = ()> = std::result::Result<T, Box<dyn Error + Send + Sync>>;
pub(super) type Fields = &'static [(&'static str, &'static str)];

/// What comes back, and whether a second request should find it in the cache.
#[derive(Debug, Clone, Copy)]
pub(super) struct Case {
    pub(super) status: u16,
    pub(super) response: Fields,
    pub(super) is_reused: bool,
}

/// A 200 with these fields is used again.
pub(super) const fn reused(response: Fields) -> Case {
    Case {
        status: 200,
        response,
        is_reused: true,
    }
}

/// A 200 with these fields is not used again without asking.
pub(super) const fn asked_anew(response: Fields) -> Case {
    Case {
        is_reused: false,
        ..reused(response)
    }
}

/// Asks twice for each case, with the fields `request`, and compares. Every answer of the origin
/// differs from the one before it.
pub(super) fn try_all(request: Fields, cases: &[Case]) -> Result {
    let table = cases.to_vec();
    let origin = Origin::start(move |seen| answer(&table, seen));
    let edge = Edge::before(&[&origin]);
    for (number, case) in cases.iter().enumerate() {
        let path = format!("/{number}");
        let first = edge.ask("GET", &path, request)?;
        let second = edge.ask("GET", &path, request)?;
        assert_eq!(first.status, case.status, "{case:?}");
        let is_reused = second.field("count") == first.field("count");
        assert_eq!(is_reused, case.is_reused, "{case:?}: {second:?}");
        assert_eq!(is_hit(&second), case.is_reused, "{case:?}: {second:?}");
    }
    Ok(())
}

fn answer(table: &[Case], seen: &Seen) -> Reply {
    let number: usize = seen.target.trim_matches('/').parse().unwrap_or(0);
    let Some(case) = table.get(number) else {
        return Reply::new(404, &[], "");
    };
    let count = next_count();
    let fields = [case.response, &[("Count", count.as_str())]].concat();
    Reply::new(case.status, &fields, "body")
}

/// A number that no other answer has.
pub(super) fn next_count() -> String {
    use std::sync::atomic::{AtomicU64, Ordering};
    static COUNT: AtomicU64 = AtomicU64::new(0);
    COUNT.fetch_add(1, Ordering::Relaxed).to_string()
}

/// Whether Cache-Status says that the answer came from the cache alone.
pub(super) fn is_hit(response: &Response) -> bool {
    let status = response.field("cache-status").unwrap_or("");
    status.starts_with("box; hit")
}
