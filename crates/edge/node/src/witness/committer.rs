//! The one thread that decides. Whatever waits is decided together and stored with one commit.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use quorate_witness::Authenticated;
use tokio::sync::{mpsc, oneshot};

use super::core::{Core, NotResumed, Now, Outcome, Request};
use super::log::Log;
use super::store::{Halt, WitnessStoreError};
use crate::clock;

/// Requests that may wait.
pub(super) const QUEUE: usize = 4096;
/// Requests of one commit.
const BATCH: usize = 512;

enum Message {
    Decide(Request, oneshot::Sender<Outcome>),
    Resume(Arc<Log>, Box<Halt>, oneshot::Sender<Result<(), NotResumed>>),
    Stop,
}

/// The sending side.
#[derive(Debug, Clone)]
pub(super) struct Committer {
    queue: mpsc::Sender<Message>,
}

/// Why there is no outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoOutcome {
    /// The queue is full; nothing was decided.
    Full,
    /// The committer has stopped; whether a position was stored is not known, and nothing is signed.
    Stopped,
}

impl Committer {
    /// Starts the thread. `on_failure` is called once, if a commit fails or the thread ends in a bug.
    ///
    /// # Errors
    /// The environment's, if no thread can be started.
    pub(super) fn start(
        core: Core,
        on_failure: impl FnOnce(String) + Send + 'static,
    ) -> std::io::Result<(Self, std::thread::JoinHandle<()>)> {
        let (queue, messages) = mpsc::channel(QUEUE);
        let thread = std::thread::Builder::new()
            .name("witness".to_owned())
            .spawn(move || {
                let ended = catch_unwind(AssertUnwindSafe(|| run(core, messages)));
                match ended {
                    Ok(Ok(())) => {}
                    Ok(Err(error)) => on_failure(format!(
                        "a position of the witness could not be made durable: {error}; free room on the disk or \
                         mend it, then start again: nothing was signed on its account"
                    )),
                    Err(_) => on_failure("the witness's thread ended in a bug".to_owned()),
                }
            })?;
        Ok((Self { queue }, thread))
    }

    /// Decides a request, and answers once what follows is durable.
    ///
    /// # Errors
    /// [`NoOutcome`].
    pub(super) async fn decide(
        &self,
        log: Arc<Log>,
        authenticated: Authenticated,
    ) -> Result<Outcome, NoOutcome> {
        let (reply, outcome) = oneshot::channel();
        let request = Request { log, authenticated };
        self.queue
            .try_send(Message::Decide(request, reply))
            .map_err(|e| match e {
                mpsc::error::TrySendError::Full(_) => NoOutcome::Full,
                mpsc::error::TrySendError::Closed(_) => NoOutcome::Stopped,
            })?;
        outcome.await.map_err(|_| NoOutcome::Stopped)
    }

    /// Ends the halt that the operator has looked at, if it still stands.
    ///
    /// # Errors
    /// [`NoOutcome`]; or, within, why the halt stands.
    pub(super) async fn resume(
        &self,
        log: Arc<Log>,
        halt: Halt,
    ) -> Result<Result<(), NotResumed>, NoOutcome> {
        let (reply, done) = oneshot::channel();
        self.queue
            .send(Message::Resume(log, Box::new(halt), reply))
            .await
            .map_err(|_| NoOutcome::Stopped)?;
        done.await.map_err(|_| NoOutcome::Stopped)
    }

    /// Ends the thread after what is queued. May block.
    pub(super) fn stop(&self) {
        let _gone = self.queue.blocking_send(Message::Stop);
    }

    /// Requests waiting.
    pub(super) fn backlog(&self) -> usize {
        QUEUE.saturating_sub(self.queue.capacity())
    }
}

fn run(mut core: Core, mut messages: mpsc::Receiver<Message>) -> Result<(), WitnessStoreError> {
    let mut requests = Vec::new();
    let mut replies = Vec::new();
    let mut next = messages.blocking_recv();
    while let Some(message) = next.take() {
        match message {
            Message::Stop => return Ok(()),
            Message::Resume(log, halt, reply) => {
                let done = core.resume(&log, &halt, &now())?;
                let _gone = reply.send(done);
            }
            Message::Decide(request, reply) => {
                requests.push(request);
                replies.push(reply);
                while requests.len() < BATCH {
                    match messages.try_recv() {
                        Ok(Message::Decide(request, reply)) => {
                            requests.push(request);
                            replies.push(reply);
                        }
                        Ok(other) => {
                            next = Some(other);
                            break;
                        }
                        Err(_) => break,
                    }
                }
                // Within the critical section, so that no later position has an earlier time.
                let outcomes = core.process(&requests, &now())?;
                requests.clear();
                for (reply, outcome) in replies.drain(..).zip(outcomes) {
                    let _gone = reply.send(outcome);
                }
            }
        }
        if next.is_none() {
            next = messages.blocking_recv();
        }
    }
    Ok(())
}

fn now() -> Now {
    Now {
        seconds: u64::try_from(clock::now_micros() / 1_000_000).unwrap_or(0),
        text: clock::now().to_string(),
    }
}
