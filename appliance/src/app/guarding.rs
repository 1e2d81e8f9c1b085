//! What guards the listeners, out of the configuration: tokens, users, keys of signed URLs,
//! purging, the access log, alarms, and the flight recorder.

use std::sync::Arc;

use arc_swap::ArcSwap;
use tracing::warn;
use weir_cache::Store;
use weir_hal::{Board, Multicast};

use crate::{
    access::{Access, Logins},
    alarm,
    app::AppError,
    causes::with_causes,
    config::{self, Config},
    fetch::{
        Pull,
        purge::{self, Purger},
    },
    health::{AlarmSettings, Alarms},
    recorder::Recorder,
    serve::{access_log::AccessLog, signed_url::Gate},
};

/// Who has a token or may log in, the keys that open paths, who may purge, what is logged, what is
/// wrong, and what was.
#[derive(Debug, Clone)]
pub(super) struct Guarding {
    pub(super) access: Arc<Access>,
    pub(super) logins: Arc<Logins>,
    pub(super) gate: Arc<ArcSwap<Gate>>,
    pub(super) purger: Arc<Purger>,
    pub(super) log: Option<Arc<AccessLog>>,
    pub(super) alarms: Arc<Alarms>,
    pub(super) recorder: Arc<Recorder>,
}

impl Guarding {
    /// Guards as `config` asks, and puts in force what was purged before. Blocks.
    ///
    /// # Errors
    /// [`AppError::Access`] when a file of a token or a user cannot be used.
    /// [`AppError::Gate`] when a file of keys cannot be used: what it guards must not lie open.
    /// [`AppError::Thread`] when the system has no room for the thread of the log
    /// or of the recorder.
    pub(super) fn new<M: Multicast>(
        config: &Config,
        board: &Board<M>,
        store: &Store,
        pull: &Pull,
    ) -> Result<Self, AppError> {
        let gate = Gate::open(config, &*board.disk)?;
        let access = Access::open(&config.management.tokens, &*board.disk)?;
        let logins = Logins::open(&config.management.users, &*board.disk)?;
        let parts = purge::Parts {
            bans: Arc::clone(pull.bans()),
            disk: Arc::clone(&board.disk),
            clock: Arc::clone(&board.clock),
            store: store.clone(),
            names: Arc::new(pull.clone()),
        };
        let purger = Purger::open(settings(&config.purge), parts);
        let open = |settings| {
            let (disk, clock) = (Arc::clone(&board.disk), Arc::clone(&board.clock));
            AccessLog::open(settings, disk, clock).map(Arc::new)
        };
        let log = config.http.access_log.as_ref().map(open).transpose();
        let recorder = Recorder::start(config.cache.recorder(), Arc::clone(&board.disk));
        Ok(Self {
            access: Arc::new(access),
            logins: Arc::new(logins),
            gate: Arc::new(ArcSwap::from_pointee(gate)),
            purger: Arc::new(purger),
            log: log.map_err(AppError::Thread)?,
            alarms: Arc::new(Alarms::open(
                alarm_settings(&config.alarm),
                Arc::clone(&board.disk),
            )),
            recorder: Arc::new(recorder.map_err(AppError::Thread)?),
        })
    }

    /// Takes the tokens, the users, the keys, and the rules of alarms, of another configuration.
    /// Blocks.
    pub(super) fn reload<M: Multicast>(&self, config: &Config, board: &Board<M>) {
        self.alarms.set_rules(config.alarm.rules.clone());
        let tokens = &config.management.tokens;
        for error in self.access.reopen(tokens, &*board.disk) {
            let error = with_causes(&error);
            warn!(error, "its token is worth nothing until the next reload");
        }
        let users = &config.management.users;
        for error in self.logins.reopen(users, &*board.disk) {
            let error = with_causes(&error);
            warn!(error, "its user cannot log in until the next reload");
        }
        let (gate, errors) = self.gate.load().reopen(config, &*board.disk);
        for error in errors {
            let error = with_causes(&error);
            warn!(
                error,
                "the keys of its path stay as they were; without any it is shut"
            );
        }
        self.gate.store(Arc::new(gate));
    }
}

fn alarm_settings(alarm: &config::Alarm) -> AlarmSettings {
    AlarmSettings {
        engine: alarm::Settings {
            rules: alarm.rules.clone(),
            boot_inhibit: alarm.boot_inhibit,
        },
        allowed: alarm.allowed.clone(),
        state: alarm.state.clone(),
    }
}

fn settings(purge: &config::Purge) -> purge::Settings {
    purge::Settings {
        allowed: purge.allowed.clone(),
        rate_per_s: purge.rate_per_s,
        burst: purge.burst,
        journal: purge.journal.clone(),
    }
}
