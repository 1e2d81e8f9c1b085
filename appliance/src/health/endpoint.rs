//! Every path of the management listener, once: what answers there, and what is said of it.
//!
//! Whoever dispatches a request looks here, and the description is made of it: what answers is
//! described, and what is described answers.
//!
//! Source: `OpenAPI` 3.1.0 (path templating).

use crate::{
    config::Role,
    health::{
        asset::{HLS_JS, PLAYER_JS},
        metrics::Format,
        order_form::{ALARM_ORDER, LOGIN_FORM, Order, PREWARM_ORDER, PURGE_ORDER, SHELVE_ORDER},
    },
    page::{LIVE_PATH, LOGIN_PATH, STYLE_PATH},
    serve::reply::TEXT,
};

/// The media type of most answers.
pub(super) const JSON: &str = "application/json";

/// The media type of the forms of pages.
pub(super) const FORM: &str = "application/x-www-form-urlencoded";

/// The media type of answers to supervisors.
pub(super) const HEALTH_JSON: &str = "application/health+json";

/// The media type of events.
pub(super) const EVENT_STREAM: &str = "text/event-stream";

/// The media type of pages.
pub(super) const HTML: &str = "text/html; charset=utf-8";

/// What answers at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// The status page.
    Page,
    /// The page of a channel.
    Channel,
    /// The page that plays a channel.
    Player,
    /// A file that pages need.
    Asset,
    /// Liveness.
    Alive,
    /// Readiness.
    Ready,
    /// Readiness of one channel.
    ChannelReady,
    /// State for supervisors.
    Healthz,
    /// State and counters of everything.
    ApiHealth,
    /// Metrics.
    Metrics,
    /// The description of all this.
    Description,
    /// A view of the table.
    Table,
    /// All alarms.
    Alarms,
    /// The latest events of the log.
    Log,
    /// The module of what SNMP tells.
    Mib,
    /// What an operator says of one.
    AlarmOrder,
    /// Orders to purge.
    Purge,
    /// Orders to prewarm.
    Prewarm,
    /// What happens, as it happens.
    Events,
    /// Where people log in.
    Login,
    /// Where they log out.
    Logout,
}

impl Place {
    /// Whether something can be ordered there.
    pub(super) const fn takes_orders(self) -> bool {
        matches!(self, Self::AlarmOrder | Self::Purge | Self::Prewarm) || self.is_door()
    }

    /// Whether what is ordered there is to be known, or no longer.
    pub(super) const fn is_door(self) -> bool {
        matches!(self, Self::Login | Self::Logout)
    }

    /// What whoever orders there must be, if not by the address.
    pub(super) const fn role(self) -> Role {
        if matches!(self, Self::Purge | Self::Prewarm) {
            Role::Admin
        } else {
            Role::Technician
        }
    }

    /// Whether whoever probes asks there, by any name: it tells yes or no, and nobody else's.
    pub(super) const fn is_probe(self) -> bool {
        matches!(self, Self::Alive | Self::Ready | Self::ChannelReady)
    }
}

/// One path, or those of one template: a part in braces stands for any that is not empty.
#[derive(Debug, Clone, Copy)]
pub(super) struct Endpoint {
    pub(super) path: &'static str,
    pub(super) place: Place,
    pub(super) operations: &'static [Operation],
}

/// What one method does there. HEAD and OPTIONS are wherever GET is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Operation {
    /// The method, in lower case.
    pub(super) method: &'static str,
    pub(super) help: &'static str,
    /// Its status when all is well.
    pub(super) success: &'static str,
    pub(super) media_type: &'static str,
    /// Further statuses, and what they mean.
    pub(super) others: &'static [(&'static str, &'static str)],
    /// The body that it takes, if it takes any.
    pub(super) order: Option<&'static Order>,
}

const UNREADY: &[(&str, &str)] = &[("503", "It is not, and why.")];

const NO_CHANNEL: &[(&str, &str)] = &[("404", "There is no such channel.")];

const REFUSED: &[(&str, &str)] = &[
    ("400", "The order cannot be read."),
    ("401", "Nobody knows the token, or it has expired."),
    (
        "403",
        "The client or its token may not order, or a page of another site asks.",
    ),
    ("404", "There is nothing that is ordered about."),
    ("409", "It cannot be obeyed now."),
    ("415", "The order is not sent as application/json."),
    ("429", "Too much is ordered."),
];

const LOGIN_REFUSED: &[(&str, &str)] = &[
    ("400", "The form cannot be read."),
    (
        "403",
        "The name or the password is wrong, or a page of another site asks.",
    ),
    ("413", "The form is too long."),
    ("415", "It is not sent as a browser sends forms."),
    ("429", "Too many passwords were tried."),
    ("503", "The system has no random numbers."),
];

const LOGOUT_REFUSED: &[(&str, &str)] = &[("403", "No page of this box asks.")];

const fn get(help: &'static str, media_type: &'static str) -> Operation {
    Operation {
        method: "get",
        help,
        success: "200",
        media_type,
        others: &[],
        order: None,
    }
}

const fn post(help: &'static str, success: &'static str, order: &'static Order) -> Operation {
    Operation {
        method: "post",
        success,
        others: REFUSED,
        order: Some(order),
        ..get(help, JSON)
    }
}

macro_rules! endpoints {
    ( $( $path:expr => $place:ident $operations:tt, )+ ) => {
        /// All of them.
        pub(super) const ENDPOINTS: &[Endpoint] = &[
            $( Endpoint {
                path: $path,
                place: Place::$place,
                operations: &$operations,
            }, )+
        ];
    };
}

endpoints! {
    "/" => Page [get("The status page.", HTML)],
    "/player/{id}" => Player [Operation {
        others: NO_CHANNEL,
        ..get("Plays a channel.", HTML)
    }],
    "/channel/{id}" => Channel [Operation {
        others: &[("303", "A mark was set."), ("404", "There is no such channel.")],
        ..get("The page of a channel.", HTML)
    }],
    LOGIN_PATH => Login [
        get("The page to log in.", HTML),
        Operation {
            method: "post",
            success: "303",
            others: LOGIN_REFUSED,
            order: Some(LOGIN_FORM),
            ..get("Logs in.", HTML)
        },
    ],
    "/logout" => Logout [Operation {
        method: "post",
        success: "303",
        others: LOGOUT_REFUSED,
        ..get("Logs out.", HTML)
    }],
    STYLE_PATH => Asset [get("The style of pages.", "text/css; charset=utf-8")],
    LIVE_PATH => Asset [get("The script of pages.", "text/javascript; charset=utf-8")],
    PLAYER_JS => Asset [get("The script of the player.", "text/javascript; charset=utf-8")],
    HLS_JS => Asset [get("The library of the player.", "text/javascript; charset=utf-8")],
    "/livez" => Alive [Operation { others: UNREADY, ..get("Is it alive?", TEXT) }],
    "/readyz" => Ready [Operation { others: UNREADY, ..get("Can it serve?", TEXT) }],
    "/readyz/channel/{id}" => ChannelReady [Operation {
        others: &[("404", "There is no such channel."), ("503", "It is not, and why.")],
        ..get("Can it serve this channel?", TEXT)
    }],
    "/healthz" => Healthz [Operation {
        others: UNREADY,
        ..get("How well it is, for supervisors.", HEALTH_JSON)
    }],
    "/api/health" => ApiHealth [get("State and counters of everything.", JSON)],
    "/metrics" => Metrics [get("The same for Prometheus.", Format::Prometheus.media_type())],
    "/api/v1/openapi.json" => Description [get("This description.", JSON)],
    "/api/v1/status" => Table [get("The node without its parts.", JSON)],
    "/api/v1/channels" => Table [get("All channels.", JSON)],
    "/api/v1/channels/{id}" => Table [Operation {
        others: NO_CHANNEL,
        ..get("A channel.", JSON)
    }],
    "/api/v1/cache" => Table [get("The counters of the cache.", JSON)],
    "/api/v1/origins" => Table [get("All origins.", JSON)],
    "/api/v1/routes" => Table [get("All routes.", JSON)],
    "/api/v1/disks" => Table [get("All file systems.", JSON)],
    "/api/v1/nics" => Table [get("All network interfaces.", JSON)],
    "/api/v1/thermometers" => Table [get("All thermometers of the machine.", JSON)],
    "/api/v1/slots" => Table [get("The slots that the machine is booted from.", JSON)],
    "/api/v1/suppressed_alarms" => Table [
        get("Effects of alarms, and alarms that an operator has closed or shelved.", JSON)
    ],
    "/api/v1/events" => Events [Operation {
        others: &[("503", "There are as many streams as there may be.")],
        ..get(
            "What happens, as it happens: `snapshot`, `channel`, `alarm`; `missed` where events \
                are left out that are no longer kept.",
            EVENT_STREAM,
        )
    }],
    "/WEIR-MIB.txt" => Mib [get("The module of what SNMP tells.", TEXT)],
    "/api/v1/log" => Log [get("The latest events of the log.", JSON)],
    "/api/v1/alarms" => Alarms [get("All alarms, what was told of them, and their kinds.", JSON)],
    "/api/v1/alarms/{id}/acknowledge" => AlarmOrder [
        post("An operator knows of an alarm.", "200", ALARM_ORDER)
    ],
    "/api/v1/alarms/{id}/close" => AlarmOrder [
        post("An operator has done with an alarm.", "200", ALARM_ORDER)
    ],
    "/api/v1/alarms/{id}/shelve" => AlarmOrder [
        post("An operator does not want to hear of it for a while.", "200", SHELVE_ORDER)
    ],
    "/api/v1/alarms/{id}/unshelve" => AlarmOrder [
        post("An operator does again.", "200", ALARM_ORDER)
    ],
    "/api/v1/purge" => Purge [post("Forgets what was pulled.", "200", PURGE_ORDER)],
    "/api/v1/ban" => Purge [post("The same.", "200", PURGE_ORDER)],
    "/api/v1/prewarm" => Prewarm [
        get("How far the latest order to prewarm is.", JSON),
        post("Fetches ahead.", "202", PREWARM_ORDER),
        Operation {
            method: "delete",
            others: REFUSED,
            ..get("Cancels the order under way.", JSON)
        },
    ],
}

/// What answers at `path`; `None` if nothing does.
pub(super) fn place_of(path: &str) -> Option<Place> {
    let mut endpoints = ENDPOINTS.iter();
    let found = endpoints.find(|endpoint| is_of(path, endpoint.path));
    found.map(|endpoint| endpoint.place)
}

/// Whether `path` is one of `template`.
fn is_of(path: &str, template: &str) -> bool {
    let mut parts = path.split('/');
    let is_alike = template.split('/').all(|wanted| {
        let part = parts.next();
        part.is_some_and(|part| part == wanted || wanted.starts_with('{') && !part.is_empty())
    });
    is_alike && parts.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_of_its_template_and_of_no_other() {
        for (path, place) in [
            ("/", Some(Place::Page)),
            ("/player/CH_1", Some(Place::Player)),
            ("/player/", None),
            ("/player/CH_1/", None),
            ("/player", None),
            ("/api/v1/channels", Some(Place::Table)),
            ("/api/v1/channels/CH_1", Some(Place::Table)),
            ("/api/v1/channels/CH_1/x", None),
            ("/api/v1/alarms/17/shelve", Some(Place::AlarmOrder)),
            ("/api/v1/alarms/17/burn", None),
            ("/api/v1/alarms/", None),
            ("//", None),
            ("", None),
        ] {
            assert_eq!(place_of(path), place, "{path}");
        }
    }

    #[test]
    fn each_template_stands_there_once() {
        for (index, endpoint) in ENDPOINTS.iter().enumerate() {
            let first = ENDPOINTS
                .iter()
                .position(|it| is_of(endpoint.path, it.path));
            assert_eq!(first, Some(index), "{}", endpoint.path);
        }
    }
}
