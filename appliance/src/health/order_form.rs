//! The forms of orders, as the description of the management listener has them.
//!
//! Source: JSON Schema 2020-12; ECMA-262 (patterns); RFC 3986 §3.3.
//! Refuses: to read orders. Whoever takes one does, and may understand more than is described.

use crate::health::endpoint::{FORM, JSON};

/// The body of an order.
#[derive(Debug, Clone, Copy)]
pub(super) struct Order {
    pub(super) media_type: &'static str,
    pub(super) fields: &'static [Field],
    /// Fields that must be there.
    pub(super) required: &'static [&'static str],
    /// Lists of which one at least must have something in it.
    pub(super) some_of: &'static [&'static str],
}

/// A field of an order.
#[derive(Debug, Clone, Copy)]
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) form: Form,
    pub(super) help: &'static str,
}

/// What a field may be. Patterns are of ECMA-262, and may be narrower than what is understood.
#[derive(Debug, Clone, Copy)]
pub(super) enum Form {
    /// A text that looks so, or null.
    Text(&'static str),
    /// A text that looks so.
    Required(&'static str),
    /// A list of texts that look so.
    Texts(&'static str),
    /// A whole number from this one on, or null.
    Number(u64),
}

/// A label of a name.
macro_rules! label {
    () => {
        r"[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?"
    };
}

/// A host with a port, perhaps, as in a URL.
macro_rules! host {
    () => {
        concat!(label!(), r"(\.", label!(), r"){0,3}(:[0-9]{1,4})?")
    };
}

/// A letter of a path or query; more than RFC 3986 allows is understood.
macro_rules! letter {
    () => {
        r"[^\u0000-\u0020\u007f-\u009f<>`/]"
    };
}

/// The same but for the star.
macro_rules! plain_letter {
    () => {
        r"[^\u0000-\u0020\u007f-\u009f<>`/*]"
    };
}

/// A path.
macro_rules! path {
    () => {
        concat!("/(", letter!(), "+(/", letter!(), "*)*)?")
    };
}

const URL: &str = concat!("^(https?://", host!(), ")?", path!(), "$");

const PATTERN: &str = concat!(
    "^(https?://",
    host!(),
    ")?/(",
    plain_letter!(),
    "(",
    plain_letter!(),
    "|/)*)?([*](",
    plain_letter!(),
    "|/)*){0,8}$"
);

/// A URL with a host, or the id of a channel.
const OBJECT: &str = concat!("^(https?://", host!(), path!(), r"|[A-Za-z0-9._-]{1,64})$");

const CHANNEL: &str = "^[A-Za-z0-9._-]{1,64}$";

const HOST: &str = concat!("^", host!(), "$");

/// Letters without spaces at their ends.
const TAG: &str = r"^[!-~]([ -~]{0,1000}[!-~])?$";

/// From a second to 720 hours.
const PERIOD: &str =
    r"^([1-9][0-9]{0,5} ?s|[1-9][0-9]{0,3} ?min|([1-9][0-9]?|[1-6][0-9]{2}|7[01][0-9]|720) ?h)$";

const fn text(name: &'static str, pattern: &'static str, help: &'static str) -> Field {
    let form = Form::Text(pattern);
    Field { name, form, help }
}

const fn texts(name: &'static str, pattern: &'static str, help: &'static str) -> Field {
    let form = Form::Texts(pattern);
    Field { name, form, help }
}

const fn number(name: &'static str, min: u64, help: &'static str) -> Field {
    let form = Form::Number(min);
    Field { name, form, help }
}

const AUTHOR: Field = text(
    "author",
    r"^([ -~]{1,64}|[^\u0000-\u001f\u007f-\u009f]{1,16})$",
    "Who says so; the address of the client by default.",
);

const NOTE: Field = Field {
    name: "note",
    form: Form::Required(r"^([ -~]{0,256}|[^\u0000-\u001f\u007f-\u009f]{0,64})$"),
    help: "Why.",
};

/// What a person types to log in.
pub(super) const LOGIN_FORM: &Order = &Order {
    media_type: FORM,
    fields: &[
        Field {
            name: "name",
            form: Form::Required("^[A-Za-z0-9._-]{1,64}$"),
            help: "As whom.",
        },
        Field {
            name: "password",
            form: Form::Required("^[ -~]{1,128}$"),
            help: "What only that person knows.",
        },
        Field {
            name: "next",
            form: Form::Required("^/[A-Za-z0-9._-]{0,64}$"),
            help: "The path of the page that it leads to.",
        },
    ],
    required: &["name", "password"],
    some_of: &[],
};

const FOR: &str = "For how long, as in \"2h\"; at most 720 h.";

/// What an operator says of an alarm.
pub(super) const ALARM_ORDER: &Order = &Order {
    media_type: JSON,
    fields: &[AUTHOR, NOTE, text("for", PERIOD, FOR)],
    required: &[],
    some_of: &[],
};

/// The same, for a while.
pub(super) const SHELVE_ORDER: &Order = &Order {
    media_type: JSON,
    fields: &[
        AUTHOR,
        NOTE,
        Field {
            name: "for",
            form: Form::Required(PERIOD),
            help: FOR,
        },
    ],
    required: &["for"],
    some_of: &[],
};

/// What is to be forgotten.
pub(super) const PURGE_ORDER: &Order = &Order {
    media_type: JSON,
    fields: &[
        texts("urls", URL, "URLs or paths to forget."),
        texts("prefixes", URL, "What begins so."),
        texts("patterns", PATTERN, "What looks so, with at most 8 stars."),
        texts("tags", TAG, "What has one of these surrogate keys."),
    ],
    required: &[],
    some_of: &["urls", "prefixes", "patterns", "tags"],
};

/// What is to be fetched.
pub(super) const PREWARM_ORDER: &Order = &Order {
    media_type: JSON,
    fields: &[
        texts(
            "urls",
            OBJECT,
            "URLs to fetch; paths, where there is a host.",
        ),
        texts("playlists", OBJECT, "Playlists, with what they list."),
        texts("channels", CHANNEL, "Channels, with what they list."),
        text("host", HOST, "The host of paths."),
        number("segments", 0, "Segments of each playlist, the newest."),
        number("rate", 1, "Objects begun in a second."),
        number("concurrency", 1, "Objects fetched at one time."),
    ],
    required: &[],
    some_of: &["urls", "playlists", "channels"],
};
