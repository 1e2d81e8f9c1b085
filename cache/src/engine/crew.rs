//! Work that several threads share while a store is opened.

use std::{
    num::NonZeroUsize,
    sync::{Mutex, PoisonError},
    thread,
};

/// Threads at most: a start soon waits for memory and no longer for a core.
const THREADS_MAX: usize = 4;

/// Does `act` for each of `items`, on as many threads as there are cores, up to four; in no order.
pub(super) fn for_each<T: Send>(items: Vec<T>, act: impl Fn(T) + Sync) {
    let cores = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let helpers = cores.min(THREADS_MAX).min(items.len()).saturating_sub(1);
    let rest = Mutex::new(items.into_iter());
    let next = || rest.lock().unwrap_or_else(PoisonError::into_inner).next();
    let work = || {
        while let Some(item) = next() {
            act(item);
        }
    };
    thread::scope(|scope| {
        for _ in 0..helpers {
            let builder = thread::Builder::new().name("weir-store-open".to_owned());
            if builder.spawn_scoped(scope, work).is_err() {
                // Without help it only takes longer.
                break;
            }
        }
        work();
    });
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn every_item_is_dealt_with_once() {
        for items in [0, 1, 1_000] {
            let sum = AtomicUsize::new(0);
            for_each((0..items).collect(), |item: usize| {
                sum.fetch_add(item + 1, Ordering::Relaxed);
            });
            assert_eq!(sum.into_inner(), items * (items + 1) / 2);
        }
    }
}
