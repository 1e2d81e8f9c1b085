//! R6: a playlist with EXT-X-PLAYLIST-TYPE does not slide, and one of VOD does not change.

use super::{Pair, change::starts};
use crate::validate::{
    finding::{Check, Findings, Words},
    playlist::ListType,
};

pub(super) fn check_pair(pair: Pair<'_>, findings: &mut Findings) {
    let Pair {
        before,
        after,
        alignment,
    } = pair;
    let Some(list_type) = after.list.list_type else {
        return;
    };
    let is_vod = |tag: Option<_>| {
        tag.is_some_and(|tag: crate::validate::playlist::Located<ListType>| {
            tag.value == ListType::Vod
        })
    };
    if is_vod(before.list.list_type) && before.text() != after.text() {
        return findings.tell(Check::VodChanged, None, || Words {
            message: "a playlist of type VOD changed".to_owned(),
            evidence: [
                vec![after.evidence(list_type.line)],
                super::change::ends(before, after),
            ]
            .concat(),
            ..Words::default()
        });
    }
    if alignment.removed > 0 {
        findings.tell(Check::RemovedFromEvent, None, || Words {
            message: format!(
                "{} segments were removed from a playlist with EXT-X-PLAYLIST-TYPE",
                alignment.removed
            ),
            evidence: [vec![after.evidence(list_type.line)], starts(before, after)].concat(),
            ..Words::default()
        });
    }
}
