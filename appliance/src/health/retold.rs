//! What was made of a snapshot is told again to whoever asks for the same while it is the newest.
//!
//! Many watch one box, each once a second, and most of what an answer costs is making it. Nothing
//! is made before somebody asks, and an answer depends on its snapshot and its name alone.
//!
//! Refuses: to keep anything of a snapshot but the newest that was asked about, and more than
//! [`KEPT_MAX`] answers of that.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

use crate::health::Snapshot;

/// Answers that are kept, of one kind: all views, some channels, or some pages. Others are made for
/// each who asks.
const KEPT_MAX: usize = 16;

/// Answers out of one snapshot.
#[derive(Debug, Default)]
pub(super) struct Retold(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    of: Option<Arc<Snapshot>>,
    answers: Vec<(String, Bytes)>,
}

impl Retold {
    /// The answer of that name out of `snapshot`, made by `make` if nobody has asked for it yet;
    /// who asks for it meanwhile waits. `None` if that makes none.
    pub(super) fn answer(
        &self,
        snapshot: &Arc<Snapshot>,
        name: &str,
        make: impl FnOnce(&Snapshot) -> Option<Bytes>,
    ) -> Option<Bytes> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_same = kept.of.as_ref().is_some_and(|of| Arc::ptr_eq(of, snapshot));
        if !is_same {
            *kept = Kept {
                of: Some(Arc::clone(snapshot)),
                answers: Vec::new(),
            };
        }
        if let Some((_, answer)) = kept.answers.iter().find(|(of, _)| of == name) {
            return Some(answer.clone());
        }
        let answer = make(snapshot)?;
        if kept.answers.len() < KEPT_MAX {
            kept.answers.push((name.to_owned(), answer.clone()));
        }
        Some(answer)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn an_answer_is_made_once_for_each_snapshot_and_name() {
        let (retold, made) = (Retold::default(), Cell::new(0));
        let [first, second] = [(); 2].map(|()| Arc::new(Snapshot::default()));
        let ask = |snapshot, name: &str| {
            let answer = retold.answer(snapshot, name, |_| {
                made.set(made.get() + 1);
                Some(Bytes::from(name.to_owned()))
            });
            assert_eq!(answer.as_deref(), Some(name.as_bytes()));
            made.get()
        };
        assert_eq!([ask(&first, "/a"), ask(&first, "/b")], [1, 2]);
        assert_eq!([ask(&first, "/a"), ask(&first, "/b")], [2, 2]);
        assert_eq!([ask(&second, "/a"), ask(&second, "/a")], [3, 3]);
    }

    #[test]
    fn what_there_is_no_room_for_is_made_each_time_and_what_is_not_there_is_not_kept() {
        let (retold, snapshot) = (Retold::default(), Arc::new(Snapshot::default()));
        let nothing = |_: &Snapshot| None;
        assert_eq!(retold.answer(&snapshot, "/none", nothing), None);
        for number in 0..=KEPT_MAX {
            let body = |_: &Snapshot| Some(Bytes::new());
            assert!(
                retold
                    .answer(&snapshot, &number.to_string(), body)
                    .is_some()
            );
        }
        assert!(retold.answer(&snapshot, "0", nothing).is_some());
        let last = KEPT_MAX.to_string();
        assert_eq!(retold.answer(&snapshot, &last, nothing), None);
    }
}
