//! Where people log in.

use std::time::Duration;

use maud::{Markup, html};

use crate::page::{LOGIN_PATH, Language, View, format, language::PARAMETER, shell};

/// Why nobody was logged in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LoginFault {
    /// There is nobody who could be.
    Nobody,
    /// The name or the password is wrong.
    Wrong,
    /// Too much was tried; for so long nothing more is.
    TooMany(Duration),
    /// The box cannot do it now.
    Unable,
}

/// Renders the page that leads on to `next`, which must be safe in a URL.
pub(crate) fn render(view: &View<'_>, next: &str, fault: Option<LoginFault>) -> Markup {
    let language = view.language;
    let main = html! {
        section #login aria-labelledby="login-title" {
            h2 #login-title { (language.log_in) }
            @if let Some(fault) = fault {
                p #fault class="bad" role="alert" { (sentence(fault, language)) }
            }
            @if fault != Some(LoginFault::Nobody) { (form(language, next)) }
        }
    };
    shell::still_page(view, language.log_in, &format!("next={next}&"), &main)
}

fn form(language: &Language, next: &str) -> Markup {
    html! {
        form method="post" action={ (LOGIN_PATH) "?" (PARAMETER) "=" (language.tag) } {
            input type="hidden" name="next" value=(next);
            label for="name" { (language.user_name) }
            input #name name="name" autocomplete="username" autocapitalize="none"
                spellcheck="false" required;
            label for="password" { (language.password) }
            input #password name="password" type="password" autocomplete="current-password"
                required;
            button { (language.log_in) }
        }
    }
}

fn sentence(fault: LoginFault, language: &Language) -> String {
    match fault {
        LoginFault::Nobody => language.login_nobody.to_owned(),
        LoginFault::Wrong => language.login_wrong.to_owned(),
        LoginFault::TooMany(wait) => Language::with(language.login_wait, &format::span(wait)),
        LoginFault::Unable => language.login_unable.to_owned(),
    }
}
