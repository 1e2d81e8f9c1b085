//! What the agent counts, and what the library under it does.

use std::sync::{Mutex, OnceLock, PoisonError};

use async_snmp::{Agent, UDP_RECEIVE_LIMITS};

use crate::{
    counter::{Shared, counters},
    snmp::value::lower_half,
};

counters! {
    /// Requests that were not answered, or not with what they asked for.
    pub struct Counters {
        /// Objects looked for by a community from where it may not be used; none is found.
        lookups_forbidden,
        /// Requests by a user that is not configured.
        unknown_user_names: polled,
        /// Requests that were not authenticated with the secret of their user.
        wrong_digests,
        /// Requests that were made too early or too late, or sent again.
        not_in_time_windows: polled,
        /// Requests for another agent, the first of each manager among them.
        unknown_engine_ids: polled,
        /// Requests that cannot be decrypted with the secret of their user.
        decryption_errors: polled,
        /// Requests with a security that their user has not got.
        unsupported_security_levels: polled,
        /// Datagrams that are no SNMP, or none once they are decrypted.
        asn_parse_errors: polled,
        /// Messages whose flags make no sense.
        invalid_messages: polled,
        /// Messages by a security model that is not known here.
        unknown_security_models: polled,
        /// Requests without any answer that is small enough.
        silent_drops: polled,
        /// Notifications that were sent, and acknowledged if they must be.
        notifications_sent: polled,
        /// Notifications that could not be sent, or were not acknowledged.
        notifications_failed,
        /// Notifications given up for others, because a manager was not reached for long.
        notifications_dropped,
    }
}

/// The agent's cells: ours, and those of the library once it listens.
#[derive(Default)]
pub struct Tally {
    pub(super) forbidden: Shared,
    pub(super) notifications_sent: Shared,
    pub(super) notifications_failed: Shared,
    pub(super) notifications_dropped: Shared,
    pub(super) agent: OnceLock<Agent>,
    /// What was read last.
    last: Mutex<Counters>,
}

/// Who the agent is, as managers ask for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Engine {
    /// `snmpEngineID`.
    pub(crate) id: Vec<u8>,
    /// `snmpEngineBoots`.
    pub(crate) boots: u32,
    /// `snmpEngineTime`, seconds.
    pub(crate) time_s: u32,
    /// Bytes of a message that it takes.
    pub(crate) message_bytes_max: u64,
}

impl Tally {
    /// Who the agent is; `None` before it listens.
    pub(crate) fn engine(&self) -> Option<Engine> {
        let agent = self.agent.get()?;
        let (boots, time_s) = agent.engine_boots_time().ok()?;
        Some(Engine {
            id: agent.engine_id().to_vec(),
            boots,
            time_s,
            message_bytes_max: UDP_RECEIVE_LIMITS.advertised().as_usize() as u64,
        })
    }

    /// Reads every cell. Those of the library have 32 bits, and begin anew behind them: each
    /// reading counts on from the one before.
    pub fn read(&self) -> Counters {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let told = |total, read: fn(&Agent) -> u32| {
            let count = self.agent.get().map_or(0, read);
            widened(total, count)
        };
        let counters = Counters {
            lookups_forbidden: self.forbidden.read(),
            unknown_user_names: told(last.unknown_user_names, Agent::usm_unknown_usernames),
            wrong_digests: told(last.wrong_digests, Agent::usm_wrong_digests),
            not_in_time_windows: told(last.not_in_time_windows, Agent::usm_not_in_time_windows),
            unknown_engine_ids: told(last.unknown_engine_ids, Agent::usm_unknown_engine_ids),
            decryption_errors: told(last.decryption_errors, Agent::usm_decryption_errors),
            unsupported_security_levels: told(
                last.unsupported_security_levels,
                Agent::usm_unsupported_sec_levels,
            ),
            asn_parse_errors: told(last.asn_parse_errors, Agent::snmp_in_asn_parse_errs),
            invalid_messages: told(last.invalid_messages, Agent::snmp_invalid_msgs),
            unknown_security_models: told(
                last.unknown_security_models,
                Agent::snmp_unknown_security_models,
            ),
            silent_drops: told(last.silent_drops, Agent::snmp_silent_drops),
            notifications_sent: self.notifications_sent.read(),
            notifications_failed: self.notifications_failed.read(),
            notifications_dropped: self.notifications_dropped.read(),
        };
        *last = counters;
        counters
    }
}

/// What `total`, which has been read of a cell of 32 bits so far, is now that the cell has `count`.
/// The cell may have begun anew behind them since, once.
fn widened(total: u64, count: u32) -> u64 {
    total + u64::from(count.wrapping_sub(lower_half(total)))
}

impl std::fmt::Debug for Tally {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.read().fmt(formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_of_32_bits_is_counted_on_behind_them() {
        let mut total = 0;
        for (count, due) in [
            (7, 7),
            (7, 7),
            (u32::MAX, u64::from(u32::MAX)),
            (2, (1 << 32) + 2),
            (1, (2 << 32) + 1),
        ] {
            total = widened(total, count);
            assert_eq!(total, due);
        }
    }
}
