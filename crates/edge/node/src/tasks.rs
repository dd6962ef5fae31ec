//! What the node does besides answering: tasks and threads that outlive a request.
//!
//! A panic in one of them is a bug after which nobody knows what still holds, so the node fails and stops, as
//! after an uncertain write.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, PoisonError, Weak};

use futures_util::FutureExt as _;

use crate::node::Inner;

/// Runs `work` where it may block. `None` when the runtime is shutting down; a panic goes on in the caller.
pub(crate) async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => Some(done),
        Err(error) => match error.try_into_panic() {
            Ok(panic) => resume_unwind(panic),
            Err(_shutting_down) => None,
        },
    }
}

/// Runs the work of a thread; a panic in it is the node's failure.
pub(crate) fn watched_thread(node: &Weak<Inner>, what: &str, work: impl FnOnce()) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(work)) {
        report(node, what, &*panic);
    }
}

fn report(node: &Weak<Inner>, what: &str, panic: &(dyn Any + Send)) {
    if let Some(node) = node.upgrade() {
        node.fail(format!("{what} ended in a bug: {}", words(panic)));
    }
}

/// What a panic said.
pub(crate) fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("it did not say why").to_owned()
}

impl Inner {
    /// A task; a panic in it is the node's failure.
    pub(crate) fn watched(
        self: &Arc<Self>,
        what: String,
        task: impl Future<Output = ()> + Send + 'static,
    ) -> impl Future<Output = ()> + Send + 'static {
        let node = Arc::downgrade(self);
        async move {
            if let Err(panic) = AssertUnwindSafe(task).catch_unwind().await {
                report(&node, &what, &*panic);
            }
        }
    }

    /// Starts a task that ends before the node is closed.
    pub(crate) fn start_task(
        self: &Arc<Self>,
        what: String,
        task: impl Future<Output = ()> + Send + 'static,
    ) {
        let task = self.runtime.spawn(self.watched(what, task));
        self.tasks
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(task);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Node;
    use crate::testing::{close, node};

    /// Waits for the node's tasks, then says how it failed.
    async fn failure(node: Node) -> Option<String> {
        let inner = Arc::clone(&node.inner);
        close(node).await;
        inner.failure()
    }

    #[tokio::test]
    async fn a_panic_in_a_task_or_off_thread_is_the_nodes_failure() {
        let dir = tempfile::tempdir().unwrap();
        let node = node(dir.path()).await;
        let work = || panic!("a bug of number {}", 7);
        node.inner.start_task("following x".to_owned(), async move {
            let _never: Option<()> = off_thread(work).await;
        });
        let expected = "following x ended in a bug: a bug of number 7";
        assert_eq!(failure(node).await.as_deref(), Some(expected));
    }

    #[tokio::test]
    async fn a_panic_in_a_thread_is_the_nodes_failure() {
        let dir = tempfile::tempdir().unwrap();
        let node = node(dir.path()).await;
        let weak = Arc::downgrade(&node.inner);
        std::thread::spawn(move || watched_thread(&weak, "upkeep", || panic!("a bug")))
            .join()
            .unwrap();
        let expected = "upkeep ended in a bug: a bug";
        assert_eq!(failure(node).await.as_deref(), Some(expected));
    }
}
