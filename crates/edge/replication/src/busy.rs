//! What is under way, so many at a time for each thing.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How often somebody who waits looks again.
const AGAIN: Duration = Duration::from_millis(100);

/// The things that are being worked on, and by how many.
#[derive(Debug)]
pub(crate) struct Busy<T>(Arc<Mutex<BTreeMap<T, usize>>>);

/// One who works on one of them, until this is dropped.
#[derive(Debug)]
pub(crate) struct Working<T: Ord> {
    on: T,
    all: Arc<Mutex<BTreeMap<T, usize>>>,
}

impl<T> Default for Busy<T> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<T: Ord + Copy> Busy<T> {
    /// None if `most` work on it already.
    pub(crate) fn begin(&self, on: T, most: usize) -> Option<Working<T>> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let working = all.entry(on).or_default();
        (*working < most).then(|| {
            *working += 1;
            Working {
                on,
                all: Arc::clone(&self.0),
            }
        })
    }

    /// Works on it alone, when nobody else does any more. Whoever does has a deadline.
    pub(crate) async fn alone(&self, on: T) -> Working<T> {
        loop {
            if let Some(working) = self.begin(on, 1) {
                return working;
            }
            tokio::time::sleep(AGAIN).await;
        }
    }
}

impl<T: Ord> Drop for Working<T> {
    fn drop(&mut self) {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        let left = all.get_mut(&self.on).map(|working| {
            *working -= 1;
            *working
        });
        if left == Some(0) {
            all.remove(&self.on);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_at_a_time_work_on_each_thing() {
        let busy = Busy::default();
        let one = busy.begin(1, 1).unwrap();
        assert!(busy.begin(1, 1).is_none());
        assert!(busy.begin(2, 1).is_some());
        let two = busy.begin(1, 2).unwrap();
        assert!(busy.begin(1, 2).is_none());
        drop(one);
        assert!(busy.begin(1, 1).is_none());
        drop(two);
        assert!(busy.begin(1, 1).is_some());
        drop(busy.begin(3, 1));
        let left = busy.0.lock().unwrap();
        assert!(
            left.is_empty(),
            "nothing is remembered of what has ended: {left:?}"
        );
    }
}
