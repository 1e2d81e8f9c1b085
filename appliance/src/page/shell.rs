//! What is around every page: head, name of the box, clock, languages.

use maud::{DOCTYPE, Markup, PreEscaped, html};
use weir_hal::{SlotState, SlotTable, SlotVersion};

use crate::{
    health::VERSION,
    page::{
        LIVE_PATH, LOGIN_PATH, Language, Person, STYLE_PATH, View, format,
        language::{LANGUAGES, PARAMETER},
        level,
    },
};

/// Seconds after which a browser without a script loads the page again.
const REFRESH_S: u8 = 5;

/// Puts `main` into a whole page of this title. `query` is what a link to the page itself needs
/// beside its language; it must be safe in a URL.
pub(super) fn page(view: &View<'_>, title: &str, query: &str, main: &Markup) -> Markup {
    let living = html! {
        noscript { meta http-equiv="refresh" content=(REFRESH_S); }
        script src=(LIVE_PATH) defer {}
    };
    whole(view, title, query, (&living, main))
}

/// The same of a page that stays as it is: what somebody types there is not taken away.
pub(super) fn still_page(view: &View<'_>, title: &str, query: &str, main: &Markup) -> Markup {
    whole(view, title, query, (&nothing(), main))
}

fn whole(view: &View<'_>, title: &str, query: &str, (living, main): (&Markup, &Markup)) -> Markup {
    let language = view.language;
    html! {
        (DOCTYPE)
        html lang=(language.tag) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " · " (view.node) " · Weir" }
                link rel="icon" href="data:,";
                link rel="stylesheet" href=(STYLE_PATH);
                (living)
            }
            body {
                (level::shapes())
                (header(view))
                p #stale role="status" data-text=(language.no_fresher) hidden {}
                main { (main) }
                footer {
                    nav aria-label=(language.languages) {
                        @for other in LANGUAGES {
                            @let link = format!("?{query}{PARAMETER}={}", other.tag);
                            @if other.tag == language.tag {
                                a href=(link) lang=(other.tag) aria-current="true" { (other.name) }
                            } @else {
                                a href=(link) lang=(other.tag) { (other.name) }
                            }
                        }
                    }
                    nav aria-label=(language.machine_readable) {
                        a href="/api/v1/status" { "JSON" }
                        a href="/metrics" { "Prometheus" }
                        a href="/api/v1/log" { "Log" }
                        a href="/WEIR-MIB.txt" { "MIB" }
                    }
                }
            }
        }
    }
}

/// Which box this is, and its clock.
fn header(view: &View<'_>) -> Markup {
    let (language, snapshot) = (view.language, view.snapshot);
    let time = format::moment(snapshot.taken);
    let is_free = snapshot
        .clock_discipline
        .is_some_and(|it| it.offset.is_none());
    html! {
        header {
            h1 { a href={ "/?" (PARAMETER) "=" (language.tag) } { (view.node) } }
            dl {
                @if !view.site.is_empty() { (term(language.site, &html! { (view.site) })) }
                (term(language.version, &html! { (VERSION) }))
                @if let Some(slots) = &snapshot.slots { (running(slots, language)) }
                (term(language.uptime, &html! { (format::span(snapshot.uptime)) }))
                (term(language.clock, &html! {
                    time datetime=(time) { (time.replace('T', " ").replace('Z', " UTC")) }
                    @if is_free { " " span class="poor" { (language.clock_free) } }
                }))
            }
            (door(view))
        }
    }
}

/// The slot that runs, the version of it, and what is to be known of it unless it is good.
fn running(slots: &SlotTable, language: &Language) -> Markup {
    let slot = slots.slot(slots.running);
    let version = slot.version.as_ref().map(SlotVersion::as_str);
    let trouble = match slot.state {
        SlotState::Good => None,
        SlotState::Trial(_) => Some(language.slot_trial),
        SlotState::Bad { .. } | SlotState::Empty => Some(language.slot_empty),
        SlotState::Unknown => Some(language.unknown),
    };
    term(
        language.slot,
        &html! {
            (slot.name.as_str())
            @if let Some(version) = version { " · " (version) }
            @if let Some(trouble) = trouble { " " span class="poor" { (trouble) } }
        },
    )
}

/// Who is logged in and the way out, or the way in.
fn door(view: &View<'_>) -> Markup {
    let (language, tag) = (view.language, view.language.tag);
    match view.person {
        Person::Anybody => nothing(),
        Person::Stranger if view.path == LOGIN_PATH => nothing(),
        Person::Stranger => {
            let link = format!("{LOGIN_PATH}?next={}&{PARAMETER}={tag}", view.path);
            html! { a #door class="button" href=(link) { (language.log_in) } }
        }
        Person::User(name) => html! {
            form #door class="tools" method="post" action={ "/logout?" (PARAMETER) "=" (tag) } {
                span { (Language::with(language.logged_in, name)) }
                button { (language.log_out) }
            }
        },
    }
}

/// A name and what it is.
pub(super) fn term(name: &str, value: &Markup) -> Markup {
    html! { div { dt { (name) } dd { (value) } } }
}

/// The same with a text.
pub(super) fn figure(name: &str, value: &str) -> Markup {
    term(name, &html! { (value) })
}

/// A card: a part of a page with a title.
pub(super) fn card(id: &str, title: &str, content: &Markup) -> Markup {
    html! {
        section #(id) aria-labelledby={ (id) "-title" } {
            h2 id={ (id) "-title" } { (title) }
            (content)
        }
    }
}

/// A text of the rest of the appliance, which is English.
pub(super) fn english(text: &str, is_english: bool) -> Markup {
    if is_english {
        html! { (text) }
    } else {
        html! { span lang="en" { (text) } }
    }
}

/// Nothing.
pub(super) const fn nothing() -> Markup {
    PreEscaped(String::new())
}
