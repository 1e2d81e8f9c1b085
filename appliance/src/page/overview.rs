//! The overview: all of the box on one page.

use maud::{Markup, html};

use crate::page::{
    View, alarms::alarms, banner::banner, channels::channels, nics::nics, origins::origins, shell,
    storage::storage,
};

/// Renders the overview.
pub(crate) fn render(view: &View<'_>) -> Markup {
    let has_alarms = view.snapshot.alarms.roots().next().is_some();
    let main = html! {
        (banner(view))
        @if has_alarms { (alarms(view)) }
        (channels(view))
        div class="cards" {
            (nics(view))
            (storage(view))
            (origins(view))
            @if !has_alarms { (alarms(view)) }
        }
    };
    shell::page(view, view.language.title, "", &main)
}
