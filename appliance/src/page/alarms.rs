//! What somebody should act on, the worst first.

use maud::{Markup, html};

use crate::{
    alarm::{Alarm, OperatorState},
    page::{
        Language, View,
        banner::since,
        level::{Level, badge, severity_word},
        shell::{card, english},
    },
};

/// Alarms that are shown at once; as many again are behind a click.
const SHOWN_MAX: usize = 6;

pub(super) fn alarms(view: &View<'_>) -> Markup {
    let (language, snapshot) = (view.language, view.snapshot);
    let roots: Vec<&Alarm> = snapshot.alarms.roots().collect();
    let (shown, others) = roots.split_at(roots.len().min(SHOWN_MAX));
    let content = html! {
        @if roots.is_empty() {
            p class="dim" { (language.no_alarms) }
        } @else {
            ul class="alarms" { @for alarm in shown { (line(view, alarm)) } }
        }
        @if !others.is_empty() {
            @let hidden = others.len().saturating_sub(SHOWN_MAX);
            details id="more-alarms" {
                summary { (Language::with(language.more, &others.len().to_string())) }
                ul class="alarms" {
                    @for alarm in others.iter().take(SHOWN_MAX) { (line(view, alarm)) }
                }
                @if hidden > 0 {
                    p { a href="/api/v1/alarms" {
                        (Language::with(language.more, &hidden.to_string()))
                    } }
                }
            }
        }
    };
    card("alarms", language.alarms, &content)
}

fn line(view: &View<'_>, alarm: &Alarm) -> Markup {
    let language = view.language;
    let word = severity_word(alarm.severity, language);
    html! {
        li {
            div {
                (badge(Level::of_severity(alarm.severity), word))
                " " small { (since(view.snapshot, alarm, language)) }
                @if alarm.affected > 0 {
                    " " small { (Language::with(language.affected, &alarm.affected.to_string())) }
                }
                @if alarm.is_flapping { " " small { (language.flapping) } }
                @if alarm.is_over { " " small { (language.over) } }
                @if let Some(operation) = &alarm.operation {
                    " " small {
                        (operator_word(operation.state, language)) " "
                        (Language::with(language.by, &operation.author))
                    }
                }
            }
            p { (what(alarm, language)) }
            p class="dim" { (language.to_do) ": " (remedy(alarm, language)) }
        }
    }
}

/// What is wrong, of what: in the words of `language`, then in those of the alarm, which tell what
/// was read.
pub(super) fn what(alarm: &Alarm, language: &Language) -> Markup {
    html! {
        (alarm.resource) ": "
        @if let Some(words) = language.alarm(alarm.kind) {
            (words.title) " " small class="dim" { "(" (english(&alarm.text, false)) ")" }
        } @else {
            (alarm.text)
        }
    }
}

/// What to do about it.
pub(super) fn remedy(alarm: &Alarm, language: &Language) -> &'static str {
    let words = language.alarm(alarm.kind);
    words.map_or_else(|| alarm.remedy(), |words| words.remedy)
}

const fn operator_word(state: OperatorState, language: &Language) -> &'static str {
    match state {
        OperatorState::Acknowledged => language.acknowledged,
        OperatorState::Closed => language.closed,
        OperatorState::Shelved => language.shelved,
    }
}
