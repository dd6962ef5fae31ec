//! Who waits for a quorate head. Each is woken once, by the head that covers what it waits for.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, oneshot};

use crate::checkpoint::Published;

/// Callers that wait for a quorate head: no further co-signatures are collected meanwhile, and a head that covers what
/// they wait for is signed as soon as the witnesses can be asked for it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Audience(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    waiters: Mutex<Waiters>,
    /// Somebody waits, after nobody did.
    came: Notify,
}

#[derive(Debug, Default)]
struct Waiters {
    /// By the size of the tree that is waited for, then in the order they came.
    by_size: BTreeMap<(u64, u64), oneshot::Sender<Arc<Published>>>,
    arrivals: u64,
    /// Nobody gives heads any more.
    closed: bool,
}

/// One caller. It waits for as long as this lives.
pub(crate) struct Waiting {
    audience: Audience,
    key: (u64, u64),
    head: oneshot::Receiver<Arc<Published>>,
}

impl Audience {
    fn waiters(&self) -> MutexGuard<'_, Waiters> {
        let waiters = self.0.waiters.lock();
        waiters.unwrap_or_else(PoisonError::into_inner)
    }

    /// One more waits for a quorate head of this size.
    pub(super) fn wait(&self, size: u64) -> Waiting {
        let (give, head) = oneshot::channel();
        let mut waiters = self.waiters();
        let is_first = waiters.by_size.is_empty();
        let key = (size, waiters.arrivals);
        waiters.arrivals = waiters.arrivals.wrapping_add(1);
        if !waiters.closed {
            waiters.by_size.insert(key, give);
        }
        drop(waiters);
        if is_first {
            self.0.came.notify_one();
        }
        Waiting {
            audience: self.clone(),
            key,
            head,
        }
    }

    /// Whether somebody waits.
    pub(super) fn waits(&self) -> bool {
        !self.waiters().by_size.is_empty()
    }

    /// Whether somebody waits for more than a head of `signed` entries covers.
    pub(super) fn waits_beyond(&self, signed: u64) -> bool {
        let waiters = self.waiters();
        let largest = waiters.by_size.last_key_value();
        largest.is_some_and(|((size, _), _)| *size > signed)
    }

    /// Gives a quorate head, which is stored and shown, to everybody whom it covers.
    pub(super) fn reached(&self, head: &Arc<Published>) {
        let mut waiters = self.waiters();
        while let Some(first) = waiters.by_size.first_entry() {
            if first.key().0 > head.size {
                break;
            }
            // Who has gone needs none.
            let _gone = first.remove().send(Arc::clone(head));
        }
    }

    /// No more heads come, as soon as what this gives is dropped: nobody waits in vain.
    pub(super) fn closes(&self) -> impl Drop + use<> {
        Closes(self.clone())
    }

    /// Resolves when somebody waits after nobody did.
    pub(super) async fn came(&self) {
        self.0.came.notified().await;
    }
}

impl Waiting {
    /// The head. `None` if nobody can give one any more.
    pub(super) async fn head(mut self) -> Option<Arc<Published>> {
        (&mut self.head).await.ok()
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.audience.waiters().by_size.remove(&self.key);
    }
}

struct Closes(Audience);

impl Drop for Closes {
    fn drop(&mut self) {
        let mut waiters = self.0.waiters();
        waiters.closed = true;
        waiters.by_size.clear();
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    fn head(size: u64) -> Arc<Published> {
        Arc::new(Published {
            origin: String::new(),
            size,
            root: quorate_merkle::Hash::EMPTY_ROOT,
            head_hash: String::new(),
            signed_at: 0,
            note: Vec::new(),
        })
    }

    #[test]
    fn a_head_is_given_to_all_whom_it_covers_and_to_nobody_else() {
        let audience = Audience::default();
        assert!(!audience.waits() && !audience.waits_beyond(0));
        let (five, another_five, six) = (audience.wait(5), audience.wait(5), audience.wait(6));
        assert!(audience.waits_beyond(5) && !audience.waits_beyond(6));
        audience.reached(&head(4));
        audience.reached(&head(5));
        let given = |waiting: Waiting| waiting.head().now_or_never().flatten();
        assert_eq!(given(five).map(|h| h.size), Some(5));
        assert_eq!(given(another_five).map(|h| h.size), Some(5));
        assert!(audience.waits_beyond(5));
        audience.reached(&head(9));
        assert_eq!(given(six).map(|h| h.size), Some(9));
        assert!(!audience.waits());
    }

    #[test]
    fn nobody_waits_for_heads_that_do_not_come_any_more() {
        let audience = Audience::default();
        let before = audience.wait(1);
        drop(audience.closes());
        let after = audience.wait(1);
        for waiting in [before, after] {
            assert_eq!(waiting.head().now_or_never(), Some(None));
        }
        assert!(!audience.waits());
    }

    #[test]
    fn who_goes_away_waits_no_longer_and_whoever_comes_then_is_noticed() {
        let audience = Audience::default();
        let noticed = || audience.came().now_or_never().is_some();
        let first = audience.wait(7);
        assert!(noticed());
        let second = audience.wait(8);
        assert!(!noticed(), "somebody waited already");
        drop(second);
        assert!(audience.waits() && !audience.waits_beyond(7));
        audience.reached(&head(7));
        assert!(!audience.waits(), "also before the first has seen its head");
        let _third = audience.wait(8);
        assert!(noticed());
        drop(first);
        assert!(audience.waits_beyond(7));
    }
}
