//! `[[route]]`: where that comes from which is not received.

use super::{
    Config, Origin, Route,
    channel::unique,
    mistake::{Ledger, quoted},
    origin::read_origin,
    read::id,
    section::{Found, Section},
    terms::read_terms,
};

/// Bytes a route's path may have.
const PATH_BYTES_MAX: usize = 512;

/// Paths that the appliance itself answers on the data listener.
const OWN_PATHS: &[&str] = &["/live", "/livez", "/readyz"];

/// Reads origins and routes together, for a route names origins.
pub(super) fn read_pull(root: &mut Section<'_>, ledger: &mut Ledger) -> (Vec<Origin>, Vec<Route>) {
    let mut names = Vec::new();
    let sections = root.tables("origin", Config::ORIGINS_MAX, ledger);
    let origins: Vec<Origin> = sections
        .into_iter()
        .map(|section| read_origin(section, &mut names, ledger))
        .collect();
    let mut paths = Vec::new();
    let sections = root.tables("route", Config::ROUTES_MAX, ledger);
    let routes: Vec<Route> = sections
        .into_iter()
        .map(|section| read_route(section, &mut paths, &origins, ledger))
        .collect();
    for Found { value, place } in &names {
        if !routes.iter().any(|route| route.origins.contains(value)) {
            let text = format!("no route leads to {value:?}: add a [[route]], or remove it");
            ledger.warning(place, text);
        }
    }
    (origins, routes)
}

fn read_route(
    mut section: Section<'_>,
    paths: &mut Vec<Found<String>>,
    origins: &[Origin],
    ledger: &mut Ledger,
) -> Route {
    section.require("path", "path = \"/vod/\"", ledger);
    let path = unique(section.text("path", route_path, ledger), paths, ledger);
    section.require("origin", "origin = [\"midcache\"]", ledger);
    let tiers = section.texts("origin", Config::TIERS_MAX, id, ledger);
    if section.is_empty_list("origin") {
        let text = "names no origin: add one, such as \"midcache\"";
        ledger.mistake(&section.place_of("origin"), text);
    }
    check_tiers(&tiers, origins, ledger);
    let origins = tiers.into_iter().map(|found| found.value).collect();
    read_terms(section, Route::new(path, origins), ledger)
}

/// A tier that nobody defined is passed over with a warning; a route with none left is a mistake.
fn check_tiers(tiers: &[Found<String>], origins: &[Origin], ledger: &mut Ledger) {
    let is_known = |name: &str| origins.iter().any(|origin| origin.name == name);
    let is_served = tiers.iter().any(|tier| is_known(&tier.value));
    for (index, Found { value, place }) in tiers.iter().enumerate() {
        let is_repeated = tiers
            .iter()
            .take(index)
            .any(|earlier| earlier.value == *value);
        let remedy = format!("add an [[origin]] with name = {value:?}, or remove it here");
        if is_repeated {
            ledger.mistake(place, format!("{value:?} is listed twice: keep the first"));
        } else if !is_known(value) && is_served {
            let text = format!("no origin is called {value:?}, so this tier is passed over");
            ledger.warning(place, format!("{text}: {remedy}"));
        } else if !is_known(value) {
            ledger
                .mistake_unless_damaged(place, format!("no origin is called {value:?}: {remedy}"));
        }
    }
}

/// Whether a route of the path `route` covers `path`: what lies below it, and what stands there if
/// it does not end in a slash. `/vod` and `/vod/` cover `/vod/a.mp4`, neither covers `/vodka`.
pub fn covers(route: &str, path: &str) -> bool {
    path.strip_prefix(route)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/') || route.ends_with('/'))
}

fn route_path(text: &str) -> Result<String, String> {
    let is_fit = text.starts_with('/')
        && text.len() <= PATH_BYTES_MAX
        && text
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && !b"?#\\".contains(&byte))
        && text.split('/').all(|part| part != "." && part != "..");
    if !is_fit {
        let text = quoted(text);
        return Err(format!(
            "{text} is no path: write one from /, without ?, # and .., as in \"/vod/\""
        ));
    }
    let first = text
        .get(1..)
        .and_then(|rest| rest.split('/').next())
        .unwrap_or("");
    if let Some(own) = OWN_PATHS.iter().find(|own| own.get(1..) == Some(first)) {
        return Err(format!(
            "{own} is answered by the appliance itself: choose another path"
        ));
    }
    Ok(text.to_owned())
}
