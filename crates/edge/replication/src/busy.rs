//! What is under way, one at a time for each thing.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How often somebody who waits looks again.
const AGAIN: Duration = Duration::from_millis(100);

/// The things that are being worked on.
#[derive(Debug)]
pub(crate) struct Busy<T>(Arc<Mutex<BTreeSet<T>>>);

/// One of them, until this is dropped.
#[derive(Debug)]
pub(crate) struct Working<T: Ord> {
    on: T,
    all: Arc<Mutex<BTreeSet<T>>>,
}

impl<T> Default for Busy<T> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<T: Ord + Copy> Busy<T> {
    /// None if somebody works on it.
    pub(crate) fn begin(&self, on: T) -> Option<Working<T>> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(on).then(|| Working {
            on,
            all: Arc::clone(&self.0),
        })
    }

    /// Waits until nobody works on it. Whoever does has a deadline.
    pub(crate) async fn wait(&self, on: T) -> Working<T> {
        loop {
            if let Some(working) = self.begin(on) {
                return working;
            }
            tokio::time::sleep(AGAIN).await;
        }
    }
}

impl<T: Ord> Drop for Working<T> {
    fn drop(&mut self) {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        all.remove(&self.on);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_at_a_time_works_on_each_thing() {
        let busy = Busy::default();
        let one = busy.begin(1).unwrap();
        assert!(busy.begin(1).is_none());
        assert!(busy.begin(2).is_some());
        drop(one);
        assert!(busy.begin(1).is_some());
    }
}
