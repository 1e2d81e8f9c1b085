//! A configuration as strangers may see it: known keys with what is harmless of their values.
//!
//! Secrets stand in files, but people write them into URLs, into keys that do not exist, and into
//! comments. So nothing is shown that is not known to be harmless: comments and unknown keys are
//! left out (and counted), of a URL the user, the password and the query, and of URLs of keys the
//! path. What was left out is told apart, so that it can be looked for elsewhere.
//!
//! Refuses: text that is not TOML from end to end; who knows where its values end?

use toml::de::{DeTable, DeValue};

use super::Source;

/// Characters of a value that is shown; longer ones are no names, but keys and certificates.
const VALUE_CHARACTERS_MAX: usize = 256;

/// What stands in place of what is not shown.
pub const HIDDEN: &str = "(hidden)";

/// Every key that may be shown. `*` is one table of any known kind of alarm.
const KEYS: [&str; 148] = [
    "node.name",
    "http.listen",
    "http.tls_listen",
    "http.certificates",
    "http.threads",
    "http.drain_notice",
    "http.access_log",
    "http.access_log_format",
    "http.access_log_sample",
    "http.access_log_size",
    "http.access_log_files",
    "http.connections",
    "http.connections_per_client",
    "http.request_rate",
    "http.request_burst",
    "http.body_size",
    "http.send_rate_min",
    "http.send_pause",
    "management.listen",
    "management.tls_listen",
    "management.certificates",
    "management.names",
    "management.agent_check",
    "management.token.name",
    "management.token.role",
    "management.token.secret",
    "management.token.expires",
    "management.user.name",
    "management.user.role",
    "management.user.secret",
    "cache.path",
    "cache.size",
    "cache.memory",
    "cache.scrub",
    "cache.write_budget",
    "cache.live.weight",
    "cache.live.reserve",
    "cache.live.ttl",
    "cache.high.weight",
    "cache.high.reserve",
    "cache.high.ttl",
    "cache.high.admission",
    "cache.medium.weight",
    "cache.medium.reserve",
    "cache.medium.ttl",
    "cache.medium.admission",
    "cache.low.weight",
    "cache.low.reserve",
    "cache.low.ttl",
    "cache.low.admission",
    "ttl.high",
    "ttl.medium",
    "ttl.low",
    "purge.allow",
    "purge.rate",
    "purge.burst",
    "purge.journal",
    "prewarm.allow",
    "prewarm.rate",
    "prewarm.concurrency",
    "snmp.listen",
    "snmp.state",
    "snmp.contact",
    "snmp.location",
    "snmp.largest_answer",
    "snmp.user.name",
    "snmp.user.auth_secret",
    "snmp.user.privacy_secret",
    "snmp.community.secret",
    "snmp.community.allow",
    "snmp.manager.address",
    "snmp.manager.user",
    "snmp.manager.informs",
    "alarm.allow",
    "alarm.boot_inhibit",
    "alarm.state",
    "alarm.*.severity",
    "alarm.*.raise",
    "alarm.*.raise_hold",
    "alarm.*.clear",
    "alarm.*.clear_hold",
    "log.syslog.address",
    "log.syslog.transport",
    "log.syslog.ca",
    "segment.target",
    "segment.window",
    "segment.longest",
    "segment.slack",
    "segment.largest",
    "receive.drain_interval",
    "receive.bitrate_max",
    "receive.stall",
    "receive.reorder",
    "receive.skew",
    "receive.cores",
    "receive.measure",
    "failover.silence",
    "failover.media",
    "failover.errors",
    "failover.fail_back",
    "failover.hold",
    "channel.id",
    "channel.name",
    "channel.priority",
    "channel.dvr",
    "channel.cues",
    "channel.sign_keys",
    "channel.encryption.keys",
    "channel.encryption.uri",
    "channel.encryption.rotate",
    "channel.encryption.token",
    "channel.encryption.ca",
    "channel.rendition.name",
    "channel.rendition.sources",
    "channel.rendition.merge",
    "channel.rendition.fec",
    "channel.rendition.interface",
    "channel.rendition.program",
    "channel.rendition.transport_stream_id",
    "channel.rendition.audio_only",
    "channel.rendition.teletext",
    "origin.name",
    "origin.urls",
    "origin.strategy",
    "origin.weights",
    "origin.host",
    "origin.connect_timeout",
    "origin.first_byte_timeout",
    "origin.stall_timeout",
    "origin.connections_max",
    "origin.response_max",
    "origin.probe",
    "origin.probe_interval",
    "origin.probe_failures",
    "origin.probe_passes",
    "origin.ca",
    "route.path",
    "route.origin",
    "route.priority",
    "route.ttl_default",
    "route.stale_while_revalidate",
    "route.stale_if_error",
    "route.heuristic",
    "route.query",
    "route.query_ignored",
    "route.sign_keys",
    "route.slice",
    "route.prefetch",
];

/// Keys whose URLs are shown up to their host, for what gives keys may be a secret as a whole.
const KEY_URLS: [&str; 2] = ["channel.encryption.keys", "channel.encryption.uri"];

/// Keys that name files of secrets, or directories of them.
const SECRET_FILES: [&str; 11] = [
    "http.certificates",
    "management.certificates",
    "management.token.secret",
    "management.user.secret",
    "snmp.user.auth_secret",
    "snmp.user.privacy_secret",
    "snmp.community.secret",
    "channel.sign_keys",
    "channel.encryption.keys",
    "channel.encryption.token",
    "route.sign_keys",
];

/// A configuration as strangers may see it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shown {
    /// A line for each known key.
    pub text: String,
    /// Keys that were left out because nobody knows them.
    pub keys_unknown: usize,
    /// Values and parts of values that were left out.
    pub hidden: Vec<String>,
    /// The files and directories that hold its secrets.
    pub secret_files: Vec<String>,
}

impl Shown {
    /// Reads a configuration, with or without mistakes; `None` if it is not TOML.
    pub fn of(text: &str) -> Option<Self> {
        let (root, errors) = DeTable::parse_recoverable(text);
        if !errors.is_empty() {
            return None;
        }
        let mut shown = Self::default();
        shown.table(root.get_ref(), &Place::default());
        Some(shown)
    }

    fn table(&mut self, table: &DeTable<'_>, place: &Place) {
        for (key, value) in table {
            let place = place.below(key.get_ref());
            match value.get_ref() {
                DeValue::Table(table) => self.table(table, &place),
                DeValue::Array(items) if items.iter().any(|item| item.get_ref().is_table()) => {
                    let items = items.iter().enumerate();
                    items.for_each(|(index, item)| self.item(item.get_ref(), &place.at(index)));
                }
                value @ (DeValue::String(_)
                | DeValue::Integer(_)
                | DeValue::Float(_)
                | DeValue::Boolean(_)
                | DeValue::Datetime(_)
                | DeValue::Array(_)) => self.value(value, &place),
            }
        }
    }

    fn item(&mut self, item: &DeValue<'_>, place: &Place) {
        if let DeValue::Table(table) = item {
            self.table(table, place);
        } else {
            self.keys_unknown += 1;
            self.hide_all(item);
        }
    }

    fn value(&mut self, value: &DeValue<'_>, place: &Place) {
        if !place.is_known() {
            self.keys_unknown += 1;
            self.hide_all(value);
            return;
        }
        let shown = self.told(value, place);
        self.text
            .extend([place.shown.as_str(), " = ", &shown, "\n"]);
    }

    /// What may be shown of the value of a known key.
    fn told(&mut self, value: &DeValue<'_>, place: &Place) -> String {
        match value {
            DeValue::String(text) => format!("{:?}", self.text_of(text, place)),
            DeValue::Integer(number) => number.as_str().to_owned(),
            DeValue::Float(number) => number.as_str().to_owned(),
            DeValue::Boolean(is_so) => is_so.to_string(),
            DeValue::Datetime(at) => at.to_string(),
            DeValue::Array(items) => {
                let items = items.iter().map(|item| self.told(item.get_ref(), place));
                format!("[{}]", items.collect::<Vec<_>>().join(", "))
            }
            DeValue::Table(_) => {
                self.hide_all(value);
                HIDDEN.to_owned()
            }
        }
    }

    fn text_of(&mut self, text: &str, place: &Place) -> String {
        let is_long = text.chars().count() > VALUE_CHARACTERS_MAX;
        if is_long || text.contains(char::is_control) {
            self.hidden.push(text.to_owned());
            return HIDDEN.to_owned();
        }
        if matches!(text.parse(), Ok(Source::Datagram { .. })) {
            return text.to_owned();
        }
        if let Some((scheme, rest)) = text.split_once("://") {
            let is_key = KEY_URLS.contains(&place.known.as_str());
            return self.url_of(scheme, rest, is_key);
        }
        if SECRET_FILES.contains(&place.known.as_str()) {
            if !text.starts_with('/') {
                // The secret itself stands where its file belongs.
                self.hidden.push(text.to_owned());
                return HIDDEN.to_owned();
            }
            self.secret_files.push(text.to_owned());
        }
        self.without_query(text)
    }

    /// A URL without user, password and query; of one that gives keys, without its path too.
    fn url_of(&mut self, scheme: &str, rest: &str, is_key: bool) -> String {
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        let mut url = format!("{scheme}://");
        match authority.rsplit_once('@') {
            None => url.push_str(authority),
            Some((user, host)) => {
                self.hidden.push(user.to_owned());
                self.hidden.extend(user.split(':').map(ToOwned::to_owned));
                url.extend([HIDDEN, "@", host]);
            }
        }
        let path = self.without_query(path);
        if is_key && path.len() > 1 {
            url.push('/');
            url.push_str(HIDDEN);
        } else {
            url.push_str(&path);
        }
        url
    }

    fn without_query(&mut self, text: &str) -> String {
        let Some((path, query)) = text.split_once(['?', '#']) else {
            return text.to_owned();
        };
        self.hidden.push(query.to_owned());
        let fields = query.split(['&', ';', '#']);
        let values = fields.map(|field| field.split_once('=').map_or(field, |it| it.1));
        self.hidden.extend(values.map(ToOwned::to_owned));
        format!("{path}?{HIDDEN}")
    }

    fn hide_all(&mut self, value: &DeValue<'_>) {
        match value {
            DeValue::String(text) => self.hidden.push(text.as_ref().to_owned()),
            DeValue::Array(items) => {
                items.iter().for_each(|item| self.hide_all(item.get_ref()));
            }
            DeValue::Table(table) => {
                let values = table.iter().map(|(_, value)| value.get_ref());
                values.for_each(|value| self.hide_all(value));
            }
            DeValue::Integer(_)
            | DeValue::Float(_)
            | DeValue::Boolean(_)
            | DeValue::Datetime(_) => {}
        }
    }
}

/// Where a value stands.
#[derive(Debug, Default)]
struct Place {
    /// As people write it: `channel[1].rendition[0].name`.
    shown: String,
    /// As [`KEYS`] has it.
    known: String,
}

impl Place {
    fn below(&self, key: &str) -> Self {
        let is_kind = self.known == "alarm" && is_alarm(key);
        let known = if is_kind { "*" } else { key };
        let below = |parent: &str, key: &str| {
            if parent.is_empty() {
                key.to_owned()
            } else {
                format!("{parent}.{key}")
            }
        };
        Self {
            shown: below(&self.shown, key),
            known: below(&self.known, known),
        }
    }

    fn at(&self, index: usize) -> Self {
        Self {
            shown: format!("{}[{index}]", self.shown),
            known: self.known.clone(),
        }
    }

    fn is_known(&self) -> bool {
        KEYS.contains(&self.known.as_str())
    }
}

fn is_alarm(key: &str) -> bool {
    let kinds = crate::alarm::Kind::ALL;
    kinds.iter().any(|kind| kind.as_str() == key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_of_the_example_is_known() {
        let example = include_str!("../../config.example.toml");
        // What is commented out is an example too.
        let lines = example.lines().map(|line| {
            let text = line.trim_start();
            let is_key = text.strip_prefix("# ").is_some_and(|text| {
                let word = text.split_once(" = ").map_or("", |(word, _)| word);
                let is_table = text.starts_with('[');
                is_table
                    || (!word.is_empty()
                        && word.bytes().all(|it| it.is_ascii_lowercase() || it == b'_'))
            });
            if is_key {
                text.trim_start_matches("# ")
            } else {
                text
            }
        });
        let text = lines.collect::<Vec<_>>().join("\n");
        let shown = Shown::of(&text).expect("it is TOML");
        assert_eq!(shown.hidden, Vec::<String>::new(), "{}", shown.text);
        assert_eq!(shown.keys_unknown, 0);
        for line in [
            "node.name = \"weir\"",
            "channel[0].encryption.rotate = \"1h\"",
        ] {
            assert!(shown.text.contains(line), "no {line} in {}", shown.text);
        }
        assert!(
            shown
                .secret_files
                .contains(&"/etc/weir/keys/token".to_owned())
        );
    }

    #[test]
    fn what_may_be_secret_is_left_out_and_told_apart() {
        let text = "# token: comment-canary\n\
            pasword = \"unknown-canary\"\n\
            [smtp]\nauth = { key = [\"nested-canary\"] }\n\
            [node]\nname = \"edge\"\n\
            [[channel]]\nid = \"ch\"\nname = \"\"\"\n-----BEGIN pem-canary\n\"\"\"\n\
            [channel.encryption]\n\
            keys = \"https://keys.example/path-canary/{key}?t=query-canary\"\n\
            [[channel.rendition]]\nname = \"hd\"\n\
            sources = [\"rtp://10.9.0.7@239.1.2.1:5000\", \
            \"http://user:user-canary@encoder/a.ts?x=1\"]\n";
        let shown = Shown::of(text).expect("it is TOML");
        let expected = "channel[0].encryption.keys = \"https://keys.example/(hidden)\"\n\
            channel[0].id = \"ch\"\n\
            channel[0].name = \"(hidden)\"\n\
            channel[0].rendition[0].name = \"hd\"\n\
            channel[0].rendition[0].sources = [\"rtp://10.9.0.7@239.1.2.1:5000\", \
            \"http://(hidden)@encoder/a.ts?(hidden)\"]\n\
            node.name = \"edge\"\n";
        assert_eq!(shown.text, expected);
        assert_eq!(shown.keys_unknown, 2);
        for canary in [
            "unknown-canary",
            "nested-canary",
            "query-canary",
            "user-canary",
        ] {
            assert!(shown.hidden.contains(&canary.to_owned()), "{canary}");
        }
    }

    /// A file in which a secret stands wherever the file of one is named.
    const SECRETS_IN_PLACE: &str = "[[management.token]]\nname = \"a\"\nsecret = \"canary-1\"\n\
        [[management.user]]\nname = \"a\"\nsecret = \"canary-2\"\n\
        [[snmp.user]]\nname = \"a\"\nauth_secret = \"canary-3\"\nprivacy_secret = \"canary-4\"\n\
        [[snmp.community]]\nsecret = \"canary-5\"\n\
        [[channel]]\nid = \"ch\"\nsign_keys = \"canary-6\"\n\
        [channel.encryption]\nkeys = \"canary-7\"\ntoken = \"canary-8\"\n\
        [[route]]\nsign_keys = \"canary-9\"\n";

    #[test]
    fn a_secret_where_its_file_belongs_is_not_shown_and_looked_for_elsewhere() {
        let shown = Shown::of(SECRETS_IN_PLACE).expect("it is TOML");
        assert!(!shown.text.contains("canary"), "{}", shown.text);
        assert_eq!(shown.hidden.len(), 9);
        assert_eq!(shown.secret_files, Vec::<String>::new());
    }

    #[test]
    fn no_mistake_shows_a_secret() {
        let unquoted = "[[management.token]]\nsecret = canary-1\n";
        for text in [SECRETS_IN_PLACE, unquoted] {
            let mistakes = super::super::Config::parse(text).expect_err("mistakes");
            let told = format!("{mistakes} {mistakes:?}");
            assert!(!told.contains("canary"), "{told}");
        }
    }

    #[test]
    fn what_is_not_toml_is_not_shown_at_all() {
        assert_eq!(Shown::of("[node]\nname = \"open\nsecret = 1\n"), None);
    }
}
