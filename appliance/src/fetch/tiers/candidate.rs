//! Whom a request may be asked of, and in which order.

use std::{collections::VecDeque, sync::Arc};

use weir_hal::Monotonic;

use super::{Ask, Origin, TierList, breaker::Outcome, choice::stable_hash, member::Member};

/// An endpoint that may be asked.
#[derive(Debug, Clone)]
pub(super) struct Candidate {
    pub(super) tier: usize,
    pub(super) origin: Arc<Origin>,
    pub(super) member: Arc<Member>,
}

impl Candidate {
    /// Takes note of how an attempt ended.
    pub(super) fn note(&self, outcome: Outcome, now: Monotonic) {
        if self.member.note(outcome, now) {
            self.origin.counters.breakers_opened.add(1);
        }
    }
}

/// All endpoints in the order to ask them: those that are well, those that ail, those to avoid;
/// nearer tiers before farther ones.
pub(super) fn candidates(list: &TierList, ask: &Ask<'_>, now: Monotonic) -> VecDeque<Candidate> {
    let key = stable_hash(ask.key);
    let tiers = list.0.iter().enumerate();
    let mut candidates: Vec<(u8, Candidate)> = Vec::new();
    for (tier, origin) in tiers {
        for member in origin.in_order(key) {
            let is_avoided = ask
                .avoided
                .iter()
                .any(|avoided| Arc::ptr_eq(avoided, &member.endpoint));
            let rank = if is_avoided {
                2
            } else {
                u8::from(member.is_ailing(now))
            };
            let candidate = Candidate {
                tier,
                origin: Arc::clone(origin),
                member: Arc::clone(member),
            };
            candidates.push((rank, candidate));
        }
    }
    candidates.sort_by_key(|(rank, _)| *rank);
    let candidates = candidates.into_iter().map(|(_, candidate)| candidate);
    candidates.collect()
}
